//! What every reader of a file system gives: where each file's bytes lie, and which space nobody owns.
//!
//! A reader never copies content. It says where it lies, so that files can be read in the best order for a dying
//! medium, holes can be told per file, and free space can be searched.

use std::ops::ControlFlow;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::{Problem, Ranges, RawPath};
use crate::sources::medium::MediumError;

/// What a reader is told besides the medium.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The zone of file systems that write times as a wall clock shows them (FAT).
    pub zone: TimeZone,
}

/// A file system that was recognised.
pub trait FileSystem: Send + Sync {
    /// What it is, as people know it: `FAT32`, `NTFS`, `ext4`.
    fn kind(&self) -> &'static str;

    /// The name that somebody gave the volume.
    fn label(&self) -> Option<String>;

    /// What tells the volume from others, as udev writes it: `1A2B-3C4D`, a UUID.
    fn uuid(&self) -> Option<String>;

    /// Bytes in a cluster: where files begin, counted from the first byte of the volume plus [`FileSystem::first_cluster`].
    fn cluster_bytes(&self) -> u64;

    /// Where the first cluster begins.
    fn first_cluster(&self) -> u64 {
        0
    }

    /// Meets every file: first all living ones, then the deleted ones. What cannot be listed is met as a problem, and
    /// the walk goes on. Ends early when `meet` breaks.
    ///
    /// Time and memory are bounded by the size of the metadata, whatever loops it holds.
    ///
    /// # Errors
    /// Only what ends the whole run.
    fn walk(&self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<(), MediumError>;

    /// The space that no living file and no structure of the file system owns, as positions on its medium; `None` where
    /// the volume is too damaged to tell, or its format is not read that far.
    ///
    /// # Errors
    /// Only what ends the whole run.
    fn free(&self) -> Result<Option<Ranges>, MediumError>;
}

/// What a walk over a file system meets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Met {
    /// A regular file.
    File(DiskFile),
    /// A folder or a record that cannot be read, in words for a person.
    Problem(Problem),
}

/// A file on a disk; nothing of its content has been read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiskFile {
    /// From the top of the volume; the bytes of UTF-8 where the file system has Unicode names.
    pub path: RawPath,
    /// Bytes.
    pub size: u64,
    /// When its content was last written.
    pub modified_at: Option<Timestamp>,
    /// The number by which the file system knows it; 0 where it has none.
    pub inode: u64,
    /// Whether it lives, and if not, how sure its bytes are.
    pub standing: Standing,
    /// Where its bytes are.
    pub content: Content,
}

/// Whether a file lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Standing {
    /// The file system lists it.
    Living,
    /// It was deleted. The file system still says where every part of it lay, and no living file has any of it.
    Deleted,
    /// It was deleted, and where its parts lay is partly assumed (in one piece, or around what lives).
    DeletedAssumed,
    /// It was deleted, and living files have taken at least some of its space: those parts are theirs now.
    DeletedReused,
}

/// Where the bytes of a file are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// On the medium, in this order. The last one may reach past the file's size; together they may be shorter than it:
    /// then the rest is lost.
    Extents(Vec<Extent>),
    /// In its record. The second part names bytes of it that the record could not give.
    Inline(Vec<u8>, Ranges),
    /// Compressed in units, as NTFS does it (LZNT1): each unit of `unit` bytes has its extents.
    Packed(Packed),
}

/// One run of a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Where it lies on the file system's medium; `None` for bytes that were never written and read as zeros.
    pub at: Option<u64>,
    /// Bytes.
    pub length: u64,
}

/// A file in compressed units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed {
    /// Bytes of a unit once it is unpacked.
    pub unit: u64,
    /// For each unit in order, where its bytes lie: together as long as the unit when it is not compressed, shorter when it is,
    /// nothing for zeros.
    pub units: Vec<Vec<Extent>>,
}
