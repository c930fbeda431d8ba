//! The search for the second part of a HEIC picture or a film.
//!
//! Its index says where each coded picture begins, to the byte. A film's index that stands last is found by where it must
//! begin inside a cluster. From it, or from the first coded picture behind the break, follows where the second part lies.
//! Which edge of a cluster the break is at is known as far as the chains of lengths on both sides tell; between the edges
//! that are left, what is no compressed data decides; then the file is given, but not called whole.

use std::ops::Range;
use std::time::Instant;

use super::{Field, Pursuit};
use crate::model::Kind;
use crate::sources::disk::carve::CarvedState;
use crate::sources::disk::carve::heads;
use crate::sources::disk::carve::shape::{Layout, Look, Unit, is_foreign};
use crate::sources::disk::carve::texture::could_be_codes;
use crate::sources::medium::MediumError;

/// How many clusters away the second part may be.
const FARTHEST: u64 = 100_000;
/// Coded pictures behind the break that must be where they should.
const WITNESSES: usize = 3;
/// Larger than one coded picture.
const MAX_UNIT: u64 = 8 << 20;
/// Edges that a break may be at.
const MAX_EDGES: u64 = 4096;

/// Looks for the second part of the file that begins at cluster `first`.
pub(super) fn follow(
    field: &Field<'_>,
    kind: Kind,
    first: u64,
    deadline: Instant,
) -> Result<Option<Pursuit>, MediumError> {
    let head = first..field.count();
    let head = std::slice::from_ref(&head);
    let mut layout = Layout::read(&mut |at, length| field.look(head, at, length))?;
    let search = Search { field, first, deadline };
    let shift = if layout.is_complete() {
        let bad = search.first_bad(&layout.units, 0)?;
        search.by_unit(&layout.units, bad)?
    } else if layout.walked > 0 && !layout.has_index {
        search.by_index(&mut layout)?
    } else {
        None
    };
    let Some(shift) = shift else { return Ok(None) };
    let bad = search.first_bad(&layout.units, 0)?;
    search.join(&layout, kind, bad, shift)
}

struct Search<'a> {
    field: &'a Field<'a>,
    first: u64,
    deadline: Instant,
}

impl Search<'_> {
    /// The file's bytes, were it all where its head is, `shift` clusters on.
    fn look(&self, shift: i64, at: u64, length: usize) -> Result<Vec<u8>, MediumError> {
        let Some(first) = self.first.checked_add_signed(shift) else {
            // It begins before the space: only what is inside can be read.
            let missing = (self.first.cast_signed() + shift).unsigned_abs() * self.field.cluster;
            let Some(at) = at.checked_sub(missing) else { return Ok(Vec::new()) };
            return self.field.look(std::slice::from_ref(&Range { start: 0, end: self.field.count() }), at, length);
        };
        self.field.look(std::slice::from_ref(&(first..self.field.count())), at, length)
    }

    fn is_sound(&self, shift: i64, unit: &Unit) -> Result<bool, MediumError> {
        if unit.length > MAX_UNIT {
            return Ok(false);
        }
        let bytes = self.look(shift, unit.start, usize::try_from(unit.length).unwrap_or(0))?;
        Ok(unit.is_sound(&bytes))
    }

    /// The first unit that is not there; their number where all are.
    fn first_bad(&self, units: &[Unit], shift: i64) -> Result<usize, MediumError> {
        for (number, unit) in units.iter().enumerate() {
            if !self.is_sound(shift, unit)? {
                return Ok(number);
            }
        }
        Ok(units.len())
    }

    /// Every shift within reach, the nearest first.
    fn shifts(&self) -> impl Iterator<Item = i64> + '_ {
        let near = (1..=FARTHEST.cast_signed()).flat_map(|distance| [distance, -distance]);
        near.take_while(|shift| shift % 64 != 0 || Instant::now() < self.deadline && !(self.field.carving.stop)())
    }

    /// By the first coded pictures behind the bad one.
    fn by_unit(&self, units: &[Unit], bad: usize) -> Result<Option<i64>, MediumError> {
        let behind = units.get(bad + 1..).filter(|behind| !behind.is_empty());
        let Some(witnesses) = behind.or(units.get(bad..)).filter(|behind| !behind.is_empty()) else { return Ok(None) };
        let witnesses = witnesses.get(..witnesses.len().min(WITNESSES)).unwrap_or_default();
        let Some(one) = witnesses.first() else { return Ok(None) };
        for shift in self.shifts() {
            let bytes = self.look(shift, one.start, 16)?;
            if !one.may_begin(&bytes) {
                continue;
            }
            let mut all = true;
            for unit in witnesses {
                all = all && self.is_sound(shift, unit)?;
            }
            if all {
                return Ok(Some(shift));
            }
        }
        Ok(None)
    }

    /// By the index, which must begin where the last box ends.
    fn by_index(&self, layout: &mut Layout) -> Result<Option<i64>, MediumError> {
        for shift in self.shifts() {
            let head = self.look(shift, layout.walked, 16)?;
            if !matches!(head.get(4..8), Some(b"moov" | b"free" | b"wide" | b"udta" | b"uuid" | b"meta")) {
                continue;
            }
            let mut tried = layout.clone();
            let mut look = |at: u64, length: usize| self.look(shift, at, length);
            let look: &mut Look<'_> = &mut look;
            if tried.go_on(look)? && tried.has_index {
                *layout = tried;
                return Ok(Some(shift));
            }
        }
        Ok(None)
    }

    /// Joins what lies at the head with what lies `shift` clusters on.
    fn join(&self, layout: &Layout, kind: Kind, bad: usize, shift: i64) -> Result<Option<Pursuit>, MediumError> {
        let cluster = self.field.cluster;
        let units = &layout.units;
        // From behind: the first unit of those that are all there in the second part.
        let mut good = units.len();
        while let Some(unit) = good.checked_sub(1).and_then(|before| units.get(before)) {
            if !self.is_sound(shift, unit)? {
                break;
            }
            good -= 1;
        }
        if good > bad + 1 {
            return Ok(None);
        }
        // The unit before the bad one begins in the first part, but may end in the second.
        let least = bad.checked_sub(1).and_then(|before| units.get(before)).map_or(1, |unit| unit.start + 6);
        let most = units.get(bad).map_or(layout.size, |unit| unit.start + unit.length.min(MAX_UNIT));
        let most = units.get(good + 1).map_or(most, |unit| most.min(unit.start)).min(layout.size);
        let edges = least.div_ceil(cluster)..=most / cluster;
        let is_sure = edges.start() == edges.end() && layout.is_told();
        if edges.end().saturating_sub(*edges.start()) > MAX_EDGES {
            return Ok(None);
        }
        let mut possible = Vec::new();
        for edge in edges {
            if self.fits(layout, shift, edge, least, most, bad)? {
                possible.push(edge);
            }
        }
        let Some(edge) = possible.get(possible.len() / 2).copied() else { return Ok(None) };
        let Some(second) = (self.first + edge).checked_add_signed(shift) else { return Ok(None) };
        let clusters = layout.size.div_ceil(cluster).saturating_sub(edge);
        let runs = [self.first..self.first + edge, second..second + clusters];
        let overlap = runs.iter().map(|run| run.end).max() > Some(self.field.count())
            || runs[0].start < runs[1].end && runs[1].start < runs[0].end;
        if overlap || clusters == 0 {
            return Ok(None);
        }
        let mut carved = self.field.carved(&runs, layout.size, kind);
        // What is no compressed data helps to choose, but it proves nothing.
        if !is_sure {
            carved.state = CarvedState::Partial { good_percent: None };
        }
        Ok(Some(Pursuit::Mended(carved)))
    }

    /// Whether the break may be at this edge: what comes before it is there, and so is what comes behind it.
    fn fits(
        &self,
        layout: &Layout,
        shift: i64,
        edge: u64,
        least: u64,
        most: u64,
        bad: usize,
    ) -> Result<bool, MediumError> {
        let cluster = self.field.cluster;
        for number in least / cluster + 1..=most / cluster {
            let from = if number < edge { 0 } else { shift };
            let bytes = self.look(from, number * cluster, usize::try_from(cluster).unwrap_or(0))?;
            if is_no_film(&bytes) && (number + 1) * cluster < layout.size {
                return Ok(false);
            }
        }
        let place = edge * cluster;
        for unit in layout.units.get(bad.saturating_sub(1)..).unwrap_or_default().iter().take(3) {
            if unit.length > MAX_UNIT {
                continue;
            }
            let all = usize::try_from(unit.length).unwrap_or(0);
            let before = usize::try_from(place.saturating_sub(unit.start)).unwrap_or(all).min(all);
            let mut bytes = self.look(0, unit.start, before)?;
            bytes.extend(self.look(shift, unit.start + before as u64, all - before)?);
            if !unit.is_sound(&bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether what stands here is no coded picture: text, zeros, the head of a file, codes of a JPEG.
fn is_no_film(bytes: &[u8]) -> bool {
    let marks = memchr::memchr_iter(0xFF, bytes).count();
    is_foreign(bytes) || heads::begins(bytes).is_some() || marks >= 6 && bytes.chunks(512).all(could_be_codes)
}
