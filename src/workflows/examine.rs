//! The second stage of ingest: what the stored bytes are, say and are worth.
//!
//! Works from the archive's own copies, so it can be done again at any time, and finishes what an interrupted run left.

use std::collections::BTreeSet;
use std::io;

use super::companions::{Neighbour, pair_up};
use super::describe::describe;
use super::keep_previews::Keeper;
use super::many_objects::{Object, each_object};
use super::{Circumstances, Error, OpenArchive};
use crate::catalog::FolderFile;
use crate::events::{Listener, Progress, Stage};
use crate::media::{self, Helpers};
use crate::model::{Condition, Depth, Examination, Found, ObjectId, PhotoId, Problem, ProblemKind, in_words};
use crate::objects::{ObjectsError, Store};
use crate::previews::Previews;

/// Objects examined between two transactions.
const PAGE: usize = 128;

/// What an examination came to.
#[derive(Default, Debug)]
pub(super) struct Described {
    /// Photos that are truncated or damaged, among those examined now.
    pub(super) damaged: u64,
    /// What is wrong with single photos.
    pub(super) problems: Vec<Problem>,
}

/// Examines every object that has not been, pairs up companions in every folder that something new was found in, and
/// describes every photo that something new is known of.
///
/// After Err or a crash what was examined stays examined; running again goes on from there.
pub(super) fn examine_and_describe(
    open: &mut OpenArchive,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<Described, Error> {
    let mut described = Described::default();
    let keeper = Keeper::new(Previews::at(&open.archive.previews_folder()));
    let broken = examine_all(open, &mut described, around, &keeper, listener)?;
    keeper.tell(listener);
    if listener.stop_requested() {
        return Ok(described);
    }
    pair_companions(open)?;
    describe(open, &broken, around, &mut described, listener)?;
    Ok(described)
}

/// The objects that were found broken in this run.
pub(super) type Broken = BTreeSet<ObjectId>;

fn examine_all(
    open: &mut OpenArchive,
    described: &mut Described,
    around: &Circumstances,
    keeper: &Keeper,
    listener: &dyn Listener,
) -> Result<Broken, Error> {
    let mut broken = Broken::new();
    let mut after = None;
    let mut files_done = 0;
    loop {
        let page = open.catalog.unexamined(after, PAGE)?;
        let Some((last, ..)) = page.last() else { return Ok(broken) };
        after = Some(*last);
        let mut examined = Vec::new();
        let objects = &open.objects;
        let examine = |object: &Object| examine_one(objects, object, &around.helpers, keeper);
        for (object, result) in each_object(&page, listener, examine) {
            match result {
                Ok(examination) => {
                    let examination = doubted(examination, open.catalog.doubts(&object)?);
                    if examination.condition.is_damage() {
                        broken.insert(object);
                    }
                    examined.push((object, examination));
                }
                Err(error) => described.problems.push(unexaminable(&object, &error, listener)),
            }
        }
        files_done += page.len() as u64;
        open.catalog.record_examinations(&examined)?;
        listener.progress(Progress {
            stage: Stage::Examining,
            files_done,
            files_total: 0,
            bytes_done: 0,
            bytes_total: 0,
        });
        if listener.stop_requested() {
            return Ok(broken);
        }
    }
}

/// What the bytes say, and what is known of how they came: only a test of every pixel overrules a doubt.
fn doubted(examination: Examination, doubts: Option<(Found, u64)>) -> Examination {
    let Some((found, lost)) = doubts.filter(|_| examination.condition == Condition::Intact) else {
        return examination;
    };
    if found == Found::PreviewOnly {
        let finding = Some("is a small picture of a photo; the photo itself was not found with it".to_owned());
        return Examination { condition: Condition::PreviewOnly, finding, ..examination };
    }
    if lost == 0 && examination.depth == Depth::Pixels {
        return examination;
    }
    let finding = if lost > 0 {
        format!("lacks {} that the drive did not give", in_words::size(lost))
    } else {
        match found {
            Found::DeletedReused => "was deleted, and other files have taken some of its space since".to_owned(),
            Found::DeletedAssumed => "was deleted, and where its parts lay is assumed".to_owned(),
            Found::Partial => "was found by its content, and nothing proves that it is all there".to_owned(),
            Found::Listed | Found::Deleted | Found::Carved | Found::Reassembled | Found::PreviewOnly => {
                return examination;
            }
        }
    };
    Examination { condition: Condition::Damaged, finding: Some(finding), ..examination }
}

pub(super) fn unexaminable(object: &ObjectId, error: &Error, listener: &dyn Listener) -> Problem {
    let missing = matches!(error, Error::Objects(ObjectsError::Missing { .. }));
    let kind = if missing { ProblemKind::Missing } else { ProblemKind::Unreadable };
    let problem = Problem::new(format!("objects/{object}"), kind, format!("the archive's own copy: {error}"));
    listener.problem(&problem);
    problem
}

/// The one decoding there is of an object: for its condition, its look and its previews.
fn examine_one(objects: &Store, object: &Object, helpers: &Helpers, keeper: &Keeper) -> Result<Examination, Error> {
    let (id, kind, size) = object;
    let mut file = objects.open_object(id)?;
    let (examination, previewed) = media::examine(&mut file, *size, *kind, helpers)
        .map_err(|cause: io::Error| Error::Examination { object: *id, cause })?;
    if let Some(made) = previewed {
        keeper.keep(id, &made);
    }
    Ok(examination)
}

/// Folders paired up between two looks at what is left.
const FOLDERS: usize = 256;

fn pair_companions(open: &mut OpenArchive) -> Result<(), Error> {
    loop {
        let folders = open.catalog.folders_to_group(FOLDERS)?;
        if folders.is_empty() {
            return Ok(());
        }
        for (source, folder) in folders {
            let files = open.catalog.files_of_folder(source, &folder)?;
            for pairing in pair_up(&files.iter().map(neighbour).collect::<Vec<_>>()) {
                let photos = files.iter().filter(|file| file.object == pairing.photo).flat_map(|file| &file.photos);
                let photos: BTreeSet<&PhotoId> = photos.filter(|photo| !photo.deleted).map(|photo| &photo.id).collect();
                for photo in photos {
                    open.catalog.set_companion(photo, &pairing.companion, pairing.role, &pairing.name)?;
                }
            }
            open.catalog.folder_grouped(source, &folder)?;
        }
    }
}

fn neighbour(file: &FolderFile) -> Neighbour {
    Neighbour {
        path: file.path.clone(),
        object: file.object,
        kind: file.kind,
        live_id: file.live_id.clone(),
        camera_time: file.taken_at,
    }
}
