//! Ingest: every photo of a source into the archive, each byte read once.
//!
//! Two stages: bytes are safe before anything is decoded. An interrupted run is finished by running it again: what it
//! stored stays stored, and no photo is described before the whole source was stored, so that both ways end alike.

mod ahead;
mod books;
mod copy_in;
mod store;
mod tally;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::mend::mend;
use super::open_archive::hold;
use super::thumbnails::{put_behind, take_out};
use super::{Circumstances, Error, OpenArchive, examine};
use crate::catalog::{CatalogError, Job, Outcome, RunId, SourceId, SourceIdentity};
use crate::config::{Lock, Sharing};
use crate::events::Listener;
use crate::model::report::IngestReport;
use crate::model::{AlbumName, ObjectId, Problem, ProblemKind};
use crate::sources::{Source, Wishes};

/// What the person asked for besides the source.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct IngestOptions {
    /// Only say what would be stored.
    pub dry_run: bool,
    /// Put every photo of the source into this album, made if it is not there.
    pub album: Option<AlbumName>,
    /// Whose photos these are; the archive's first owner when not said.
    pub owner: Option<String>,
    /// Read files again that have not changed since an earlier run.
    pub reread: bool,
    /// Keep an image of what is read off a disk here, and go on from it.
    pub image: Option<PathBuf>,
}

/// Takes every photo, video and sidecar of `source`, a folder or a disk, into the archive.
///
/// After Ok every byte that the report counts as stored is durable under its name. After Err or a crash, what was
/// stored so far is durable and known to the catalog; running again goes on from there. Nothing in the source is
/// changed either way.
///
/// # Errors
///
/// The archive is busy or full, the source is missing or was unplugged. What concerns single files is in the
/// report's problems.
pub fn ingest(
    open: &mut OpenArchive,
    source: &Path,
    options: &IngestOptions,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<IngestReport, Error> {
    let IngestOptions { dry_run, album, owner, reread, image } = options;
    let source = Source::open(source, &Wishes { image: image.clone(), zone: around.zone.clone() })?;
    refuse_own_archive(open, &source)?;
    let who = format!("ingest of {}", source.path().display());
    let _held = hold(&open.archive, &Lock::Ingest, Sharing::Exclusive, &who, around, listener)?;
    open.objects.sweep_incoming()?;

    let owner = owner.clone().unwrap_or_else(|| open.archive.settings.owner.clone());
    let started = Instant::now();
    let photos_before = open.catalog.photo_count()?;
    listener.note(&source.described());
    for volume in source.volumes() {
        listener.note(&volume);
    }
    let booked = if *dry_run { None } else { Some(book(open, &source, around)?) };

    if let Err(error) = source.save_photo_places() {
        listener.note(&format!("the map of where photos lie cannot be written: {error}"));
    }
    let plan = store::Plan { booked, owner: &owner, now: around.now, reread: *reread };
    let mut tally = tally::Tally::new(booked, &source);
    let mut stored = store::store_all(open, &source, &plan, &mut tally, listener);
    tally.report.durable_seconds = started.elapsed().as_secs_f64();
    for trouble in source.troubles() {
        tally.problem(Problem::new(source.path().display().to_string(), ProblemKind::Unreadable, trouble), listener);
    }
    if stored.is_ok() && tally.report.complete && !dry_run {
        // Whatever fails here, the run is written down as one that failed.
        stored = describe(open, &owner, &mut tally, photos_before, around, listener).and_then(|()| match album {
            Some(name) => add_to_album(open, &owner, name, &tally.objects, around),
            None => Ok(()),
        });
    }
    let mut report = tally.finish(*dry_run);
    report.seconds = started.elapsed().as_secs_f64();
    let outcome = match &stored {
        Err(_) => Outcome::Failed,
        Ok(()) if !report.complete => Outcome::Interrupted,
        Ok(()) if report.problems.is_empty() => Outcome::Done,
        Ok(()) => Outcome::Problems,
    };
    if let Some((run, _)) = booked {
        let as_json = serde_json::to_string(&report).map_err(Error::Report)?;
        open.catalog.finish_run(run, outcome, around.moment(), &as_json, &report.problems)?;
    }
    stored?;
    Ok(report)
}

/// What is stored is examined, and becomes photos; damaged copies of one picture find each other.
fn describe(
    open: &mut OpenArchive,
    owner: &str,
    tally: &mut tally::Tally,
    photos_before: u64,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<(), Error> {
    let described = examine::examine_and_describe(open, around, listener)?;
    tally.note_examined(&described);
    // Whatever this run stored: an earlier one may have been cut short before this.
    if !tally.objects.is_empty() && !listener.stop_requested() {
        find_copies(open, owner, tally, around, listener)?;
    }
    tally.report.complete = !listener.stop_requested();
    tally.report.new_photos = open.catalog.photo_count()?.saturating_sub(photos_before);
    Ok(())
}

/// What belongs to one photo finds each other: damaged copies, and small pictures that other programs made.
fn find_copies(
    open: &mut OpenArchive,
    owner: &str,
    tally: &mut tally::Tally,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<(), Error> {
    let mended = mend(open, owner, &tally.objects, around, listener)?;
    let taken = take_out(open, owner, around, listener)?;
    examine::examine_and_describe(open, around, listener)?;
    let small = put_behind(open, owner, &taken)?;
    if small + mended.hidden > 0 {
        examine::examine_and_describe(open, around, listener)?;
    }
    tally.report.put_together = mended.whole;
    tally.report.behind_better = mended.hidden;
    tally.report.small_behind = small;
    Ok(())
}

/// Writes down that a run of this source begins.
fn book(open: &mut OpenArchive, source: &Source, around: &Circumstances) -> Result<(RunId, SourceId), Error> {
    let source = open.catalog.source(&identity(source))?;
    Ok((open.catalog.begin_run(Job::Ingest, Some(source), around.moment())?, source))
}

fn identity(source: &Source) -> SourceIdentity {
    let (kind, volume, root) = source.identity();
    SourceIdentity { kind: kind.to_owned(), volume, root, name: source.path().display().to_string() }
}

/// A walk passes archives by; an archive as the source itself is a mistake worth a word.
fn refuse_own_archive(open: &OpenArchive, source: &Source) -> Result<(), Error> {
    let inside = open.archive.folder.canonicalize().is_ok_and(|archive| source.path().starts_with(archive));
    if inside { Err(Error::SourceIsArchive { path: source.path().to_owned() }) } else { Ok(()) }
}

fn add_to_album(
    open: &mut OpenArchive,
    owner: &str,
    name: &AlbumName,
    objects: &BTreeSet<ObjectId>,
    around: &Circumstances,
) -> Result<(), Error> {
    let album = match open.catalog.find_album(owner, name.as_str()) {
        Err(CatalogError::AlbumNotFound { .. }) => open.catalog.create_album(owner, name, around.now)?,
        found => found?,
    };
    let mut photos = Vec::new();
    for object in objects {
        photos.extend(open.catalog.photo_of(owner, object)?);
    }
    open.catalog.add_to_album(album, &photos, around.now)?;
    Ok(())
}
