use serde::Serialize;

use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::model::report::SnapshotReport;
use crate::workflows::snapshots;

/// List the snapshots in the repositories
#[derive(clap::Args, Debug)]
pub(super) struct SnapshotsArgs {
    /// Only of this repository; may be given several times
    #[arg(long = "repo", value_name = "NAME")]
    repositories: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct SnapshotList {
    pub(super) snapshots: Vec<SnapshotReport>,
}

pub(super) fn run(app: &App, args: SnapshotsArgs) -> Result<Exit, Failure> {
    let snapshots = snapshots(&app.open()?, &args.repositories)?;
    app.output.report(&SnapshotList { snapshots }, Exit::Done)
}
