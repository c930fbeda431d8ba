use std::path::PathBuf;

use serde::Serialize;

use super::Exit;
use super::app::{App, absolute, here};
use super::explain::Failure;
use crate::events::Recorder;
use crate::workflows::{init, own_kit, words_were_shown};

/// Make an empty archive, and the recovery kit that opens its future copies
#[derive(clap::Args, Debug)]
pub(super) struct InitArgs {
    /// The folder; it must be missing or empty [default: --archive, else this folder]
    dir: Option<PathBuf>,
}

/// A new archive, as its maker must know it.
#[derive(Serialize)]
pub(super) struct InitReport {
    pub(super) archive: String,
    pub(super) archive_id: String,
    pub(super) kit: String,
    pub(super) words: String,
}

pub(super) fn run(app: &App, args: InitArgs) -> Result<Exit, Failure> {
    let folder = args.dir.map(|dir| absolute(&dir)).or_else(|| app.named_archive()).unwrap_or_else(here);
    let new = init(&folder, &app.around, &Recorder::default())?;
    let report = InitReport {
        archive: new.open.archive.folder.display().to_string(),
        archive_id: new.open.archive.marker.archive_id.clone(),
        kit: own_kit(&new.open).display().to_string(),
        words: new.words,
    };
    let exit = app.output.report(&report, Exit::Done)?;
    words_were_shown(&folder)?;
    Ok(exit)
}
