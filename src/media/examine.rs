//! All that one look at an object's bytes tells.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::time::Duration;

use crate::formats::payload;
use crate::model::{Examination, Kind, Likeness};

use super::pixels::{self, NotShown, Picture, Renditions};
use super::{Helpers, condition, facts};

/// What came of making previews; `None` for files that only [`show`] makes them of.
pub type Previewed = Option<Result<Renditions, NotShown>>;

/// Examines an object: its condition, what it says about itself, and what it looks like. `size` is that of the whole object.
///
/// Width and height come from the picture itself where it was looked into, and from what is written about it otherwise.
/// Previews of videos, AVIF and JPEG XL are left to [`show`], which takes its time.
///
/// # Errors
/// Only when `input` cannot be read: a damaged file is a result.
pub fn examine<R: Read + Seek>(
    input: &mut R,
    size: u64,
    kind: Kind,
    helpers: &Helpers,
) -> io::Result<(Examination, Previewed)> {
    let mut shown = None;
    let tested = condition::test_and_show(input, size, kind, &mut shown)?;
    input.rewind()?;
    let mut facts = facts::read(input, kind)?;
    facts.width = tested.width.or(facts.width);
    facts.height = tested.height.or(facts.height);
    let picture = match shown {
        Some(shown) => Some(shown),
        None => pixels::read(input, size, kind, helpers)?,
    };
    let previewed = picture.map(|picture| made(picture, kind, facts.orientation));
    let look = previewed.as_ref().and_then(|made| made.as_ref().ok()).map(|renditions| renditions.look);
    let likeness = Likeness { payload: payload::of(input, size, kind)?, look };
    let condition::Tested { condition, depth, good_percent, finding, .. } = tested;
    Ok((Examination { condition, depth, good_percent, finding, facts, likeness }, previewed))
}

/// Makes the previews of an object, whatever it takes.
///
/// # Errors
/// Only when `file` cannot be read.
pub fn show(file: &mut File, size: u64, kind: Kind, helpers: &Helpers) -> io::Result<Result<Renditions, NotShown>> {
    if pixels::needs_ffmpeg(kind) {
        let facts = facts::read(file, kind)?;
        let duration = facts.duration_ms.map(Duration::from_millis);
        // ffmpeg turns what it decodes upright by itself.
        return Ok(pixels::from_ffmpeg(file, kind, duration, helpers).and_then(|picture| picture.renditions(1)));
    }
    let (_, previewed) = examine(file, size, kind, helpers)?;
    Ok(previewed.unwrap_or_else(|| Err(NotShown::new("is not a picture that could be shown"))))
}

fn made(picture: Result<Picture, NotShown>, kind: Kind, orientation: Option<u8>) -> Result<Renditions, NotShown> {
    // A HEIC's own boxes turn it, and its decoder obeys them; EXIF only repeats what they did.
    let orientation = if kind == Kind::Heic { 1 } else { orientation.unwrap_or(1) };
    picture?.renditions(orientation)
}
