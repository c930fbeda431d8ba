//! What is wrong with a folder or a file, in words for a person.

use crate::model::ProblemKind;

use super::folder::{Entry, Listing, SLOT};
use super::heap::Run;

/// Why a chain ends before its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    /// The table ends it, or calls its next part free.
    Ends,
    Outside,
    Loops,
    /// More parts of the volume are claimed twice than it has.
    Tangled,
}

/// The clusters of a file or folder, as they were found.
#[derive(Default)]
pub(super) struct Chain {
    pub(super) runs: Vec<Run>,
    pub(super) cut: Option<Cut>,
    pub(super) is_assumed: bool,
    pub(super) is_shared: bool,
}

/// What is wrong with the list of a folder.
pub(super) fn folder_problems(listing: &Listing, cut: Option<Cut>) -> Vec<(ProblemKind, String)> {
    let mut problems = Vec::new();
    if listing.unreadable_slots > 0 {
        let bytes = u64::from(listing.unreadable_slots) * SLOT as u64;
        let message = format!("{bytes} bytes of the list of this folder cannot be read: files may be missing from it");
        problems.push((ProblemKind::Unreadable, message));
    }
    if listing.blank_bytes > 0 {
        let bytes = listing.blank_bytes;
        let message =
            format!("{bytes} bytes of the list of this folder are empty, and more follows: files may be missing");
        problems.push((ProblemKind::Damaged, message));
    }
    if listing.senseless_slots > 0 {
        let message = format!("{} entries of this folder make no sense and were left out", listing.senseless_slots);
        problems.push((ProblemKind::Damaged, message));
    }
    let message = match cut {
        None => return problems,
        Some(Cut::Ends) => "the list of this folder ends before its time: files may be missing from it",
        Some(Cut::Outside) => "the list of this folder leads out of the volume: files may be missing from it",
        Some(Cut::Loops) => "the list of this folder leads back to itself: files may be missing from it",
        Some(Cut::Tangled) => "too many files and folders share their parts: files may be missing from this folder",
    };
    problems.push((ProblemKind::Damaged, message.into()));
    problems
}

/// What is wrong with a file of which `found` bytes have a place.
pub(super) fn file_problems(chain: &Chain, found: u64, entry: &Entry) -> Vec<(ProblemKind, String)> {
    let mut problems = Vec::new();
    if let Some(doubt) = entry.doubt {
        problems.push((ProblemKind::Damaged, doubt.into()));
    }
    if chain.is_assumed {
        let message = "where all its parts lie cannot be read; it is assumed to go on in one piece";
        problems.push((ProblemKind::Unproven, message.into()));
    }
    if chain.is_shared {
        let message = "it shares parts of the volume with another file: only one of them can be right";
        problems.push((ProblemKind::Damaged, message.into()));
    }
    let why = match chain.cut {
        None => return problems,
        Some(Cut::Ends) => "the chain of its parts ends there",
        Some(Cut::Outside) => "the next part would lie outside of the volume",
        Some(Cut::Loops) => "the chain of its parts leads back to itself",
        Some(Cut::Tangled) => "too many files share their parts",
    };
    let message = format!("only {found} of {} bytes have a place: {why}", entry.size);
    problems.push((ProblemKind::Truncated, message));
    problems
}
