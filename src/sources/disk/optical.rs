//! Photo CDs and DVDs: ISO 9660 with Joliet and Rock Ridge (ECMA-119, SUSP, RRIP), and UDF 1.02 to 2.01 (ECMA-167).
//!
//! A disc may name its files in several ways at once. The richest is taken: UDF, else Joliet, else Rock Ridge, else the
//! plain names. Where a folder of it cannot be read, the other ways are gone too, and give the files that were not met.
//! On a disc that was written in several sessions the last one lists what lives; what only earlier ones list is deleted.
//!
//! What bounds what: each folder is read once and together no more than the disc has bytes, at most 4 GiB, and 64 MiB
//! each; in memory are the folders, the file that is met, and the first positions of the files.

mod directory;
mod iso;
mod rock_ridge;
mod sessions;
mod udf;

use std::collections::HashSet;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, OnceLock};

use super::file_system::{Content, DiskFile, FileSystem, Met, Reading, Standing};
use crate::model::{Problem, Ranges};
use crate::sources::medium::{Medium, MediumError};

/// The longest folder that is read.
const MOST_FOLDER_BYTES: u64 = 64 << 20;
/// All folders together.
const MOST_FOLDERS_BYTES: u64 = 4 << 30;

/// Recognises ISO 9660, UDF, or both on one disc.
///
/// # Errors
/// Only what ends the whole run.
pub fn open(medium: Arc<dyn Medium>, reading: &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError> {
    let mut living: Vec<Box<dyn Way>> = Vec::new();
    let mut earlier: Vec<Box<dyn Way>> = Vec::new();
    if let Some(udf) = udf::Udf::open(&medium, reading)? {
        living.push(Box::new(udf));
    }
    for (age, trees) in sessions::find(&medium)?.into_iter().enumerate() {
        for tree in trees {
            if age == 0 { living.push(Box::new(tree)) } else { earlier.push(Box::new(tree)) }
        }
    }
    if living.is_empty() {
        return Ok(None);
    }
    Ok(Some(Box::new(Disc { medium, living, earlier, owned: OnceLock::new() })))
}

/// One way in which a disc names its files.
trait Way: Send + Sync {
    fn kind(&self) -> &'static str;
    fn label(&self) -> Option<String>;
    fn uuid(&self) -> Option<String>;

    /// Goes over all that it names.
    fn walk(&self, meet: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<Read, MediumError>;
}

/// What a way leads to.
enum Found {
    File(DiskFile),
    Problem(Problem),
    /// Bytes that are no file's: a folder, a record.
    Own(Range<u64>),
}

/// How much of a way could be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Read {
    Whole,
    InPart,
    /// Whoever met the files had enough.
    Stopped,
}

struct Disc {
    medium: Arc<dyn Medium>,
    /// The ways of the newest session, the richest names first; at least one.
    living: Vec<Box<dyn Way>>,
    /// Those of the sessions before, the newer ones first.
    earlier: Vec<Box<dyn Way>>,
    /// Set by the first walk: where the files of the newest session and its folders lie.
    owned: OnceLock<Ranges>,
}

impl FileSystem for Disc {
    fn kind(&self) -> &'static str {
        self.living.first().map_or("ISO 9660", |way| way.kind())
    }

    fn label(&self) -> Option<String> {
        self.living.iter().find_map(|way| way.label())
    }

    fn uuid(&self) -> Option<String> {
        self.living.iter().find_map(|way| way.uuid())
    }

    fn cluster_bytes(&self) -> u64 {
        2048
    }

    fn walk(&self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<(), MediumError> {
        let mut known = HashSet::new();
        let mut owned = Vec::new();
        // Where the newest session can nowhere be read whole, what an earlier one lists may well live.
        let mut of_earlier = Standing::Living;
        for (index, way) in self.living.iter().enumerate() {
            let read = way.walk(&mut |found| match found {
                Found::File(file) => {
                    owned.extend(places(&file));
                    // An empty file has no place to be known by: the first way to name it has to do.
                    let is_new = first_position(&file).map(|place| known.insert(place));
                    if index == 0 || is_new == Some(true) { meet(Met::File(file)) } else { ControlFlow::Continue(()) }
                }
                Found::Problem(problem) => meet(Met::Problem(problem)),
                Found::Own(range) => {
                    owned.push(range);
                    ControlFlow::Continue(())
                }
            })?;
            match read {
                Read::InPart => {}
                Read::Whole => {
                    of_earlier = Standing::Deleted;
                    break;
                }
                Read::Stopped => return Ok(()),
            }
        }
        owned.sort_unstable_by_key(|range| range.start);
        let owned: Ranges = owned.into_iter().collect();
        // An earlier walk may have said the same.
        self.owned.get_or_init(|| owned);
        for way in &self.earlier {
            let read = way.walk(&mut |found| match found {
                Found::File(file) if first_position(&file).is_some_and(|place| known.insert(place)) => {
                    meet(Met::File(DiskFile { standing: of_earlier, ..file }))
                }
                // What an earlier session lost, a later one has listed.
                Found::File(_) | Found::Problem(_) | Found::Own(_) => ControlFlow::Continue(()),
            })?;
            if read == Read::Stopped {
                return Ok(());
            }
        }
        Ok(())
    }

    /// All that the newest session does not list: also what is deleted, and what lost folders listed. Of a disc that was
    /// walked, nothing is read again.
    fn free(&self) -> Result<Option<Ranges>, MediumError> {
        if self.owned.get().is_none() {
            self.walk(&mut |_| ControlFlow::Continue(()))?;
        }
        // What stands before the descriptors, and they.
        let mut free = self.owned.get().cloned().unwrap_or_default().complement(0..self.medium.size());
        free.remove(0..19 * 2048);
        Ok(Some(free))
    }
}

fn first_position(file: &DiskFile) -> Option<u64> {
    places(file).into_iter().next().map(|range| range.start)
}

/// Where the bytes of a file lie.
fn places(file: &DiskFile) -> Vec<Range<u64>> {
    match &file.content {
        Content::Extents(extents) => {
            let lying = extents.iter().filter(|extent| extent.length > 0);
            lying.filter_map(|extent| Some(extent.at?..extent.at?.saturating_add(extent.length))).collect()
        }
        Content::Inline(..) | Content::Packed(_) => Vec::new(),
    }
}

/// How many bytes of folders may still be read.
struct Budget(u64);

impl Budget {
    fn of(medium: &dyn Medium) -> Self {
        Self(medium.size().min(MOST_FOLDERS_BYTES))
    }

    /// Whether a folder of so many bytes may be read; that is then spent.
    fn takes(&mut self, bytes: u64) -> bool {
        let fits = bytes <= MOST_FOLDER_BYTES && bytes <= self.0;
        if fits {
            self.0 -= bytes;
        }
        fits
    }
}

#[cfg(test)]
mod tests;
