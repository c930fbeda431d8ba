//! The size of a still picture, from the first bytes of its container. TIFF and RAW say theirs in EXIF's tags.

use crate::formats::{heif, jpeg};

/// Pixels across and down, as stored; `None` where the container is none of those read here, or says nothing sensible.
pub fn size(head: &[u8]) -> Option<(u32, u32)> {
    let readers = [jpeg::head::size, png, gif, bmp, webp, psd, heif::primary_size];
    readers.into_iter().find_map(|read| read(head)).filter(|(width, height)| *width > 0 && *height > 0)
}

/// `IHDR` is the first chunk (PNG specification, 5.6).
fn png(head: &[u8]) -> Option<(u32, u32)> {
    let after = head.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(4..)?.strip_prefix(b"IHDR")?;
    be32_pair(after)
}

fn gif(head: &[u8]) -> Option<(u32, u32)> {
    let screen = head.strip_prefix(b"GIF87a").or_else(|| head.strip_prefix(b"GIF89a"))?;
    let [w0, w1, h0, h1] = *screen.first_chunk::<4>()?;
    Some((u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into()))
}

/// `BITMAPINFOHEADER`; a negative height says that the rows go down.
fn bmp(head: &[u8]) -> Option<(u32, u32)> {
    let size = head.strip_prefix(b"BM")?.get(16..)?.first_chunk::<8>()?;
    let [w0, w1, w2, w3, h0, h1, h2, h3] = *size;
    Some((u32::from_le_bytes([w0, w1, w2, w3]), i32::from_le_bytes([h0, h1, h2, h3]).unsigned_abs()))
}

/// WebP container specification: extended, lossy and lossless files.
fn webp(head: &[u8]) -> Option<(u32, u32)> {
    let chunk = head.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WEBP")?;
    let (name, rest) = chunk.split_first_chunk::<4>()?;
    let data = rest.get(4..)?;
    match name {
        b"VP8X" => {
            let [w0, w1, w2, h0, h1, h2] = *data.get(4..)?.first_chunk::<6>()?;
            Some((u32::from_le_bytes([w0, w1, w2, 0]) + 1, u32::from_le_bytes([h0, h1, h2, 0]) + 1))
        }
        b"VP8 " => {
            let [w0, w1, h0, h1] = *data.get(3..)?.strip_prefix(&[0x9D, 0x01, 0x2A])?.first_chunk::<4>()?;
            let fourteen = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
            Some((fourteen(w0, w1), fourteen(h0, h1)))
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(*data.strip_prefix(&[0x2F])?.first_chunk::<4>()?);
            Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        }
        _ => None,
    }
}

fn psd(head: &[u8]) -> Option<(u32, u32)> {
    let (height, width) = be32_pair(head.strip_prefix(b"8BPS")?.get(10..)?)?;
    Some((width, height))
}

fn be32_pair(bytes: &[u8]) -> Option<(u32, u32)> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*first), u32::from_be_bytes(*rest.first_chunk::<4>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_heads_and_a_cut_head_says_nothing() {
        let cases: [(Vec<u8>, (u32, u32)); 5] = [
            (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\0\0\0\0\x20".to_vec(), (256, 32)),
            (b"GIF89a\x10\0\x20\0".to_vec(), (16, 32)),
            ([b"BM".as_slice(), &[0; 16], &[16, 0, 0, 0], &[0xE0, 0xFF, 0xFF, 0xFF]].concat(), (16, 32)),
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
