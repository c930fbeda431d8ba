//! Records of the table of files, each standing for itself.
//!
//! A record is guarded sector by sector: the last two bytes of each hold a number that the head of the record repeats.
//! Where one does not, or could not be read, the record ends before that sector: what is whole in front of it counts.

use super::attribute::{Attribute, Reference};
use crate::formats::numbers::le16;
use crate::model::Ranges;

/// The stride of the guards, whatever the sectors of the medium are.
const SECTOR: usize = 512;

/// A record whose beginning is sound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) number: u64,
    bytes: &'a [u8],
    /// Whether its end is missing.
    pub(super) is_torn: bool,
}

/// Why there is nothing in the place of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoRecord {
    /// Its beginning could not be read, or is damaged.
    Lost,
    /// There is nothing but zeros: never used, or wiped.
    Blank,
}

impl<'a> Record<'a> {
    /// Undoes the guards of the record in `raw`. `holes` are positions in the stream in which it lies at `at`.
    pub(super) fn mend(number: u64, raw: &'a mut [u8], at: u64, holes: &Ranges) -> Result<Self, NoRecord> {
        let length = raw.len();
        let sectors = length / SECTOR;
        if holes.meets(at..at.saturating_add(SECTOR as u64)) {
            return Err(NoRecord::Lost);
        }
        if raw.get(..4) != Some(b"FILE") {
            let is_blank = !holes.meets(at..at.saturating_add(length as u64)) && raw.iter().all(|byte| *byte == 0);
            return Err(if is_blank { NoRecord::Blank } else { NoRecord::Lost });
        }
        let guards = guards(raw, sectors).ok_or(NoRecord::Lost)?;
        let (number_of_guard, kept) = guards.split_first().ok_or(NoRecord::Lost)?;
        let mut whole = 0;
        for (index, (sector, kept)) in raw.chunks_exact_mut(SECTOR).zip(kept).enumerate() {
            let start = at.saturating_add((index * SECTOR) as u64);
            let Some(end) = sector.last_chunk_mut::<2>() else { break };
            if *end != *number_of_guard || holes.meets(start..start.saturating_add(SECTOR as u64)) {
                break;
            }
            *end = *kept;
            whole += 1;
        }
        let bytes = raw.get(..whole * SECTOR).filter(|_| whole > 0).ok_or(NoRecord::Lost)?;
        Ok(Self { number, bytes, is_torn: whole < sectors })
    }

    /// How often its place has been in use.
    pub(super) fn sequence(&self) -> u16 {
        le16(self.bytes, 0x10).unwrap_or(0)
    }

    /// Whether it lives.
    pub(super) fn is_in_use(&self) -> bool {
        self.flags() & 1 != 0
    }

    /// Whether it is a folder's.
    pub(super) fn is_folder(&self) -> bool {
        self.flags() & 2 != 0
    }

    fn flags(&self) -> u16 {
        le16(self.bytes, 0x16).unwrap_or(0)
    }

    /// The record that this one only goes on for.
    pub(super) fn base(&self) -> Option<Reference> {
        Reference::read(self.bytes, 0x20).filter(|base| base.number != 0 || base.sequence != 0)
    }

    /// Its attributes, as far as it is whole.
    pub(super) fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let start = usize::from(le16(self.bytes, 0x14).unwrap_or(u16::MAX));
        let mut left = self.bytes.get(start..).unwrap_or_default();
        std::iter::from_fn(move || {
            let attribute = Attribute::read(left)?;
            left = left.get(attribute.bytes.len()..)?;
            Some(attribute)
        })
    }
}

/// The number that every sector ends with, and what belongs there.
fn guards(raw: &[u8], sectors: usize) -> Option<Vec<[u8; 2]>> {
    let start = usize::from(le16(raw, 4)?);
    let count = usize::from(le16(raw, 6)?);
    if count != sectors + 1 || start < 0x2A || start + count * 2 > SECTOR - 2 {
        return None;
    }
    Some(raw.get(start..start + count * 2)?.as_chunks::<2>().0.to_vec())
}
