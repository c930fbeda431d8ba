//! ISO base media files (ISO/IEC 14496-12) and QuickTime: box headers, sample tables, item locations.

mod items;
mod samples;

use crate::formats::numbers::{be32, be64};

pub use items::{Location, Origin, associations, kinds, locations};
pub use samples::{Track, handler, sample_description, samples, track, tracks};

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

/// One box with what is inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Atom<'a> {
    /// Four characters; inside some boxes a number.
    pub name: [u8; 4],
    /// What follows its head; less than it says where the bytes end early.
    pub payload: &'a [u8],
    /// Whether the bytes reach to its end.
    pub is_whole: bool,
}

/// Reads the head of a box from its first bytes (16 are enough); `None` when there are too few, or when its size is
/// smaller than itself.
pub fn any_head(bytes: &[u8]) -> Option<BoxHead> {
    let size = u64::from(be32(bytes, 0)?);
    let name: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    let (head, size) = match size {
        0 => (8, None),
        1 => (16, Some(be64(bytes, 8)?)),
        _ => (8, Some(size)),
    };
    (size.is_none_or(|size| size >= head)).then_some(BoxHead { name, head, size })
}

/// Reads the head of a box like [`any_head`], but takes none whose name is no name: what stands there is something else.
pub fn box_head(bytes: &[u8]) -> Option<BoxHead> {
    any_head(bytes).filter(|head| is_name(head.name))
}

/// QuickTime names hold spaces and the copyright sign (0xA9).
fn is_name(name: [u8; 4]) -> bool {
    name.iter().all(|byte| (0x20..0x7F).contains(byte) || *byte == 0xA9)
}

/// Walks the boxes that lie side by side in these bytes; stops at the first that is none.
pub fn atoms(mut bytes: &[u8]) -> impl Iterator<Item = Atom<'_>> {
    std::iter::from_fn(move || {
        let head = any_head(bytes)?;
        let rest = bytes.get(usize::try_from(head.head).ok()?..)?;
        let length = head.size.map_or(Some(rest.len()), |size| usize::try_from(size - head.head).ok())?;
        let (payload, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        bytes = after;
        Some(Atom { name: head.name, payload, is_whole: length <= rest.len() })
    })
}

/// Walks like [`atoms`], but only as far as every box is whole and has a name: to judge a file, not to make the best of
/// what is left of it.
pub fn sound_atoms(bytes: &[u8]) -> impl Iterator<Item = Atom<'_>> {
    atoms(bytes).take_while(|atom| atom.is_whole && is_name(atom.name))
}

/// The payload of the first box among these that goes by `name`.
pub fn child<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    atoms(bytes).find(|atom| atom.name == *name).map(|atom| atom.payload)
}

/// Like [`child`], but only as far as [`sound_atoms`] goes.
pub fn sound_child<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    sound_atoms(bytes).find(|atom| atom.name == *name).map(|atom| atom.payload)
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

    #[test]
    fn boxes_are_walked_whatever_their_names_and_of_a_cut_one_the_rest_is_given() {
        let bytes = b"\0\0\0\x0A\0\0\0\x01ab\0\0\0\x0Cnamecd";
        let found: Vec<_> = atoms(bytes).map(|atom| (atom.name, atom.payload)).collect();
        assert_eq!(found, [([0, 0, 0, 1], b"ab".as_slice()), (*b"name", b"cd")]);
        assert_eq!(child(bytes, b"name"), Some(b"cd".as_slice()));
        assert_eq!(child(bytes, b"none"), None);
        assert_eq!(sound_child(bytes, b"name"), None);
        assert_eq!(sound_child(&bytes[10..], b"name"), None, "cut short");
        assert_eq!(sound_child(b"\0\0\0\x0Anamecd", b"name"), Some(b"cd".as_slice()));
        assert_eq!(atoms(b"\0\0\0\x07nameab").count(), 0);
        assert_eq!(atoms(b"\0\0\0\x01name\0\0\0\0\0\0\0\x0Fab").count(), 0);
    }
}
