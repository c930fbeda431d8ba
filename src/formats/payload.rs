//! The picture or video itself, without what is written about it: which bytes of a file those are, in each format.
//!
//! | format | what counts |
//! |---|---|
//! | JPEG | of the first picture: tables, frame and scan headers, entropy-coded data; of Adobe's segment the colour transform |
//! | PNG | critical chunks, transparency, the frames of an animation; the pieces of `IDAT` as one |
//! | GIF | the screen, palettes, frames and their timing, the number of repeats |
//! | WebP | `VP8 `, `VP8L`, `ALPH`, the frames of an animation and its canvas |
//! | HEIC, AVIF | every item but metadata, the properties that its pixels depend on, how items make up others |
//! | MP4, MOV, 3GP | of each video and sound track: the description of its coding, and all samples in their order |
//! | CR3 | the same, of its picture tracks |
//! | AVI | the lists of frames |
//! | TIFF and raw files built on it | strips and tiles of every directory |
//! | RAF | the sensor's data |
//! | PSD | all but the image resources |
//! | JPEG XL | the codestream |
//!
//! Others have none: where nobody can write metadata, or where this program does not know the format well enough.

mod boxes;
mod bytes;
mod gif;
mod jpeg;
mod parts;
mod png;
mod psd;
mod riff;
mod tiff;

use std::io::{self, Read, Seek};

use crate::model::{Kind, Payload};

use bytes::{Bytes, Stop};
use parts::Parts;

/// Names what is left of a file of `size` bytes without its metadata; `None` for a format without such a name, and for a
/// file that cannot be walked to the end of its picture.
///
/// Says nothing of damage inside the picture's own data. Each byte is read at most twice, in bounded memory.
///
/// # Errors
/// Only those of `input` itself.
pub fn of<R: Read + Seek>(input: &mut R, size: u64, kind: Kind) -> io::Result<Option<Payload>> {
    let mut file = Bytes::new(input, size)?;
    let walked = match kind {
        Kind::Jpeg => Parts::of("jpeg", |parts| jpeg::add(file.into_stream(), parts)),
        Kind::Png => Parts::of("png", |parts| png::add(&mut file, parts)),
        Kind::Gif => Parts::of("gif", |parts| gif::add(&mut file, parts)),
        Kind::Webp => Parts::of("webp", |parts| riff::add_picture(&mut file, parts)),
        Kind::Avi => Parts::of("avi", |parts| riff::add_video(&mut file, parts)),
        Kind::Heic | Kind::Avif => Parts::of("heif", |parts| boxes::add_items(&mut file, parts)),
        Kind::Mp4 | Kind::Mov | Kind::ThreeGp => Parts::of("movie", |parts| boxes::add_tracks(&mut file, parts)),
        Kind::Cr3 => Parts::of("cr3", |parts| boxes::add_picture_tracks(&mut file, parts)),
        Kind::Jxl => Parts::of("jxl", |parts| boxes::add_codestream(&mut file, parts)),
        Kind::Tiff | Kind::Cr2 | Kind::Nef | Kind::Arw | Kind::Dng | Kind::Rw2 | Kind::Orf | Kind::Pef => {
            Parts::of("tiff", |parts| tiff::add(&mut file, parts))
        }
        Kind::Raf => Parts::of("raf", |parts| tiff::add_raf(&mut file, parts)),
        Kind::Psd => Parts::of("psd", |parts| psd::add(&mut file, parts)),
        Kind::Bmp
        | Kind::Crw
        | Kind::X3f
        | Kind::Mkv
        | Kind::Mts
        | Kind::Mpg
        | Kind::Wmv
        | Kind::Xmp
        | Kind::Aae
        | Kind::Thumbnails
        | Kind::Unknown => Err(Stop::NotWhole),
    };
    match walked {
        Ok(payload) => Ok(Some(payload)),
        Err(Stop::NotWhole) => Ok(None),
        Err(Stop::Unreadable(cause)) => Err(cause),
    }
}

#[cfg(test)]
mod tests;
