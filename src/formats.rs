//! Pure parsers and validators over bytes: no I/O of their own (what reads by offset is given the reader), no clock, never a
//! panic on hostile input.

pub mod asf;
pub mod avchd;
pub mod avi;
pub mod ciff;
pub mod edited;
pub mod exif_tags;
pub mod exif_text;
pub mod file_name;
pub mod gps;
pub mod headers;
pub mod heif;
pub mod iptc;
pub mod isobmff;
pub mod jpeg;
pub mod mapfile;
pub mod media_names;
pub mod merged;
pub mod moments;
pub mod motion;
pub mod names;
pub(crate) mod numbers;
pub mod payload;
pub mod photoshop;
pub mod png;
pub mod png_text;
pub mod quicktime;
pub mod sidecar;
pub mod thumbs;
pub mod tiff;
pub mod xmp;
pub mod zeros;
