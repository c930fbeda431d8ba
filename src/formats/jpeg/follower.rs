//! A JPEG followed piece by piece, as its bytes are found: it can be stopped anywhere, copied, and sent on along several
//! ways, to see which of them is the picture.
//!
//! It takes what [`validate`](super::validate()) takes, one thing excepted: rows of zero-filled sectors, which only the
//! validator judges. Whoever calls a picture whole that had any asks it. Pictures whose codes are not followed, or that
//! tell their height late (DNL), are a fault here.
//!
//! Memory: what was fed and could not be used yet (at most a segment, 64 KiB, and what is fed at once); for progressive
//! pictures eight bytes for each block, shared between copies until one of them writes.

use std::sync::Arc;

use super::frame::{Frame, Process};
use super::markers::{DHT, DQT, DRI, EOI, SOI, SOS, Segment, Step, next_segment};
use super::running::{Progress, Running};
use super::tables::Tables;
use super::verdict::Fault;

/// More blocks than any camera's picture has; above it a progressive picture is not followed. Bounds memory to 64 MiB.
const MAX_BLOCKS: u64 = 1 << 23;
/// Blocks looked at over all scans. Bounds the time that a file made to be slow can take.
const MAX_WORK: u64 = 1 << 28;

/// How far the bytes that were fed have led.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advance {
    /// All is good so far; it goes on.
    More,
    /// Every block of every scan decoded, and the end mark came: this many bytes in all.
    Whole(u64),
    /// Something is wrong at this offset, or before it.
    Broken(u64, Fault),
}

/// Follows a JPEG whose bytes come piece by piece.
#[derive(Clone)]
pub struct Follower {
    /// Bytes that were fed; those before `at` are used up.
    pending: Vec<u8>,
    at: usize,
    /// Where in the picture's bytes `pending` begins.
    offset: u64,
    tables: Arc<Tables>,
    frame: Option<Arc<Frame>>,
    known: Arc<Vec<Vec<u64>>>,
    seen: [bool; 4],
    scan: Option<Running>,
    scans: u32,
    work: u64,
    picture_at: u64,
    scan_at: u64,
    end: Option<Advance>,
}

impl Default for Follower {
    fn default() -> Self {
        Self::new()
    }
}

impl Follower {
    /// Waits for the first byte of a file.
    pub fn new() -> Self {
        Self {
            pending: Vec::new(),
            at: 0,
            offset: 0,
            tables: Arc::new(Tables::new()),
            frame: None,
            known: Arc::new(Vec::new()),
            seen: [false; 4],
            scan: None,
            scans: 0,
            work: 0,
            picture_at: 0,
            scan_at: 0,
            end: None,
        }
    }

    /// Follows what comes next. Once the picture is whole or broken, that answer stays.
    pub fn feed(&mut self, bytes: &[u8]) -> Advance {
        if let Some(end) = self.end {
            return end;
        }
        self.offset += self.at as u64;
        self.pending.drain(..self.at);
        self.at = 0;
        self.pending.extend_from_slice(bytes);
        loop {
            let step = if self.scan.is_some() { self.codes() } else { self.segment() };
            match step {
                Ok(true) => {}
                Ok(false) => return Advance::More,
                Err(end) => {
                    self.end = Some(end);
                    return end;
                }
            }
        }
    }

    /// How many bytes were fed.
    pub fn fed(&self) -> u64 {
        self.offset + self.pending.len() as u64
    }

    /// What the picture is, once its header was reached.
    pub fn frame(&self) -> Option<&Frame> {
        self.frame.as_deref()
    }

    /// Whether it stands among the codes of a scan.
    pub fn is_in_scan(&self) -> bool {
        self.scan.is_some()
    }

    /// Where the first scan's codes begin; 0 before they are reached. What is embedded in the header lies before it.
    pub fn picture_at(&self) -> u64 {
        self.picture_at
    }

    /// Where the codes of the latest scan begin.
    pub fn scan_at(&self) -> u64 {
        self.scan_at
    }

    /// Units of the running scan that decoded, and how many it has; none between scans.
    pub fn units(&self) -> (u64, u64) {
        self.scan.as_ref().map_or((0, 0), Running::units)
    }

    /// How much each unit of the running scan differed from the one above it, summed up, and over how many units. Says
    /// something of sequential pictures only. Where bytes are not those that belong there, the picture tears, though each
    /// code can be followed: these differences grow.
    pub fn tears(&self) -> (u64, u64) {
        self.scan.as_ref().map_or((0, 0), Running::tears)
    }

    /// What [`Follower::tears`] tells, for the last rows alone.
    pub fn recent_tears(&self) -> (u64, u64) {
        self.scan.as_ref().map_or((0, 0), Running::recent_tears)
    }

    /// Units in a row of the running scan; 0 where nothing is told about tears.
    pub fn row(&self) -> u64 {
        self.scan.as_ref().map_or(0, Running::row)
    }

    /// Bytes that a copy costs to keep, roughly.
    pub fn weight(&self) -> usize {
        let known: usize = self.known.iter().map(|component| component.len() * 8).sum();
        known + self.pending.len() + 4096 + self.scan.as_ref().map_or(0, Running::weight)
    }

    /// Goes on among the codes of a scan; tells whether there is more to do with the bytes at hand.
    fn codes(&mut self) -> Result<bool, Advance> {
        let Some((scan, frame)) = self.scan.as_mut().zip(self.frame.as_ref()) else { return Ok(true) };
        let known: &mut [Vec<u64>] =
            if scan.writes_known() { Arc::make_mut(&mut self.known).as_mut_slice() } else { &mut [] };
        let progress = scan.follow(&self.pending, &mut self.at, frame, &self.tables, known);
        match progress {
            Progress::More => Ok(false),
            Progress::Over => {
                for (seen, of) in self.seen.iter_mut().zip(scan.means_of()) {
                    *seen |= of;
                }
                self.scan = None;
                Ok(true)
            }
            Progress::Broken(at, fault) => Err(self.broken(at, fault)),
        }
    }

    fn segment(&mut self) -> Result<bool, Advance> {
        let pending = std::mem::take(&mut self.pending);
        let step = next_segment(&pending, self.at);
        let done = match step {
            Step::Ended => Ok(false),
            Step::Lost => Err(self.broken(self.at, Fault::NoMarker)),
            Step::Segment(segment) => self.take(&segment).map(|()| {
                self.at = segment.end;
                true
            }),
        };
        self.pending = pending;
        done
    }

    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Advance> {
        let position = self.offset + segment.at as u64;
        if position == 0 || segment.marker == SOI {
            let begins = position == 0 && segment.marker == SOI;
            return if begins { Ok(()) } else { Err(self.broken(segment.at, Fault::NoPicture)) };
        }
        let understood = match segment.marker {
            DHT => Arc::make_mut(&mut self.tables).take_huffman(segment.payload),
            DQT => Arc::make_mut(&mut self.tables).take_quantization(segment.payload),
            DRI => Arc::make_mut(&mut self.tables).take_restart_interval(segment.payload),
            SOS => self.begin_scan(segment),
            EOI => return Err(self.whole(segment)),
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => self.begin_frame(segment),
            0xD0..=0xD7 => None,
            _ => Some(()),
        };
        understood.ok_or_else(|| self.broken(segment.at, Fault::BadScan))
    }

    fn begin_frame(&mut self, segment: &Segment<'_>) -> Option<()> {
        let frame = Frame::read(segment).filter(|frame| frame.height > 0 && self.frame.is_none())?;
        let (across, down) = frame.mcus();
        let mcus = u64::from(across) * u64::from(down);
        match frame.process {
            Process::Sequential => {}
            Process::Progressive => {
                let sizes: Vec<u64> = frame.components.iter().map(|one| mcus * u64::from(one.h * one.v)).collect();
                if sizes.iter().sum::<u64>() > MAX_BLOCKS {
                    return None;
                }
                // Not before a scan writes there: a header alone may claim any size.
                self.known = Arc::new(Vec::new());
            }
            Process::Other => return None,
        }
        self.frame = Some(Arc::new(frame));
        Some(())
    }

    fn begin_scan(&mut self, segment: &Segment<'_>) -> Option<()> {
        let frame = self.frame.as_ref()?;
        let scan = Running::begin(segment.payload, frame, &self.tables)?;
        if scan.writes_known() && self.known.is_empty() {
            let (across, down) = frame.mcus();
            let mcus = u64::from(across) * u64::from(down);
            let size = |one: &super::frame::Component| usize::try_from(mcus * u64::from(one.h * one.v)).unwrap_or(0);
            self.known = Arc::new(frame.components.iter().map(|one| vec![0; size(one)]).collect());
        }
        self.work += scan.blocks();
        self.scans += 1;
        self.scan_at = self.offset + segment.end as u64;
        if self.scans == 1 {
            self.picture_at = self.scan_at;
        }
        self.scan = Some(scan);
        (self.work <= MAX_WORK).then_some(())
    }

    fn whole(&self, segment: &Segment<'_>) -> Advance {
        let wanted = self.frame.as_ref().map_or(1, |frame| frame.components.len());
        if self.frame.is_some() && self.seen.iter().take(wanted).all(|seen| *seen) {
            Advance::Whole(self.offset + segment.end as u64)
        } else {
            self.broken(segment.at, Fault::NoPicture)
        }
    }

    fn broken(&self, at: usize, fault: Fault) -> Advance {
        Advance::Broken(self.offset + at as u64, fault)
    }
}

#[cfg(test)]
mod tests;
