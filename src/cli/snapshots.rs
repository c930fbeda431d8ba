use serde::Serialize;

use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::model::report::{SnapshotReport, UnlistedRepository};
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unlisted: Vec<UnlistedRepository>,
}

pub(super) fn run(app: &App, args: SnapshotsArgs) -> Result<Exit, Failure> {
    let (snapshots, unlisted) = snapshots(&app.open()?, &args.repositories)?;
    let exit = if unlisted.is_empty() { Exit::Done } else { Exit::Failed };
    app.output.report(&SnapshotList { snapshots, unlisted }, exit)
}
