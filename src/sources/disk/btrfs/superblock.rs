//! The superblock: at 64 KiB, 64 MiB and 256 GiB.

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::btrfs::le64;
use crate::sources::disk::btrfs::tree::Root;
use crate::sources::disk::chunks::Chunks;
use crate::sources::disk::ext::text;
use crate::sources::disk::signs::shows_another;
use crate::sources::medium::MediumError;

/// Where superblocks stand.
pub(super) const PLACES: [u64; 3] = [64 << 10, 64 << 20, 256 << 30];

const SIZE: usize = 4096;

/// What a superblock says, all of it within bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Superblock {
    pub(super) uuid: [u8; 16],
    pub(super) label: Option<String>,
    /// It counts up with every change: of several superblocks, the highest is the newest.
    generation: u64,
    /// The tree of trees.
    pub(super) roots: Root,
    /// The tree that says where things lie.
    pub(super) chunks: Root,
    /// Whether changes stand in a log that is not in the trees yet.
    pub(super) has_log: bool,
    /// A power of two from 4 KiB to 64 KiB.
    pub(super) node_bytes: u64,
    pub(super) sector_bytes: u64,
    /// Which of the volume's drives this one is.
    pub(super) drive: u64,
    pub(super) drives: u64,
    /// Bytes of this drive that the volume has.
    pub(super) drive_bytes: u64,
    /// Where the parts of the chunk tree lie: keys with their items.
    pub(super) system_chunks: Vec<u8>,
    /// Whether it is not the first one.
    pub(super) is_copy: bool,
    /// The trees of the last four changes, the newest first. What they lead to may be overwritten.
    pub(super) earlier: Vec<Earlier>,
    /// Whether one of those has been taken.
    pub(super) is_earlier: bool,
}

/// The trees of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Earlier {
    pub(super) roots: Root,
    pub(super) chunks: Root,
    /// The files outside every subvolume.
    pub(super) files: Root,
}

impl Superblock {
    /// Makes sense of its bytes, read at a place; `None` where they make none.
    fn parse(bytes: &[u8], place: u64) -> Option<Self> {
        (bytes.get(0x40..0x48)? == b"_BHRfS_M" && le64(bytes, 0x30)? == place).then_some(())?;
        let node_bytes = u64::from(le32(bytes, 0x94)?);
        let sector_bytes = u64::from(le32(bytes, 0x90)?);
        let is_size = |size: u64| size.is_power_of_two() && (4096..=1 << 16).contains(&size);
        (is_size(node_bytes) && is_size(sector_bytes)).then_some(())?;
        let system_bytes = usize::try_from(le32(bytes, 0xA0)?).ok().filter(|bytes| *bytes <= 2048)?;
        let level = |at: usize| bytes.get(at).copied();
        Some(Self {
            uuid: bytes.get(0x20..0x30)?.try_into().ok()?,
            label: text(bytes.get(0x12B..0x22B)?),
            generation: le64(bytes, 0x48)?,
            roots: Root { at: le64(bytes, 0x50)?, level: level(0xC6)? },
            chunks: Root { at: le64(bytes, 0x58)?, level: level(0xC7)? },
            has_log: le64(bytes, 0x60)? != 0,
            node_bytes,
            sector_bytes,
            drive: le64(bytes, 0xC9)?,
            drives: le64(bytes, 0x88)?,
            drive_bytes: le64(bytes, 0xD1)?,
            system_chunks: bytes.get(0x32B..0x32B + system_bytes)?.to_vec(),
            is_copy: place != 64 << 10,
            earlier: earlier(bytes),
            is_earlier: false,
        })
        .filter(|_| le16(bytes, 0xC4).is_some())
    }
}

fn earlier(bytes: &[u8]) -> Vec<Earlier> {
    let slots = bytes.get(0xB2B..0xB2B + 4 * 168).unwrap_or_default().chunks_exact(168);
    let parse = |slot: &[u8]| {
        let root = |at: usize, level: usize| Some(Root { at: le64(slot, at)?, level: *slot.get(level)? });
        let trees = Earlier { roots: root(0, 152)?, chunks: root(16, 153)?, files: root(48, 155)? };
        Some((le64(slot, 8)?, trees)).filter(|_| trees.roots.at != 0)
    };
    let mut found: Vec<_> = slots.filter_map(parse).collect();
    found.sort_by_key(|(generation, _)| std::cmp::Reverse(*generation));
    found.into_iter().map(|(_, trees)| trees).collect()
}

/// The first superblock; where it cannot be read, the newest copy.
pub(super) fn find(chunks: &Chunks) -> Result<Option<Superblock>, MediumError> {
    let mut newest: Option<Superblock> = None;
    for place in PLACES {
        if place.saturating_add(SIZE as u64) > chunks.size() {
            break;
        }
        let piece = chunks.read(place, SIZE)?;
        let is_whole = piece.holes.is_empty();
        let found = Superblock::parse(&piece.bytes, place).filter(|_| is_whole);
        if found.is_some() && place == 64 << 10 {
            return Ok(found);
        }
        let is_blank = piece.bytes.iter().all(|byte| *byte == 0);
        if found.is_none() && (is_whole && !is_blank || shows_another(chunks, "Btrfs")?) {
            return Ok(newest);
        }
        let is_newer = |found: &Superblock| newest.as_ref().is_none_or(|newest| newest.generation < found.generation);
        newest = found.filter(is_newer).or(newest);
    }
    Ok(newest)
}
