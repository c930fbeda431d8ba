//! Forks: how long a file is, and in which blocks it lies.

use std::ops::Range;

use crate::formats::numbers::{be32, be64};
use crate::sources::disk::file_system::Extent;

/// A run of blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) count: u32,
}

/// The length of a fork, and its first eight runs.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Fork {
    pub(super) size: u64,
    pub(super) runs: Vec<Run>,
}

/// Where the blocks are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    /// Where block 0 begins on the medium.
    pub(super) base: u64,
    /// A power of two.
    pub(super) block_bytes: u64,
    /// As the header counts them.
    pub(super) blocks: u64,
    /// As many as the medium or the header has, whichever are more.
    pub(super) most_blocks: u64,
}

impl Fork {
    /// Reads the 80 bytes of a fork.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let fork = bytes.get(..80)?;
        Some(Self { size: be64(fork, 0)?, runs: runs(fork.get(16..)?) })
    }
}

/// Reads runs up to the first empty one; there are at most eight.
pub(super) fn runs(bytes: &[u8]) -> Vec<Run> {
    let all = bytes.chunks_exact(8).take(8).filter_map(|run| Some(Run { start: be32(run, 0)?, count: be32(run, 4)? }));
    all.take_while(|run| run.count > 0).collect()
}

impl Space {
    /// All of the volume.
    pub(super) fn range(&self) -> Range<u64> {
        self.base..self.base.saturating_add(self.blocks.saturating_mul(self.block_bytes))
    }

    /// Where a run lies; `None` where it leaves the volume.
    pub(super) fn place(&self, run: Run) -> Option<Range<u64>> {
        let end = u64::from(run.start) + u64::from(run.count);
        if end > self.most_blocks {
            return None;
        }
        Some(self.base + u64::from(run.start) * self.block_bytes..self.base + end * self.block_bytes)
    }

    /// Where the bytes of a fork lie, with the runs that the overflow tree has for it by the block of the file that
    /// they begin with; and in words what is missing at its end.
    pub(super) fn lay_out(&self, fork: &Fork, more: Vec<(u32, Vec<Run>)>) -> (Vec<Extent>, Option<&'static str>) {
        let mut pieces: Vec<Extent> = Vec::new();
        let mut have = 0_u64;
        let first = [(0, fork.runs.clone())];
        'all: for (block, runs) in first.into_iter().chain(more) {
            if u64::from(block) * self.block_bytes != have {
                break;
            }
            for run in runs {
                if have >= fork.size {
                    break 'all;
                }
                let Some(place) = self.place(run) else { break 'all };
                let length = place.end - place.start;
                have = have.saturating_add(length);
                match pieces.last_mut().filter(|last| last.at.map(|at| at + last.length) == Some(place.start)) {
                    Some(last) => last.length += length,
                    None => pieces.push(Extent { at: Some(place.start), length }),
                }
            }
        }
        let lost = have < fork.size;
        (pieces, lost.then_some("where the rest of this file lies cannot be told; its end is missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Space = Space { base: 1000, block_bytes: 512, blocks: 100, most_blocks: 100 };

    fn fork(blocks: u64, runs: &[(u32, u32)]) -> Fork {
        Fork {
            size: blocks * 512,
            runs: runs.iter().map(|(start, count)| Run { start: *start, count: *count }).collect(),
        }
    }

    #[test]
    fn runs_that_follow_each_other_are_one_piece() {
        let (pieces, lost) = SPACE.lay_out(&fork(5, &[(10, 2), (12, 2), (3, 1)]), Vec::new());
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[0], Extent { at: Some(1000 + 5120), length: 2048 });
        assert_eq!(lost, None);
    }

    #[test]
    fn a_missing_record_of_the_overflow_ends_the_file_there() {
        let more = vec![(4, vec![Run { start: 50, count: 1 }])];
        let (pieces, lost) = SPACE.lay_out(&fork(5, &[(10, 2)]), more);
        assert_eq!(pieces.len(), 1);
        assert!(lost.is_some());
    }

    #[test]
    fn a_run_that_leaves_the_volume_is_not_followed() {
        let (pieces, lost) = SPACE.lay_out(&fork(5, &[(10, 2), (99, u32::MAX)]), Vec::new());
        assert_eq!(pieces.len(), 1);
        assert!(lost.is_some());
    }
}
