use std::collections::BTreeSet;

use super::*;
use crate::catalog::sample::{Sample, at, described, kept};
use crate::catalog::{FileOutcome, FileRecord};
use crate::model::{CompanionRole, FileStamp, Kind};

fn paths(plan: &Plan) -> Vec<String> {
    let mut paths = Vec::new();
    for photo in &plan.photos {
        paths.push(photo.path.clone());
        paths.push(format!("{}.xmp", photo.path));
        paths.extend(photo.companions.iter().map(|file| file.path.clone()));
    }
    paths.extend(plan.kept.iter().map(|file| file.path.clone()));
    for album in &plan.albums {
        paths.extend(
            album.files.iter().map(|file| format!("albums/{}/{}/{}", album.owner, album.folder_name, file.file_name)),
        );
    }
    paths
}

fn objects(plan: &Plan) -> BTreeSet<ObjectId> {
    let photos = plan.photos.iter().map(|photo| photo.object);
    let companions = plan.photos.iter().flat_map(|photo| photo.companions.iter().map(|file| file.object));
    photos.chain(companions).chain(plan.kept.iter().map(|file| file.object)).collect()
}

#[test]
fn every_object_is_in_the_plan_and_no_path_twice_whatever_the_case() {
    let mut sample = Sample::new();
    let names = [
        "IMG_1.JPG",
        "img_1.jpg",
        "IMG_1.jpg",
        "IMG_1.JPG.xmp",
        "Img_1.JPG.XMP",
        "con",
        "CON.",
        "a?b",
        "a*b",
        "ß",
        "SS",
    ];
    let mut all = BTreeSet::new();
    let mut photos = Vec::new();
    for (number, name) in names.iter().cycle().take(60).enumerate() {
        let content = format!("content {number}");
        let photo = sample.photo_of_kind(&format!("{number}/{name}"), &content, Kind::Unknown);
        all.insert(ObjectId::of(content.as_bytes()));
        if number % 6 != 5 {
            sample.catalog.describe_photo(&photo, &described(name, "2014-08-03")).unwrap();
        }
        for companion in ["IMG_1.CR2", "img_1.cr2", "IMG_1.JPG.xmp"] {
            let content = format!("{companion} of {number}");
            sample.commit("anna", &[kept(&format!("{number}/{companion}"), &content, Kind::Xmp)]);
            let object = ObjectId::of(content.as_bytes());
            all.insert(object);
            sample.catalog.set_companion(&photo, &object, CompanionRole::Sidecar, companion).unwrap();
        }
        photos.push(photo);
    }
    sample.commit("ben", &[kept("alone.aae", "alone", Kind::Aae), kept("Alone.aae", "alone too", Kind::Aae)]);
    all.extend([ObjectId::of(b"alone"), ObjectId::of(b"alone too")]);
    let album = sample.catalog.create_album("anna", &"Lisbon".parse().unwrap(), at(2)).unwrap();
    sample.catalog.add_to_album(album, &photos, at(3)).unwrap();
    sample.catalog.delete_photos(&photos[..7], at(4)).unwrap();

    let plan = sample.catalog.snapshot_plan().unwrap();
    assert_eq!(objects(&plan), all);
    let paths = paths(&plan);
    let keys: BTreeSet<_> = paths.iter().map(|path| file_name::fold_case(path)).collect();
    assert_eq!(keys.len(), paths.len());
    for part in paths.iter().flat_map(|path| path.split('/')) {
        assert!(part.len() <= file_name::MAX_BYTES, "{part}");
        assert_eq!(file_name::safe(part.as_bytes()), part);
    }
    let sorted = |paths: Vec<&String>| paths.is_sorted();
    assert!(sorted(plan.photos.iter().map(|photo| &photo.path).collect()));
    assert!(sorted(plan.kept.iter().map(|file| &file.path).collect()));
}

#[test]
fn a_path_stays_until_the_date_is_corrected() {
    let mut sample = Sample::new();
    let photo = sample.photo("IMG_1.JPG", "a");
    let path = |sample: &Sample| sample.catalog.photo(&photo).unwrap().summary.path;
    sample.catalog.describe_photo(&photo, &described("IMG_1.JPG", "2014-08-03")).unwrap();
    assert_eq!(path(&sample), "photos/anna/2014/2014-08/20140803_IMG_1.JPG");
    let mut renamed = described("a better name.jpg", "2014-08-03");
    sample.catalog.describe_photo(&photo, &renamed).unwrap();
    assert_eq!(path(&sample), "photos/anna/2014/2014-08/20140803_IMG_1.JPG");
    assert_eq!(sample.catalog.photo(&photo).unwrap().summary.name, "a better name.jpg");

    let corrected = described("a better name.jpg", "2012-01-01");
    sample.catalog.set_taken_at(&photo, corrected.taken_at, at(3)).unwrap();
    sample.catalog.record_examinations(&[(ObjectId::of(b"a"), crate::catalog::sample::intact())]).unwrap();
    let waiting = sample.catalog.photos_to_describe(None, 9).unwrap();
    assert_eq!(waiting[0].said_taken_at.as_ref().unwrap().local.year(), 2012);
    renamed.wanted_path = corrected.wanted_path;
    sample.catalog.describe_photo(&photo, &renamed).unwrap();
    assert_eq!(path(&sample), "photos/anna/2012/2012-01/20120101_a better name.jpg");
    assert_eq!(sample.catalog.photo(&photo).unwrap().summary.taken_at.as_deref(), Some("2012-01-01T14:22:33"));
    assert_eq!(sample.catalog.photo(&photo).unwrap().summary.taken_at_source.as_deref(), Some("person"));
}

#[test]
fn a_deleted_photo_stands_in_the_trash_and_in_no_album() {
    let mut sample = Sample::new();
    let photo = sample.photo("IMG_1.JPG", "a");
    sample.catalog.describe_photo(&photo, &described("IMG_1.JPG", "2014-08-03")).unwrap();
    let album = sample.catalog.create_album("anna", &"Lisbon".parse().unwrap(), at(2)).unwrap();
    sample.catalog.add_to_album(album, std::slice::from_ref(&photo), at(3)).unwrap();
    sample.catalog.delete_photos(&[photo], at(4)).unwrap();
    let plan = sample.catalog.snapshot_plan().unwrap();
    assert_eq!(plan.photos[0].path, "trash/anna/2014/2014-08/20140803_IMG_1.JPG");
    assert!(plan.albums[0].files.is_empty());
}

#[test]
fn words_are_written_only_where_somebody_said_something() {
    let mut sample = Sample::new();
    let [silent, said, in_album] = ["a", "b", "c"].map(|name| {
        let photo = sample.photo(name, name);
        let mut description = described(name, "2014-08-03");
        description.keywords = vec!["from the file".to_owned()];
        sample.catalog.describe_photo(&photo, &description).unwrap();
        photo
    });
    sample.catalog.set_caption(&said, Some("Mamá"), at(2)).unwrap();
    let album = sample.catalog.create_album("anna", &"Lisbon".parse().unwrap(), at(2)).unwrap();
    sample.catalog.add_to_album(album, std::slice::from_ref(&in_album), at(3)).unwrap();
    let plan = sample.catalog.snapshot_plan().unwrap();
    let words = |id: &PhotoId| plan.photos.iter().find(|photo| photo.id == *id).unwrap().words.clone();
    assert_eq!(words(&silent), None);
    let keywords = vec!["from the file".to_owned()];
    let wanted = Words { caption: Some("Mamá".to_owned()), keywords: keywords.clone(), ..Words::default() };
    assert_eq!(words(&said), Some(wanted));
    let wanted = Words { albums: vec!["Lisbon".to_owned()], keywords, ..Words::default() };
    assert_eq!(words(&in_album), Some(wanted));
}

#[test]
fn a_file_has_the_time_at_which_it_was_taken_else_that_of_the_file() {
    let mut sample = Sample::new();
    let dated = sample.photo("a", "a");
    sample.catalog.describe_photo(&dated, &described("a", "2014-08-03")).unwrap();
    let undated = sample.photo("b", "b");
    let unknown = FileStamp { size: 1, modified_at: None, inode: 0 };
    sample.commit("anna", &[FileRecord { stamp: unknown, ..kept("c", "c", Kind::Jpeg) }]);
    let timeless = sample.catalog.photo_of("anna", &ObjectId::of(b"c")).unwrap().unwrap();
    for (photo, name) in [(&undated, "b"), (&timeless, "c")] {
        let mut description = described(name, "2014-08-03");
        description.taken_at = None;
        sample.catalog.describe_photo(photo, &description).unwrap();
    }
    let plan = sample.catalog.snapshot_plan().unwrap();
    let time = |id: &PhotoId| plan.photos.iter().find(|photo| photo.id == *id).unwrap().modified_at;
    assert_eq!(time(&dated).to_string(), "2014-08-03T14:22:33Z");
    assert_eq!(time(&undated), at(-1000));
    assert_eq!(time(&timeless), at(1));
}

#[test]
fn an_object_of_an_undescribed_photo_is_in_the_snapshot_all_the_same() {
    let mut sample = Sample::new();
    sample.commit(
        "anna",
        &[FileRecord {
            path: crate::model::RawPath::from_bytes(b"DCIM/f\xfcr.jpg".to_vec()),
            ..kept("", "a", Kind::Jpeg)
        }],
    );
    let ignored = FileRecord { outcome: FileOutcome::Ignored, ..kept("x", "x", Kind::Jpeg) };
    sample.commit("anna", &[ignored]);
    let plan = sample.catalog.snapshot_plan().unwrap();
    let object = ObjectId::of(b"a");
    assert!(plan.photos.is_empty());
    assert_eq!(plan.kept.len(), 1);
    assert_eq!(plan.kept[0].path, format!("kept/anna/{}/f_r_{}.jpg", object.short(2), object.short(16)));
}

#[test]
fn a_photo_does_not_take_a_path_whose_words_would_overwrite_a_sidecar() {
    let mut sample = Sample::new();
    let png = sample.photo_of_kind("IMG_1.PNG", "png", Kind::Png);
    sample.commit("anna", &[kept("IMG_1.JPG.xmp", "words", Kind::Xmp)]);
    sample.catalog.set_companion(&png, &ObjectId::of(b"words"), CompanionRole::Sidecar, "IMG_1.JPG.xmp").unwrap();
    sample.catalog.describe_photo(&png, &described("IMG_1.PNG", "2014-08-03")).unwrap();
    let jpeg = sample.photo("IMG_1.JPG", "jpeg");
    sample.catalog.describe_photo(&jpeg, &described("IMG_1.JPG", "2014-08-03")).unwrap();
    let plan = sample.catalog.snapshot_plan().unwrap();
    let paths = paths(&plan);
    let different: BTreeSet<_> = paths.iter().collect();
    assert_eq!(different.len(), paths.len(), "{paths:#?}");
}

#[test]
fn in_an_album_too_the_name_of_the_words_about_a_photo_is_kept_free() {
    for order in [[0, 1], [1, 0]] {
        let mut sample = Sample::new();
        let mut photos = Vec::new();
        for (name, month) in [("IMG_1.JPG", "2014-08"), ("img_1.jpg.XMP", "2014-09")] {
            let photo = sample.photo(name, name);
            let mut description = described(name, "2014-08-03");
            // As where the day is a guess, which stays out of the name.
            description.wanted_path = format!("photos/anna/2014/{month}/{name}");
            sample.catalog.describe_photo(&photo, &description).unwrap();
            photos.push(photo);
        }
        let album = sample.catalog.create_album("anna", &"Lisbon".parse().unwrap(), at(2)).unwrap();
        sample.catalog.add_to_album(album, &order.map(|place: usize| photos[place].clone()), at(3)).unwrap();
        let plan = sample.catalog.snapshot_plan().unwrap();
        let names = plan.albums[0].files.iter().map(|file| file_name::fold_case(&file.file_name));
        let names: Vec<String> = names.flat_map(|name| [format!("{name}.xmp"), name]).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        assert!(names.contains(&"img_1.jpg".to_owned()) || names.contains(&"img_1.jpg.xmp".to_owned()));
    }
}

/// Described by its name alone: its path holds no stamp that would tell it from others.
fn unstamped(name: &str, folder: &str) -> crate::catalog::Description {
    crate::catalog::Description {
        name: name.to_owned(),
        wanted_path: format!("photos/anna/{folder}/{name}"),
        ..crate::catalog::Description::default()
    }
}

#[test]
fn no_photo_is_called_like_a_folder_and_none_lies_below_a_photo() {
    for order in [["2014/2014-08", "2014/2014-08/a.jpg"], ["2014/2014-08/a.jpg", "2014/2014-08"]] {
        let mut sample = Sample::new();
        for path in order {
            let (folder, name) = path.rsplit_once('/').unwrap();
            let photo = sample.photo(path, path);
            sample.catalog.describe_photo(&photo, &unstamped(name, folder)).unwrap();
        }
        let plan = sample.catalog.snapshot_plan().unwrap();
        let keys: Vec<String> = plan.photos.iter().map(|photo| photo.path.clone()).collect();
        assert!(!keys.iter().any(|key| keys.iter().any(|other| other.starts_with(&format!("{key}/")))), "{keys:?}");
        assert_eq!(keys.len(), 2);
    }
}

#[test]
fn albums_of_owners_who_differ_in_case_alone_have_folders_of_their_own() {
    let mut sample = Sample::new();
    let mut folders = BTreeSet::new();
    for owner in ["anna", "Anna", "anna."] {
        let album = sample.catalog.create_album(owner, &"Lisbon".parse().unwrap(), at(1)).unwrap();
        sample.catalog.rename_album(album, &"Porto".parse().unwrap(), at(2)).unwrap();
    }
    for album in sample.catalog.snapshot_plan().unwrap().albums {
        let folder = format!("{}/{}", file_name::safe(album.owner.as_bytes()), album.folder_name);
        assert!(folders.insert(file_name::fold_case(&folder)), "{folder}");
    }
    assert_eq!(folders.len(), 3);
}

#[test]
fn words_and_sidecars_keep_apart_in_an_album_too() {
    let mut sample = Sample::new();
    let album = sample.catalog.create_album("anna", &"Lisbon".parse().unwrap(), at(1)).unwrap();
    let with_sidecar = sample.photo("1/a.jpg", "one");
    sample.catalog.describe_photo(&with_sidecar, &unstamped("a.jpg", "2013/2013-01")).unwrap();
    sample.commit("anna", &[kept("1/a.xmp", "sidecar", Kind::Xmp)]);
    let sidecar = ObjectId::of(b"sidecar");
    sample.catalog.set_companion(&with_sidecar, &sidecar, CompanionRole::Sidecar, "a.xmp").unwrap();
    let without_ending = sample.photo("2/a", "two");
    sample.catalog.describe_photo(&without_ending, &unstamped("a", "2014/2014-08")).unwrap();
    sample.catalog.add_to_album(album, &[with_sidecar, without_ending], at(2)).unwrap();
    let plan = sample.catalog.snapshot_plan().unwrap();
    let names: Vec<&str> = plan.albums[0].files.iter().map(|file| file.file_name.as_str()).collect();
    // The words about “a” would be called “a.xmp”, which is taken.
    assert_eq!(names, ["a.jpg", "a.xmp", &format!("a_{}", ObjectId::of(b"two").short(8))]);
}

#[test]
fn one_sidecar_beside_many_photos_of_an_album_stands_there_under_as_many_names_as_there_are() {
    let mut sample = Sample::new();
    let album = sample.catalog.create_album("anna", &"Lisbon".parse().unwrap(), at(1)).unwrap();
    sample.commit("anna", &[kept("x/a.aae", "edits", Kind::Aae)]);
    let edits = ObjectId::of(b"edits");
    for month in 1..=6 {
        let photo = sample.photo(&format!("{month}/a.jpg"), &format!("{month}"));
        sample.catalog.describe_photo(&photo, &unstamped("a.jpg", &format!("2014/2014-0{month}"))).unwrap();
        sample.catalog.set_companion(&photo, &edits, CompanionRole::Sidecar, "a.aae").unwrap();
        sample.catalog.add_to_album(album, &[photo], at(2)).unwrap();
    }
    let files = &sample.catalog.snapshot_plan().unwrap().albums[0].files;
    let names: BTreeSet<&str> = files.iter().map(|file| file.file_name.as_str()).collect();
    assert_eq!(names.len(), files.len());
    assert_eq!(files.iter().filter(|file| file.object != edits).count(), 6, "every photo is in it");
    assert_eq!(files.iter().filter(|file| file.object == edits).count(), 4);
}

#[test]
fn a_time_at_the_end_of_the_calendar_stops_no_snapshot() {
    let mut sample = Sample::new();
    let photo = sample.photo("a.jpg", "a");
    sample.catalog.describe_photo(&photo, &described("a.jpg", "2014-08-03")).unwrap();
    for day in ["9999-12-31", "-009999-01-01"] {
        sample.catalog.set_taken_at(&photo, described("a.jpg", day).taken_at, at(1)).unwrap();
        assert_eq!(sample.catalog.snapshot_plan().unwrap().photos.len(), 1, "{day}");
        assert!(sample.catalog.export().is_ok(), "{day}");
    }
}
