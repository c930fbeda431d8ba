//! The first pass over a failing drive: what is read, what is set aside, and when it is given up.

mod asking;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::image::{Image, ImageError};
use super::patience::{Answer, Patience};
use super::recent::{HardWon, Recent};
use super::{Effort, Health};
use crate::formats::mapfile::{Map, Phase, Status};
use crate::model::Ranges;
use crate::sources::medium::MediumError;
use asking::MOST_FAILURES;

/// What is asked for once and then set aside; ddrescue's cluster is as long.
pub(super) const PIECE: u64 = 64 << 10;

const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(30);

/// Everything that changes while a drive is read.
pub(super) struct State {
    pub(super) map: Map,
    pub(super) health: Health,
    patience: Patience,
    size: u64,
    pub(super) sector: u64,
    stop: Arc<AtomicBool>,
    image: Option<Image>,
    recent: Recent,
    hard_won: HardWon,
    /// What lies behind failures, and is not asked for in the first pass.
    avoided: Ranges,
    /// How much is avoided behind the next failure.
    skip: u64,
    /// Whether nothing more is to be avoided: later passes go through everything.
    pub(super) sweeping: bool,
    failures_in_a_row: u32,
    stalls_in_a_row: u32,
    /// Where the drive has answered: the first time, and the last.
    answered_at: Option<(u64, u64)>,
    gone: bool,
    saved_at: Instant,
}

/// Whether bytes came.
pub(super) enum Got {
    /// So many from the first on, at least a sector.
    Bytes(usize),
    /// None; and whether that took too long to ask again at once.
    Nothing {
        /// It did.
        stalled: bool,
    },
}

impl State {
    pub(super) fn new(
        patience: Patience,
        size: u64,
        sector: u64,
        map: Map,
        image: Option<Image>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            map,
            health: Health::default(),
            patience,
            size,
            sector,
            stop,
            image,
            recent: Recent::default(),
            hard_won: HardWon::default(),
            avoided: Ranges::new(),
            skip: PIECE,
            sweeping: false,
            failures_in_a_row: 0,
            stalls_in_a_row: 0,
            answered_at: None,
            gone: false,
            saved_at: Instant::now(),
        }
    }

    /// Whether anything may be read still.
    pub(super) fn go_on(&self) -> Result<(), MediumError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(MediumError::Stopped);
        }
        if self.gone { Err(MediumError::Gone(None)) } else { Ok(()) }
    }

    pub(super) fn avoids(&self, range: Range<u64>) -> bool {
        self.avoided.meets(range)
    }

    pub(super) fn keeps(&self, range: Range<u64>) -> bool {
        self.hard_won.meets(range)
    }

    /// Nothing of `range` is passed by any more.
    pub(super) fn dare(&mut self, range: Range<u64>) {
        self.avoided.remove(range);
    }

    /// Notes that others have read `range`.
    pub(super) fn note_read(&mut self, range: Range<u64>) {
        self.map.current.at = range.end;
        self.answered(range.start);
        self.map.set(range, Status::Finished);
    }

    /// Reads whole `sectors`, less than a piece as a rule, for what lies at `at` in them: the piece that they lie in is read with them, and
    /// kept for a while.
    pub(super) fn gather_around(
        &mut self,
        sectors: Range<u64>,
        at: u64,
        into: &mut [u8],
        effort: Effort,
    ) -> Result<Ranges, MediumError> {
        let start = sectors.start - sectors.start % PIECE;
        let piece = start..start.saturating_add(PIECE).min(self.size);
        let in_one_piece = sectors.end <= piece.end;
        let kept_here = in_one_piece && self.image.is_none();
        if kept_here {
            self.go_on()?;
            if let Some(bytes) = self.recent.get(start) {
                copy(bytes, start, at, into);
                return Ok(Ranges::new());
            }
        }
        let all = |wanted| self.map.within(piece.clone()).all(|(_, status)| status == wanted);
        let untroubled = all(Status::Untried) || (kept_here && all(Status::Finished));
        let whole = in_one_piece && untroubled && !self.avoids(piece.clone()) && !self.keeps(piece.clone());
        let range = if whole { piece } else { sectors };
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        let holes = self.gather(range.start, &mut bytes, effort)?;
        copy(&bytes, range.start, at, into);
        if whole && kept_here && holes.is_empty() {
            self.recent.put(range.start, bytes);
        }
        Ok(holes)
    }

    /// Fills `into` with whole sectors from `at` on, all of them inside the drive.
    pub(super) fn gather(&mut self, at: u64, into: &mut [u8], effort: Effort) -> Result<Ranges, MediumError> {
        let end = at.saturating_add(into.len() as u64);
        let mut holes = Ranges::new();
        let mut next = at;
        while next < end {
            self.go_on()?;
            // Where nothing answers, care for single sectors is wasted.
            let effort = if self.failures_in_a_row > MOST_FAILURES * 2 { Effort::Quick } else { effort };
            let Some((run, status)) = self.map.within(next..end).next() else { break };
            let (_, rest) = into.split_at_mut(usize::try_from(next - at).unwrap_or(usize::MAX).min(into.len()));
            let length = usize::try_from(run.end - run.start).unwrap_or(usize::MAX).min(rest.len());
            let part = rest.get_mut(..length).unwrap_or_default();
            let done = match (status, effort) {
                (Status::Finished, _) => self.again(next, part, effort, &mut holes)?,
                (Status::Untried, Effort::Quick) => self.untried(next, part, &mut holes)?,
                (Status::Untried, Effort::Thorough) => self.ask(next, part, effort, &mut holes)?,
                (Status::NonTrimmed | Status::NonScraped, Effort::Thorough) => {
                    let part = part.get_mut(..part.len().min(to_boundary(next))).unwrap_or_default();
                    let mut failures = 0;
                    self.sectors(next, part, &mut failures, &mut holes)?;
                    part.len()
                }
                (Status::Bad, _) | (Status::NonTrimmed | Status::NonScraped, Effort::Quick) => {
                    hole(next, part, &mut holes);
                    part.len()
                }
            };
            next = next.saturating_add(done.max(1) as u64);
            self.save_now_and_then();
        }
        Ok(holes)
    }

    /// What the drive gave before: from the image, from memory, or from the drive once more.
    fn again(&mut self, at: u64, into: &mut [u8], effort: Effort, holes: &mut Ranges) -> Result<usize, MediumError> {
        if let Some(image) = &self.image {
            match image.read(at, into) {
                Ok(()) => return Ok(into.len()),
                Err(error) => self.health.image_trouble = Some(format!("the image cannot be read: {error}")),
            }
        }
        if let Some(kept) = self.hard_won.from(at) {
            let length = kept.len().min(into.len());
            let (target, _) = into.split_at_mut(length);
            target.copy_from_slice(kept.get(..length).unwrap_or_default());
            return Ok(length);
        }
        let until = self.hard_won.next(at).map_or(usize::MAX, |next| usize::try_from(next - at).unwrap_or(usize::MAX));
        let length = until.min(into.len());
        self.ask(at, into.get_mut(..length).unwrap_or_default(), effort, holes)
    }

    /// What nobody has asked for: not now, where failures are near.
    fn untried(&mut self, at: u64, into: &mut [u8], holes: &mut Ranges) -> Result<usize, MediumError> {
        let avoided = self.avoided.within(at..at.saturating_add(into.len() as u64));
        let Some(first) = avoided.iter().next() else { return self.ask(at, into, Effort::Quick, holes) };
        if first.start > at {
            let length = usize::try_from(first.start - at).unwrap_or(usize::MAX);
            return self.ask(at, into.get_mut(..length).unwrap_or_default(), Effort::Quick, holes);
        }
        let length = usize::try_from(first.end - at).unwrap_or(usize::MAX);
        let part = into.get_mut(..length).unwrap_or_default();
        hole(at, part, holes);
        Ok(part.len())
    }

    fn give_up(&mut self, cause: Option<io::Error>) -> MediumError {
        self.gone = true;
        if let Err(error) = self.checkpoint() {
            self.health.image_trouble = Some(in_words(&error));
        }
        MediumError::Gone(cause)
    }

    fn answered(&mut self, at: u64) {
        let sector = at - at % self.sector.max(1);
        self.answered_at = Some((self.answered_at.map_or(sector, |(first, _)| first), sector));
        self.failures_in_a_row = 0;
        self.stalls_in_a_row = 0;
        self.skip = PIECE;
    }

    /// Bytes that came: into the image, or into memory where they were hard to get.
    fn keep(&mut self, at: u64, bytes: &[u8], hard_won: bool) {
        let range = at..at.saturating_add(bytes.len() as u64);
        match &mut self.image {
            // The map says of an image what is in it: from the first trouble on nothing more is.
            Some(_) if self.health.image_trouble.is_some() => return,
            Some(image) => {
                if let Err(error) = image.write(at, bytes) {
                    self.health.image_trouble = Some(format!("the image cannot be written any more: {error}"));
                    return;
                }
            }
            None if hard_won => self.hard_won.put(at, bytes),
            None => {}
        }
        self.map.set(range, Status::Finished);
    }

    /// What lies behind a failure is not asked for in the first pass: the more, the more has failed in a row.
    fn avoid_behind(&mut self, at: u64) {
        if self.sweeping {
            return;
        }
        let most = (self.size / 100).clamp(PIECE, 1 << 30);
        let end = at.saturating_add(self.skip);
        let end = (end - end % PIECE).max(at).min(self.size);
        self.avoided.insert(at..end);
        self.skip = self.skip.saturating_mul(2).min(most);
    }

    pub(super) fn enter(&mut self, phase: Phase, pass: u32) {
        self.map.current.phase = phase;
        self.map.current.pass = pass;
    }

    pub(super) fn checkpoint(&mut self) -> Result<(), ImageError> {
        self.saved_at = Instant::now();
        if self.image.is_some() && self.map.runs().all(|(_, status)| matches!(status, Status::Finished | Status::Bad)) {
            self.enter(Phase::Finished, 1);
        }
        match &mut self.image {
            Some(image) => image.save(&self.map),
            None => Ok(()),
        }
    }

    pub(super) fn save_now_and_then(&mut self) {
        if self.image.is_some()
            && self.health.image_trouble.is_none()
            && self.saved_at.elapsed() > BETWEEN_CHECKPOINTS
            && let Err(error) = self.checkpoint()
        {
            self.health.image_trouble = Some(in_words(&error));
        }
    }

    /// Compares three sectors of the image with the drive, as far as it gives them.
    pub(super) fn hold_image_to_drive(&mut self, path: &Path) -> Result<(), ImageError> {
        let finished = self.map.ranges(Status::Finished);
        let places = [0, finished.len() / 2, finished.len().saturating_sub(1)];
        let length = usize::try_from(self.sector).unwrap_or(512);
        let (mut alike, mut unlike) = (0, 0);
        for place in places.into_iter().filter_map(|index| finished.iter().nth(index)) {
            let (mut ours, mut theirs) = (vec![0; length], vec![0; length]);
            let at = place.start.next_multiple_of(self.sector.max(1));
            let Some(image) = self.image.as_ref().filter(|_| at.saturating_add(self.sector) <= place.end) else {
                continue;
            };
            image.read(at, &mut ours).map_err(|cause| ImageError::Unusable { path: path.to_owned(), cause })?;
            match self.patience.read(at, &mut theirs) {
                Answer::Came(came) if came == length && ours == theirs => alike += 1,
                Answer::Came(came) if came == length => unlike += 1,
                Answer::Came(_) | Answer::Failed(_) | Answer::Stalled => {}
            }
        }
        if unlike > 0 && alike == 0 {
            return Err(ImageError::OtherDrive { path: path.to_owned(), why: "it holds other bytes" });
        }
        Ok(())
    }
}

/// Bytes up to the end of the piece that `at` lies in.
fn to_boundary(at: u64) -> usize {
    usize::try_from(PIECE - at % PIECE).unwrap_or(usize::MAX)
}

fn hole(at: u64, into: &mut [u8], holes: &mut Ranges) {
    into.fill(0);
    holes.insert(at..at.saturating_add(into.len() as u64));
}

/// Copies what lies at `at` out of bytes that begin at `start`.
fn copy(bytes: &[u8], start: u64, at: u64, into: &mut [u8]) {
    let from = usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
    let there = bytes.get(from..).unwrap_or_default();
    let length = there.len().min(into.len());
    let (target, rest) = into.split_at_mut(length);
    target.copy_from_slice(there.get(..length).unwrap_or_default());
    rest.fill(0);
}

fn in_words(error: &ImageError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
