//! Windows bitmaps: nothing is coded, so all that can be told is whether every line is there.

use std::io::{self, Read, Seek};

use crate::formats::headers;
use crate::formats::numbers::{le16, le32};
use crate::model::Depth;

use super::{Tested, percent};
use crate::media::read_at::read_at;

pub(super) fn test<R: Read + Seek>(input: &mut R, size: u64) -> io::Result<Tested> {
    let head = read_at(input, 0, 64)?;
    let Some((width, height, bits, compression)) = header(&head) else {
        return Ok(Tested::damaged(Depth::Structure, Some(0), "ends before its picture begins"));
    };
    let start = u64::from(le32(&head, 10).unwrap_or(0));
    let stored = u64::from(le32(&head, 34).unwrap_or(0));
    // Only run-length coding (1 and 2) takes less than the lines, each of them filled up to four bytes.
    let line = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
    let wanted = if matches!(compression, 0 | 3 | 6) { line.saturating_mul(height.into()) } else { stored };
    let there = size.saturating_sub(start);
    let tested = match percent(there, wanted) {
        Some(good) if there < wanted => {
            Tested::truncated(Depth::Structure, Some(good), format!("ends after {good} % of the picture"))
        }
        Some(_) | None => Tested::intact(Depth::Structure),
    };
    Ok(tested.sized(width, height))
}

/// Width, height, bits per pixel, compression.
fn header(head: &[u8]) -> Option<(u32, u32, u16, u32)> {
    let (width, height) = headers::bitmap(head)?;
    if le32(head, 14)? == 12 {
        return Some((width, height, le16(head, 24)?, 0));
    }
    Some((width, height, le16(head, 28)?, le32(head, 30)?))
}
