//! The layout of a volume whose boot sector is lost, worked out from what it described: two tables that begin alike,
//! the top folder behind them, and folders in it, each of which begins with its own number.
//!
//! Bounds: the first 8 MiB are searched for a table and the next 32 MiB for the second one; sixteen folders are looked
//! at. Of FAT12 nothing is unmistakable enough.

use jiff::tz::TimeZone;

use crate::sources::disk::clusters::{Format as _, Heap, Root, SLOT, Shape, TableLayout, Width};
use crate::sources::medium::{Medium, MediumError, read_vec};

use super::boot::Boot;
use super::entries::Slots;

const SECTOR: usize = 512;
const SEARCHED: u64 = 8 << 20;
const LARGEST_TABLE: u64 = 32 << 20;
const PIECE: usize = 1 << 20;
const MOST_FOLDERS: usize = 16;
/// Slots of the top folder of FAT16, the usual number first.
const ROOT_SLOTS: [u64; 5] = [512, 256, 1024, 240, 224];

/// Works the layout out; `None` where the parts do not fit together.
pub(super) fn work_out(medium: &dyn Medium) -> Result<Option<Boot>, MediumError> {
    let kinds = |sector: &[u8]| {
        // The tables of a FAT16 may begin as those of a FAT32 do: what they describe decides.
        [Width::TwentyEight, Width::Sixteen].into_iter().filter(|kind| begins_a_table(sector, *kind)).collect()
    };
    let found = find(medium, 0, SEARCHED, |sector| Some(kinds(sector)).filter(|kinds: &Vec<_>| !kinds.is_empty()))?;
    let Some((first, kinds)) = found else { return Ok(None) };
    for kind in kinds {
        if let Some(boot) = work_out_as(medium, first, kind)? {
            return Ok(Some(boot));
        }
    }
    Ok(None)
}

fn work_out_as(medium: &dyn Medium, first: u64, kind: Width) -> Result<Option<Boot>, MediumError> {
    let behind = first + SECTOR as u64;
    let begins = |sector: &[u8]| begins_a_table(sector, kind).then_some(());
    let Some((second, ())) = find(medium, behind, behind + LARGEST_TABLE, begins)? else { return Ok(None) };
    let table_bytes = second - first;
    let end = second + table_bytes;
    let is_32 = kind == Width::TwentyEight;
    let slots = Slots { zone: TimeZone::UTC, is_32, clusters: 0 };
    let (top, holes) = read_vec(medium, end, 64 * SECTOR)?;
    if !holes.is_empty() || !slots.continues_folder(top.get(..SECTOR).unwrap_or_default()) {
        return Ok(None);
    }
    let folders = slots.folders(&top);
    let areas = if is_32 { vec![0] } else { ROOT_SLOTS.map(|slots| slots * SLOT as u64).to_vec() };
    // One folder may fit by accident where two sizes are unknown: the layout that most of them fit is taken.
    let mut best: Option<(usize, Heap)> = None;
    for root_bytes in areas {
        let start = end + root_bytes;
        for shift in 0..=7 {
            let cluster_bytes = (SECTOR as u64) << shift;
            let links = kind.links_in(table_bytes).saturating_sub(2);
            let clusters = (medium.size().saturating_sub(start) / cluster_bytes).min(links).min(0x0FFF_FFF5);
            let heap = Heap { start, cluster_bytes, clusters: u32::try_from(clusters).unwrap_or(0) };
            let count = fitting(medium, heap, &slots, &folders)?;
            if count > best.as_ref().map_or(0, |(before, _)| *before) {
                best = Some((count, heap));
            }
        }
    }
    let Some((_, heap)) = best else { return Ok(None) };
    let finding = "the first sector of the volume is lost: its layout was worked out from its folders";
    let shape = Shape {
        heap,
        table: TableLayout { width: kind, copies: vec![first, second], bytes: table_bytes, sector: SECTOR as u64 },
        root: if is_32 { Root::Cluster(2) } else { Root::Area(end..heap.start) },
        serial: None,
        findings: vec![finding.to_owned()],
    };
    Ok(Some(Boot { kind: if is_32 { "FAT32" } else { "FAT16" }, shape, label: None, media: 0xF8 }))
}

/// The first sector of `from..to` that is what is looked for.
fn find<T>(
    medium: &dyn Medium,
    from: u64,
    to: u64,
    is_it: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<(u64, T)>, MediumError> {
    let to = to.min(medium.size());
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).unwrap_or(PIECE).min(PIECE);
        let (bytes, _) = read_vec(medium, at, length)?;
        for (index, sector) in bytes.chunks_exact(SECTOR).enumerate() {
            if let Some(found) = is_it(sector) {
                return Ok(Some((at + (index * SECTOR) as u64, found)));
            }
        }
        at += length as u64;
    }
    Ok(None)
}

/// The first two links repeat the byte that describes the medium, and say how the volume was left.
fn begins_a_table(sector: &[u8], kind: Width) -> bool {
    match (kind, sector.first_chunk::<8>()) {
        (Width::TwentyEight, Some([0xF8, 0xFF, 0xFF, top, 0xFF, 0xFF, 0xFF, left])) => {
            top & 0x0F == 0x0F && left & 0x03 == 0x03
        }
        (Width::Sixteen, Some([0xF8, 0xFF, 0xFF, left, ..])) => left & 0x3F == 0x3F,
        (Width::Twelve | Width::Sixteen | Width::TwentyEight | Width::ThirtyTwo, _) => false,
    }
}

/// How many folders that the top folder lists, or those in it, begin where they must with clusters of this size.
fn fitting(medium: &dyn Medium, heap: Heap, slots: &Slots, folders: &[u32]) -> Result<usize, MediumError> {
    let mut count = 0;
    let mut folders = folders.to_vec();
    let mut next = 0;
    while let Some(folder) = folders.get(next).copied().filter(|_| next < MOST_FOLDERS) {
        next += 1;
        if !heap.holds(folder) {
            continue;
        }
        let (bytes, holes) = read_vec(medium, heap.position(folder), SECTOR)?;
        if holes.is_empty() && slots.begins_folder(&bytes, folder) {
            folders.extend(slots.folders(&bytes).iter().filter(|below| !folders.contains(below)).collect::<Vec<_>>());
            // The first cluster lies where it lies, whatever the size.
            count += usize::from(folder > 2);
        }
    }
    Ok(count)
}
