//! What can go wrong with an archive's own files.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use super::settings::{BadName, BadSettings};

/// Why an archive could not be made, opened, changed or locked.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A new archive was asked for where one is.
    #[error("there is an archive in {} already", folder.display())]
    AlreadyThere {
        /// The folder.
        folder: PathBuf,
    },
    /// A new archive was asked for in a folder with other things in it.
    #[error("{} is not empty: there is “{found}” in it", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
        /// The first of the other things.
        found: String,
    },
    /// There are files, and none of them is an archive's marker.
    #[error("{} is not an archive: it has no file {}", folder.display(), super::MARKER_FILE)]
    NotAnArchive {
        /// The folder.
        folder: PathBuf,
    },
    /// The archive cannot be seen now. That says nothing about the photos in it.
    #[error("no archive can be seen in {}: the folder {}", folder.display(), why.as_str())]
    Absent {
        /// The folder.
        folder: PathBuf,
        /// What is there instead.
        why: Absence,
    },
    /// The marker is gone, and everything else is there.
    #[error("the archive in {} has lost its file {}", folder.display(), super::MARKER_FILE)]
    MarkerLost {
        /// The folder.
        folder: PathBuf,
    },
    /// The settings file is gone.
    #[error("the settings of the archive, {}, are gone", file.display())]
    SettingsLost {
        /// The settings file.
        file: PathBuf,
    },
    /// A newer version of this program made the archive.
    #[error("the archive in {} has format {found}; this version of the program knows formats up to {known}", folder.display())]
    NewerFormat {
        /// The folder.
        folder: PathBuf,
        /// The archive's format.
        found: u32,
        /// The newest format that can be read.
        known: u32,
    },
    /// The marker is there but cannot be understood.
    #[error("{} is damaged: {why}", file.display())]
    DamagedMarker {
        /// The marker.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The settings cannot be used as they are.
    #[error("{}: {problem}", file.display())]
    BadSettings {
        /// The settings file.
        file: PathBuf,
        /// Where and what.
        problem: BadSettings,
    },
    /// The settings file was changed by somebody else while this program wanted to change it.
    #[error("{} was changed by another program at the same moment; nothing was written", file.display())]
    ChangedMeanwhile {
        /// The settings file.
        file: PathBuf,
    },
    /// The id of a new archive cannot be used.
    #[error("“{id}” cannot be the id of an archive: {why}")]
    BadId {
        /// The id.
        id: String,
        /// Why.
        why: BadName,
    },
    /// Another run holds the lock.
    #[error("the archive is busy: {what}{}", since.map(|since| format!(", since {since:.0}")).unwrap_or_default())]
    Busy {
        /// Who holds it: `backup run 411`.
        what: String,
        /// Since when; `None` in the instant before the holder has said so.
        since: Option<Timestamp>,
    },
    /// A file or folder of the archive could not be read or written.
    #[error("{} could not be {doing}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// `read`, `written`, `locked`.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl ConfigError {
    /// What a person can do about it, where there is one clear thing.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::AlreadyThere { .. } => Some("use the archive that is there, or name another folder".to_owned()),
            Self::NotEmpty { folder, .. } => {
                Some(format!("name a new folder inside it: {}", folder.join("archive").display()))
            }
            Self::NotAnArchive { .. } => Some(
                "name the folder of an archive with --archive DIR, or make a new one with `keepsake init DIR`"
                    .to_owned(),
            ),
            Self::Absent { .. } => Some("is its drive plugged in and mounted? Nothing was changed".to_owned()),
            Self::NewerFormat { .. } => Some("install the newest version of keepsake".to_owned()),
            Self::Busy { .. } => Some("wait until it has finished, or add --wait".to_owned()),
            Self::ChangedMeanwhile { .. } => Some("try again".to_owned()),
            Self::BadSettings { problem, .. } => Some(problem.hint().unwrap_or_else(|| SETTINGS_AGAIN.to_owned())),
            Self::SettingsLost { .. } => Some(SETTINGS_AGAIN.to_owned()),
            Self::MarkerLost { .. } | Self::DamagedMarker { .. } => Some(MARKER_AGAIN.to_owned()),
            Self::Io { path, doing: "read", .. } if path.ends_with(super::MARKER_FILE) => Some(MARKER_AGAIN.to_owned()),
            Self::Io { path, doing: "read", .. } if path.ends_with(super::SETTINGS_FILE) => {
                Some(SETTINGS_AGAIN.to_owned())
            }
            Self::BadId { .. } | Self::Io { .. } => None,
        }
    }
}

const SETTINGS_AGAIN: &str = "the photos are not touched by this. If you did not change the file yourself, each snapshot has a \
    copy of it: keepsake restore --path keepsake/settings.toml --kit KIT --to DIR; put that back as keepsake.toml";

const MARKER_AGAIN: &str = "the photos are not touched by this. Write the file again, of two lines: format = 1, and \
    archive_id = \"…\" with the id that keepsake kit show KIT names";

/// What stands where an archive should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absence {
    /// Nothing at all.
    Missing,
    /// An empty folder: most likely the place where a drive is mounted when it is there.
    Empty,
}

impl Absence {
    fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "does not exist",
            Self::Empty => "is empty",
        }
    }
}
