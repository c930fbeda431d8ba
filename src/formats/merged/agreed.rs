//! Formats that cannot test themselves: only what was read, by the maps of the drives, counts.

use crate::formats::zeros::SECTOR;
use crate::model::Ranges;

use super::compare::{Seen, wide};
use super::fingerprint::tells;
use super::pieces::{Plan, givers, plan};
use super::{Joined, Proof, Unproven};

/// The share of the file that two copies must have read alike: one part of this many.
const SHARE: usize = 20;
/// And never less than this many sectors.
const FEWEST: usize = 16;

/// Joins the copies that have maps, where nobody contradicts.
pub(super) fn by_maps(members: &[(usize, &Seen<'_>)]) -> Result<Joined, Unproven> {
    let mapped: Vec<(usize, &Seen<'_>)> = members.iter().filter(|(_, copy)| copy.lost.is_some()).copied().collect();
    let copies: Vec<&Seen<'_>> = mapped.iter().map(|(_, copy)| *copy).collect();
    let Some(length) = copies.first().map(|copy| copy.bytes.len()).filter(|_| copies.len() > 1) else {
        return Err(Unproven::NoMaps);
    };
    if copies.iter().any(|copy| copy.bytes.len() != length) {
        return Err(Unproven::OtherEnds);
    }
    let lost: Vec<Ranges> = copies.iter().map(|copy| copy.known_lost().clone()).collect();
    let Plan { bytes, agreed, choices, missing } = plan(&copies, &lost)?;
    if !choices.is_empty() {
        return Err(Unproven::Ambiguous);
    }
    if !missing.is_empty() {
        return Err(Unproven::Missing(missing));
    }
    if read_alike(&copies, &bytes) < (length / SECTOR / SHARE).max(FEWEST) {
        return Err(Unproven::Broken);
    }
    Ok((bytes, givers(&mapped, agreed.into_iter()), Proof::Agreement))
}

/// Sectors that tell something and that two copies have.
fn read_alike(copies: &[&Seen<'_>], bytes: &[u8]) -> usize {
    let starts = (0..bytes.len()).step_by(SECTOR);
    let alike = |at: &usize| {
        let block = *at..at.saturating_add(SECTOR);
        let holders = copies.iter().filter(|copy| !copy.known_lost().meets(wide(&block))).count();
        holders > 1 && bytes.get(block).is_some_and(tells)
    };
    starts.filter(alike).count()
}
