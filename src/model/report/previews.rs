//! What came of making previews.

use serde::Serialize;

use crate::model::{PhotoId, Problem};

/// The previews of one photo.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PhotoPreviews {
    /// The photo.
    pub photo: PhotoId,
    /// The file of at most 512 pixels, where there is one.
    pub small: Option<String>,
    /// The file of at most 1440 pixels, where there is one.
    pub large: Option<String>,
    /// Why there is none, in words that follow “the file …”.
    pub why_not: Option<String>,
}

/// What came of making previews.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct PreviewsReport {
    /// The photos that were asked for; empty where all were meant.
    pub photos: Vec<PhotoPreviews>,
    /// Objects whose previews were made now.
    pub made: u64,
    /// Objects whose previews were there.
    pub already_there: u64,
    /// Objects that cannot be shown.
    pub not_shown: u64,
    /// Whether it was done to the end; `false` when somebody stopped it.
    pub complete: bool,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
