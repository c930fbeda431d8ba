//! The small pictures of Windows 98, Me and 2000: JPEGs that leave out the tables that are always the same.
//!
//! They hold four channels (blue, green, red and how opaque), upside down. With their tables put back any decoder opens
//! them, but most take the channels for printing colours.

use crate::formats::jpeg::{Step, luminance_segment, next_segment};

/// The standard's luminance table, halved (T.81, table K.1; this is quality 75), in zigzag order.
const QUANTIZERS: [u8; 64] = [
    8, 6, 6, 7, 6, 5, 8, 7, 7, 7, 9, 9, 8, 10, 12, 20, 13, 12, 11, 11, 12, 25, 18, 19, 15, 20, 29, 26, 31, 30, 29, 26,
    28, 28, 32, 36, 46, 39, 32, 34, 44, 35, 28, 28, 40, 55, 41, 44, 48, 49, 52, 52, 52, 31, 39, 57, 61, 56, 50, 60, 46,
    51, 52, 50,
];

/// Puts in the tables that a JPEG lacks, if it lacks them.
pub(super) fn completed(jpeg: &[u8]) -> Vec<u8> {
    let (mut has_quantizers, mut has_codes, mut at) = (false, false, 2);
    while let Step::Segment(segment) = next_segment(jpeg, at) {
        match segment.marker {
            0xDB => has_quantizers = true,
            0xC4 => has_codes = true,
            0xDA => break,
            _ => {}
        }
        at = segment.end;
    }
    let (begin, rest) = jpeg.split_at_checked(2).unwrap_or((jpeg, &[]));
    let mut whole = begin.to_vec();
    if !has_quantizers {
        // One table of bytes, number 0.
        whole.extend([0xFF, 0xDB, 0, 67, 0]);
        whole.extend(QUANTIZERS);
    }
    if !has_codes {
        whole.extend(luminance_segment());
    }
    whole.extend_from_slice(rest);
    whole
}
