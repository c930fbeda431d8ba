//! What the segments before the picture say, EXIF and XMP excepted.

use crate::formats::moments::{self, Moment};

use super::frame;
use super::markers::segments;

/// Photoshop's image resources, put together where they are spread over several APP13 segments.
pub fn photoshop_resources(file: &[u8]) -> Vec<u8> {
    let parts = segments(file).filter(|segment| segment.marker == 0xED);
    parts.filter_map(|segment| segment.payload.strip_prefix(b"Photoshop 3.0\0")).flatten().copied().collect()
}

/// The time that Olympus and Agfa wrote before EXIF: a line `TimeDate=909698819` among the text of APP12.
pub fn picture_info_time(file: &[u8]) -> Option<Moment> {
    let mut lines = segments(file)
        .filter(|segment| segment.marker == 0xEC)
        .flat_map(|segment| segment.payload.split(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    // Fewer digits are a number that broke off.
    let seconds = lines.find_map(|line| line.strip_prefix(b"TimeDate=").filter(|digits| digits.len() >= 9))?;
    moments::from_wall_clock_seconds(std::str::from_utf8(seconds).ok()?.trim().parse().ok()?)
}

/// Pixels across and down, from the frame's header, though the rest of it makes no sense. `None` also for a height of 0,
/// which follows later (DNL).
pub fn size(file: &[u8]) -> Option<(u32, u32)> {
    let size = segments(file).find_map(|segment| frame::size(&segment));
    size.filter(|(width, height)| *width > 0 && *height > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] =
        b"\xFF\xD8\xFF\xE1\x00\x06Exif\xFF\xFF\xED\x00\x12Photoshop 3.0\0ab\x00\x00\xFF\xED\x00\x11Photoshop 3.0\0c\
\xFF\xC0\x00\x08\x08\x01\x02\x03\x04\x01\xFF\xDA\x00\x02\xFF\xE1\x00\x04no";

    #[test]
    fn segments_are_walked_up_to_the_picture_and_padding_is_stepped_over() {
        let markers: Vec<u8> = segments(FILE).map(|segment| segment.marker).collect();
        assert_eq!(markers, [0xE1, 0xED, 0xED, 0xC0]);
        assert_eq!(photoshop_resources(FILE), b"abc");
        assert_eq!(size(FILE), Some((0x0304, 0x0102)));
    }

    #[test]
    fn the_time_of_an_early_olympus_is_read() {
        let file = b"\xFF\xD8\xFF\xEC\x00\x30OLYMPUS\0\r\n[picture info]\r\nTimeDate=909698819\r\n";
        let taken = picture_info_time(file).map(|moment| moment.local);
        assert_eq!(taken, Some(jiff::civil::date(1998, 10, 29).at(22, 6, 59, 0)));
        assert_eq!(picture_info_time(b"\xFF\xD8\xFF\xEC\x00\x10TimeDate=9096\n"), None);
    }

    #[test]
    fn a_head_cut_anywhere_never_panics() {
        for end in 0..FILE.len() {
            assert!(segments(&FILE[..end]).count() <= 4);
        }
        assert_eq!(segments(b"\xFF\xD8\xFF\xE1\x00\x00\xFF\xE1\x00\x01").count(), 0);
    }
}
