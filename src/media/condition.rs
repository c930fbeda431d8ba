//! How whole a file is: every format is walked, checked or decoded as deep as it is known here.
//!
//! | depth | formats |
//! |---|---|
//! | pixels | JPEG, PNG; GIF, WebP, BMP and TIFF within the limits of memory |
//! | structure | HEIC, AVIF, CR3, MP4, MOV, 3GP, AVI, TIFF-based raws, RAF, boxed JPEG XL, sidecars |
//! | signature | the rest |

mod bitmap;
mod boxes;
mod decode;
mod gif;
mod holes;

mod jpeg;
mod png;
mod riff;
mod shallow;
mod tiff;

use std::io::{self, Read, Seek};

use image::ImageFormat;

use super::pixels::{NotShown, Picture};
use crate::model::{Condition, Depth, Kind};

/// What a test that decodes saw; `None` where it decoded nothing.
pub(crate) type Shown = Option<Result<Picture, NotShown>>;

/// What a test of a file's condition found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tested {
    /// How whole it is.
    pub condition: Condition,
    /// How far that was tested.
    pub depth: Depth,
    /// How much is good, 0 to 100, where damage was found and could be measured: of the picture's blocks (JPEG) or lines
    /// (PNG, BMP), elsewhere of the bytes that hold picture or sound. At most 99 where it is damaged.
    pub good_percent: Option<u8>,
    /// What is wrong, in words that follow “the file …”; `None` when intact, unless it was not looked at as deep as usual.
    pub finding: Option<String>,
    /// Pixels across, where the test met them.
    pub width: Option<u32>,
    /// Pixels down, where the test met them.
    pub height: Option<u32>,
}

impl Tested {
    fn new(condition: Condition, depth: Depth, good_percent: Option<u8>, finding: impl Into<String>) -> Self {
        Self { condition, depth, good_percent, finding: Some(finding.into()), width: None, height: None }
    }

    fn intact(depth: Depth) -> Self {
        Self { condition: Condition::Intact, depth, good_percent: None, finding: None, width: None, height: None }
    }

    fn damaged(depth: Depth, good_percent: Option<u8>, finding: impl Into<String>) -> Self {
        Self::new(Condition::Damaged, depth, good_percent.map(|good| good.min(99)), finding)
    }

    fn truncated(depth: Depth, good_percent: Option<u8>, finding: impl Into<String>) -> Self {
        Self::new(Condition::Truncated, depth, good_percent, finding)
    }

    fn sized(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (Some(width), Some(height));
        self
    }
}

/// Tests a file of `size` bytes. Memory is bounded whatever the file says of itself; each part is read at most twice, and
/// video data once.
///
/// # Errors
/// Only when `input` cannot be read: a damaged file is a result.
pub fn test<R: Read + Seek>(input: &mut R, size: u64, kind: Kind) -> io::Result<Tested> {
    test_and_show(input, size, kind, &mut None)
}

/// Does what [`test()`] does, and keeps the picture where the test decodes it anyway.
pub(crate) fn test_and_show<R: Read + Seek>(
    input: &mut R,
    size: u64,
    kind: Kind,
    shown: &mut Shown,
) -> io::Result<Tested> {
    if size == 0 {
        *shown = Some(Err(NotShown::new("is empty")));
        return Ok(Tested::damaged(Depth::Structure, Some(0), "is empty"));
    }
    if holes::holds_only_zeros(input, size)? {
        *shown = Some(Err(NotShown::new("holds only zeros")));
        return Ok(Tested::damaged(Depth::Structure, Some(0), "holds only zeros"));
    }
    match kind {
        Kind::Jpeg => jpeg::test(input, size, shown),
        Kind::Png => png::test(input, size),
        Kind::Gif => gif::test(input, size, shown),
        Kind::Bmp => bitmap::test(input, size),
        Kind::Webp | Kind::Avi => riff::test(input, size, kind, shown),
        Kind::Tiff | Kind::Cr2 | Kind::Nef | Kind::Arw | Kind::Dng | Kind::Rw2 | Kind::Orf | Kind::Pef => {
            tiff::test(input, size, kind, shown)
        }
        Kind::Raf => tiff::test_raf(input, size),
        Kind::Heic | Kind::Avif | Kind::Cr3 | Kind::Mp4 | Kind::Mov | Kind::ThreeGp | Kind::Jxl => {
            boxes::test(input, size, kind)
        }
        Kind::Xmp | Kind::Aae => shallow::test_sidecar(input, size),
        Kind::Thumbnails => Ok(Tested::intact(Depth::Signature)),
        Kind::Psd | Kind::Crw | Kind::X3f | Kind::Mkv | Kind::Mts | Kind::Mpg | Kind::Wmv => {
            shallow::test(input, size, kind)
        }
        Kind::Unknown => {
            Ok(Tested::damaged(Depth::Signature, None, "does not begin like any picture or video that we know"))
        }
    }
}

/// Decodes a picture of a format whose test does not.
pub(crate) fn decoded<R: Read + Seek>(input: &mut R, format: ImageFormat) -> io::Result<Result<Picture, NotShown>> {
    let mut shown = None;
    let outcome = decode::pixels(input, format, &mut shown)?;
    let why = match outcome {
        decode::Decoded::Whole(..) | decode::Decoded::Failed => "could not be decoded",
        decode::Decoded::TooLarge(..) => "is too large to be shown",
        decode::Decoded::Unsupported => "is too unusual to be shown",
    };
    Ok(shown.unwrap_or_else(|| Err(NotShown::new(why))))
}

/// Whole percents of `part` in `whole`, rounded down; 100 only for all of it.
fn percent(part: u64, whole: u64) -> Option<u8> {
    let share = u128::from(part.min(whole)) * 100;
    share.checked_div(u128::from(whole)).and_then(|share| u8::try_from(share).ok())
}

#[cfg(test)]
mod tests;
