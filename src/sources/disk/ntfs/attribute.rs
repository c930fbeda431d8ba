//! Attributes: the parts of a record.

use jiff::Timestamp;

use crate::formats::numbers::{Order, le16, le32};

pub(super) const STANDARD_INFORMATION: u32 = 0x10;
pub(super) const ATTRIBUTE_LIST: u32 = 0x20;
pub(super) const FILE_NAME: u32 = 0x30;
pub(super) const VOLUME_NAME: u32 = 0x60;
pub(super) const DATA: u32 = 0x80;
pub(super) const BITMAP: u32 = 0xB0;
pub(super) const REPARSE_POINT: u32 = 0xC0;
const END: u32 = u32::MAX;

/// Packed by LZNT1, in units.
pub(super) const COMPRESSED: u16 = 0x00FF;
/// Encrypted by Windows (EFS).
pub(super) const ENCRYPTED: u16 = 0x4000;

/// A record of the table, as another one names it: which one, and for the how-manieth time it was in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reference {
    pub(super) number: u64,
    pub(super) sequence: u16,
}

impl Reference {
    /// Takes the eight bytes apart.
    pub(super) fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let raw = le64(bytes, at)?;
        Some(Self { number: raw & ((1 << 48) - 1), sequence: u16::try_from(raw >> 48).ok()? })
    }
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) kind: u32,
    pub(super) flags: u16,
    pub(super) is_named: bool,
    pub(super) body: Body<'a>,
    /// All of it, for whoever wants to keep it.
    pub(super) bytes: &'a [u8],
}

/// Where an attribute's bytes are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    /// In the record.
    Here(&'a [u8]),
    /// In clusters.
    Elsewhere(Part<'a>),
}

/// A part of an attribute that lies in clusters; most have only one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// The clusters of the attribute that this part tells of.
    pub(super) first_vcn: u64,
    pub(super) last_vcn: u64,
    /// Bytes of the whole attribute; true only in its first part, as are the next two.
    pub(super) size: u64,
    /// How many of them were ever written; the others read as zeros.
    pub(super) written: u64,
    /// The power of two of clusters that are packed together.
    pub(super) unit_exponent: u8,
    pub(super) runs: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Takes the attribute at the beginning of `bytes`; `None` at the end of a record, and where it does not fit.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let kind = le32(bytes, 0)?;
        let length = usize::try_from(le32(bytes, 4)?).ok()?;
        if kind == END || length < 24 {
            return None;
        }
        let bytes = bytes.get(..length)?;
        let body = if *bytes.get(8)? == 0 {
            let start = usize::from(le16(bytes, 0x14)?);
            let length = usize::try_from(le32(bytes, 0x10)?).ok()?;
            Body::Here(bytes.get(start..start.checked_add(length)?)?)
        } else {
            Body::Elsewhere(Part {
                first_vcn: le64(bytes, 0x10)?,
                last_vcn: le64(bytes, 0x18)?,
                runs: bytes.get(usize::from(le16(bytes, 0x20)?)..)?,
                unit_exponent: *bytes.get(0x22)?,
                size: le64(bytes, 0x30)?,
                written: le64(bytes, 0x38)?,
            })
        };
        Some(Self { kind, flags: le16(bytes, 0x0C)?, is_named: *bytes.get(9)? != 0, body, bytes })
    }

    /// Its bytes where they are in the record.
    pub(super) fn value(&self) -> Option<&'a [u8]> {
        match self.body {
            Body::Here(value) => Some(value),
            Body::Elsewhere(_) => None,
        }
    }

    /// What tells of its clusters, where it has any.
    pub(super) fn part(&self) -> Option<Part<'a>> {
        match self.body {
            Body::Here(_) => None,
            Body::Elsewhere(part) => Some(part),
        }
    }
}

/// What a `$FILE_NAME` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name {
    pub(super) parent: Reference,
    pub(super) text: String,
    pub(super) modified_at: Option<Timestamp>,
    /// Made up for programs of the eighties: `PHOTOS~1`.
    pub(super) is_short: bool,
}

impl Name {
    /// Takes a `$FILE_NAME` apart; `None` where it has no name.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let length = usize::from(*value.get(0x40)?) * 2;
        let text = text(value.get(0x42..0x42 + length)?);
        let is_short = *value.get(0x41)? == 2;
        (!text.is_empty()).then_some(())?;
        Some(Self { parent: Reference::read(value, 0)?, text, modified_at: time(value, 0x10), is_short })
    }
}

/// Text of NTFS as part of a path: half characters, and what would end or cut a path, become the replacement character.
pub(super) fn text(bytes: &[u8]) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let characters = char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER));
    characters.map(|found| if matches!(found, '/' | '\0') { char::REPLACEMENT_CHARACTER } else { found }).collect()
}

/// A time of Windows: tenths of microseconds since 1601, in UTC. `None` for none, and outside the years that there are.
pub(super) fn time(bytes: &[u8], at: usize) -> Option<Timestamp> {
    const TO_1970: i128 = 11_644_473_600;
    let ticks = le64(bytes, at).filter(|ticks| *ticks != 0)?;
    Timestamp::from_nanosecond(i128::from(ticks) * 100 - TO_1970 * 1_000_000_000).ok()
}

/// Reads eight bytes, least significant first.
pub(super) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Order::Little.number(bytes.get(at..at.checked_add(8)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_going_over_half_characters_and_never_steps_out_of_its_folder() {
        let units: Vec<u8> =
            [0x0041_u16, 0xD83D, 0x0042, 0x002F, 0xD83D, 0xDE00].iter().flat_map(|unit| unit.to_le_bytes()).collect();
        assert_eq!(text(&units), "A\u{FFFD}B\u{FFFD}😀");
    }

    #[test]
    fn times_are_utc_and_absurd_ones_are_none() {
        let of = |ticks: u64| time(&ticks.to_le_bytes(), 0).map(|time| time.to_string());
        assert_eq!(of(130_515_000_000_000_001).as_deref(), Some("2014-08-03T00:40:00.0000001Z"));
        assert_eq!(of(1).as_deref(), Some("1601-01-01T00:00:00.0000001Z"));
        assert_eq!((of(0), of(u64::MAX)), (None, None));
    }
}
