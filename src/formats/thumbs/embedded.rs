//! Pictures inside the photo itself: thumbnails in EXIF, previews in raw files, second pictures behind the first.

use crate::formats::jpeg::head::size;

use super::{Thumb, searched};

/// Pictures of one photo.
const MOST: usize = 32;

/// The whole JPEGs inside a photo, the largest first: what is left when its picture is lost.
///
/// The photo itself, where it is a JPEG, is not among them. Every raw format has another place for its previews; a JPEG
/// shows itself by how it begins, so all of the file is searched. Two of the same bytes are given once.
pub fn last_copies(photo: &[u8]) -> Vec<Thumb<'_>> {
    let mut found: Vec<Thumb<'_>> = Vec::new();
    for part in searched::jpegs(photo, 1).take(MOST) {
        let thumb = Thumb::found(photo, part);
        if found.iter().all(|known| known.bytes != thumb.bytes) {
            found.push(thumb);
        }
    }
    let pixels =
        |thumb: &Thumb<'_>| size(&thumb.bytes).map_or(0, |(width, height)| u64::from(width) * u64::from(height));
    found.sort_by_key(|thumb| std::cmp::Reverse(pixels(thumb)));
    found
}
