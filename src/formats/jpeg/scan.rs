//! One scan: every Huffman code followed, block by block, interval by interval (T.81, F.2 and G.2).

use crate::formats::zeros::{Hole, SECTOR, holes};

use super::bits::Bits;
use super::block::{Mode, Part};
use super::markers::next_marker;
use super::painter::{Painter, Place};
use super::verdict::Fault;

/// Bytes that some cameras leave between the last code and the next marker.
pub(super) const SLACK: usize = 2;

/// A scan made ready to be followed.
pub(super) struct Scan<'a> {
    pub(super) mode: Mode,
    pub(super) parts: Vec<Part<'a>>,
    /// Units (MCUs, or blocks of a component that stands alone) across and down.
    pub(super) units: (u32, u32),
    /// Units between restart markers; 0 where there are none.
    pub(super) restart_interval: u32,
}

/// What following a scan found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Followed {
    /// Units that decoded, those of broken intervals excepted.
    pub(super) good: u64,
    pub(super) expected: u64,
    /// The first thing that was wrong, and where.
    pub(super) fault: Option<(usize, Fault)>,
    /// Where the last unit ended.
    pub(super) end: usize,
}

impl Scan<'_> {
    /// Follows the codes from `start` on; `end` is where the entropy-coded data ends.
    ///
    /// After a fault it goes on at the next restart marker, so that what is good is counted on both sides of a hole.
    ///
    /// A flat picture with tables made to measure holds long rows of zeros by right: where zeros mean “no change” they
    /// are no evidence by themselves. A hole there still gives itself away, for each of its bits is a block too many.
    pub(super) fn follow<P: Painter>(&mut self, bytes: &[u8], start: usize, end: usize, painter: &mut P) -> Followed {
        let holes = holes(bytes.get(start..end).unwrap_or_default(), start as u64);
        let innocent = match self.mode {
            Mode::DcRefine => !holes.iter().any(|hole| has_sharp_edges(bytes, *hole)),
            Mode::Sequential | Mode::DcFirst | Mode::AcFirst | Mode::AcRefine => {
                self.parts.iter().all(|part| part.zeros_change_nothing(self.mode))
            }
        };
        let found = self.follow_around(bytes, start, end, if innocent { &[] } else { &holes }, painter);
        let broken = matches!(found.fault, Some((_, fault)) if fault != Fault::Ended);
        if broken && innocent && !holes.is_empty() {
            return self.follow_around(bytes, start, end, &holes, painter);
        }
        found
    }

    fn follow_around<P: Painter>(
        &mut self,
        bytes: &[u8],
        start: usize,
        end: usize,
        holes: &[Hole],
        painter: &mut P,
    ) -> Followed {
        let expected = u64::from(self.units.0) * u64::from(self.units.1);
        let interval = if self.restart_interval == 0 { expected } else { u64::from(self.restart_interval) };
        let mut bits = Bits::new(bytes, start);
        let mut found = Followed { good: 0, expected, fault: None, end: start };
        let mut next = 0_u64;
        loop {
            let units = interval.min(expected - next);
            let (good, mut fault) = self.follow_interval(&mut bits, next, units, holes, painter);
            let last = next + units == expected;
            let marker = next_marker(bytes, bits.read_to());
            if fault.is_none() {
                fault = after_interval(&bits, marker.unwrap_or(bytes.len()), last, bytes);
            }
            let surplus = matches!(fault, Some((_, Fault::TooManyBytes)));
            found.good += if surplus { 0 } else { good };
            if found.fault.is_none() {
                found.end = fault.map_or(bits.position(), |(at, _)| at);
                found.fault = fault;
            }
            next += units;
            let Some(marker) = marker.filter(|at| *at < end && self.restart_interval > 0) else { break };
            let Some(number) = bytes.get(marker + 1).map(|byte| u64::from(byte & 7)) else { break };
            // Restart markers count from 0 to 7: one that is ahead tells how many intervals are lost.
            // The last interval may be shorter than the others.
            let behind = next.div_ceil(interval).saturating_sub(1);
            let missed = (number + 8 - behind % 8) % 8;
            if missed > 0 && found.fault.is_none() {
                found.fault = Some((marker, Fault::TooFewBlocks));
            }
            next += missed * interval;
            if next >= expected {
                found.fault = found.fault.or(Some((marker, Fault::TooManyBytes)));
                break;
            }
            bits = Bits::new(bytes, marker + 2);
        }
        if next < expected && found.fault.is_none() {
            found.fault = Some((found.end, if end == bytes.len() { Fault::Ended } else { Fault::TooFewBlocks }));
        }
        found
    }

    /// Follows `units` units, the first of which is number `first`; tells how many came before the first fault.
    fn follow_interval<P: Painter>(
        &mut self,
        bits: &mut Bits<'_>,
        first: u64,
        units: u64,
        holes: &[Hole],
        painter: &mut P,
    ) -> (u64, Option<(usize, Fault)>) {
        for part in &mut self.parts {
            part.restart();
        }
        let from = bits.position();
        let hole = holes.iter().map(|hole| usize::try_from(hole.start).unwrap_or(usize::MAX)).find(|at| *at >= from);
        let hole = hole.unwrap_or(usize::MAX);
        let across = u64::from(self.units.0.max(1));
        let mut place = Place {
            across: u32::try_from(first % across).unwrap_or(0),
            down: u32::try_from(first / across).unwrap_or(u32::MAX),
        };
        for done in 0..units {
            let result = self.follow_unit(bits, first + done, place, painter);
            place.across += 1;
            if place.across == self.units.0 {
                place = Place { across: 0, down: place.down.saturating_add(1) };
            }
            if bits.position() > hole {
                return (done, Some((hole, Fault::Hole)));
            }
            if let Err(fault) = result {
                return (done, Some((bits.position(), fault)));
            }
        }
        let unfinished = self.parts.iter().any(Part::expects_more_blocks);
        (units, unfinished.then_some((bits.position(), Fault::BadCode)))
    }

    #[inline]
    pub(super) fn follow_unit<P: Painter>(
        &mut self,
        bits: &mut Bits<'_>,
        unit: u64,
        at: Place,
        painter: &mut P,
    ) -> Result<(), Fault> {
        for part in &mut self.parts {
            let (across, down) = part.blocks;
            for row in 0..down {
                for column in 0..across {
                    let place = Place { across: at.across * across + column, down: at.down * down + row };
                    match self.mode {
                        Mode::Sequential => part.sequential(bits, place, painter)?,
                        Mode::DcFirst => part.dc_first(bits, place, painter)?,
                        Mode::DcRefine => part.dc_refine(bits, place, painter)?,
                        Mode::AcFirst => part.ac_first(bits, unit, place, painter)?,
                        Mode::AcRefine => part.ac_refine(bits, unit, place, painter)?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// Judges what stands between the last unit of an interval and the marker after it.
fn after_interval(bits: &Bits<'_>, marker: usize, last: bool, bytes: &[u8]) -> Option<(usize, Fault)> {
    let between = bytes.get(bits.read_to()..marker).unwrap_or_default();
    let fill = between.iter().rev().take_while(|byte| **byte == 0xFF).count();
    let left = bits.unused_bytes() + between.len() - fill;
    let at = bits.position();
    let restarts = bytes.get(marker + 1).is_some_and(|byte| (0xD0..=0xD7).contains(byte));
    if left > SLACK {
        Some((at, Fault::TooManyBytes))
    } else if last || restarts {
        None
    } else {
        Some((at, if marker >= bytes.len() { Fault::Ended } else { Fault::TooFewBlocks }))
    }
}

/// Whether a run of zeros begins and ends exactly with a sector: rows of zeros that belong there rarely do both.
fn has_sharp_edges(bytes: &[u8], hole: Hole) -> bool {
    let byte = |at: u64| usize::try_from(at).ok().and_then(|at| bytes.get(at)).copied();
    let before = hole.start.checked_sub(1).and_then(byte);
    let sector = SECTOR as u64;
    hole.start.is_multiple_of(sector) && before != Some(0) && byte(hole.end) != Some(0)
}
