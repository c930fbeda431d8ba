//! Copies laid over each other: which bytes who has, where they agree, and where one must be chosen.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::formats::zeros::SECTOR;
use crate::model::Ranges;

use super::compare::{Seen, narrow, wide};
use super::fills::{Edges, FRINGE, edges};
use super::{MOST_CHOICES, Unproven};

/// A place where copies that have it differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    pub(super) at: Range<usize>,
    /// One copy for each thing that is said, at least two.
    pub(super) options: Vec<usize>,
}

/// How the copies make one file.
pub(super) struct Plan {
    /// The file; where there is a choice, with its first option.
    pub(super) bytes: Vec<u8>,
    /// Who gives what is not to be chosen.
    pub(super) agreed: Vec<(usize, Range<usize>)>,
    pub(super) choices: Vec<Choice>,
    /// What nobody has.
    pub(super) missing: Ranges,
}

/// Lays the copies over each other. `lost` says for each which bytes of it count for nothing.
pub(super) fn plan(copies: &[&Seen<'_>], lost: &[Ranges]) -> Result<Plan, Unproven> {
    let length = copies.iter().map(|copy| copy.bytes.len()).max().unwrap_or(0);
    let mut cuts: BTreeSet<u64> = lost.iter().flat_map(Ranges::iter).flat_map(|one| [one.start, one.end]).collect();
    cuts.extend(copies.iter().map(|copy| copy.bytes.len() as u64));
    cuts.insert(0);
    let cuts: Vec<usize> = cuts.into_iter().map(|cut| usize::try_from(cut).unwrap_or(length).min(length)).collect();
    let mut plan = Plan { bytes: vec![0; length], agreed: Vec::new(), choices: Vec::new(), missing: Ranges::new() };
    for (&start, &end) in cuts.iter().zip(cuts.iter().skip(1)) {
        let part = start..end;
        let has = |(index, copy): (usize, &&Seen<'_>)| {
            let is_lost = lost.get(index).is_some_and(|lost| lost.meets(wide(&part)));
            (copy.bytes.len() >= end && !is_lost).then_some(index)
        };
        let holders: Vec<usize> = copies.iter().enumerate().filter_map(has).collect();
        if part.is_empty() {
            continue;
        }
        plan.add(copies, &holders, part)?;
    }
    Ok(plan)
}

impl Plan {
    /// Takes in a part that all `holders` have, and nobody else.
    fn add(&mut self, copies: &[&Seen<'_>], holders: &[usize], part: Range<usize>) -> Result<(), Unproven> {
        let Some(&first) = holders.first() else {
            self.missing.insert(wide(&part));
            return Ok(());
        };
        let bytes = |index: usize| copies.get(index).map_or(&[][..], |copy| copy.bytes);
        put(&mut self.bytes, bytes(first), part.clone());
        let mut at = part.start;
        while let Some(differing) = next_difference(holders, &bytes, at..part.end) {
            if self.choices.len() == MOST_CHOICES {
                return Err(Unproven::TooManyWays);
            }
            if at < differing.start {
                self.agreed.push((first, at..differing.start));
            }
            at = differing.end;
            let said = |index: &usize| bytes(*index).get(differing.clone()).unwrap_or_default();
            let mut options: Vec<usize> = Vec::new();
            for holder in holders {
                if options.iter().all(|known| said(known) != said(holder)) {
                    options.push(*holder);
                }
            }
            self.choices.push(Choice { at: differing, options });
        }
        if at < part.end {
            self.agreed.push((first, at..part.end));
        }
        Ok(())
    }
}

/// Sums up who gave what, by the numbers that the copies have outside.
pub(super) fn givers(
    members: &[(usize, &Seen<'_>)],
    parts: impl Iterator<Item = (usize, Range<usize>)>,
) -> Vec<(usize, Ranges)> {
    let mut from: Vec<(usize, Ranges)> = members.iter().map(|(index, _)| (*index, Ranges::new())).collect();
    for (copy, part) in parts {
        if let Some((_, given)) = from.get_mut(copy) {
            given.insert(wide(&part));
        }
    }
    from.retain(|(_, given)| !given.is_empty());
    from
}

/// Copies a part of one file to the same place of another.
pub(super) fn put(into: &mut [u8], from: &[u8], part: Range<usize>) {
    if let (Some(into), Some(from)) = (into.get_mut(part.clone()), from.get(part)) {
        into.copy_from_slice(from);
    }
}

/// The first bytes in which the holders differ; differences less than a sector apart are one.
fn next_difference<'b>(
    holders: &[usize],
    bytes: &impl Fn(usize) -> &'b [u8],
    within: Range<usize>,
) -> Option<Range<usize>> {
    let (first, others) = holders.split_first()?;
    let first = bytes(*first);
    let next = |from: usize, to: usize| {
        let reference = first.get(from..to)?;
        let differs = |other: &usize| first_difference(reference, bytes(*other).get(from..to).unwrap_or_default());
        others.iter().filter_map(differs).min().map(|offset| from + offset)
    };
    let start = next(within.start, within.end)?;
    let mut end = start + 1;
    while let Some(further) = next(end, end.saturating_add(SECTOR).min(within.end)) {
        end = further + 1;
    }
    Some(start..end)
}

fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    const STEP: usize = 4096;
    let step = one.chunks(STEP).zip(other.chunks(STEP)).position(|(one, other)| one != other)? * STEP;
    let differs = one.iter().zip(other).skip(step).position(|(one, other)| one != other)?;
    Some(step + differs)
}

/// What is no data, for another copy has data there.
#[derive(Default)]
pub(super) struct Suspects {
    /// Holes by their edges, and what the map of the drive says.
    pub(super) lost: Ranges,
    /// Rows that may be holes, or flat parts of the picture.
    pub(super) soft: Vec<Soft>,
}

/// A row that another copy contradicts, but whose edges are not those of a hole in a drive.
pub(super) struct Soft {
    pub(super) row: Range<usize>,
    /// The row less bytes at its edges that are, by chance, what the hole was filled with, if it is one.
    pub(super) hole: Range<usize>,
}

/// Looks at one copy beside the others.
pub(super) fn suspects(copies: &[&Seen<'_>], index: usize) -> Suspects {
    let Some(copy) = copies.get(index) else { return Suspects::default() };
    let mut found = Suspects { lost: copy.known_lost().clone(), soft: Vec::new() };
    let others: Vec<&&Seen<'_>> =
        copies.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other).collect();
    let contradicted = |part: &Range<usize>| others.iter().any(|other| contradicts(copy, other, part));
    for row in copy.fills.iter().filter(|row| contradicted(row)) {
        match edges(row, copy.bytes.len()) {
            Edges::Sectors(hole) if !contradicted(&(row.start..hole.start)) && !contradicted(&(hole.end..row.end)) => {
                found.lost.insert(wide(&hole));
            }
            Edges::Sectors(_) | Edges::Length => found.lost.insert(wide(row)),
            Edges::Soft => found.soft.push(Soft { row: row.clone(), hole: trimmed(row, &contradicted) }),
        }
    }
    found
}

/// A row without the bytes at its edges that nobody contradicts.
fn trimmed(row: &Range<usize>, contradicted: &impl Fn(&Range<usize>) -> bool) -> Range<usize> {
    let (first, last) = (row.start + FRINGE, row.end - FRINGE);
    let start = (row.start..first).find(|at| contradicted(&(*at..at + 1)));
    let end = (last..row.end).rev().find(|at| contradicted(&(*at..at + 1)));
    start.unwrap_or(first)..end.map_or(last, |at| at + 1)
}

/// Whether `other` has data in this part that is not what `copy` has there.
fn contradicts(copy: &Seen<'_>, other: &Seen<'_>, part: &Range<usize>) -> bool {
    let end = part.end.min(other.bytes.len());
    if end <= part.start {
        return false;
    }
    let mut no_data = other.known_lost().within(wide(&(part.start..end)));
    let from = other.fills.partition_point(|row| row.end <= part.start);
    let rows = other.fills.iter().skip(from).take_while(|row| row.start < end);
    no_data.extend(rows.map(wide));
    let data = no_data.complement(wide(&(part.start..end)));
    data.iter().any(|part| copy.bytes.get(narrow(&part)) != other.bytes.get(narrow(&part)))
}
