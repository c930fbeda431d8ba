//! exFAT: what larger cards and sticks are formatted with (Microsoft, "exFAT file system specification").
//!
//! A boot region that cannot be used is read from its copy. Most files are in one piece and need no table, of which
//! there is one. What bounds time and memory stands in `clusters.rs`; a folder has no more than 256 MiB.

mod boot;
mod entries;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::sources::medium::{Medium, MediumError};

use super::clusters::Volume;
use super::file_system::{FileSystem, Reading};
use entries::Sets;

/// Recognises an exFAT volume; `None` where there is none.
///
/// # Errors
/// Only what ends the whole run.
pub fn open(medium: Arc<dyn Medium>, reading: &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError> {
    let Some(shape) = boot::find(medium.as_ref())? else { return Ok(None) };
    let sets = Sets { zone: reading.zone.clone() };
    let volume = Volume::new(medium, "exFAT", shape, Box::new(sets), None)?;
    Ok(Some(Box::new(volume)))
}
