//! How far a file reaches that begins here, told from its own structure, and whether all of it is there in one piece.

mod boxes;
mod film;
mod gif;
mod png;
mod raw;
mod riff;

use std::ops::Range;

use crate::model::Kind;
use crate::sources::medium::MediumError;

pub(super) use boxes::Layout;
pub(super) use film::Unit;

/// Gives the bytes at an offset from the first byte of the file, fewer where the space ends.
pub(super) type Look<'a> = dyn FnMut(u64, usize) -> Result<Vec<u8>, MediumError> + 'a;

/// What the structure of a file tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// It is all there: this many bytes, of this kind, and each of them was checked.
    Whole(u64, Kind),
    /// Its structure is all there, and nothing speaks against the rest. Where in it other pictures may lie.
    Sound(u64, Kind, Vec<Range<u64>>),
    /// It has this many bytes, and nothing speaks against them; but the format has nothing by which they could be checked.
    Unproven(u64, Kind, Vec<Range<u64>>),
    /// It begins here and breaks off.
    Broken(Broken),
    /// It only looked like one.
    Nothing,
}

/// A file that breaks off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Broken {
    pub(super) kind: Kind,
    /// Bytes from its beginning on that are certainly its own.
    pub(super) good: u64,
    /// How many it should have, where that is known.
    pub(super) size: Option<u64>,
    /// Where in it smaller pictures lie that must not pass as photos.
    pub(super) inside: Vec<Range<u64>>,
}

/// Measures the file of this kind that begins at offset 0 of what `look` shows. JPEG is not measured here.
pub(super) fn measure(kind: Kind, look: &mut Look<'_>) -> Result<Shape, MediumError> {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the kinds that are looked for stand in `heads`")]
    match kind {
        Kind::Png => png::measure(look),
        Kind::Gif => gif::measure(look),
        Kind::Webp | Kind::Avi => riff::measure(kind, look),
        Kind::Raf => raw::measure_raf(look),
        Kind::Tiff | Kind::Cr2 | Kind::Rw2 | Kind::Orf => raw::measure(kind, look),
        _ => boxes::measure(kind, look),
    }
}

/// Reads exactly `length` bytes; `None` where the space ends first.
fn exactly(look: &mut Look<'_>, at: u64, length: usize) -> Result<Option<Vec<u8>>, MediumError> {
    Ok(Some(look(at, length)?).filter(|bytes| bytes.len() == length))
}

/// Whether something else than compressed data stands in these bytes: whole sectors of zeros or of text.
pub(super) fn is_foreign(bytes: &[u8]) -> bool {
    bytes.chunks_exact(512).any(|sector| {
        let high = sector.iter().filter(|byte| **byte > 0x7F).count();
        high < 16
    })
}
