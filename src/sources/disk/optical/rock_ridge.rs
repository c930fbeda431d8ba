//! Rock Ridge: names, times and modes of Unix in the records of ISO 9660 (SUSP 1.12, RRIP 1.12).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::directory::short_time;
use crate::formats::numbers::le32;
use crate::sources::disk::scattered::Piece;
use crate::sources::medium::{Medium, MediumError};

/// How often a record may go on somewhere else.
const CONTINUATIONS: usize = 16;
/// The longest name that is put together from parts.
const MOST_NAME_BYTES: usize = 1024;

/// What Rock Ridge says about one file.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) name: Option<Vec<u8>>,
    /// As `stat` gives it: what sort of file it is, and who may do what.
    pub(super) mode: Option<u32>,
    pub(super) modified_at: Option<Timestamp>,
    /// Where the folder begins for which this record only stands.
    pub(super) child: Option<u32>,
    /// Whether this folder is listed elsewhere.
    pub(super) is_relocated: bool,
    /// Whether the content is packed (zisofs).
    pub(super) is_packed: bool,
}

/// How many bytes stand before the extras in every record, if the first record of the root says that there are any.
pub(super) fn bytes_before(system_use: &[u8]) -> Option<usize> {
    // CD-ROM XA puts 14 bytes before them.
    [0, 14].into_iter().find_map(|start| {
        let entry = system_use.get(start..start + 7)?;
        (entry.starts_with(b"SP\x07") && entry.get(4..6) == Some(&[0xBE, 0xEF])).then(|| {
            let skip = entry.get(6).copied().map_or(0, usize::from);
            skip.max(start)
        })
    })
}

/// Reads the extras of a record, wherever they go on.
pub(super) fn read(medium: &dyn Medium, block_bytes: u64, area: &[u8]) -> Result<Extras, MediumError> {
    let mut extras = Extras::default();
    let mut next = take(&mut extras, area);
    for _ in 0..CONTINUATIONS {
        let Some((block, offset, length)) = next else { break };
        let at = u64::from(block).saturating_mul(block_bytes).saturating_add(u64::from(offset));
        let piece = Piece::read(medium, at, usize::try_from(length.min(1 << 14)).unwrap_or(0))?;
        next = take(&mut extras, piece.sound_from(0));
    }
    Ok(extras)
}

/// Takes the entries of an area; answers where they go on.
fn take(extras: &mut Extras, mut area: &[u8]) -> Option<(u32, u32, u32)> {
    let mut on = None;
    while let Some(length) = area.get(2).copied().map(usize::from).filter(|length| *length >= 4) {
        let Some((entry, rest)) = area.split_at_checked(length) else { break };
        area = rest;
        let data = entry.get(4..).unwrap_or_default();
        match entry.get(..2) {
            Some(b"CE") => on = le32(data, 0).zip(le32(data, 8)).zip(le32(data, 16)).map(|((a, b), c)| (a, b, c)),
            Some(b"ST") => break,
            Some(b"NM") => {
                let name = extras.name.get_or_insert_default();
                // Bits 1 and 2 stand for the folder itself and the one above.
                if let Some((_, part)) = data.split_first().filter(|(flags, _)| **flags & 6 == 0) {
                    let room = MOST_NAME_BYTES.saturating_sub(name.len());
                    name.extend(part.iter().take(room));
                }
            }
            Some(b"PX") => extras.mode = le32(data, 0),
            Some(b"TF") => extras.modified_at = modified(data).or(extras.modified_at),
            Some(b"CL") => extras.child = le32(data, 0),
            Some(b"RE") => extras.is_relocated = true,
            Some(b"ZF") => extras.is_packed = data.starts_with(b"pz"),
            _ => {}
        }
    }
    extras.name = extras.name.take().filter(|name| !name.is_empty());
    on
}

/// The time of the last change of the content, which stands behind that of the creation.
fn modified(data: &[u8]) -> Option<Timestamp> {
    let (flags, times) = data.split_first()?;
    if flags & 2 == 0 {
        return None;
    }
    let before = usize::from(flags & 1);
    if flags & 0x80 == 0 {
        return short_time(times.get(before * 7..before * 7 + 7)?);
    }
    long_time(times.get(before * 17..before * 17 + 17)?)
}

/// Sixteen digits from year to hundredth, and quarters of an hour east of Greenwich.
fn long_time(bytes: &[u8]) -> Option<Timestamp> {
    let (digits, east) = bytes.split_at_checked(16)?;
    let number = |from: usize, to: usize| std::str::from_utf8(digits.get(from..to)?).ok()?.parse::<i16>().ok();
    let part = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let nanoseconds = i32::from(part(14)?) * 10_000_000;
    let local = DateTime::new(number(0, 4)?, part(4)?, part(6)?, part(8)?, part(10)?, part(12)?, nanoseconds).ok()?;
    let offset = Offset::from_seconds(i32::from(east.first()?.cast_signed()) * 15 * 60).ok()?;
    offset.to_timestamp(local).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ranges;

    fn entry(name: [u8; 2], data: &[u8]) -> Vec<u8> {
        [name.as_slice(), &[u8::try_from(data.len() + 4).expect("it is short"), 1], data].concat()
    }

    #[test]
    fn a_name_goes_on_elsewhere_and_a_circle_ends() {
        let numbers = |block: u32, offset: u32, length: u32| {
            let both = |number: u32| [number.to_le_bytes(), number.to_be_bytes()].concat();
            entry(*b"CE", &[both(block), both(offset), both(length)].concat())
        };
        let elsewhere = [entry(*b"NM", b"\0name.jpg"), numbers(1, 4, 100)].concat();
        let mut medium = vec![0; 4096];
        medium[2052..2052 + elsewhere.len()].copy_from_slice(&elsewhere);
        let medium = (medium, Ranges::new());
        let area = [entry(*b"NM", b"\x01long "), numbers(1, 4, 100)].concat();
        let extras = read(&medium, 2048, &area).expect("it reads");
        assert!(extras.name.expect("a name").starts_with(b"long name.jpg"));
    }

    #[test]
    fn the_time_of_the_last_change_stands_behind_that_of_the_creation() {
        let data = [&[3][..], &[100, 1, 1, 0, 0, 0, 0], &[104, 5, 13, 14, 30, 9, 8]].concat();
        assert_eq!(modified(&data).expect("a time").to_string(), "2004-05-13T12:30:09Z");
        let data = [&[0x82][..], b"2004051314300950", &[8]].concat();
        assert_eq!(modified(&data).expect("a time").to_string(), "2004-05-13T12:30:09.5Z");
    }
}
