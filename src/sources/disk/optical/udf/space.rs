//! Where the blocks of UDF's partitions are: plain, spared (rewritable discs), and virtual (discs written in packets).

use std::collections::HashMap;
use std::sync::Arc;

use super::entry;
use super::is_tagged;
use crate::formats::numbers::{le16, le32};
use crate::sources::disk::file_system::{Content, Extent};
use crate::sources::disk::scattered::{Piece, Scattered};
use crate::sources::medium::{Medium, MediumError};

/// The longest table of virtual blocks, or of spared packets: for four million blocks.
const MOST_TABLE_BYTES: u64 = 16 << 20;

/// A block in a partition, as a long allocation descriptor tells it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Address {
    pub(super) block: u32,
    pub(super) partition: u16,
}

impl Address {
    /// Reads the place in a long allocation descriptor; its length is left out.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self { block: le32(bytes, 4)?, partition: le16(bytes, 8)? })
    }
}

enum Map {
    Plain {
        first: u32,
        blocks: u32,
    },
    /// Packets of so many blocks, of which some lie elsewhere.
    Spared {
        first: u32,
        blocks: u32,
        packet: u32,
        moved: HashMap<u32, u32>,
    },
    /// Each block is looked up, and lies in that other partition.
    Virtual {
        below: usize,
        table: Vec<u32>,
    },
    /// Of a kind that is not read.
    Unknown,
}

/// The partitions of a volume, by the numbers that addresses have.
pub(super) struct Space {
    pub(super) block_bytes: u64,
    maps: Vec<Map>,
}

impl Space {
    /// Reads the partition maps of the logical volume; `None` where there is none that can be read.
    pub(super) fn read(
        medium: &Arc<dyn Medium>,
        block_bytes: u64,
        partitions: &[(u16, u32, u32)],
        logical: &[u8],
    ) -> Result<Option<Self>, MediumError> {
        let mut space = Self { block_bytes, maps: Vec::new() };
        let mut virtuals = Vec::new();
        let mut rest = logical.get(440..).unwrap_or_default();
        let count = le32(logical, 268).unwrap_or(0).min(16);
        for index in 0..count {
            let length = rest.get(1).copied().map(usize::from).filter(|length| *length >= 6);
            let Some((map, behind)) = length.and_then(|length| rest.split_at_checked(length)) else { break };
            rest = behind;
            let number = if map.first() == Some(&1) { le16(map, 4) } else { le16(map, 38) };
            let Some((_, first, blocks)) = partitions.iter().find(|one| Some(one.0) == number).copied() else {
                space.maps.push(Map::Unknown);
                continue;
            };
            space.maps.push(match (map.first(), map.get(5..28)) {
                (Some(1), _) => Map::Plain { first, blocks },
                (Some(2), Some(name)) if name.starts_with(b"*UDF Sparable Partition") => {
                    let moved = spared(medium.as_ref(), block_bytes, map)?;
                    // So that no more packets are looked up than there are.
                    let most = (medium.size() / block_bytes).saturating_sub(u64::from(first));
                    let blocks = blocks.min(u32::try_from(most).unwrap_or(u32::MAX));
                    Map::Spared { first, blocks, packet: u32::from(le16(map, 40).unwrap_or(32)).max(1), moved }
                }
                (Some(2), Some(name)) if name.starts_with(b"*UDF Virtual Partition") => {
                    virtuals.push((index as usize, number));
                    Map::Unknown
                }
                _ => Map::Unknown,
            });
        }
        for (index, number) in virtuals {
            let below = space.maps.iter().position(|map| {
                let first = match map {
                    Map::Plain { first, .. } | Map::Spared { first, .. } => Some(*first),
                    Map::Virtual { .. } | Map::Unknown => None,
                };
                partitions.iter().any(|one| Some(one.0) == number && Some(one.1) == first)
            });
            let Some(below) = below else { continue };
            if let Some(table) = virtual_table(medium, &space, below)?
                && let Some(map) = space.maps.get_mut(index)
            {
                *map = Map::Virtual { below, table };
            }
        }
        let is_known = space.maps.iter().any(|map| !matches!(map, Map::Unknown));
        Ok(is_known.then_some(space))
    }

    /// Where `length` bytes from an address on lie; they end where the partition does.
    pub(super) fn lay_out(&self, from: Address, length: u64) -> Vec<Extent> {
        self.lay_out_in(usize::from(from.partition), from.block, length)
    }

    fn lay_out_in(&self, map: usize, block: u32, length: u64) -> Vec<Extent> {
        let bytes = self.block_bytes;
        let extent = |block: u64, length: u64| Extent { at: Some(block * bytes), length };
        match self.maps.get(map) {
            Some(Map::Plain { first, blocks }) if block < *blocks => {
                let length = length.min(u64::from(blocks - block) * bytes);
                vec![extent(u64::from(*first) + u64::from(block), length)]
            }
            Some(Map::Spared { first, blocks, packet, moved }) if block < *blocks => {
                let length = length.min(u64::from(blocks - block) * bytes);
                if moved.is_empty() {
                    return vec![extent(u64::from(*first) + u64::from(block), length)];
                }
                let mut extents: Vec<Extent> = Vec::new();
                let (mut block, mut left) = (block, length);
                while left > 0 {
                    let inside = block % packet;
                    let take = left.min(u64::from(packet - inside) * bytes);
                    let start = moved
                        .get(&(block - inside))
                        .map_or(u64::from(*first) + u64::from(block - inside), |to| u64::from(*to));
                    push(&mut extents, extent(start + u64::from(inside), take));
                    left -= take;
                    block = block.saturating_add(packet - inside);
                }
                extents
            }
            Some(Map::Virtual { below, table }) => {
                let mut extents = Vec::new();
                let mut left = length;
                for block in table.get(block as usize..).unwrap_or_default() {
                    let take = left.min(bytes);
                    if take == 0 || *block == u32::MAX {
                        break;
                    }
                    for extent in self.lay_out_in(*below, *block, take) {
                        push(&mut extents, extent);
                    }
                    left -= take;
                }
                extents
            }
            Some(Map::Plain { .. } | Map::Spared { .. } | Map::Unknown) | None => Vec::new(),
        }
    }

    /// Reads the one block at an address.
    pub(super) fn block(&self, medium: &dyn Medium, at: Address) -> Result<Piece, MediumError> {
        let place = self.lay_out(at, self.block_bytes).first().and_then(|extent| extent.at).unwrap_or(u64::MAX);
        Piece::read(medium, place, usize::try_from(self.block_bytes).unwrap_or(2048))
    }
}

fn push(extents: &mut Vec<Extent>, extent: Extent) {
    match extents.last_mut().filter(|last| last.at.map(|at| at.saturating_add(last.length)) == extent.at) {
        Some(last) => last.length += extent.length,
        None => extents.push(extent),
    }
}

/// Which packets lie elsewhere, by the first of the sparing tables that can be read (UDF 2.01 §2.2.11).
fn spared(medium: &dyn Medium, block_bytes: u64, map: &[u8]) -> Result<HashMap<u32, u32>, MediumError> {
    let length = u64::from(le32(map, 44).unwrap_or(0)).min(MOST_TABLE_BYTES);
    for index in 0..map.get(42).copied().map_or(0, usize::from).min(4) {
        let Some(block) = le32(map, 48 + index * 4) else { break };
        let table = Piece::read(medium, u64::from(block) * block_bytes, usize::try_from(length).unwrap_or(0))?;
        let Some(head) = table.sound(0..56).filter(|head| head.get(17..36) == Some(b"*UDF Sparing Table\0")) else {
            continue;
        };
        let count = usize::from(le16(head, 48).unwrap_or(0));
        let pairs = table.sound_from(56).chunks_exact(8).take(count);
        let pairs = pairs.filter_map(|pair| Some((le32(pair, 0)?, le32(pair, 4)?)));
        // The highest numbers say that a spare packet is not used, or not usable.
        return Ok(pairs.filter(|(from, _)| *from < 0xFFFF_FFF0).collect());
    }
    Ok(HashMap::new())
}

/// The table of virtual blocks: the last file that was written, so its record is the last block of the disc.
fn virtual_table(medium: &Arc<dyn Medium>, space: &Space, below: usize) -> Result<Option<Vec<u32>>, MediumError> {
    let Some(Map::Plain { first, .. }) = space.maps.get(below) else { return Ok(None) };
    let last = medium.size() / space.block_bytes;
    let from = last.saturating_sub(512).max(u64::from(*first));
    let step = usize::try_from(space.block_bytes).unwrap_or(2048);
    let length = usize::try_from(last.saturating_sub(from)).unwrap_or(0).saturating_mul(step);
    let tail = Piece::read(medium.as_ref(), from * space.block_bytes, length)?;
    // Recorders leave a few blocks behind it.
    for (index, block) in (0..length / step).zip(from..last).collect::<Vec<_>>().into_iter().rev() {
        let start = index * step;
        let is_record =
            tail.sound(start..start + 512).is_some_and(|bytes| is_tagged(bytes, 261) || is_tagged(bytes, 266));
        let Some(block) = u32::try_from(block - u64::from(*first)).ok().filter(|_| is_record) else { continue };
        let at = Address { block, partition: u16::try_from(below).unwrap_or(u16::MAX) };
        let Some(entry) = entry::read(medium, space, &jiff::tz::TimeZone::UTC, at)? else { continue };
        let size = entry.size.min(MOST_TABLE_BYTES);
        let file: Arc<dyn Medium> = match entry.content {
            Content::Inline(bytes, holes) => Arc::new((bytes, holes)),
            Content::Extents(extents) => Arc::new(Scattered::new(medium.clone(), extents, size)),
            Content::Packed(_) => continue,
        };
        let table = Piece::read(file.as_ref(), 0, usize::try_from(size).unwrap_or(0))?;
        let numbers = |bytes: &[u8]| bytes.chunks_exact(4).filter_map(|four| le32(four, 0)).collect();
        match entry.kind {
            // UDF 2: a header that says how long it is stands before the table.
            248 => {
                let header = table.sound(0..2).and_then(|bytes| le16(bytes, 0)).map_or(0, usize::from);
                return Ok(table.bytes().get(header..).map(numbers));
            }
            // UDF 1.5: a name and the block of the table before stand behind it.
            0 => {
                let end = table.len().saturating_sub(36);
                let is_table = table
                    .sound(end..table.len())
                    .is_some_and(|last| last.get(1..23) == Some(b"*UDF Virtual Alloc Tbl"));
                if is_table {
                    return Ok(table.bytes().get(..end).map(numbers));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}
