//! Which files of one folder belong together: RAW beside JPEG, the two halves of a Live Photo, sidecars.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;

use crate::formats::edited;
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

/// A picture made of a raw file keeps its time, give or take a zone; the same number on another day is another photo.
const RAW_SECONDS: i64 = 24 * 60 * 60;

/// Pairs up the files of one folder. What could belong to two photos belongs to none: a wrong pairing is worse than a
/// missing one.
///
/// A moving half is known by Apple's id; by its name only where neither half has an id and both cameras' times agree
/// (equal names on different days have joined strangers in other programs).
pub(super) fn pair_up(folder: &[Neighbour]) -> Vec<Pairing> {
    let by_stem = by_stem(folder);
    let mut pairings = live_halves(folder);
    for group in by_stem.values() {
        let Some(photo) = only(group.iter().copied().filter(|file| is_picture(file.kind))) else { continue };
        let raws = group.iter().filter(|file| file.kind.is_raw() && !is_other_day(photo, file));
        pairings.extend(raws.filter_map(|raw| pairing(photo, raw, CompanionRole::Raw)));
        let moving = only(group.iter().copied().filter(|file| file.kind.family() == Family::Video));
        let moving = moving.filter(|video| same_moment(photo, video));
        pairings.extend(moving.and_then(|video| pairing(photo, video, CompanionRole::LiveVideo)));
    }
    let companions: BTreeSet<ObjectId> = pairings.iter().map(|pairing| pairing.companion).collect();
    for sidecar in folder.iter().filter(|file| file.kind.family() == Family::Sidecar) {
        let photo = named_in_whole(folder, sidecar).or_else(|| named_alike(&by_stem, &companions, sidecar));
        pairings.extend(photo.and_then(|photo| pairing(photo, sidecar, CompanionRole::Sidecar)));
    }
    pairings
}

type ByStem<'a> = BTreeMap<Vec<u8>, Vec<&'a Neighbour>>;

fn by_stem(folder: &[Neighbour]) -> ByStem<'_> {
    let mut by_stem = ByStem::new();
    for file in folder {
        by_stem.entry(stem(file.path.file_name())).or_default().push(file);
    }
    by_stem
}

/// `IMG_1.HEIC` and `IMG_1.MOV` that carry the same id, whatever they are called. Where an edit carries the id too, the
/// name tells which half belongs to which.
fn live_halves(folder: &[Neighbour]) -> Vec<Pairing> {
    let mut by_id: BTreeMap<&str, Vec<&Neighbour>> = BTreeMap::new();
    for file in folder {
        if let Some(id) = &file.live_id {
            by_id.entry(id).or_default().push(file);
        }
    }
    let mut halves = Vec::new();
    for files in by_id.values() {
        let stills = || files.iter().copied().filter(|file| is_picture(file.kind));
        let videos = || files.iter().copied().filter(|file| file.kind.family() == Family::Video);
        for still in stills() {
            let same_name = |file: &&Neighbour| stem(file.path.file_name()) == stem(still.path.file_name());
            let video = only(videos().filter(same_name)).filter(|_| only(stills().filter(same_name)).is_some());
            let video = video.or_else(|| only(videos()).filter(|_| only(stills()).is_some()));
            halves.extend(video.and_then(|video| pairing(still, video, CompanionRole::LiveVideo)));
        }
    }
    halves
}

/// `IMG_1.JPG.xmp` belongs to `IMG_1.JPG`; where names differ in case only, to the one that is written alike.
fn named_in_whole<'a>(folder: &'a [Neighbour], sidecar: &Neighbour) -> Option<&'a Neighbour> {
    let name = without_ending(sidecar.path.file_name());
    let photos = || folder.iter().filter(|file| is_photo(file.kind));
    only(photos().filter(|file| file.path.file_name() == name))
        .or_else(|| only(photos().filter(|file| file.path.file_name().eq_ignore_ascii_case(name))))
}

/// `IMG_1.xmp` and `IMG_1.AAE` belong to the only photo of that name that is nobody's companion; a list of edits of
/// Apple's also to that of its number.
fn named_alike<'a>(
    by_stem: &ByStem<'a>,
    companions: &BTreeSet<ObjectId>,
    sidecar: &Neighbour,
) -> Option<&'a Neighbour> {
    let of_stem = |stem: &[u8]| {
        let group = by_stem.get(stem)?.iter().copied();
        only(group.filter(|file| is_photo(file.kind) && !companions.contains(&file.object)))
    };
    let own = stem(sidecar.path.file_name());
    let original = || {
        let original = edited::original_of(std::str::from_utf8(&own).ok()?)?;
        of_stem(original.as_bytes()).filter(|_| sidecar.kind == Kind::Aae)
    };
    of_stem(&own).or_else(original)
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

fn is_other_day(picture: &Neighbour, raw: &Neighbour) -> bool {
    let times = picture.camera_time.zip(raw.camera_time);
    times.is_some_and(|(one, other)| one.duration_until(other).as_secs().abs() > RAW_SECONDS)
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
    without_ending(name).to_ascii_lowercase()
}

fn without_ending(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0).unwrap_or(name.len());
    name.get(..end).unwrap_or(name)
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

    fn of(photo: &str, folder: &[Neighbour]) -> Vec<(String, CompanionRole)> {
        let pairings = pair_up(folder).into_iter().filter(|pairing| pairing.photo == ObjectId::of(photo.as_bytes()));
        pairings.map(|pairing| (pairing.name, pairing.role)).collect()
    }

    #[test]
    fn an_edit_that_carries_the_same_id_takes_nobodys_moving_half() {
        let live = |name, kind| Neighbour { live_id: Some("id".into()), ..file(name, kind) };
        let folder = [
            live("IMG_1234.HEIC", Kind::Heic),
            live("IMG_1234.MOV", Kind::Mov),
            live("IMG_E1234.HEIC", Kind::Heic),
            live("IMG_E1234.MOV", Kind::Mov),
        ];
        assert_eq!(of("IMG_1234.HEIC", &folder), [("IMG_1234.MOV".to_owned(), CompanionRole::LiveVideo)]);
        assert_eq!(of("IMG_E1234.HEIC", &folder), [("IMG_E1234.MOV".to_owned(), CompanionRole::LiveVideo)]);
        assert_eq!(told(&folder[..3]).len(), 1);
        let strangers = [live("a.HEIC", Kind::Heic), live("b.HEIC", Kind::Heic), live("c.MOV", Kind::Mov)];
        assert!(told(&strangers).is_empty(), "it could belong to two");
    }

    #[test]
    fn halves_with_different_ids_are_strangers_whatever_their_names_and_times() {
        let mut still = file("IMG_1.HEIC", Kind::Heic);
        let mut video = file("IMG_1.MOV", Kind::Mov);
        let at = Some(date(2014, 8, 3).at(14, 1, 0, 0));
        (still.camera_time, video.camera_time) = (at, at);
        (still.live_id, video.live_id) = (Some("one".into()), Some("two".into()));
        assert!(told(&[still, video]).is_empty());
    }

    #[test]
    fn a_raw_file_of_another_day_is_another_photo() {
        let at =
            |name, kind, day| Neighbour { camera_time: Some(date(2014, 8, day).at(14, 0, 0, 0)), ..file(name, kind) };
        let picture = at("IMG_1.JPG", Kind::Jpeg, 3);
        assert_eq!(told(&[picture.clone(), at("IMG_1.CR2", Kind::Cr2, 3)]).len(), 1);
        assert!(told(&[picture, at("IMG_1.CR2", Kind::Cr2, 5)]).is_empty());
    }

    #[test]
    fn a_sidecar_named_like_a_photo_and_a_film_belongs_to_neither_unless_the_film_is_its_moving_half() {
        let live = |name, kind| Neighbour { live_id: Some("id".into()), ..file(name, kind) };
        let sidecar = file("a.xmp", Kind::Xmp);
        assert!(told(&[file("a.jpg", Kind::Jpeg), file("a.mov", Kind::Mov), sidecar.clone()]).is_empty());
        let pair = [live("a.jpg", Kind::Jpeg), live("a.mov", Kind::Mov), sidecar];
        assert_eq!(of("a.jpg", &pair).len(), 2);
    }

    #[test]
    fn a_sidecar_named_in_whole_goes_by_case_only_where_it_must() {
        let folder = [file("a.jpg", Kind::Jpeg), file("a.JPG", Kind::Jpeg), file("a.JPG.xmp", Kind::Xmp)];
        assert_eq!(of("a.JPG", &folder), [("a.JPG.xmp".to_owned(), CompanionRole::Sidecar)]);
        let unclear = [file("a.jpg", Kind::Jpeg), file("A.jpg", Kind::Jpeg), file("a.JPG.xmp", Kind::Xmp)];
        assert!(told(&unclear).is_empty());
    }

    #[test]
    fn apples_lists_of_edits_stay_beside_the_photo_of_their_number() {
        let folder = [
            file("IMG_1234.HEIC", Kind::Heic),
            file("IMG_1234.AAE", Kind::Aae),
            file("IMG_O1234.AAE", Kind::Aae),
            file("IMG_E1234.JPG", Kind::Jpeg),
            file("IMG_O1234.xmp", Kind::Xmp),
        ];
        let mut names: Vec<String> = of("IMG_1234.HEIC", &folder).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["IMG_1234.AAE", "IMG_O1234.AAE"]);
        assert!(of("IMG_E1234.JPG", &folder).is_empty(), "an edit is a photo");
    }
}
