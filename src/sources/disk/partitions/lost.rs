//! Partitions whose table is lost: places where they usually begin are asked whether one does.
//!
//! At most 16,384 places are looked at, so that a drive of any size is done in minutes; what is found says itself where it ends, and the
//! search goes on behind it.

use std::ops::Range;

use super::marks::{self, MARKED_EARLY, Mark};
use crate::sources::medium::{Medium, MediumError, read_vec};

const MOST_PLACES: usize = 16_384;

/// Windows since Vista, and everybody since, begins partitions at whole MiB.
const ALIGNED: u64 = 1 << 20;

/// Before that they began at whole cylinders of 255 tracks of 63 sectors; the first one, and logical ones, a track behind.
const TRACK: u64 = 63 * 512;
const CYLINDER: u64 = 255 * TRACK;

/// A file system that begins somewhere: where, and what it is.
pub(super) struct Found {
    pub(super) range: Range<u64>,
    pub(super) kind: &'static str,
}

/// Looks for file systems behind the beginning of the drive.
pub(super) fn search(medium: &dyn Medium) -> Result<Vec<Found>, MediumError> {
    let size = medium.size();
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    for _ in 0..MOST_PLACES {
        at = next_place(at);
        if at.saturating_add(MARKED_EARLY as u64) > size {
            break;
        }
        let (head, _) = read_vec(medium, at, MARKED_EARLY)?;
        if let Some(Mark::FileSystem(kind, length)) = marks::find(&head) {
            // A length that makes no sense does not keep the search from going on.
            let length = length.filter(|length| *length > ALIGNED / 16).unwrap_or(size).min(size - at);
            let end = at.saturating_add(length);
            found.push(Found { range: at..end, kind });
            at = end.saturating_sub(TRACK).max(at);
        }
    }
    Ok(found)
}

/// The next place behind `at` where a partition may begin.
fn next_place(at: u64) -> u64 {
    let cylinder = (at / CYLINDER + 1).saturating_mul(CYLINDER);
    let track = at / CYLINDER * CYLINDER + TRACK;
    let track = if track > at { track } else { cylinder.saturating_add(TRACK) };
    let aligned = (at / ALIGNED + 1).saturating_mul(ALIGNED);
    cylinder.min(track).min(aligned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_beginning_is_looked_at() {
        let places: Vec<u64> = std::iter::successors(Some(0), |at| Some(next_place(*at))).take(60).collect();
        for place in [TRACK, ALIGNED, 2 * ALIGNED, CYLINDER, CYLINDER + TRACK, 2 * CYLINDER, 32 * ALIGNED] {
            assert!(places.contains(&place), "{place}");
        }
        assert!(places.is_sorted());
    }
}
