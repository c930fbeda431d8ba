//! What a walk over a source meets, and how it is read.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::disk::{Contents, OnDisk};
use super::folder;
use crate::model::{Coming, FileStamp, Problem, RawPath};

/// What a walk meets.
pub enum Met {
    /// A regular file.
    File(FoundFile),
    /// A folder that cannot be listed, or a part of one.
    Problem(Problem),
    /// Something that holds no bytes of its own, or must not be entered.
    Unfollowed(Unfollowed, RawPath),
}

/// Why a walk passed something by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfollowed {
    /// A symbolic link: what it points to is met where it really is, or lies outside the source.
    Link,
    /// A pipe, a socket or a device.
    Special,
    /// A folder that is itself a Keepsake archive.
    Archive,
}

/// A regular file that a walk met; nothing of it has been read.
pub struct FoundFile {
    /// Where it is, from the top of the source.
    pub path: RawPath,
    /// What the file system says about it.
    pub stamp: FileStamp,
    pub(super) place: Place,
}

/// Where the bytes of a found file are.
pub(super) enum Place {
    /// In this open folder, under the last part of the path.
    Folder(Arc<OwnedFd>),
    /// On a disk that is read without mounting it.
    Disk(Arc<OnDisk>),
}

/// A file of a source, open for reading.
pub struct OpenedFile {
    /// What the file system said when it was opened.
    pub stamp: FileStamp,
    bytes: Bytes,
}

enum Bytes {
    File(folder::Patient),
    Disk(Box<Contents>),
}

impl FoundFile {
    /// Opens the file for reading, without following a link and, where the system allows it, without touching its
    /// access time. Fails when it is no regular file any more.
    ///
    /// # Errors
    /// What the system says; a disk's file always opens.
    pub fn open(&self) -> io::Result<OpenedFile> {
        match &self.place {
            Place::Folder(folder) => {
                let (file, stamp) = folder::open_in(folder, self.path.file_name())?;
                Ok(OpenedFile { stamp, bytes: Bytes::File(file) })
            }
            Place::Disk(file) => {
                Ok(OpenedFile { stamp: self.stamp.clone(), bytes: Bytes::Disk(Box::new(Contents::of(file))) })
            }
        }
    }

    /// Whether bytes that a first reading did not give are worth a second one, that takes longer: see [`FoundFile::again`].
    pub fn can_try_harder(&self) -> bool {
        match &self.place {
            Place::Folder(_) => false,
            Place::Disk(file) => file.can_try_harder(),
        }
    }

    /// The same file, to be read with more patience: bad spots are gone over sector by sector, and asked again.
    #[must_use]
    pub fn again(self) -> Self {
        let place = match self.place {
            Place::Folder(folder) => Place::Folder(folder),
            Place::Disk(file) => Place::Disk(Arc::new(file.patiently())),
        };
        Self { place, ..self }
    }
}

impl OpenedFile {
    /// What the file system says about the file now; differs from `stamp` when somebody wrote to it meanwhile.
    ///
    /// # Errors
    /// What the system says.
    pub fn stamp_now(&self) -> io::Result<FileStamp> {
        match &self.bytes {
            Bytes::File(file) => folder::stamp_of(file),
            // A disk is never written to while it is read: it is refused when it is mounted for writing.
            Bytes::Disk(_) => Ok(self.stamp.clone()),
        }
    }

    /// How the bytes read so far came out of the source.
    pub fn coming(&self) -> Coming {
        match &self.bytes {
            Bytes::File(file) => Coming { lost: file.lost().clone(), ..Coming::default() },
            Bytes::Disk(contents) => contents.coming(),
        }
    }
}

impl Read for OpenedFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::File(file) => file.read(into),
            Bytes::Disk(contents) => contents.read(into),
        }
    }
}
