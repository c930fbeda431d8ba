//! UDF: discs written by camcorders, recorders and packet-writing programs.

mod entry;
mod space;

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::tz::TimeZone;

use self::entry::Entry;
use self::space::{Address, Space};
use super::{Budget, Found, Read, Way};
use crate::formats::numbers::{le16, le32};
use crate::model::{Problem, ProblemKind, RawPath};
use crate::sources::disk::file_system::{Content, DiskFile, Reading, Standing};
use crate::sources::disk::folder_tree::{FolderTree, from_utf16, part_of_path};
use crate::sources::disk::scattered::{Piece, Scattered};
use crate::sources::medium::{Medium, MediumError};

/// Descriptors of the volume that are looked at.
const DESCRIPTORS: usize = 64;

pub(super) struct Udf {
    medium: Arc<dyn Medium>,
    zone: TimeZone,
    space: Space,
    root: Address,
    label: Option<String>,
    set: Vec<u8>,
}

/// What the descriptors of a volume tell.
#[derive(Default)]
struct Volume {
    /// By partition number: the first block and how many.
    partitions: Vec<(u16, u32, u32)>,
    logical: Option<Vec<u8>>,
    set: Vec<u8>,
}

impl Udf {
    /// Recognises UDF by its anchor, which stands at block 256 and at the end.
    pub(super) fn open(medium: &Arc<dyn Medium>, reading: &Reading) -> Result<Option<Self>, MediumError> {
        for block_bytes in [2048, 512, 4096, 1024] {
            let Some((main, reserve)) = anchor(medium.as_ref(), block_bytes)? else { continue };
            let mut volume = Volume::default();
            for extent in [main, reserve] {
                // Whatever the first sequence could not tell, the second does.
                volume.read(medium.as_ref(), block_bytes, extent)?;
            }
            if let Some(udf) = Self::of(medium, reading, block_bytes, volume)? {
                return Ok(Some(udf));
            }
        }
        Ok(None)
    }

    fn of(
        medium: &Arc<dyn Medium>,
        reading: &Reading,
        block_bytes: u64,
        volume: Volume,
    ) -> Result<Option<Self>, MediumError> {
        let Some(logical) = volume.logical else { return Ok(None) };
        if le32(&logical, 212).map(u64::from) != Some(block_bytes) {
            return Ok(None);
        }
        let Some(space) = Space::read(medium, block_bytes, &volume.partitions, &logical)? else { return Ok(None) };
        let Some(set_of_files) = Address::parse(logical.get(248..264).unwrap_or_default()) else { return Ok(None) };
        let block = space.block(medium.as_ref(), set_of_files)?;
        let root = block.sound(0..512).filter(|bytes| is_tagged(bytes, 256));
        let Some(root) = root.and_then(|bytes| Address::parse(bytes.get(400..416)?)) else { return Ok(None) };
        let label = logical.get(84..212).and_then(dstring);
        let zone = reading.zone.clone();
        Ok(Some(Self { medium: medium.clone(), zone, space, root, label, set: volume.set }))
    }

    fn entry(&self, at: Address) -> Result<Option<Entry>, MediumError> {
        entry::read(&self.medium, &self.space, &self.zone, at)
    }
}

/// Whether a descriptor is of that kind, and its tag is sound.
fn is_tagged(bytes: &[u8], kind: u16) -> bool {
    let Some(tag) = bytes.get(..16) else { return false };
    let sum = tag.iter().enumerate().filter(|(at, _)| *at != 4).fold(0_u8, |sum, (_, byte)| sum.wrapping_add(*byte));
    le16(tag, 0) == Some(kind) && tag.get(4) == Some(&sum)
}

type Extents = ((u32, u32), (u32, u32));

/// Where the descriptors are: each sequence by its bytes and its first block.
fn anchor(medium: &dyn Medium, block_bytes: u64) -> Result<Option<Extents>, MediumError> {
    let blocks = medium.size() / block_bytes;
    let places = [Some(256), blocks.checked_sub(1), blocks.checked_sub(257), Some(512)];
    for block in places.into_iter().flatten() {
        let Some(at) = block.checked_mul(block_bytes).filter(|at| *at < medium.size()) else { continue };
        let piece = Piece::read(medium, at, 512)?;
        let Some(bytes) = piece.sound(0..32).filter(|bytes| is_tagged(bytes, 2)) else { continue };
        let extent = |at: usize| Some((le32(bytes, at)?, le32(bytes, at + 4)?));
        return Ok(extent(16).zip(extent(24)));
    }
    Ok(None)
}

impl Volume {
    fn read(&mut self, medium: &dyn Medium, block_bytes: u64, extent: (u32, u32)) -> Result<(), MediumError> {
        let (bytes, first) = extent;
        let most = DESCRIPTORS * usize::try_from(block_bytes).unwrap_or(4096);
        let length = usize::try_from(bytes).unwrap_or(usize::MAX).min(most);
        let piece = Piece::read(medium, u64::from(first) * block_bytes, length)?;
        let step = usize::try_from(block_bytes).unwrap_or(2048);
        for start in (0..length).step_by(step) {
            let Some(bytes) = piece.sound(start..start + 512) else { continue };
            if is_tagged(bytes, 1) && self.set.is_empty() {
                self.set = bytes.get(72..200).unwrap_or_default().to_vec();
            } else if is_tagged(bytes, 5) {
                let partition = le16(bytes, 22).zip(le32(bytes, 188)).zip(le32(bytes, 192));
                let partition = partition.map(|((number, first), blocks)| (number, first, blocks));
                self.partitions
                    .extend(partition.filter(|(number, ..)| self.partitions.iter().all(|one| one.0 != *number)));
            } else if is_tagged(bytes, 6) && self.logical.is_none() {
                // Its maps may go on behind the first 512 bytes.
                let end = start.saturating_add(step).min(length);
                self.logical = Some(piece.sound(start..end).unwrap_or(bytes).to_vec());
            } else if is_tagged(bytes, 8) {
                break;
            }
        }
        Ok(())
    }
}

/// A string whose last byte tells how many of the bytes before it are used.
fn dstring(field: &[u8]) -> Option<String> {
    let (used, bytes) = field.split_last()?;
    let text = compressed_unicode(bytes.get(..usize::from(*used))?)?;
    Some(text).filter(|text| !text.is_empty())
}

/// Text in 8 or 16 bits a letter, as its first byte says (OSTA CS0).
fn compressed_unicode(bytes: &[u8]) -> Option<String> {
    match bytes.split_first()? {
        (8 | 254, letters) => Some(letters.iter().copied().map(char::from).collect()),
        (16 | 255, letters) => Some(from_utf16(letters)),
        _ => None,
    }
}

struct Folder {
    id: u64,
    at: Address,
}

impl Way for Udf {
    fn kind(&self) -> &'static str {
        "UDF"
    }

    fn label(&self) -> Option<String> {
        self.label.clone()
    }

    /// As udev writes it: the first letters of the name of the volume set, as hexadecimal where they are not.
    fn uuid(&self) -> Option<String> {
        let (used, bytes) = self.set.split_last()?;
        let text = compressed_unicode(bytes.get(..usize::from(*used))?)?.into_bytes();
        let first = text.get(..text.len().min(16)).filter(|text| text.len() >= 8)?;
        let digits = first.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let hex = |bytes: Option<&[u8]>| data_encoding::HEXLOWER.encode(bytes.unwrap_or_default());
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).to_lowercase();
        Some(match digits {
            0..8 => hex(first.get(..8)),
            16 => text(first.get(..16)),
            _ => text(first.get(..8)) + &hex(first.get(8..first.len().min(12))),
        })
    }

    fn walk(&self, meet: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<Read, MediumError> {
        let mut walk = Walk {
            udf: self,
            folders: FolderTree::below(0),
            seen: HashSet::from([self.root]),
            queue: VecDeque::from([Folder { id: 0, at: self.root }]),
            files: HashSet::new(),
            next_id: 1,
            read: Read::Whole,
            budget: Budget::of(self.medium.as_ref()),
        };
        while let Some(folder) = walk.queue.pop_front() {
            for found in walk.folder(&folder)? {
                if meet(found).is_break() {
                    return Ok(Read::Stopped);
                }
            }
        }
        Ok(walk.read)
    }
}

struct Walk<'a> {
    udf: &'a Udf,
    folders: FolderTree,
    seen: HashSet<Address>,
    queue: VecDeque<Folder>,
    /// Files that were met; a second name of one is passed by.
    files: HashSet<Address>,
    next_id: u64,
    read: Read,
    budget: Budget,
}

impl Walk<'_> {
    fn path_of(&self, id: u64) -> String {
        let name = self.udf.label.clone().unwrap_or_else(|| self.udf.kind().to_owned());
        self.folders.parent(id).map_or(name, |_| {
            let path = RawPath::from_bytes(self.folders.path(id, b""));
            path.to_string().trim_end_matches('/').to_owned()
        })
    }

    fn damaged(&mut self, path: String, why: &str) -> Found {
        self.read = Read::InPart;
        Found::Problem(Problem::new(path, ProblemKind::Unreadable, why))
    }

    fn folder(&mut self, folder: &Folder) -> Result<Vec<Found>, MediumError> {
        let path = self.path_of(folder.id);
        let mut found = self.own_block(folder.at);
        let entry = self.udf.entry(folder.at)?;
        let Some(entry) = entry.filter(|entry| self.budget.takes(entry.size)) else {
            found.push(self.damaged(path, "this folder cannot be read; the files in it are missing"));
            return Ok(found);
        };
        let length = usize::try_from(entry.size).unwrap_or(0);
        let piece = match entry.content {
            Content::Inline(bytes, holes) => Piece::read(&(bytes, holes), 0, length)?,
            Content::Extents(extents) => {
                found.extend(
                    extents
                        .iter()
                        .filter_map(|extent| Some(Found::Own(extent.at?..extent.at?.saturating_add(extent.length)))),
                );
                Piece::read(&Scattered::new(self.udf.medium.clone(), extents, entry.size), 0, length)?
            }
            Content::Packed(_) => return Ok(found),
        };
        let (names, is_damaged) = identifiers(&piece);
        for name in names {
            if name.is_folder {
                if self.seen.insert(name.at) {
                    let id = self.next_id;
                    self.next_id += 1;
                    self.folders.add(id, folder.id, part_of_path(name.name.as_bytes()));
                    self.queue.push_back(Folder { id, at: name.at });
                }
            } else if self.files.insert(name.at) {
                self.file(folder.id, &name, &mut found)?;
            }
        }
        if is_damaged || !piece.is_whole() {
            found.push(self.damaged(path, "a part of this folder cannot be read; files in it may be missing"));
        }
        Ok(found)
    }

    fn own_block(&self, at: Address) -> Vec<Found> {
        let extents = self.udf.space.lay_out(at, self.udf.space.block_bytes);
        extents
            .iter()
            .filter_map(|extent| Some(Found::Own(extent.at?..extent.at?.saturating_add(extent.length))))
            .collect()
    }

    fn file(&mut self, folder: u64, name: &Identifier, found: &mut Vec<Found>) -> Result<(), MediumError> {
        let path = RawPath::from_bytes(self.folders.path(folder, &part_of_path(name.name.as_bytes())));
        found.extend(self.own_block(name.at));
        let Some(entry) = self.udf.entry(name.at)? else {
            found.push(self.damaged(path.to_string(), "the record of this file cannot be read; where it lies is lost"));
            return Ok(());
        };
        if !entry.is_file {
            return Ok(());
        }
        if entry.is_cut {
            let why = "where a part of this file lies cannot be read";
            found.push(Found::Problem(Problem::new(path.to_string(), ProblemKind::Truncated, why)));
        }
        found.push(Found::File(DiskFile {
            path,
            size: entry.size,
            modified_at: entry.modified_at,
            inode: entry.unique_id,
            standing: Standing::Living,
            content: entry.content,
        }));
        Ok(())
    }
}

/// A name in a folder, and where what it names is described.
struct Identifier {
    name: String,
    is_folder: bool,
    at: Address,
}

/// The names in a folder (ECMA-167 4/14.4), and whether some of it made no sense. Behind a hole the next sound tag is
/// looked for.
fn identifiers(folder: &Piece) -> (Vec<Identifier>, bool) {
    let mut found = Vec::new();
    let mut is_damaged = false;
    let mut at = 0;
    while at + 38 <= folder.len() {
        let head = folder.sound(at..at + 38).filter(|head| is_tagged(head, 257));
        let Some(head) = head else {
            is_damaged = true;
            at += 4;
            continue;
        };
        let flags = head.get(18).copied().unwrap_or(0);
        let name_bytes = head.get(19).copied().map_or(0, usize::from);
        let skipped = le16(head, 36).map_or(0, usize::from);
        let start = at + 38 + skipped;
        let name = folder.sound(start..start + name_bytes);
        let address = head.get(20..36).and_then(Address::parse);
        // 4: deleted; 8: the folder above. The bad places of a rewritable disc are a hidden file at the top.
        let is_bad_places = flags & 1 != 0 && name == Some(b"\x08Non-Allocatable Space");
        if flags & 0x0C == 0 && !is_bad_places {
            match name.and_then(compressed_unicode).zip(address) {
                Some((name, at)) => found.push(Identifier { name, is_folder: flags & 2 != 0, at }),
                None => is_damaged = true,
            }
        }
        at = (start + name_bytes).next_multiple_of(4);
    }
    (found, is_damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_eight_or_sixteen_bits_a_letter() {
        assert_eq!(compressed_unicode(b"\x08caf\xE9").as_deref(), Some("café"));
        assert_eq!(compressed_unicode(&[16, 0x20, 0xAC]).as_deref(), Some("€"));
        assert_eq!(compressed_unicode(&[]), None);
        assert_eq!(dstring(b"\x08name\0\0\x05").as_deref(), Some("name"));
        assert_eq!(dstring(b"\x08name\0\0\xFF"), None);
    }
}
