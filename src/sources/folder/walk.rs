//! The walk over a folder: by open folders and names, never by long paths, so no link can lead it out.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::stamp;
use crate::model::{Problem, ProblemKind, RawPath};
use crate::sources::found::{FoundFile, Met, Place, Unfollowed};

/// Deeper than any folder a person made, and few enough to hold one open file descriptor for each level.
const DEEPEST: usize = 256;

/// The file whose presence says “this is a Keepsake archive”.
const ARCHIVE_MARKER: &[u8] = b".keepsake-archive";

pub(super) struct Walk {
    levels: Vec<Level>,
    next: Vec<Met>,
}

/// One open folder on the way down, with what is left to meet in it (last first).
struct Level {
    folder: Arc<OwnedFd>,
    path: Vec<u8>,
    left: Vec<Entry>,
}

struct Entry {
    name: Vec<u8>,
    is_folder: bool,
}

impl Walk {
    pub(super) fn new(top: Arc<OwnedFd>) -> Self {
        let mut walk = Self { levels: Vec::new(), next: Vec::new() };
        walk.enter(top, Vec::new());
        walk
    }

    fn enter(&mut self, folder: Arc<OwnedFd>, path: Vec<u8>) {
        match list(&folder) {
            Ok(listing) if !path.is_empty() && listing.is_archive => {
                self.next.push(Met::Unfollowed(Unfollowed::Archive, RawPath::from_bytes(path)));
            }
            Ok(listing) => {
                if let Some(error) = listing.cut_short_by {
                    self.next.push(unlistable(&path, "can be listed only in part", &error));
                }
                self.levels.push(Level { folder, path, left: listing.entries });
            }
            Err(error) => self.next.push(unlistable(&path, "cannot be listed", &error)),
        }
    }

    fn meet(&mut self, folder: &Arc<OwnedFd>, path: Vec<u8>, entry: &Entry) {
        if entry.is_folder {
            self.go_down(folder, path, &entry.name);
        } else {
            self.next.push(look(folder, path, &entry.name));
        }
    }

    fn go_down(&mut self, parent: &Arc<OwnedFd>, path: Vec<u8>, name: &[u8]) {
        if self.levels.len() >= DEEPEST {
            let message = format!("the folder lies more than {DEEPEST} levels deep and was not entered");
            self.next.push(Met::Problem(Problem::new(
                RawPath::from_bytes(path).to_string(),
                ProblemKind::Unreadable,
                message,
            )));
            return;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(parent, name, flags, Mode::empty()) {
            Ok(folder) => self.enter(Arc::new(folder), path),
            Err(errno) => self.next.push(unlistable(&path, "cannot be opened", &errno.into())),
        }
    }
}

impl Iterator for Walk {
    type Item = Met;

    fn next(&mut self) -> Option<Met> {
        loop {
            if let Some(met) = self.next.pop() {
                return Some(met);
            }
            let level = self.levels.last_mut()?;
            match level.left.pop() {
                Some(entry) => {
                    let folder = Arc::clone(&level.folder);
                    let path = join(&level.path, &entry.name);
                    self.meet(&folder, path, &entry);
                }
                None => {
                    self.levels.pop();
                }
            }
        }
    }
}

struct Listing {
    /// In reverse of the order in which they are to be met: folders first, by name backwards.
    entries: Vec<Entry>,
    is_archive: bool,
    cut_short_by: Option<io::Error>,
}

fn list(folder: &OwnedFd) -> io::Result<Listing> {
    let mut listing = Listing { entries: Vec::new(), is_archive: false, cut_short_by: None };
    for entry in Dir::read_from(folder)? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(errno) => {
                listing.cut_short_by = Some(errno.into());
                break;
            }
        };
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        listing.is_archive |= name == ARCHIVE_MARKER;
        let is_folder = match entry.file_type() {
            FileType::Directory => true,
            // Some file systems do not say in the listing.
            FileType::Unknown => is_folder(folder, entry.file_name().to_owned()),
            FileType::RegularFile
            | FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice => false,
        };
        listing.entries.push(Entry { name: name.to_vec(), is_folder });
    }
    listing.entries.sort_unstable_by(|a, b| (b.is_folder, &b.name).cmp(&(a.is_folder, &a.name)));
    Ok(listing)
}

fn is_folder(folder: &OwnedFd, name: CString) -> bool {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir())
}

fn look(folder: &Arc<OwnedFd>, path: Vec<u8>, name: &[u8]) -> Met {
    let path = RawPath::from_bytes(path);
    let stat = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(errno) => {
            let message = format!("the file cannot be looked at: {}", io::Error::from(errno));
            return Met::Problem(Problem::new(path.to_string(), ProblemKind::Unreadable, message));
        }
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            Met::File(FoundFile { path, stamp: stamp(&stat), place: Place::Folder(Arc::clone(folder)) })
        }
        FileType::Symlink => Met::Unfollowed(Unfollowed::Link, path),
        FileType::Directory
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Met::Unfollowed(Unfollowed::Special, path),
    }
}

fn unlistable(path: &[u8], what: &str, error: &io::Error) -> Met {
    let shown = if path.is_empty() { ".".to_owned() } else { RawPath::from_bytes(path.to_vec()).to_string() };
    Met::Problem(Problem::new(shown, ProblemKind::Unreadable, format!("the folder {what}: {error}")))
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}
