//! What belongs to a JPEG behind its end mark: further pictures (CIPA DC-007), the film of a motion photo, a phone's own
//! records.

use memchr::memmem;

use super::shape::Look;
use crate::formats::isobmff::box_head;
use crate::formats::jpeg::{Advance, Follower, segments};
use crate::formats::numbers::{Order, le32};
use crate::sources::medium::MediumError;

/// Bytes of a header that is looked at for where further pictures lie.
const HEADER: usize = 1 << 20;
const STEP: usize = 1 << 16;
/// More pictures than any camera puts into one file.
const MAX_PICTURES: usize = 32;
/// Larger than any picture or short film in one.
const MAX_PART: u64 = 256 << 20;
/// Samsung's records behind the picture, films excepted, are smaller.
const MAX_RECORDS: usize = 1 << 16;

/// Where the file ends whose picture ends at `end`: as far as whatever follows is whole.
pub(super) fn end_of_file(end: u64, look: &mut Look<'_>) -> Result<u64, MediumError> {
    let mut last = end;
    let header = look(0, HEADER.min(usize::try_from(end).unwrap_or(HEADER)))?;
    for (start, size) in listed(&header).into_iter().take(MAX_PICTURES) {
        let behind = start.saturating_add(size);
        if start >= end && behind > last && picture(start, look)?.is_some_and(|found| found <= behind) {
            last = behind;
        }
    }
    for _ in 0..MAX_PICTURES {
        let next = look(last, 16)?;
        let found = if next.starts_with(&[0xFF, 0xD8, 0xFF]) && !last.is_multiple_of(512) {
            picture(last, look)?
        } else if next.get(4..8) == Some(b"ftyp") {
            film(last, look)?
        } else if next.first_chunk::<2>() == Some(&[0, 0]) {
            records(last, look)?
        } else {
            None
        };
        let Some(found) = found else { break };
        last = found;
    }
    Ok(last)
}

/// The pictures that the header lists (MPF), by start and size.
fn listed(header: &[u8]) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    for segment in segments(header).filter(|segment| segment.marker == 0xE2) {
        let Some(index) = segment.payload.strip_prefix(b"MPF\0") else { continue };
        let base = segment.at as u64 + 8;
        let order = if index.starts_with(b"II") { Order::Little } else { Order::Big };
        let number = |at: usize, width: usize| order.number(index.get(at..at + width)?);
        let entries = || {
            let first = usize::try_from(number(4, 4)?).ok()?;
            for entry in 0..usize::try_from(number(first, 2)?).ok()?.min(64) {
                let at = first.checked_add(2 + entry * 12)?;
                // The list of pictures: 16 bytes for each.
                if number(at, 2)? == 0xB002 {
                    return Some((usize::try_from(number(at + 8, 4)?).ok()?, number(at + 4, 4)? / 16));
                }
            }
            None
        };
        let Some((list, count)) = entries() else { continue };
        for picture in 0..usize::try_from(count).unwrap_or(0).min(MAX_PICTURES) {
            let at = list.saturating_add(picture * 16);
            let Some((size, offset)) = number(at.saturating_add(4), 4).zip(number(at.saturating_add(8), 4)) else {
                break;
            };
            if offset > 0 {
                found.push((base + offset, size));
            }
        }
    }
    found
}

/// Where the JPEG ends that begins at `at`, if it is whole.
fn picture(at: u64, look: &mut Look<'_>) -> Result<Option<u64>, MediumError> {
    let mut follower = Follower::new();
    let mut from = at;
    while from - at < MAX_PART {
        let bytes = look(from, STEP)?;
        if bytes.is_empty() {
            break;
        }
        from += bytes.len() as u64;
        match follower.feed(&bytes) {
            Advance::More => {}
            Advance::Whole(size) => return Ok(Some(at + size)),
            Advance::Broken(..) => break,
        }
    }
    Ok(None)
}

/// Where the film ends that begins at `at`, if it has an index and data.
fn film(at: u64, look: &mut Look<'_>) -> Result<Option<u64>, MediumError> {
    let (mut end, mut has_index, mut has_data) = (at, false, false);
    for number in 0..64 {
        let head = look(end, 16)?;
        let Some(head) = box_head(&head) else { break };
        if (number == 0) != (head.name == *b"ftyp")
            || ![b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"meta"].contains(&&head.name)
        {
            break;
        }
        let Some(size) = head.size.filter(|size| *size < MAX_PART) else { break };
        has_index |= head.name == *b"moov";
        has_data |= head.name == *b"mdat";
        end = end.saturating_add(size);
    }
    let there = end > at && !look(end - 1, 1)?.is_empty();
    Ok((has_index && has_data && there).then_some(end))
}

/// Where Samsung's records end that begin at `at`: a list of them stands last, between `SEFH` and `SEFT`.
fn records(at: u64, look: &mut Look<'_>) -> Result<Option<u64>, MediumError> {
    let bytes = look(at, MAX_RECORDS)?;
    // Each begins with its kind and the length of its name.
    let named = le32(&bytes, 4).is_some_and(|length| (1..64).contains(&length));
    let Some(list) = memmem::find(&bytes, b"SEFH").filter(|_| named) else { return Ok(None) };
    let end = memmem::find(bytes.get(list..).unwrap_or_default(), b"SEFT");
    Ok(end.map(|end| at + (list + end + 4) as u64))
}
