//! Photoshop's image resources (Adobe, “Photoshop File Formats Specification”): in its own documents, in TIFF, in JPEG.

use crate::formats::numbers::{be16, be32};

/// IPTC's block.
pub const IPTC: u16 = 0x0404;
/// EXIF as a bare TIFF structure.
pub const EXIF: u16 = 0x0422;

/// The image resources of a document: the section behind the header and the colours.
pub fn resources(document: &[u8]) -> Option<&[u8]> {
    let rest = document.strip_prefix(b"8BPS")?.get(22..)?;
    let (_, rest) = section(rest)?;
    Some(section(rest)?.0)
}

/// The inside of a section whose length stands before it, less where the bytes end early; and what follows it.
fn section(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = (usize::try_from(be32(bytes, 0)?).ok()?, bytes.get(4..)?);
    Some(rest.split_at_checked(length).unwrap_or((rest, &[])))
}

/// Finds the resource of one number.
pub fn find(mut resources: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let rest = resources.strip_prefix(b"8BIM")?;
        let (id, rest) = (be16(rest, 0)?, rest.get(2..)?);
        let name_length = usize::from(*rest.first()?) + 1;
        let (inside, _) = section(rest.get(name_length + name_length % 2..)?)?;
        if id == wanted {
            return Some(inside);
        }
        let length = usize::try_from(be32(rest.get(name_length + name_length % 2..)?, 0)?).ok()?;
        let after = name_length + name_length % 2 + 4;
        resources = rest.get(after.checked_add(length)?.checked_add(length % 2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(id: u16, inside: &[u8]) -> Vec<u8> {
        let length = u32::try_from(inside.len()).expect("short").to_be_bytes();
        let padding = vec![0; inside.len() % 2];
        [b"8BIM", &id.to_be_bytes()[..], b"\0\0", &length, inside, &padding].concat()
    }

    #[test]
    fn resources_of_a_document_are_found_by_their_numbers() {
        let all = [resource(7, b"odd"), resource(IPTC, b"\x1C\x02"), resource(EXIF, b"MM\0*")].concat();
        let length = u32::try_from(all.len()).expect("short").to_be_bytes();
        let document = [b"8BPS\0\x01", &[0; 20][..], &[0, 0, 0, 2, 9, 9], &length, &all, b"layers"].concat();
        let found = resources(&document).expect("resources");
        assert_eq!(found, all);
        assert_eq!(find(found, IPTC), Some(b"\x1C\x02".as_slice()));
        assert_eq!(find(found, EXIF), Some(b"MM\0*".as_slice()));
        assert_eq!(find(found, 8), None);
        for end in 0..document.len() {
            resources(&document[..end]).map(|found| find(found, EXIF));
        }
    }
}
