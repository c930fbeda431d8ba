//! Previews of what has none, for all photos or for some.

use std::path::PathBuf;

use super::examine::unexaminable;
use super::keep_previews::Keeper;
use super::many_objects::{Object, each_object};
use super::{Circumstances, Error, OpenArchive};
use crate::events::{Listener, Progress, Stage};
use crate::media::{self, NotShown, Renditions};
use crate::model::report::{PhotoPreviews, PreviewsReport};
use crate::model::{Family, ObjectId, PhotoId};
use crate::objects::Store;
use crate::previews::{Found, Previews, Size};

/// The hidden command with which the program starts itself to decode a HEIC.
pub use crate::media::DECODE_HEIC as HEIC_DECODER;
pub use crate::media::decode_heic;

/// Objects looked at between two looks at the catalog.
const PAGE: usize = 256;

/// Makes the previews that are missing, of these photos' originals, or of every photo's when none is named; with `again`
/// also those that are there.
///
/// After Err or a crash what was made stays; running again goes on from there.
///
/// # Errors
/// The catalog cannot be read, or previews cannot be written. What concerns single objects is in the report.
pub fn previews(
    open: &OpenArchive,
    photos: &[PhotoId],
    again: bool,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<PreviewsReport, Error> {
    let mut work = Work {
        keeper: Keeper::new(Previews::at(&open.archive.previews_folder())),
        open,
        again,
        around,
        listener,
        files_done: 0,
        report: PreviewsReport { complete: true, ..PreviewsReport::default() },
    };
    if photos.is_empty() {
        work.all()?;
    } else {
        let originals = photos.iter().map(|photo| original(open, photo)).collect::<Result<Vec<_>, _>>()?;
        let told = work.page(&originals)?;
        for (photo, (object, ..)) in photos.iter().zip(&originals) {
            let why = told.iter().find(|(told, _)| told == object).map(|(_, why)| why.clone());
            work.report.photos.push(work.told(photo, object, why)?);
        }
    }
    let Work { keeper, report, .. } = work;
    match keeper.into_failure() {
        Some(failure) => Err(failure.into()),
        None => Ok(report),
    }
}

/// The file of a photo's preview, made now if it is missing; `None` where the photo cannot be shown.
///
/// # Errors
/// The object cannot be read, or the preview cannot be written.
pub fn preview_of(
    open: &OpenArchive,
    photo: &PhotoId,
    size: Size,
    around: &Circumstances,
) -> Result<Option<PathBuf>, Error> {
    let keeper = Keeper::new(Previews::at(&open.archive.previews_folder()));
    let object = original(open, photo)?;
    let path = keeper.previews.path(&object.0, size);
    match keeper.find(&object.0)? {
        Found::Shown => return Ok(Some(path)),
        Found::NotShown(_) => return Ok(None),
        Found::Nothing => {}
    }
    let made = show(&open.objects, &object, around)?;
    keeper.keep(&object.0, &made);
    match keeper.into_failure() {
        Some(failure) => Err(failure.into()),
        None => Ok(made.is_ok().then_some(path)),
    }
}

/// A photo's own object, without what belongs to it.
fn original(open: &OpenArchive, photo: &PhotoId) -> Result<Object, Error> {
    let report = open.catalog.photo(photo)?;
    Ok((report.summary.object, report.summary.kind, report.size))
}

fn show(objects: &Store, object: &Object, around: &Circumstances) -> Result<Result<Renditions, NotShown>, Error> {
    let (id, kind, size) = object;
    let mut file = objects.open_object(id)?;
    let unread = |cause| Error::Examination { object: *id, cause };
    media::show(&mut file, *size, *kind, &around.helpers).map_err(unread)
}

struct Work<'a> {
    keeper: Keeper,
    open: &'a OpenArchive,
    again: bool,
    around: &'a Circumstances,
    listener: &'a dyn Listener,
    files_done: u64,
    report: PreviewsReport,
}

impl Work<'_> {
    /// The pictures and videos of every photo, a page at a time.
    fn all(&mut self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self.open.catalog.objects(after, PAGE)?;
            let Some((last, ..)) = page.last() else { return Ok(()) };
            after = Some(*last);
            let pictures = page.into_iter().filter(|(_, _, kind, _)| match kind.family() {
                Family::Still | Family::Video => true,
                Family::Sidecar | Family::Unknown => false,
            });
            let objects: Vec<Object> = pictures.map(|(id, size, kind, _)| (id, kind, size)).collect();
            self.page(&objects)?;
            if !self.report.complete || self.keeper.has_failed() {
                return Ok(());
            }
        }
    }

    /// Tells of each object that cannot be shown why.
    fn page(&mut self, objects: &[Object]) -> Result<Vec<(ObjectId, String)>, Error> {
        let (mut told, mut missing) = (Vec::new(), Vec::new());
        for object in objects {
            let found = if self.again { Found::Nothing } else { self.keeper.find(&object.0)? };
            match found {
                Found::Shown => self.report.already_there += 1,
                Found::NotShown(why) => told.push((object.0, why)),
                Found::Nothing => missing.push(*object),
            }
        }
        let (store, around, keeper) = (&self.open.objects, self.around, &self.keeper);
        let done = each_object(&missing, self.listener, |object| {
            let made = show(store, object, around)?;
            keeper.keep(&object.0, &made);
            Ok(made.err().map(|why| why.to_string()))
        });
        self.report.complete &= done.len() == missing.len();
        for (object, result) in done {
            match result {
                Ok(None) => self.report.made += 1,
                Ok(Some(why)) => told.push((object, why)),
                Err(error) => self.report.problems.push(unexaminable(&object, &error, self.listener)),
            }
        }
        self.report.not_shown += told.len() as u64;
        self.files_done += objects.len() as u64;
        self.listener.progress(Progress {
            stage: Stage::Previewing,
            files_done: self.files_done,
            files_total: 0,
            bytes_done: 0,
            bytes_total: 0,
        });
        Ok(told)
    }

    fn told(&self, photo: &PhotoId, object: &ObjectId, why_not: Option<String>) -> Result<PhotoPreviews, Error> {
        let shown = self.keeper.find(object)? == Found::Shown;
        let path = |size: Size| shown.then(|| self.keeper.previews.path(object, size).display().to_string());
        Ok(PhotoPreviews { photo: photo.clone(), small: path(Size::Small), large: path(Size::Large), why_not })
    }
}
