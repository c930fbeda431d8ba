//! Asking a drive: large at first, in halves where it fails, and whether it is there at all.

use std::io;
use std::ops::Range;

use super::{Effort, Got, State, hole, to_boundary};
use crate::formats::mapfile::Status;
use crate::model::Ranges;
use crate::sources::medium::MediumError;
use crate::sources::medium::rescue::patience::Answer;

/// The most that is asked for at once, while nothing fails.
const LARGE: u64 = 1 << 20;

/// Failures in one piece, after which the rest of it is left for later.
pub(super) const MOST_FAILURES: u32 = 32;

/// Reads in a row that took too long, after which the drive is not waited for any more.
const MOST_STALLS: u32 = 3;

impl State {
    /// Asks the drive for a part of `into`, and says how much of it is answered, be it by a hole.
    pub(super) fn ask(
        &mut self,
        at: u64,
        into: &mut [u8],
        effort: Effort,
        holes: &mut Ranges,
    ) -> Result<usize, MediumError> {
        let careful = self.failures_in_a_row > 0;
        let most = if careful { to_boundary(at) } else { usize::try_from(LARGE).unwrap_or(usize::MAX) };
        let length = into.len().min(most);
        if let Got::Bytes(came) = self.read_drive(at, into.get_mut(..length).unwrap_or_default())? {
            self.keep(at, into.get(..came).unwrap_or_default(), false);
            return Ok(came);
        }
        // The same again in pieces, so that it is known which of them fails.
        let small = length.min(to_boundary(at));
        let part = into.get_mut(..small).unwrap_or_default();
        let got = if small < length { self.read_drive(at, part)? } else { Got::Nothing { stalled: false } };
        match (got, effort) {
            (Got::Bytes(came), _) => {
                self.keep(at, part.get(..came).unwrap_or_default(), true);
                return Ok(came);
            }
            (Got::Nothing { stalled: false }, Effort::Thorough) if self.stalls_in_a_row == 0 => {
                self.halves(at, part, &mut 0, holes)?;
            }
            (Got::Nothing { .. }, _) => {
                self.map.set(at..at.saturating_add(small as u64), Status::NonTrimmed);
                hole(at, part, holes);
                self.avoid_behind(at.saturating_add(small as u64));
            }
        }
        Ok(small)
    }

    /// `into` failed as a whole: its halves are asked for, and theirs.
    fn halves(&mut self, at: u64, into: &mut [u8], failures: &mut u32, holes: &mut Ranges) -> Result<(), MediumError> {
        let sector = usize::try_from(self.sector).unwrap_or(usize::MAX);
        let range = at..at.saturating_add(into.len() as u64);
        if into.len() <= sector {
            self.map.set(range, Status::Bad);
            hole(at, into, holes);
            return Ok(());
        }
        if *failures >= MOST_FAILURES {
            self.map.set(range, Status::NonScraped);
            hole(at, into, holes);
            return Ok(());
        }
        let middle = (into.len() / sector / 2).max(1) * sector;
        let (front, back) = into.split_at_mut(middle.min(into.len()));
        for (at, half) in [(at, front), (at.saturating_add(middle as u64), back)] {
            self.go_on()?;
            match self.read_drive(at, half)? {
                Got::Bytes(came) => {
                    self.keep(at, half.get(..came).unwrap_or_default(), true);
                    // It ended before the half did: what is left has a failure at its beginning.
                    let (_, rest) = half.split_at_mut(came);
                    if !rest.is_empty() {
                        *failures += 1;
                        self.halves(at.saturating_add(came as u64), rest, failures, holes)?;
                    }
                }
                Got::Nothing { stalled: false } => {
                    *failures += 1;
                    self.halves(at, half, failures, holes)?;
                }
                Got::Nothing { stalled: true } => {
                    *failures = MOST_FAILURES;
                    self.map.set(at..at.saturating_add(half.len() as u64), Status::NonScraped);
                    hole(at, half, holes);
                }
            }
        }
        Ok(())
    }

    /// Asks for each sector by itself, until too many have failed.
    pub(super) fn sectors(
        &mut self,
        at: u64,
        into: &mut [u8],
        failures: &mut u32,
        holes: &mut Ranges,
    ) -> Result<(), MediumError> {
        let sector = usize::try_from(self.sector).unwrap_or(usize::MAX);
        let mut next = at;
        for part in into.chunks_mut(sector.max(1)) {
            let range = next..next.saturating_add(part.len() as u64);
            if *failures >= MOST_FAILURES {
                hole(next, part, holes);
            } else if !self.scrape(range.clone(), part)? {
                *failures += 1;
                hole(next, part, holes);
            }
            next = range.end;
        }
        Ok(())
    }

    /// Asks for one sector, and notes what came of it for good; says whether it came.
    pub(in crate::sources::medium::rescue) fn scrape(
        &mut self,
        range: Range<u64>,
        into: &mut [u8],
    ) -> Result<bool, MediumError> {
        self.go_on()?;
        match self.read_drive(range.start, into)? {
            Got::Bytes(came) if came == into.len() => {
                self.keep(range.start, into, true);
                Ok(true)
            }
            Got::Bytes(_) | Got::Nothing { .. } => {
                self.map.set(range, Status::Bad);
                Ok(false)
            }
        }
    }

    /// Asks the drive, and takes note of how it answers. Whole sectors come, except at the end of the drive.
    fn read_drive(&mut self, at: u64, into: &mut [u8]) -> Result<Got, MediumError> {
        self.map.current.at = at;
        let stalled = match self.patience.read(at, into) {
            Answer::Came(came) => {
                let whole = if came == into.len() {
                    came
                } else {
                    came - came % usize::try_from(self.sector).unwrap_or(usize::MAX).max(1)
                };
                if whole > 0 {
                    self.answered(at);
                    return Ok(Got::Bytes(whole));
                }
                false
            }
            Answer::Failed(error) => {
                if says_gone(&error) {
                    return Err(self.give_up(Some(error)));
                }
                false
            }
            Answer::Stalled => {
                // Nobody waited to the end.
                self.go_on()?;
                true
            }
        };
        self.health.read_errors += 1;
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        if stalled {
            self.health.stalls += 1;
            self.stalls_in_a_row += 1;
            if self.stalls_in_a_row >= MOST_STALLS {
                return Err(self.give_up(Some(io::ErrorKind::TimedOut.into())));
            }
        }
        if !self.patience.is_there() || self.lost_for_good() {
            return Err(self.give_up(None));
        }
        Ok(Got::Nothing { stalled })
    }

    /// Whether the drive does not even give what it gave before. Asked when failures pile up: at the 4th in a row, the 16th, the 64th.
    fn lost_for_good(&mut self) -> bool {
        let pile_up = self.failures_in_a_row >= 4
            && self.failures_in_a_row.is_power_of_two()
            && self.failures_in_a_row.trailing_zeros().is_multiple_of(2);
        let Some((first, last)) = self.answered_at.filter(|_| pile_up) else { return false };
        let mut places = vec![first];
        if last != first {
            places.push(last);
        }
        let length = usize::try_from(self.sector.min(self.size)).unwrap_or(512);
        let mut sector = vec![0; length];
        !places.into_iter().any(|at| matches!(self.patience.read(at, &mut sector), Answer::Came(_)))
    }
}

/// What the system says of a device that is not there any more, and of no bad sector.
fn says_gone(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let gone = [Errno::NXIO, Errno::NODEV, Errno::NOMEDIUM, Errno::SHUTDOWN, Errno::NOTCONN];
    error.raw_os_error().is_some_and(|code| gone.iter().any(|errno| errno.raw_os_error() == code))
}
