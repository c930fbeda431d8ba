//! One file of the source, read once: into the archive's incoming folder, or only hashed.

use std::io::{self, Read};

use crate::media::sniff;
use crate::model::{Coming, FileStamp, Hasher, Kind, ObjectId};
use crate::objects::{Incoming, ObjectsError, Staged, Store};
use crate::sources::{FoundFile, OpenedFile};

/// Big enough that a slow drive is not asked often, small enough for many at once.
const CHUNK: usize = 1 << 20;

/// What reading one file came to.
pub(super) enum Copied {
    /// Its bytes wait in the incoming folder.
    Staged {
        /// The bytes, not yet under their name.
        staged: Staged,
        /// What they are.
        kind: Kind,
        /// How they came out of the source.
        coming: Coming,
        /// Whether somebody wrote to the file while it was read, twice.
        changed: bool,
    },
    /// Its bytes have been named, and were not kept.
    Hashed {
        /// Their name.
        object: ObjectId,
        /// Their number.
        size: u64,
    },
    /// It does not look like a photo, a video or a sidecar.
    Ignored,
    /// It has no bytes; `media` when its name promised a picture.
    Empty {
        /// Whether a person would miss it.
        media: bool,
    },
    /// The source did not give all bytes.
    Unreadable {
        /// How many bytes came before.
        after_bytes: u64,
        /// What the system said.
        cause: io::Error,
    },
    /// The person asked to stop.
    Stopped,
}

impl Copied {
    /// Whether the source did not give all bytes.
    pub(super) fn lacks_bytes(&self) -> bool {
        match self {
            Self::Staged { coming, .. } => !coming.lost.is_empty(),
            Self::Unreadable { .. } => true,
            Self::Hashed { .. } | Self::Ignored | Self::Empty { .. } | Self::Stopped => false,
        }
    }
}

/// One file, with what the file system said about it when it was read.
pub(super) struct Copy {
    /// When nothing could be opened, the stamp of the walk.
    pub(super) stamp: FileStamp,
    pub(super) read_bytes: u64,
    pub(super) copied: Copied,
}

/// Reads `found` through `buffer` into `objects`, or (a dry run) through a hasher.
///
/// # Errors
///
/// Only what the archive refuses: a full disk ends a run. What the source refuses is [`Copied::Unreadable`].
pub(super) fn copy_in(
    found: &FoundFile,
    objects: &Store,
    dry_run: bool,
    buffer: &mut Vec<u8>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Copy, ObjectsError> {
    buffer.resize(CHUNK, 0);
    let mut copy = Copy { stamp: found.stamp.clone(), read_bytes: 0, copied: Copied::Stopped };
    for last_try in [false, true] {
        let mut opened = match found.open() {
            Ok(opened) => opened,
            Err(cause) => {
                copy.copied = Copied::Unreadable { after_bytes: 0, cause };
                return Ok(copy);
            }
        };
        copy.stamp = opened.stamp.clone();
        copy.copied = read_through(&mut opened, found, objects, dry_run, buffer, stop, &mut copy.read_bytes)?;
        let unchanged = opened.stamp_now().is_ok_and(|now| now == opened.stamp);
        if unchanged || last_try {
            if let Copied::Staged { changed, .. } = &mut copy.copied {
                *changed = !unchanged;
            }
            break;
        }
    }
    Ok(copy)
}

fn read_through(
    opened: &mut OpenedFile,
    found: &FoundFile,
    objects: &Store,
    dry_run: bool,
    buffer: &mut [u8],
    stop: &(dyn Fn() -> bool + Sync),
    read_bytes: &mut u64,
) -> Result<Copied, ObjectsError> {
    let name = found.path.file_name();
    let mut here: u64 = 0;
    let head = match fill(opened, buffer) {
        Ok(head) => head,
        Err(_) if stop() => return Ok(Copied::Stopped),
        Err(cause) => return Ok(Copied::Unreadable { after_bytes: 0, cause }),
    };
    // Of a file of which nothing came yet, nobody can say what it is.
    if head > 0 && opened.coming().lost.bytes() >= head as u64 {
        return Ok(Copied::Unreadable { after_bytes: 0, cause: io::Error::other("its first bytes cannot be read") });
    }
    if head == 0 {
        return Ok(Copied::Empty { media: sniff(&[], name).is_some() });
    }
    let Some(kind) = sniff(buffer.get(..head).unwrap_or_default(), name) else {
        *read_bytes += head as u64;
        return Ok(Copied::Ignored);
    };
    let mut into = if dry_run { Into::Hasher(Hasher::new()) } else { Into::Store(objects.receive()?) };
    let mut filled = head;
    while filled > 0 {
        if stop() {
            return Ok(Copied::Stopped);
        }
        here += filled as u64;
        into.take(buffer.get(..filled).unwrap_or_default())?;
        filled = match fill(opened, buffer) {
            Ok(filled) => filled,
            Err(_) if stop() => return Ok(Copied::Stopped),
            Err(cause) => {
                *read_bytes += here;
                return Ok(Copied::Unreadable { after_bytes: here, cause });
            }
        };
    }
    *read_bytes += here;
    into.finish(kind, opened.coming())
}

/// Where the bytes of one file go.
enum Into<'a> {
    Store(Incoming<'a>),
    Hasher(Hasher),
}

impl Into<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), ObjectsError> {
        match self {
            Self::Store(incoming) => incoming.append(bytes),
            Self::Hasher(hasher) => {
                hasher.update(bytes);
                Ok(())
            }
        }
    }

    fn finish(self, kind: Kind, coming: Coming) -> Result<Copied, ObjectsError> {
        match self {
            Self::Store(incoming) => Ok(Copied::Staged { staged: incoming.finish()?, kind, coming, changed: false }),
            Self::Hasher(hasher) => {
                let (object, _, size) = hasher.finish();
                Ok(Copied::Hashed { object, size })
            }
        }
    }
}

/// Reads until `buffer` is full or the file ends: short reads are no ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
