//! Whole JPEGs inside other bytes.

use std::ops::Range;

use memchr::memmem;

use crate::formats::jpeg::{Frame, Process, State, Step, next_segment, validate};

/// Larger than any preview; what is behind is not looked at. Bounds the time of one try.
const LONGEST: usize = 32 << 20;
/// More pixels than any camera has: a header that claims them is none.
const MOST_PIXELS: u64 = 1 << 28;
/// Segments before the frame's header.
const MOST_SEGMENTS: usize = 64;
/// How many times as long as all bytes those may be that are gone over in vain.
const MOST_VAIN: usize = 8;

/// The places of whole JPEGs from `from` on, none inside another, in their order.
pub(super) fn jpegs(bytes: &[u8], from: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = from;
    let mut left = bytes.len().saturating_mul(MOST_VAIN);
    std::iter::from_fn(move || {
        loop {
            let start = at + memmem::find(bytes.get(at..)?, &[0xFF, 0xD8, 0xFF])?;
            at = start + 2;
            let rest = bytes.get(start..start.saturating_add(LONGEST).min(bytes.len()))?;
            if !begins(rest) {
                continue;
            }
            let verdict = validate(rest);
            if let (State::Whole, Some(length)) = (verdict.state, verdict.end) {
                at = start + length;
                return Some(start..at);
            }
            left = left.checked_sub(verdict.end.unwrap_or(rest.len()))?;
        }
    })
}

/// Whether a frame's header follows that a picture can have. Raw data is JPEG too in some formats, but lossless.
fn begins(bytes: &[u8]) -> bool {
    let mut at = 2;
    for _ in 0..MOST_SEGMENTS {
        let Step::Segment(segment) = next_segment(bytes, at) else { return false };
        if let Some(frame) = Frame::read(&segment) {
            let pixels = u64::from(frame.width) * u64::from(frame.height);
            return frame.process != Process::Other && frame.precision == 8 && pixels <= MOST_PIXELS;
        }
        if matches!(segment.marker, 0xD8..=0xDA) {
            return false;
        }
        at = segment.end;
    }
    false
}
