//! The extents overflow tree: the runs of files that have more than eight.

use std::collections::HashMap;

use super::fork::{self, Run};
use super::tree::{Damage, Tree};
use crate::formats::numbers::{be16, be32};
use crate::sources::medium::MediumError;

/// A record is its key and eight runs.
const RECORD_BYTES: usize = 12 + 64;

/// Runs by the number of their file.
#[derive(Default)]
pub(super) struct Overflow {
    /// Of data: each record's first block of the file, and its runs.
    data: HashMap<u32, Vec<(u32, Vec<Run>)>>,
    /// Of resource forks; whose does not matter.
    resources: Vec<Run>,
}

impl Overflow {
    /// Hands out the runs of a file's data, in the order of the file; a second time there are none.
    pub(super) fn take_data(&mut self, id: u32) -> Vec<(u32, Vec<Run>)> {
        let mut records = self.data.remove(&id).unwrap_or_default();
        records.sort_by_key(|(block, _)| *block);
        records.dedup_by_key(|(block, _)| *block);
        records
    }

    /// All runs that were not handed out.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.data.values().flatten().flat_map(|(_, runs)| runs).chain(&self.resources)
    }
}

/// Reads the whole tree.
pub(super) fn read(tree: &mut Tree) -> Result<(Overflow, Damage), MediumError> {
    let mut overflow = Overflow::default();
    let damage = tree.leaves(&mut |node| {
        for record in node.records(|rest| (rest.len() >= RECORD_BYTES).then_some(RECORD_BYTES)) {
            take(&mut overflow, record);
        }
    })?;
    // A volume on which no file is in many pieces has a tree without leaves.
    Ok((overflow, damage))
}

fn take(overflow: &mut Overflow, record: &[u8]) -> Option<()> {
    if be16(record, 0)? != 10 {
        return None;
    }
    let (fork, id, block) = (*record.get(2)?, be32(record, 4)?, be32(record, 8)?);
    let runs = fork::runs(record.get(12..RECORD_BYTES)?);
    match fork {
        0 => overflow.data.entry(id).or_default().push((block, runs)),
        _ => overflow.resources.extend(runs),
    }
    Some(())
}
