//! ISO base media files (ISO/IEC 14496-12) and QuickTime: box headers, sample tables, item locations.

mod items;
mod samples;

use crate::formats::numbers::{be32, be64};

pub use items::{Item, items};
pub use samples::{Track, tracks};

/// The head of a box.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BoxHead {
    /// Its four-letter name.
    pub name: [u8; 4],
    /// Bytes of the head itself, 8 or 16.
    pub head: u64,
    /// Bytes of the whole box; `None` when it goes to the end of the file.
    pub size: Option<u64>,
}

/// Bytes of the file that something lies in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Extent {
    /// The offset of the first one.
    pub start: u64,
    /// How many.
    pub length: u64,
}

/// Reads the head of a box from its first bytes (16 are enough); `None` when there are too few, when its size is smaller
/// than itself, or when its name is no name.
pub fn box_head(bytes: &[u8]) -> Option<BoxHead> {
    let size = u64::from(be32(bytes, 0)?);
    let name: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    // QuickTime names hold spaces and the copyright sign (0xA9).
    if !name.iter().all(|byte| (0x20..0x7F).contains(byte) || *byte == 0xA9) {
        return None;
    }
    let (head, size) = match size {
        0 => (8, None),
        1 => (16, Some(be64(bytes, 8)?)),
        _ => (8, Some(size)),
    };
    (size.is_none_or(|size| size >= head)).then_some(BoxHead { name, head, size })
}

/// The boxes inside a box, given its content; a last one that is cut short is left out.
pub fn children(content: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let head = box_head(rest)?;
        let size = head.size.map_or(Some(rest.len()), |size| usize::try_from(size).ok())?;
        let inside = rest.get(usize::try_from(head.head).ok()?..size)?;
        rest = rest.get(size..)?;
        Some((head.name, inside))
    })
}

/// The content of the first box inside `content` that goes by `name`.
pub fn child<'a>(content: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    children(content).find_map(|(found, inside)| (found == *name).then_some(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn box_heads_of_every_shape_are_read() {
        let plain = [&20_u32.to_be_bytes()[..], b"moov"].concat();
        assert_eq!(box_head(&plain), Some(BoxHead { name: *b"moov", head: 8, size: Some(20) }));
        let to_end = [&0_u32.to_be_bytes()[..], b"mdat"].concat();
        assert_eq!(box_head(&to_end), Some(BoxHead { name: *b"mdat", head: 8, size: None }));
        let large = [&1_u32.to_be_bytes()[..], b"mdat", &(1_u64 << 40).to_be_bytes()].concat();
        assert_eq!(box_head(&large), Some(BoxHead { name: *b"mdat", head: 16, size: Some(1 << 40) }));
    }

    #[test]
    fn what_is_no_box_is_none() {
        assert_eq!(box_head(&[0; 16]), None);
        assert_eq!(box_head(&[&4_u32.to_be_bytes()[..], b"moov"].concat()), None);
        assert_eq!(box_head(b"\0\0\0"), None);
    }
}
