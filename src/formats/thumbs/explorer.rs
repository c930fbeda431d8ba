//! `thumbcache_*.db`: Windows from Vista on. Records one after the other, each with a mark, a hash and a picture.
//!
//! The hash is made of the photo's volume, number and date, so it does not lead back to a name.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use crate::formats::numbers::le32;

use super::{MOST, Thumb, kind_of};

const MARK: &[u8; 4] = b"CMMM";
/// The file's own head; the first record stands behind it.
const HEAD: usize = 24;
const VISTA: u32 = 0x14;
const SEVEN: u32 = 0x15;

pub(super) fn thumbs(bytes: &[u8]) -> Option<Vec<Thumb<'_>>> {
    bytes.strip_prefix(MARK)?;
    // 8 begins with 0x1A, 8.1 with 0x1C, 10 and 11 have 0x20; a text that begins so has none of them.
    let version = le32(bytes, 4).filter(|version| (VISTA..0x100).contains(version))?;
    let mut found = Vec::new();
    let mut at = HEAD;
    while found.len() < MOST {
        // What is no record, or lost, is stepped over to the next mark.
        let Some(next) = bytes.get(at..).and_then(|rest| memmem::find(rest, MARK)) else { break };
        at += next;
        let Some(record) = Record::read(bytes, at, version) else {
            at += MARK.len();
            continue;
        };
        at = record.end;
        let picture = bytes.get(record.picture).unwrap_or_default();
        if let Some(kind) = kind_of(picture) {
            found.push(Thumb { name: None, date: None, bytes: Cow::Borrowed(picture), kind });
        }
    }
    Some(found)
}

struct Record {
    picture: Range<usize>,
    end: usize,
}

impl Record {
    /// Mark, length of all, hash; Vista's file name ending; lengths of the name, the padding and the picture; from 8 on the
    /// picture's width and height; two checksums. Then name, padding, picture.
    fn read(bytes: &[u8], at: usize, version: u32) -> Option<Self> {
        let number =
            |offset: usize| le32(bytes, at.checked_add(offset)?).and_then(|number| usize::try_from(number).ok());
        let lengths = if version == VISTA { 24 } else { 16 };
        let sizes_of_picture = if version > SEVEN { 8 } else { 0 };
        let head = lengths + 12 + 4 + sizes_of_picture + 16;
        let (name, padding, picture) = (number(lengths)?, number(lengths + 4)?, number(lengths + 8)?);
        let start = at.checked_add(head)?.checked_add(name)?.checked_add(padding)?;
        let picture = start..start.checked_add(picture)?;
        let end = at.checked_add(number(4)?)?;
        (picture.end <= end && end <= bytes.len()).then_some(Self { picture, end })
    }
}
