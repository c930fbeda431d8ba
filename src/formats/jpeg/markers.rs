//! The walk from marker to marker (T.81, B.1.1).

use crate::formats::numbers::be16;

pub(super) const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
pub(super) const SOS: u8 = 0xDA;
pub(super) const DQT: u8 = 0xDB;
pub(super) const DNL: u8 = 0xDC;
pub(super) const DRI: u8 = 0xDD;
pub(super) const DHT: u8 = 0xC4;
const TEM: u8 = 0x01;

/// One marker with what belongs to it, scans' entropy-coded data excepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    /// The second byte of the marker: `0xDA` for a start of scan.
    pub marker: u8,
    /// Where its `0xFF` stands.
    pub at: usize,
    /// The bytes after the length field; empty for markers that have none.
    pub payload: &'a [u8],
    /// Where the next marker, or the entropy-coded data of a scan, begins.
    pub end: usize,
}

/// What stands at an offset where a marker must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// A whole segment.
    Segment(Segment<'a>),
    /// The bytes end inside the marker or its segment.
    Ended,
    /// Something that is no marker.
    Lost,
}

/// Reads the segment at `at`, fill bytes (`0xFF`) before its marker allowed.
pub fn next_segment(bytes: &[u8], at: usize) -> Step<'_> {
    let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { return Step::Ended };
    let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
    if fill == 0 {
        return Step::Lost;
    }
    let Some(&marker) = rest.get(fill) else { return Step::Ended };
    let at = at + fill - 1;
    match marker {
        0x00 => Step::Lost,
        SOI | EOI | TEM | 0xD0..=0xD7 => Step::Segment(Segment { marker, at, payload: &[], end: at + 2 }),
        _ => {
            let Some(length) = be16(bytes, at + 2).map(usize::from) else { return Step::Ended };
            if length < 2 {
                return Step::Lost;
            }
            let end = at + 2 + length;
            match bytes.get(at + 4..end) {
                Some(payload) => Step::Segment(Segment { marker, at, payload, end }),
                None => Step::Ended,
            }
        }
    }
}

/// Where the entropy-coded data that begins at `at` ends: the offset of the next marker that is no restart marker, or
/// the end of the bytes.
pub fn entropy_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(next) = next_marker(bytes, at) {
        match bytes.get(next + 1) {
            Some(0xD0..=0xD7) => at = next + 2,
            Some(_) | None => return next,
        }
    }
    bytes.len()
}

/// The offset of the next `0xFF` that begins a marker: no stuffed zero after it, and no fill byte.
pub(super) fn next_marker(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
        match bytes.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_bytes_before_a_marker_are_allowed() {
        let Step::Segment(segment) = next_segment(&[0xFF, 0xFF, 0xFF, 0xDD, 0, 4, 0, 9], 0) else { panic!() };
        assert_eq!((segment.marker, segment.at, segment.payload, segment.end), (DRI, 2, &[0, 9][..], 8));
    }

    #[test]
    fn a_segment_cut_anywhere_ends_and_garbage_is_lost() {
        let whole = [0xFF, 0xDD, 0, 4, 0, 9];
        for length in 0..whole.len() {
            assert_eq!(next_segment(&whole[..length], 0), Step::Ended, "{length}");
        }
        assert_eq!(next_segment(&[0xFF, 0xDD, 0, 1, 0, 0], 0), Step::Lost);
        assert_eq!(next_segment(&[1, 2], 0), Step::Lost);
        assert_eq!(next_segment(&whole, usize::MAX), Step::Ended);
    }

    #[test]
    fn entropy_data_runs_over_stuffing_and_restart_markers() {
        let bytes = [1, 0xFF, 0, 2, 0xFF, 0xD3, 3, 0xFF, 0xFF, 0xD9];
        assert_eq!(entropy_end(&bytes, 0), 8);
        assert_eq!(entropy_end(&bytes[..7], 0), 7);
    }
}
