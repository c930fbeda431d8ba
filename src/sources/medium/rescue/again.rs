//! The later passes: what was set aside is gone through, as far as somebody wants it.

use std::ops::Range;

use super::state::PIECE;
use super::{Effort, Rescuer};
use crate::formats::mapfile::{Map, Phase, Status};
use crate::model::Ranges;
use crate::sources::medium::MediumError;

/// How far a later pass is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// For which time, counted from 1.
    pub pass: u32,
    /// The byte that is next.
    pub at: u64,
    /// Of the bytes that this phase is about.
    pub done_bytes: u64,
    /// All that this phase is about.
    pub all_bytes: u64,
}

/// What a pass does to one run; it tells which byte is next.
type Act = fn(&Rescuer, Range<u64>, &mut dyn FnMut(u64)) -> Result<(), MediumError>;

impl Rescuer {
    /// Tries again what is missing of `wanted`, and nothing else: first what was passed by, from behind; then the edges of what
    /// failed; then sector by sector; then each bad sector up to `retries` times. Answers what is still missing.
    ///
    /// # Errors
    /// Only what ends the whole run. What was read until then is kept.
    pub fn retry(&self, wanted: &Ranges, retries: u32, tell: &mut dyn FnMut(Progress)) -> Result<Ranges, MediumError> {
        let wanted = self.whole_sectors(wanted);
        self.pass(&wanted, Status::Untried, (Phase::Copying, 5), tell, Self::sweep)?;
        self.pass(&wanted, Status::NonTrimmed, (Phase::Trimming, 1), tell, Self::trim)?;
        self.pass(&wanted, Status::NonScraped, (Phase::Scraping, 1), tell, Self::scrape)?;
        for pass in 1..=retries {
            self.pass(&wanted, Status::Bad, (Phase::Retrying, pass), tell, Self::scrape)?;
        }
        let state = self.state();
        Ok(missing(&state.map, &wanted, |known| known != Status::Finished))
    }

    /// Does one thing to every run of a status that is wanted.
    fn pass(
        &self,
        wanted: &Ranges,
        status: Status,
        (phase, pass): (Phase, u32),
        tell: &mut dyn FnMut(Progress),
        act: Act,
    ) -> Result<(), MediumError> {
        let runs: Ranges = {
            let mut state = self.state();
            state.enter(phase, pass);
            missing(&state.map, wanted, |known| known == status)
        };
        let all_bytes = runs.bytes();
        let mut before = 0;
        for run in runs.iter() {
            let length = run.end - run.start;
            act(self, run.clone(), &mut |at| {
                let done_bytes = before + at.saturating_sub(run.start).min(length);
                tell(Progress { phase, pass, at, done_bytes, all_bytes });
            })?;
            before += length;
        }
        Ok(())
    }

    /// From the end to the beginning: what was passed by begins behind a failure, and may be sound at its other end.
    fn sweep(&self, run: Range<u64>, tell: &mut dyn FnMut(u64)) -> Result<(), MediumError> {
        let mut end = run.end;
        let mut buffer = vec![0; usize::try_from(PIECE).unwrap_or(1 << 16)];
        while end > run.start {
            let start = (end - 1 - (end - 1) % PIECE).max(run.start);
            let length = usize::try_from(end - start).unwrap_or(usize::MAX);
            let mut state = self.state();
            state.dare(start..end);
            state.sweeping = true;
            let swept = state.gather(start, buffer.get_mut(..length).unwrap_or_default(), Effort::Quick);
            state.sweeping = false;
            drop(state);
            swept?;
            tell(run.start + (run.end - start));
            end = start;
        }
        Ok(())
    }

    /// Sector by sector from each edge up to the first that fails.
    fn trim(&self, run: Range<u64>, tell: &mut dyn FnMut(u64)) -> Result<(), MediumError> {
        let (mut start, mut end) = (run.start, run.end);
        while start < end {
            let sector = start..start.saturating_add(self.sector).min(end);
            start = sector.end;
            tell(start);
            if !self.one_sector(sector)? {
                break;
            }
        }
        while start < end {
            let sector = (end - 1 - (end - 1) % self.sector).max(start)..end;
            end = sector.start;
            tell(end);
            if !self.one_sector(sector)? {
                break;
            }
        }
        self.state().map.set(start..end, Status::NonScraped);
        Ok(())
    }

    fn scrape(&self, run: Range<u64>, tell: &mut dyn FnMut(u64)) -> Result<(), MediumError> {
        let mut at = run.start;
        while at < run.end {
            let sector = at..at.saturating_add(self.sector).min(run.end);
            at = sector.end;
            self.one_sector(sector)?;
            tell(at);
        }
        Ok(())
    }

    /// Reads one sector, and notes what came of it; says whether it came.
    fn one_sector(&self, sector: Range<u64>) -> Result<bool, MediumError> {
        let mut bytes = vec![0; usize::try_from(sector.end - sector.start).unwrap_or(512)];
        let mut state = self.state();
        let came = state.scrape(sector, &mut bytes)?;
        state.save_now_and_then();
        Ok(came)
    }

    fn whole_sectors(&self, ranges: &Ranges) -> Ranges {
        let widen = |range: Range<u64>| {
            let end = range.end.checked_next_multiple_of(self.sector).unwrap_or(u64::MAX);
            range.start - range.start % self.sector..end.min(self.size)
        };
        ranges.iter().map(widen).collect()
    }
}

/// The wanted bytes of a status. Costs as much as the map has runs there, however long it is elsewhere.
fn missing(map: &Map, wanted: &Ranges, is: impl Fn(Status) -> bool) -> Ranges {
    let runs = wanted.iter().flat_map(|range| map.within(range));
    runs.filter(|(_, known)| is(*known)).map(|(range, _)| range).collect()
}
