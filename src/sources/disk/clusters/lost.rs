//! Folders that nothing leads to any more, because a part of the folder above them was lost.
//!
//! Bounds: looked for only where a part of a folder was lost. The table is read once from end to end, and no more than
//! 65,536 clusters are looked at.

use std::collections::BTreeMap;

use crate::sources::medium::{MediumError, read_vec};

use super::bitmap::Bitmap;
use super::bits::Bits;
use super::folder::{Entry, State, TOP};
use super::living::Living;
use super::table::Link;

const MOST_LOOKS: u32 = 1 << 16;

impl Living<'_> {
    /// The folders that the table or the map of clusters calls used and that were not listed, each with the folder above it.
    ///
    /// Asked once; after that there are none.
    pub(super) fn lost_folders(&mut self) -> Result<Vec<(usize, Entry)>, MediumError> {
        if !std::mem::take(&mut self.has_lost) || std::mem::replace(&mut self.has_looked, true) {
            return Ok(Vec::new());
        }
        let volume = self.volume;
        let mut found = BTreeMap::new();
        for cluster in self.unlisted()? {
            let (bytes, holes) = read_vec(volume.medium.as_ref(), volume.shape.heap.position(cluster), 512)?;
            if holes.is_empty() && volume.format.begins_folder(&bytes, cluster) {
                found.insert(cluster, volume.format.above(&bytes));
            }
        }
        // A lost folder below another lost one is met there, under its name.
        let tops = found.iter().filter(|(_, above)| above.is_none_or(|above| !found.contains_key(&above)));
        let named = tops.map(|(cluster, above)| {
            let parent = above.and_then(|above| self.folders.beginning_at(above)).unwrap_or(TOP);
            (parent, lost(*cluster))
        });
        Ok(named.collect())
    }

    /// Clusters in use that nothing listed has, and that may begin something: no link leads to them.
    fn unlisted(&mut self) -> Result<Vec<u32>, MediumError> {
        let heap = self.volume.shape.heap;
        let bitmap = Bitmap::read(self)?;
        let mut used = Vec::new();
        let mut linked = Bits::default();
        for cluster in heap.numbers() {
            if self.owned.contains(cluster) {
                continue;
            }
            let is_used = match self.table.link(cluster)? {
                Link::Next(next) => {
                    if heap.holds(next) {
                        linked.insert(next);
                    }
                    true
                }
                Link::End => true,
                Link::Free | Link::Wrong | Link::Unreadable => false,
            };
            if bitmap.as_ref().map_or(is_used, |bitmap| bitmap.says_used(cluster)) && used.len() < 1 << 20 {
                used.push(cluster);
            }
        }
        used.retain(|cluster| !linked.contains(*cluster));
        used.truncate(MOST_LOOKS as usize);
        Ok(used)
    }
}

fn lost(first: u32) -> Entry {
    Entry {
        name: format!("lost folder {first}"),
        is_folder: true,
        state: State::Living,
        first,
        // One whose clusters follow one another without links ends with its first cluster.
        is_chained: true,
        size: 0,
        written: 0,
        modified_at: None,
        created_at: None,
        at: 0,
        doubt: None,
    }
}
