//! NTFS: the drives of Windows.
//!
//! Each record of the table of files stands for itself: one that cannot be read costs its own file and no other. Which
//! other records go on for a file is taken from those records, never from the file's list, so that a damaged list costs
//! nothing.
//!
//! What bounds what, whatever the volume says: the table is at most as long as the medium, and is gone through three
//! times (for folders, for living files, and where deleted ones are, for these); its first 32 MiB are read once.
//! Memory is taken for those, for folders, for stretches of taken and of free clusters, for extents of deleted files, and
//! for one file at a time. Folders are followed 256 deep. A compressed file has at most a million units.

mod attribute;
mod bitmap;
mod boot;
mod content;
mod entry;
mod folders;
mod lznt1;
mod record;
mod runs;
mod standing;
mod stream;
mod survey;
mod table;
#[cfg(test)]
mod tests;

pub(in crate::sources) use lznt1::unpack;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use super::file_system::{DiskFile, FileSystem, Met, Reading, Standing};
use crate::model::{Problem, ProblemKind, Ranges};
use crate::sources::medium::{Medium, MediumError};
use attribute::VOLUME_NAME;
use boot::First;
use entry::Entry;
use record::Record;
use standing::{Deleted, standing};
use survey::Survey;
use table::{FoundBy, Table};

/// The record of `$Volume`.
const VOLUME: u64 = 3;
/// Records below this one are the volume's own books.
const FIRST_FILE: u64 = 16;
/// How many records are read together where only some are wanted: 64 KiB of them.
const BLOCK: u64 = 64;
/// What problems of no single file are listed under.
const WHOLE_VOLUME: &str = "(the whole volume)";

/// Opens a volume of NTFS; `None` where there is none. One that Windows encrypted as a whole is not opened.
///
/// The copy of the boot sector at the end is believed where the first sector is unreadable or empty, and the table of
/// files is where it says.
///
/// # Errors
/// Only what ends the whole run.
pub fn open(medium: Arc<dyn Medium>, _reading: &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError> {
    let Some((table, boot)) = find(medium)? else { return Ok(None) };
    let label = table.value_of(VOLUME, VOLUME_NAME)?.map(|value| attribute::text(&value));
    let label = label.filter(|label| !label.is_empty());
    Ok(Some(Box::new(Ntfs { table, boot, label, survey: Mutex::new(None) })))
}

/// The table of files, as the boot sector tells of it, or the copy of the boot sector where nothing is there.
fn find(medium: Arc<dyn Medium>) -> Result<Option<(Table, Copy)>, MediumError> {
    let mut first = None;
    match boot::first(&*medium)? {
        First::Ntfs(geometry) => first = Some(Table::open(Arc::clone(&medium), geometry)?),
        First::Gone => {}
        First::Anothers => return Ok(None),
    }
    if first.as_ref().is_none_or(|table| table.found_by == FoundBy::Place)
        && let Some(geometry) = boot::last(&*medium)?
    {
        let table = Table::open(medium, geometry)?;
        if table.found_by != FoundBy::Place {
            return Ok(Some((table, Copy::Last)));
        }
    }
    Ok(first.map(|table| (table, Copy::First)))
}

/// Which boot sector was believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Copy {
    First,
    Last,
}

struct Ntfs {
    table: Table,
    boot: Copy,
    label: Option<String>,
    /// What the first reading of the table found, once there was one.
    survey: Mutex<Option<Arc<Survey>>>,
}

impl FileSystem for Ntfs {
    fn kind(&self) -> &'static str {
        "NTFS"
    }

    fn label(&self) -> Option<String> {
        self.label.clone()
    }

    fn uuid(&self) -> Option<String> {
        Some(format!("{:016X}", self.table.geometry.serial))
    }

    fn cluster_bytes(&self) -> u64 {
        self.table.geometry.cluster
    }

    /// Deleted files of no bytes are not met.
    fn walk(&self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<(), MediumError> {
        let survey = self.survey()?;
        for problem in self.problems(&survey) {
            if meet(Met::Problem(problem)).is_break() {
                return Ok(());
            }
        }
        let mut deleted = Deleted::default();
        let mut wanted = Ranges::new();
        let done = self.each_file(FIRST_FILE..u64::MAX, &survey, |record, entry| {
            if record.is_in_use() {
                return living(&survey, record.number, entry).map_or(ControlFlow::Continue(()), &mut *meet);
            }
            let block = record.number / BLOCK * BLOCK;
            wanted.insert(block..block + BLOCK);
            if let Ok((_, content)) = &entry.data {
                deleted.note(record.number, entry.changed_at, content);
            }
            ControlFlow::Continue(())
        })?;
        if done.is_continue() {
            self.walk_deleted(&survey, &wanted, &deleted.older(), meet)?;
        }
        self.table.forget();
        Ok(())
    }

    /// Where records of files were lost, the space that only they could own is free too: their files can be found
    /// there by what they hold, and in no other way. What the bitmap cannot tell is free if no record claims it.
    fn free(&self) -> Result<Option<Ranges>, MediumError> {
        let survey = self.survey()?;
        if self.table.records() == 0 {
            return Ok(None);
        }
        if !survey.is_complete {
            return Ok(Some(survey.claimed.complement(0..survey.bitmap.end)));
        }
        let mut free: Ranges = survey.bitmap.free.clone();
        free.extend(survey.bitmap.unknown.iter());
        if free.is_empty() {
            return Ok(Some(free));
        }
        // Both are sorted: what is free and claimed by nobody.
        let unclaimed = survey.claimed.complement(0..survey.bitmap.end);
        Ok(Some(free.iter().flat_map(|range| unclaimed.within(range).iter().collect::<Vec<_>>()).collect()))
    }
}

impl Ntfs {
    fn survey(&self) -> Result<Arc<Survey>, MediumError> {
        let mut kept = self.survey.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(survey) = &*kept {
            return Ok(Arc::clone(survey));
        }
        let survey = Arc::new(Survey::take(&self.table)?);
        *kept = Some(Arc::clone(&survey));
        Ok(survey)
    }

    /// What is wrong with the volume as a whole.
    fn problems(&self, survey: &Survey) -> Vec<Problem> {
        let mut messages = Vec::new();
        if self.boot == Copy::Last {
            messages.push("the first sector of the volume is gone or damaged; the copy at its end was used".to_owned());
        }
        match self.table.found_by {
            FoundBy::Itself => {}
            FoundBy::Mirror => {
                messages.push("the beginning of the list of files is damaged; the copy of it was used".to_owned());
            }
            FoundBy::Place => messages.push(
                "the beginning of the list of files is damaged, and so is the copy of it: only the files in the first \
                 piece of the list can be found"
                    .to_owned(),
            ),
        }
        match survey.lost_files {
            0 => {}
            1 => {
                messages.push(
                    "one entry in the list of files cannot be read: a file or a folder may be missing here".into(),
                );
            }
            lost => messages.push(format!(
                "{lost} entries in the list of files cannot be read: as many files and folders may be missing here"
            )),
        }
        if survey.bitmap.unknown.meets(0..self.table.medium.size()) {
            messages.push(
                "a part of the map of free space cannot be read: which space is free was told from the files instead"
                    .to_owned(),
            );
        }
        messages.into_iter().map(|message| Problem::new(WHOLE_VOLUME, ProblemKind::Unreadable, message)).collect()
    }

    /// Shows each file among the records of `asked`, whether it lives or not.
    fn each_file(
        &self,
        asked: std::ops::Range<u64>,
        survey: &Survey,
        mut show: impl FnMut(&Record<'_>, Entry) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, MediumError> {
        self.table.each(asked, |_, record| {
            let file = record.ok().filter(|record| record.base().is_none() && !record.is_folder());
            let entry = file.and_then(|record| Some((record, Entry::read(&record, survey, &self.table.geometry)?)));
            entry.map_or(ControlFlow::Continue(()), |(record, entry)| show(&record, entry))
        })
    }

    fn walk_deleted(
        &self,
        survey: &Survey,
        wanted: &Ranges,
        older: &HashSet<u64>,
        meet: &mut dyn FnMut(Met) -> ControlFlow<()>,
    ) -> Result<(), MediumError> {
        let mut known_by_name = 0_u64;
        for block in wanted.iter() {
            let done = self.each_file(block.start.max(FIRST_FILE)..block.end, survey, |record, entry| {
                let path = survey.folders.path(entry.name.parent, &entry.name.text, &survey.lost);
                let (false, Some(path)) = (record.is_in_use(), path) else { return ControlFlow::Continue(()) };
                let Ok((size, content)) = entry.data else {
                    known_by_name += 1;
                    return ControlFlow::Continue(());
                };
                if size == 0 {
                    return ControlFlow::Continue(());
                }
                let standing = standing(size, &content, older.contains(&record.number), survey);
                let (inode, modified_at) = (record.number, entry.modified_at);
                meet(Met::File(DiskFile { path, size, modified_at, inode, standing, content }))
            })?;
            if done.is_break() {
                return Ok(());
            }
        }
        if known_by_name > 0 {
            let message = format!(
                "{known_by_name} deleted file{} known by name only: encrypted, packed by Windows itself, or what said where \
                 the content lay is gone",
                if known_by_name == 1 { " is" } else { "s are" }
            );
            // Nothing comes after it that could be left out.
            let (ControlFlow::Continue(()) | ControlFlow::Break(())) =
                meet(Met::Problem(Problem::new(WHOLE_VOLUME, ProblemKind::Unreadable, message)));
        }
        Ok(())
    }
}

fn living(survey: &Survey, inode: u64, entry: Entry) -> Option<Met> {
    let path = survey.folders.path(entry.name.parent, &entry.name.text, &survey.lost)?;
    Some(match entry.data {
        Ok((size, content)) => Met::File(DiskFile {
            path,
            size,
            modified_at: entry.modified_at,
            inode,
            standing: Standing::Living,
            content,
        }),
        Err(missing) => Met::Problem(Problem::new(path.to_string(), ProblemKind::Unreadable, missing.in_words())),
    })
}
