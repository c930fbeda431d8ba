//! Which files belong together: the picture's own data, equal at equal offsets.

use std::ops::Range;

use memchr::memmem;

use crate::formats::zeros::SECTOR;
use crate::model::Ranges;

use super::fills::fills;
use super::fingerprint::tells;
use super::pieces::put;
use super::tested::{Format, body};
use super::{Apart, Copy};

/// Equal blocks that make two files copies of one. Two kibibytes of noise are equal only where they are the same.
const FEWEST_SAME: usize = 4;
/// The same, where it cannot be told which bytes are the picture's: colour profiles and the like are the same in many files.
const FEWEST_SAME_ANYWHERE: usize = 64;
/// How much of the data of one copy is looked for at other places of another.
const SAMPLE: usize = 64;
const SAMPLES: usize = 8;
/// Longer than any camera's header.
const MOST_HEADER: usize = 1 << 20;

/// A copy, with what can be seen of it without the others.
pub(super) struct Seen<'a> {
    pub(super) bytes: &'a [u8],
    /// What the map of the drive says.
    pub(super) lost: Option<Ranges>,
    /// Rows of one repeated pattern that the map does not explain.
    pub(super) fills: Vec<Range<usize>>,
    empty: Ranges,
}

impl<'a> Seen<'a> {
    pub(super) fn of(copy: &Copy<'a>) -> Self {
        let lost = copy.lost.as_ref().map(|lost| lost.within(0..copy.bytes.len() as u64));
        let mut fills = fills(copy.bytes);
        if let Some(lost) = &lost {
            let unknown =
                |row: &Range<usize>| lost.complement(wide(row)).iter().map(|part| narrow(&part)).collect::<Vec<_>>();
            fills = fills.iter().flat_map(unknown).filter(|row| row.len() >= SECTOR).collect();
        }
        Self { bytes: copy.bytes, lost, fills, empty: Ranges::new() }
    }

    /// What is known to be lost.
    pub(super) fn known_lost(&self) -> &Ranges {
        self.lost.as_ref().unwrap_or(&self.empty)
    }

    /// Whether any of these bytes is known to be lost, or may be.
    fn is_doubtful(&self, range: Range<usize>) -> bool {
        let next = self.fills.partition_point(|row| row.end <= range.start);
        self.fills.get(next).is_some_and(|row| row.start < range.end) || self.known_lost().meets(wide(&range))
    }
}

/// The same places as [`Ranges`] count them.
pub(super) fn wide(range: &Range<usize>) -> Range<u64> {
    range.start as u64..range.end as u64
}

/// The same places as slices count them.
pub(super) fn narrow(range: &Range<u64>) -> Range<usize> {
    usize::try_from(range.start).unwrap_or(usize::MAX)..usize::try_from(range.end).unwrap_or(usize::MAX)
}

/// Sorts copies into families of two and more; each member has much in common with another one.
pub(super) fn families(seen: &[Seen<'_>], format: Format) -> Result<Vec<Vec<usize>>, Apart> {
    let bodies: Vec<Option<usize>> = seen.iter().map(|copy| body(copy.bytes, format)).collect();
    let together = body_of_all(seen, format);
    let body_of = |one: usize, other: usize| {
        let known = |index: usize| bodies.get(index).copied().flatten();
        known(one).max(known(other)).or(together)
    };
    let mut family: Vec<usize> = (0..seen.len()).collect();
    let mut compared = false;
    for (index, one) in seen.iter().enumerate() {
        for (other_index, other) in seen.iter().enumerate().skip(index + 1) {
            let common = Common::of(one, other, body_of(index, other_index));
            compared |= common.same + common.other > 0;
            if common.makes_copies() {
                let (of_one, of_other) = (name(&family, index), name(&family, other_index));
                for member in &mut family {
                    if *member == of_other {
                        *member = of_one;
                    }
                }
            }
        }
    }
    let mut found: Vec<Vec<usize>> = Vec::new();
    for index in 0..seen.len() {
        let members: Vec<usize> = (0..seen.len()).filter(|other| name(&family, *other) == index).collect();
        if members.len() > 1 {
            found.push(members);
        }
    }
    if found.is_empty() { Err(why_apart(seen, &bodies, compared)) } else { Ok(found) }
}

/// Where the picture's own data begins, by a header that the copies make together.
fn body_of_all(seen: &[Seen<'_>], format: Format) -> Option<usize> {
    let length = seen.iter().map(|copy| copy.bytes.len()).max().unwrap_or(0).min(MOST_HEADER);
    let mut header = vec![0; length];
    for copy in seen.iter().rev() {
        let mut doubtful = copy.known_lost().clone();
        doubtful.extend(copy.fills.iter().map(wide));
        for part in doubtful.complement(0..copy.bytes.len().min(length) as u64).iter() {
            put(&mut header, copy.bytes, narrow(&part));
        }
    }
    body(&header, format)
}

fn name(family: &[usize], index: usize) -> usize {
    family.get(index).copied().unwrap_or(index)
}

/// What two files have in common, in blocks that tell something.
#[derive(Clone, Copy, Debug)]
struct Common {
    same: usize,
    other: usize,
    needed: usize,
}

impl Common {
    /// From where the picture's own data begins, or all of the files where that is not known.
    fn of(one: &Seen<'_>, other: &Seen<'_>, body: Option<usize>) -> Self {
        let needed = if body.is_some() { FEWEST_SAME } else { FEWEST_SAME_ANYWHERE };
        let mut common = Self { same: 0, other: 0, needed };
        let end = one.bytes.len().min(other.bytes.len());
        let mut at = body.unwrap_or(0).next_multiple_of(SECTOR);
        while let Some(next) = at.checked_add(SECTOR).filter(|next| *next <= end) {
            let block = at..next;
            let pair = one.bytes.get(block.clone()).zip(other.bytes.get(block.clone()));
            at = next;
            let Some((block_of_one, block_of_other)) = pair else { break };
            if one.is_doubtful(block.clone()) || other.is_doubtful(block) {
                continue;
            }
            if block_of_one != block_of_other {
                common.other += 1;
            } else if tells(block_of_one) {
                common.same += 1;
            }
        }
        common
    }

    fn makes_copies(self) -> bool {
        self.same >= self.needed && self.other <= self.same
    }
}

fn why_apart(seen: &[Seen<'_>], bodies: &[Option<usize>], compared: bool) -> Apart {
    for (index, one) in seen.iter().enumerate() {
        for other in seen.iter().skip(index + 1) {
            let body = bodies.get(index).copied().flatten().unwrap_or(0);
            if let Some(by) = moved_by(one, other, body) {
                return Apart::OtherHeader { by };
            }
        }
    }
    if compared { Apart::OtherContent } else { Apart::NothingInCommon }
}

/// How much further back the data of `one` stands in `other`, where two pieces of it and more say the same.
fn moved_by(one: &Seen<'_>, other: &Seen<'_>, body: usize) -> Option<i64> {
    let room = one.bytes.len().checked_sub(body)?;
    let places = (0..SAMPLES).map(|number| (body + room / SAMPLES * number).next_multiple_of(SECTOR));
    let mut moves: Vec<i64> = Vec::new();
    for at in places {
        let Some(block) = one.bytes.get(at..at.saturating_add(SECTOR)) else { continue };
        let Some(sample) = block.get(..SAMPLE).filter(|_| tells(block)) else { continue };
        if one.is_doubtful(at..at + SECTOR) {
            continue;
        }
        let found = memmem::find(other.bytes, sample).and_then(|found| (found as u64).checked_signed_diff(at as u64));
        if let Some(by) = found.filter(|by| *by != 0) {
            if moves.contains(&by) {
                return Some(by);
            }
            moves.push(by);
        }
    }
    None
}
