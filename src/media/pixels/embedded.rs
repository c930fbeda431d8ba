//! The largest JPEG inside another file: the picture that a camera stores in its raw files.
//!
//! Every raw format has another place for it, and some have several. A JPEG shows itself by how it begins, so all of the
//! file is searched; what only looks like one has no sound header, or no whole picture.

use memchr::memmem;

use crate::formats::jpeg::{Frame, Process, State, Step, next_segment};

use super::{LARGE, Picture, jpeg};

/// Places that begin like a JPEG that are looked at. Bounds time.
const MOST_PLACES: usize = 1 << 16;
/// Segments before the frame's header.
const MOST_SEGMENTS: usize = 64;
/// Pictures that are tried, the largest first.
const TRIED: usize = 6;

/// The largest whole JPEG behind the first `from` bytes; where none is whole, the largest that shows anything.
pub(crate) fn largest(bytes: &[u8], from: usize) -> Option<Picture> {
    let searched = bytes.get(from..)?;
    let places = memmem::find_iter(searched, &[0xFF, 0xD8, 0xFF]).take(MOST_PLACES).map(|at| from + at);
    let mut found: Vec<(u64, usize)> = places.filter_map(|at| Some((pixels(bytes, at)?, at))).collect();
    found.sort_by_key(|(pixels, at)| (std::cmp::Reverse(*pixels), *at));
    let mut best = None;
    for (_, at) in found.into_iter().take(TRIED) {
        let (verdict, picture) = jpeg::read(bytes.get(at..)?, LARGE);
        match (verdict.state, picture) {
            (State::Whole, Ok(picture)) => return Some(picture),
            (_, Ok(picture)) if best.is_none() => best = Some(picture),
            (_, Ok(_) | Err(_)) => {}
        }
    }
    best
}

/// How many pixels the JPEG at `at` says it has; `None` where none begins that can be shown (raw data is JPEG too in some
/// formats, but lossless).
fn pixels(bytes: &[u8], at: usize) -> Option<u64> {
    let mut next = at + 2;
    for _ in 0..MOST_SEGMENTS {
        let Step::Segment(segment) = next_segment(bytes, next) else { return None };
        if let Some(frame) = Frame::read(&segment) {
            let shown = frame.process != Process::Other && frame.precision == 8;
            return shown.then_some(u64::from(frame.width) * u64::from(frame.height));
        }
        if matches!(segment.marker, 0xD8..=0xDA) {
            return None;
        }
        next = segment.end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use jpeg_encoder::{ColorType, Encoder};

    fn picture(width: u16, height: u16) -> Vec<u8> {
        let mut out = Vec::new();
        let pixels = vec![99; usize::from(width) * usize::from(height) * 3];
        Encoder::new(&mut out, 80).encode(&pixels, width, height, ColorType::Rgb).unwrap();
        out
    }

    #[test]
    fn the_largest_whole_one_is_found_among_others_and_noise() {
        let (small, large, cut) = (picture(40, 30), picture(200, 150), picture(300, 200));
        let noise = [0xFF, 0xD8, 0xFF, 0xC3, 0, 3, 7, 0xFF, 0xD8, 0xFF];
        let file = [&b"II*\0"[..], &small, &noise, &large, &cut[..cut.len() / 2]].concat();
        let found = largest(&file, 0).unwrap();
        assert_eq!((found.width, found.height), (200, 150));
        assert!(largest(&noise, 0).is_none());
        assert!(largest(&[], 0).is_none() && largest(&[], 9).is_none());
    }

    #[test]
    fn where_none_is_whole_the_rest_of_one_is_shown() {
        let cut = picture(300, 200);
        let found = largest(&cut[..cut.len() - 40], 0).unwrap();
        assert_eq!((found.width, found.height), (300, 200));
    }
}
