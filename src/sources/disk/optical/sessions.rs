//! Discs that were written to more than once: each session has descriptors of its own, and the last one lists all.
//!
//! An image has no table of contents. Where the next session begins follows from the lengths of lead-out and lead-in: 11400
//! sectors behind the end of the first session, 6900 behind that of a later one (the orange book of the CD).

use std::sync::Arc;

use super::iso::{self, SECTOR, Tree};
use crate::sources::disk::scattered::Piece;
use crate::sources::medium::{Medium, MediumError};

/// A CD has no more tracks.
const MOST_SESSIONS: usize = 99;
/// Sectors between sessions.
const BETWEEN: [u64; 2] = [11400, 6900];
/// How many sectors a session may be longer than its descriptors say: padding, and what recorders add.
const SLACK: u64 = 512;

/// The trees of every session, the newest session first.
pub(super) fn find(medium: &Arc<dyn Medium>) -> Result<Vec<Vec<Tree>>, MediumError> {
    let mut sessions = Vec::new();
    let mut start = Some(0);
    while let Some(first) = start.filter(|_| sessions.len() < MOST_SESSIONS) {
        let (trees, sectors) = iso::trees(medium, first + 16)?;
        let sectors = u64::from(sectors);
        if trees.is_empty() {
            break;
        }
        sessions.push(trees);
        // Some programs count from the beginning of the disc, others from that of the session.
        start = next(medium.as_ref(), first, first + sectors)?;
        if start.is_none() && sectors > first {
            start = next(medium.as_ref(), first, sectors)?;
        }
    }
    sessions.reverse();
    Ok(sessions)
}

/// The first sector of the session behind the one that began at `first` and ends at `end`.
fn next(medium: &dyn Medium, first: u64, end: u64) -> Result<Option<u64>, MediumError> {
    for gap in BETWEEN {
        let from = end.saturating_add(gap).saturating_add(16);
        let there = (medium.size() / SECTOR).saturating_sub(from).min(SLACK);
        let length = usize::try_from(there * SECTOR).unwrap_or(0);
        if there == 0 {
            continue;
        }
        let piece = Piece::read(medium, from * SECTOR, length)?;
        let found = (0..there).zip((0..length).step_by(2048)).find(|(_, at)| {
            let head = piece.sound(*at..*at + 7);
            head.is_some_and(|head| head.starts_with(b"\x01CD001\x01"))
        });
        let start = found.map(|(sector, _)| from + sector - 16).filter(|start| *start > first);
        if start.is_some() {
            return Ok(start);
        }
    }
    Ok(None)
}
