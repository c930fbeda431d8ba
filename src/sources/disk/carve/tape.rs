//! Reading the searched space: by position in it, through a few blocks that are kept.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::space::Space;
use crate::sources::medium::{Medium, MediumError};

/// Bytes of a block; what a drive is asked for at once.
const BLOCK: u64 = 1 << 18;

/// Blocks that are kept: 32 MiB.
const KEPT: usize = 128;

/// Reads what lies in the space, whichever thread asks. What cannot be read is zeros: they break every format that is
/// looked for.
pub(super) struct Tape<'a> {
    medium: &'a dyn Medium,
    /// The blocks read last, the latest one at the end, by their position on the medium.
    kept: Mutex<Vec<(u64, Arc<Vec<u8>>)>>,
}

impl<'a> Tape<'a> {
    pub(super) fn new(medium: &'a dyn Medium) -> Self {
        Self { medium, kept: Mutex::new(Vec::new()) }
    }

    /// Fills `into` in one go, past the blocks: for the way through all of the space.
    pub(super) fn stream(&self, space: &Space, at: u64, into: &mut [u8]) -> Result<(), MediumError> {
        let mut at = at;
        let mut rest = into;
        while !rest.is_empty() {
            let Some((place, here)) = space.locate(at) else { break };
            let taken = usize::try_from(here).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(taken);
            self.medium.read(place, now)?;
            at += taken as u64;
            rest = later;
        }
        rest.fill(0);
        Ok(())
    }

    /// The bytes from `at` on, fewer where the space ends.
    pub(super) fn read(&self, space: &Space, at: u64, length: usize) -> Result<Vec<u8>, MediumError> {
        let mut bytes = Vec::with_capacity(length);
        let mut at = at;
        while bytes.len() < length {
            let Some((place, here)) = space.locate(at) else { break };
            let block = self.block(place / BLOCK * BLOCK)?;
            let from = usize::try_from(place % BLOCK).unwrap_or(0);
            let taken = usize::try_from(here).unwrap_or(usize::MAX).min(length - bytes.len());
            let there = block.get(from..).unwrap_or_default();
            let there = there.get(..taken.min(there.len())).unwrap_or_default();
            if there.is_empty() {
                break;
            }
            bytes.extend_from_slice(there);
            at += there.len() as u64;
        }
        Ok(bytes)
    }

    fn block(&self, start: u64) -> Result<Arc<Vec<u8>>, MediumError> {
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(index) = kept.iter().rposition(|(at, _)| *at == start) {
                let found = kept.remove(index);
                let block = Arc::clone(&found.1);
                kept.push(found);
                return Ok(block);
            }
        }
        let length = BLOCK.min(self.medium.size().saturating_sub(start));
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.medium.read(start, &mut bytes)?;
        let block = Arc::new(bytes);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((start, Arc::clone(&block)));
        Ok(block)
    }
}
