//! What bytes are read from by position: a drive, an image of one, a partition.

mod blocks;
mod dmg;
mod ewf;
pub mod joined;
pub mod open;
mod qcow2;
pub mod raw;
pub mod rescue;
mod system;
mod vhd;
mod vmdk;

use std::ops::Range;
use std::sync::Arc;

pub use system::Make;

use crate::model::Ranges;

/// Why nothing can be read at all any more; a bad sector is no error, but a hole.
#[derive(Debug, thiserror::Error)]
pub enum MediumError {
    /// The drive does not answer any more: unplugged, or dead.
    #[error("the drive does not answer any more")]
    Gone(#[source] Option<std::io::Error>),
    /// The person asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Bytes that are read by position and never written.
///
/// Reading never fails for a bad spot: what cannot be read comes as zeros, and as a hole in the answer, so that whoever
/// makes sense of the bytes knows which of them are true.
pub trait Medium: Send + Sync {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Fills all of `into` with the bytes from `at` on. Answers which of those positions could not be read, as positions
    /// on this medium; what lies behind the end counts as not readable. Their bytes in `into` are zero.
    ///
    /// # Errors
    /// Only what ends the whole run: the drive is gone, or the person asked to stop.
    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError>;

    /// Asks again, sector by sector and more than once, for what could not be read of `ranges`. What it gets, the next
    /// [`Medium::read`] gives.
    ///
    /// # Errors
    /// As [`Medium::read`].
    fn try_harder(&self, _ranges: &Ranges) -> Result<(), MediumError> {
        Ok(())
    }

    /// Whether [`Medium::try_harder`] can get anything: a whole image has given all it has.
    fn can_try_harder(&self) -> bool {
        false
    }
}

/// Reads `length` bytes from `at` on, with the holes among them. For metadata: the caller bounds `length`.
///
/// # Errors
/// As [`Medium::read`].
pub fn read_vec(medium: &dyn Medium, at: u64, length: usize) -> Result<(Vec<u8>, Ranges), MediumError> {
    let mut bytes = vec![0; length];
    let holes = medium.read(at, &mut bytes)?;
    Ok((bytes, holes))
}

/// A part of a medium, as if it were one of its own: a partition.
#[derive(Clone)]
pub struct Window {
    whole: Arc<dyn Medium>,
    part: Range<u64>,
}

impl Window {
    /// The bytes `part` of `whole`. Where it is longer than the whole, what is missing reads as holes.
    pub fn new(whole: Arc<dyn Medium>, part: Range<u64>) -> Self {
        Self { whole, part }
    }
}

impl Medium for Window {
    fn size(&self) -> u64 {
        self.part.end.saturating_sub(self.part.start)
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let inside = usize::try_from(self.size().saturating_sub(at)).unwrap_or(usize::MAX).min(into.len());
        let (here, behind) = into.split_at_mut(inside);
        behind.fill(0);
        let mut holes = Ranges::new();
        if !here.is_empty() {
            let found = self.whole.read(self.part.start.saturating_add(at), here)?;
            holes.extend(found.iter().map(|hole| hole.start - self.part.start..hole.end - self.part.start));
        }
        let first_behind = at.saturating_add(inside as u64);
        holes.insert(first_behind..first_behind.saturating_add(behind.len() as u64));
        Ok(holes)
    }

    fn try_harder(&self, ranges: &Ranges) -> Result<(), MediumError> {
        let here = ranges.within(0..self.size());
        let from = self.part.start;
        self.whole.try_harder(&here.iter().map(|one| from + one.start..from + one.end).collect())
    }

    fn can_try_harder(&self) -> bool {
        self.whole.can_try_harder()
    }
}

/// Bytes in memory, some of which may be marked as unreadable: for small images and for tests.
impl Medium for (Vec<u8>, Ranges) {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let asked = at..at.saturating_add(into.len() as u64);
        let mut bad = self.1.within(asked.clone());
        bad.insert(asked.start.max(self.size())..asked.end);
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        let there = self.0.get(from..).unwrap_or_default();
        let inside = there.len().min(into.len());
        let (here, behind) = into.split_at_mut(inside);
        here.copy_from_slice(there.get(..inside).unwrap_or_default());
        behind.fill(0);
        for hole in bad.iter() {
            let start = usize::try_from(hole.start - at).unwrap_or(usize::MAX);
            let end = usize::try_from(hole.end - at).unwrap_or(usize::MAX);
            into.get_mut(start..end).unwrap_or_default().fill(0);
        }
        Ok(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_names_holes_by_its_own_positions_and_what_is_behind_its_end() {
        let whole: Arc<dyn Medium> = Arc::new((vec![7; 100], Ranges::one(30..40)));
        let window = Window::new(whole, 20..60);
        let mut bytes = [1; 50];
        let holes = window.read(5, &mut bytes).expect("it reads");
        assert_eq!(holes.to_string(), "10+10, 40+15");
        assert_eq!(bytes.get(..5), Some(&[7; 5][..]));
        assert_eq!(bytes.get(5..15), Some(&[0; 10][..]));
        assert_eq!(bytes.get(15..35), Some(&[7; 20][..]));
        assert_eq!(bytes.get(35..), Some(&[0; 15][..]));
    }

    #[test]
    fn a_window_longer_than_the_whole_has_a_hole_at_its_end() {
        let whole: Arc<dyn Medium> = Arc::new((vec![7; 100], Ranges::new()));
        let (_, holes) = read_vec(&Window::new(whole, 90..u64::MAX), 0, 30).expect("it reads");
        assert_eq!(holes.to_string(), "10+20");
    }
}
