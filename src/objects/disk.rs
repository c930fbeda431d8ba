//! What the store asks of a file system.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;

/// A file system, reduced to what the store needs and to what POSIX promises about it after a power loss.
///
/// Nothing is durable by itself: bytes are after [`Disk::sync_file`], names (made, renamed, removed) after
/// [`Disk::sync_folder`] of the folder that holds them. A clone is the same file system. No file is ever reached
/// through a link.
pub trait Disk: Clone + Send + Sync {
    /// An open file. Closing it gives up its lock.
    type File: Read + Write + Send + Sync + 'static;

    /// Makes a folder; `AlreadyExists` if anything bears its name.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a file of mode 0444 (less the umask), open for writing and locked as ours.
    ///
    /// `AlreadyExists` if anything bears its name, or if somebody took the new file for abandoned before it was
    /// locked: another name will do.
    fn create_new(&self, path: &Path) -> io::Result<Self::File>;

    /// Makes the bytes of a file durable, but not its name.
    fn sync_file(&self, file: &Self::File) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// How many syncs it is given at the same time. A file system that journals makes several durable in one go, but
    /// only if it is asked for them together.
    fn syncs_at_once(&self) -> usize {
        1
    }

    /// Renames a file to a name that is free; `AlreadyExists` if anything bears it.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Renames a file over whatever bears the name, unless that is a folder.
    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a file unless somebody holds its lock, and says whether it did.
    fn remove_abandoned(&self, path: &Path) -> io::Result<bool>;

    /// What bears a name.
    fn entry(&self, path: &Path) -> io::Result<Entry>;

    /// Opens a file for reading; never waits, whatever bears the name.
    fn open(&self, path: &Path) -> io::Result<Opened<Self::File>>;

    /// The names in a folder, in no order; `NotADirectory` if it is none.
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;
}

/// What bears a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Nothing does.
    Nothing,
    /// A plain file.
    File {
        /// Bytes.
        size: u64,
    },
    /// A folder.
    Folder,
    /// A link, a pipe, a device.
    Other,
}

/// What was found where a file was to be opened.
#[derive(Debug)]
pub enum Opened<F> {
    /// Nothing bears the name.
    Nothing,
    /// A plain file.
    File {
        /// The file, at its start.
        file: F,
        /// Bytes.
        size: u64,
    },
    /// A folder, a link, a pipe, a device.
    Other,
}
