//! What a file is, by its content.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The format of an object, decided by its content and never by its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Kind {
    /// JPEG, motion photos and multi-picture files included.
    Jpeg,
    /// PNG.
    Png,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
    /// Windows bitmap.
    Bmp,
    /// TIFF that is no known camera's raw file.
    Tiff,
    /// HEIC and other HEIF pictures.
    Heic,
    /// AVIF.
    Avif,
    /// JPEG XL, bare or boxed.
    Jxl,
    /// Photoshop document.
    Psd,
    /// Canon raw, TIFF-based.
    Cr2,
    /// Canon raw, ISO box based.
    Cr3,
    /// Canon raw of the first digital cameras (CIFF).
    Crw,
    /// Nikon raw.
    Nef,
    /// Sony raw.
    Arw,
    /// Adobe digital negative.
    Dng,
    /// Fujifilm raw.
    Raf,
    /// Panasonic raw.
    Rw2,
    /// Olympus raw.
    Orf,
    /// Pentax raw.
    Pef,
    /// Sigma raw.
    X3f,
    /// MPEG-4 video.
    Mp4,
    /// QuickTime video.
    Mov,
    /// Video of older phones.
    ThreeGp,
    /// AVI video (old cameras: Motion JPEG).
    Avi,
    /// Matroska and WebM video.
    Mkv,
    /// MPEG transport stream (AVCHD camcorders).
    Mts,
    /// MPEG program stream (DVDs, old camcorders).
    Mpg,
    /// Windows Media video.
    Wmv,
    /// XMP sidecar.
    Xmp,
    /// Apple's list of edits beside a photo.
    Aae,
    /// A store of small pictures that Windows or Android kept for its own use.
    Thumbnails,
    /// A name that says media around bytes that say nothing (all zeros, an unknown format).
    Unknown,
}

/// The coarse sorting that people think in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// A still picture, raw files included.
    Still,
    /// A moving picture.
    Video,
    /// Words about a picture.
    Sidecar,
    /// Kept because of its name alone.
    Unknown,
}

impl Kind {
    /// Every kind there is, with its word in tables, JSON and on the command line.
    pub const ALL: [(Self, &'static str); 33] = [
        (Self::Jpeg, "jpeg"),
        (Self::Png, "png"),
        (Self::Gif, "gif"),
        (Self::Webp, "webp"),
        (Self::Bmp, "bmp"),
        (Self::Tiff, "tiff"),
        (Self::Heic, "heic"),
        (Self::Avif, "avif"),
        (Self::Jxl, "jxl"),
        (Self::Psd, "psd"),
        (Self::Cr2, "cr2"),
        (Self::Cr3, "cr3"),
        (Self::Crw, "crw"),
        (Self::Nef, "nef"),
        (Self::Arw, "arw"),
        (Self::Dng, "dng"),
        (Self::Raf, "raf"),
        (Self::Rw2, "rw2"),
        (Self::Orf, "orf"),
        (Self::Pef, "pef"),
        (Self::X3f, "x3f"),
        (Self::Mp4, "mp4"),
        (Self::Mov, "mov"),
        (Self::ThreeGp, "3gp"),
        (Self::Avi, "avi"),
        (Self::Mkv, "mkv"),
        (Self::Mts, "mts"),
        (Self::Mpg, "mpg"),
        (Self::Wmv, "wmv"),
        (Self::Xmp, "xmp"),
        (Self::Aae, "aae"),
        (Self::Thumbnails, "thumbnails"),
        (Self::Unknown, "unknown"),
    ];

    /// The word for it in tables, JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("unknown", |(_, word)| word)
    }

    /// The coarse sorting that people think in.
    pub fn family(self) -> Family {
        match self {
            Self::Jpeg
            | Self::Png
            | Self::Gif
            | Self::Webp
            | Self::Bmp
            | Self::Tiff
            | Self::Heic
            | Self::Avif
            | Self::Jxl
            | Self::Psd
            | Self::Cr2
            | Self::Cr3
            | Self::Crw
            | Self::Nef
            | Self::Arw
            | Self::Dng
            | Self::Raf
            | Self::Rw2
            | Self::Orf
            | Self::Pef
            | Self::X3f => Family::Still,
            Self::Mp4 | Self::Mov | Self::ThreeGp | Self::Avi | Self::Mkv | Self::Mts | Self::Mpg | Self::Wmv => {
                Family::Video
            }
            Self::Xmp | Self::Aae | Self::Thumbnails => Family::Sidecar,
            Self::Unknown => Family::Unknown,
        }
    }

    /// Whether it holds what a camera's sensor saw, before any picture was made of it.
    pub fn is_raw(self) -> bool {
        match self {
            Self::Cr2
            | Self::Cr3
            | Self::Crw
            | Self::Nef
            | Self::Arw
            | Self::Dng
            | Self::Raf
            | Self::Rw2
            | Self::Orf
            | Self::Pef
            | Self::X3f => true,
            Self::Jpeg
            | Self::Png
            | Self::Gif
            | Self::Webp
            | Self::Bmp
            | Self::Tiff
            | Self::Heic
            | Self::Avif
            | Self::Jxl
            | Self::Psd
            | Self::Mp4
            | Self::Mov
            | Self::ThreeGp
            | Self::Avi
            | Self::Mkv
            | Self::Mts
            | Self::Mpg
            | Self::Wmv
            | Self::Xmp
            | Self::Aae
            | Self::Thumbnails
            | Self::Unknown => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = text.to_ascii_lowercase();
        Self::ALL
            .iter()
            .find(|(_, word)| *word == wanted)
            .map(|(kind, _)| *kind)
            .ok_or_else(|| ParseKindError(text.to_owned()))
    }
}

impl TryFrom<String> for Kind {
    type Error = ParseKindError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.as_str().to_owned()
    }
}

/// The word names no kind of file that we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a kind of file that Keepsake knows")]
pub struct ParseKindError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_from_its_own_word() {
        for (kind, word) in Kind::ALL {
            assert_eq!(word.parse(), Ok(kind));
            assert_eq!(kind.as_str(), word);
        }
    }
}
