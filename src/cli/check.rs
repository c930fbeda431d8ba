use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::repository::ReadData;
use crate::workflows::{CheckOptions, check};

/// Check the catalog, the archive's objects and the repositories
///
/// Without options it looks whether everything is in its place, which is quick. Exits 4 when data is missing or altered.
#[derive(clap::Args, Debug)]
pub(super) struct CheckArgs {
    /// Only this repository; may be given several times
    #[arg(long = "repo", value_name = "NAME")]
    repositories: Vec<String>,
    /// Read every object of the archive and compare it with its name
    #[arg(long)]
    objects: bool,
    /// Read the repositories' data back, all of it or a share (5%), and compare it
    #[arg(long, value_name = "PERCENT%", num_args = 0..=1, default_missing_value = "100%", require_equals = true)]
    read_data: Option<String>,
}

pub(super) fn run(app: &App, args: CheckArgs) -> Result<Exit, Failure> {
    let CheckArgs { repositories, objects, read_data } = args;
    let read_data = read_data.as_deref().map_or(Ok(ReadData::No), percent)?;
    let mut open = app.open()?;
    let talk = app.talk();
    let report = check(&mut open, &repositories, CheckOptions { objects, read_data }, &app.around, &talk)?;
    drop(talk);
    let exit = if report.is_sound() { Exit::Done } else { Exit::Unproven };
    app.output.report(&report, exit)
}

fn percent(text: &str) -> Result<ReadData, Failure> {
    match text.trim_end_matches('%').parse::<u8>() {
        Ok(100) => Ok(ReadData::All),
        Ok(percent @ 1..100) => Ok(ReadData::Percent(percent)),
        Ok(_) | Err(_) => Err(Failure::Usage {
            message: format!("“{text}” is no share of the data"),
            hint: "write --read-data for all of it, or --read-data=5%".to_owned(),
        }),
    }
}
