//! The boot regions of exFAT (sections 3.1 and 3.4): twelve sectors, and twelve more as a copy.

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::clusters::{Heap, Root, Shape, TableLayout, Width};
use crate::sources::medium::{Medium, MediumError, read_vec};

/// Sectors of a region; the last one holds the checksum of the others.
const REGION: usize = 12;

/// What a region is worth.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// Its checksum does not fit.
    Doubtful,
    /// Its checksum cannot be read.
    Unproven,
    Proven,
}

/// Reads the boot region, or its copy where that one is better; `None` where neither makes sense.
pub(super) fn find(medium: &dyn Medium) -> Result<Option<Shape>, MediumError> {
    let main = region(medium, 0, None)?;
    if let Some((shape, Worth::Proven)) = main {
        return Ok(Some(shape));
    }
    let mut best = None;
    for shift in 9..=12_u8 {
        let Some((shape, worth)) = region(medium, (REGION as u64) << shift, Some(shift))? else { continue };
        if best.as_ref().is_none_or(|(_, before)| *before < worth) {
            best = Some((shape, worth));
        }
    }
    Ok(match (main, best) {
        (Some((main, worth)), Some((_, copy))) if worth >= copy => Some(main),
        (None, Some((_, Worth::Doubtful)) | None) => None,
        (_, Some((mut copy, _))) => {
            let finding = "the first sectors of the volume cannot be used: their copy was";
            copy.findings.push(finding.to_owned());
            Some(copy)
        }
        (Some((main, _)), None) => Some(main),
    })
}

fn region(medium: &dyn Medium, at: u64, shift: Option<u8>) -> Result<Option<(Shape, Worth)>, MediumError> {
    let (bytes, holes) = read_vec(medium, at, REGION << 12)?;
    if holes.meets(at..at.saturating_add(512)) {
        return Ok(None);
    }
    let Some(shape) = parse(&bytes, medium.size()) else { return Ok(None) };
    let size = usize::try_from(shape.table.sector).unwrap_or(512);
    if shift.is_some_and(|shift| 1 << shift != size) {
        return Ok(None);
    }
    let (summed, sums) = bytes.split_at((REGION - 1) * size);
    let end = at.saturating_add((REGION * size) as u64);
    let worth = if holes.meets(at..end) {
        Worth::Unproven
    } else if le32(sums, 0) == Some(checksum(summed)) {
        Worth::Proven
    } else {
        Worth::Doubtful
    };
    Ok(Some((shape, worth)))
}

/// Of eleven sectors, without the flags and the fill level, which change while the volume is used.
pub(super) fn checksum(sectors: &[u8]) -> u32 {
    let counted = sectors.iter().enumerate().filter(|(at, _)| !matches!(at, 106 | 107 | 112));
    counted.fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u32::from(*byte)))
}

fn parse(sector: &[u8], size: u64) -> Option<Shape> {
    let byte = |at: usize| sector.get(at).copied();
    let is_named = sector.get(3..11)? == b"EXFAT   " && sector.get(510..512)? == [0x55, 0xAA];
    // Where other formats describe themselves, this one has zeros, so as not to be taken for them.
    let is_empty = sector.get(11..64)?.iter().all(|byte| *byte == 0);
    let shift = byte(108)?;
    let cluster_shift = byte(109)?;
    let copies = u64::from(byte(110)?);
    if !is_named || !is_empty || !(9..=12).contains(&shift) || cluster_shift > 25 - shift || !(1..=2).contains(&copies)
    {
        return None;
    }
    let place = |at: usize| Some(u64::from(le32(sector, at)?) << shift);
    let (table_at, table_bytes, heap_at) = (place(80)?, place(84)?, place(88)?);
    let said = u64::from(le32(sector, 92)?);
    let links = Width::ThirtyTwo.links_in(table_bytes.min(size.saturating_sub(table_at)));
    let clusters = said.min(links.saturating_sub(2)).min(0xFFFF_FFF5);
    if table_at == 0 || table_bytes == 0 || heap_at == 0 || clusters == 0 {
        return None;
    }
    let active = u64::from(le16(sector, 106)? & 1).min(copies - 1);
    let others = (0..copies).filter(|copy| *copy != active);
    Some(Shape {
        heap: Heap {
            start: heap_at,
            cluster_bytes: 1 << (shift + cluster_shift),
            clusters: u32::try_from(clusters).unwrap_or(0),
        },
        table: TableLayout {
            width: Width::ThirtyTwo,
            copies: std::iter::once(active).chain(others).map(|copy| table_at + copy * table_bytes).collect(),
            bytes: table_bytes,
            sector: 1 << shift,
        },
        root: Root::Cluster(le32(sector, 96)?),
        serial: le32(sector, 100),
        findings: Vec::new(),
    })
}
