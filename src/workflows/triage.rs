//! What a run found on a source and what became of it, for a report that can be printed.

use std::io;
use std::path::Path;

use super::{Error, OpenArchive};
use crate::catalog::{Brought, RunId, RunRow};
use crate::durable::{Readers, replace_file};
use crate::model::{Condition, ObjectId, Problem};
use crate::previews::{Found as Preview, Previews, Size};

/// All that a report on one run tells.
#[derive(Debug)]
pub struct Triage {
    /// The run.
    pub run: RunRow,
    /// The files that it brought, those first that somebody should look at.
    pub brought: Vec<Brought>,
    /// What could not be done to single files.
    pub problems: Vec<Problem>,
}

/// Gathers what is known of a run; `None` where there is none of that number.
///
/// # Errors
/// The catalog cannot be read.
pub fn triage(open: &OpenArchive, run: RunId) -> Result<Option<Triage>, Error> {
    let Some(row) = open.catalog.run(run)? else { return Ok(None) };
    let mut brought = open.catalog.brought_by(run)?;
    brought.sort_by_key(|one| !needs_a_look(one));
    let problems = open.catalog.problems(Some(run))?.into_iter().map(|(_, problem)| problem).collect();
    Ok(Some(Triage { run: row, brought, problems }))
}

/// Whether a person should look at what came: it is damaged, lacks bytes, or nothing proves that it is right.
pub fn needs_a_look(one: &Brought) -> bool {
    // What was in doubt and proved whole, pixel for pixel, is in doubt no more.
    one.lost.is_some() || one.condition.is_some_and(Condition::is_damage)
}

/// The bytes of an object's small preview, where it has one already.
///
/// # Errors
/// The preview cannot be read.
pub fn small_preview(open: &OpenArchive, object: &ObjectId) -> Result<Option<Vec<u8>>, Error> {
    let previews = Previews::at(&open.archive.previews_folder());
    // Whichever version made it: it is only looked at.
    if previews.find(object, "")? != Preview::Shown {
        return Ok(None);
    }
    match std::fs::read(previews.path(object, Size::Small)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::Examination { object: *object, cause }),
    }
}

/// Writes a page in the place of what stood there; after a crash the old or the new one is there.
///
/// # Errors
/// The place cannot be written.
pub fn save_page(file: &Path, page: &[u8]) -> io::Result<()> {
    replace_file(file, page, Readers::Anyone)
}
