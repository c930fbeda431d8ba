//! Mending: damaged copies of one picture, from whatever drives, find each other. The best stands for the photo; where
//! they are whole together, they are put together.
//!
//! Every input stays in the archive as it is. What is put together is a photo only when it is proven whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use super::{Circumstances, Error, OpenArchive};
use crate::catalog::{CompanionOutcome, FileOutcome, FileRecord, Job, Outcome, PossibleCopy, SourceIdentity};
use crate::events::Listener;
use crate::formats::merged::{self, Copy};
use crate::model::{Coming, CompanionRole, Condition, FileStamp, Kind, ObjectId, PhotoId, Ranges, RawPath, in_words};

/// More copies of one picture are not looked at together.
const MOST_COPIES: usize = 8;

/// Copies larger than this are not put together: all of one picture are in memory at once.
const LARGEST: u64 = 64 << 20;

/// What mending came to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Mended {
    /// Photos that are whole now, put together from damaged copies.
    pub(super) whole: u64,
    /// Damaged copies that stand behind a better one now.
    pub(super) hidden: u64,
}

/// Looks for copies of every damaged photo of `owner`, as far as one of them is among `new`.
///
/// After Ok the bytes of each photo that was put together are durable, and wait to be examined. After Err or a crash
/// some may be; running again goes on.
pub(super) fn mend(
    open: &mut OpenArchive,
    owner: &str,
    new: &BTreeSet<ObjectId>,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<Mended, Error> {
    let mut mended = Mended::default();
    let mut settled: BTreeSet<PhotoId> = BTreeSet::new();
    for damaged in open.catalog.damaged_photos(owner)? {
        if listener.stop_requested() {
            break;
        }
        if damaged.size > LARGEST || settled.contains(&damaged.photo) {
            continue;
        }
        let mut group = vec![damaged.clone()];
        group.extend(open.catalog.possible_copies(owner, &damaged, MOST_COPIES - 1)?);
        group.retain(|one| one.size <= LARGEST && !settled.contains(&one.photo));
        if group.len() < 2 || !group.iter().any(|one| new.contains(&one.object)) {
            continue;
        }
        let bytes = read(open, &group)?;
        let group = of_one_picture(group, &bytes);
        if group.len() < 2 {
            continue;
        }
        settled.extend(group.iter().map(|one| one.photo.clone()));
        match together(&group, &bytes) {
            None => {}
            Some(Together::Whole(whole)) => {
                let photo = keep(open, owner, &group, &whole, around)?;
                mended.whole += 1;
                mended.hidden += put_behind(open, &photo, None, &group)?;
                let copies = in_words::count(group.len() as u64, "damaged copy", "damaged copies");
                listener.note(&format!("{}: {copies} were put together, and the photo is whole", damaged.name));
            }
            Some(Together::Best(best)) => {
                mended.hidden += put_behind(open, &best.photo, Some(&best.object), &group)?;
            }
        }
    }
    Ok(mended)
}

type Contents = BTreeMap<ObjectId, (Vec<u8>, Option<Ranges>)>;

fn read(open: &OpenArchive, group: &[PossibleCopy]) -> Result<Contents, Error> {
    let mut contents = Contents::new();
    for one in group {
        let mut bytes = Vec::new();
        let read = open.objects.open_object(&one.object)?.take(LARGEST + 1).read_to_end(&mut bytes);
        read.map_err(|cause| Error::Examination { object: one.object, cause })?;
        contents.insert(one.object, (bytes, open.catalog.lost_of(&one.object)?));
    }
    Ok(contents)
}

fn copy<'a>(one: &PossibleCopy, contents: &'a Contents) -> Copy<'a> {
    let (bytes, lost) = contents.get(&one.object).map_or((&[][..], None), |(bytes, lost)| (bytes, lost.clone()));
    Copy { bytes, lost }
}

/// Those that are copies of the first one.
fn of_one_picture(group: Vec<PossibleCopy>, contents: &Contents) -> Vec<PossibleCopy> {
    let Some(first) = group.first().cloned() else { return group };
    let belongs = |other: &PossibleCopy| {
        let pair = [copy(&first, contents), copy(other, contents)];
        !matches!(merged::merge(&pair), merged::Outcome::NotOnePicture(_))
    };
    group.into_iter().filter(|one| one.photo == first.photo || belongs(one)).collect()
}

enum Together {
    Whole(Vec<u8>),
    Best(PossibleCopy),
}

fn together(group: &[PossibleCopy], contents: &Contents) -> Option<Together> {
    let copies: Vec<Copy<'_>> = group.iter().map(|one| copy(one, contents)).collect();
    // One that the examiner found intact is better than any guess.
    let intact = group.iter().find(|one| one.condition == Condition::Intact);
    let best = match merged::merge(&copies) {
        merged::Outcome::Whole { bytes, .. } => return Some(Together::Whole(bytes)),
        merged::Outcome::Best { index, .. } => group.get(index),
        merged::Outcome::NotOnePicture(_) => return None,
    };
    intact.or(best).cloned().map(Together::Best)
}

/// Makes what was put together durable, and a photo of the owner.
fn keep(
    open: &mut OpenArchive,
    owner: &str,
    group: &[PossibleCopy],
    whole: &[u8],
    around: &Circumstances,
) -> Result<PhotoId, Error> {
    let mut incoming = open.objects.receive()?;
    incoming.append(whole)?;
    let staged = incoming.finish()?;
    let (object, sha1, size) = (staged.id, staged.sha1, staged.size);
    open.objects.commit(vec![staged])?;
    let source = open.catalog.source(&SourceIdentity {
        kind: "put-together".to_owned(),
        volume: None,
        root: RawPath::from_bytes(Vec::new()),
        name: "put together from damaged copies".to_owned(),
    })?;
    let first = group.first();
    let name = first.map_or_else(|| object.to_string(), |one| one.name.clone());
    let known = group.iter().map(|one| one.kind).find(|kind| *kind != Kind::Unknown);
    let kind = known.unwrap_or(Kind::Unknown);
    // Under the hash, because many photos are called the same.
    let path = RawPath::from_bytes(format!("{}/{name}", object.short(16)).into_bytes());
    let stamp = FileStamp { size, modified_at: None, inode: 0 };
    let outcome = FileOutcome::Kept { object, sha1, size, kind, coming: Coming::default() };
    let run = open.catalog.begin_run(Job::Ingest, Some(source), around.moment())?;
    open.catalog.commit_files(run, source, owner, around.now, &[FileRecord { path, stamp, outcome }])?;
    open.catalog.finish_run(run, Outcome::Done, around.moment(), "{}", &[])?;
    let photo = open.catalog.photo_of(owner, &object)?;
    Ok(photo.unwrap_or_else(|| PhotoId::new(owner, &object)))
}

/// Puts the copies behind the photo that stands for them; what a person spoke of stays a photo of its own.
fn put_behind(
    open: &mut OpenArchive,
    photo: &PhotoId,
    original: Option<&ObjectId>,
    group: &[PossibleCopy],
) -> Result<u64, Error> {
    let mut hidden = 0;
    for one in group.iter().filter(|one| Some(&one.object) != original && one.condition != Condition::Intact) {
        let outcome = open.catalog.set_companion(photo, &one.object, CompanionRole::DamagedCopy, &one.name)?;
        hidden += u64::from(outcome == CompanionOutcome::Set);
    }
    Ok(hidden)
}
