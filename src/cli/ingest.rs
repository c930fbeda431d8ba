use std::path::PathBuf;

use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::model::report::{IngestReport, IngestReports};
use crate::workflows::{IngestOptions, ingest};

/// Take in every photo, video and sidecar of a folder, a drive, a card or a disk image
///
/// Nothing in the source is changed. Bytes that the archive has are not stored again. What an earlier run has seen and
/// what has not changed since is not read again.
#[derive(clap::Args, Debug)]
pub(super) struct IngestArgs {
    /// Folders with photos, drives (/dev/sdb) and disk images; drives and images are read without being mounted
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// Only say what would be stored
    #[arg(long)]
    dry_run: bool,
    /// Put the photos into this album; it is made if it is not there
    #[arg(long, value_name = "NAME")]
    album: Option<String>,
    /// Whose photos these are [default: the first owner of the archive]
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// Read files again that have not changed since an earlier run, and mend what the archive has of them
    #[arg(long)]
    reread: bool,
    /// Keep an image of what is read off a dying drive in this file, and the map of what is still to be read in FILE.map
    /// (ddrescue's own format); a later run goes on from them
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
}

pub(super) fn run(app: &App, args: IngestArgs) -> Result<Exit, Failure> {
    let IngestArgs { sources, dry_run, album, owner, reread, image } = args;
    let album = album.map(|name| name.parse()).transpose().map_err(Failure::AlbumName)?;
    let options = IngestOptions { dry_run, album, owner, reread, image };
    let mut open = app.open()?;
    let talk = app.talk();
    let mut reports = Vec::new();
    for source in &sources {
        let report = ingest(&mut open, source, &options, &app.around, &talk)?;
        let stopped = !report.complete;
        reports.push(report);
        if stopped {
            break;
        }
    }
    drop(talk);
    let exit = reports.iter().map(exit).find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done);
    app.output.report(&IngestReports::from(reports), exit)
}

/// How a run of ingest ended, for scripts.
pub(super) fn exit(report: &IngestReport) -> Exit {
    match (report.complete, report.problems.is_empty()) {
        (false, _) => Exit::Interrupted,
        (true, false) => Exit::Problems,
        (true, true) => Exit::Done,
    }
}
