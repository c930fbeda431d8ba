//! Where things stand in a snapshot, read off the plan that snapshots are made from.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Plan;
use crate::model::{ObjectId, PhotoId};

/// One path for each object: under `photos/` where there is one.
pub(super) fn path_of_each_object(plan: &Plan) -> BTreeMap<ObjectId, String> {
    let mut paths = BTreeMap::new();
    for photo in &plan.photos {
        paths.entry(photo.object).or_insert_with(|| photo.path.clone());
        for companion in &photo.companions {
            paths.entry(companion.object).or_insert_with(|| companion.path.clone());
        }
    }
    for file in &plan.kept {
        paths.entry(file.object).or_insert_with(|| file.path.clone());
    }
    paths
}

/// The photo that each path belongs to, companions and albums included.
pub(super) fn photos_by_path(plan: &Plan) -> BTreeMap<String, PhotoId> {
    let mut photos = BTreeMap::new();
    for photo in &plan.photos {
        photos.insert(photo.path.clone(), photo.id.clone());
        photos.insert(format!("{}.xmp", photo.path), photo.id.clone());
        for companion in &photo.companions {
            photos.insert(companion.path.clone(), photo.id.clone());
        }
    }
    for album in &plan.albums {
        for file in &album.files {
            photos.insert(album.path(file), file.photo.clone());
        }
    }
    photos
}

/// The objects that stand at some paths.
pub(super) fn objects_at<'a>(plan: &Plan, paths: impl Iterator<Item = &'a String>) -> Vec<ObjectId> {
    let wanted: BTreeSet<&String> = paths.collect();
    let of_photos = plan.photos.iter().map(|photo| (&photo.path, photo.object));
    let beside = plan.photos.iter().flat_map(|photo| photo.companions.iter().map(|file| (&file.path, file.object)));
    let kept = plan.kept.iter().map(|file| (&file.path, file.object));
    of_photos.chain(beside).chain(kept).filter(|(path, _)| wanted.contains(path)).map(|(_, object)| object).collect()
}
