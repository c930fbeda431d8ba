//! What a drill restores: all that is new since the last one, and a rolling share of the rest.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::DrillOptions;
use crate::model::ObjectId;
use crate::workflows::contents::Contents;
use crate::workflows::tree_paths::path_of_each_object;
use crate::workflows::{Error, OpenArchive};

/// Which objects to prove.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Share {
    /// All that have no proof, and a thirtieth of all by age of their proof: drilled nightly, every proof is younger
    /// than a month.
    Rolling,
    /// This many, those without a proof first.
    Sample(usize),
    /// What is in an album.
    Album(String),
    /// Everything.
    All,
}

/// An object to restore, and where it stands in the snapshot.
pub(super) struct Chosen {
    pub(super) object: ObjectId,
    pub(super) size: u64,
    pub(super) path: String,
}

const NIGHTS: usize = 30;

/// An object with the age of its proof, oldest first and unproven before all.
type Provable = (ObjectId, u64, Option<Timestamp>);

pub(super) fn choose(
    open: &OpenArchive,
    repository_id: &str,
    options: &DrillOptions,
    contents: &Contents,
    up_to_date: bool,
) -> Result<Vec<Chosen>, Error> {
    let provable = open.catalog.objects_to_prove(repository_id, usize::MAX)?;
    let in_album = match &options.share {
        Share::Album(name) => {
            let owner = &open.archive.settings.owner;
            let album = open.catalog.find_album(owner, name)?;
            let mut objects = BTreeSet::new();
            for photo in open.catalog.album_photos(album)? {
                objects.extend(open.catalog.objects_of_photo(&photo.id)?.into_iter().map(|(object, _)| object));
            }
            objects
        }
        Share::Rolling | Share::Sample(_) | Share::All => BTreeSet::new(),
    };
    let wanted = pick(provable, &options.share, &in_album);
    let wanted = within(wanted, options.max_bytes);
    let today = path_of_each_object(&open.catalog.snapshot_plan()?);
    let then = contents.path_of_each_object();
    let place = |object: &ObjectId| {
        let today = today.get(object).map(String::as_str);
        place(object, today, &then, |path| contents.expected(path), up_to_date)
    };
    Ok(wanted
        .into_iter()
        .filter_map(|(object, size, _)| Some(Chosen { object, size, path: place(&object)?.to_owned() }))
        .collect())
}

/// Where an object stands in the snapshot.
///
/// What the snapshot itself says counts: of an older one, today's path may belong to another object. An object that was
/// stored after it was made is left for the next drill; in a snapshot of the catalog as it is now every object must be
/// there, and one that is not is a failure under today's path.
fn place<'a>(
    object: &ObjectId,
    today: Option<&'a str>,
    then: &BTreeMap<ObjectId, &'a str>,
    said_of: impl Fn(&str) -> Option<ObjectId>,
    up_to_date: bool,
) -> Option<&'a str> {
    let said = today.filter(|path| said_of(path) == Some(*object));
    said.or_else(|| then.get(object).copied()).or(today.filter(|_| up_to_date))
}

fn pick(provable: Vec<Provable>, share: &Share, in_album: &BTreeSet<ObjectId>) -> Vec<Provable> {
    let rolling = provable.len().div_ceil(NIGHTS);
    let unproven = provable.iter().filter(|(.., proof)| proof.is_none()).count();
    let count = match share {
        Share::Rolling => unproven.saturating_add(rolling),
        Share::Sample(count) => *count,
        Share::Album(_) => return provable.into_iter().filter(|(object, ..)| in_album.contains(object)).collect(),
        Share::All => provable.len(),
    };
    provable.into_iter().take(count).collect()
}

/// At least one file, whatever the limit: a drill that proves nothing is none.
fn within(wanted: Vec<Provable>, max_bytes: Option<u64>) -> Vec<Provable> {
    let Some(max_bytes) = max_bytes else { return wanted };
    let mut bytes: u64 = 0;
    let fits = |(_, size, _): &Provable| {
        let first = bytes == 0;
        bytes = bytes.saturating_add((*size).max(1));
        first || bytes <= max_bytes
    };
    wanted.into_iter().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provable(unproven: usize, proven: usize) -> Vec<Provable> {
        let object = |n: usize| ObjectId::of(&n.to_le_bytes());
        let old = (0..unproven).map(|n| (object(n), 10, None));
        old.chain((unproven..unproven + proven).map(|n| (object(n), 10, Some(Timestamp::UNIX_EPOCH)))).collect()
    }

    #[test]
    fn a_nightly_drill_proves_what_is_new_and_a_thirtieth_of_the_rest() {
        assert_eq!(pick(provable(5, 295), &Share::Rolling, &BTreeSet::new()).len(), 5 + 10);
        assert_eq!(pick(provable(0, 1), &Share::Rolling, &BTreeSet::new()).len(), 1);
        assert_eq!(pick(provable(3, 3), &Share::All, &BTreeSet::new()).len(), 6);
        assert_eq!(pick(provable(3, 3), &Share::Sample(4), &BTreeSet::new()).len(), 4);
    }

    #[test]
    fn in_an_older_snapshot_an_object_is_looked_for_where_it_stood_then() {
        let object = ObjectId::of(b"photo");
        let then = BTreeMap::from([(object, "photos/then.jpg")]);
        let nobody = BTreeMap::new();
        let another = |_: &str| Some(ObjectId::of(b"another photo, under today's path"));
        let today = Some("photos/today.jpg");
        assert_eq!(place(&object, today, &then, another, false), Some("photos/then.jpg"));
        assert_eq!(place(&object, today, &nobody, another, false), None, "it is younger than the snapshot");
        assert_eq!(place(&object, today, &nobody, another, true), today, "it should be there, and is not: a failure");
        assert_eq!(place(&object, today, &then, |_| Some(object), true), today);
    }

    #[test]
    fn a_limit_in_bytes_is_kept_but_one_file_is_always_restored() {
        assert_eq!(within(provable(10, 0), Some(35)).len(), 3);
        assert_eq!(within(provable(10, 0), Some(1)).len(), 1);
        assert_eq!(within(provable(10, 0), None).len(), 10);
    }
}
