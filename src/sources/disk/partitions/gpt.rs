//! The GUID partition table (UEFI specification 2.10, section 5.3): the one at the beginning, and its copy at the end.

use flate2::Crc;

use super::Slot;
use crate::formats::numbers::{le16, le32, le64};
use crate::sources::medium::{Medium, MediumError, read_vec};

/// What is read of the entries at most: four times what any program writes.
const LONGEST_ENTRIES: u64 = 1 << 18;

struct Header {
    unit: u64,
    entries_at: u64,
    entry_bytes: u64,
    count: u64,
    entries_sum: u32,
    other: u64,
}

/// The partitions, from whichever of the two tables is sound; `None` where there is none.
pub(super) fn slots(medium: &dyn Medium, notes: &mut Vec<String>) -> Result<Option<Vec<Slot>>, MediumError> {
    let mut headers = Vec::new();
    for unit in [512, 4096] {
        headers.extend(header(medium, unit, unit)?);
    }
    let first_is_sound = !headers.is_empty();
    let mut copies = Vec::new();
    if let Some(first) = headers.first() {
        copies.extend(header(medium, first.other.saturating_mul(first.unit), first.unit)?);
    }
    if copies.is_empty() {
        for unit in [512, 4096] {
            copies.extend(header(medium, medium.size().saturating_sub(unit), unit)?);
        }
    }
    let copy_is_sound = !copies.is_empty();
    headers.extend(copies);
    let mut unsure = None;
    for (index, header) in headers.iter().enumerate() {
        let (entries, is_sound) = header.entries(medium)?;
        let slots = header.slots(&entries);
        if is_sound {
            let note = match (first_is_sound, copy_is_sound) {
                (false, _) => Some("the partition table at the beginning is damaged; its copy at the end was used"),
                (true, _) if index > 0 => Some("the list of partitions is damaged; its copy at the end was used"),
                (true, false) => Some("the copy of the partition table at the end is damaged or missing"),
                (true, true) => None,
            };
            notes.extend(note.map(str::to_owned));
            return Ok(Some(slots));
        }
        unsure = unsure.or_else(|| Some(slots).filter(|slots| !slots.is_empty()));
    }
    if unsure.is_some() {
        notes.push("both lists of partitions are damaged; what they still say was used".to_owned());
    }
    Ok(unsure)
}

/// A header whose sum is right.
fn header(medium: &dyn Medium, at: u64, unit: u64) -> Result<Option<Header>, MediumError> {
    let (bytes, holes) = read_vec(medium, at, 512)?;
    if !holes.is_empty() || !bytes.starts_with(b"EFI PART") {
        return Ok(None);
    }
    Ok((|| {
        let length = usize::try_from(le32(&bytes, 12)?).ok().filter(|length| (92..=512).contains(length))?;
        let mut summed = bytes.get(..length)?.to_vec();
        summed.get_mut(16..20)?.fill(0);
        if crc32(&summed) != le32(&bytes, 16)? {
            return None;
        }
        let entry_bytes = u64::from(le32(&bytes, 84)?);
        Some(Header {
            unit,
            other: le64(&bytes, 32)?,
            entries_at: le64(&bytes, 72)?,
            entry_bytes: Some(entry_bytes).filter(|length| (128..=4096).contains(length))?,
            count: u64::from(le32(&bytes, 80)?),
            entries_sum: le32(&bytes, 88)?,
        })
    })())
}

impl Header {
    /// The bytes of the entries, and whether their sum is right.
    fn entries(&self, medium: &dyn Medium) -> Result<(Vec<u8>, bool), MediumError> {
        let length = self.count.saturating_mul(self.entry_bytes);
        let (bytes, holes) = read_vec(
            medium,
            self.entries_at.saturating_mul(self.unit),
            usize::try_from(length.min(LONGEST_ENTRIES)).unwrap_or(0),
        )?;
        let is_sound = holes.is_empty() && length <= LONGEST_ENTRIES && crc32(&bytes) == self.entries_sum;
        Ok((bytes, is_sound))
    }

    fn slots(&self, entries: &[u8]) -> Vec<Slot> {
        let length = usize::try_from(self.entry_bytes).unwrap_or(128);
        entries.chunks_exact(length).zip(1_u32..).filter_map(|(entry, number)| self.slot(entry, number)).collect()
    }

    fn slot(&self, entry: &[u8], number: u32) -> Option<Slot> {
        let kind = entry.get(..16).filter(|kind| kind.iter().any(|byte| *byte != 0))?;
        let (first, last) = (le64(entry, 32)?, le64(entry, 40)?);
        let start = first.checked_mul(self.unit)?;
        let end = last.checked_add(1)?.checked_mul(self.unit)?;
        let letters: Vec<u16> =
            (0..36).map_while(|at| le16(entry, 56 + 2 * at)).take_while(|letter| *letter != 0).collect();
        let name = String::from_utf16_lossy(&letters).trim().to_owned();
        let is_plain = !name.is_empty() && !name.chars().any(char::is_control);
        (start < end && first > 0).then(|| Slot {
            range: start..end,
            number,
            name: Some(name).filter(|_| is_plain),
            hint: HINTS.iter().find(|(guid, _)| kind.starts_with(guid)).map(|(_, hint)| *hint),
        })
    }
}

/// The first eight bytes of a type's GUID, as they stand on the disk.
const HINTS: [(&[u8], &str); 8] = [
    (&[0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11], "FAT32"),
    (&[0x16, 0xE3, 0xC9, 0xE3, 0x5C, 0x0B, 0xB8, 0x4D], "Microsoft reserved"),
    (&[0xAF, 0x3D, 0xC6, 0x0F, 0x83, 0x84, 0x72, 0x47], "Linux"),
    (&[0x6D, 0xFD, 0x57, 0x06, 0xAB, 0xA4, 0xC4, 0x43], "swap"),
    (&[0x00, 0x53, 0x46, 0x48, 0x00, 0x00, 0xAA, 0x11], "HFS+"),
    (&[0xEF, 0x57, 0x34, 0x7C, 0x00, 0x00, 0xAA, 0x11], "APFS"),
    (&[0x72, 0x6F, 0x74, 0x53, 0x61, 0x67, 0xAA, 0x11], "FileVault (CoreStorage)"),
    (&[0x79, 0xD3, 0xD6, 0xE6, 0x07, 0xF5, 0xC2, 0x44], "LVM"),
];

/// The sum of ISO 3309 that the specification asks for.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
