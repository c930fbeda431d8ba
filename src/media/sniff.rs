//! What a file is, by its first bytes.

mod raw;

use crate::formats::numbers::{be32, le32};
use crate::formats::{media_names, png, thumbs};
use crate::model::Kind;

/// Tells what a file is from its first bytes (up to 64 KiB; fewer only where the file is smaller) and its name.
///
/// The content decides. The name is asked twice only: between raw formats that look alike inside, and where the content
/// says nothing at all: a name that says media makes it [`Kind::Unknown`], so that a photo of which only zeros are left is kept.
/// `None` is a file that is not media.
pub fn sniff(head: &[u8], name: &[u8]) -> Option<Kind> {
    let extension = media_names::extension(name);
    if let Some(kind) = by_content(head, &extension) {
        return Some(kind);
    }
    if thumbs::is_store(head, name) {
        return Some(Kind::Thumbnails);
    }
    let nothing_known = !is_something_else(head) && !name.starts_with(b"._");
    (nothing_known && media_names::says_media(&extension)).then_some(Kind::Unknown)
}

fn by_content(head: &[u8], extension: &[u8]) -> Option<Kind> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    if starts(&[0xFF, 0xD8, 0xFF]) {
        return Some(Kind::Jpeg);
    }
    if starts(png::SIGNATURE) {
        return Some(Kind::Png);
    }
    if starts(b"GIF87a") || starts(b"GIF89a") {
        return Some(Kind::Gif);
    }
    if starts(b"RIFF") && at(8, b"WEBP") {
        return Some(Kind::Webp);
    }
    if starts(b"RIFF") && at(8, b"AVI ") {
        return Some(Kind::Avi);
    }
    if starts(b"BM") && is_bitmap(head) {
        return Some(Kind::Bmp);
    }
    if starts(b"8BPS\0\x01") || starts(b"8BPS\0\x02") {
        return Some(Kind::Psd);
    }
    if starts(b"FUJIFILMCCD-RAW") {
        return Some(Kind::Raf);
    }
    if starts(b"FOVb") {
        return Some(Kind::X3f);
    }
    if (starts(b"II") || starts(b"MM")) && at(6, b"HEAPCCDR") {
        return Some(Kind::Crw);
    }
    if starts(b"\0\0\0\x0CJXL \r\n\x87\n") || starts(&[0xFF, 0x0A]) {
        return Some(Kind::Jxl);
    }
    if starts(&[0x1A, 0x45, 0xDF, 0xA3]) {
        return Some(Kind::Mkv);
    }
    if starts(&[0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]) {
        return Some(Kind::Wmv);
    }
    if starts(&[0, 0, 1, 0xBA]) || starts(&[0, 0, 1, 0xB3]) {
        return Some(Kind::Mpg);
    }
    if is_transport_stream(head) {
        return Some(Kind::Mts);
    }
    raw::by_directory(head, extension).or_else(|| by_box(head)).or_else(|| sidecar(head, extension))
}

/// A bitmap header whose numbers agree: `BM` alone begins many texts.
fn is_bitmap(head: &[u8]) -> bool {
    let pixels_at = le32(head, 10).unwrap_or(0);
    let header = le32(head, 14).unwrap_or(0);
    matches!(header, 12 | 40 | 52 | 56 | 64 | 108 | 124) && pixels_at >= 14 + header && pixels_at < 1 << 20
}

/// Packets of 188 bytes, or 192 with a time before each (AVCHD), each beginning with `0x47`.
fn is_transport_stream(head: &[u8]) -> bool {
    [(0, 188), (4, 192)].into_iter().any(|(first, step)| {
        let mut packets = head.iter().skip(first).step_by(step).take(16);
        head.len() >= first + step * 4 && packets.all(|byte| *byte == 0x47)
    })
}

/// ISO boxes: by the brands of the file type box, or, in the oldest QuickTime files, by the first box.
fn by_box(head: &[u8]) -> Option<Kind> {
    let size = be32(head, 0)?;
    let name = head.get(4..8)?;
    if name != b"ftyp" {
        let quicktime: [&[u8]; 6] = [b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];
        return (quicktime.contains(&name) && (size >= 8 || size == 1)).then_some(Kind::Mov);
    }
    let end = usize::try_from(size).ok()?.clamp(12, 1024);
    let major = head.get(8..12)?;
    let compatible = head.get(16..end.min(head.len())).unwrap_or_default().as_chunks::<4>().0;
    let has = |brand: &[u8; 4]| major == brand || compatible.contains(brand);
    match major {
        b"avif" | b"avis" => Some(Kind::Avif),
        b"mif1" | b"msf1" if has(b"avif") || has(b"avis") => Some(Kind::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" | b"mif1" | b"mif2" | b"msf1"
        | b"heif" => Some(Kind::Heic),
        b"crx " => Some(Kind::Cr3),
        b"qt  " => Some(Kind::Mov),
        b"jxl " => Some(Kind::Jxl),
        // Sound, JPEG 2000, and Adobe's and Apple's books.
        b"M4A " | b"M4B " | b"M4P " | b"jp2 " | b"jpx " | b"jpm " | b"F4A " | b"F4B " => None,
        _ if major.starts_with(b"3g") => Some(Kind::ThreeGp),
        // A name of its own, with what it is compatible with after it.
        _ if has(b"heic") || has(b"heix") => Some(Kind::Heic),
        _ if has(b"qt  ") && !has(b"isom") => Some(Kind::Mov),
        _ => Some(Kind::Mp4),
    }
}

fn sidecar(head: &[u8], extension: &[u8]) -> Option<Kind> {
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let has = |words: &[u8]| head.windows(words.len()).any(|window| window == words);
    if text.starts_with(b"bplist0") || text.starts_with(b"<") {
        if extension == b"aae" || has(b"adjustmentFormatIdentifier") {
            return Some(Kind::Aae);
        }
        let is_packet = [&b"<?xpacket"[..], b"<x:xmpmeta", b"<rdf:RDF"].iter().any(|start| text.starts_with(start));
        if is_packet || extension == b"xmp" && (has(b"<x:xmpmeta") || has(b"<rdf:RDF")) {
            return Some(Kind::Xmp);
        }
    }
    None
}

/// Formats that are not media, by signatures that no damaged photo shows by chance.
fn is_something_else(head: &[u8]) -> bool {
    let magics: [&[u8]; 13] = [
        b"%PDF-",
        b"PK\x03\x04",
        b"\x7FELF",
        &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1],
        // AppleDouble and AppleSingle: what a Mac leaves beside each file on foreign drives.
        &[0x00, 0x05, 0x16, 0x07],
        &[0x00, 0x05, 0x16, 0x00],
        // .DS_Store
        b"\0\0\0\x01Bud1",
        b"SQLite format 3\0",
        b"7z\xBC\xAF\x27\x1C",
        b"Rar!\x1A\x07",
        b"ID3",
        b"OggS",
        b"fLaC",
    ];
    let text = head.trim_ascii_start().get(..14).unwrap_or_default().to_ascii_lowercase();
    magics.iter().any(|magic| head.starts_with(magic))
        || text.starts_with(b"<!doctype html")
        || text.starts_with(b"<html")
}

#[cfg(test)]
mod tests;
