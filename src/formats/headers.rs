//! The size of a still picture, from the first bytes of its container. TIFF and RAW say theirs in EXIF's tags.
//!
//! Apart from [`png::Header`] and [`jpeg::Frame`], which ask for a header that makes sense as a whole: a broken one mostly
//! still says the size.

use crate::formats::numbers::{Order, be32, le16, le32};
use crate::formats::{heif, jpeg, png};

/// Pixels across and down, as stored; `None` where the container is none of those read here, or says nothing sensible.
pub fn size(head: &[u8]) -> Option<(u32, u32)> {
    let readers = [jpeg::head::size, png, gif, bmp, webp, psd, heif::primary_size];
    readers.into_iter().find_map(|read| read(head)).filter(|(width, height)| *width > 0 && *height > 0)
}

/// `IHDR` is the first chunk (PNG specification, 5.6).
fn png(head: &[u8]) -> Option<(u32, u32)> {
    let header = head.strip_prefix(png::SIGNATURE)?.get(4..)?.strip_prefix(b"IHDR")?;
    be32(header, 0).zip(be32(header, 4))
}

fn gif(head: &[u8]) -> Option<(u32, u32)> {
    let screen = head.strip_prefix(b"GIF87a").or_else(|| head.strip_prefix(b"GIF89a"))?;
    Some((le16(screen, 0)?.into(), le16(screen, 2)?.into()))
}

fn bmp(head: &[u8]) -> Option<(u32, u32)> {
    head.starts_with(b"BM").then(|| bitmap(head)).flatten()
}

/// The size in a bitmap's header: `BITMAPCOREHEADER` is 12 bytes long, all later ones are longer.
pub fn bitmap(head: &[u8]) -> Option<(u32, u32)> {
    if le32(head, 14)? == 12 {
        return Some((le16(head, 18)?.into(), le16(head, 20)?.into()));
    }
    // Lines that run from the top down are told by a negative height.
    Some((le32(head, 18)?, le32(head, 22)?.cast_signed().unsigned_abs()))
}

/// WebP container specification: extended, lossy and lossless files.
fn webp(head: &[u8]) -> Option<(u32, u32)> {
    let chunk = head.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WEBP")?;
    let (name, rest) = chunk.split_first_chunk::<4>()?;
    let data = rest.get(4..)?;
    match name {
        b"VP8X" => {
            // Three bytes each.
            let (width, height) = (Order::Little.number(data.get(4..7)?)?, Order::Little.number(data.get(7..10)?)?);
            Some((u32::try_from(width).ok()? + 1, u32::try_from(height).ok()? + 1))
        }
        b"VP8 " => {
            let size = data.get(3..)?.strip_prefix(&[0x9D, 0x01, 0x2A])?;
            let fourteen_bits = |at| le16(size, at).map(|number| u32::from(number & 0x3FFF));
            fourteen_bits(0).zip(fourteen_bits(2))
        }
        b"VP8L" => {
            let bits = le32(data.strip_prefix(&[0x2F])?, 0)?;
            Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        }
        _ => None,
    }
}

fn psd(head: &[u8]) -> Option<(u32, u32)> {
    let size = head.strip_prefix(b"8BPS")?.get(10..)?;
    be32(size, 4).zip(be32(size, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_heads_and_a_cut_head_says_nothing() {
        let cases: [(Vec<u8>, (u32, u32)); 6] = [
            (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\0\0\0\0\x20".to_vec(), (256, 32)),
            (b"GIF89a\x10\0\x20\0".to_vec(), (16, 32)),
            ([b"BM".as_slice(), &[0; 16], &[16, 0, 0, 0], &[0xE0, 0xFF, 0xFF, 0xFF]].concat(), (16, 32)),
            ([b"BM".as_slice(), &[0; 12], &[12, 0, 0, 0, 16, 0, 32, 0]].concat(), (16, 32)),
            (b"RIFF....WEBPVP8X....\0\0\0\0\x0f\0\0\x1f\0\0".to_vec(), (16, 32)),
            ([b"8BPS".as_slice(), &[0; 10], &[0, 0, 0, 32, 0, 0, 0, 16]].concat(), (16, 32)),
        ];
        for (head, expected) in cases {
            assert_eq!(size(&head), Some(expected));
            for end in 0..head.len() {
                assert_ne!(size(&head[..end]), Some(expected), "cut at {end}");
            }
        }
    }
}
