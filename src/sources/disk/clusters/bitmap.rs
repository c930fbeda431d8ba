//! The map of the clusters in use, which exFAT keeps beside the table.
//!
//! Bound: it is held where it has no more than 64 MiB; where it has more, or cannot be read, only what living files
//! have counts as taken.

use crate::model::Ranges;
use crate::sources::medium::{MediumError, read_vec};

use super::heap::push;
use super::living::Living;
use super::table::Link;

const LARGEST: u64 = 64 << 20;

/// Which clusters are in use, as exFAT keeps it beside the table.
pub(super) struct Bitmap {
    bytes: Vec<u8>,
    holes: Ranges,
}

impl Bitmap {
    pub(super) fn read(living: &mut Living<'_>) -> Result<Option<Self>, MediumError> {
        let heap = living.volume.shape.heap;
        let Some(system) = living.bitmap else { return Ok(None) };
        let size = system.size.min(u64::from(heap.clusters).div_ceil(8));
        if size == 0 || size > LARGEST {
            return Ok(None);
        }
        let mut runs = Vec::new();
        let mut at = system.first;
        for _ in 0..heap.clusters_for(size) {
            if !heap.holds(at) {
                break;
            }
            push(&mut runs, at);
            at = match living.table.link(at)? {
                Link::Next(next) => next,
                Link::End | Link::Free | Link::Wrong | Link::Unreadable => at.saturating_add(1),
            };
        }
        let mut bitmap = Self { bytes: Vec::new(), holes: Ranges::new() };
        for extent in heap.extents(&runs, size, size) {
            bitmap.append(living, extent.at.unwrap_or(0), extent.length)?;
        }
        Ok(Some(bitmap))
    }

    fn append(&mut self, living: &Living<'_>, at: u64, length: u64) -> Result<(), MediumError> {
        let (bytes, holes) = read_vec(living.volume.medium.as_ref(), at, usize::try_from(length).unwrap_or(0))?;
        let begin = self.bytes.len() as u64;
        self.holes.extend(holes.iter().map(|hole| hole.start - at + begin..hole.end - at + begin));
        self.bytes.extend(bytes);
        Ok(())
    }

    /// Whether a cluster is in use for all that can be read.
    pub(super) fn says_used(&self, cluster: u32) -> bool {
        let index = cluster.saturating_sub(2);
        let byte = self.bytes.get((index / 8) as usize);
        let is_set = byte.is_some_and(|byte| byte >> (index % 8) & 1 == 1);
        is_set && !self.holes.contains(u64::from(index / 8))
    }
}
