//! What a sector begins with: the first bytes of the formats that are looked for.

use crate::model::Kind;

/// Bytes that are enough to tell.
pub(super) const HEAD: usize = 32;

/// Brands of pictures among files made of boxes (ISO/IEC 23008-12, 10).
const PICTURES: [&[u8; 4]; 10] =
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1", b"MiHE"];

/// Which format begins here, as far as its first bytes tell.
pub(super) fn begins(head: &[u8]) -> Option<Kind> {
    // Most sectors are decided by two bytes.
    match (head.first()?, head.get(1)?) {
        (0xFF, 0xD8) => jpeg(head),
        (0x89, b'P') => head.starts_with(b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR").then_some(Kind::Png),
        (b'G', b'I') => (head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a")).then_some(Kind::Gif),
        (b'R', b'I') => riff(head),
        (b'F', b'U') => head.starts_with(b"FUJIFILMCCD-RAW ").then_some(Kind::Raf),
        (b'I', b'I') | (b'M', b'M') => tiff(head),
        (0, _) => boxes(head),
        _ => None,
    }
}

fn jpeg(head: &[u8]) -> Option<Kind> {
    let begins_segment = matches!(head.get(3)?, 0xC0..=0xC2 | 0xC4 | 0xDB | 0xDD | 0xE0..=0xEF | 0xFE);
    (head.get(2) == Some(&0xFF) && begins_segment).then_some(Kind::Jpeg)
}

fn riff(head: &[u8]) -> Option<Kind> {
    match head.get(8..12).filter(|_| head.starts_with(b"RIFF"))? {
        b"WEBP" => Some(Kind::Webp),
        b"AVI " => Some(Kind::Avi),
        _ => None,
    }
}

/// Which raw file it is shows in its directories only; Panasonic and Olympus have magic numbers of their own.
fn tiff(head: &[u8]) -> Option<Kind> {
    match head.first_chunk::<4>()? {
        b"II*\0" if head.get(8..10) == Some(b"CR") => Some(Kind::Cr2),
        b"II*\0" | b"MM\0*" => Some(Kind::Tiff),
        b"IIU\0" => Some(Kind::Rw2),
        b"IIRO" | b"IIRS" | b"MMOR" => Some(Kind::Orf),
        _ => None,
    }
}

fn boxes(head: &[u8]) -> Option<Kind> {
    match head.get(4..8)? {
        b"ftyp" => {}
        // QuickTime of cameras from before there were file types.
        b"moov" | b"mdat" | b"wide" | b"pnot" => return Some(Kind::Mov),
        _ => return None,
    }
    let brand = head.get(8..12)?;
    let is = |brands: &[&[u8; 4]]| brands.iter().any(|known| brand == known.as_slice());
    Some(match brand {
        b"avif" | b"avis" => Kind::Avif,
        b"crx " => Kind::Cr3,
        b"qt  " => Kind::Mov,
        _ if is(&PICTURES) => Kind::Heic,
        _ if brand.starts_with(b"3g") => Kind::ThreeGp,
        _ => Kind::Mp4,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let cases: [(&[u8], Option<Kind>); 9] = [
            (b"\xFF\xD8\xFF\xE1\0\x10Exif", Some(Kind::Jpeg)),
            (b"\xFF\xD8\xFF\xD9", None),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some(Kind::Webp)),
            (b"II*\0\x10\0\0\0CR\x02\0", Some(Kind::Cr2)),
            (b"IIRO\x08\0\0\0", Some(Kind::Orf)),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Some(Kind::Heic)),
            (b"\0\0\0\x18ftyp3gp5\0\0\0\0", Some(Kind::ThreeGp)),
            (b"\0\0\0\x18ftypmp42\0\0\0\0", Some(Kind::Mp4)),
            (&[0; 32], None),
        ];
        for (head, kind) in cases {
            assert_eq!(begins(head), kind, "{head:?}");
            for end in 0..head.len().min(4) {
                assert_eq!(begins(&head[..end]), None);
            }
        }
    }
}
