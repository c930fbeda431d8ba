//! The container: its superblocks in the ring of checkpoints, and the volumes that they name.

use std::collections::HashSet;
use std::sync::Arc;

use super::node::{Blocks, Reader, is_sound, kind, le64};
use super::object_map::ObjectMap;
use crate::formats::numbers::{le16, le32};
use crate::sources::disk::scattered::Piece;
use crate::sources::medium::{Medium, MediumError};

/// Where a superblock is looked for if the first block is lost.
const SEARCHED_BYTES: usize = 16 << 20;
/// How many states before the newest are asked for what it lost.
const OLDER_STATES: usize = 8;
/// The longest ring that is read.
const MOST_RING_BLOCKS: u64 = 8192;

pub(super) struct Container {
    pub(super) blocks: Blocks,
    pub(super) uuid: String,
    pub(super) volumes: Vec<VolumeHead>,
    /// In words, what is wrong with it.
    pub(super) problems: Vec<&'static str>,
    /// The newest first.
    superblocks: Vec<Superblock>,
}

/// What a volume's own superblock says.
pub(super) struct VolumeHead {
    pub(super) name: String,
    /// The number of the volume as an object of the container.
    id: u64,
    /// How many newer states there are that do not tell of it.
    age: usize,
    pub(super) transaction: u64,
    pub(super) object_map: u64,
    pub(super) root: u64,
    /// Whether names are kept with a hash of them.
    pub(super) has_hashed_names: bool,
    lock: Option<Lock>,
}

/// Why the files of a volume cannot be listed.
#[derive(Clone, Copy)]
enum Lock {
    /// Its superblock cannot be read.
    Lost,
    Encrypted,
    Sealed,
}

impl VolumeHead {
    /// In words, why its files cannot be listed.
    pub(super) fn locked(&self) -> Option<&'static str> {
        self.lock.map(|lock| match lock {
            Lock::Lost => "the first block of this volume cannot be read; its files are not listed",
            Lock::Encrypted => {
                "this volume is encrypted (FileVault); unlock it on a Mac and copy the photos from there"
            }
            Lock::Sealed => "this is the sealed system volume of a Mac; its files are not listed",
        })
    }
}

/// One superblock of the container.
struct Superblock {
    transaction: u64,
    blocks: Blocks,
    uuid: [u8; 16],
    ring: (u64, u64),
    object_map: u64,
    volumes: Vec<u64>,
}

impl Superblock {
    fn parse(object: &[u8]) -> Option<Self> {
        if object.get(32..36)? != b"NXSB" || kind(object)? != 1 {
            return None;
        }
        let block_bytes = u64::from(le32(object, 36)?);
        if !block_bytes.is_power_of_two() || !(4096..=65536).contains(&block_bytes) {
            return None;
        }
        let most = usize::try_from(le32(object, 180)?.min(100)).ok()?;
        let volumes = (0..most).filter_map(|index| le64(object, 184 + index * 8)).filter(|id| *id != 0).collect();
        Some(Self {
            transaction: le64(object, 16)?,
            blocks: Blocks { block_bytes, count: le64(object, 40)? },
            uuid: object.get(72..88)?.try_into().ok()?,
            ring: (le64(object, 112)?, u64::from(le32(object, 104)?)),
            object_map: le64(object, 160)?,
            volumes,
        })
    }
}

impl Container {
    /// Finds the container by its first block, or by any superblock near the beginning.
    pub(super) fn find(medium: &Arc<dyn Medium>) -> Result<Option<Self>, MediumError> {
        let top = Piece::read(medium.as_ref(), 0, 4096)?;
        let mut problems = Vec::new();
        let first = match top.sound(0..1024).and_then(Superblock::parse) {
            Some(first) => first,
            None if is_lost(&top) && !is_disc(medium.as_ref())? => {
                let Some(found) = search(medium.as_ref())? else { return Ok(None) };
                problems.push("the first block of this container is damaged; one of the older ones led to the newest");
                found
            }
            None => return Ok(None),
        };
        let mut reader = Reader::new(medium.clone(), first.blocks);
        let superblocks = checkpoints(&mut reader, first)?;
        let Some(newest) = superblocks.first() else { return Ok(None) };
        let (blocks, uuid) = (newest.blocks, uuid(&newest.uuid));
        let mut maps = Vec::new();
        let mut volumes = Vec::new();
        for (index, id) in newest.volumes.iter().enumerate() {
            let mut head = None;
            for (age, superblock) in superblocks.iter().enumerate() {
                if maps.len() <= age {
                    maps.push(ObjectMap::read(&mut reader, superblock.object_map, superblock.transaction)?);
                }
                let block = maps.get(age).and_then(|map: &ObjectMap| map.block(*id));
                head = match block {
                    Some(block) => volume_head(&mut reader, block, superblock.transaction)?,
                    None => None,
                };
                if let Some(head) = &mut head {
                    (head.id, head.age) = (*id, age);
                    if age > 0 {
                        problems.push("the newest state of a volume cannot be read; an older one was taken");
                    }
                    break;
                }
            }
            volumes.push(head.unwrap_or_else(|| VolumeHead::lost(index)));
        }
        Ok(Some(Self { blocks, uuid, volumes, problems, superblocks }))
    }

    /// The object maps that a volume had before, the newest first: nothing is written over in place, so what they lead to
    /// is often still there.
    pub(super) fn older_maps(&self, reader: &mut Reader, head: &VolumeHead) -> Result<Vec<ObjectMap>, MediumError> {
        let mut known = HashSet::from([head.object_map]);
        let mut maps = Vec::new();
        for superblock in self.superblocks.iter().skip(head.age + 1).take(OLDER_STATES) {
            let map = ObjectMap::read(reader, superblock.object_map, superblock.transaction)?;
            let Some(block) = map.block(head.id) else { continue };
            let Some(older) = volume_head(reader, block, superblock.transaction)? else { continue };
            if known.insert(older.object_map) {
                maps.push(ObjectMap::read(reader, older.object_map, older.transaction)?);
            }
        }
        Ok(maps)
    }
}

/// Whether the first block may have been a superblock: it is blank, or cannot be read where that would be seen.
fn is_lost(top: &Piece) -> bool {
    let is_blank = top.bytes().iter().all(|byte| *byte == 0);
    is_blank || top.sound(0..1024).is_none() && top.sound(32..36).is_none_or(|magic| magic == b"NXSB")
}

/// Whether it is a disc, whose first blocks are blank by nature.
fn is_disc(medium: &dyn Medium) -> Result<bool, MediumError> {
    let mark = Piece::read(medium, 16 * 2048 + 1, 5)?;
    Ok(matches!(mark.bytes(), b"CD001" | b"BEA01"))
}

/// Looks for a superblock where the ring of checkpoints usually is.
fn search(medium: &dyn Medium) -> Result<Option<Superblock>, MediumError> {
    let end = usize::try_from(medium.size()).unwrap_or(usize::MAX).min(SEARCHED_BYTES);
    for start in (0..end).step_by(1 << 20) {
        let piece = Piece::read(medium, start as u64, (end - start).min(1 << 20))?;
        for at in (0..piece.len()).step_by(4096) {
            let found = piece.sound(at..at + 4096).and_then(Superblock::parse);
            let whole = found.as_ref().and_then(|found| usize::try_from(found.blocks.block_bytes).ok());
            if whole.and_then(|length| piece.sound(at..at + length)).is_some_and(is_sound) {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// All superblocks, the newest first: those of the ring, and the first block.
fn checkpoints(reader: &mut Reader, first: Superblock) -> Result<Vec<Superblock>, MediumError> {
    let (start, length) = first.ring;
    let mut all = Vec::new();
    // The highest bit of the length says that the ring is in pieces, which a tree tells; the first block has to do.
    let length = if length >> 31 == 1 { 0 } else { length.min(MOST_RING_BLOCKS) };
    for index in 0..length {
        let Some(block) = reader.block(start.saturating_add(index))? else { break };
        let object = block.sound(0..block.len()).filter(|object| is_sound(object));
        all.extend(object.and_then(Superblock::parse).filter(|found| found.uuid == first.uuid));
    }
    all.push(first);
    all.sort_by_key(|found| std::cmp::Reverse(found.transaction));
    all.dedup_by_key(|found| found.transaction);
    Ok(all)
}

fn volume_head(reader: &mut Reader, block: u64, newest: u64) -> Result<Option<VolumeHead>, MediumError> {
    let Some(object) = reader.block(block)? else { return Ok(None) };
    Ok(object.sound(0..1024).and_then(|object| VolumeHead::parse(object, newest)))
}

impl VolumeHead {
    fn parse(object: &[u8], newest: u64) -> Option<Self> {
        if object.get(32..36)? != b"APSB" || le16(object, 24)? != 13 {
            return None;
        }
        let unlike = le64(object, 56)?;
        let name = object.get(704..960)?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(Self {
            name: String::from_utf8_lossy(name).into_owned(),
            id: 0,
            age: 0,
            transaction: newest,
            object_map: le64(object, 128)?,
            root: le64(object, 136)?,
            has_hashed_names: unlike & 9 != 0,
            lock: match (le64(object, 264)? & 1, unlike & 0x20) {
                (0, _) => Some(Lock::Encrypted),
                (_, 0) => None,
                _ => Some(Lock::Sealed),
            },
        })
    }

    fn lost(index: usize) -> Self {
        Self {
            name: format!("volume {}", index + 1),
            id: 0,
            age: 0,
            transaction: 0,
            object_map: 0,
            root: 0,
            has_hashed_names: false,
            lock: Some(Lock::Lost),
        }
    }
}

/// As udev writes it.
fn uuid(bytes: &[u8; 16]) -> String {
    let hex = data_encoding::HEXLOWER.encode(bytes);
    let parts = [hex.get(..8), hex.get(8..12), hex.get(12..16), hex.get(16..20), hex.get(20..)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("-")
}
