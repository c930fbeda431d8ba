//! Files are made here, then cut, holed and flipped.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::trivially_copy_pass_by_ref,
    reason = "tests say what they expected"
)]

mod made;

use std::io::Cursor;

use super::*;

fn tested(bytes: &[u8], kind: Kind) -> Tested {
    test(&mut Cursor::new(bytes), bytes.len() as u64, kind).expect("memory can be read")
}

fn assert_intact(bytes: &[u8], kind: Kind, depth: Depth) {
    let found = tested(bytes, kind);
    assert_eq!((found.condition, found.depth, found.finding.as_deref()), (Condition::Intact, depth, None), "{kind}");
}

/// Cuts at every `step`-th length; each must be found.
fn assert_cuts_are_found(bytes: &[u8], kind: Kind, step: usize) {
    for length in (0..bytes.len()).step_by(step) {
        let found = tested(&bytes[..length], kind);
        assert!(found.condition.is_damage(), "{kind} cut at {length} of {} passes", bytes.len());
        assert!(found.finding.is_some());
    }
}

/// Flips bits everywhere; nothing may panic. Returns how many of a hundred are found.
fn flips_found(bytes: &[u8], kind: Kind, step: usize) -> usize {
    let places: Vec<usize> = (0..bytes.len()).step_by(step).collect();
    let found = places.iter().filter(|at| {
        let mut flipped = bytes.to_vec();
        flipped[**at] ^= 1 << (**at % 8);
        tested(&flipped, kind).condition.is_damage()
    });
    found.count() * 100 / places.len()
}

fn holed(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut holed = bytes.to_vec();
    holed[at..at + 512].fill(0);
    holed
}

#[test]
fn an_empty_file_and_a_file_of_zeros_are_damaged_whatever_they_were() {
    for (kind, _) in Kind::ALL {
        let empty = tested(&[], kind);
        assert_eq!((empty.condition, empty.good_percent), (Condition::Damaged, Some(0)), "{kind}");
        let zeros = tested(&vec![0; 3_000_000], kind);
        assert_eq!((zeros.condition, zeros.good_percent), (Condition::Damaged, Some(0)), "{kind}");
        assert_eq!(zeros.finding.as_deref(), Some("holds only zeros"));
    }
}

#[test]
fn bytes_that_say_nothing_are_damaged_and_say_so() {
    let found = tested(b"these are not the bytes of a photo", Kind::Unknown);
    assert_eq!((found.condition, found.depth), (Condition::Damaged, Depth::Signature));
    assert!(found.finding.is_some_and(|finding| finding.starts_with("does not begin like")));
}

#[test]
fn garbage_never_panics_as_any_kind() {
    let mut seed = 99_u32;
    for length in [1, 7, 30, 100, 1000, 5000] {
        let garbage: Vec<u8> = (0..length)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed.to_be_bytes()[0]
            })
            .collect();
        for (kind, _) in Kind::ALL {
            tested(&garbage, kind);
        }
    }
}

#[test]
fn a_jpeg_is_followed_to_its_last_code() {
    let jpeg = made::jpeg(211, 160);
    assert_intact(&jpeg, Kind::Jpeg, Depth::Pixels);
    assert_cuts_are_found(&jpeg, Kind::Jpeg, 997);
    let found = tested(&jpeg[..jpeg.len() / 2], Kind::Jpeg);
    let good = found.good_percent.expect("measured");
    assert!((40..60).contains(&good), "{good}");
    assert_eq!(found.finding, Some(format!("ends after {good} % of the picture")));
    assert_eq!((found.width, found.height), (Some(211), Some(160)));
    let hole = (jpeg.len() / 2).next_multiple_of(512);
    let found = tested(&holed(&jpeg, hole), Kind::Jpeg);
    assert_eq!(found.condition, Condition::Damaged);
    assert!(found.finding.expect("a finding").starts_with("holds zeros"));
    assert!((40..65).contains(&found.good_percent.expect("measured")));
}

#[test]
fn what_is_damaged_is_never_said_to_be_wholly_good() {
    let jpeg = made::jpeg(64, 64);
    let stray = [&jpeg[..2], &[1, 2, 3, 4, 5, 6, 7], &jpeg[2..]].concat();
    let found = tested(&stray, Kind::Jpeg);
    assert_eq!((found.condition, found.good_percent), (Condition::Damaged, Some(99)));
    assert_eq!(found.finding.as_deref(), Some("holds bytes that do not belong to the picture; 99 % of it is good"));

    let second = [&jpeg[..jpeg.len() / 2], &[0; 2048], &jpeg[jpeg.len() / 2..]].concat();
    let pair = [&made::with_segment(&jpeg, 0xE2, b"MPF\0")[..], &second].concat();
    let found = tested(&pair, Kind::Jpeg);
    assert_eq!((found.condition, found.good_percent), (Condition::Damaged, Some(99)));

    let mut png = made::encoded(image::ImageFormat::Png, 30, 20);
    let end = png.len() - 12;
    png.splice(end..end, *b"\0\0\0\x01tEXta\0\0\0\0");
    let found = tested(&png, Kind::Png);
    assert_eq!((found.condition, found.good_percent), (Condition::Damaged, Some(99)));
    let found = tested(&png[..end], Kind::Png);
    assert_eq!(found.finding.as_deref(), Some("lacks its end mark, with all of the picture there"));
}

#[test]
fn a_jpeg_whose_picture_is_lost_still_has_its_preview() {
    let jpeg = made::jpeg(211, 160);
    let with_preview = made::with_exif_preview(&jpeg, &made::jpeg(32, 24));
    assert_intact(&with_preview, Kind::Jpeg, Depth::Pixels);
    let header = with_preview.len() - jpeg.len() + 620;
    let found = tested(&with_preview[..header], Kind::Jpeg);
    assert_eq!(found.condition, Condition::PreviewOnly, "{found:?}");
}

#[test]
fn what_stands_behind_a_jpeg_is_tested_too() {
    let jpeg = made::jpeg(64, 64);
    let video = made::movie(b"isom", b"avc1");
    let motion = [&jpeg[..], &video].concat();
    assert_intact(&motion, Kind::Jpeg, Depth::Pixels);
    let found = tested(&motion[..motion.len() - 100], Kind::Jpeg);
    assert_eq!((found.condition, found.good_percent), (Condition::Truncated, Some(100)));
    let pair = [&made::with_segment(&jpeg, 0xE2, b"MPF\0")[..], &jpeg].concat();
    assert_intact(&pair, Kind::Jpeg, Depth::Pixels);
    let found = tested(&pair[..pair.len() - 100], Kind::Jpeg);
    assert_eq!((found.condition, found.good_percent), (Condition::Truncated, Some(100)));
}

#[test]
fn a_png_is_checked_byte_by_byte() {
    let png = made::encoded(image::ImageFormat::Png, 90, 70);
    assert_intact(&png, Kind::Png, Depth::Pixels);
    assert_cuts_are_found(&png, Kind::Png, 131);
    assert_eq!(flips_found(&png[8..], Kind::Png, 1009), 100, "without its signature all is wrong");
    assert_eq!(flips_found(&png, Kind::Png, 173), 100);
    for last in 1..=12 {
        let mut flipped = png.clone();
        flipped[png.len() - last] ^= 1;
        assert!(tested(&flipped, Kind::Png).condition.is_damage(), "{last} bytes before the end");
    }
    let without_picture = [&png[..33], &png[png.len() - 12..]].concat();
    let found = tested(&without_picture, Kind::Png);
    assert_eq!((found.condition, found.good_percent), (Condition::Damaged, Some(0)));
    let found = tested(&png[..png.len() / 2], Kind::Png);
    assert!((30..70).contains(&found.good_percent.expect("measured")), "{found:?}");
}

#[test]
fn a_png_bomb_is_not_unpacked() {
    let mut bomb = crate::formats::png::SIGNATURE.to_vec();
    let mut header = Vec::new();
    header.extend_from_slice(&50_000_u32.to_be_bytes());
    header.extend_from_slice(&50_000_u32.to_be_bytes());
    header.extend_from_slice(&[8, 6, 0, 0, 0]);
    for (name, data) in [(b"IHDR", &header[..]), (b"IDAT", &[0x78, 0x9C, 3, 0]), (b"IEND", &[])] {
        let mut checksum = crate::formats::png::Checksum::new();
        checksum.update(name);
        checksum.update(data);
        bomb.extend_from_slice(&u32::try_from(data.len()).expect("short").to_be_bytes());
        bomb.extend_from_slice(name);
        bomb.extend_from_slice(data);
        bomb.extend_from_slice(&checksum.finish().to_be_bytes());
    }
    let found = tested(&bomb, Kind::Png);
    assert_eq!((found.condition, found.depth), (Condition::Intact, Depth::Structure));
    assert!(found.finding.is_some_and(|finding| finding.starts_with("is too large to decode")));
}

#[test]
fn pictures_of_other_formats_are_decoded_and_their_cuts_found() {
    for (format, kind, depth) in [
        (image::ImageFormat::Gif, Kind::Gif, Depth::Pixels),
        (image::ImageFormat::WebP, Kind::Webp, Depth::Pixels),
        (image::ImageFormat::Tiff, Kind::Tiff, Depth::Pixels),
        (image::ImageFormat::Bmp, Kind::Bmp, Depth::Structure),
    ] {
        let bytes = made::encoded(format, 60, 50);
        assert_intact(&bytes, kind, depth);
        assert_cuts_are_found(&bytes, kind, 211);
        flips_found(&bytes, kind, 97);
    }
}

#[test]
fn a_movie_is_walked_to_its_end() {
    for (brand, kind) in [(b"isom", Kind::Mp4), (b"qt  ", Kind::Mov), (b"3gp5", Kind::ThreeGp)] {
        let movie = made::movie(brand, b"avc1");
        assert_intact(&movie, kind, Depth::Structure);
        assert_cuts_are_found(&movie, kind, 13);
        flips_found(&movie, kind, 7);
    }
}

#[test]
fn a_movie_with_its_index_in_front_tells_how_much_is_left() {
    let movie = made::movie_index_first(b"avc1");
    assert_intact(&movie, Kind::Mp4, Depth::Structure);
    let found = tested(&movie[..movie.len() - made::MEDIA / 4], Kind::Mp4);
    assert_eq!((found.condition, found.good_percent), (Condition::Truncated, Some(75)));
    assert_eq!(found.finding.as_deref(), Some("ends after 75 % of its data"));
}

#[test]
fn a_hole_in_coded_video_is_found_and_silence_in_sound_is_none() {
    let at = 2048;
    let found = tested(&holed(&made::movie(b"isom", b"avc1"), at), Kind::Mp4);
    assert_eq!(found.condition, Condition::Damaged);
    assert!(found.good_percent.is_some_and(|good| good < 100));
    assert_intact(&holed(&made::movie(b"isom", b"sowt"), at), Kind::Mp4, Depth::Structure);
}

#[test]
fn a_movie_without_its_index_is_damaged() {
    let movie = made::movie_without_index();
    assert_eq!(tested(&movie, Kind::Mp4).condition, Condition::Damaged);
}

#[test]
fn a_heic_is_walked_and_its_items_lie_inside() {
    let heic = made::heic();
    assert_intact(&heic, Kind::Heic, Depth::Structure);
    assert_cuts_are_found(&heic, Kind::Heic, 13);
    flips_found(&heic, Kind::Heic, 7);
    let found = tested(&holed(&heic, 1024), Kind::Heic);
    assert_eq!(found.condition, Condition::Damaged);
}

#[test]
fn an_avi_is_walked_and_its_holes_found() {
    let avi = made::avi();
    assert_intact(&avi, Kind::Avi, Depth::Structure);
    assert_cuts_are_found(&avi, Kind::Avi, 13);
    assert_eq!(tested(&holed(&avi, 1024), Kind::Avi).condition, Condition::Damaged);
    flips_found(&avi, Kind::Avi, 7);
}

#[test]
fn a_raw_that_lost_its_picture_keeps_its_preview() {
    let raw = made::raw();
    assert_intact(&raw, Kind::Nef, Depth::Structure);
    let found = tested(&raw[..made::RAW_DATA + made::MEDIA / 2], Kind::Nef);
    assert_eq!((found.condition, found.good_percent), (Condition::Truncated, Some(50)));
    let found = tested(&raw[..made::RAW_DATA], Kind::Nef);
    assert_eq!(found.condition, Condition::PreviewOnly);
    let found = tested(&holed(&raw, made::RAW_DATA.next_multiple_of(512)), Kind::Nef);
    assert_eq!(found.condition, Condition::Damaged);
    assert_cuts_are_found(&raw, Kind::Nef, 13);
    flips_found(&raw, Kind::Nef, 7);
}

#[test]
fn a_transport_stream_out_of_step_is_found() {
    let mut packet = [0xAB; 192];
    packet[4] = 0x47;
    let mut stream = packet.repeat(100);
    assert_intact(&stream, Kind::Mts, Depth::Structure);
    stream[192 * 50..192 * 60].fill(0);
    let found = tested(&stream, Kind::Mts);
    assert_eq!((found.condition, found.good_percent), (Condition::Damaged, Some(90)));
}

#[test]
fn a_sidecar_closes_what_it_opens() {
    let sidecar = b"<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'><a>1</a></x:xmpmeta><?xpacket end='w'?>";
    assert_intact(sidecar, Kind::Xmp, Depth::Structure);
    for length in 25..sidecar.len() - 22 {
        assert!(tested(&sidecar[..length], Kind::Xmp).condition.is_damage(), "{length}");
    }
}
