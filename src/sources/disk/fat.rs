//! FAT12, FAT16 and FAT32: what cameras, phones' cards and sticks are formatted with.
//!
//! A boot sector of FAT32 that cannot be used is read from its copy, and where there is none the layout is worked out;
//! sectors of the table from the second table; parts of folders that cannot be read cost the entries that stood there
//! and no others. What bounds time and memory stands in `clusters.rs`; a folder has no more than 16 MiB.

mod boot;
mod entries;
mod layout;
mod names;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::formats::numbers::le32;
use crate::sources::medium::{Medium, MediumError, read_vec};

use super::clusters::Volume;
use super::file_system::{FileSystem, Reading};
use boot::Boot;
use entries::Slots;

/// Where the copy of FAT32's boot sector lies, in sectors.
const BACKUP: usize = 6;
const SECTOR_SIZES: [usize; 4] = [512, 1024, 2048, 4096];

/// Recognises a FAT volume; `None` where there is none.
///
/// # Errors
/// Only what ends the whole run.
pub fn open(medium: Arc<dyn Medium>, reading: &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError> {
    let Some(Boot { kind, shape, label, media: _ }) = boot_sector(medium.as_ref())? else { return Ok(None) };
    let is_32 = kind == "FAT32";
    let slots = Slots { zone: reading.zone.clone(), is_32, clusters: shape.heap.clusters };
    let volume = Volume::new(medium, kind, shape, Box::new(slots), label)?;
    Ok(Some(Box::new(volume)))
}

fn boot_sector(medium: &dyn Medium) -> Result<Option<Boot>, MediumError> {
    let (bytes, holes) = read_vec(medium, 0, (BACKUP + 1) * 4096)?;
    let sector = |at: usize| bytes.get(at..at + 512).filter(|_| !holes.meets(at as u64..at as u64 + 512));
    let first = sector(0);
    if let Some(boot) = first.and_then(|sector| boot::parse(sector, medium.size())) {
        return Ok(Some(boot));
    }
    // Another's boot sector is no damage; the copy may be left over from before.
    let is_anothers = first
        .and_then(|sector| sector.get(3..11))
        .is_some_and(|name| name.starts_with(b"NTFS") || name.starts_with(b"EXFAT") || name.starts_with(b"-FVE-FS-"));
    if is_anothers {
        return Ok(None);
    }
    for size in SECTOR_SIZES {
        let Some(mut boot) = sector(BACKUP * size).and_then(|sector| boot::parse(sector, medium.size())) else {
            continue;
        };
        if boot.kind == "FAT32"
            && boot.shape.table.sector == size as u64
            && begins_a_table(medium, &boot, first.is_none())?
        {
            let what = if first.is_none() { "cannot be read" } else { "is damaged" };
            boot.shape.findings.push(format!("the first sector of the volume {what}: its copy was used"));
            return Ok(Some(boot));
        }
    }
    layout::work_out(medium)
}

/// Whether a table begins where the copy of a boot sector says; `otherwise` where none can be read.
fn begins_a_table(medium: &dyn Medium, boot: &Boot, otherwise: bool) -> Result<bool, MediumError> {
    for at in &boot.shape.table.copies {
        let (bytes, holes) = read_vec(medium, *at, 4)?;
        if holes.is_empty() {
            return Ok(le32(&bytes, 0).is_some_and(|link| link & 0x0FFF_FFFF == 0x0FFF_FF00 | u32::from(boot.media)));
        }
    }
    Ok(otherwise)
}
