//! A drive that fails, read as if it did not: what cannot be had is a hole, and is known from then on.
//!
//! The map of what was read, and of what could not be, is GNU ddrescue's, so that a rescue begun here can be gone on with there, and the
//! other way round. What is noted of a failing drive:
//!
//! - a piece is asked for once in the first pass; where it fails, the rest of 64 KiB is set aside, and more behind it the more fails
//!   in a row (up to a hundredth of the drive or 1 GiB, as ddrescue does). A drive that answers nothing at all is so gone through in
//!   some hundred reads;
//! - [`Effort::Thorough`] goes down to single sectors, and gives up on a piece of 64 KiB after 32 failures;
//! - [`Rescuer::retry`] goes through what was set aside.
//!
//! Memory: the map (a few dozen bytes for each run of it), 2 MiB of recent pieces, at most 64 MiB of what was hard to get.

mod again;
#[cfg(test)]
mod faulty;
mod image;
mod patience;
mod recent;
mod state;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use again::Progress;
pub use image::ImageError;

use super::raw::RawRead;
use super::{Medium, MediumError};
use crate::formats::mapfile::{Map, Status};
use crate::model::Ranges;
use image::Image;
use patience::Patience;
use state::{PIECE, State};

/// How often a bad sector is asked again for the sake of a photo.
const RETRIES: u32 = 3;

/// How hard a read tries before it answers with a hole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Effort {
    /// Once. What fails is set aside with what lies around it, and so is what failed before.
    Quick,
    /// Down to single sectors, except those that are known to be bad. For the few bytes that everything else hangs on.
    Thorough,
}

/// What a rescue is told besides the drive.
#[derive(Clone, Default, Debug)]
pub struct How {
    /// A read that takes longer counts as failed; without it a read may take for ever.
    pub stall: Option<Duration>,
    /// Ends the run between two pieces.
    pub stop: Arc<AtomicBool>,
}

impl How {
    /// The limit for drives: no drive that still means to answer takes longer.
    pub const STALL: Duration = Duration::from_mins(2);
}

/// How a drive does.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Health {
    /// Reads that failed; the same place may count many times.
    pub read_errors: u64,
    /// Reads among them that took too long.
    pub stalls: u64,
    /// Why the image is not written any more. The run goes on without it.
    pub image_trouble: Option<String>,
}

/// A drive, read with patience, and the map of what it gave.
pub struct Rescuer {
    raw: Arc<dyn RawRead>,
    size: u64,
    sector: u64,
    thorough: AtomicBool,
    /// Whether several may read at one time: nothing watches the clock, and there is no image to write.
    side_by_side: bool,
    state: Mutex<State>,
}

impl Rescuer {
    /// Begins with nothing known of the drive, and keeps nothing of it.
    pub fn new(raw: Arc<dyn RawRead>, how: How) -> Self {
        let map = Map::new(raw.size());
        Self::from_parts(raw, how, map, None)
    }

    /// Goes on where a map ends that has no image: whose `Finished` says only that the drive gave those bytes once.
    #[must_use]
    pub fn with_map(self, mut map: Map) -> Self {
        map.resize(self.size);
        self.state().map = map;
        self
    }

    /// Keeps what is read in a sparse image at `path`, with the map beside it (`path` and `.map`); goes on where they end if both are
    /// there. What they hold is never asked from the drive again, but for three samples that tell whether it is the same drive.
    ///
    /// # Errors
    /// A file is there without its map, or belongs to another drive; or it cannot be written. The files are then as they were.
    pub fn with_image(raw: Arc<dyn RawRead>, how: How, path: &Path) -> Result<Self, ImageError> {
        let (image, map) = Image::open(path, raw.size())?;
        let rescuer = Self::from_parts(raw, how, map, Some(image));
        rescuer.state().hold_image_to_drive(path)?;
        Ok(rescuer)
    }

    #[cfg(test)]
    fn with_image_file(raw: Arc<dyn RawRead>, file: std::fs::File) -> Self {
        let map = Map::new(raw.size());
        Self::from_parts(raw, How::default(), map, Some(Image::of_file(file)))
    }

    fn from_parts(raw: Arc<dyn RawRead>, how: How, map: Map, image: Option<Image>) -> Self {
        let How { stall, stop } = how;
        let (size, sector) = (raw.size(), raw.sector().max(1));
        let side_by_side = stall.is_none() && image.is_none();
        let patience = Patience::new(Arc::clone(&raw), stall, Arc::clone(&stop));
        let state = Mutex::new(State::new(patience, size, sector, map, image, stop));
        Self { raw, size, sector, thorough: AtomicBool::new(false), side_by_side, state }
    }

    /// How hard every read from now on tries; quick at first.
    pub fn set_effort(&self, effort: Effort) {
        self.thorough.store(effort == Effort::Thorough, Ordering::Relaxed);
    }

    /// What is known of the drive at this moment.
    pub fn map(&self) -> Map {
        self.state().map.clone()
    }

    /// How the drive does at this moment.
    pub fn health(&self) -> Health {
        self.state().health.clone()
    }

    /// Saves image and map. After `Ok` both are on the disk; after an error or a crash the map on the disk is an earlier one, and the image
    /// has at least what it says. Happens by itself every 30 seconds while the drive is read. Without an image there is nothing to save.
    ///
    /// # Errors
    /// The image or the map cannot be written.
    pub fn checkpoint(&self) -> Result<(), ImageError> {
        self.state().checkpoint()
    }

    /// As [`Medium::read`], trying as hard as it is told.
    ///
    /// # Errors
    /// As [`Medium::read`].
    pub fn read_with(&self, at: u64, into: &mut [u8], effort: Effort) -> Result<Ranges, MediumError> {
        let inside = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX).min(into.len());
        let (here, behind) = into.split_at_mut(inside);
        behind.fill(0);
        let end = at.saturating_add(inside as u64);
        let mut holes = Ranges::one(end..end.saturating_add(behind.len() as u64));
        if here.is_empty() {
            return Ok(holes);
        }
        // Only whole sectors come or fail.
        let first = at - at % self.sector;
        let last = end.checked_next_multiple_of(self.sector).unwrap_or(u64::MAX).min(self.size);
        if self.side_by_side && self.read_untroubled(first..last, at, here)? {
            return Ok(holes);
        }
        let mut state = self.state();
        let found = if (first, last) == (at, end) && last - first >= PIECE {
            state.gather(first, here, effort)?
        } else {
            state.gather_around(first..last, at, here, effort)?
        };
        holes.extend(found.within(at..end).iter());
        Ok(holes)
    }

    /// Reads what has given no trouble yet without keeping others from reading; says whether all of it came.
    fn read_untroubled(&self, sectors: Range<u64>, at: u64, into: &mut [u8]) -> Result<bool, MediumError> {
        let known = {
            let state = self.state();
            state.go_on()?;
            let mut known = true;
            for (_, status) in state.map.within(sectors.clone()) {
                match status {
                    Status::Finished => {}
                    Status::Untried => known = false,
                    Status::NonTrimmed | Status::NonScraped | Status::Bad => return Ok(false),
                }
            }
            if state.avoids(sectors.clone()) || state.keeps(sectors.clone()) {
                return Ok(false);
            }
            known
        };
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.raw.read_at(at.saturating_add(done as u64), rest) {
                Ok(came) if came > 0 => done += came,
                // It is asked for again with the care that it needs.
                Ok(_) | Err(_) => return Ok(false),
            }
        }
        if !known {
            // Not to its edges: of the sectors there only a part was asked for. They came all the same.
            self.state().note_read(sectors);
        }
        Ok(true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Rescuer {
    /// Saves what there is to save. Whoever wants to know whether it was saved calls [`Rescuer::checkpoint`] before.
    fn drop(&mut self) {
        let mut state = self.state();
        if state.health.image_trouble.is_none()
            && let Err(error) = state.checkpoint()
        {
            log::warn!("the map of what was read is not saved: {error}");
        }
    }
}

impl Medium for Rescuer {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let effort = if self.thorough.load(Ordering::Relaxed) { Effort::Thorough } else { Effort::Quick };
        self.read_with(at, into, effort)
    }

    fn try_harder(&self, ranges: &Ranges) -> Result<(), MediumError> {
        self.retry(ranges, RETRIES, &mut |_| {}).map(|_still_missing| ())
    }

    fn can_try_harder(&self) -> bool {
        true
    }
}
