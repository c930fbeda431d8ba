//! Decoding by the `image` library, within limits, its panics caught.

use std::io::{self, BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::error::ImageError;
use image::{AnimationDecoder, ImageDecoder, ImageFormat, ImageReader, Limits};

/// The most memory that a picture may take.
const MAX_PICTURE: u64 = 256 << 20;
/// The most pixels that all frames of an animation may have. Bounds time.
const MAX_ANIMATION: u64 = 1 << 30;

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

pub(super) fn pixels<R: Read + Seek>(input: &mut R, format: ImageFormat) -> io::Result<Decoded> {
    input.rewind()?;
    let attempt = || {
        let mut reader = ImageReader::with_format(BufReader::new(input), format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_PICTURE);
        reader.limits(limits);
        let decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        if decoder.total_bytes() > MAX_PICTURE {
            return Ok(Decoded::TooLarge(width, height));
        }
        let mut buffer = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(0)];
        decoder.read_image(&mut buffer)?;
        Ok(Decoded::Whole(width, height))
    };
    outcome(attempt)
}

/// Decodes every frame of a GIF.
pub(super) fn frames<R: Read + Seek>(input: &mut R) -> io::Result<Decoded> {
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
            frame?;
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
