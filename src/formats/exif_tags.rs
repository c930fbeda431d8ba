//! EXIF as tags and values, whoever parsed them, and what they mean (Exif 2.32).

use std::collections::BTreeMap;

use crate::formats::exif_text::{camera_name, clean, decode, decode_utf16, is_filler};
use crate::formats::gps::{self, Coordinate};
use crate::formats::moments::{self, Moment, civil_date, civil_time};
use crate::formats::numbers::{be16, be32, le16};
use crate::formats::xmp::without_doubles;
use crate::formats::{iptc, photoshop};
use crate::model::{Certainty, Facts, TimeCandidate, TimeSource, UtcOffset};

/// The table that a tag stands in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Table {
    /// The first image file directory.
    Image,
    /// The EXIF directory.
    Exif,
    /// The GPS directory.
    Gps,
}

/// A tag: its table and its number.
pub type Tag = (Table, u16);

/// A value, as far as we need to tell.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Text that somebody decoded already.
    Text(String),
    /// Bytes: text of unknown encoding, or data.
    Bytes(Vec<u8>),
    /// Numbers, fractions divided; not a number where a fraction had the denominator 0.
    Numbers(Vec<f64>),
}

/// The tags that are read; all others may be left out of [`Tags`].
pub mod tag {
    use super::{Table, Tag};

    /// Pixels across, of the picture in this directory.
    pub const IMAGE_WIDTH: Tag = (Table::Image, 0x0100);
    /// Pixels down.
    pub const IMAGE_HEIGHT: Tag = (Table::Image, 0x0101);
    /// What the picture shows.
    pub const IMAGE_DESCRIPTION: Tag = (Table::Image, 0x010E);
    /// Maker of the camera.
    pub const MAKE: Tag = (Table::Image, 0x010F);
    /// Model of the camera.
    pub const MODEL: Tag = (Table::Image, 0x0110);
    /// How the picture is turned.
    pub const ORIENTATION: Tag = (Table::Image, 0x0112);
    /// When the picture was last written.
    pub const DATE_TIME: Tag = (Table::Image, 0x0132);
    /// Stars (Microsoft).
    pub const RATING: Tag = (Table::Image, 0x4746);
    /// IPTC's block (TIFF).
    pub const IPTC: Tag = (Table::Image, 0x83BB);
    /// Photoshop's image resources (TIFF).
    pub const PHOTOSHOP: Tag = (Table::Image, 0x8649);
    /// Title (Microsoft), UTF-16.
    pub const XP_TITLE: Tag = (Table::Image, 0x9C9B);
    /// Comment (Microsoft), UTF-16.
    pub const XP_COMMENT: Tag = (Table::Image, 0x9C9C);
    /// Keywords (Microsoft), UTF-16, semicolons between.
    pub const XP_KEYWORDS: Tag = (Table::Image, 0x9C9E);
    /// When the picture was taken.
    pub const DATE_TIME_ORIGINAL: Tag = (Table::Exif, 0x9003);
    /// When it became digital.
    pub const DATE_TIME_DIGITIZED: Tag = (Table::Exif, 0x9004);
    /// Zone of `DATE_TIME`.
    pub const OFFSET_TIME: Tag = (Table::Exif, 0x9010);
    /// Zone of `DATE_TIME_ORIGINAL`.
    pub const OFFSET_TIME_ORIGINAL: Tag = (Table::Exif, 0x9011);
    /// Zone of `DATE_TIME_DIGITIZED`.
    pub const OFFSET_TIME_DIGITIZED: Tag = (Table::Exif, 0x9012);
    /// Parts of a second of `DATE_TIME`.
    pub const SUB_SEC_TIME: Tag = (Table::Exif, 0x9290);
    /// Parts of a second of `DATE_TIME_ORIGINAL`.
    pub const SUB_SEC_TIME_ORIGINAL: Tag = (Table::Exif, 0x9291);
    /// Parts of a second of `DATE_TIME_DIGITIZED`.
    pub const SUB_SEC_TIME_DIGITIZED: Tag = (Table::Exif, 0x9292);
    /// The maker's own data.
    pub const MAKER_NOTE: Tag = (Table::Exif, 0x927C);
    /// Pixels across, of the whole picture.
    pub const PIXEL_WIDTH: Tag = (Table::Exif, 0xA002);
    /// Pixels down.
    pub const PIXEL_HEIGHT: Tag = (Table::Exif, 0xA003);
    /// Model of the lens.
    pub const LENS_MODEL: Tag = (Table::Exif, 0xA434);
    /// North or south.
    pub const LATITUDE_REF: Tag = (Table::Gps, 0x0001);
    /// Degrees, minutes, seconds.
    pub const LATITUDE: Tag = (Table::Gps, 0x0002);
    /// East or west.
    pub const LONGITUDE_REF: Tag = (Table::Gps, 0x0003);
    /// Degrees, minutes, seconds.
    pub const LONGITUDE: Tag = (Table::Gps, 0x0004);

    /// Hour, minute and second of the satellites' clock, UTC.
    pub const TIME_STAMP: Tag = (Table::Gps, 0x0007);
    /// Its day.
    pub const DATE_STAMP: Tag = (Table::Gps, 0x001D);

    /// All of them.
    pub const ALL: [Tag; 31] = [
        IMAGE_WIDTH,
        IMAGE_HEIGHT,
        IMAGE_DESCRIPTION,
        MAKE,
        MODEL,
        ORIENTATION,
        DATE_TIME,
        RATING,
        IPTC,
        PHOTOSHOP,
        XP_TITLE,
        XP_COMMENT,
        XP_KEYWORDS,
        DATE_TIME_ORIGINAL,
        DATE_TIME_DIGITIZED,
        OFFSET_TIME,
        OFFSET_TIME_ORIGINAL,
        OFFSET_TIME_DIGITIZED,
        SUB_SEC_TIME,
        SUB_SEC_TIME_ORIGINAL,
        SUB_SEC_TIME_DIGITIZED,
        MAKER_NOTE,
        PIXEL_WIDTH,
        PIXEL_HEIGHT,
        LENS_MODEL,
        LATITUDE_REF,
        LATITUDE,
        LONGITUDE_REF,
        LONGITUDE,
        TIME_STAMP,
        DATE_STAMP,
    ];
}

/// The tags of one file.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Tags(BTreeMap<Tag, Value>);

impl Tags {
    /// Notes a tag, unless it is there already.
    pub fn add(&mut self, tag: Tag, value: Value) {
        self.0.entry(tag).or_insert(value);
    }

    /// Notes what another parser found where this one found nothing.
    pub fn add_missing(&mut self, other: Self) {
        for (tag, value) in other.0 {
            self.add(tag, value);
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether everything is there that a second parser is worth asking for.
    pub fn is_complete(&self) -> bool {
        [tag::DATE_TIME_ORIGINAL, tag::MODEL, tag::ORIENTATION, tag::LATITUDE]
            .iter()
            .all(|tag| self.0.contains_key(tag))
    }

    /// The size of the picture in the first directory (`ImageWidth`, `ImageLength`).
    pub fn image_size(&self) -> Option<(u32, u32)> {
        Some((self.pixels(tag::IMAGE_WIDTH)?, self.pixels(tag::IMAGE_HEIGHT)?))
    }

    /// The size that the camera says the whole picture has (`PixelXDimension`, `PixelYDimension`).
    pub fn pixel_size(&self) -> Option<(u32, u32)> {
        Some((self.pixels(tag::PIXEL_WIDTH)?, self.pixels(tag::PIXEL_HEIGHT)?))
    }

    /// What an IPTC block in the tags says (TIFF; JPEG has it elsewhere).
    pub fn iptc(&self) -> Facts {
        let own = self.bytes(tag::IPTC);
        let block = own.or_else(|| photoshop::find(self.bytes(tag::PHOTOSHOP)?, photoshop::IPTC));
        block.map(iptc::read).unwrap_or_default()
    }

    /// What the tags mean. Width and height are left out: they are the container's to say.
    ///
    /// Not read: `UserComment` (of the sample files none holds what a person wrote, many hold a camera's debug text).
    pub fn facts(&self) -> Facts {
        let captions = [self.text(tag::IMAGE_DESCRIPTION), self.utf16(tag::XP_TITLE), self.utf16(tag::XP_COMMENT)];
        let keywords = self.utf16(tag::XP_KEYWORDS).unwrap_or_default();
        Facts {
            orientation: self.number(tag::ORIENTATION).and_then(whole::<u8>).filter(|turn| (1..=8).contains(turn)),
            camera: camera_name(self.text(tag::MAKE).as_deref(), self.text(tag::MODEL).as_deref()),
            lens: self.text(tag::LENS_MODEL).filter(|lens| lens.chars().any(char::is_alphanumeric)),
            position: self.position(),
            rating: self.number(tag::RATING).and_then(whole::<i8>).filter(|stars| (0..=5).contains(stars)),
            caption: captions.into_iter().flatten().find(|caption| !is_filler(caption)),
            keywords: without_doubles(&keywords.split(';').map(str::to_owned).collect::<Vec<_>>()),
            live_id: self.bytes(tag::MAKER_NOTE).and_then(apple_content_identifier),
            times: self.times(),
            ..Facts::default()
        }
    }

    fn times(&self) -> Vec<TimeCandidate> {
        let read = |time, zone, fraction| {
            let moment = moments::parse(&self.text(time)?)?.with_fraction(&self.text(fraction).unwrap_or_default());
            // Each time has a zone of its own: that of the edit is not that of the journey.
            let offset = moment.offset.or_else(|| moments::parse_offset(&self.text(zone)?));
            Some(Moment { offset, ..moment })
        };
        let satellites = self.satellite_time();
        let original = read(tag::DATE_TIME_ORIGINAL, tag::OFFSET_TIME_ORIGINAL, tag::SUB_SEC_TIME_ORIGINAL);
        let original = original.map(|moment| self.in_its_zone(moment, satellites));
        let digitized = read(tag::DATE_TIME_DIGITIZED, tag::OFFSET_TIME_DIGITIZED, tag::SUB_SEC_TIME_DIGITIZED);
        let of_maker = self.bytes(tag::MAKER_NOTE).and_then(camera_trap_time);
        let mut taken: Vec<Moment> = [original, digitized, of_maker].into_iter().flatten().collect();
        let mut modified = read(tag::DATE_TIME, tag::OFFSET_TIME, tag::SUB_SEC_TIME);
        if taken.is_empty() {
            modified = modified.map(|moment| self.in_its_zone(moment, satellites));
            // Where both agree, nobody has changed the picture since, and the wall clock says more than UTC.
            let agree = modified.is_some_and(|moment| moment.offset.is_some());
            taken.extend(satellites.filter(|_| !agree));
        }
        let taken = taken.into_iter().map(|moment| moment.said_by(TimeSource::Exif));
        taken.chain(modified.map(|moment| moment.said_by(TimeSource::ExifModified))).collect()
    }

    /// The moment of the satellites' last fix, in UTC.
    fn satellite_time(&self) -> Option<Moment> {
        let day = moments::parse(&self.text(tag::DATE_STAMP)?).filter(|day| day.certainty >= Certainty::Day)?;
        let &[hour, minute, second] = self.numbers(tag::TIME_STAMP)?.first_chunk::<3>()?;
        let time = civil_time(whole(hour)?, whole(minute)?, whole(second.floor())?)?;
        let local = day.local.date().to_datetime(time);
        Some(Moment { local, offset: UtcOffset::from_minutes(0), certainty: Certainty::Exact })
    }

    /// A wall clock and the satellites' clock together tell the zone, where the fix is fresh; an old one makes a difference
    /// that is no zone's, or not one of this part of the earth.
    fn in_its_zone(&self, moment: Moment, satellites: Option<Moment>) -> Moment {
        let zone = || UtcOffset::between(satellites?.local, moment.local, FIX_SECONDS);
        let is_near = |zone: &UtcOffset| {
            self.position().is_none_or(|place| {
                let by_the_sun = place.longitude() * 4.0;
                (f64::from(zone.minutes()) - by_the_sun).abs() <= ZONE_BESIDE_THE_SUN
            })
        };
        let zone = || zone().filter(is_near).filter(|_| moment.certainty == Certainty::Exact);
        Moment { offset: moment.offset.or_else(zone), ..moment }
    }

    fn position(&self) -> Option<crate::model::Position> {
        let (north, east) = (self.text(tag::LATITUDE_REF), self.text(tag::LONGITUDE_REF));
        gps::position(
            Coordinate { parts: self.numbers(tag::LATITUDE)?, half: north.as_deref() },
            Coordinate { parts: self.numbers(tag::LONGITUDE)?, half: east.as_deref() },
        )
    }

    fn text(&self, tag: Tag) -> Option<String> {
        match self.0.get(&tag)? {
            Value::Text(text) => clean(text),
            Value::Bytes(bytes) => decode(bytes),
            Value::Numbers(_) => None,
        }
    }

    fn utf16(&self, tag: Tag) -> Option<String> {
        decode_utf16(self.bytes(tag)?)
    }

    fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        match self.0.get(&tag)? {
            Value::Bytes(bytes) => Some(bytes),
            Value::Text(_) | Value::Numbers(_) => None,
        }
    }

    fn numbers(&self, tag: Tag) -> Option<&[f64]> {
        match self.0.get(&tag)? {
            Value::Numbers(numbers) => Some(numbers),
            Value::Text(_) | Value::Bytes(_) => None,
        }
    }

    fn number(&self, tag: Tag) -> Option<f64> {
        self.numbers(tag)?.first().copied()
    }

    fn pixels(&self, tag: Tag) -> Option<u32> {
        self.number(tag).and_then(whole::<u32>).filter(|pixels| *pixels > 0)
    }
}

/// A number that is a whole one and fits.
#[allow(clippy::cast_possible_truncation, reason = "checked to be whole and inside 32 bits first")]
fn whole<N: TryFrom<i64>>(number: f64) -> Option<N> {
    let fits = number.fract() == 0.0 && number.abs() <= f64::from(u32::MAX);
    fits.then(|| N::try_from(number as i64).ok()).flatten()
}

/// How many seconds the last fix of a receiver may be old.
const FIX_SECONDS: i64 = 60;

/// How many minutes a zone may be beside the sun: western China is three hours ahead of it, and summer time comes on top.
const ZONE_BESIDE_THE_SUN: f64 = 4.0 * 60.0;

/// The time in the maker's data of a Reconyx camera trap, which has none elsewhere: six numbers from the second up to the
/// year, behind a version (as exiftool's `Reconyx` tags document it).
fn camera_trap_time(note: &[u8]) -> Option<Moment> {
    if !matches!(note.first_chunk::<4>()?, [0x01, 0xF1, 2 | 3, 0]) {
        return None;
    }
    let number = |index: usize| le16(note, 22 + index * 2).map(u32::from);
    let date = civil_date(number(5)?, number(3)?, number(4)?)?;
    let time = civil_time(number(2)?, number(1)?, number(0)?)?;
    Some(Moment { local: date.to_datetime(time), offset: None, certainty: Certainty::Exact })
}

/// Apple's name for the two halves of a Live Photo: tag 0x0011 of the maker's data, which is a directory of its own
/// after 14 bytes, big-endian, offsets from its start.
fn apple_content_identifier(note: &[u8]) -> Option<String> {
    let directory = note.strip_prefix(b"Apple iOS\0\0\x01MM")?;
    let count = usize::from(be16(directory, 0)?);
    let (entries, _) = directory.get(2..)?.as_chunks::<12>();
    let entry = entries.iter().take(count).find(|entry| entry.starts_with(&[0x00, 0x11, 0x00, 0x02]))?;
    let length = usize::try_from(be32(entry, 4)?).ok()?;
    let at = usize::try_from(be32(entry, 8)?).ok()?;
    decode(note.get(at..at.checked_add(length)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UtcOffset;
    use jiff::civil::date;

    fn tags(pairs: &[(Tag, Value)]) -> Tags {
        let mut tags = Tags::default();
        for (tag, value) in pairs {
            tags.add(*tag, value.clone());
        }
        tags
    }

    fn ascii(text: &str) -> Value {
        Value::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn the_zone_of_an_edit_is_not_the_zone_of_the_picture() {
        let facts = tags(&[
            (tag::DATE_TIME_ORIGINAL, ascii("2014:08:03 14:22:33\0")),
            (tag::OFFSET_TIME_ORIGINAL, ascii("+01:00\0")),
            (tag::DATE_TIME, ascii("2016:01:01 10:00:00\0")),
            (tag::OFFSET_TIME, ascii("-08:00\0")),
        ])
        .facts();
        assert_eq!(facts.times.len(), 2);
        assert_eq!(facts.times[0].source, TimeSource::Exif);
        assert_eq!(facts.times[0].offset, UtcOffset::from_minutes(60));
        assert_eq!(facts.times[1].source, TimeSource::ExifModified);
        assert_eq!(facts.times[1].offset, UtcOffset::from_minutes(-480));

        let facts =
            tags(&[(tag::DATE_TIME_ORIGINAL, ascii("2014:08:03 14:22:33")), (tag::OFFSET_TIME, ascii("-08:00"))])
                .facts();
        assert_eq!(facts.times[0].offset, None);
    }

    /// A wall clock with what the satellites say, and where.
    fn with_satellites(day: &str, time: [f64; 3], longitude: Option<f64>) -> Facts {
        let mut all = vec![
            (tag::DATE_TIME_ORIGINAL, ascii("2014:08:03 14:22:33")),
            (tag::SUB_SEC_TIME_ORIGINAL, ascii("5")),
            (tag::DATE_STAMP, ascii(day)),
            (tag::TIME_STAMP, Value::Numbers(time.to_vec())),
        ];
        if let Some(longitude) = longitude {
            all.extend([(tag::LATITUDE, Value::Numbers(vec![48.0])), (tag::LATITUDE_REF, ascii("N"))]);
            all.extend([(tag::LONGITUDE, Value::Numbers(vec![longitude])), (tag::LONGITUDE_REF, ascii("E"))]);
        }
        tags(&all).facts()
    }

    #[test]
    fn the_satellites_clock_tells_the_zone_of_the_wall_clock_where_the_fix_is_fresh() {
        let zone = |day: &str, time, place| with_satellites(day, time, place).times[0].offset.map(UtcOffset::minutes);
        assert_eq!(zone("2014:08:03", [12.0, 22.0, 10.0], Some(16.0)), Some(120));
        assert_eq!(zone("2014:08:03", [12.0, 22.0, 10.0], None), Some(120));
        assert_eq!(zone("2014:08:03", [12.0, 15.0, 0.0], Some(16.0)), None, "minutes old");
        assert_eq!(zone("2014:08:03", [5.0, 22.0, 10.0], Some(16.0)), None, "hours old");
        assert_eq!(zone("2014:08:01", [12.0, 22.0, 10.0], Some(16.0)), None, "days old");
        assert_eq!(zone("1994:12:18", [12.0, 22.0, 10.0], Some(16.0)), None, "weeks counted anew");
        assert_eq!(zone("2014:08:03", [f64::NAN, 22.0, 10.0], None), None);
    }

    #[test]
    fn parts_of_a_second_are_kept() {
        let times = with_satellites("", [0.0; 3], None).times;
        assert_eq!(times[0].local, date(2014, 8, 3).at(14, 22, 33, 500_000_000));
    }

    #[test]
    fn the_satellites_alone_tell_the_time_in_utc_where_nobody_else_does() {
        let facts = tags(&[
            (tag::DATE_STAMP, ascii("2014:08:03")),
            (tag::TIME_STAMP, Value::Numbers(vec![12.0, 22.0, 33.9])),
            (tag::DATE_TIME, ascii("2016:01:01 10:00:00")),
        ])
        .facts();
        assert_eq!(facts.times[0].local, date(2014, 8, 3).at(12, 22, 33, 0));
        assert_eq!((facts.times[0].source, facts.times[0].offset), (TimeSource::Exif, UtcOffset::from_minutes(0)));
        assert_eq!(facts.times[1].source, TimeSource::ExifModified);
        let facts = tags(&[
            (tag::DATE_STAMP, ascii("2014:08:03")),
            (tag::TIME_STAMP, Value::Numbers(vec![12.0, 22.0, 33.9])),
            (tag::DATE_TIME, ascii("2014:08:03 14:22:30")),
        ])
        .facts();
        assert_eq!(facts.times.len(), 1, "the time of change is confirmed");
        assert_eq!(facts.times[0].offset, UtcOffset::from_minutes(120));
    }

    #[test]
    fn a_camera_trap_keeps_its_time_in_its_own_data() {
        let numbers = [0xF101_u16, 3, 3, 0, 0x2011, 0x0110, 0x54, 0, 0, 0, 8, 7, 30, 10, 3, 16, 2020];
        let note: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let times = |note: &[u8]| tags(&[(tag::MAKER_NOTE, Value::Bytes(note.to_vec()))]).facts().times;
        assert_eq!(times(&note)[0].local, date(2020, 3, 16).at(10, 30, 7, 0));
        for end in 0..note.len() {
            assert!(times(&note[..end]).is_empty());
        }
    }

    #[test]
    fn a_date_of_zeros_or_blanks_is_no_date() {
        for nothing in ["0000:00:00 00:00:00", "    :  :     :  :  ", "", "\0\0\0"] {
            let facts = tags(&[(tag::DATE_TIME_ORIGINAL, ascii(nothing))]).facts();
            assert!(facts.times.is_empty(), "{nothing:?}");
        }
    }

    #[test]
    fn nonsense_is_dropped_and_the_rest_stays() {
        let facts = tags(&[
            (tag::ORIENTATION, Value::Numbers(vec![9.0])),
            (tag::RATING, Value::Numbers(vec![99.0])),
            (tag::LATITUDE, Value::Numbers(vec![f64::NAN, f64::NAN, f64::NAN])),
            (tag::LATITUDE_REF, ascii("N")),
            (tag::LONGITUDE, Value::Numbers(vec![1.0, 2.0, 3.0])),
            (tag::LONGITUDE_REF, ascii("E")),
            (tag::IMAGE_DESCRIPTION, ascii("OLYMPUS DIGITAL CAMERA         ")),
            (tag::MAKE, ascii("Canon")),
            (tag::MODEL, ascii("Canon EOS 350D DIGITAL")),
        ])
        .facts();
        let camera = Some("Canon EOS 350D DIGITAL".to_owned());
        assert_eq!(facts, Facts { camera, ..Facts::default() });
    }

    #[test]
    fn windows_explorer_is_understood() {
        let utf16 = |text: &str| Value::Bytes(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        let facts = tags(&[(tag::XP_KEYWORDS, utf16("Oma;Café; Oma")), (tag::XP_TITLE, utf16("犬"))]).facts();
        assert_eq!(facts.keywords, ["Oma", "Café"]);
    }

    #[test]
    fn the_live_photo_id_is_found_in_apples_own_data() {
        let id = b"7A1C5B0D-0000-4000-8000-123456789ABC\0";
        let mut note = b"Apple iOS\0\0\x01MM\x00\x02".to_vec();
        note.extend([0, 1, 0, 9, 0, 0, 0, 1, 0, 0, 0, 5]);
        note.extend([0, 0x11, 0, 2, 0, 0, 0, 37, 0, 0, 0, 44]);
        note.extend([0, 0, 0, 0]);
        note.extend(id);
        let facts = tags(&[(tag::MAKER_NOTE, Value::Bytes(note.clone()))]).facts();
        assert_eq!(facts.live_id.as_deref(), Some("7A1C5B0D-0000-4000-8000-123456789ABC"));
        for end in 0..note.len() {
            assert_eq!(tags(&[(tag::MAKER_NOTE, Value::Bytes(note[..end].to_vec()))]).facts().live_id, None);
        }
    }

    #[test]
    fn the_first_parser_is_believed_and_the_second_fills_in() {
        let mut first = tags(&[(tag::MODEL, ascii("A"))]);
        first.add_missing(tags(&[(tag::MODEL, ascii("B")), (tag::DATE_TIME_ORIGINAL, ascii("2014:08:03 14:22:33"))]));
        let facts = first.facts();
        assert_eq!(facts.camera.as_deref(), Some("A"));
        assert_eq!(facts.times[0].local, date(2014, 8, 3).at(14, 22, 33, 0));
    }
}
