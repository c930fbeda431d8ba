//! The record of a file or folder (ECMA-167 4/14.9, 4/14.17), and its allocation descriptors.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::is_tagged;
use super::space::{Address, Space};
use crate::formats::numbers::{le16, le32};
use crate::model::Ranges;
use crate::sources::disk::file_system::{Content, Extent};
use crate::sources::medium::{Medium, MediumError};

/// How often the list of extents may go on in another block.
const CONTINUATIONS: usize = 4096;

pub(super) struct Entry {
    /// 4 is a folder, 5 a file.
    pub(super) kind: u8,
    pub(super) is_file: bool,
    pub(super) size: u64,
    pub(super) modified_at: Option<Timestamp>,
    pub(super) unique_id: u64,
    pub(super) content: Content,
    /// Whether the list of its extents could not be read to its end.
    pub(super) is_cut: bool,
}

/// Reads the record at `at`; `None` where it cannot be read or is none.
pub(super) fn read(
    medium: &Arc<dyn Medium>,
    space: &Space,
    zone: &TimeZone,
    at: Address,
) -> Result<Option<Entry>, MediumError> {
    let block = space.block(medium.as_ref(), at)?;
    let Some(head) = block.sound(0..216) else { return Ok(None) };
    let (time, id, attributes, list) = match () {
        () if is_tagged(head, 261) => (84, 160, 168, 176),
        () if is_tagged(head, 266) => (92, 200, 208, 216),
        () => return Ok(None),
    };
    let Some(parsed) = parse(head, zone, time, id) else { return Ok(None) };
    let lengths = le32(head, attributes).zip(le32(head, attributes + 4));
    let Some((before, length)) = lengths.and_then(|(before, length)| {
        let start = usize::try_from(before).ok()?.checked_add(list)?;
        Some((start, usize::try_from(length).ok()?)).filter(|(start, length)| start + length <= block.len())
    }) else {
        return Ok(None);
    };
    let (kind, flags, size, modified_at, unique_id) = parsed;
    let (content, is_cut) = match flags & 7 {
        3 => {
            let bytes = block.bytes().get(before..before + length).unwrap_or_default().to_vec();
            let holes = block.holes().within(before as u64..(before + length) as u64);
            let holes: Ranges = holes.iter().map(|hole| hole.start - before as u64..hole.end - before as u64).collect();
            (Content::Inline(bytes, holes), (length as u64) < size)
        }
        form @ (0 | 1) => {
            let Some(list) = block.sound(before..before + length) else { return Ok(None) };
            let (extents, have) = extents(medium, space, at, form == 1, list, size)?;
            (Content::Extents(extents), have < size)
        }
        _ => return Ok(None),
    };
    Ok(Some(Entry { kind, is_file: matches!(kind, 0 | 5 | 249), size, modified_at, unique_id, content, is_cut }))
}

type Parsed = (u8, u16, u64, Option<Timestamp>, u64);

fn parse(head: &[u8], zone: &TimeZone, time: usize, id: usize) -> Option<Parsed> {
    let wide = |at: usize| Some(u64::from(le32(head, at)?) | u64::from(le32(head, at + 4)?) << 32);
    let kind = *head.get(27)?;
    Some((kind, le16(head, 34)?, wide(56)?, timestamp(head.get(time..time + 12)?, zone), wide(id)?))
}

/// Lays out a list of allocation descriptors; answers too how many bytes they have.
fn extents(
    medium: &Arc<dyn Medium>,
    space: &Space,
    from: Address,
    are_long: bool,
    list: &[u8],
    size: u64,
) -> Result<(Vec<Extent>, u64), MediumError> {
    let (mut extents, mut have): (Vec<Extent>, u64) = (Vec::new(), 0);
    let mut list = list.to_vec();
    for _ in 0..CONTINUATIONS {
        let mut next = None;
        for descriptor in list.chunks_exact(if are_long { 16 } else { 8 }) {
            let Some((told, block)) = le32(descriptor, 0).zip(le32(descriptor, 4)) else { break };
            let length = u64::from(told & 0x3FFF_FFFF);
            let partition = if are_long { le16(descriptor, 8).unwrap_or(u16::MAX) } else { from.partition };
            let address = Address { block, partition };
            match told >> 30 {
                _ if length == 0 || have >= size => break,
                0 => {
                    let lying = space.lay_out(address, length);
                    let there: u64 = lying.iter().map(|extent| extent.length).sum();
                    extents.extend(lying);
                    have = have.saturating_add(there);
                    if there < length {
                        return Ok((extents, have));
                    }
                }
                3 => {
                    next = Some(address);
                    break;
                }
                _ => {
                    extents.push(Extent { at: None, length });
                    have = have.saturating_add(length);
                }
            }
        }
        let Some(next) = next else { break };
        let block = space.block(medium.as_ref(), next)?;
        let head = block.sound(0..24).filter(|head| is_tagged(head, 258));
        let length = head.and_then(|head| usize::try_from(le32(head, 20)?).ok());
        match length.and_then(|length| block.sound(24..length.checked_add(24)?)) {
            Some(more) => list = more.to_vec(),
            None => break,
        }
    }
    Ok((extents, have))
}

/// Twelve bytes: zone, year to second, and three parts of it (ECMA-167 1/7.3). Where no zone is given, `zone` is meant.
fn timestamp(bytes: &[u8], zone: &TimeZone) -> Option<Timestamp> {
    let zoned = le16(bytes, 0)?;
    let part = |at: usize| i8::try_from(*bytes.get(at)?).ok();
    let year = le16(bytes, 2)?.cast_signed();
    let hundredths = |at: usize| bytes.get(at).copied().map(i32::from).filter(|part| *part < 100);
    let nanoseconds = hundredths(9)? * 10_000_000 + hundredths(10)? * 100_000 + hundredths(11)? * 1000;
    let local = DateTime::new(year, part(4)?, part(5)?, part(6)?, part(7)?, part(8)?, nanoseconds).ok()?;
    // Twelve bits with a sign.
    let minutes = i32::from((zoned << 4).cast_signed() >> 4);
    if (-1440..=1440).contains(&minutes) {
        return Offset::from_seconds(minutes * 60).ok()?.to_timestamp(local).ok();
    }
    zone.to_timestamp(local).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_zone_or_is_of_the_reader() {
        let berlin = [0x78, 0x10, 0xD4, 0x07, 5, 13, 14, 30, 9, 50, 0, 0];
        assert_eq!(timestamp(&berlin, &TimeZone::UTC).expect("a time").to_string(), "2004-05-13T12:30:09.5Z");
        let west = [0xD4, 0x1E, 0xD4, 0x07, 5, 13, 14, 30, 9, 0, 0, 0];
        assert_eq!(timestamp(&west, &TimeZone::UTC).expect("a time").to_string(), "2004-05-13T19:30:09Z");
        let nowhere = [0x01, 0x18, 0xD4, 0x07, 5, 13, 14, 30, 9, 0, 0, 0];
        assert_eq!(timestamp(&nowhere, &TimeZone::UTC).expect("a time").to_string(), "2004-05-13T14:30:09Z");
    }
}
