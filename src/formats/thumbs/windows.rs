//! `Thumbs.db`: a compound file with a stream for each picture.
//!
//! Up to XP a stream `Catalog` lists the photos with numbers; the stream of number 123 is called `321`. Later ones, on
//! network drives, have no catalog; their streams are called after the size and a hash (`256_8c0ec5f1a20bd9d4`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::formats::numbers::{le16, le32};
use crate::model::Kind;

use super::compound::{Compound, utf16};
use super::{MOST, Thumb, kind_of, searched, tables};

/// Before a picture stand 12, 16, 24 or 28 bytes that only say how long it is.
const MOST_BEFORE: usize = 64;
/// 100 nanoseconds, from 1601 to 1970.
const BEFORE_1970: i64 = 116_444_736_000_000_000;

/// The small picture of the folder itself goes by this name.
const OF_FOLDER: &str = "{A42CD7B6-E9B9-4D02-B7A6-288B71AD28BA}";

/// What the catalog says of a photo.
type Known = (String, Option<Timestamp>);

pub(super) fn thumbs<'a>(bytes: &'a [u8], name: &[u8]) -> Option<Vec<Thumb<'a>>> {
    let is_called_so = is_name(name);
    let Some(mut file) = Compound::read(bytes) else {
        // Where only the beginning is lost, the pictures mostly lie in one piece each.
        return is_called_so
            .then(|| searched::jpegs(bytes, 0).map(|part| Thumb::found(bytes, part)).take(MOST).collect());
    };
    let streams: Vec<(usize, String)> = file.names().map(|(index, name)| (index, name.to_owned())).collect();
    let catalog = streams.iter().find(|(_, name)| name == "Catalog").map(|(index, _)| *index);
    if catalog.is_none() && !is_called_so && !streams.iter().any(|(_, name)| is_hashed(name)) {
        return None;
    }
    let known = catalog.map(|index| read_catalog(&file.stream(index))).unwrap_or_default();
    let mut found = Vec::new();
    for (index, stream) in streams.iter().take(MOST).filter(|(index, _)| Some(*index) != catalog) {
        let Some((kind, bytes)) = picture(&file.stream(*index)) else { continue };
        let (name, date) = number(stream).and_then(|number| known.get(&number)).cloned().unzip();
        found.push(Thumb { name, date: date.flatten(), bytes: Cow::Owned(bytes), kind });
    }
    Some(found)
}

fn is_name(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name == b"thumbs.db" || name.starts_with(b"ehthumbs") && name.ends_with(b".db")
}

/// `256_8c0ec5f1a20bd9d4`
fn is_hashed(stream: &str) -> bool {
    stream.split_once('_').is_some_and(|(size, hash)| {
        let sized = !size.is_empty() && size.bytes().all(|digit| digit.is_ascii_digit());
        sized && hash.len() >= 8 && hash.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// The number that a stream's name says backwards.
fn number(stream: &str) -> Option<u32> {
    let digits: String = stream.chars().rev().collect();
    digits.parse().ok()
}

/// A header of 16 bytes, then for each photo its entry's length, number, date and name.
fn read_catalog(bytes: &[u8]) -> BTreeMap<u32, Known> {
    let mut known = BTreeMap::new();
    let mut at = usize::from(le16(bytes, 0).unwrap_or(16));
    while let (Some(length), Some(number)) = (le32(bytes, at), le32(bytes, at.saturating_add(4))) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(entry) = at.checked_add(length).and_then(|end| bytes.get(at..end)).filter(|entry| entry.len() > 16)
        else {
            break;
        };
        let path = utf16(entry.get(16..).unwrap_or_default());
        // Windows Me wrote whole paths.
        let name = path.rsplit('\\').next().unwrap_or_default().to_owned();
        if name != OF_FOLDER {
            known.insert(number, (name, entry.get(8..16).and_then(date)));
        }
        at += length;
    }
    known
}

/// A `FILETIME`; `None` where it says nothing.
fn date(bytes: &[u8]) -> Option<Timestamp> {
    let ticks = i64::from_le_bytes(bytes.try_into().ok()?);
    let since_1970 = ticks.checked_sub(BEFORE_1970).filter(|_| ticks > 0)?;
    Timestamp::from_nanosecond(i128::from(since_1970) * 100).ok()
}

/// The picture in a stream; of those that lack their tables, made whole.
fn picture(stream: &[u8]) -> Option<(Kind, Vec<u8>)> {
    let starts = (0..stream.len().min(MOST_BEFORE)).step_by(4);
    let (kind, bytes) = starts.filter_map(|at| stream.get(at..)).find_map(|rest| Some((kind_of(rest)?, rest)))?;
    let whole = if kind == Kind::Jpeg { tables::completed(bytes) } else { bytes.to_vec() };
    Some((kind, whole))
}
