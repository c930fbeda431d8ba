//! APFS (Apple File System Reference, 2020): the volumes of a container, as its newest checkpoint has them.
//!
//! Read are volumes that are neither encrypted nor sealed. With more than one, a path begins with the volume's name.
//!
//! What bounds what: each block of a tree is read once, and a tree has no more nodes than the medium has blocks; in
//! memory are the object map (24 bytes for a node), folders, files and runs; each file is met once, by its first name.

mod container;
mod node;
mod object_map;
mod volume;

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use self::container::Container;
use self::volume::Volume;
use super::file_system::{FileSystem, Met, Reading};
use super::folder_tree::part_of_path;
use crate::model::{Problem, ProblemKind, Ranges};
use crate::sources::medium::{Medium, MediumError};

/// Recognises an APFS container, by any of its superblocks.
///
/// # Errors
/// Only what ends the whole run.
pub fn open(medium: Arc<dyn Medium>, _reading: &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError> {
    let Some(container) = Container::find(&medium)? else { return Ok(None) };
    Ok(Some(Box::new(Apfs { medium, container, owned: OnceLock::new() })))
}

struct Apfs {
    medium: Arc<dyn Medium>,
    container: Container,
    /// Set by the first walk: where all that is listed lies.
    owned: OnceLock<Ranges>,
}

impl FileSystem for Apfs {
    fn kind(&self) -> &'static str {
        "APFS"
    }

    /// The names of all volumes.
    fn label(&self) -> Option<String> {
        let names: Vec<&str> = self.container.volumes.iter().map(|volume| volume.name.as_str()).collect();
        Some(names.join(", ")).filter(|names| !names.is_empty())
    }

    fn uuid(&self) -> Option<String> {
        Some(self.container.uuid.clone())
    }

    fn cluster_bytes(&self) -> u64 {
        self.container.blocks.block_bytes
    }

    fn walk(&self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<(), MediumError> {
        for why in &self.container.problems {
            let problem = Problem::new("APFS", ProblemKind::Damaged, *why);
            if meet(Met::Problem(problem)).is_break() {
                return Ok(());
            }
        }
        let mut owned = Vec::new();
        for head in &self.container.volumes {
            if let Some(why) = head.locked() {
                let problem = Problem::new(head.name.clone(), ProblemKind::Unreadable, why);
                if meet(Met::Problem(problem)).is_break() {
                    return Ok(());
                }
                continue;
            }
            let prefix = if self.container.volumes.len() > 1 { part_of_path(head.name.as_bytes()) } else { Vec::new() };
            let volume = Volume::read(&self.medium, &self.container, head)?;
            owned.extend(volume.owned());
            if volume.meet(&prefix, meet).is_break() {
                return Ok(());
            }
        }
        owned.sort_unstable_by_key(|range| range.start);
        let owned: Ranges = owned.into_iter().collect();
        // An earlier walk may have said the same.
        self.owned.get_or_init(|| owned);
        Ok(())
    }

    /// All that no listed file owns; some of it belongs to the file system's own trees and to snapshots, in which no
    /// photo is taken for lost. `None` where a volume is encrypted or cannot be listed. Of a container that was walked,
    /// nothing is read again.
    fn free(&self) -> Result<Option<Ranges>, MediumError> {
        if self.container.volumes.iter().any(|head| head.locked().is_some()) {
            return Ok(None);
        }
        if self.owned.get().is_none() {
            self.walk(&mut |_| ControlFlow::Continue(()))?;
        }
        let mut free = self.owned.get().cloned().unwrap_or_default().complement(0..self.container.blocks.bytes());
        free.remove(0..self.container.blocks.block_bytes);
        Ok(Some(free))
    }
}

#[cfg(test)]
mod tests;
