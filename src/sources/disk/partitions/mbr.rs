//! The partition table of PCs: four entries, and a chain of more inside an extended partition.

use std::collections::BTreeSet;

use super::Slot;
use crate::formats::numbers::{le16, le32};
use crate::sources::medium::{Medium, MediumError, read_vec};

/// An entry of the table; sectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    status: u8,
    kind: u8,
    start: u64,
    count: u64,
}

/// The kind of an entry that stands for a whole GPT.
const PROTECTIVE: u8 = 0xEE;

/// No system made more logical partitions.
const MOST_LOGICAL: usize = 256;

impl Entry {
    /// The four entries of a sector that is marked as a table.
    pub(super) fn all(sector: &[u8]) -> Option<Vec<Self>> {
        if le16(sector, 510) != Some(0xAA55) {
            return None;
        }
        sector.get(446..510)?.chunks_exact(16).map(Self::of).collect()
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            status: *bytes.first()?,
            kind: *bytes.get(4)?,
            start: u64::from(le32(bytes, 8)?),
            count: u64::from(le32(bytes, 12)?),
        })
    }

    pub(super) fn is_empty(self) -> bool {
        self.kind == 0 || self.count == 0
    }

    /// Whether it can be an entry at all: what stands there in a boot sector of a file system is program code.
    pub(super) fn is_sane(self, drive_sectors: u64) -> bool {
        matches!(self.status, 0 | 0x80) && self.start > 0 && self.start < drive_sectors
    }

    pub(super) fn is_protective(self) -> bool {
        self.kind == PROTECTIVE
    }

    fn is_extended(self) -> bool {
        matches!(self.kind, 0x05 | 0x0F | 0x85)
    }

    pub(super) fn slot(self, number: u32, unit: u64, base: u64) -> Slot {
        let start = base.saturating_add(self.start).saturating_mul(unit);
        let range = start..start.saturating_add(self.count.saturating_mul(unit));
        Slot { range, number, name: None, hint: hint(self.kind) }
    }
}

/// The partitions of a table: the four, then the logical ones, numbered as Linux does.
pub(super) fn slots(
    medium: &dyn Medium,
    entries: &[Entry],
    unit: u64,
    notes: &mut Vec<String>,
) -> Result<Vec<Slot>, MediumError> {
    let mut slots = Vec::new();
    for (entry, number) in entries.iter().zip(1_u32..) {
        if entry.is_empty() || entry.is_protective() {
            continue;
        }
        if !entry.is_sane(medium.size() / unit) {
            notes.push(format!("entry {number} of the partition table makes no sense and was passed by"));
        } else if !entry.is_extended() {
            slots.push(entry.slot(number, unit, 0));
        }
    }
    let extended = entries.iter().filter(|entry| entry.is_extended() && entry.is_sane(medium.size() / unit));
    for entry in extended {
        logical(medium, entry.start, unit, &mut slots, notes)?;
    }
    Ok(slots)
}

/// Follows the chain of tables inside an extended partition that begins at sector `first`.
fn logical(
    medium: &dyn Medium,
    first: u64,
    unit: u64,
    slots: &mut Vec<Slot>,
    notes: &mut Vec<String>,
) -> Result<(), MediumError> {
    let mut seen = BTreeSet::new();
    let mut at = first;
    let mut number = slots.iter().map(|slot| slot.number).max().unwrap_or(0).max(4);
    while seen.insert(at) && seen.len() <= MOST_LOGICAL {
        let (sector, holes) = read_vec(medium, at.saturating_mul(unit), 512)?;
        let Some(entries) = Entry::all(&sector).filter(|_| holes.is_empty()) else {
            notes.push(format!("the list of logical partitions breaks off after number {number}"));
            return Ok(());
        };
        let mut own = entries.iter().filter(|entry| !entry.is_empty());
        if let Some(entry) = own.clone().find(|entry| !entry.is_extended()) {
            number += 1;
            slots.push(entry.slot(number, unit, at));
        }
        match own.find(|entry| entry.is_extended()) {
            Some(next) => at = first.saturating_add(next.start),
            None => return Ok(()),
        }
    }
    notes.push("the list of logical partitions leads back to itself".to_owned());
    Ok(())
}

fn hint(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x01 => "FAT12",
        0x04 | 0x06 | 0x0E | 0x14 | 0x16 | 0x1E => "FAT16",
        0x0B | 0x0C | 0x1B | 0x1C => "FAT32",
        0x07 | 0x17 => "NTFS or exFAT",
        0x82 => "swap",
        0x83 => "Linux",
        0x8E => "LVM",
        0xAF => "HFS+",
        0xFD => "RAID",
        _ => return None,
    })
}
