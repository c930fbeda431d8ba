use std::time::{Duration, Instant};

use super::*;
use crate::catalog::sample::{Sample, at, folder_source, kept, path, stamp};
use crate::catalog::{Catalog, Job};

fn other(file: &str, outcome: FileOutcome) -> FileRecord {
    FileRecord { path: path(file), stamp: stamp(0), outcome }
}

#[test]
fn a_photo_seen_twice_is_one_photo_with_two_sightings() {
    let mut sample = Sample::new();
    let files = [kept("a.jpg", "a", Kind::Jpeg), kept("copy/b.jpg", "a", Kind::Jpeg)];
    let recorded = sample.commit("anna", &files);
    let photo = PhotoId::new("anna", &ObjectId::of(b"a"));
    assert_eq!(recorded, [Recorded::New { photo: Some(photo.clone()), object_is_new: true }, Recorded::Duplicate]);
    assert_eq!(sample.catalog.photo_count().unwrap(), 1);
    assert_eq!(sample.catalog.photo(&photo).unwrap().sightings.len(), 2);
    let row = &sample.catalog.sources().unwrap()[0];
    assert_eq!((row.files, row.objects), (2, 1));
}

#[test]
fn each_owner_has_a_photo_of_their_own_of_the_same_bytes() {
    let mut sample = Sample::new();
    let file = kept("a.jpg", "a", Kind::Jpeg);
    sample.commit("anna", std::slice::from_ref(&file));
    let recorded = sample.commit("ben", std::slice::from_ref(&file));
    let photo = PhotoId::new("ben", &ObjectId::of(b"a"));
    assert_eq!(recorded, [Recorded::New { photo: Some(photo.clone()), object_is_new: false }]);
    // Unread, too: what is unchanged since anna can be new to carla.
    let unread = FileRecord { outcome: FileOutcome::Unchanged, ..file };
    assert!(matches!(sample.commit("carla", &[unread])[0], Recorded::New { photo: Some(_), object_is_new: false }));
    assert_eq!(sample.catalog.photos_of_object(&ObjectId::of(b"a")).unwrap().len(), 3);
    assert_eq!(sample.catalog.photo_of("ben", &ObjectId::of(b"a")).unwrap(), Some(photo));
    assert_eq!(sample.catalog.photo_of("dora", &ObjectId::of(b"a")).unwrap(), None);
}

#[test]
fn a_sidecar_is_kept_and_is_no_photo() {
    let mut sample = Sample::new();
    let files = [kept("a.xmp", "x", Kind::Xmp), kept("b.xmp", "x", Kind::Xmp), kept("zeros.jpg", "0", Kind::Unknown)];
    let recorded = sample.commit("anna", &files);
    assert_eq!(recorded[..2], [Recorded::New { photo: None, object_is_new: true }, Recorded::Duplicate]);
    assert!(matches!(recorded[2], Recorded::New { photo: Some(_), .. }), "a name that says media is kept as a photo");
}

#[test]
fn a_file_is_unchanged_when_its_newest_sighting_has_its_stamp() {
    let mut sample = Sample::new();
    let file = kept("DCIM/a.jpg", "a", Kind::Jpeg);
    let seen =
        |sample: &Sample, stamp: &FileStamp| sample.catalog.seen_unchanged(sample.source, &file.path, stamp).unwrap();
    assert_eq!(seen(&sample, &file.stamp), None);
    sample.commit("anna", std::slice::from_ref(&file));
    let wanted = Seen {
        outcome: SeenOutcome::Kept,
        object: Some(ObjectId::of(b"a")),
        has_lost: false,
        run: sample.run,
        run_complete: false,
        run_started_at: at(0),
    };
    assert_eq!(seen(&sample, &file.stamp), Some(wanted.clone()));
    sample.catalog.finish_run(sample.run, Outcome::Problems, at(2), "{}", &[]).unwrap();
    assert_eq!(seen(&sample, &file.stamp), Some(Seen { run_complete: true, ..wanted }));
    for changed in [
        FileStamp { size: 2, ..file.stamp.clone() },
        FileStamp { modified_at: Some(at(9)), ..file.stamp.clone() },
        FileStamp { modified_at: None, ..file.stamp.clone() },
        FileStamp { inode: 8, ..file.stamp.clone() },
    ] {
        assert_eq!(seen(&sample, &changed), None, "{changed:?}");
    }
    assert_eq!(sample.catalog.seen_unchanged(sample.source, &path("a.jpg"), &file.stamp).unwrap(), None);

    let newer = FileRecord { stamp: stamp(99), ..kept("DCIM/a.jpg", "b", Kind::Jpeg) };
    sample.commit("anna", std::slice::from_ref(&newer));
    assert_eq!(seen(&sample, &file.stamp), None, "an older sighting does not count");
    assert_eq!(seen(&sample, &newer.stamp).unwrap().object, Some(ObjectId::of(b"b")));
}

#[test]
fn a_run_that_only_met_a_file_is_not_the_run_that_read_it() {
    let mut sample = Sample::new();
    let file = kept("a.jpg", "a", Kind::Jpeg);
    sample.commit("anna", std::slice::from_ref(&file));
    let first = sample.run;
    sample.run = sample.catalog.begin_run(Job::Ingest, Some(sample.source), at(50)).unwrap();
    let unread = FileRecord { outcome: FileOutcome::Unchanged, ..file.clone() };
    let unchanged = Recorded::Unchanged { outcome: SeenOutcome::Kept, previously_deleted: false };
    assert_eq!(sample.commit("anna", &[unread]), [unchanged]);
    let seen = sample.catalog.seen_unchanged(sample.source, &file.path, &file.stamp).unwrap().unwrap();
    assert_eq!((seen.run, seen.run_started_at), (first, at(0)));
    sample.commit("anna", std::slice::from_ref(&file));
    let seen = sample.catalog.seen_unchanged(sample.source, &file.path, &file.stamp).unwrap().unwrap();
    assert_eq!(seen.run, sample.run);
}

#[test]
fn what_was_not_kept_is_remembered_so_that_it_is_not_read_again() {
    let mut sample = Sample::new();
    let files = [
        other("Thumbs.db", FileOutcome::Ignored),
        other("empty.jpg", FileOutcome::Empty),
        other("broken.jpg", FileOutcome::Unreadable("input/output error".to_owned())),
    ];
    assert_eq!(sample.commit("anna", &files), [Recorded::Other, Recorded::Other, Recorded::Other]);
    for (file, outcome) in files.iter().zip([SeenOutcome::Ignored, SeenOutcome::Empty, SeenOutcome::Unreadable]) {
        let seen = sample.catalog.seen_unchanged(sample.source, &file.path, &file.stamp).unwrap().unwrap();
        assert_eq!((seen.outcome, seen.object), (outcome, None));
    }
    let unread = FileRecord { outcome: FileOutcome::Unchanged, ..files[0].clone() };
    let unchanged = Recorded::Unchanged { outcome: SeenOutcome::Ignored, previously_deleted: false };
    assert_eq!(sample.commit("anna", &[unread]), [unchanged]);
}

#[test]
fn meeting_everything_again_changes_no_meaning() {
    let mut sample = Sample::new();
    let files = [kept("a.jpg", "a", Kind::Jpeg), other("empty.jpg", FileOutcome::Empty)];
    sample.commit("anna", &files);
    let generation = sample.catalog.generation().unwrap();
    sample.run = sample.catalog.begin_run(Job::Ingest, Some(sample.source), at(5)).unwrap();
    sample.commit("anna", &files);
    let remounted = FileRecord { stamp: FileStamp { inode: 77, ..files[0].stamp.clone() }, ..files[0].clone() };
    sample.commit("anna", std::slice::from_ref(&remounted));
    sample.commit("anna", &[FileRecord { outcome: FileOutcome::Unchanged, ..remounted.clone() }]);
    sample.commit("anna", &[other("Thumbs.db", FileOutcome::Ignored)]);
    sample.catalog.finish_run(sample.run, Outcome::Done, at(6), "{}", &[]).unwrap();
    sample.catalog.record_proofs("b2", at(7), &[ObjectId::of(b"a")]).unwrap();
    assert_eq!(sample.catalog.generation().unwrap(), generation);
    assert!(sample.catalog.seen_unchanged(sample.source, &remounted.path, &remounted.stamp).unwrap().is_some());
    sample.commit("anna", &[FileRecord { stamp: stamp(77), ..files[0].clone() }]);
    assert!(sample.catalog.generation().unwrap() > generation, "another stamp is another sighting");
}

#[test]
fn files_are_written_all_or_none() {
    let mut sample = Sample::new();
    let files = [kept("a.jpg", "a", Kind::Jpeg), kept("b.jpg", "b", Kind::Jpeg)];
    let unknown_run = RunId(999);
    assert!(sample.catalog.commit_files(unknown_run, sample.source, "anna", at(1), &files).is_err());
    assert_eq!(sample.catalog.photo_count().unwrap(), 0);
    assert_eq!(sample.catalog.objects_total().unwrap(), (0, 0));
}

#[test]
fn a_name_that_is_no_text_is_kept_byte_for_byte() {
    let mut sample = Sample::new();
    let odd = RawPath::from_bytes(b"DCIM/f\xfcr Oma\x1b.jpg".to_vec());
    let file = FileRecord { path: odd.clone(), ..kept("", "a", Kind::Jpeg) };
    sample.commit("anna", std::slice::from_ref(&file));
    let folder = RawPath::from_bytes(b"DCIM".to_vec());
    assert_eq!(sample.catalog.files_of_folder(sample.source, &folder).unwrap()[0].path, odd);
}

#[test]
fn a_file_costs_the_same_however_many_photos_the_owner_has() {
    let catalog = Catalog::in_memory("test").unwrap();
    let mut statement = catalog.connection.prepare(&format!("EXPLAIN QUERY PLAN {HAD}")).unwrap();
    let steps = statement.query_map(["anna", "1"], |row| row.get::<_, String>(3)).unwrap();
    for step in steps.map(Result::unwrap) {
        assert!(!step.contains("SCAN") && !step.contains("(owner=?)"), "{step}");
    }
}

/// The target is 20 µs for a file that is asked about, in an optimised build; unoptimised code gets ten times that.
#[test]
#[ignore = "measures"]
fn a_hundred_thousand_files_are_asked_about_in_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let mut catalog = Catalog::create(&folder.path().join("catalog.db"), "test").unwrap();
    let source = catalog.source(&folder_source("/media/stick")).unwrap();
    let run = catalog.begin_run(Job::Ingest, Some(source), at(0)).unwrap();
    let files: Vec<_> =
        (0..100_000).map(|n| kept(&format!("DCIM/{}/IMG_{n}.JPG", n / 500), &n.to_string(), Kind::Jpeg)).collect();
    let begun = Instant::now();
    for batch in files.chunks(64) {
        catalog.commit_files(run, source, "anna", at(1), batch).unwrap();
    }
    let commit = begun.elapsed() / 100_000;
    let begun = Instant::now();
    for file in &files {
        assert!(catalog.seen_unchanged(source, &file.path, &file.stamp).unwrap().is_some());
    }
    let seen = begun.elapsed() / 100_000;
    let limit = Duration::from_micros(if cfg!(debug_assertions) { 200 } else { 20 });
    assert!(seen < limit, "seen_unchanged {seen:?}, commit_files {commit:?} a file");
}
