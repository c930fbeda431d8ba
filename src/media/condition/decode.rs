//! Decoding by the `image` library, within limits, its panics caught.

use std::io::{self, BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use image::error::ImageError;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::Shown;
use crate::media::pixels::library;

/// The most memory that a picture may take.
const MAX_PICTURE: u64 = 256 << 20;
/// The most pixels that all frames of an animation may have. Bounds time.
const MAX_ANIMATION: u64 = 1 << 30;

/// A picture that takes more is decoded while no other such is. Bounds the memory of many threads.
const LARGE_PICTURE: u64 = 64 << 20;
static LARGE: Mutex<()> = Mutex::new(());

/// How a decoding came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decoded {
    /// Every pixel, of a picture of this width and height.
    Whole(u32, u32),
    /// It needs more memory or time than is given.
    TooLarge(u32, u32),
    /// A variant of the format that the decoder does not know.
    Unsupported,
    /// It does not decode.
    Failed,
}

/// Decodes a picture, and shows it.
pub(super) fn pixels<R: Read + Seek>(input: &mut R, format: ImageFormat, shown: &mut Shown) -> io::Result<Decoded> {
    input.rewind()?;
    let attempt = || {
        let mut reader = ImageReader::with_format(BufReader::new(input), format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_PICTURE);
        reader.limits(limits);
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        if decoder.total_bytes() > MAX_PICTURE {
            return Ok(Decoded::TooLarge(width, height));
        }
        let alone = decoder.total_bytes() > LARGE_PICTURE;
        let _alone = alone.then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
        // A profile that cannot be read is a picture without one.
        let profile = decoder.icc_profile().unwrap_or_default();
        *shown = Some(library::picture(DynamicImage::from_decoder(decoder)?, profile));
        Ok(Decoded::Whole(width, height))
    };
    outcome(attempt)
}

/// Decodes every frame of a GIF, and shows the first.
pub(super) fn frames<R: Read + Seek>(input: &mut R, shown: &mut Shown) -> io::Result<Decoded> {
    input.rewind()?;
    let attempt = || {
        let mut decoder = image::codecs::gif::GifDecoder::new(BufReader::new(input))?;
        let (width, height) = decoder.dimensions();
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_PICTURE);
        let pixels = u64::from(width) * u64::from(height);
        if pixels * 4 > MAX_PICTURE {
            return Ok(Decoded::TooLarge(width, height));
        }
        decoder.set_limits(limits)?;
        let mut seen = 0;
        for frame in decoder.into_frames() {
            let frame = frame?;
            if seen == 0 {
                *shown = Some(library::picture(DynamicImage::ImageRgba8(frame.into_buffer()), None));
            }
            seen += pixels;
            if seen > MAX_ANIMATION {
                return Ok(Decoded::TooLarge(width, height));
            }
        }
        Ok(if seen > 0 { Decoded::Whole(width, height) } else { Decoded::Failed })
    };
    outcome(attempt)
}

fn outcome(attempt: impl FnOnce() -> Result<Decoded, ImageError>) -> io::Result<Decoded> {
    // A decoder that panics on a broken file has only shown that the file does not decode.
    match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(ImageError::Unsupported(_))) => Ok(Decoded::Unsupported),
        Ok(Err(ImageError::Limits(_))) => Ok(Decoded::TooLarge(0, 0)),
        Ok(Err(ImageError::IoError(error))) if comes_from_the_medium(&error) => Err(error),
        Ok(Err(
            ImageError::IoError(_) | ImageError::Decoding(_) | ImageError::Encoding(_) | ImageError::Parameter(_),
        ))
        | Err(_) => Ok(Decoded::Failed),
    }
}

/// Decoders report broken pictures as input errors too: only those with a number come from the system.
fn comes_from_the_medium(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}
