//! The last copy of a photo is sometimes a small picture that another program made of it: these are taken out of their
//! stores, stand behind their photo while it is intact, and are photos themselves when it is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use super::{Circumstances, Error, OpenArchive};
use crate::catalog::{
    CompanionOutcome, FileOutcome, FileRecord, Job, Outcome, SeenLook, SourceIdentity, ThumbnailStore,
};
use crate::events::Listener;
use crate::formats::thumbs;
use crate::formats::thumbs::paths::{Role, is_thumbnail_path};
use crate::model::{Coming, CompanionRole, FileStamp, Found, ObjectId, PhotoId, RawPath, in_words};

/// A store that is larger is kept and not opened: all of it is in memory at once.
const LARGEST: u64 = 256 << 20;

/// In so many of 64 coarse and 256 fine signs a small picture may differ from its photo: it was made smaller twice, and
/// compressed twice.
const CLOSE: (u32, u32) = (4, 30);

/// What was taken out of stores: by the owner's new photos, what the photo was called and in which folder.
#[derive(Default, Debug)]
pub(super) struct Taken {
    names: BTreeMap<ObjectId, RawPath>,
}

/// Takes the small pictures out of every store that has not been opened. They wait to be examined.
pub(super) fn take_out(
    open: &mut OpenArchive,
    owner: &str,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<Taken, Error> {
    let mut taken = Taken::default();
    for store in open.catalog.unopened_stores()? {
        if listener.stop_requested() {
            break;
        }
        if store.size <= LARGEST {
            take_out_of(open, owner, &store, &mut taken, around, listener)?;
        }
    }
    Ok(taken)
}

fn take_out_of(
    open: &mut OpenArchive,
    owner: &str,
    store: &ThumbnailStore,
    taken: &mut Taken,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<(), Error> {
    let mut bytes = Vec::new();
    let read = open.objects.open_object(&store.object)?.take(LARGEST).read_to_end(&mut bytes);
    read.map_err(|cause| Error::Examination { object: store.object, cause })?;
    let small = thumbs::thumbs(&bytes, store.path.file_name()).unwrap_or_default();
    let mut staged = Vec::new();
    let mut records = Vec::new();
    for (number, thumb) in small.iter().enumerate() {
        let mut incoming = open.objects.receive()?;
        incoming.append(&thumb.bytes)?;
        let one = incoming.finish()?;
        let numbered = || format!("{:05}.{}", number + 1, thumb.kind.as_str());
        let name = thumb.name.clone().unwrap_or_else(numbered);
        let path = RawPath::from_bytes([store.path.parent(), b"/", name.as_bytes()].concat());
        if thumb.name.is_some() {
            taken.names.insert(one.id, path.clone());
        }
        let coming = Coming { found: Found::PreviewOnly, ..Coming::default() };
        let outcome = FileOutcome::Kept { object: one.id, sha1: one.sha1, size: one.size, kind: thumb.kind, coming };
        let stamp = FileStamp { size: one.size, modified_at: thumb.date, inode: 0 };
        records.push(FileRecord { path, stamp, outcome });
        staged.push(one);
    }
    open.objects.commit(staged)?;
    let source = open.catalog.source(&SourceIdentity {
        kind: "small-pictures".to_owned(),
        volume: None,
        root: RawPath::from_bytes(store.object.as_bytes().to_vec()),
        name: format!("small pictures in {}", store.path),
    })?;
    let run = open.catalog.begin_run(Job::Ingest, Some(source), around.moment())?;
    open.catalog.commit_files(run, source, owner, around.now, &records)?;
    open.catalog.finish_run(run, Outcome::Done, around.moment(), "{}", &[])?;
    if !records.is_empty() {
        let pictures = in_words::count(records.len() as u64, "small picture", "small pictures");
        listener.note(&format!("{}: {pictures} taken out", store.path));
    }
    Ok(())
}

/// Puts every small picture behind the intact photo that it was made of: by its name where the store says it, else by
/// its looks, where one photo alone looks like it. Tells how many.
pub(super) fn put_behind(open: &mut OpenArchive, owner: &str, taken: &Taken) -> Result<u64, Error> {
    let is_small = |path: &RawPath| is_thumbnail_path(path) == Some(Role::Thumbnail);
    if !open.catalog.has_small_pictures(is_small)? {
        return Ok(0);
    }
    let looks = open.catalog.looks(owner, is_small)?;
    let (small, photos): (Vec<&SeenLook>, Vec<&SeenLook>) = looks.iter().partition(|seen| seen.is_small);
    let mut behind = 0;
    let mut done: BTreeSet<&PhotoId> = BTreeSet::new();
    for thumb in small {
        let name = taken.names.get(&thumb.object).map(RawPath::file_name);
        let of_name = |photo: &&&SeenLook| name.is_some_and(|name| photo.name.as_bytes().eq_ignore_ascii_case(name));
        let alike: Vec<&SeenLook> = photos.iter().filter(|photo| looks_like(thumb, photo)).copied().collect();
        let parent = match alike.as_slice() {
            [one] => Some(*one),
            several => several.iter().find(of_name).copied(),
        };
        let Some(parent) = parent else { continue };
        if done.insert(&thumb.photo) {
            let outcome =
                open.catalog.set_companion(&parent.photo, &thumb.object, CompanionRole::Thumbnail, &thumb.name)?;
            behind += u64::from(outcome == CompanionOutcome::Set);
        }
    }
    Ok(behind)
}

/// Whether a small picture may have been made of a photo.
fn looks_like(thumb: &SeenLook, photo: &SeenLook) -> bool {
    let (coarse, fine) = thumb.look.distance(&photo.look);
    thumb.size < photo.size && coarse <= CLOSE.0 && fine <= CLOSE.1
}
