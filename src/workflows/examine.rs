//! The second stage of ingest: what the stored bytes are, say and are worth.
//!
//! Works from the archive's own copies, so it can be done again at any time, and finishes what an interrupted run left.

use std::collections::BTreeSet;
use std::io;
use std::thread;

use super::companions::{Neighbour, pair_up};
use super::describe::describe;
use super::{Circumstances, Error, OpenArchive};
use crate::catalog::FolderFile;
use crate::events::{Listener, Progress, Stage};
use crate::media;
use crate::model::{Examination, Kind, ObjectId, PhotoId, Problem, ProblemKind};
use crate::objects::{ObjectsError, Store};

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
    let broken = examine_all(open, &mut described, listener)?;
    if listener.stop_requested() {
        return Ok(described);
    }
    pair_companions(open)?;
    describe(open, &broken, around, &mut described, listener)?;
    Ok(described)
}

/// The objects that were found broken in this run.
pub(super) type Broken = BTreeSet<ObjectId>;

fn examine_all(open: &mut OpenArchive, described: &mut Described, listener: &dyn Listener) -> Result<Broken, Error> {
    let mut broken = Broken::new();
    let mut after = None;
    let mut files_done = 0;
    loop {
        let page = open.catalog.unexamined(after, PAGE)?;
        let Some((last, ..)) = page.last() else { return Ok(broken) };
        after = Some(*last);
        let mut examined = Vec::new();
        for (object, result) in examine_page(&open.objects, &page) {
            match result {
                Ok(examination) => {
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

fn unexaminable(object: &ObjectId, error: &Error, listener: &dyn Listener) -> Problem {
    let missing = matches!(error, Error::Objects(ObjectsError::Missing { .. }));
    let kind = if missing { ProblemKind::Missing } else { ProblemKind::Unreadable };
    let problem = Problem::new(format!("objects/{object}"), kind, format!("the archive's own copy: {error}"));
    listener.problem(&problem);
    problem
}

type Examined = (ObjectId, Result<Examination, Error>);

fn examine_page(objects: &Store, page: &[(ObjectId, Kind, u64)]) -> Vec<Examined> {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = page.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = page
            .chunks(share)
            .map(|chunk| {
                let work = move || {
                    chunk
                        .iter()
                        .map(|(id, kind, size)| (*id, examine_apart(objects, id, *kind, *size)))
                        .collect::<Vec<_>>()
                };
                (chunk, scope.spawn(work))
            })
            .collect();
        let mut all = Vec::new();
        for (chunk, worker) in workers {
            match worker.join() {
                Ok(results) => all.extend(results),
                Err(_) => {
                    all.extend(chunk.iter().map(|(id, ..)| (*id, Err(Error::ExaminationPanicked { object: *id }))));
                }
            }
        }
        all
    })
}

/// A decoder that falls over one object says nothing of the others.
fn examine_apart(objects: &Store, id: &ObjectId, kind: Kind, size: u64) -> Result<Examination, Error> {
    std::panic::catch_unwind(|| examine_one(objects, id, kind, size))
        .unwrap_or(Err(Error::ExaminationPanicked { object: *id }))
}

fn examine_one(objects: &Store, id: &ObjectId, kind: Kind, size: u64) -> Result<Examination, Error> {
    let mut file = objects.open_object(id)?;
    media::examine(&mut file, size, kind).map_err(|cause: io::Error| Error::Examination { object: *id, cause })
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
