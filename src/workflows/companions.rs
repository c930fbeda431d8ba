//! Which files of one folder belong together: RAW beside JPEG, the two halves of a Live Photo, sidecars.

use std::collections::BTreeMap;

use jiff::civil::DateTime;

use crate::model::{CompanionRole, Family, Kind, ObjectId, RawPath};

/// A kept file of one folder, with what tells what it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Neighbour {
    /// Where it was seen.
    pub(super) path: RawPath,
    /// Its bytes.
    pub(super) object: ObjectId,
    /// What it is.
    pub(super) kind: Kind,
    /// Apple's name for the two halves of a Live Photo.
    pub(super) live_id: Option<String>,
    /// The camera's own time, if the file holds one.
    pub(super) camera_time: Option<DateTime>,
}

/// One file that belongs to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pairing {
    /// The original of the photo.
    pub(super) photo: ObjectId,
    /// What belongs to it.
    pub(super) companion: ObjectId,
    /// As what.
    pub(super) role: CompanionRole,
    /// The name that the companion came with.
    pub(super) name: String,
}

/// The two halves of a Live Photo start within this many seconds of each other.
const LIVE_SECONDS: i64 = 5;

/// Pairs up the files of one folder. What could belong to two photos belongs to none: a wrong pairing is worse than a
/// missing one.
///
/// A moving half is known by Apple's id; by its name only where neither half has an id and both cameras' times agree
/// (equal names on different days have joined strangers in other programs).
pub(super) fn pair_up(folder: &[Neighbour]) -> Vec<Pairing> {
    let mut pairings = Vec::new();
    let mut by_stem: BTreeMap<Vec<u8>, Vec<&Neighbour>> = BTreeMap::new();
    for file in folder {
        by_stem.entry(stem(file.path.file_name())).or_default().push(file);
    }
    for group in by_stem.values() {
        let photo = only(group.iter().copied().filter(|file| is_picture(file.kind)))
            .or_else(|| only(group.iter().copied().filter(|file| is_photo(file.kind))));
        let Some(photo) = photo else { continue };
        for file in group {
            let role = match file.kind.family() {
                Family::Still if file.kind.is_raw() && is_picture(photo.kind) => Some(CompanionRole::Raw),
                Family::Video if same_moment(photo, file) => Some(CompanionRole::LiveVideo),
                Family::Sidecar => Some(CompanionRole::Sidecar),
                Family::Still | Family::Video | Family::Unknown => None,
            };
            pairings.extend(role.and_then(|role| pairing(photo, file, role)));
        }
    }
    pairings.extend(live_halves(folder));
    pairings.extend(named_after_whole_file(folder));
    pairings
}

/// `IMG_1.HEIC` and `IMG_1.MOV` that carry the same id, whatever they are called.
fn live_halves(folder: &[Neighbour]) -> Vec<Pairing> {
    let mut by_id: BTreeMap<&str, Vec<&Neighbour>> = BTreeMap::new();
    for file in folder {
        if let Some(id) = &file.live_id {
            by_id.entry(id).or_default().push(file);
        }
    }
    let halves = by_id.values().filter_map(|files| {
        let still = only(files.iter().copied().filter(|file| is_picture(file.kind)))?;
        let video = only(files.iter().copied().filter(|file| file.kind.family() == Family::Video))?;
        pairing(still, video, CompanionRole::LiveVideo)
    });
    halves.collect()
}

/// `IMG_1.JPG.xmp` belongs to `IMG_1.JPG`.
fn named_after_whole_file(folder: &[Neighbour]) -> Vec<Pairing> {
    let by_name: BTreeMap<Vec<u8>, &Neighbour> = folder
        .iter()
        .filter(|file| is_photo(file.kind))
        .map(|file| (file.path.file_name().to_ascii_lowercase(), file))
        .collect();
    let sidecars = folder.iter().filter(|file| file.kind.family() == Family::Sidecar);
    sidecars
        .filter_map(|sidecar| {
            let photo = by_name.get(&stem(sidecar.path.file_name()))?;
            pairing(photo, sidecar, CompanionRole::Sidecar)
        })
        .collect()
}

fn pairing(photo: &Neighbour, companion: &Neighbour, role: CompanionRole) -> Option<Pairing> {
    (photo.object != companion.object).then(|| Pairing {
        photo: photo.object,
        companion: companion.object,
        role,
        name: RawPath::from_bytes(companion.path.file_name().to_vec()).to_string(),
    })
}

fn same_moment(still: &Neighbour, video: &Neighbour) -> bool {
    let (Some(one), Some(other)) = (still.camera_time, video.camera_time) else { return false };
    let neither_has_an_id = still.live_id.is_none() && video.live_id.is_none();
    neither_has_an_id
        && is_picture(still.kind)
        && video.kind == Kind::Mov
        && one.duration_until(other).as_secs().abs() <= LIVE_SECONDS
}

fn is_picture(kind: Kind) -> bool {
    kind.family() == Family::Still && !kind.is_raw()
}

fn is_photo(kind: Kind) -> bool {
    matches!(kind.family(), Family::Still | Family::Video)
}

fn only<'a>(mut files: impl Iterator<Item = &'a Neighbour>) -> Option<&'a Neighbour> {
    let first = files.next()?;
    files.all(|other| other.object == first.object).then_some(first)
}

/// The name without its last ending, in lower case: old file systems changed the case as they pleased.
fn stem(name: &[u8]) -> Vec<u8> {
    let end = name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0).unwrap_or(name.len());
    name.get(..end).unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn file(name: &str, kind: Kind) -> Neighbour {
        Neighbour {
            path: RawPath::from_bytes(format!("DCIM/{name}").into_bytes()),
            object: ObjectId::of(name.as_bytes()),
            kind,
            live_id: None,
            camera_time: None,
        }
    }

    fn told(folder: &[Neighbour]) -> Vec<(String, CompanionRole)> {
        pair_up(folder).into_iter().map(|pairing| (pairing.name, pairing.role)).collect()
    }

    #[test]
    fn a_raw_file_belongs_to_the_jpeg_of_its_name() {
        let folder = [file("IMG_1.JPG", Kind::Jpeg), file("img_1.cr2", Kind::Cr2), file("IMG_2.CR2", Kind::Cr2)];
        assert_eq!(told(&folder), [("img_1.cr2".to_owned(), CompanionRole::Raw)]);
    }

    #[test]
    fn halves_of_a_live_photo_are_known_by_their_id() {
        let mut still = file("IMG_1.JPG", Kind::Jpeg);
        let mut video = file("something else.MOV", Kind::Mov);
        still.live_id = Some("id".into());
        video.live_id = Some("id".into());
        assert_eq!(told(&[still, video]), [("something else.MOV".to_owned(), CompanionRole::LiveVideo)]);
    }

    #[test]
    fn a_name_alone_makes_no_live_photo() {
        let still = file("IMG_1.JPG", Kind::Jpeg);
        let video = file("IMG_1.MOV", Kind::Mov);
        assert!(told(&[still.clone(), video.clone()]).is_empty());
        let at = |file: &Neighbour, minute| Neighbour {
            camera_time: Some(date(2014, 8, 3).at(14, minute, 0, 0)),
            ..file.clone()
        };
        assert!(told(&[at(&still, 1), at(&video, 2)]).is_empty());
        assert_eq!(told(&[at(&still, 1), at(&video, 1)]).len(), 1);
    }

    #[test]
    fn sidecars_of_both_fashions_find_their_photo() {
        let folder = [
            file("a.jpg", Kind::Jpeg),
            file("a.jpg.xmp", Kind::Xmp),
            file("b.jpg", Kind::Jpeg),
            file("b.xmp", Kind::Xmp),
            file("c.aae", Kind::Aae),
            file("c.heic", Kind::Heic),
        ];
        let mut names: Vec<String> = told(&folder).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["a.jpg.xmp", "b.xmp", "c.aae"]);
    }

    #[test]
    fn what_could_belong_to_two_photos_belongs_to_none() {
        let folder =
            [file("a.jpg", Kind::Jpeg), file("a.heic", Kind::Heic), file("a.xmp", Kind::Xmp), file("a.cr2", Kind::Cr2)];
        assert!(told(&folder).is_empty());
    }
}
