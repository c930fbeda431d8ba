//! What an examination found of an object's health.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Facts, Likeness};

/// How whole a photo is, as far as [`Depth`] says it was looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Nothing is missing or broken.
    Intact,
    /// It ends before its time; what is there is good.
    Truncated,
    /// Something inside is wrong: a hole of zeros, a broken stream, bytes of another file.
    Damaged,
    /// The full picture is lost; a smaller one of it lives inside.
    PreviewOnly,
}

impl Condition {
    /// Every condition there is.
    pub const ALL: [Self; 4] = [Self::Intact, Self::Truncated, Self::Damaged, Self::PreviewOnly];

    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Truncated => "truncated",
            Self::Damaged => "damaged",
            Self::PreviewOnly => "preview-only",
        }
    }

    /// Whether a person should be told.
    pub fn is_damage(self) -> bool {
        match self {
            Self::Intact => false,
            Self::Truncated | Self::Damaged | Self::PreviewOnly => true,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far an object was looked at: what [`Condition::Intact`] is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Only its first bytes: nothing here knows the format further.
    Signature,
    /// Every box, chunk or segment was walked to the end, and lies inside the file.
    Structure,
    /// Every pixel was decoded, or every code of the entropy stream followed.
    Pixels,
}

impl Depth {
    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Structure => "structure",
            Self::Pixels => "pixels",
        }
    }
}

/// All that one look at an object's bytes tells.
#[derive(Clone, PartialEq, Debug)]
pub struct Examination {
    /// How whole it is.
    pub condition: Condition,
    /// How far that was tested.
    pub depth: Depth,
    /// How much of the picture is good, 0 to 100, where damage was found and could be measured.
    pub good_percent: Option<u8>,
    /// What is wrong, in words that follow “the file …”: “ends after 61 % of the picture”. Empty when intact.
    pub finding: Option<String>,
    /// What the file says about itself.
    pub facts: Facts,
    /// What finds the same picture in other files.
    pub likeness: Likeness,
}
