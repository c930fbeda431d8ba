//! What the movie header of a QuickTime or MPEG-4 file says (ISO/IEC 14496-12; Apple's QuickTime File Format).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::formats::exif_text::{camera_name, clean, decode, is_filler};
use crate::formats::isobmff::{atoms, child};
use crate::formats::numbers::{be16, be32, be64};
use crate::formats::{gps, moments};
use crate::model::{Certainty, Facts, TimeCandidate, TimeSource, UtcOffset};

/// Seconds from the first moment of 1904, where QuickTime's clock begins, to that of 1970.
const FROM_1904_TO_1970: u64 = 2_082_844_800;

/// Reads the inside of the `moov` atom.
///
/// Times: Apple's creation date first (a wall clock with its zone), then `©day`, then the movie header, which is UTC by
/// the standard; its wall clock is given as UTC with the offset +00:00.
pub fn read(moov: &[u8]) -> Facts {
    let header = child(moov, b"mvhd").and_then(MovieHeader::read);
    let tags = Tags::read(moov);
    let text = |name: &str| tags.first(name);
    let (width, height, orientation) = video_size(moov).unwrap_or_default();
    let make = text("com.apple.quicktime.make").or_else(|| text("\u{a9}mak"));
    let model = text("com.apple.quicktime.model").or_else(|| text("\u{a9}mod"));
    let place = text("com.apple.quicktime.location.ISO6709").or_else(|| text("\u{a9}xyz"));
    let caption = text("com.apple.quicktime.description").or_else(|| text("com.apple.quicktime.title"));
    let dates = [text("com.apple.quicktime.creationdate"), text("\u{a9}day")].into_iter().flatten();
    let dates = dates.filter_map(moments::parse).map(|moment| moment.said_by(TimeSource::Quicktime));
    Facts {
        width,
        height,
        orientation,
        camera: camera_name(make, model),
        position: place.and_then(gps::parse_iso6709),
        caption: caption.and_then(clean).filter(|caption| !is_filler(caption)),
        duration_ms: header.as_ref().and_then(MovieHeader::duration_ms),
        live_id: text("com.apple.quicktime.content.identifier").and_then(clean),
        times: dates.chain(header.and_then(|header| header.created())).collect(),
        ..Facts::default()
    }
}

struct MovieHeader {
    created: u64,
    units_per_second: u32,
    units: u64,
}

impl MovieHeader {
    fn read(payload: &[u8]) -> Option<Self> {
        let (short, long) = (|at| be32(payload, at), |at| be64(payload, at));
        match payload.first()? {
            1 => Some(Self { created: long(4)?, units_per_second: short(20)?, units: long(24)? }),
            _ => Some(Self { created: short(4)?.into(), units_per_second: short(12)?, units: short(16)?.into() }),
        }
    }

    fn duration_ms(&self) -> Option<u64> {
        // All ones mean that the duration is not known.
        let known = self.units != u64::MAX && self.units != u64::from(u32::MAX) && self.units > 0;
        known.then(|| self.units.checked_mul(1000)?.checked_div(self.units_per_second.into())).flatten()
    }

    fn created(&self) -> Option<TimeCandidate> {
        // Some cameras count from 1970 against the standard: what would lie before 1970 is from them.
        let seconds = match self.created {
            0 => return None,
            early if early < FROM_1904_TO_1970 => early,
            standard => standard - FROM_1904_TO_1970,
        };
        let moment = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
        Some(TimeCandidate {
            local: TimeZone::UTC.to_datetime(moment),
            offset: UtcOffset::from_minutes(0),
            source: TimeSource::Quicktime,
            certainty: Certainty::Exact,
        })
    }
}

/// The size and the turn of the largest track, from its header. Sound has the size 0.
fn video_size(moov: &[u8]) -> Option<(Option<u32>, Option<u32>, Option<u8>)> {
    let tracks = atoms(moov).filter(|atom| atom.name == *b"trak");
    let sizes = tracks.filter_map(|track| {
        let header = child(track.payload, b"tkhd")?;
        let matrix_at = if *header.first()? == 1 { 52 } else { 40 };
        let (matrix, size) = header.get(matrix_at..)?.split_at_checked(36)?;
        // Fixed point: two bytes before it, two after it.
        let (width, height) = (be32(size, 0)? >> 16, be32(size, 4)? >> 16);
        (width > 0 && height > 0).then_some((width, height, turn(matrix)))
    });
    let (width, height, orientation) = sizes.max_by_key(|(width, height, _)| u64::from(*width) * u64::from(*height))?;
    Some((Some(width), Some(height), orientation))
}

/// The turn of a track's matrix in EXIF's numbers; `None` for upright and for anything but a quarter turn.
fn turn(matrix: &[u8]) -> Option<u8> {
    let cell = |number: usize| be32(matrix, number * 4).map(|cell| cell.cast_signed() >> 16);
    match [cell(0)?, cell(1)?, cell(3)?, cell(4)?] {
        [0, 1, -1, 0] => Some(6),
        [-1, 0, 0, -1] => Some(3),
        [0, -1, 1, 0] => Some(8),
        _ => None,
    }
}

/// What `moov/meta` says under Apple's names, and `moov/udta` under its short ones (`©xyz`).
#[derive(Default)]
struct Tags(Vec<(String, String)>);

impl Tags {
    fn read(moov: &[u8]) -> Self {
        let mut tags = Self::default();
        if let Some(meta) = child(moov, b"meta") {
            tags.take_keys(without_version(meta));
        }
        if let Some(user_data) = child(moov, b"udta") {
            tags.take_short_names(user_data);
            if let Some(meta) = child(user_data, b"meta") {
                tags.take_keys(without_version(meta));
            }
        }
        tags
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `keys` names, from 1 on, what the atoms of `ilst` hold.
    fn take_keys(&mut self, meta: &[u8]) -> Option<()> {
        let names: Vec<_> = atoms(child(meta, b"keys")?.get(8..)?).map(|key| decode(key.payload)).collect();
        for item in atoms(child(meta, b"ilst")?) {
            let index = usize::try_from(u32::from_be_bytes(item.name)).ok().and_then(|index| index.checked_sub(1));
            let name = index.and_then(|index| names.get(index)).cloned().flatten();
            let value = child(item.payload, b"data").and_then(|data| decode(data.get(8..)?));
            self.0.extend(name.zip(value));
        }
        Some(())
    }

    /// Each holds texts with their length and language before them.
    fn take_short_names(&mut self, user_data: &[u8]) {
        for atom in atoms(user_data).filter(|atom| atom.name.first() == Some(&0xA9)) {
            let name: String = atom.name.iter().map(|byte| char::from(*byte)).collect();
            let Some(length) = be16(atom.payload, 0) else { continue };
            let text = atom.payload.get(4..).unwrap_or_default();
            let text = text.get(..length.into()).unwrap_or(text);
            self.0.extend(decode(text).map(|text| (name, text)));
        }
    }
}

/// MPEG-4 gives `meta` a version and flags, QuickTime does not.
fn without_version(meta: &[u8]) -> &[u8] {
    match meta.get(4..8) {
        Some(b"hdlr") => meta,
        _ => meta.get(4..).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn atom(name: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len() + 8).unwrap_or(0);
        [&size.to_be_bytes(), &name, payload].concat()
    }

    fn movie_header(created: u32) -> Vec<u8> {
        let mut payload = vec![0; 100];
        payload[4..8].copy_from_slice(&created.to_be_bytes());
        payload[12..16].copy_from_slice(&600_u32.to_be_bytes());
        payload[16..20].copy_from_slice(&1500_u32.to_be_bytes());
        atom(*b"mvhd", &payload)
    }

    fn apple_meta(pairs: &[(&str, &str)]) -> Vec<u8> {
        let count = u32::try_from(pairs.len()).unwrap_or(0);
        let keys: Vec<u8> = pairs.iter().flat_map(|(name, _)| atom(*b"mdta", name.as_bytes())).collect();
        let keys = atom(*b"keys", &[&[0; 4], count.to_be_bytes().as_slice(), &keys].concat());
        let items: Vec<u8> = (1..=count)
            .zip(pairs)
            .flat_map(|(index, (_, value))| {
                let data = atom(*b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], value.as_bytes()].concat());
                atom(index.to_be_bytes(), &data)
            })
            .collect();
        atom(*b"meta", &[atom(*b"hdlr", &[0; 24]), keys, atom(*b"ilst", &items)].concat())
    }

    #[test]
    fn apples_creation_date_stands_before_the_movie_header() {
        let meta = apple_meta(&[
            ("com.apple.quicktime.content.identifier", "7A1C5B0D"),
            ("com.apple.quicktime.creationdate", "2019-02-12T15:27:12+08:00"),
            ("com.apple.quicktime.location.ISO6709", "+27.1281+100.2508+000.000/"),
        ]);
        let facts = read(&[movie_header(3_789_705_600), meta].concat());
        assert_eq!(facts.live_id.as_deref(), Some("7A1C5B0D"));
        assert_eq!(facts.times[0].local, date(2019, 2, 12).at(15, 27, 12, 0));
        assert_eq!(facts.times[0].offset, UtcOffset::from_minutes(480));
        assert_eq!(facts.times[1].local, date(2024, 2, 2).at(8, 0, 0, 0));
        assert_eq!(facts.times[1].offset, UtcOffset::from_minutes(0));
        assert_eq!(facts.duration_ms, Some(2500));
        assert!(facts.position.is_some());
    }

    #[test]
    fn a_movie_header_of_1904_is_no_date_and_one_that_counts_from_1970_is_understood() {
        assert!(read(&movie_header(0)).times.is_empty());
        assert_eq!(read(&movie_header(1_400_000_000)).times[0].local.date(), date(2014, 5, 13));
    }

    #[test]
    fn the_place_of_an_android_video_is_read_and_a_turned_track_says_so() {
        let place = atom(*b"\xa9xyz", b"\x00\x12\x15\xc7+27.2939+112.6932/");
        let mut header = vec![0; 84];
        header[44..48].copy_from_slice(&0x0001_0000_u32.to_be_bytes());
        header[52..56].copy_from_slice(&(-0x0001_0000_i32).to_be_bytes());
        header[76..78].copy_from_slice(&1920_u16.to_be_bytes());
        header[80..82].copy_from_slice(&1080_u16.to_be_bytes());
        let moov = [atom(*b"trak", &atom(*b"tkhd", &header)), atom(*b"udta", &place)].concat();
        let facts = read(&moov);
        assert!(facts.position.is_some());
        assert_eq!((facts.width, facts.height, facts.orientation), (Some(1920), Some(1080), Some(6)));
        for end in 0..moov.len() {
            assert!(read(&moov[..end]).times.is_empty());
        }
    }
}
