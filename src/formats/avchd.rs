//! The time that AVCHD camcorders write into the video stream itself (H.264, annex D: user data; the inside is that of
//! DV packs, IEC 61834-4), in the packets of a transport stream (ISO/IEC 13818-1, 2.4.3).

use std::collections::BTreeMap;

use memchr::memmem;

use crate::formats::moments::{Moment, civil_date, civil_time};
use crate::model::{Certainty, Facts, TimeSource, UtcOffset};

/// The user data that holds camera data: its id, then its name.
const CAMERA_DATA: &[u8] = b"\x17\xEE\x8C\x60\xF8\x4D\x11\xD9\x8C\xD6\x08\0\x20\x0C\x9A\x66MDPM";

/// The two packs of a recording's date: zone, century, year, month; then day, hour, minute, second.
const DATE: u8 = 0x18;
const TIME: u8 = 0x19;

/// Streams in one recording: picture, sound, tables, subtitles.
const MAX_STREAMS: usize = 32;

/// Reads the first bytes of a transport stream, with or without a time before each packet.
pub fn read(head: &[u8]) -> Facts {
    let taken = streams(head).values().find_map(|stream| camera_data(stream));
    Facts { times: taken.map(|moment| moment.said_by(TimeSource::Quicktime)).into_iter().collect(), ..Facts::default() }
}

/// The payloads of each stream, put together: what is looked for may lie across packets.
fn streams(head: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let (first, step) = if head.first() == Some(&0x47) { (0, 188) } else { (4, 192) };
    let mut streams: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    for packet in head.get(first..).unwrap_or_default().chunks(step) {
        let Some(([0x47, high, low, flags], rest)) = packet.split_first_chunk::<4>() else { continue };
        let rest = rest.get(..184).unwrap_or(rest);
        let skipped = match flags >> 4 & 3 {
            1 => 0,
            3 => 1 + rest.first().copied().map_or(0, usize::from),
            _ => continue,
        };
        let stream = u16::from_be_bytes([high & 0x1F, *low]);
        if streams.len() < MAX_STREAMS || streams.contains_key(&stream) {
            streams.entry(stream).or_default().extend_from_slice(rest.get(skipped..).unwrap_or_default());
        }
    }
    streams
}

fn camera_data(stream: &[u8]) -> Option<Moment> {
    let at = memmem::find(stream, CAMERA_DATA)? + CAMERA_DATA.len();
    // Long enough for every pack there is, start codes' guards among them.
    let plain = without_guards(stream.get(at..)?.get(..2048).unwrap_or(stream.get(at..)?));
    let (count, packs) = plain.split_first()?;
    let (packs, _) = packs.as_chunks::<5>();
    let packs = packs.get(..usize::from(*count)).unwrap_or(packs);
    let pack = |wanted: u8| packs.iter().find(|pack| pack.first() == Some(&wanted)).and_then(|pack| pack.get(1..));
    let &[zone, century, year, month] = pack(DATE)?.first_chunk::<4>()?;
    let &[day, hour, minute, second] = pack(TIME)?.first_chunk::<4>()?;
    let date = civil_date(decimal(century)? * 100 + decimal(year)?, decimal(month)?, decimal(day)?)?;
    let time = civil_time(decimal(hour)?, decimal(minute)?, decimal(second)?)?;
    Some(Moment { local: date.to_datetime(time), offset: offset(zone), certainty: Certainty::Exact })
}

/// Takes out the 3 that stands behind two zeros, so that no start code appears in data (H.264, 7.4.1).
fn without_guards(data: &[u8]) -> Vec<u8> {
    let mut plain: Vec<u8> = Vec::with_capacity(data.len());
    let mut zeros = 0;
    for byte in data {
        if *byte == 3 && zeros >= 2 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

/// Two decimal digits in one byte.
fn decimal(byte: u8) -> Option<u32> {
    let (high, low) = (byte >> 4, byte & 15);
    (high < 10 && low < 10).then(|| u32::from(high) * 10 + u32::from(low))
}

/// Hours from UTC, a half hour, the sign, and summer time on top of it; all ones where the camera does not know.
fn offset(zone: u8) -> Option<UtcOffset> {
    if zone == 0xFF {
        return None;
    }
    let minutes = i16::from(zone >> 1 & 15) * 60 + if zone & 1 == 1 { 30 } else { 0 };
    let east = if zone & 0x20 == 0 { minutes } else { -minutes };
    UtcOffset::from_minutes(if zone & 0x40 == 0 { east } else { east + 60 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// A stream of packets of 192 bytes, the user data across two of them, a guard among it.
    fn recording(zone: u8) -> Vec<u8> {
        let packs = [0x13, 0, 0, 3, 0, 1, 0x18, zone, 0x20, 0x09, 0x10, 0x19, 0x17, 0x18, 0x05, 0x59];
        let count = [3];
        let stream = [&[0xAA; 150], CAMERA_DATA, &count, &packs, &[0xBB; 300]].concat();
        let mut file = Vec::new();
        for payload in stream.chunks(184) {
            file.extend([0, 0, 0, 0, 0x47, 0x10, 0x11]);
            let missing = 184 - payload.len();
            if missing == 0 {
                file.push(0x10);
            } else {
                file.push(0x30);
                file.push(u8::try_from(missing - 1).expect("short"));
                file.resize(file.len() + missing - 1, 0xFF);
            }
            file.extend(payload);
            // A packet of another stream between.
            file.extend([0, 0, 0, 0, 0x47, 0x01, 0x00, 0x10]);
            file.extend([0xCC; 184]);
        }
        file
    }

    #[test]
    fn a_camcorder_says_when_it_filmed_and_in_which_zone() {
        let time = &read(&recording(0x42)).times[0];
        assert_eq!(time.local, date(2009, 10, 17).at(18, 5, 59, 0));
        assert_eq!(time.offset, UtcOffset::from_minutes(120), "one hour and summer time");
        assert_eq!(read(&recording(0x2B)).times[0].offset, UtcOffset::from_minutes(-330));
        assert_eq!(read(&recording(0xFF)).times[0].offset, None);
    }

    #[test]
    fn a_recording_cut_anywhere_never_panics() {
        let whole = recording(0x42);
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).times.len() <= 1);
        }
        assert!(read(&[0x47; 5000]).times.is_empty());
    }
}
