use std::io::Cursor;

use super::*;

fn payload(file: &[u8], kind: Kind) -> Option<Payload> {
    of(&mut Cursor::new(file), file.len() as u64, kind).expect("memory has no I/O errors")
}

/// A picture of 32 by 24 without two equal lines.
fn pixels() -> Vec<u8> {
    (0..32 * 24 * 3_u32).map(|at| (at * at / 7 % 251).to_le_bytes()[0]).collect()
}

fn jpeg() -> Vec<u8> {
    let mut out = Vec::new();
    jpeg_encoder::Encoder::new(&mut out, 85).encode(&pixels(), 32, 24, jpeg_encoder::ColorType::Rgb).expect("encodes");
    out
}

fn encoded(format: image::ImageFormat) -> Vec<u8> {
    let picture = image::RgbImage::from_raw(32, 24, pixels()).expect("it fits");
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).expect("it encodes");
    out.into_inner()
}

/// Where a byte can be changed without a change of the payload.
fn unnoticed(file: &[u8], kind: Kind) -> Vec<usize> {
    let whole = payload(file, kind);
    assert!(whole.is_some(), "{kind}");
    let changed = |at: &usize| {
        let mut other = file.to_vec();
        other[*at] ^= 0x10;
        payload(&other, kind)
    };
    (0..file.len()).filter(|at| changed(at) == whole).collect()
}

#[test]
fn every_byte_of_a_jpeg_counts_but_those_of_its_application_segments() {
    let file = jpeg();
    let jfif: Vec<usize> = (4..20).collect();
    // A length that grows swallows the tables behind it.
    let quiet: Vec<usize> = unnoticed(&file, Kind::Jpeg);
    assert!(quiet.iter().all(|at| jfif.contains(at) || *at == 3), "{quiet:?}");
    assert!(quiet.len() > 10);
}

#[test]
fn segments_comments_and_what_stands_behind_leave_the_payload_of_a_jpeg() {
    let file = jpeg();
    let whole = payload(&file, Kind::Jpeg);
    let exif = [&file[..2], b"\xFF\xE1\x00\x08Exif\0\0\xFF\xFE\x00\x04ab", &file[2..]].concat();
    assert_eq!(payload(&exif, Kind::Jpeg), whole);
    let padded = [&file[..2], b"\xFF\xFF", &file[2..], b"a video"].concat();
    assert_eq!(payload(&padded, Kind::Jpeg), whole);
    let ycc = [&file[..2], b"\xFF\xEE\x00\x0EAdobe\0\x64\0\0\0\0\x01", &file[2..]].concat();
    assert_eq!(payload(&ycc, Kind::Jpeg), whole, "what is assumed without it");
    let rgb = [&file[..2], b"\xFF\xEE\x00\x0EAdobe\0\x64\0\0\0\0\x00", &file[2..]].concat();
    assert_ne!(payload(&rgb, Kind::Jpeg), whole, "other colours");
}

#[test]
fn chunks_of_words_leave_the_payload_of_a_png_and_its_data_may_be_cut_otherwise() {
    let file = encoded(image::ImageFormat::Png);
    let whole = payload(&file, Kind::Png);
    let at = file.windows(4).position(|window| window == b"IDAT").expect("data") - 4;
    let words = [&file[..at], b"\0\0\0\x03tEXta\0b\0\0\0\0", &file[at..]].concat();
    assert_eq!(payload(&words, Kind::Png), whole);
    let length = u32::from_be_bytes(file[at..at + 4].try_into().expect("four"));
    let piece = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).expect("short").to_be_bytes();
        [&length, b"IDAT".as_slice(), bytes, &[0; 4]].concat()
    };
    let data = &file[at + 8..at + 8 + length as usize];
    let rest = &file[at + 12 + length as usize..];
    let cut = [&file[..at], &piece(&data[..5]), &piece(&data[5..]), rest].concat();
    assert_eq!(payload(&cut, Kind::Png), whole);
    let quiet = unnoticed(&file, Kind::Png);
    assert!(quiet.iter().all(|byte| !(at + 8..at + 8 + length as usize).contains(byte)), "{quiet:?}");
    let animated = [&file[..at], b"\0\0\0\x01fcTLa\0\0\0\0", &file[at..]].concat();
    assert_ne!(payload(&animated, Kind::Png), whole);
}

#[test]
fn comments_and_the_version_leave_the_payload_of_a_gif() {
    let file = encoded(image::ImageFormat::Gif);
    let whole = payload(&file, Kind::Gif);
    let end = file.len() - 1;
    let words = [b"GIF87a", &file[6..end], b"\x21\xFE\x02hi\0\x21\xFF\x0BXMP DataXMP\x01x\0", &file[end..]].concat();
    assert_eq!(payload(&words, Kind::Gif), whole);
    let repeated = [&file[..end], b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\x02\0\0", &file[end..]].concat();
    assert_ne!(payload(&repeated, Kind::Gif), whole);
    let quiet = unnoticed(&file, Kind::Gif);
    assert!(quiet.iter().all(|at| (4..6).contains(at)), "{quiet:?}");
}

#[test]
fn metadata_chunks_leave_the_payload_of_a_webp() {
    let file = encoded(image::ImageFormat::WebP);
    let whole = payload(&file, Kind::Webp);
    assert!(whole.is_some());
    let extended = b"VP8X\x0a\0\0\0\x08\0\0\0\x1f\0\0\x17\0\0";
    let length = u32::try_from(file.len() - 8 + extended.len() + 12).expect("short").to_le_bytes();
    let words = [b"RIFF", &length[..], b"WEBP", extended, &file[12..], b"EXIF\x03\0\0\0abc\0"].concat();
    assert_eq!(payload(&words, Kind::Webp), whole);
    let quiet = unnoticed(&file, Kind::Webp);
    assert!(quiet.iter().all(|at| *at < 20), "{quiet:?}");
}

#[test]
fn formats_never_share_a_payload() {
    let parts = |family| Parts::of(family, |_| Ok(())).ok();
    assert_ne!(parts("jpeg"), parts("png"));
    let (one, two) = (
        Parts::of("x", |parts| {
            parts.add(*b"abcd", b"12");
            parts.add(*b"abcd", b"3");
            Ok(())
        }),
        Parts::of("x", |parts| {
            parts.add(*b"abcd", b"1");
            parts.add(*b"abcd", b"23");
            Ok(())
        }),
    );
    assert_ne!(one.ok(), two.ok(), "a byte that moved into the next part");
}

#[test]
fn a_file_that_is_cut_has_no_payload_and_never_panics() {
    use image::ImageFormat::{Gif, Png, WebP};
    let files =
        [(Kind::Jpeg, jpeg()), (Kind::Png, encoded(Png)), (Kind::Gif, encoded(Gif)), (Kind::Webp, encoded(WebP))];
    for (kind, file) in files {
        for end in 0..file.len() {
            assert_eq!(payload(&file[..end], kind), None, "{kind} cut at {end} of {}", file.len());
        }
    }
}

#[test]
fn tables_that_name_the_same_bytes_again_and_again_end_the_walk() {
    // A TIFF of one directory with 1000 strips, each of which is the whole file.
    let strips = 1000_u32;
    let mut file = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    let table = 8 + 2 + 24 + 4_u32;
    for (tag, at) in [(0x0111_u16, table), (0x0117, table + strips * 4)] {
        file.extend(tag.to_be_bytes());
        file.extend([0, 4]);
        file.extend(strips.to_be_bytes());
        file.extend(at.to_be_bytes());
    }
    file.extend([0; 4]);
    file.extend([0; 4].repeat(strips as usize));
    let size = u32::try_from(file.len()).expect("short") + strips * 4;
    file.extend(size.to_be_bytes().repeat(strips as usize));
    assert_eq!(payload(&file, Kind::Tiff), None);
}

#[test]
fn nonsense_has_no_payload_whatever_it_is_called() {
    for (kind, _) in Kind::ALL {
        for nonsense in [b"".as_slice(), b"\0", &[0xFF; 300], &[0; 300], b"RIFF\xFF\xFF\xFF\xFFWEBP", b"\0\0\0\x08moov"]
        {
            let is_bare_stream = kind == Kind::Jxl && nonsense.starts_with(&[0xFF, 0x0A]);
            assert!(is_bare_stream || payload(nonsense, kind).is_none(), "{kind}");
        }
    }
}

fn boxed(name: [u8; 4], inside: &[u8]) -> Vec<u8> {
    let size = u32::try_from(inside.len() + 8).expect("short").to_be_bytes();
    [&size, &name[..], inside].concat()
}

fn full(name: [u8; 4], version: u8, inside: &[u8]) -> Vec<u8> {
    boxed(name, &[&[version, 0, 0, 0], inside].concat())
}

/// A picture (item 1) and words about it (item 2), with its properties and a table of who has which.
fn heif(properties: &[u8], table: &[u8], words: &[u8]) -> Vec<u8> {
    let data = b"the picture";
    let item = |number: u8, kind: &[u8]| full(*b"infe", 2, &[&[0, number, 0, 0], kind, b"\0"].concat());
    let meta = |at: u32| {
        let place = |number: u8, at: u32, length: usize| {
            let length = u32::try_from(length).expect("short").to_be_bytes();
            [&[0, number, 0, 0, 0, 1][..], &at.to_be_bytes(), &length].concat()
        };
        let words_at = at + u32::try_from(data.len()).expect("short");
        let places = [place(1, at, data.len()), place(2, words_at, words.len())].concat();
        let iloc = full(*b"iloc", 0, &[&[0x44, 0, 0, 2][..], &places].concat());
        let iinf = full(*b"iinf", 0, &[&[0, 2][..], &item(1, b"hvc1"), &item(2, b"Exif")].concat());
        let iprp = boxed(*b"iprp", &[boxed(*b"ipco", properties), full(*b"ipma", 0, table)].concat());
        full(*b"meta", 0, &[full(*b"pitm", 0, &[0, 1]), iinf, iloc, iprp].concat())
    };
    let head = boxed(*b"ftyp", b"heic\0\0\0\0");
    let at = u32::try_from(head.len() + meta(0).len() + 8).expect("short");
    [head, meta(at), boxed(*b"mdat", &[data, words].concat())].concat()
}

#[test]
fn of_a_heif_the_picture_and_its_turn_count_and_the_words_do_not() {
    let size = full(*b"ispe", 0, &[0, 0, 0, 9, 0, 0, 0, 9]);
    let turned = |by: u8| [&size[..], &boxed(*b"irot", &[by])].concat();
    let table = [0, 0, 0, 1, 0, 1, 2, 1, 2];
    let whole = payload(&heif(&turned(0), &table, b"Exif"), Kind::Heic);
    assert!(whole.is_some());
    assert_eq!(payload(&heif(&turned(0), &table, b"longer words"), Kind::Heic), whole);
    assert_ne!(payload(&heif(&turned(1), &table, b"Exif"), Kind::Heic), whole);
    let mut other = heif(&turned(0), &table, b"Exif");
    let at = other.windows(11).position(|window| window == b"the picture").expect("it is there");
    other[at + 5] ^= 1;
    assert_ne!(payload(&other, Kind::Heic), whole);
    for end in 0..other.len() {
        assert_eq!(payload(&other[..end], Kind::Heic), None, "cut at {end}");
    }
}

#[test]
fn a_large_property_that_is_named_again_and_again_is_hashed_once() {
    let entry = [&[0, 1, 255][..], &[1; 255]].concat();
    let table = [&300_u32.to_be_bytes()[..], &entry.repeat(300)].concat();
    let started = std::time::Instant::now();
    assert!(payload(&heif(&full(*b"ispe", 0, &vec![7; 1 << 20]), &table, b"Exif"), Kind::Heic).is_some());
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// A film of one track with two chunks; `gap` stands before each.
fn film(samples: [&[u8]; 2], gap: &[u8]) -> Vec<u8> {
    let long = |number: usize| u32::try_from(number).expect("short").to_be_bytes();
    let head = boxed(*b"ftyp", b"mp42\0\0\0\0");
    let first = head.len() + 8 + gap.len();
    let second = first + samples[0].len() + gap.len();
    let stbl = [
        full(*b"stsd", 0, &[&long(1)[..], &boxed(*b"avc1", b"how")].concat()),
        full(*b"stsc", 0, &[long(1), long(1), long(1), long(1)].concat()),
        full(*b"stsz", 0, &[long(0), long(2), long(samples[0].len()), long(samples[1].len())].concat()),
        full(*b"stco", 0, &[long(2), long(first), long(second)].concat()),
    ];
    let hdlr = full(*b"hdlr", 0, b"\0\0\0\0vide");
    let media = boxed(*b"mdia", &[hdlr, boxed(*b"minf", &boxed(*b"stbl", &stbl.concat()))].concat());
    let header = full(*b"mvhd", 0, gap);
    let moov = boxed(*b"moov", &[header, boxed(*b"trak", &media)].concat());
    [head, boxed(*b"mdat", &[gap, samples[0], gap, samples[1]].concat()), moov].concat()
}

#[test]
fn of_a_film_the_samples_count_wherever_they_lie() {
    let whole = payload(&film([b"one", b"two"], b""), Kind::Mp4);
    assert!(whole.is_some());
    assert_eq!(payload(&film([b"one", b"two"], b"other times and places"), Kind::Mov), whole);
    assert_ne!(payload(&film([b"one", b"twO"], b""), Kind::Mp4), whole);
    let longer = [film([b"one", b"two"], b""), b"a trailer".to_vec()].concat();
    assert_eq!(payload(&longer, Kind::Mp4), whole);
    let file = film([b"one", b"two"], b"");
    for end in 0..file.len() {
        assert_eq!(payload(&file[..end], Kind::Mp4), None, "cut at {end}");
    }
}
