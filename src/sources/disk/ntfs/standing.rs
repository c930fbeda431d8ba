//! How sure the bytes of deleted files are.
//!
//! Memory: 40 bytes for each extent of a deleted file.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use jiff::Timestamp;

use super::boot::LOST;
use super::survey::Survey;
use crate::sources::disk::file_system::{Content, Extent, Standing};

/// Which deleted file had which clusters, and when it was last changed.
#[derive(Default)]
pub(super) struct Deleted {
    claims: Vec<Claim>,
}

struct Claim {
    range: Range<u64>,
    changed_at: Option<Timestamp>,
    number: u64,
}

impl Deleted {
    /// Notes where a deleted file lay.
    pub(super) fn note(&mut self, number: u64, changed_at: Option<Timestamp>, content: &Content) {
        let ranges = places(content);
        self.claims.extend(ranges.map(|range| Claim { range, changed_at, number }));
    }

    /// The files some of whose clusters another deleted file had later, or at a time that does not tell.
    ///
    /// A file that got the clusters of a deleted one changed after it.
    pub(super) fn older(self) -> HashSet<u64> {
        let mut edges: Vec<(u64, bool, usize)> = Vec::with_capacity(self.claims.len() * 2);
        for (index, claim) in self.claims.iter().enumerate() {
            edges.push((claim.range.start, true, index));
            edges.push((claim.range.end, false, index));
        }
        // Ends come before beginnings at the same place: neighbours do not overlap.
        edges.sort_unstable();
        let mut here: BTreeSet<(Option<Timestamp>, u64, usize)> = BTreeSet::new();
        let mut older = HashSet::new();
        for (_, begins, index) in edges {
            let Some(claim) = self.claims.get(index) else { continue };
            let key = (claim.changed_at, claim.number, index);
            if !begins {
                here.remove(&key);
                continue;
            }
            if let Some(newest) = here.last().filter(|newest| newest.1 != claim.number) {
                let (one, other) = (newest.0, claim.changed_at);
                if one <= other {
                    older.insert(newest.1);
                }
                if other <= one {
                    older.insert(claim.number);
                }
            }
            here.insert(key);
        }
        older
    }
}

/// How sure a deleted file's bytes are. `is_older`: another deleted file had some of them later.
pub(super) fn standing(size: u64, content: &Content, is_older: bool, survey: &Survey) -> Standing {
    if places(content).any(|range| survey.is_taken(range)) {
        return Standing::DeletedReused;
    }
    let unsure = |range: Range<u64>| range.end > survey.bitmap.end || survey.bitmap.unknown.meets(range);
    let short = match content {
        Content::Extents(extents) => extents.iter().map(|extent| extent.length).fold(0, u64::saturating_add) < size,
        Content::Inline(..) | Content::Packed(_) => false,
    };
    if is_older || short || all_places(content).any(unsure) {
        return Standing::DeletedAssumed;
    }
    Standing::Deleted
}

/// Where on the medium the bytes lie that somebody still tells of.
fn places(content: &Content) -> impl Iterator<Item = Range<u64>> {
    all_places(content).filter(|range| range.start < LOST)
}

fn all_places(content: &Content) -> impl Iterator<Item = Range<u64>> {
    let (extents, units): (&[Extent], &[Vec<Extent>]) = match content {
        Content::Extents(extents) => (extents, &[]),
        Content::Packed(packed) => (&[], &packed.units),
        Content::Inline(..) => (&[], &[]),
    };
    extents
        .iter()
        .chain(units.iter().flatten())
        .filter_map(|extent| extent.at.map(|at| at..at.saturating_add(extent.length)))
}
