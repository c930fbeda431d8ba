//! TIFF, raw files built on it, and Fujifilm's.

use std::io::{self, Read, Seek};

use crate::formats::isobmff::Extent;
use crate::formats::numbers::be32;
use crate::formats::tiff::{Directory, walk};

use super::bytes::{Bytes, Stop, Walked, sound};
use super::parts::Parts;

/// Every directory's strips and tiles; small JPEGs are previews, and count only where there is nothing else (the oldest
/// way to put JPEG into TIFF). Programs that write metadata move directories about, so their order does not count.
pub(super) fn add<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let size = file.size;
    let mut read = |at, length| {
        file.read_up_to(at, length).map_err(|stop| match stop {
            Stop::NotWhole => io::ErrorKind::UnexpectedEof.into(),
            Stop::Unreadable(cause) => cause,
        })
    };
    let structure = sound(walk(&mut read, size)?)?;
    if structure.missing.is_some() {
        return Err(Stop::NotWhole);
    }
    let has_data = structure.directories.iter().any(|directory| !directory.data.is_empty());
    let mut pictures = Vec::new();
    for Directory { width, height, compression, data, jpeg } in structure.directories {
        let extents = match jpeg {
            Some(jpeg) if !has_data => vec![jpeg],
            Some(_) | None => data,
        };
        if extents.is_empty() {
            continue;
        }
        let mut picture = blake3::Hasher::new();
        for number in [width, height, compression] {
            picture.update(&number.unwrap_or(0).to_be_bytes());
        }
        for extent in extents {
            file.feed(&mut picture, to_the_end(extent, size))?;
        }
        pictures.push(picture.finalize());
    }
    if pictures.is_empty() {
        return Err(Stop::NotWhole);
    }
    pictures.sort_unstable_by_key(|hash| *hash.as_bytes());
    for picture in pictures {
        parts.add_hash(*b"pict", picture);
    }
    Ok(())
}

/// Panasonic's raw data goes to the end of the file; its length is written nowhere, and given as 1.
fn to_the_end(extent: Extent, size: u64) -> Extent {
    match extent.length {
        1 => Extent { start: extent.start, length: size.saturating_sub(extent.start) },
        _ => extent,
    }
}

/// The place of the sensor's data stands at byte 100; the JPEG before it has all of the metadata.
pub(super) fn add_raf<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let place = file.read(100, 8)?;
    let (start, length) = sound(be32(&place, 0).zip(be32(&place, 4)))?;
    if length == 0 || !file.read(0, 15)?.starts_with(b"FUJIFILMCCD-RAW") {
        return Err(Stop::NotWhole);
    }
    parts.add_extent(*b"pict", file, Extent { start: start.into(), length: length.into() })
}
