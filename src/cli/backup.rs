use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::workflows::backup;

/// Push a snapshot of everything to each repository, and check it
///
/// Exits 0 when every object is in, however damaged a photo is; 3 when a snapshot is partial; 1 when a repository failed.
#[derive(clap::Args, Debug)]
pub(super) struct BackupArgs {
    /// Only to this repository; may be given several times
    #[arg(long = "repo", value_name = "NAME")]
    repositories: Vec<String>,
}

pub(super) fn run(app: &App, args: BackupArgs) -> Result<Exit, Failure> {
    let mut open = app.open()?;
    let talk = app.talk();
    let report = backup(&mut open, &args.repositories, &app.around, &talk)?;
    let exit = if report.stopped {
        Exit::Interrupted
    } else if report.failed() {
        Exit::Failed
    } else if report.partial() {
        Exit::Problems
    } else {
        Exit::Done
    };
    drop(talk);
    app.output.report(&report, exit)
}
