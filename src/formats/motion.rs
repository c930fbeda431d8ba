//! The short film inside a motion photo: phones put it behind the picture, and say so each in their own way (Google's
//! `MicroVideo` and `Container`, Samsung's `MotionPhoto_Data`, the box `mpvd` of HEIC). The film itself is proof enough.

use memchr::memmem;

use crate::formats::isobmff::box_head;
use crate::model::Motion;

/// What a film is made of.
const BOXES: [&[u8; 4]; 11] =
    [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"meta", b"moof", b"sidx", b"mfra"];

/// More boxes than a film of some seconds has.
const MAX_BOXES: usize = 4096;

/// Finds the first whole film behind the beginning of a picture: its file type, its index, its data.
pub fn find(picture: &[u8]) -> Option<Motion> {
    // The picture may be made of boxes itself, with a file type of its own.
    let behind_own_head = 16;
    let names = memmem::find_iter(picture.get(behind_own_head..)?, b"ftyp");
    let mut starts = names.filter_map(|at| (at + behind_own_head).checked_sub(4));
    starts.find_map(|start| {
        let length = film_length(picture.get(start..)?)?;
        Some(Motion { offset: start as u64, length: length as u64 })
    })
}

fn film_length(bytes: &[u8]) -> Option<usize> {
    let (mut length, mut has_index, mut has_data) = (0, false, false);
    for number in 0..MAX_BOXES {
        let rest = bytes.get(length..).unwrap_or_default();
        let Some(head) = box_head(rest).filter(|head| BOXES.contains(&&head.name)) else { break };
        if (number == 0) != (head.name == *b"ftyp") {
            break;
        }
        let size = head.size.map_or(Some(rest.len()), |size| usize::try_from(size).ok())?;
        if size > rest.len() {
            break;
        }
        has_index |= matches!(&head.name, b"moov");
        has_data |= matches!(&head.name, b"mdat");
        length += size;
    }
    (has_index && has_data).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film() -> Vec<u8> {
        let boxed = |name: &[u8; 4], inside: &[u8]| {
            let size = u32::try_from(inside.len() + 8).expect("short").to_be_bytes();
            [&size, name.as_slice(), inside].concat()
        };
        [boxed(b"ftyp", b"mp42\0\0\0\0"), boxed(b"mdat", b"frames"), boxed(b"moov", b"index")].concat()
    }

    #[test]
    fn a_film_behind_a_picture_is_found_whatever_stands_around_it() {
        let film = film();
        let length = film.len() as u64;
        let picture = b"\xFF\xD8 a picture that talks of ftyp \xFF\xD9";
        let google = [picture, &film[..]].concat();
        assert_eq!(find(&google), Some(Motion { offset: picture.len() as u64, length }));
        let samsung =
            [picture, b"\0\0\x30\x0A\x10\0\0\0MotionPhoto_Data".as_slice(), &film, b"SEFH\x6b\0SEFT"].concat();
        assert_eq!(find(&samsung), Some(Motion { offset: picture.len() as u64 + 24, length }));
        let heic = [b"\0\0\0\x10ftypheic\0\0\0\0\0\0\0\x0Cmetaabcd\0\0\0\x30mpvd".as_slice(), &film].concat();
        assert_eq!(find(&heic), Some(Motion { offset: 36, length }));
    }

    #[test]
    fn a_film_that_is_cut_is_none_and_a_film_is_no_picture_with_one() {
        let whole = [b"\xFF\xD8 a picture \xFF\xD9".as_slice(), &film()].concat();
        for end in 0..whole.len() {
            assert_eq!(find(&whole[..end]), None);
        }
        assert_eq!(find(&film()), None);
    }
}
