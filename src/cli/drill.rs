use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::workflows::{DrillOptions, Share, drill};

/// Restore into scratch space and compare: a backup counts as good only after this
///
/// Without options it proves all that is new since the last drill and a thirtieth of the rest, so that a nightly drill
/// proves everything within 30 days. Exits 4 when something does not come back whole.
#[derive(clap::Args, Debug)]
pub(super) struct DrillArgs {
    /// Only from this repository; may be given several times
    #[arg(long = "repo", value_name = "NAME")]
    repositories: Vec<String>,
    /// This many files, those that have no proof yet first
    #[arg(long, value_name = "N", group = "share")]
    sample: Option<usize>,
    /// The photos of this album
    #[arg(long, value_name = "NAME", group = "share")]
    album: Option<String>,
    /// Everything
    #[arg(long, group = "share")]
    all: bool,
    /// Fetch at most about this many bytes
    #[arg(long, value_name = "N")]
    max_bytes: Option<u64>,
}

pub(super) fn run(app: &App, args: DrillArgs) -> Result<Exit, Failure> {
    let DrillArgs { repositories, sample, album, all, max_bytes } = args;
    let share = match (sample, album, all) {
        (Some(count), ..) => Share::Sample(count),
        (None, Some(name), _) => Share::Album(name),
        (None, None, true) => Share::All,
        (None, None, false) => Share::Rolling,
    };
    let mut open = app.open()?;
    let talk = app.talk();
    let report = drill(&mut open, &repositories, &DrillOptions { share, max_bytes }, &app.around, &talk)?;
    let exit = if report.stopped {
        Exit::Interrupted
    } else if report.failed() {
        Exit::Failed
    } else if report.unproven() {
        Exit::Unproven
    } else {
        Exit::Done
    };
    drop(talk);
    app.output.report(&report, exit)
}
