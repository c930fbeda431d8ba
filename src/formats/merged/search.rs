//! Every way of putting copies together that could be right is tried; exactly one must pass.

use std::ops::Range;

use crate::formats::zeros::{self, SECTOR};
use crate::model::Ranges;

use super::compare::{Seen, wide};
use super::fills::{Edges, edges, fills};
use super::fingerprint::tells;
use super::pieces::{Choice, Plan, Soft, Suspects, givers, plan, put, suspects};
use super::tested::{Format, Tested};
use super::{Joined, Unproven};

/// Bytes that all tests together go over.
const MOST_TESTED: u64 = 512 << 20;
/// A difference this long is no flipped bit.
const LONG: usize = 4096;

/// Joins the copies as the format's own test demands.
pub(super) fn by_test(members: &[(usize, &Seen<'_>)], format: Format) -> Result<Joined, Unproven> {
    if format == Format::Other {
        return Err(Unproven::NoMaps);
    }
    let copies: Vec<&Seen<'_>> = members.iter().map(|(_, copy)| *copy).collect();
    let suspects: Vec<Suspects> = (0..copies.len()).map(|index| suspects(&copies, index)).collect();
    let mut search = Search { copies: &copies, format, left: MOST_TESTED };
    let found = match search.without_soft_rows(&suspects) {
        Err(why @ (Unproven::Missing(_) | Unproven::Broken)) if suspects.iter().any(|one| !one.soft.is_empty()) => {
            // A flat part of the picture may have been taken for a hole.
            let again = search.with_soft_rows(&suspects);
            again.map_err(|still| if still == Unproven::Ambiguous { still } else { why })?
        }
        found => found?,
    };
    search.hold(&found)?;
    let from = givers(members, found.givers());
    Ok((found.bytes, from, format.proof()))
}

/// The one way that passes.
struct Found {
    bytes: Vec<u8>,
    tested: Tested,
    agreed: Vec<(usize, Range<usize>)>,
    choices: Vec<Choice>,
    /// For each choice, which copy.
    picked: Vec<usize>,
}

impl Found {
    fn givers(&self) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        let chosen = self.picked.iter().zip(&self.choices).map(|(copy, choice)| (*copy, choice.at.clone()));
        self.agreed.iter().cloned().chain(chosen)
    }
}

struct Search<'s, 'a> {
    copies: &'s [&'s Seen<'a>],
    format: Format,
    left: u64,
}

impl Search<'_, '_> {
    /// Takes every row that another copy contradicts for a hole; afterwards each is tried as data after all.
    fn without_soft_rows(&mut self, suspects: &[Suspects]) -> Result<Found, Unproven> {
        let holes = |one: &Suspects| one.soft.iter().map(|soft| wide(&soft.hole)).fold(one.lost.clone(), added);
        let found = self.one_way(&suspects.iter().map(holes).collect::<Vec<_>>())?;
        let (begins, ends) = found.tested.picture;
        let mut bytes = found.bytes.clone();
        let mut untested = Vec::new();
        for (copy, suspect) in self.copies.iter().zip(suspects) {
            let mut lost = suspect.lost.clone();
            for Soft { row, hole: _ } in &suspect.soft {
                let is_tested = row.start >= begins && row.end <= ends;
                if !is_tested {
                    // Its edges are no data either.
                    lost.insert(wide(row));
                }
                let is_other = copy.bytes.get(row.clone()) != bytes.get(row.clone());
                if is_other && !(is_tested && self.says_nothing(copy.bytes, row)) {
                    put(&mut bytes, copy.bytes, row.clone());
                    if self.test(&bytes)?.is_whole {
                        return Err(Unproven::Ambiguous);
                    }
                    put(&mut bytes, &found.bytes, row.clone());
                }
            }
            untested.push(lost);
        }
        self.hold_covered(&untested).map(|()| found)
    }

    /// Takes them for data. One that turns out to be none gives nothing at all.
    fn with_soft_rows(&mut self, suspects: &[Suspects]) -> Result<Found, Unproven> {
        let lost: Vec<Ranges> = suspects.iter().map(|one| one.lost.clone()).collect();
        let found = self.one_way(&lost)?;
        let refuted = |(copy, one): (&&Seen<'_>, &Suspects)| {
            let rows = one.soft.iter().map(|soft| &soft.row);
            let is_none = |row: &&Range<usize>| copy.bytes.get((*row).clone()) != found.bytes.get((*row).clone());
            rows.filter(is_none).map(wide).fold(one.lost.clone(), added)
        };
        let lost: Vec<Ranges> = self.copies.iter().zip(suspects).map(refuted).collect();
        self.hold_covered(&lost).map(|()| found)
    }

    fn hold_covered(&self, lost: &[Ranges]) -> Result<(), Unproven> {
        let Plan { missing, .. } = plan(self.copies, lost)?;
        if missing.is_empty() { Ok(()) } else { Err(Unproven::Missing(missing)) }
    }

    /// Tries all choices, from the last one on; goes back at once to the last choice that has a part in what is wrong.
    fn one_way(&mut self, lost: &[Ranges]) -> Result<Found, Unproven> {
        let Plan { mut bytes, agreed, choices, missing } = plan(self.copies, lost)?;
        if !missing.is_empty() {
            return Err(Unproven::Missing(missing));
        }
        // For each choice, which of its options is being tried; all begin with the first, as `bytes` does.
        let mut picks = vec![0_usize; choices.len()];
        let mut passed: Option<(Vec<usize>, Tested)> = None;
        loop {
            let tested = self.test(&bytes)?;
            let mut level = if tested.is_whole {
                if passed.is_some() {
                    return Err(Unproven::Ambiguous);
                }
                passed = Some((picks.clone(), tested));
                choices.len()
            } else {
                choices.partition_point(|choice| choice.at.start < tested.decided_by)
            };
            let next = loop {
                let Some(above) = level.checked_sub(1) else { break None };
                level = above;
                let options = choices.get(level).map_or(0, |choice| choice.options.len());
                let pick = picks.get(level).map_or(usize::MAX, |pick| pick + 1);
                if pick < options {
                    break Some(pick);
                }
            };
            let Some(next) = next else { break };
            for (later, (choice, pick)) in choices.iter().zip(&mut picks).enumerate().skip(level) {
                *pick = if later == level { next } else { 0 };
                self.say(&mut bytes, choice, *pick);
            }
        }
        let (picks, tested) = passed.ok_or(Unproven::Broken)?;
        for (choice, pick) in choices.iter().zip(&picks) {
            self.say(&mut bytes, choice, *pick);
        }
        let picked = choices.iter().zip(&picks);
        let picked = picked.map(|(choice, pick)| choice.options.get(*pick).copied().unwrap_or(0)).collect();
        Ok(Found { bytes, tested, agreed, choices, picked })
    }

    /// Puts in what one of the options says.
    fn say(&self, bytes: &mut [u8], choice: &Choice, pick: usize) {
        if let Some(copy) = choice.options.get(pick).and_then(|copy| self.copies.get(*copy)) {
            put(bytes, copy.bytes, choice.at.clone());
        }
    }

    fn test(&mut self, bytes: &[u8]) -> Result<Tested, Unproven> {
        self.left = self.left.checked_sub(bytes.len() as u64 + 1).ok_or(Unproven::TooManyWays)?;
        Ok(self.format.test(bytes))
    }

    /// Holds the one way that passes to what the test cannot see.
    fn hold(&mut self, found: &Found) -> Result<(), Unproven> {
        let (picture_begins, picture_ends) = found.tested.picture;
        let length = found.bytes.len();
        if self.copies.iter().any(|copy| copy.bytes.len() >= picture_ends && copy.bytes.len() != length) {
            return Err(Unproven::OtherEnds);
        }
        for row in fills(&found.bytes) {
            let is_outside = row.start < picture_begins || row.end > picture_ends;
            let is_hole = edges(&row, length) != Edges::Soft && (is_outside || self.format == Format::Jpeg);
            // All who have these bytes may have their hole here. Only who knows that he read them may say that it is none,
            // and where the test says nothing, one alone is not believed.
            let needed = if !is_outside && self.says_nothing(&found.bytes, &row) { 2 } else { usize::from(is_hole) };
            if self.readers(&found.bytes, &row) < needed {
                return Err(Unproven::Missing(Ranges::one(wide(&row))));
            }
        }
        if self.format == Format::Jpeg { self.hold_long_choices(found) } else { Ok(()) }
    }

    /// Whether a row inside a picture is of zeros. The codes of a JPEG are often followed through zeros, and now and then
    /// their count is right by chance: that such a picture decodes says nothing.
    fn says_nothing(&self, bytes: &[u8], row: &Range<usize>) -> bool {
        self.format == Format::Jpeg && bytes.get(row.clone()).is_some_and(zeros::is_zero)
    }

    /// Copies whose map says that these bytes were read as they are.
    fn readers(&self, bytes: &[u8], part: &Range<usize>) -> usize {
        let read = |copy: &&&Seen<'_>| {
            let is_read = copy.lost.as_ref().is_some_and(|lost| !lost.meets(wide(part)));
            is_read && copy.bytes.get(part.clone()) == bytes.get(part.clone())
        };
        self.copies.iter().filter(read).count()
    }

    /// Two pictures may begin with the same data and then go on each in its own way: then the one that was not chosen
    /// decodes too, as far as it goes. Data that stands in the wrong file does not.
    fn hold_long_choices(&mut self, found: &Found) -> Result<(), Unproven> {
        let mut bytes = found.bytes.clone();
        for (choice, picked) in found.choices.iter().zip(&found.picked) {
            if choice.at.len() < LONG || self.agree_behind(choice.at.end) {
                continue;
            }
            for option in choice.options.iter().filter(|option| *option != picked) {
                let Some(copy) = self.copies.get(*option) else { continue };
                put(&mut bytes, copy.bytes, choice.at.clone());
                let tested = self.test(&bytes)?;
                if tested.is_whole || tested.decided_by > choice.at.end {
                    return Err(Unproven::Ambiguous);
                }
            }
            put(&mut bytes, &found.bytes, choice.at.clone());
        }
        Ok(())
    }

    /// Whether two copies say the same in the sector's worth of bytes from here on.
    fn agree_behind(&self, at: usize) -> bool {
        let behind = at..at.saturating_add(SECTOR);
        let has = |copy: &&&Seen<'_>| !copy.known_lost().meets(wide(&behind));
        let mut said = self.copies.iter().filter(has).filter_map(|copy| copy.bytes.get(behind.clone()));
        let Some(first) = said.next().filter(|first| tells(first)) else { return false };
        let others: Vec<&[u8]> = said.collect();
        !others.is_empty() && others.iter().all(|other| *other == first)
    }
}

fn added(mut ranges: Ranges, range: Range<u64>) -> Ranges {
    ranges.insert(range);
    ranges
}
