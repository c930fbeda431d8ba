//! A scan between two units: all that is needed to go on with it when more bytes come.

use super::bits::Bits;
use super::block::Mode;
use super::frame::Frame;
use super::markers::next_marker;
use super::painter::{Nobody, Place};
use super::scan::{SLACK, Scan};
use super::selection::Selection;
use super::tables::Tables;
use super::verdict::Fault;

/// The most that one unit may differ from the one above it: a sharp edge is no tear.
const MOST: i32 = 160;

/// How far a scan has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// The bytes are used up.
    More,
    /// The last unit was followed, and a marker comes next.
    Over,
    /// Something is wrong here.
    Broken(usize, Fault),
}

/// A scan that is being followed.
#[derive(Clone)]
pub(super) struct Running {
    chosen: Selection,
    units: (u32, u32),
    /// Units between restart markers; of the whole scan where there are none.
    interval: u64,
    restarts: bool,
    next: u64,
    /// Units left in this interval.
    left: u64,
    read_ahead: (u64, u32),
    /// What each component carries from block to block.
    carried: [(i32, u32); 4],
    /// The means of the row of units above, up to the current one already those of the current row.
    above: Vec<[i16; 4]>,
    steps: [i32; 4],
    torn: (u64, u64),
    /// The same for the last rows alone: halved at the end of each.
    recent: (u64, u64),
}

impl Running {
    /// Makes a scan ready to be followed from its first code on; `None` where its header makes no sense.
    pub(super) fn begin(payload: &[u8], frame: &Frame, tables: &Tables) -> Option<Self> {
        let chosen = Selection::read(payload, frame)?;
        let units = chosen.units(frame);
        let all = u64::from(units.0) * u64::from(units.1);
        let interval = if tables.restart_interval == 0 { all } else { u64::from(tables.restart_interval) };
        // Whether quantizers are missing shows here, not in the midst of the codes.
        let mut known = vec![Vec::new(); frame.components.len()];
        let parts = chosen.parts(frame, tables, &mut known)?;
        let mut steps = [0; 4];
        for (step, part) in steps.iter_mut().zip(&parts) {
            let table = frame.components.get(part.component)?.table;
            *step = i32::from(*tables.quantizer(table)?.first()?);
        }
        let looks = chosen.mode == Mode::Sequential && parts.len() == frame.components.len();
        let above = if looks { vec![[0; 4]; usize::try_from(units.0).ok()?] } else { Vec::new() };
        Some(Self {
            chosen,
            units,
            interval,
            restarts: tables.restart_interval > 0,
            next: 0,
            left: interval.min(all),
            read_ahead: (0, 0),
            carried: [(0, 0); 4],
            above,
            steps,
            torn: (0, 0),
            recent: (0, 0),
        })
    }

    /// Whether it needs to know which coefficients are not zero yet.
    pub(super) fn writes_known(&self) -> bool {
        matches!(self.chosen.mode, Mode::AcFirst | Mode::AcRefine)
    }

    pub(super) fn means_of(&self) -> [bool; 4] {
        self.chosen.means_of()
    }

    /// Units that decoded, and all.
    pub(super) fn units(&self) -> (u64, u64) {
        (self.next, self.all())
    }

    pub(super) fn tears(&self) -> (u64, u64) {
        self.torn
    }

    pub(super) fn recent_tears(&self) -> (u64, u64) {
        self.recent
    }

    pub(super) fn row(&self) -> u64 {
        if self.above.is_empty() { 0 } else { self.units.0.into() }
    }

    /// Blocks to look at, roughly.
    pub(super) fn blocks(&self) -> u64 {
        self.all() * 10
    }

    pub(super) fn weight(&self) -> usize {
        self.above.len() * 8
    }

    fn all(&self) -> u64 {
        u64::from(self.units.0) * u64::from(self.units.1)
    }

    /// Follows the codes from `at` on, and moves `at` behind what is used up.
    pub(super) fn follow(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
        frame: &Frame,
        tables: &Tables,
        known: &mut [Vec<u64>],
    ) -> Progress {
        let Some(mut parts) = self.chosen.parts(frame, tables, known) else {
            return Progress::Broken(*at, Fault::BadScan);
        };
        for (part, carried) in parts.iter_mut().zip(self.carried) {
            part.carry_on(carried);
        }
        let mut scan = Scan { mode: self.chosen.mode, parts, units: self.units, restart_interval: 0 };
        loop {
            let mut bits = Bits::resume(bytes, *at, self.read_ahead);
            let fault = self.interval(&mut scan, &mut bits);
            *at = bits.read_to();
            self.read_ahead = bits.read_ahead();
            for (carried, part) in self.carried.iter_mut().zip(&scan.parts) {
                *carried = part.carried();
            }
            match fault {
                Some(Fault::Ended) => return Progress::More,
                Some(fault) => return Progress::Broken(bits.position(), fault),
                None => {}
            }
            if scan.parts.iter().any(super::block::Part::expects_more_blocks) {
                return Progress::Broken(bits.position(), Fault::BadCode);
            }
            match self.marker(&bits, bytes) {
                Progress::More => return Progress::More,
                Progress::Broken(at, fault) => return Progress::Broken(at, fault),
                Progress::Over if self.next >= self.all() => {
                    // What was read ahead stands before the marker, and nobody wants it.
                    self.read_ahead = (0, 0);
                    *at = next_marker(bytes, bits.read_to()).unwrap_or(*at);
                    return Progress::Over;
                }
                Progress::Over => {}
            }
            let Some(marker) = next_marker(bytes, bits.read_to()) else { return Progress::More };
            let number = bytes.get(marker + 1).map(|byte| u64::from(byte & 7));
            let intervals = self.next.checked_div(self.interval).unwrap_or(1);
            if number != Some(intervals.saturating_sub(1) % 8) {
                return Progress::Broken(marker, Fault::TooFewBlocks);
            }
            *at = marker + 2;
            self.read_ahead = (0, 0);
            self.left = self.interval.min(self.all() - self.next);
            for part in &mut scan.parts {
                part.restart();
            }
            self.carried = [(0, 0); 4];
        }
    }

    /// Follows units up to the end of the interval or of the bytes; then the last unit that is not all there is left for
    /// later.
    fn interval(&mut self, scan: &mut Scan<'_>, bits: &mut Bits<'_>) -> Option<Fault> {
        let across = u64::from(self.units.0.max(1));
        while self.left > 0 {
            let column = self.next % across;
            let place = Place {
                across: u32::try_from(column).unwrap_or(0),
                down: u32::try_from(self.next / across).unwrap_or(u32::MAX),
            };
            let before = *bits;
            let mut carried = [(0, 0); 4];
            for (carried, part) in carried.iter_mut().zip(&scan.parts) {
                *carried = part.carried();
            }
            let unit = usize::try_from(self.next).unwrap_or(usize::MAX);
            let known = scan.parts.first().and_then(|part| part.known.get(unit)).copied();
            if let Err(fault) = scan.follow_unit(bits, self.next, place, &mut Nobody) {
                if fault == Fault::Ended {
                    *bits = before;
                    for (part, carried) in scan.parts.iter_mut().zip(carried) {
                        part.carry_on(carried);
                    }
                    let home = scan.parts.first_mut().and_then(|part| part.known.get_mut(unit));
                    if let Some((home, known)) = home.zip(known) {
                        *home = known;
                    }
                }
                return Some(fault);
            }
            self.look(scan, usize::try_from(column).unwrap_or(usize::MAX));
            self.next += 1;
            self.left -= 1;
        }
        None
    }

    /// Compares a unit with the one above it.
    #[inline]
    fn look(&mut self, scan: &Scan<'_>, column: usize) {
        let Some(above) = self.above.get_mut(column) else { return };
        let mut torn = 0;
        for ((part, above), step) in scan.parts.iter().zip(above.iter_mut()).zip(self.steps) {
            let mean = part.carried().0;
            torn += (mean - i32::from(*above)).saturating_mul(step).abs() / 8;
            *above = i16::try_from(mean).unwrap_or(i16::MAX);
        }
        if self.next >= u64::from(self.units.0) {
            let torn = u64::from(torn.clamp(0, MOST).unsigned_abs());
            self.torn = (self.torn.0 + torn, self.torn.1 + 1);
            if column == 0 {
                self.recent = (self.recent.0 / 2, self.recent.1 / 2);
            }
            self.recent = (self.recent.0 + torn, self.recent.1 + 1);
        }
    }

    /// Judges what stands between the last unit of an interval and the marker after it.
    fn marker(&self, bits: &Bits<'_>, bytes: &[u8]) -> Progress {
        let from = bits.read_to();
        let broken = |fault| Progress::Broken(bits.position(), fault);
        let Some(marker) = next_marker(bytes, from) else {
            let rest = bytes.get(from..).unwrap_or_default();
            let fill = rest.iter().rev().take_while(|byte| **byte == 0xFF).count();
            let left = bits.unused_bytes() + rest.len() - fill;
            return if left > SLACK { broken(Fault::TooManyBytes) } else { Progress::More };
        };
        let between = bytes.get(from..marker).unwrap_or_default();
        let fill = between.iter().rev().take_while(|byte| **byte == 0xFF).count();
        let restarts = bytes.get(marker + 1).is_some_and(|byte| (0xD0..=0xD7).contains(byte));
        if bits.unused_bytes() + between.len() - fill > SLACK {
            broken(Fault::TooManyBytes)
        } else if self.next >= self.all() {
            if restarts { broken(Fault::TooManyBytes) } else { Progress::Over }
        } else if restarts && self.restarts {
            Progress::Over
        } else {
            broken(Fault::TooFewBlocks)
        }
    }
}
