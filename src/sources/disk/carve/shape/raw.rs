//! TIFF and the raw files built on it, and Fujifilm's: directories say where everything lies. What is a JPEG in them is
//! followed; raw data has nothing by which it could be checked.

use std::io;
use std::ops::Range;

use super::{Broken, Look, Shape, exactly, is_foreign};
use crate::formats::isobmff::Extent;
use crate::formats::jpeg::{Advance, Follower};
use crate::formats::numbers::be32;
use crate::formats::tiff::{self, Structure};
use crate::model::Kind;
use crate::sources::medium::MediumError;

/// Larger than the raw file of any camera. Bounds time.
const MAX_SIZE: u64 = 512 << 20;
const STEP: u64 = 1 << 16;

pub(super) fn measure(kind: Kind, look: &mut Look<'_>) -> Result<Shape, MediumError> {
    // The walk knows errors of files only; one of the medium waits here.
    let mut failed = None;
    let mut read = |at: u64, length: usize| {
        look(at, length).map_err(|error| {
            failed = Some(error);
            io::Error::other("the medium")
        })
    };
    let walked = tiff::walk(&mut read, MAX_SIZE);
    if let Some(error) = failed {
        return Err(error);
    }
    let Ok(Some(found)) = walked else { return Ok(Shape::Nothing) };
    if found.directories.is_empty() || found.missing.is_some() || !(256..MAX_SIZE).contains(&found.reach) {
        return Ok(Shape::Nothing);
    }
    let kind = kind_of(kind, &found);
    let extents = || found.directories.iter().flat_map(|directory| directory.data.iter().chain(&directory.jpeg));
    let inside: Vec<Range<u64>> = extents().map(|extent| extent.start..extent.start + extent.length).collect();
    let mut places: Vec<&Extent> = extents().filter(|extent| extent.length > 1).collect();
    places.sort_by_key(|extent| extent.start);
    let pictures = places.iter().map(|place| place.start..place.start + place.length).collect();
    let mut proven = 0;
    for place in &places {
        let Some(good) = check(look, place)? else {
            let good = place.start;
            return Ok(Shape::Broken(Broken { kind, good, size: Some(found.reach), inside }));
        };
        proven += u32::from(good);
    }
    // Where the raw data ends is written nowhere in Panasonic's.
    let sure = proven > 0 && kind != Kind::Rw2;
    Ok(if sure { Shape::Sound(found.reach, kind, pictures) } else { Shape::Unproven(found.reach, kind, pictures) })
}

pub(super) fn measure_raf(look: &mut Look<'_>) -> Result<Shape, MediumError> {
    let Some(head) = exactly(look, 0, 108)? else { return Ok(Shape::Nothing) };
    let place = |at| {
        let field = |at| be32(&head, at).map_or(0, u64::from);
        Extent { start: field(at), length: field(at + 4) }
    };
    // The JPEG, the table of the sensor, its data.
    let (jpeg, table, data) = (place(84), place(92), place(100));
    let size = [jpeg, table, data].iter().map(|place| place.start + place.length).max().unwrap_or(0);
    if jpeg.start < 108 || jpeg.length < 128 || size > MAX_SIZE {
        return Ok(Shape::Nothing);
    }
    let inside = Range { start: jpeg.start, end: jpeg.start + jpeg.length };
    let good = check(look, &jpeg)? == Some(true) && exactly(look, size - 1, 1)?.is_some();
    Ok(if good {
        Shape::Sound(size, Kind::Raf, vec![inside])
    } else {
        Shape::Broken(Broken { kind: Kind::Raf, good: jpeg.start, size: Some(size), inside: vec![inside] })
    })
}

/// Which camera's it is.
fn kind_of(kind: Kind, found: &Structure) -> Kind {
    let make = found.make.as_deref().unwrap_or_default();
    if kind != Kind::Tiff {
        kind
    } else if found.is_dng {
        Kind::Dng
    } else if !found.has_sub_directories {
        Kind::Tiff
    } else if make.starts_with(b"NIKON") {
        Kind::Nef
    } else if make.starts_with(b"SONY") {
        Kind::Arw
    } else if make.starts_with(b"PENTAX") {
        Kind::Pef
    } else {
        Kind::Tiff
    }
}

/// Whether a JPEG stands there and is whole, or something that cannot be checked; `None` where it is neither.
fn check(look: &mut Look<'_>, place: &Extent) -> Result<Option<bool>, MediumError> {
    let end = place.start.saturating_add(place.length);
    let begin = look(place.start, 4)?;
    if begin.len() < 4 || exactly(look, end - 1, 1)?.is_none() {
        return Ok(None);
    }
    let mut follower = begin.starts_with(&[0xFF, 0xD8, 0xFF]).then(Follower::new);
    let mut proven = false;
    let mut at = place.start;
    while at < end {
        let bytes = look(at, usize::try_from((end - at).min(STEP)).unwrap_or(0))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        at += bytes.len() as u64;
        let Some(running) = &mut follower else {
            // Uncompressed pictures may hold any bytes; of those only the ends are looked at.
            break;
        };
        match running.feed(&bytes) {
            Advance::More => {}
            Advance::Whole(_) => {
                proven = true;
                break;
            }
            // Lossless JPEG, of which only the markers are known.
            Advance::Broken(..) if running.frame().is_none() => {
                follower = None;
                if is_foreign(&bytes) {
                    return Ok(None);
                }
            }
            Advance::Broken(..) => return Ok(None),
        }
    }
    Ok(Some(proven))
}
