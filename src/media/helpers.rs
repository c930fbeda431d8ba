//! The programs that make pictures of what no library here can decode.

use std::path::PathBuf;

/// Where the programs are that show what the libraries here cannot, or must not in this very process. Any may be missing:
/// then such files have no preview, and it is said why.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Helpers {
    /// This program itself: it decodes HEIC in a process of its own, with limits.
    pub own: Option<PathBuf>,
    /// ffmpeg, for videos, AVIF and JPEG XL.
    pub ffmpeg: Option<PathBuf>,
}
