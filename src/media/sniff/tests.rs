#![allow(clippy::indexing_slicing, clippy::trivially_copy_pass_by_ref, reason = "tests say what they expected")]

use super::*;

fn ftyp(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
    let size = u32::try_from(16 + compatible.len() * 4).unwrap_or(16);
    let mut bytes = size.to_be_bytes().to_vec();
    bytes.extend_from_slice(b"ftyp");
    bytes.extend_from_slice(major);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend(compatible.iter().flat_map(|brand| brand.iter().copied()));
    bytes
}

/// A little-endian TIFF with a maker, and a directory below where asked.
fn tiff_by(make: &[u8], below: bool, dng: bool) -> Vec<u8> {
    let mut entries = vec![(0x010F_u16, 2_u16, u32::try_from(make.len()).unwrap_or(0), 200_u32)];
    if below {
        entries.push((0x014A, 4, 1, 150));
    }
    if dng {
        entries.push((0xC612, 1, 4, 0x0401));
    }
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend(u16::try_from(entries.len()).unwrap_or(0).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.resize(200, 0);
    bytes.extend(make);
    bytes
}

#[test]
fn content_decides_whatever_the_name_says() {
    let transport = [0x47; 188 * 8];
    let cases: [(&[u8], Kind); 17] = [
        (&[0xFF, 0xD8, 0xFF, 0xE0], Kind::Jpeg),
        (b"\x89PNG\r\n\x1a\n", Kind::Png),
        (b"GIF89a", Kind::Gif),
        (b"RIFF\x10\0\0\0WEBPVP8 ", Kind::Webp),
        (b"RIFF\x10\0\0\0AVI LIST", Kind::Avi),
        (b"8BPS\0\x01", Kind::Psd),
        (b"FUJIFILMCCD-RAW 0201", Kind::Raf),
        (b"FOVb\0\0", Kind::X3f),
        (b"II\x1A\0\0\0HEAPCCDR", Kind::Crw),
        (b"IIU\0\x18\0\0\0", Kind::Rw2),
        (b"IIRO\x08\0\0\0", Kind::Orf),
        (b"II*\0\x10\0\0\0CR\x02\0", Kind::Cr2),
        (&[0x1A, 0x45, 0xDF, 0xA3], Kind::Mkv),
        (&[0, 0, 1, 0xBA, 0x44], Kind::Mpg),
        (&[0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11], Kind::Wmv),
        (&transport, Kind::Mts),
        (b"\0\0\0\x08wide\0\0\0\0mdat", Kind::Mov),
    ];
    for (head, kind) in cases {
        for name in [&b"a.txt"[..], b"a", b"a.jpg", b"a.HEIC"] {
            assert_eq!(sniff(head, name), Some(kind), "{head:?}");
        }
    }
}

#[test]
fn brands_tell_the_boxes_apart() {
    assert_eq!(sniff(&ftyp(b"heic", &[b"mif1"]), b""), Some(Kind::Heic));
    assert_eq!(sniff(&ftyp(b"mif1", &[b"mif1", b"heic"]), b""), Some(Kind::Heic));
    assert_eq!(sniff(&ftyp(b"mif1", &[b"avif"]), b""), Some(Kind::Avif));
    assert_eq!(sniff(&ftyp(b"avif", &[]), b""), Some(Kind::Avif));
    assert_eq!(sniff(&ftyp(b"crx ", &[b"isom"]), b""), Some(Kind::Cr3));
    assert_eq!(sniff(&ftyp(b"qt  ", &[]), b""), Some(Kind::Mov));
    assert_eq!(sniff(&ftyp(b"3gp5", &[]), b""), Some(Kind::ThreeGp));
    assert_eq!(sniff(&ftyp(b"isom", &[]), b""), Some(Kind::Mp4));
    assert_eq!(sniff(&ftyp(b"hhhh", &[b"mif1", b"heic"]), b""), Some(Kind::Heic));
    assert_eq!(sniff(&ftyp(b"M4A ", &[]), b"song.m4a"), None);
}

#[test]
fn raws_on_tiff_are_told_by_maker_and_by_name() {
    assert_eq!(sniff(&tiff_by(b"NIKON CORPORATION\0", true, false), b"x"), Some(Kind::Nef));
    assert_eq!(sniff(&tiff_by(b"NIKON CORPORATION\0", false, false), b"x.tif"), Some(Kind::Tiff));
    assert_eq!(sniff(&tiff_by(b"SONY \0", false, false), b"DSC1.ARW"), Some(Kind::Arw));
    assert_eq!(sniff(&tiff_by(b"PENTAX Corporation\0", true, false), b"x"), Some(Kind::Pef));
    assert_eq!(sniff(&tiff_by(b"Google\0", true, true), b"x.tif"), Some(Kind::Dng));
    assert_eq!(sniff(&tiff_by(b"HP\0", false, false), b"scan.tif"), Some(Kind::Tiff));
}

#[test]
fn a_name_that_says_media_keeps_bytes_that_say_nothing() {
    assert_eq!(sniff(&[0; 4096], b"IMG_0001.JPG"), Some(Kind::Unknown));
    assert_eq!(sniff(&[], b"IMG_0001.JPG"), Some(Kind::Unknown));
    assert_eq!(sniff(b"garbage of some sort", b"clip.mov"), Some(Kind::Unknown));
    assert_eq!(sniff(&[0; 4096], b"notes.txt"), None);
    assert_eq!(sniff(&[0; 4096], b"jpg"), None);
}

#[test]
fn what_is_no_media_is_left_out() {
    for (head, name) in [
        (&[0, 5, 0x16, 7, 0, 2, 0, 0][..], &b"._IMG_0001.JPG"[..]),
        (&[0; 64], b"._IMG_0002.JPG"),
        (&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], b"letter.doc"),
        (b"\0\0\0\x01Bud1", b".DS_Store"),
        (b"%PDF-1.4", b"scan.pdf"),
        (b"<!DOCTYPE html><html>", b"photo.jpg"),
        (b"BMW is a car maker and no bitmap at all, this is text", b"cars.txt"),
        (b"<plist><dict/></plist>", b"settings.plist"),
    ] {
        assert_eq!(sniff(head, name), None, "{}", String::from_utf8_lossy(name));
    }
}

#[test]
fn stores_of_small_pictures_are_kept() {
    let compound = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    for (head, name) in [
        (&compound[..], &b"Thumbs.db"[..]),
        (b"CMMM\x15\0\0\0", b"thumbcache_256.db"),
        (b"\0\0\0\0", b".thumbdata3--1967290299"),
    ] {
        assert_eq!(sniff(head, name), Some(Kind::Thumbnails), "{}", String::from_utf8_lossy(name));
    }
}

#[test]
fn sidecars_are_told_by_content_and_name() {
    assert_eq!(sniff(b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>", b"a.jpg.xmp"), Some(Kind::Xmp));
    assert_eq!(sniff(b"<?xml version='1.0'?><x:xmpmeta/>", b"a.xmp"), Some(Kind::Xmp));
    assert_eq!(sniff(b"<?xml version='1.0'?><plist><key>adjustmentFormatIdentifier</key>", b"a.AAE"), Some(Kind::Aae));
    assert_eq!(sniff(b"<?xml version='1.0'?><note/>", b"a.xml"), None);
}

#[test]
fn heads_cut_anywhere_never_panic() {
    let heads =
        [ftyp(b"mif1", &[b"avif"]), tiff_by(b"NIKON\0", true, true), b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28".to_vec()];
    for head in heads {
        for length in 0..head.len() {
            assert!(sniff(&head[..length], b"a.jpg").is_some());
        }
    }
}
