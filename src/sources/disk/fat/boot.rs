//! The boot sector of FAT12, FAT16 and FAT32 (Microsoft, "FAT: General Overview of On-Disk Format", 1.03).

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::clusters::{Heap, Root, SLOT, Shape, TableLayout, Width};

/// A boot sector that makes sense.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    pub(super) kind: &'static str,
    pub(super) shape: Shape,
    pub(super) label: Option<String>,
    /// The byte that describes the medium, which the table's first link repeats.
    pub(super) media: u8,
}

/// Reads a boot sector; `None` for what is no such, or makes no sense. `size` is the medium's.
pub(super) fn parse(sector: &[u8], size: u64) -> Option<Boot> {
    let byte = |at: usize| sector.get(at).copied();
    let has_jump = matches!((byte(0)?, byte(2)?), (0xEB, 0x90)) || byte(0)? == 0xE9;
    let is_signed = sector.get(510..512)? == [0x55, 0xAA];
    let sector_bytes = u64::from(le16(sector, 11)?);
    let per_cluster = u64::from(byte(13)?);
    let reserved = u64::from(le16(sector, 14)?);
    let copies = u64::from(byte(16)?);
    let root_slots = u64::from(le16(sector, 17)?);
    let media = byte(21)?;
    let short_table = u64::from(le16(sector, 22)?);
    let is_32 = short_table == 0;
    let table_sectors = if is_32 { u64::from(le32(sector, 36)?) } else { short_table };
    let sectors = match u64::from(le16(sector, 19)?) {
        0 => u64::from(le32(sector, 32)?),
        sectors => sectors,
    };
    let makes_sense = (has_jump || is_signed)
        && matches!(sector_bytes, 512 | 1024 | 2048 | 4096)
        && per_cluster.is_power_of_two()
        && reserved > 0
        && (1..=4).contains(&copies)
        && (media == 0xF0 || media >= 0xF8)
        && table_sectors > 0
        && (root_slots == 0) == is_32
        && sectors > 0;
    if !makes_sense {
        return None;
    }
    let table_at = reserved * sector_bytes;
    let table_bytes = table_sectors * sector_bytes;
    let root_at = table_at + copies * table_bytes;
    let root_bytes = (root_slots * SLOT as u64).next_multiple_of(sector_bytes);
    let heap_at = root_at + root_bytes;
    let heap_sectors = sectors.checked_sub(heap_at / sector_bytes)?;
    let clusters = heap_sectors / per_cluster;
    if clusters == 0 {
        return None;
    }
    let (kind, width) = match clusters {
        _ if is_32 => ("FAT32", Width::TwentyEight),
        0..4085 => ("FAT12", Width::Twelve),
        _ => ("FAT16", Width::Sixteen),
    };
    // What the header says, the table has links for, and the medium has room for.
    let links = width.links_in(table_bytes.min(size.saturating_sub(table_at)));
    let clusters = clusters.min(links.saturating_sub(2)).min(0x0FFF_FFF5);
    let mut findings = Vec::new();
    // The flags say which copy is in use where they are not kept the same.
    let flags = if is_32 { le16(sector, 40)? } else { 0 };
    let active = if flags & 0x80 == 0 { 0 } else { u64::from(flags & 0xF).min(copies - 1) };
    let other = u64::from(active == 0);
    let copies = [active, other].into_iter().filter(|copy| *copy < copies);
    let copies = copies.map(|copy| table_at + copy * table_bytes).collect();
    let root = if is_32 {
        let said = le32(sector, 44)?;
        let root = if said < 2 || u64::from(said) - 2 >= clusters { 2 } else { said };
        if root != said {
            findings.push("the place of the top folder makes no sense: it is assumed to be the usual one".to_owned());
        }
        Root::Cluster(root)
    } else {
        Root::Area(root_at..heap_at)
    };
    let extended = if is_32 { 66 } else { 38 };
    let has_serial = matches!(byte(extended), Some(0x28 | 0x29));
    let serial = if has_serial { le32(sector, extended + 1) } else { None };
    let label = sector.get(extended + 5..extended + 16).filter(|_| byte(extended) == Some(0x29));
    Some(Boot {
        kind,
        shape: Shape {
            heap: Heap {
                start: heap_at,
                cluster_bytes: per_cluster * sector_bytes,
                clusters: u32::try_from(clusters).unwrap_or(0),
            },
            table: TableLayout { width, copies, bytes: table_bytes, sector: sector_bytes },
            root,
            serial,
            findings,
        },
        label: label.and_then(super::names::label).filter(|label| label != "NO NAME"),
        media,
    })
}
