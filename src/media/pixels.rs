//! Pictures of what is stored: decoded once, no larger than needed, upright, as small JPEGs, and as a [`Look`].
//!
//! Samples are kept as JPEG keeps them: brightness, and two planes of colour at half the size or more. A JPEG's own
//! planes become those of its previews without ever being pixels of red, green and blue.
//!
//! [`Look`]: crate::model::Look

mod child;
mod colour;
pub(crate) mod embedded;
mod encode;
mod fitted;
mod heic;
pub(crate) mod jpeg;
pub(crate) mod library;
mod look;
mod moving;
mod profile;
mod transform;
mod turn;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::time::Duration;

use crate::model::{Family, Kind};

use super::Helpers;
use super::condition;
use super::read_at::read_at;

pub use encode::Renditions;
pub use heic::{DECODE_HEIC, decode_heic};
pub(crate) use profile::{of_jpeg, worth_keeping};

/// The long side of the larger preview, in pixels.
pub(crate) const LARGE: u32 = 1440;
/// The long side of the smaller one.
pub(crate) const SMALL: u32 = 512;

/// Larger files are not searched for a picture.
const MOST_BYTES: usize = 256 << 20;

/// Why a file has no preview, in words that follow “the file …”.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotShown {
    why: String,
    lasting: bool,
}

impl NotShown {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), lasting: true }
    }

    /// What another try may mend, when a program is there that is missing now.
    pub(crate) fn for_now(why: impl Into<String>) -> Self {
        Self { why: why.into(), lasting: false }
    }

    /// Whether the same program would come to the same end again.
    pub fn is_lasting(&self) -> bool {
        self.lasting
    }
}

impl fmt::Display for NotShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// The part of a plane that is picture, from its upper left corner: in samples, the last of them maybe in part.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Region {
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Samples of one sort, row by row; past the region stands padding.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Plane {
    /// `across` times `down` of them.
    pub(crate) samples: Vec<u8>,
    pub(crate) across: usize,
    pub(crate) down: usize,
    pub(crate) region: Region,
}

/// A picture as it is stored, not turned upright yet, at its full size or smaller.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Picture {
    /// Pixels across that the file has.
    pub(crate) width: u32,
    /// Pixels down.
    pub(crate) height: u32,
    /// Brightness (ITU-R BT.601, full range, as in JFIF).
    pub(crate) luma: Plane,
    /// Blueness and redness, for the same region, in as many samples or fewer; `None` for a grey picture.
    pub(crate) chroma: Option<[Plane; 2]>,
    /// An ICC profile that viewers need to show the colours right; `None` where sRGB is meant.
    pub(crate) profile: Option<Vec<u8>>,
}

/// The picture of a file that its test of condition did not decode; `None` for those that take ffmpeg, and for what is no
/// picture.
pub(crate) fn read<R: Read + Seek>(
    input: &mut R,
    size: u64,
    kind: Kind,
    helpers: &Helpers,
) -> io::Result<Option<Result<Picture, NotShown>>> {
    let read = match kind {
        Kind::Png => condition::decoded(input, image::ImageFormat::Png)?,
        Kind::Bmp => condition::decoded(input, image::ImageFormat::Bmp)?,
        Kind::Heic => match whole(input, size)? {
            Some(bytes) => heic::read(&bytes, helpers),
            None => Err(too_large()),
        },
        Kind::Cr2
        | Kind::Cr3
        | Kind::Crw
        | Kind::Nef
        | Kind::Arw
        | Kind::Dng
        | Kind::Raf
        | Kind::Rw2
        | Kind::Orf
        | Kind::Pef
        | Kind::X3f
        | Kind::Psd => match whole(input, size)? {
            Some(bytes) => embedded::largest(&bytes, 0).ok_or_else(nothing_to_show),
            None => Err(too_large()),
        },
        // What takes ffmpeg, what is words, and what nobody knows.
        Kind::Avif
        | Kind::Jxl
        | Kind::Mp4
        | Kind::Mov
        | Kind::ThreeGp
        | Kind::Avi
        | Kind::Mkv
        | Kind::Mts
        | Kind::Mpg
        | Kind::Wmv
        | Kind::Xmp
        | Kind::Aae
        | Kind::Thumbnails
        | Kind::Unknown => return Ok(None),
        // What their test decodes, it shows.
        Kind::Jpeg | Kind::Gif | Kind::Webp | Kind::Tiff => Err(nothing_to_show()),
    };
    Ok(Some(read))
}

/// Whether only ffmpeg makes a picture of it.
pub(crate) fn needs_ffmpeg(kind: Kind) -> bool {
    kind.family() == Family::Video || matches!(kind, Kind::Avif | Kind::Jxl)
}

/// A frame of a video, from a tenth of its way; a picture that ffmpeg decodes.
pub(crate) fn from_ffmpeg(
    file: &File,
    kind: Kind,
    duration: Option<Duration>,
    helpers: &Helpers,
) -> Result<Picture, NotShown> {
    let missing = || NotShown::for_now("takes ffmpeg to be shown, which is not installed here");
    let ffmpeg = helpers.ffmpeg.as_ref().ok_or_else(missing)?;
    let at = match kind.family() {
        Family::Video => duration.map_or(Duration::from_secs(1), |length| length / 10),
        Family::Still | Family::Sidecar | Family::Unknown => Duration::ZERO,
    };
    moving::frame(file, at, ffmpeg)
}

fn whole<R: Read + Seek>(input: &mut R, size: u64) -> io::Result<Option<Vec<u8>>> {
    let bytes = read_at(input, 0, MOST_BYTES)?;
    Ok((bytes.len() as u64 >= size).then_some(bytes))
}

fn nothing_to_show() -> NotShown {
    NotShown::new("holds no picture that could be shown")
}

fn too_large() -> NotShown {
    NotShown::new("is too large to be shown")
}
