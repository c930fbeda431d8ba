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
    match begun_at(bytes, at) {
        Ok(segment) if segment.end <= bytes.len() => Step::Segment(segment),
        Ok(_) | Err(Nothing::Left) => Step::Ended,
        Err(Nothing::Known) => Step::Lost,
    }
}

/// Walks the segments with a payload up to the first scan, the end mark or the end of the file: where metadata lives.
///
/// Forgiving, for what a damaged or padded file still says: bytes that belong to no segment are stepped over, and of a
/// segment that the file ends inside of, the payload is what is there.
pub fn segments(file: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut next = file.starts_with(&[0xFF, SOI]).then_some(2);
    std::iter::from_fn(move || {
        loop {
            let at = next?;
            match begun_at(file, at) {
                Ok(Segment { marker: SOS | EOI, .. }) | Err(Nothing::Left) => return None,
                Ok(segment) => {
                    next = Some(segment.end);
                    if !stands_alone(segment.marker) {
                        return Some(segment);
                    }
                }
                Err(Nothing::Known) => next = next_marker(file, at + 1),
            }
        }
    })
}

/// Why no segment begins at a place.
enum Nothing {
    /// The bytes end.
    Left,
    /// What stands there is no marker.
    Known,
}

/// The segment that begins at `at`, whether or not the bytes reach to its end.
fn begun_at(bytes: &[u8], at: usize) -> Result<Segment<'_>, Nothing> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty()).ok_or(Nothing::Left)?;
    let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
    if fill == 0 {
        return Err(Nothing::Known);
    }
    let &marker = rest.get(fill).ok_or(Nothing::Left)?;
    let at = at + fill - 1;
    if marker == 0x00 {
        return Err(Nothing::Known);
    }
    if stands_alone(marker) {
        return Ok(Segment { marker, at, payload: &[], end: at + 2 });
    }
    let length = be16(bytes, at + 2).map(usize::from).ok_or(Nothing::Left)?;
    if length < 2 {
        return Err(Nothing::Known);
    }
    let end = at + 2 + length;
    let payload = bytes.get(at + 4..end.min(bytes.len())).unwrap_or_default();
    Ok(Segment { marker, at, payload, end })
}

/// Whether a marker has no length and no payload.
fn stands_alone(marker: u8) -> bool {
    matches!(marker, SOI | EOI | TEM | 0xD0..=0xD7)
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

    #[test]
    fn of_a_segment_that_is_cut_the_walk_gives_what_is_there() {
        let found: Vec<_> = segments(b"\xFF\xD8\xFF\xE1\x00\x06Ex").map(|segment| segment.payload).collect();
        assert_eq!(found, [b"Ex"]);
        assert_eq!(segments(b"\xFF\xE1\x00\x06Exif").count(), 0, "no JPEG");
    }
}
