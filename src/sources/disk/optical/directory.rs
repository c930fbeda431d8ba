//! Folders of ISO 9660: records that do not cross sectors (ECMA-119 §9.1).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::iso::SECTOR;
use crate::formats::numbers::{be32, le32};
use crate::sources::disk::scattered::Piece;

/// One record of a folder.
pub(super) struct Record<'a> {
    block: u32,
    /// Blocks of extended attributes before the content.
    attribute_blocks: u8,
    pub(super) bytes: u32,
    flags: u8,
    pub(super) is_interleaved: bool,
    pub(super) recorded_at: Option<Timestamp>,
    pub(super) name: &'a [u8],
    /// What extensions add.
    pub(super) system_use: &'a [u8],
}

/// The records of a folder, without the ones for itself and the folder above.
pub(super) struct Records<'a> {
    pub(super) records: Vec<Record<'a>>,
    /// Whether a part of the folder could not be read, or made no sense.
    pub(super) is_damaged: bool,
}

impl<'a> Record<'a> {
    /// Reads a record that begins and ends with `bytes`.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let name_bytes = usize::from(*bytes.get(32)?);
        let name = bytes.get(33..33 + name_bytes)?;
        // A record of the root in a descriptor, and a name of even length, are followed by a byte of padding.
        let behind = 33 + name_bytes + usize::from(name_bytes % 2 == 0);
        Some(Self {
            block: both_ways(bytes, 2)?,
            attribute_blocks: *bytes.get(1)?,
            bytes: both_ways(bytes, 10)?,
            flags: *bytes.get(25)?,
            is_interleaved: bytes.get(26..28)? != [0, 0],
            recorded_at: short_time(bytes.get(18..25)?),
            name,
            system_use: bytes.get(behind..).unwrap_or_default(),
        })
    }

    pub(super) fn is_folder(&self) -> bool {
        self.flags & 2 != 0
    }

    /// Whether it is a file, and not one that only belongs to another (a resource fork).
    pub(super) fn is_file(&self) -> bool {
        self.flags & 6 == 0
    }

    /// Whether the next record is of the same file.
    pub(super) fn goes_on(&self) -> bool {
        self.flags & 0x80 != 0
    }

    /// Where its content begins.
    pub(super) fn first_block(&self) -> u32 {
        self.block.saturating_add(u32::from(self.attribute_blocks))
    }

    /// Whether it stands for the folder itself, or for the one above.
    fn is_dots(&self) -> bool {
        matches!(self.name, [0 | 1])
    }
}

/// Numbers are written twice; the second time is taken where the first is zero.
fn both_ways(bytes: &[u8], at: usize) -> Option<u32> {
    let (little, big) = (le32(bytes, at)?, be32(bytes, at + 4)?);
    Some(if little == 0 { big } else { little })
}

/// Reads a folder, sector by sector.
pub(super) fn records(folder: &Piece) -> Records<'_> {
    let sector = usize::try_from(SECTOR).unwrap_or(2048);
    let mut found = Records { records: Vec::new(), is_damaged: !folder.is_whole() };
    let mut at = 0;
    while at < folder.len() {
        let next_sector = at - at % sector + sector;
        let length = folder.sound(at..at + 1).and_then(|length| length.first()).copied().map(usize::from);
        let Some(length) = length.filter(|length| *length > 0) else {
            at = next_sector;
            continue;
        };
        let record = Some(at + length).filter(|end| *end <= next_sector);
        let record = record.and_then(|end| Record::parse(folder.sound(at..end)?));
        let Some(record) = record else {
            found.is_damaged = true;
            at = next_sector;
            continue;
        };
        found.records.extend(Some(record).filter(|record| !record.is_dots()));
        at += length;
    }
    found
}

/// Seven bytes: year since 1900 to second, and quarters of an hour east of Greenwich.
pub(super) fn short_time(bytes: &[u8]) -> Option<Timestamp> {
    let [year, month, day, hour, minute, second, east] = *bytes else { return None };
    let small = |byte: u8| i8::try_from(byte).ok();
    let (month, day, hour, minute, second) = (small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?);
    let local = DateTime::new(1900 + i16::from(year), month, day, hour, minute, second, 0).ok()?;
    let offset = Offset::from_seconds(i32::from(east.cast_signed()) * 15 * 60).ok()?;
    offset.to_timestamp(local).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_time_has_its_own_zone() {
        let time = short_time(&[104, 5, 13, 14, 30, 9, 8]).expect("a time");
        assert_eq!(time.to_string(), "2004-05-13T12:30:09Z");
        assert_eq!(short_time(&[104, 13, 13, 14, 30, 9, 8]), None);
        assert_eq!(short_time(&[0; 7]), None);
    }
}
