//! The folders that the volume listed once, and where they went on.
//!
//! Bound: for where they go on, 256 MiB are read at most.

use std::collections::HashSet;

use crate::sources::medium::{MediumError, read_vec};

use super::deleted::Deleted;
use super::folder::{Entry, State};
use super::living::Grave;
use super::table::Link;

/// So far behind the last file of a folder its next part is looked for, and so much for all folders together.
const SEARCHED_AT_ONCE: u64 = 16 << 20;
pub(super) const SEARCHED: u64 = 256 << 20;
const PIECE: u64 = 256 << 10;

impl Deleted<'_> {
    /// Lists the deleted folders that nothing has been written over, and those in them.
    pub(super) fn folders(&mut self) -> Result<(), MediumError> {
        let mut next = 0;
        while let Some(grave) = self.living.graves.get(next) {
            next += 1;
            // What nobody listed is a folder of its own at each place; those listed alive are met there.
            if !grave.entry.is_folder {
                continue;
            }
            let (parent, entry) = (grave.folder, grave.entry.clone());
            for first in self.firsts(&entry, parent, &grave.halves.clone()) {
                if self.living.listed.contains(&first)
                    || !self.begins_folder(first)?
                    || !self.living.listed.insert(first)
                {
                    continue;
                }
                let entry = Entry { first, ..entry };
                if let Some(folder) = self.living.folders.add(parent, &entry) {
                    self.folder(folder, &entry)?;
                }
                break;
            }
        }
        Ok(())
    }

    fn begins_folder(&self, first: u32) -> Result<bool, MediumError> {
        let volume = self.living.volume;
        if !volume.shape.heap.holds(first) || self.living.owned.contains(first) {
            return Ok(false);
        }
        let (bytes, holes) = read_vec(volume.medium.as_ref(), volume.shape.heap.position(first), 512)?;
        Ok(holes.is_empty() && volume.format.begins_folder(&bytes, first))
    }

    fn folder(&mut self, folder: usize, entry: &Entry) -> Result<(), MediumError> {
        let volume = self.living.volume;
        let heap = volume.shape.heap;
        // Its size tells nothing: some shrink a folder while they empty it.
        let most = heap.clusters_for(volume.format.longest_folder());
        let mut lister = volume.format.lister();
        let mut at = Some(entry.first);
        for _ in 0..most {
            let Some(cluster) = at.filter(|cluster| self.folder_clusters.insert(*cluster)) else { break };
            self.living.feed(heap.position(cluster), heap.cluster_bytes, lister.as_mut())?;
            if lister.listing().is_over() {
                break;
            }
            at = self.next_of_folder(cluster, entry.is_chained, &lister.listing().entries)?;
        }
        for mut entry in std::mem::take(&mut lister.listing().entries) {
            // What still looked alive in there died with its folder, and nothing of its entry was wiped.
            if entry.state == State::Living {
                entry.state = State::Deleted;
            }
            self.living.graves.push(Grave { folder, entry, halves: Vec::new() });
        }
        Ok(())
    }

    /// Where a deleted folder goes on: where the table still says, behind it, or behind the last files that it lists, for a
    /// folder grows when its next file is written.
    fn next_of_folder(&mut self, at: u32, is_chained: bool, so_far: &[Entry]) -> Result<Option<u32>, MediumError> {
        let volume = self.living.volume;
        let heap = volume.shape.heap;
        let linked = match self.living.table.link(at)? {
            Link::Next(next) if is_chained => Some(next),
            Link::Next(_) | Link::End | Link::Free | Link::Wrong | Link::Unreadable => None,
        };
        let last = so_far.iter().rev().filter(|entry| heap.holds(entry.first)).take(16);
        let behind = last.flat_map(|entry| {
            let clusters = u32::try_from(heap.clusters_for(entry.size)).unwrap_or(u32::MAX);
            let end = entry.first.saturating_add(clusters);
            [end, end.saturating_add(1)]
        });
        let nearest: Vec<u32> = linked.into_iter().chain([at.saturating_add(1)]).chain(behind).collect();
        let mut tried = HashSet::new();
        for cluster in nearest.iter().copied().filter(|cluster| tried.insert(*cluster)) {
            if self.first_continuing(cluster, 1)?.is_some() {
                return Ok(Some(cluster));
            }
        }
        // Some write a file before they list it.
        let behind_last = nearest.get(usize::from(linked.is_some()) + 1).copied().unwrap_or(at);
        let most = SEARCHED_AT_ONCE.min(self.searched_left);
        self.searched_left -= most;
        let mut from = behind_last;
        let clusters = u32::try_from(most / heap.cluster_bytes.max(1)).unwrap_or(0);
        let end = behind_last.saturating_add(clusters);
        let piece = u32::try_from(PIECE / heap.cluster_bytes.max(1)).unwrap_or(1).max(1);
        while from < end {
            let count = piece.min(end - from);
            if let Some(found) = self.first_continuing(from, count)? {
                return Ok(Some(found));
            }
            from = from.saturating_add(count);
        }
        Ok(None)
    }

    /// The first of so many clusters that nobody has, and that looks as if it were the middle of a folder.
    fn first_continuing(&self, from: u32, count: u32) -> Result<Option<u32>, MediumError> {
        let volume = self.living.volume;
        let heap = volume.shape.heap;
        let may_be = |cluster: &u32| {
            heap.holds(*cluster) && !self.living.owned.contains(*cluster) && !self.folder_clusters.contains(cluster)
        };
        let clusters: Vec<u32> = (from..from.saturating_add(count)).filter(may_be).collect();
        let (Some(first), Some(last)) = (clusters.first(), clusters.last()) else { return Ok(None) };
        let at = heap.position(*first);
        if at >= volume.medium.size() {
            return Ok(None);
        }
        let length = u64::from(last - first + 1).saturating_mul(heap.cluster_bytes);
        let (bytes, holes) = read_vec(volume.medium.as_ref(), at, usize::try_from(length).unwrap_or(0))?;
        let size = usize::try_from(heap.cluster_bytes).unwrap_or(1);
        Ok(clusters.iter().copied().find(|cluster| {
            let begin = (cluster - first) as usize * size;
            let position = heap.position(*cluster);
            let content = bytes.get(begin..begin + size).unwrap_or_default();
            !holes.meets(position..position + heap.cluster_bytes) && volume.format.continues_folder(content)
        }))
    }

    /// Where the entry may begin: as it says, and where its upper half was wiped, as its neighbours suggest.
    pub(super) fn firsts(&self, entry: &Entry, folder: usize, halves: &[u32]) -> Vec<u32> {
        let mut firsts = vec![entry.first];
        if entry.state == State::HalfKnown {
            let above = self.living.folders.first_cluster(folder) >> 16;
            for half in halves.iter().chain([&above]) {
                let first = entry.first | half << 16;
                if !firsts.contains(&first) {
                    firsts.push(first);
                }
            }
        }
        firsts
    }
}
