use jpeg_encoder::{ColorType, Encoder};

use crate::formats::jpeg::{State, validate};

use super::*;

fn small(width: u16, height: u16, grey: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let pixels: Vec<u8> = (0..usize::from(width) * usize::from(height) * 3)
        .map(|at| grey.wrapping_add(u8::try_from(at * at % 61).unwrap()))
        .collect();
    Encoder::new(&mut out, 75).encode(&pixels, width, height, ColorType::Rgb).unwrap();
    out
}

/// Writes compound files of version 3, as little as will do: streams below 4096 bytes go where they must.
#[derive(Default)]
struct Writer {
    sectors: Vec<[u8; 512]>,
    next: Vec<u32>,
    mini: Vec<u8>,
    mini_next: Vec<u32>,
    entries: Vec<[u8; 128]>,
}

const END: u32 = 0xFFFF_FFFE;

impl Writer {
    fn new() -> Self {
        let mut writer = Self::default();
        writer.entry("Root Entry", 5, END, 0);
        writer
    }

    fn entry(&mut self, name: &str, kind: u8, start: u32, size: usize) {
        let mut entry = [0; 128];
        let letters: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        entry[..letters.len()].copy_from_slice(&letters);
        entry[64..66].copy_from_slice(&u16::try_from(letters.len()).unwrap().to_le_bytes());
        entry[66] = kind;
        entry[116..120].copy_from_slice(&start.to_le_bytes());
        entry[120..124].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
        self.entries.push(entry);
    }

    /// In every second sector, from behind to front: a chain that nobody could guess.
    fn chain(&mut self, bytes: &[u8]) -> u32 {
        let count = bytes.len().div_ceil(512);
        let first = self.sectors.len();
        self.sectors.resize(first + count * 2, [0xEE; 512]);
        self.next.resize(first + count * 2, u32::MAX);
        let place = |index: usize| first + (count - 1 - index) * 2;
        for (index, part) in bytes.chunks(512).enumerate() {
            self.sectors[place(index)][..part.len()].copy_from_slice(part);
            self.next[place(index)] = if index + 1 < count { u32::try_from(place(index + 1)).unwrap() } else { END };
        }
        if count == 0 { END } else { u32::try_from(place(0)).unwrap() }
    }

    fn stream(&mut self, name: &str, bytes: &[u8]) {
        let start = if bytes.len() >= 4096 {
            self.chain(bytes)
        } else {
            let start = self.mini.len() / 64;
            let count = bytes.len().div_ceil(64);
            self.mini.extend(bytes);
            self.mini.resize((start + count) * 64, 0);
            let last = u32::try_from(start + count).unwrap();
            self.mini_next.extend((u32::try_from(start).unwrap() + 1..last).chain([END]));
            u32::try_from(start).unwrap()
        };
        self.entry(name, 2, start, bytes.len());
    }

    fn finish(mut self) -> Vec<u8> {
        let mini = std::mem::take(&mut self.mini);
        let start = self.chain(&mini);
        self.entries[0][116..120].copy_from_slice(&start.to_le_bytes());
        self.entries[0][120..124].copy_from_slice(&u32::try_from(mini.len()).unwrap().to_le_bytes());
        let mini_table: Vec<u8> = self.mini_next.iter().flat_map(|next| next.to_le_bytes()).collect();
        let mini_start = self.chain(&mini_table);
        let directory: Vec<u8> = self.entries.concat();
        let directory_start = self.chain(&directory);
        let tables = (self.sectors.len() + 20).div_ceil(128);
        let first_table = self.sectors.len();
        self.next.resize(tables * 128, u32::MAX);
        for part in self.next.chunks(128) {
            let bytes: Vec<u8> = part.iter().flat_map(|next| next.to_le_bytes()).collect();
            self.sectors.push(bytes.try_into().unwrap());
        }
        let mut head = vec![0; 512];
        head[..8].copy_from_slice(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
        head[24..34].copy_from_slice(&[0x3E, 0, 3, 0, 0xFE, 0xFF, 9, 0, 6, 0]);
        head[48..52].copy_from_slice(&directory_start.to_le_bytes());
        head[56..60].copy_from_slice(&4096_u32.to_le_bytes());
        head[60..64].copy_from_slice(&mini_start.to_le_bytes());
        head[68..72].copy_from_slice(&END.to_le_bytes());
        for (index, place) in (76..512).step_by(4).enumerate() {
            let number = if index < tables { u32::try_from(first_table + index).unwrap() } else { u32::MAX };
            head[place..place + 4].copy_from_slice(&number.to_le_bytes());
        }
        head.extend(self.sectors.concat());
        head
    }
}

/// 2005-07-09 12:00:00 UTC.
const TICKS: u64 = 116_444_736_000_000_000 + 1_120_910_400 * 10_000_000;

fn catalog(names: &[(u32, &str)]) -> Vec<u8> {
    let mut bytes = vec![16, 0, 7, 0];
    bytes.extend(u32::try_from(names.len()).unwrap().to_le_bytes());
    bytes.extend([96, 0, 0, 0, 96, 0, 0, 0]);
    for (number, name) in names {
        let letters: Vec<u8> = name.encode_utf16().chain([0, 0]).flat_map(u16::to_le_bytes).collect();
        bytes.extend(u32::try_from(16 + letters.len()).unwrap().to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend(TICKS.to_le_bytes());
        bytes.extend(letters);
    }
    bytes
}

/// A stream as XP writes it: 12 bytes before the picture.
fn as_xp(picture: &[u8]) -> Vec<u8> {
    let length = u32::try_from(picture.len()).unwrap().to_le_bytes();
    [&[12, 0, 0, 0, 1, 0, 0, 0], length.as_slice(), picture].concat()
}

fn thumbs_db() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (short, long) = (small(40, 30, 3), small(200, 150, 9));
    assert!(short.len() < 4096 && long.len() > 4096);
    let mut writer = Writer::new();
    writer
        .stream("Catalog", &catalog(&[(1, "IMG_0001.JPG"), (21, r"D:\Bilder\Hochzeit für Oma.jpg"), (3, "gone.jpg")]));
    writer.stream("1", &as_xp(&short));
    writer.stream("12", &as_xp(&long));
    (writer.finish(), short, long)
}

#[test]
fn the_pictures_of_a_folder_come_with_names_and_dates() {
    let (file, short, long) = thumbs_db();
    let found = thumbs(&file, b"Thumbs.db").unwrap();
    let date: Timestamp = "2005-07-09T12:00:00Z".parse().unwrap();
    let facts: Vec<_> = found.iter().map(|thumb| (thumb.name.as_deref(), thumb.date, thumb.kind)).collect();
    let expected =
        [(Some("IMG_0001.JPG"), Some(date), Kind::Jpeg), (Some("Hochzeit für Oma.jpg"), Some(date), Kind::Jpeg)];
    assert_eq!(facts, expected);
    assert_eq!((&*found[0].bytes, &*found[1].bytes), (short.as_slice(), long.as_slice()));
    assert_eq!(thumbs(&file, b"renamed.bin").map(|found| found.len()), Some(2), "known by its catalog");
}

#[test]
fn a_store_without_catalog_is_known_by_its_hashes() {
    let picture = small(200, 150, 7);
    let mut writer = Writer::new();
    let head = [&[24, 0, 0, 0, 3, 0, 0, 0][..], &[0; 16]].concat();
    writer.stream("256_8c0ec5f1a20bd9d4", &[&head, picture.as_slice()].concat());
    let file = writer.finish();
    let found = thumbs(&file, b"x").unwrap();
    assert_eq!((found.len(), &*found[0].bytes, &found[0].name), (1, picture.as_slice(), &None));
    let mut document = Writer::new();
    document.stream("WordDocument", &picture);
    assert_eq!(thumbs(&document.finish(), b"letter.doc"), None);
}

#[test]
fn a_picture_without_tables_is_given_the_standards() {
    // As Windows 2000 wrote them, who used the first table of each kind for all channels.
    let whole = {
        let mut out = Vec::new();
        let pixels: Vec<u8> = (0..96 * 72_u32).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect();
        Encoder::new(&mut out, 75).encode(&pixels, 96, 72, ColorType::Luma).unwrap();
        out
    };
    let mut bare = vec![0xFF, 0xD8];
    let mut at = 2;
    loop {
        let crate::formats::jpeg::Step::Segment(segment) = crate::formats::jpeg::next_segment(&whole, at) else {
            panic!()
        };
        if !matches!(segment.marker, 0xDB | 0xC4 | 0xE0..=0xEF) {
            bare.extend(&whole[segment.at..segment.end]);
        }
        at = segment.end;
        if segment.marker == 0xDA {
            break;
        }
    }
    bare.extend(&whole[at..]);
    assert_ne!(validate(&bare).state, State::Whole);
    let second =
        [&[1, 0, 0, 0][..], &u32::try_from(bare.len()).unwrap().to_le_bytes(), &[96, 0, 0, 0, 72, 0, 0, 0]].concat();
    let mut writer = Writer::new();
    writer.stream("1", &as_xp(&[second, bare].concat()));
    let file = writer.finish();
    let found = thumbs(&file, b"THUMBS.DB").unwrap();
    let verdict = validate(&found[0].bytes);
    assert_eq!((verdict.state, verdict.mcus_good), (State::Whole, verdict.mcus_expected), "{verdict:?}");
}

#[test]
fn a_store_that_lost_its_beginning_is_searched() {
    let (mut file, _, _) = thumbs_db();
    file[..512].fill(0);
    // Of chains nothing is known; a picture in one piece is found.
    let whole = small(100, 80, 5);
    file.extend(&whole);
    let found = thumbs(&file, b"thumbs.db").unwrap();
    assert!(found.iter().any(|thumb| *thumb.bytes == whole), "{}", found.len());
    assert_eq!(thumbs(&file, b"other.db"), None);
}

fn thumbcache(version: u32, pictures: &[&[u8]]) -> Vec<u8> {
    let mut file = b"CMMM".to_vec();
    file.extend(version.to_le_bytes());
    file.resize(24, 0);
    for picture in pictures {
        let name: Vec<u8> = "8c0ec5f1a20bd9d4".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut record = vec![7; 8];
        if version == 0x14 {
            record.extend(b"j\0p\0g\0\0\0");
        }
        for length in [name.len(), 2, picture.len(), 0] {
            record.extend(u32::try_from(length).unwrap().to_le_bytes());
        }
        record.extend(vec![9; if version > 0x15 { 24 } else { 16 }]);
        record.extend(name);
        record.extend([0, 0]);
        record.extend(*picture);
        file.extend(b"CMMM");
        file.extend(u32::try_from(record.len() + 8).unwrap().to_le_bytes());
        file.extend(record);
    }
    file
}

#[test]
fn every_windows_from_vista_on_is_read() {
    let (jpeg, png) = (small(96, 72, 1), b"\x89PNG\r\n\x1a\n....".to_vec());
    for version in [0x14, 0x15, 0x1A, 0x1C, 0x1F, 0x20] {
        let file = thumbcache(version, &[&jpeg, b"", &png]);
        let found = thumbs(&file, b"thumbcache_96.db").unwrap();
        let pictures: Vec<(Kind, &[u8])> = found.iter().map(|thumb| (thumb.kind, &*thumb.bytes)).collect();
        assert_eq!(pictures, [(Kind::Jpeg, jpeg.as_slice()), (Kind::Png, &png)], "{version:x}");
    }
    assert_eq!(thumbs(b"CMMM is a text", b"a"), None);
}

#[test]
fn a_record_that_is_lost_does_not_hide_the_next() {
    let (one, other) = (small(96, 72, 1), small(96, 72, 2));
    let mut file = thumbcache(0x20, &[&one, &other]);
    file[24..200].fill(0);
    let found = thumbs(&file, b"").unwrap();
    assert_eq!((found.len(), &*found[0].bytes), (1, other.as_slice()));
    let mut file = thumbcache(0x20, &[&one, &other]);
    // A length that leads out of the file.
    file[28..32].fill(0xFF);
    let found = thumbs(&file, b"").unwrap();
    assert_eq!((found.len(), &*found[0].bytes), (1, other.as_slice()));
}

#[test]
fn androids_store_is_searched() {
    let (one, other) = (small(96, 72, 1), small(120, 90, 2));
    let mut file = vec![0; 40_000];
    for (place, picture) in [(10_000, &one), (30_000, &other)] {
        file[place] = 1;
        file[place + 13..place + 13 + picture.len()].copy_from_slice(picture);
    }
    let found = thumbs(&file, b".thumbdata3--1967290299").unwrap();
    assert_eq!(found.iter().map(|thumb| &*thumb.bytes).collect::<Vec<_>>(), [one, other]);
    assert_eq!(thumbs(&file, b"data"), None);
}

#[test]
fn what_is_inside_a_photo_is_found_the_largest_first() {
    let (thumbnail, preview) = (small(160, 120, 1), small(640, 480, 2));
    let lossless = b"\xFF\xD8\xFF\xC3\0\x0B\x08\0\x09\0\x09\x01\x01\x11\0\xFF\xDA\0\x08\x01\x01\0\x01\0\0zz\xFF\xD9";
    assert_eq!(validate(lossless).state, State::Whole);
    let raw = [b"II*\0".as_slice(), &thumbnail, lossless, &preview, &thumbnail, &preview[..9000]].concat();
    let found = last_copies(&raw);
    assert_eq!(found.iter().map(|thumb| &*thumb.bytes).collect::<Vec<_>>(), [&preview, &thumbnail]);
    assert_eq!(last_copies(&preview), []);
}

#[test]
fn a_file_made_to_be_slow_ends() {
    // Hundreds of beginnings that all lead to the same large picture, which is cut.
    let large = small(1600, 1200, 1);
    let beginnings = 500_u16;
    let mut file = vec![0];
    for number in 0..beginnings {
        file.extend([0xFF, 0xD8, 0xFF, 0xE1]);
        file.extend(((beginnings - number) * 6 - 4).to_be_bytes());
    }
    file.extend(&large[2..large.len() - 2]);
    assert_eq!(last_copies(&file), []);
}

#[test]
fn broken_files_never_panic_and_end_soon() {
    let (file, _, _) = thumbs_db();
    let cache = thumbcache(0x15, &[&small(96, 72, 1)]);
    let mut seed = 1_u64;
    let mut random = move |end: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % end
    };
    for round in 0..400 {
        let mut broken = if round % 2 == 0 { file.clone() } else { cache.clone() };
        for _ in 0..=random(12) {
            let at = if random(2) == 0 { random(512) } else { random(broken.len()) };
            broken[at] = [0, 1, 0xFF, u8::try_from(random(256)).unwrap()][random(4)];
        }
        broken.truncate(random(broken.len() * 2).max(600).min(broken.len()));
        let found = thumbs(&broken, b"thumbs.db").unwrap_or_default();
        let all: usize = found.iter().map(|thumb| thumb.bytes.len()).sum();
        assert!(all <= broken.len() * 2 + found.len() * 400, "{all}");
    }
}

#[test]
fn chains_that_lead_in_circles_end() {
    let (file, _, _) = thumbs_db();
    let tables = u32::from_le_bytes(file[76..80].try_into().unwrap());
    let table = (usize::try_from(tables).unwrap() + 1) * 512;
    for target in 0..8_u32 {
        let mut circular = file.clone();
        for entry in circular[table..table + 512].as_chunks_mut::<4>().0 {
            *entry = target.to_le_bytes();
        }
        let found = thumbs(&circular, b"thumbs.db").unwrap();
        assert!(found.iter().map(|thumb| thumb.bytes.len()).sum::<usize>() <= file.len() * 2 + 4000);
    }
}
