use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::workflows::status;

/// Is every photo safe? Copies, proofs, what is due and what is wrong
///
/// A photo is safe when it was restored from a repository off this drive and compared, and the recovery kit exists
/// outside this drive. Exits 4 while a photo is not.
#[derive(clap::Args, Debug)]
pub(super) struct StatusArgs {}

pub(super) fn run(app: &App, args: StatusArgs) -> Result<Exit, Failure> {
    let StatusArgs {} = args;
    let report = status(&app.open()?, &app.around)?;
    let exit = if report.at_risk.is_empty() && report.problems.is_empty() { Exit::Done } else { Exit::Unproven };
    app.output.report(&report, exit)
}
