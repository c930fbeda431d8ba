//! What every command is handed: where the archive is, the world around, and the ways to talk.

use std::path::{Path, PathBuf};

use super::explain::Failure;
use super::output::Output;
use super::progress::Talk;
use super::{Global, environment};
use crate::config::{Archive, ConfigError};
use crate::events::Recorder;
use crate::workflows::{Circumstances, OpenArchive};

pub(super) struct App {
    pub(super) around: Circumstances,
    pub(super) output: Output,
    pub(super) global: Global,
}

impl App {
    pub(super) fn new(global: Global) -> Self {
        let around = environment::look_around(global.wait);
        let colours = around.environment.contains_key("NO_COLOR");
        let output = Output::new(&global, colours);
        Self { around, output, global }
    }

    /// A listener that draws or writes what the core is doing.
    pub(super) fn talk(&self) -> Talk {
        Talk::new(&self.global)
    }

    /// The archive that is meant, open.
    pub(super) fn open(&self) -> Result<OpenArchive, Failure> {
        // Nothing has begun yet: Ctrl-C ends a command that waits here at once, so nobody needs to listen for it.
        Ok(OpenArchive::open(&self.archive()?, &self.around, &Recorder::default())?)
    }

    /// The folder of the archive that is meant: said, or in the environment, or the nearest one above this folder.
    pub(super) fn archive(&self) -> Result<PathBuf, Failure> {
        if let Some(folder) = self.named_archive() {
            return Ok(folder);
        }
        Archive::find(&here()).ok_or_else(|| ConfigError::NotAnArchive { folder: here() }.into())
    }

    /// The folder that was said, or that is in the environment.
    pub(super) fn named_archive(&self) -> Option<PathBuf> {
        let said = self.global.archive.clone();
        said.or_else(|| self.around.environment.get("KEEPSAKE_ARCHIVE").map(PathBuf::from)).map(|path| absolute(&path))
    }

    /// The owner whose albums are meant.
    pub(super) fn owner(open: &OpenArchive) -> String {
        open.archive.settings.owner.clone()
    }
}

/// The folder that the person stands in.
pub(super) fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."))
}

/// The same path, so that a later change of folder cannot change its meaning.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
