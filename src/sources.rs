//! What photos are read from, and never written to: folders, and disks that are read without mounting them.
//!
//! Everything here opens read-only, follows no link, and asks the system not to touch access times.

pub mod disk;
mod folder;
mod found;
pub mod medium;
mod volume;

pub use disk::Disk;
pub use folder::Folder;
pub use found::{FoundFile, Met, OpenedFile, Unfollowed};

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use disk::file_system::Reading;
use medium::open::{MediumOpenError, Opening, open_with};

use crate::formats::media_names;
use crate::model::{RawPath, in_words};

/// What photos are read from.
pub enum Source {
    /// A mounted drive, a card, a phone that the system shows as a folder.
    Folder(Folder),
    /// A drive or an image of one, read without mounting it.
    Disk(Box<Disk>),
}

/// What to do besides reading.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Where to keep an image of what is read off a disk, with the map of what is not read yet beside it.
    pub image: Option<PathBuf>,
    /// The zone of file systems that write times as a wall clock shows them.
    pub zone: jiff::tz::TimeZone,
}

impl Source {
    /// Finds out what `path` is, and opens it for reading.
    ///
    /// # Errors
    /// Nothing is there, it is a file that holds no disk, or the system or the drive refuses.
    pub fn open(path: &Path, wishes: &Wishes) -> Result<Self, SourceError> {
        let found = std::fs::metadata(path).map_err(|cause| {
            let path = path.to_owned();
            let is_missing = cause.kind() == io::ErrorKind::NotFound;
            if is_missing { SourceError::Missing { path } } else { SourceError::Unreadable { path, cause } }
        })?;
        if found.is_dir() {
            return match wishes.image {
                None => Ok(Self::Folder(Folder::open(path)?)),
                Some(_) => Err(SourceError::NoImageOfAFolder { path: path.to_owned() }),
            };
        }
        let name = path.file_name().map(|name| name.as_encoded_bytes().to_owned()).unwrap_or_default();
        if found.is_file() && media_names::says_media(&media_names::extension(&name)) {
            return Err(SourceError::SingleFile { path: path.to_owned() });
        }
        let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let opened = open_with(&absolute, &Opening { image: wishes.image.clone(), ..Opening::default() })?;
        Ok(Self::Disk(Box::new(Disk::new(opened, wishes.image.clone(), Reading { zone: wishes.zone.clone() }))))
    }

    /// The path that it was opened by, absolute.
    pub fn path(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder.path(),
            Self::Disk(disk) => disk.path(),
        }
    }

    /// What it is, in words that follow “a”.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::Disk(disk) => disk.kind(),
        }
    }

    /// What makes it the same source when it is met again: the word for its kind, the file systems that it is, and
    /// where it stands when they have no names.
    pub fn identity(&self) -> (&'static str, Option<String>, RawPath) {
        match self {
            Self::Folder(folder) => ("folder", folder.volume(), RawPath::from_path(folder.path())),
            // A drive is the same one wherever it is plugged in, and so is its image.
            Self::Disk(disk) => match disk.volume() {
                Some(volume) => ("disk", Some(volume), RawPath::from_bytes(Vec::new())),
                None => ("disk", None, RawPath::from_path(disk.path())),
            },
        }
    }

    /// What it was found to be, for a person.
    pub fn described(&self) -> String {
        let path = self.path().display();
        match self {
            Self::Folder(_) => format!("{path} is a folder; its files are read and never changed"),
            Self::Disk(disk) => {
                let make = disk.make().map_or(String::new(), |make| format!(" ({make})"));
                format!(
                    "{path} is {}{make}; it is read without being mounted, and never changed",
                    in_words::a(disk.kind())
                )
            }
        }
    }

    /// What is on it, a line for each volume of a disk.
    pub fn volumes(&self) -> Vec<String> {
        match self {
            Self::Folder(_) => Vec::new(),
            Self::Disk(disk) => disk.described(),
        }
    }

    /// Writes down beside the image of a disk where photos lie on it.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn save_photo_places(&self) -> io::Result<()> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Disk(disk) => disk.save_photo_places(),
        }
    }

    /// What a person should know when it has been read.
    pub fn troubles(&self) -> Vec<String> {
        match self {
            Self::Folder(_) => Vec::new(),
            Self::Disk(disk) => disk.troubles(),
        }
    }

    /// Meets everything in it. Ends early when `meet` breaks, or soon after `stop` says so.
    ///
    /// # Errors
    /// The source is gone.
    pub fn walk(
        &self,
        stop: &(dyn Fn() -> bool + Sync),
        meet: &mut dyn FnMut(Met) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        match self {
            Self::Folder(folder) => {
                for met in folder.walk() {
                    if stop() || meet(met).is_break() {
                        return Ok(());
                    }
                }
                Ok(())
            }
            Self::Disk(disk) => disk.walk(stop, meet),
        }
    }

    /// Tells `count` of files as they are listed, each with its bytes or many at once, opening none.
    pub fn count(&self, stop: &dyn Fn() -> bool, count: &mut dyn FnMut(u64, u64)) {
        match self {
            Self::Folder(folder) => {
                for met in folder.walk() {
                    if stop() {
                        return;
                    }
                    if let Met::File(found) = met {
                        count(1, found.stamp.size);
                    }
                }
            }
            Self::Disk(disk) => {
                let (files, bytes) = disk.listed();
                count(files, bytes);
            }
        }
    }

    /// Whether it is still the one that was opened: a drive that was unplugged is not.
    pub fn is_still_there(&self) -> bool {
        match self {
            Self::Folder(folder) => folder.is_still_there(),
            Self::Disk(disk) => disk.is_still_there(),
        }
    }
}

/// Why a source could not be read from at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing is there.
    #[error("there is nothing at {}", path.display())]
    Missing {
        /// What was asked for.
        path: PathBuf,
    },
    /// It is a file, a device or something else that cannot be walked.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// What was asked for.
        path: PathBuf,
    },
    /// It is a photo or a video by name; whole folders and disks are sources.
    #[error("{} is a single file, and no disk image", path.display())]
    SingleFile {
        /// What was asked for.
        path: PathBuf,
    },
    /// An image is made of what is read as a disk.
    #[error("{} is a folder, and an image can be made of a drive only", path.display())]
    NoImageOfAFolder {
        /// What was asked for.
        path: PathBuf,
    },
    /// It cannot be read as a disk.
    #[error(transparent)]
    Disk(#[from] MediumOpenError),
    /// The system refused to open it.
    #[error("{} cannot be opened", path.display())]
    Unreadable {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// It was there, and is not any more: unplugged, unmounted.
    #[error("{} is gone: the drive was unplugged or unmounted while it was read", path.display())]
    Gone {
        /// What was being read.
        path: PathBuf,
    },
}
