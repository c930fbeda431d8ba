//! What finds the files that may be copies of one, without comparing each with each.

use std::collections::BTreeSet;

use crate::formats::jpeg::segments;
use crate::formats::zeros::SECTOR;

/// Different bytes in a block that tells something. Noise has about 220 in a sector; flat areas of a picture repeat a few.
const FEWEST_VALUES: usize = 96;
/// Keys of the whole file.
const OF_ALL: usize = 16;
/// Keys of each beginning of it, so that a copy that is cut short shares some.
const OF_BEGINNING: usize = 4;
/// The shortest beginning, and how much longer each next one is.
const FIRST_BEGINNING: usize = 16 << 10;
const LONGER: usize = 4;

/// The keys of a file: two copies of one photo share some, wherever their holes are.
///
/// Sharing a key makes files worth a closer look ([`super::merge`]), and proves nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    keys: Vec<u64>,
}

impl Group {
    /// The keys, sorted, at most 80: for an index from key to file.
    pub fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// Whether the two share a key.
    pub fn meets(&self, other: &Self) -> bool {
        self.keys.iter().any(|key| other.keys.binary_search(key).is_ok())
    }
}

/// Makes the keys of a file; `None` where nothing of it tells it from others: too short, or nothing but holes.
///
/// They are the smallest hashes of its sectors with their offsets, of the whole file and of its beginnings; for a JPEG with
/// a date also one of its size, tables and date. Reads each byte once.
pub fn fingerprint(bytes: &[u8]) -> Option<Group> {
    let mut all: BTreeSet<u64> = BTreeSet::new();
    let mut keys: BTreeSet<u64> = jpeg_header(bytes).into_iter().collect();
    let mut beginning = FIRST_BEGINNING;
    for (number, block) in bytes.chunks_exact(SECTOR).enumerate() {
        if number * SECTOR == beginning {
            keys.extend(all.iter().take(OF_BEGINNING));
            beginning = beginning.saturating_mul(LONGER);
        }
        if tells(block) {
            all.insert(hash(&[&(number as u64).to_le_bytes(), block]));
            if all.len() > OF_ALL {
                all.pop_last();
            }
        }
    }
    keys.extend(all);
    (!keys.is_empty()).then(|| Group { keys: keys.into_iter().collect() })
}

/// Whether a block is like no other: it holds many different bytes, as compressed data does.
pub(super) fn tells(block: &[u8]) -> bool {
    let mut met = [false; 256];
    let mut values = 0;
    for byte in block {
        if let Some(met) = met.get_mut(usize::from(*byte)).filter(|met| !**met) {
            *met = true;
            values += 1;
        }
    }
    values >= FEWEST_VALUES
}

/// Size, tables and the first date, all of which a copy shares; `None` without a date, for then thousands share the rest.
fn jpeg_header(bytes: &[u8]) -> Option<u64> {
    let (mut parts, mut date) = (Vec::new(), None);
    for segment in segments(bytes) {
        match segment.marker {
            0xC0..=0xC2 | 0xC4 | 0xDB => parts.push(segment.payload),
            0xE1 => date = date.or_else(|| segment.payload.windows(19).find(|text| is_date(text))),
            _ => {}
        }
    }
    parts.push(date?);
    (parts.len() > 1).then(|| hash(&parts))
}

/// `2014:08:03 14:22:33`
fn is_date(text: &[u8]) -> bool {
    let fits = |(pattern, byte): (&u8, &u8)| if *pattern == b'0' { byte.is_ascii_digit() } else { pattern == byte };
    text.len() == 19 && b"0000:00:00 00:00:00".iter().zip(text).all(fits)
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().as_bytes().first_chunk::<8>().map_or(0, |start| u64::from_le_bytes(*start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::merged::tests::{noise, photo};

    #[test]
    fn copies_share_a_key_wherever_their_holes_are() {
        let whole = noise(7, 3 << 20);
        let of_whole = fingerprint(&whole).unwrap();
        assert!(of_whole.keys().len() <= 80);
        for (number, length) in [16 << 10, 40 << 10, 200 << 10, 1 << 20, 3 << 20].into_iter().enumerate() {
            let cut = fingerprint(&whole[..length]).unwrap();
            assert!(cut.meets(&of_whole), "cut to {length}");
            let mut holed = whole.clone();
            holed[length / 2..length].fill(0);
            assert!(fingerprint(&holed).unwrap().meets(&of_whole), "hole {number}");
        }
    }

    #[test]
    fn photos_of_one_camera_share_none_and_nothing_has_none() {
        let (one, other) = (photo(1), photo(2));
        assert!(!fingerprint(&one).unwrap().meets(&fingerprint(&other).unwrap()));
        assert_eq!(fingerprint(&vec![0; 100_000]), None);
        assert_eq!(fingerprint(&[]), None);
    }

    #[test]
    fn a_photo_that_lost_its_picture_is_found_by_its_header() {
        let whole = photo(1);
        let mut holed = whole.clone();
        holed[5600..].fill(0);
        assert!(fingerprint(&holed).unwrap().meets(&fingerprint(&whole).unwrap()));
    }
}
