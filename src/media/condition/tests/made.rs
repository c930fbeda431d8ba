//! Small files of each format, made by hand.

use std::io::Cursor;

use jpeg_encoder::{ColorType, Encoder};

/// Bytes of media data in each container.
pub(super) const MEDIA: usize = 8192;
/// Where the raw data of [`raw`] begins.
pub(super) const RAW_DATA: usize = 4096;

/// Bytes without zeros.
fn grain(length: usize) -> Vec<u8> {
    let mut seed = 7_u32;
    let next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0] | 1
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn pixels(width: u16, height: u16) -> Vec<u8> {
    let waves = (0_u32..).map(|at| (at * 7 % 251).to_le_bytes()[0] / 2);
    grain(usize::from(width) * usize::from(height) * 3).into_iter().zip(waves).map(|(one, two)| one / 3 + two).collect()
}

pub(super) fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut out = Vec::new();
    let encoder = Encoder::new(&mut out, 85);
    encoder.encode(&pixels(width, height), width, height, ColorType::Rgb).expect("it encodes");
    out
}

pub(super) fn with_segment(jpeg: &[u8], marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).expect("short").to_be_bytes();
    [&[0xFF, 0xD8, 0xFF, marker], &length[..], payload, &jpeg[2..]].concat()
}

pub(super) fn with_exif_preview(jpeg: &[u8], preview: &[u8]) -> Vec<u8> {
    with_segment(jpeg, 0xE1, &[b"Exif\0\0MM\0*\0\0\0\x08\0\0", preview].concat())
}

pub(super) fn encoded(format: image::ImageFormat, width: u16, height: u16) -> Vec<u8> {
    let picture = image::RgbImage::from_raw(width.into(), height.into(), pixels(width, height)).expect("it fits");
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).expect("it encodes");
    out.into_inner()
}

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len() + 8).expect("short").to_be_bytes()[..], name, content].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A track of four chunks of two samples each, which lie one after the other from `start` on.
fn moov(start: usize, codec: &[u8; 4]) -> Vec<u8> {
    let start = u32::try_from(start).expect("short");
    let (sample, chunk) = (1024, 2048);
    let offsets: Vec<u32> = (0..4).map(|number| start + number * chunk).collect();
    let description = [&words(&[0, 1, 16])[..], codec, &[0; 8]].concat();
    let table = [
        boxed(b"stsd", &description),
        boxed(b"stsc", &words(&[0, 1, 1, 2, 1])),
        boxed(b"stsz", &words(&[&[0, 0, 8][..], &[sample; 8]].concat())),
        boxed(b"stco", &words(&[&[0, 4][..], &offsets].concat())),
    ]
    .concat();
    let handler = [&words(&[0, 0])[..], b"vide", &[0; 12]].concat();
    let media = [boxed(b"hdlr", &handler), boxed(b"minf", &boxed(b"stbl", &table))].concat();
    boxed(b"moov", &boxed(b"trak", &boxed(b"mdia", &media)))
}

fn ftyp(brand: &[u8; 4]) -> Vec<u8> {
    boxed(b"ftyp", &[&brand[..], &[0; 4], brand].concat())
}

pub(super) fn movie(brand: &[u8; 4], codec: &[u8; 4]) -> Vec<u8> {
    let head = ftyp(brand);
    let moov = moov(head.len() + 8, codec);
    [head, boxed(b"mdat", &grain(MEDIA)), moov].concat()
}

pub(super) fn movie_index_first(codec: &[u8; 4]) -> Vec<u8> {
    let head = ftyp(b"isom");
    let start = head.len() + moov(0, codec).len() + 8;
    [head, moov(start, codec), boxed(b"mdat", &grain(MEDIA))].concat()
}

pub(super) fn movie_without_index() -> Vec<u8> {
    [ftyp(b"isom"), boxed(b"mdat", &grain(MEDIA))].concat()
}

pub(super) fn heic() -> Vec<u8> {
    let head = ftyp(b"heic");
    let meta = |start: usize| {
        let entry = [&[2, 0, 0, 0, 0, 1, 0, 0][..], b"hvc1\0"].concat();
        let iinf = [&[0, 0, 0, 0, 0, 1][..], &boxed(b"infe", &entry)].concat();
        let place = words(&[u32::try_from(start).expect("short"), u32::try_from(MEDIA).expect("short")]);
        let iloc = [&[0, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 0, 0, 1][..], &place].concat();
        boxed(b"meta", &[&[0; 4][..], &boxed(b"iinf", &iinf), &boxed(b"iloc", &iloc)].concat())
    };
    let start = head.len() + meta(0).len() + 8;
    [head, meta(start), boxed(b"mdat", &grain(MEDIA))].concat()
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&name[..], &u32::try_from(content.len()).expect("short").to_le_bytes(), content].concat()
}

pub(super) fn avi() -> Vec<u8> {
    let frames: Vec<u8> = (0..4).flat_map(|_| chunk(b"00dc", &grain(MEDIA / 4))).collect();
    let header = chunk(b"LIST", &[&b"hdrl"[..], &chunk(b"avih", &[0; 56])].concat());
    let movie = chunk(b"LIST", &[&b"movi"[..], &frames].concat());
    chunk(b"RIFF", &[&b"AVI "[..], &header, &movie, &chunk(b"idx1", &[0; 64])].concat())
}

/// Two directories: a JPEG preview at 1024, and raw data, compressed, at [`RAW_DATA`].
pub(super) fn raw() -> Vec<u8> {
    let directory = |entries: &[(u16, u16, u32, u32)], next: u32| -> Vec<u8> {
        let mut out = u16::try_from(entries.len()).expect("short").to_le_bytes().to_vec();
        for (tag, kind, count, value) in entries {
            out.extend(tag.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend(count.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        out.extend(next.to_le_bytes());
        out
    };
    let media = u32::try_from(MEDIA).expect("short");
    let data = u32::try_from(RAW_DATA).expect("short");
    let mut out = b"II*\0\x08\0\0\0".to_vec();
    out.extend(directory(&[(0x0201, 4, 1, 1024), (0x0202, 4, 1, 500)], 512));
    out.resize(512, 0);
    let picture = [
        (0x0100, 4, 1, 100),
        (0x0101, 4, 1, 80),
        (0x0103, 4, 1, 34_713),
        (0x0111, 4, 1, data),
        (0x0117, 4, 1, media),
        // XMP, behind the picture.
        (0x02BC, 7, 64, data + media),
    ];
    out.extend(directory(&picture, 0));
    out.resize(RAW_DATA, 0);
    out.extend(grain(MEDIA + 64));
    out
}
