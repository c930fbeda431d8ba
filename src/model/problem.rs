//! What could not be done to one file: data, not an error.

use serde::{Deserialize, Serialize};

/// What could not be done to one file, or what is wrong with it: listed, counted, never fatal, never silent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// The file, as a person would look for it.
    pub path: String,
    /// What sort of problem.
    pub kind: ProblemKind,
    /// What happened, in words that stand alone.
    pub message: String,
}

impl Problem {
    /// Names the file, the sort of problem, and what happened.
    pub fn new(path: impl Into<String>, kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { path: path.into(), kind, message: message.into() }
    }
}

/// The sorts of problems; scripts rely on the words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The source did not give all the bytes.
    Unreadable,
    /// The file has no bytes at all.
    Empty,
    /// It ends before its time.
    Truncated,
    /// Something inside is wrong.
    Damaged,
    /// Only a preview of it is left.
    PreviewOnly,
    /// It changed while it was read.
    Changed,
    /// An object of the archive is not where it belongs.
    Missing,
    /// The bytes are not the ones they are named after.
    Altered,
    /// It came back, and nothing proves that it is right.
    Unproven,
    /// A different file stands where this one should go.
    InTheWay,
    /// The place could not be written.
    Unwritable,
}

impl ProblemKind {
    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::Damaged => "damaged",
            Self::PreviewOnly => "preview-only",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Altered => "altered",
            Self::Unproven => "unproven",
            Self::InTheWay => "in-the-way",
            Self::Unwritable => "unwritable",
        }
    }
}
