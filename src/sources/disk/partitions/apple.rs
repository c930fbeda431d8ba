//! Apple's partition map, as old Macs and many iPods have it (Inside Macintosh: Devices, chapter 3).

use super::Slot;
use crate::formats::numbers::{be16, be32};
use crate::sources::medium::{Medium, MediumError, read_vec};

const MOST_ENTRIES: u64 = 256;

/// The partitions; `None` where there is no such map.
pub(super) fn slots(medium: &dyn Medium, notes: &mut Vec<String>) -> Result<Option<Vec<Slot>>, MediumError> {
    let (first, _) = read_vec(medium, 0, 512)?;
    if be16(&first, 0) != Some(0x4552) {
        return Ok(None);
    }
    // The map of a CD that a PC can start from is in sectors of 512 bytes, whatever the first block says.
    let said = be16(&first, 2).map_or(512, u64::from);
    for unit in [512, said] {
        let (entry, holes) = read_vec(medium, unit, 512)?;
        if unit < 512 || !holes.is_empty() || be16(&entry, 0) != Some(0x504D) {
            continue;
        }
        let count = be32(&entry, 4).map_or(0, u64::from).min(MOST_ENTRIES);
        let mut slots = Vec::new();
        for number in 1..=count {
            let (entry, holes) = read_vec(medium, number * unit, 512)?;
            if !holes.is_empty() || be16(&entry, 0) != Some(0x504D) {
                notes.push(format!("entry {number} of the partition map is damaged"));
                continue;
            }
            slots.extend(slot(&entry, u32::try_from(number).unwrap_or(u32::MAX), unit));
        }
        return Ok(Some(slots));
    }
    Ok(None)
}

fn slot(entry: &[u8], number: u32, unit: u64) -> Option<Slot> {
    let text = |at: usize| {
        let bytes = entry.get(at..at + 32)?.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(bytes).into_owned()).filter(|text| !text.chars().any(char::is_control))
    };
    let kind = text(48)?;
    if kind == "Apple_partition_map" || kind == "Apple_Free" || kind.starts_with("Apple_Driver") {
        return None;
    }
    let start = u64::from(be32(entry, 8)?) * unit;
    let end = start + u64::from(be32(entry, 12)?) * unit;
    let hint = match kind.as_str() {
        "Apple_HFS" | "Apple_HFSX" => Some("HFS+"),
        "Apple_APFS" => Some("APFS"),
        "Apple_CoreStorage" => Some("FileVault (CoreStorage)"),
        _ => None,
    };
    (start < end).then(|| Slot { range: start..end, number, name: text(16).filter(|name| !name.is_empty()), hint })
}
