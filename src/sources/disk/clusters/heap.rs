//! Where clusters lie.

use std::ops::Range;

use crate::sources::disk::file_system::Extent;

/// The part of a volume that is divided into clusters; the first of them is number 2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sources::disk) struct Heap {
    /// Where the first cluster begins.
    pub(in crate::sources::disk) start: u64,
    /// Bytes of each.
    pub(in crate::sources::disk) cluster_bytes: u64,
    /// How many there are: never more than the table has links for.
    pub(in crate::sources::disk) clusters: u32,
}

impl Heap {
    pub(in crate::sources::disk) fn holds(self, cluster: u32) -> bool {
        self.numbers().contains(&cluster)
    }

    /// The numbers of all clusters.
    pub(super) fn numbers(self) -> Range<u32> {
        2..self.clusters.saturating_add(2)
    }

    pub(in crate::sources::disk) fn position(self, cluster: u32) -> u64 {
        self.start.saturating_add(u64::from(cluster).saturating_sub(2).saturating_mul(self.cluster_bytes))
    }

    /// How many clusters `bytes` take.
    pub(super) fn clusters_for(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.cluster_bytes.max(1))
    }

    /// Where the bytes of a file lie of which `written` were ever written, and the rest of `size` reads as zeros.
    pub(super) fn extents(self, runs: &[Run], written: u64, size: u64) -> Vec<Extent> {
        let mut extents = Vec::with_capacity(runs.len() + 1);
        let mut left = written.min(size);
        for run in runs {
            let whole = u64::from(run.count).saturating_mul(self.cluster_bytes);
            let length = whole.min(left);
            if length == 0 {
                break;
            }
            extents.push(Extent { at: Some(self.position(run.first)), length });
            left -= length;
        }
        if left == 0 && size > written {
            extents.push(Extent { at: None, length: size - written });
        }
        extents
    }
}

/// Clusters that follow one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) count: u32,
}

impl Run {
    pub(super) fn clusters(self) -> Range<u32> {
        self.first..self.first.saturating_add(self.count)
    }
}

/// Adds a cluster at the end.
pub(super) fn push(runs: &mut Vec<Run>, cluster: u32) {
    match runs.last_mut() {
        Some(last) if last.clusters().end == cluster => last.count += 1,
        Some(_) | None => runs.push(Run { first: cluster, count: 1 }),
    }
}

/// How many clusters there are in all.
pub(super) fn count(runs: &[Run]) -> u64 {
    runs.iter().map(|run| u64::from(run.count)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_written_reads_as_zeros_and_what_has_no_place_is_left_out() {
        let heap = Heap { start: 1000, cluster_bytes: 100, clusters: 50 };
        let runs = [Run { first: 2, count: 2 }, Run { first: 9, count: 1 }];
        let at = |at, length| Extent { at: Some(at), length };
        assert_eq!(heap.extents(&runs, 250, 250), vec![at(1000, 200), at(1700, 50)]);
        assert_eq!(heap.extents(&runs, 150, 250), vec![at(1000, 150), Extent { at: None, length: 100 }]);
        assert_eq!(heap.extents(&runs, 400, 400), vec![at(1000, 200), at(1700, 100)]);
        assert_eq!(heap.extents(&runs, 400, 500), vec![at(1000, 200), at(1700, 100)]);
        assert_eq!(heap.extents(&[], 0, 7), vec![Extent { at: None, length: 7 }]);
    }
}
