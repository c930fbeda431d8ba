//! The bytes of an attribute, read through its extents.

use crate::model::Ranges;
use crate::sources::disk::file_system::Extent;
use crate::sources::medium::{Medium, MediumError};

/// Where the bytes of an attribute are, by their position in it.
#[derive(Clone, Default, Debug)]
pub(super) struct Stream {
    /// Sorted; each with its position in the attribute.
    pieces: Vec<(u64, Extent)>,
    size: u64,
}

impl Stream {
    /// The bytes of `extents`, one behind the other.
    pub(super) fn new(extents: &[Extent]) -> Self {
        let mut stream = Self::default();
        for extent in extents {
            stream.pieces.push((stream.size, *extent));
            stream.size = stream.size.saturating_add(extent.length);
        }
        stream
    }

    /// Bytes that have a place.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Fills all of `into` from `at` on. Answers which positions of the attribute could not be read; what is behind
    /// its end could not.
    pub(super) fn read(&self, medium: &dyn Medium, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let mut holes = Ranges::new();
        let (mut here, mut left) = (at, into);
        while !left.is_empty() {
            let Some((start, extent)) = self.piece(here) else {
                left.fill(0);
                holes.insert(here..here.saturating_add(left.len() as u64));
                break;
            };
            let skipped = here - start;
            let length = usize::try_from(extent.length - skipped).unwrap_or(usize::MAX).min(left.len());
            let (now, later) = left.split_at_mut(length);
            match extent.at {
                None => now.fill(0),
                Some(place) => {
                    let place = place.saturating_add(skipped);
                    let bad = medium.read(place, now)?;
                    holes.extend(bad.iter().map(|hole| hole.start - place + here..hole.end - place + here));
                }
            }
            here += length as u64;
            left = later;
        }
        Ok(holes)
    }

    fn piece(&self, at: u64) -> Option<(u64, Extent)> {
        let next = self.pieces.partition_point(|(start, _)| *start <= at);
        let found = *self.pieces.get(next.checked_sub(1)?)?;
        (at - found.0 < found.1.length).then_some(found)
    }
}
