//! What a PNG says in its own words about when it was made (W3C, third edition, 11.3.3 and 11.3.5).

use crate::formats::exif_text::{clean, decode};
use crate::formats::moments::{self, Moment, civil_date, civil_time};
use crate::formats::numbers::{be16, be32};
use crate::formats::png::SIGNATURE;
use crate::model::{Certainty, TimeCandidate, TimeSource, UtcOffset};

/// More chunks than any picture has before and behind its data.
const MAX_CHUNKS: usize = 1 << 16;

/// Reads `Creation Time`, when the original picture was made; and `tIME`, when this file was changed last, in UTC: that
/// counts no more than EXIF's time of change.
pub fn times(file: &[u8]) -> Vec<TimeCandidate> {
    let mut made = Vec::new();
    let mut changed = Vec::new();
    for (name, data) in chunks(file) {
        match name {
            b"tEXt" => made.extend(creation_time(data, decode)),
            b"iTXt" => made.extend(creation_time(data, plain_international)),
            b"tIME" => changed.extend(last_change(data)),
            _ => {}
        }
    }
    let made = made.into_iter().map(|moment: Moment| moment.said_by(TimeSource::Quicktime));
    made.chain(changed.into_iter().map(|moment: Moment| moment.said_by(TimeSource::ExifModified))).collect()
}

fn chunks(file: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = file.strip_prefix(SIGNATURE).unwrap_or_default();
    let chunk = move || {
        let length = usize::try_from(be32(rest, 0)?).ok()?;
        let (name, inside) = rest.get(4..)?.split_first_chunk::<4>()?;
        let data = inside.get(..length)?;
        rest = inside.get(length.checked_add(4)?..).unwrap_or_default();
        Some((name, data))
    };
    std::iter::from_fn(chunk).take(MAX_CHUNKS)
}

fn creation_time(data: &[u8], text: impl Fn(&[u8]) -> Option<String>) -> Option<Moment> {
    let (key, rest) = split_at_zero(data)?;
    if !key.eq_ignore_ascii_case(b"Creation Time") {
        return None;
    }
    let text = text(rest)?;
    moments::parse(&text).or_else(|| moments::parse_mail(&text))
}

/// The text of an `iTXt` chunk behind its key: flags, a language, the key in that language. Compressed ones are not read.
fn plain_international(rest: &[u8]) -> Option<String> {
    let rest = rest.strip_prefix(&[0, 0])?;
    let (_, rest) = split_at_zero(rest)?;
    let (_, text) = split_at_zero(rest)?;
    clean(&String::from_utf8_lossy(text))
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

fn last_change(data: &[u8]) -> Option<Moment> {
    let &[month, day, hour, minute, second] = data.get(2..7)?.first_chunk::<5>()?;
    let written = civil_date(be16(data, 0)?.into(), month.into(), day.into())?;
    let time = civil_time(hour.into(), minute.into(), second.into())?;
    Some(Moment { local: written.to_datetime(time), offset: UtcOffset::from_minutes(0), certainty: Certainty::Exact })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut file = SIGNATURE.to_vec();
        for (name, data) in chunks {
            file.extend(u32::try_from(data.len()).expect("short").to_be_bytes());
            file.extend([name.as_slice(), data, &[0; 4]].concat());
        }
        file
    }

    #[test]
    fn a_png_says_when_its_picture_was_made_in_three_ways() {
        let taken = date(2014, 8, 3).at(14, 22, 33, 0);
        for (name, data) in [
            (b"tEXt", b"Creation Time\x002014:08:03 14:22:33".as_slice()),
            (b"tEXt", b"Creation Time\0Sun, 3 Aug 2014 14:22:33 +0200"),
            (b"iTXt", b"Creation Time\0\0\0en\0Zeit\x002014-08-03T14:22:33+02:00"),
        ] {
            let times = times(&file(&[(b"IHDR", b""), (name, data)]));
            assert_eq!((times[0].local, times[0].source), (taken, TimeSource::Quicktime), "{data:?}");
        }
        assert!(times(&file(&[(b"tEXt", b"date:modify\x002014-08-03T14:22:33")])).is_empty());
    }

    #[test]
    fn the_last_change_of_a_png_is_a_weak_word_in_utc() {
        let times = times(&file(&[(b"tIME", b"\x07\xDE\x08\x03\x0E\x16\x21")]));
        assert_eq!(times[0].local, date(2014, 8, 3).at(14, 22, 33, 0));
        assert_eq!((times[0].source, times[0].offset), (TimeSource::ExifModified, UtcOffset::from_minutes(0)));
    }

    #[test]
    fn a_png_cut_anywhere_never_panics() {
        let whole = file(&[(b"tEXt", b"Creation Time\x002014"), (b"tIME", b"\x07\xDE\x08\x03\x0E\x16\x21")]);
        for end in 0..whole.len() {
            assert!(times(&whole[..end]).len() <= 2);
        }
    }
}
