//! Looking for holes, in bounded memory.

use std::io::{self, Read, Seek};

use crate::formats::isobmff::Extent;
use crate::formats::zeros::{Hole, SECTOR, holes, is_zero};
use crate::media::read_at::read_at;

const WINDOW: usize = 1 << 20;

/// Whether there is nothing but zeros; stops at the first byte that is none.
pub(super) fn holds_only_zeros<R: Read + Seek>(input: &mut R, size: u64) -> io::Result<bool> {
    let mut at = 0;
    while at < size {
        let window = read_at(input, at, if at == 0 { 4096 } else { WINDOW })?;
        if window.is_empty() {
            break;
        }
        if !is_zero(&window) {
            return Ok(false);
        }
        at += window.len() as u64;
    }
    Ok(true)
}

/// The zero-filled sectors inside `extents` (any order, overlaps allowed), as how many of their bytes are lost and where
/// the first hole is. Gaps between extents are not read.
pub(super) fn holes_in<R: Read + Seek>(input: &mut R, extents: &[Extent]) -> io::Result<(u64, Option<u64>)> {
    let mut ranges: Vec<(u64, u64)> =
        extents.iter().map(|extent| (extent.start, extent.start.saturating_add(extent.length))).collect();
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (start, end) in ranges {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            Some(_) | None => joined.push((start, end)),
        }
    }
    let (mut lost, mut first) = (0, None);
    let sector = SECTOR as u64;
    for (start, end) in joined {
        let mut at = start.next_multiple_of(sector);
        while at + sector <= end {
            let length = usize::try_from(end - at).unwrap_or(WINDOW).min(WINDOW);
            let window = read_at(input, at, length / SECTOR * SECTOR)?;
            for Hole { start, end } in holes(&window, at) {
                lost += end - start;
                first = first.or(Some(start));
            }
            if window.len() < SECTOR {
                break;
            }
            at += window.len() as u64;
        }
    }
    Ok((lost, first))
}
