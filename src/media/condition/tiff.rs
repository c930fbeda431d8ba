//! TIFF and the raw files built on it: directories walked, picture data inside the file, no holes where it is compressed.

use std::io::{self, Read, Seek};

use image::ImageFormat;

use crate::formats::isobmff::Extent;
use crate::formats::numbers::be32;
use crate::formats::tiff::{Directory, Structure, walk};
use crate::model::{Condition, Depth, Kind};

use super::decode::{self, Decoded};
use super::holes::holes_in;
use super::{Shown, Tested, percent};
use crate::media::read_at::read_at;

/// Compressions whose data never holds a sector of zeros: LZW, JPEG old and new, deflate, Nikon, lossy DNG.
const COMPRESSED: [u32; 7] = [5, 6, 7, 8, 32_946, 34_713, 34_892];

pub(super) fn test<R: Read + Seek>(input: &mut R, size: u64, kind: Kind, shown: &mut Shown) -> io::Result<Tested> {
    let Some(found) = walk(&mut |at, length| read_at(input, at, length), size)? else {
        return Ok(Tested::damaged(Depth::Signature, Some(0), "is broken in its first bytes"));
    };
    let tested = extents(input, size, &found)?;
    if kind != Kind::Tiff || tested.condition.is_damage() {
        return Ok(tested);
    }
    Ok(match decode::pixels(input, ImageFormat::Tiff, shown)? {
        Decoded::Whole(width, height) => Tested::intact(Depth::Pixels).sized(width, height),
        Decoded::TooLarge(..) | Decoded::Unsupported => Tested {
            finding: Some("is too large or too unusual to decode: only its structure was tested".to_owned()),
            ..tested
        },
        Decoded::Failed => {
            Tested::damaged(Depth::Pixels, None, "is broken inside: a part of its picture does not decode")
        }
    })
}

/// Fujifilm's raw: a table of three parts at fixed offsets.
pub(super) fn test_raf<R: Read + Seek>(input: &mut R, size: u64) -> io::Result<Tested> {
    let head = read_at(input, 84, 24)?;
    let part = |at: usize| {
        let (start, length) = be32(&head, at).zip(be32(&head, at + 4))?;
        (length > 0).then_some(Extent { start: start.into(), length: length.into() })
    };
    let preview = Directory { jpeg: part(0), ..Directory::default() };
    let raw = Directory { data: part(8).into_iter().chain(part(16)).collect(), ..Directory::default() };
    let directories = vec![preview, raw];
    extents(input, size, &Structure { directories, ..Structure::default() })
}

fn extents<R: Read + Seek>(input: &mut R, size: u64, found: &Structure) -> io::Result<Tested> {
    let total_of = |directory: &Directory| directory.data.iter().fold(0_u64, |sum, one| sum.saturating_add(one.length));
    let Some(main) = found.directories.iter().max_by_key(|directory| total_of(directory)) else {
        return Ok(match found.missing {
            Some(_) => Tested::truncated(Depth::Structure, Some(0), "ends before its picture begins"),
            None => Tested::damaged(Depth::Structure, Some(0), "holds no picture"),
        });
    };
    let total = total_of(main);
    let there = main.data.iter().fold(0_u64, |sum, extent| sum.saturating_add(inside(extent, size)));
    let previews = found.directories.iter().flat_map(|directory| {
        let is_jpeg = !std::ptr::eq(directory, main) && matches!(directory.compression, Some(6 | 7));
        directory.jpeg.iter().chain(if is_jpeg { directory.data.as_slice() } else { &[] })
    });
    let has_preview = previews.clone().any(|extent| extent.length > 0 && inside(extent, size) == extent.length);
    let others_cut = previews.chain(found.directories.iter().flat_map(|directory| &directory.data));
    let others_cut = others_cut.into_iter().any(|extent| inside(extent, size) < extent.length);
    let good = percent(there, total);
    let tested = if total > 0 && there == 0 && has_preview {
        let finding = "has lost its raw picture; a preview of it is left";
        Tested::new(Condition::PreviewOnly, Depth::Structure, Some(0), finding)
    } else if there < total {
        let finding = format!("ends after {} % of the picture", good.unwrap_or(0));
        Tested::truncated(Depth::Structure, good, finding)
    } else if found.missing.is_some() || others_cut {
        Tested::truncated(
            Depth::Structure,
            good,
            "is whole as a picture, but a part of what goes with it lies past its end",
        )
    } else {
        let compressed = |directory: &&Directory| directory.compression.is_some_and(|one| COMPRESSED.contains(&one));
        let coded: Vec<Extent> = found.directories.iter().filter(compressed).flat_map(|one| one.data.clone()).collect();
        let (lost, first) = holes_in(input, &coded)?;
        match first {
            Some(_) => {
                let good = percent(total - lost.min(total), total);
                Tested::damaged(Depth::Structure, good, "holds zeros where a part of the picture should be")
            }
            None => Tested::intact(Depth::Structure),
        }
    };
    Ok(match main.width.zip(main.height) {
        Some((width, height)) => tested.sized(width, height),
        None => tested,
    })
}

/// How many bytes of `extent` lie inside a file of `size` bytes.
fn inside(extent: &Extent, size: u64) -> u64 {
    size.saturating_sub(extent.start).min(extent.length)
}
