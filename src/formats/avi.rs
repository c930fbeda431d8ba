//! What the header of an AVI file says (Microsoft, “AVI RIFF File Reference”): old cameras film in it.

use crate::formats::exif_text::decode;
use crate::formats::moments::{self, Moment, civil_date, civil_time};
use crate::formats::numbers::le32;
use crate::model::{Certainty, Facts, TimeSource};

/// Reads the first bytes of a file: lists, and in them the main header and the date of digitising.
pub fn read(head: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let Some(inside) = head.strip_prefix(b"RIFF").and_then(|rest| rest.get(8..)) else { return facts };
    for chunk in chunks(inside).flat_map(with_children) {
        match &chunk.name {
            b"avih" => take_main_header(&mut facts, chunk.payload),
            b"IDIT" | b"ICRD" => {
                let moment = decode(chunk.payload).and_then(|text| parse_date(&text));
                facts.times.extend(moment.map(|moment| moment.said_by(TimeSource::Quicktime)));
            }
            _ => {}
        }
    }
    facts
}

#[derive(Clone, Copy)]
struct Chunk<'a> {
    name: [u8; 4],
    payload: &'a [u8],
}

fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let name = bytes.first_chunk::<4>()?;
        let size = usize::try_from(le32(bytes, 4)?).ok()?;
        let rest = bytes.get(8..)?;
        let (payload, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        // A chunk of odd length has a byte after it that belongs to nobody.
        bytes = after.get(size % 2..).unwrap_or_default();
        Some(Chunk { name: *name, payload })
    })
}

/// The chunk itself, and the chunks of the lists that describe the file.
fn with_children(chunk: Chunk<'_>) -> impl Iterator<Item = Chunk<'_>> {
    let list = (chunk.name == *b"LIST").then_some(chunk.payload);
    let told = list.and_then(|list| list.strip_prefix(b"hdrl").or_else(|| list.strip_prefix(b"INFO")));
    std::iter::once(chunk).chain(chunks(told.unwrap_or_default()))
}

/// Microseconds per frame, then, later, the number of frames, width and height.
fn take_main_header(facts: &mut Facts, header: &[u8]) {
    let pixels = |at| le32(header, at).filter(|pixels| *pixels > 0);
    let microseconds = le32(header, 0).zip(le32(header, 16)).map(|(each, frames)| u64::from(each) * u64::from(frames));
    facts.duration_ms = microseconds.map(|all| all / 1000).filter(|all| *all > 0);
    (facts.width, facts.height) = pixels(32).zip(pixels(36)).unzip();
}

/// Reads `Mon Mar 10 15:04:43 2003`, `2005:08:17 11:42:43`, `2001-01-27`.
fn parse_date(text: &str) -> Option<Moment> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, month, day, clock, year] = words.as_slice() else { return moments::parse(text) };
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let date = civil_date(year.parse().ok()?, u32::try_from(month).ok()? + 1, day.parse().ok()?)?;
    let mut parts = clock.split(':').map(|part| part.parse::<u32>().ok());
    let time = civil_time(parts.next()??, parts.next()??, parts.next()??)?;
    Some(Moment { local: date.to_datetime(time), offset: None, certainty: Certainty::Exact })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn chunk(name: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap_or(0).to_le_bytes();
        [&name, &size, payload, &[0][..payload.len() % 2]].concat()
    }

    fn file(written: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 56];
        header[0..4].copy_from_slice(&66_667_u32.to_le_bytes());
        header[16..20].copy_from_slice(&150_u32.to_le_bytes());
        header[32..36].copy_from_slice(&640_u32.to_le_bytes());
        header[36..40].copy_from_slice(&480_u32.to_le_bytes());
        let list =
            [b"hdrl".to_vec(), chunk(*b"avih", &header), chunk(*b"odd ", b"x"), chunk(*b"IDIT", written)].concat();
        chunk(*b"RIFF", &[b"AVI ".to_vec(), chunk(*b"LIST", &list)].concat())
    }

    #[test]
    fn an_old_cameras_film_says_when_it_was_taken() {
        let facts = read(&file(b"Mon Mar 10 15:04:43 2003\n\0"));
        assert_eq!(facts.times[0].local, date(2003, 3, 10).at(15, 4, 43, 0));
        assert_eq!((facts.width, facts.height, facts.duration_ms), (Some(640), Some(480), Some(10_000)));
        assert_eq!(read(&file(b"2005:08:17 11:42:43")).times[0].local, date(2005, 8, 17).at(11, 42, 43, 0));
        assert!(read(&file(b"Mon Foo 10 15:04:43 2003")).times.is_empty());
    }

    #[test]
    fn a_film_cut_anywhere_never_panics() {
        let whole = file(b"Mon Mar 10 15:04:43 2003\n\0");
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).times.len() <= 1);
        }
    }
}
