//! Taking photos in: nothing is read twice, nothing is stored twice, nothing in a source is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::fixtures::{self, picture};
use crate::support::referee::left_out;
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

/// An empty archive and a card with this many photos.
fn with_card(photos: usize) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let card = sandbox.path("card");
    fixtures::many(&card, photos, 3);
    sandbox.keepsake(&["init"]).expect_code(0);
    (sandbox, card.display().to_string())
}

fn counts(report: &Value) -> [u64; 6] {
    let fields = ["files_seen", "stored", "duplicates", "previously_deleted", "unreadable", "ignored"];
    let counts = fields.map(|field| report[field].as_u64().unwrap_or_else(|| panic!("{field}: {report}")));
    assert_eq!(counts[0], counts[1..].iter().sum::<u64>(), "files_seen is the sum of the others: {report}");
    counts
}

fn objects(sandbox: &Sandbox) -> Vec<String> {
    files_below(&sandbox.archive().join("objects"))
}

#[test]
fn a_second_pass_reads_nothing_and_a_touched_file_is_read_again() {
    let (sandbox, card) = with_card(5);
    assert_eq!(counts(&sandbox.json(&["ingest", &card])), [5, 5, 0, 0, 0, 0]);
    let again = sandbox.json(&["ingest", &card]);
    assert_eq!((counts(&again), &again["read_bytes"]), ([5, 0, 5, 0, 0, 0], &json!(0)));

    let touched = Path::new(&card).join("0000/IMG_00002.JPG");
    let earlier = "2019-11-02T09:14:00Z".parse::<jiff::Timestamp>().unwrap();
    fs::File::options().write(true).open(&touched).unwrap().set_modified(earlier.into()).unwrap();
    let third = sandbox.json(&["ingest", &card]);
    assert_eq!(counts(&third), [5, 0, 5, 0, 0, 0]);
    assert_eq!(third["read_bytes"], fs::metadata(&touched).unwrap().len());
    let photo = sandbox.json(&["show", &sandbox.id_of("IMG_00002.JPG")]);
    assert_eq!(photo["sightings"].as_array().unwrap().len(), 2, "both times are remembered: {photo}");

    let all: u64 = files_below(card.as_ref()).iter().map(|path| size(&Path::new(&card).join(path))).sum();
    let reread = sandbox.json(&["ingest", &card, "--reread"]);
    assert_eq!((counts(&reread), &reread["read_bytes"]), ([5, 0, 5, 0, 0, 0], &json!(all)));
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len()
}

#[test]
fn a_changed_file_is_a_new_photo_and_the_old_one_stays() {
    let (sandbox, card) = with_card(2);
    sandbox.json(&["ingest", &card]);
    let before = objects(&sandbox);
    write(&Path::new(&card).join("0000/IMG_00001.JPG"), &picture(55).size(64, 48).jpeg());
    assert_eq!(counts(&sandbox.json(&["ingest", &card])), [2, 1, 1, 0, 0, 0]);
    assert!(before.iter().all(|object| objects(&sandbox).contains(object)));
    assert_eq!(sandbox.json(&["search"])["total"], 3);
}

#[test]
fn a_preview_counts_what_the_run_will_do_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("old drive");
    fixtures::old_drive(&drive);
    let drive = drive.display().to_string();
    sandbox.keepsake(&["init"]).expect_code(0);
    let preview = sandbox.json(&["ingest", &drive, "--dry-run", "--album", "not made"]);
    assert_eq!(preview["dry_run"], true);
    assert_eq!(objects(&sandbox), Vec::<String>::new());
    assert_eq!(files_below(&sandbox.archive().join("incoming")), Vec::<String>::new());
    assert_eq!(sandbox.json(&["search"])["total"], 0);
    assert_eq!(sandbox.json(&["album", "list"]), json!([]));
    let real = sandbox.json(&["ingest", &drive]);
    assert_eq!(counts(&preview), counts(&real));
    for field in ["read_bytes", "stored_bytes"] {
        assert_eq!(preview[field], real[field], "{field}");
    }
    let preview = sandbox.json(&["ingest", &drive, "--dry-run"]);
    assert_eq!((&preview["stored"], &preview["stored_bytes"]), (&json!(0), &json!(0)), "all is there already");
}

#[test]
fn an_album_takes_every_photo_of_the_source_known_or_new() {
    let (sandbox, card) = with_card(3);
    sandbox.json(&["ingest", &card]);
    write(&Path::new(&card).join("new.jpg"), &picture(77).size(64, 48).jpeg());
    write(&Path::new(&card).join("notes.txt"), b"no photo");
    sandbox.json(&["ingest", &card, "--album", "Summer"]);
    assert_eq!(sandbox.json(&["album", "list"])[0]["photos"], 4);
    sandbox.json(&["ingest", &card, "--album", "summer"]);
    let albums = sandbox.json(&["album", "list"]);
    assert_eq!(
        (albums.as_array().unwrap().len(), &albums[0]["photos"]),
        (1, &json!(4)),
        "no second album, no photo twice"
    );
}

#[test]
fn the_same_bytes_in_two_sources_are_one_photo_seen_twice() {
    let (sandbox, card) = with_card(4);
    let copy = sandbox.path("copy");
    fixtures::many(&copy, 4, 3);
    write(&copy.join("again/IMG_00000.JPG"), &fs::read(copy.join("0000/IMG_00000.JPG")).unwrap());
    let reports = sandbox.json(&["ingest", &card, &copy.display().to_string()]);
    assert_eq!(counts(&reports[0]), [4, 4, 0, 0, 0, 0]);
    assert_eq!(counts(&reports[1]), [5, 0, 5, 0, 0, 0]);
    assert_eq!((objects(&sandbox).len(), &sandbox.json(&["search"])["total"]), (4, &json!(4)));
    let photo = sandbox.json(&["show", &sandbox.id_of("IMG_00000.JPG")]);
    let seen: Vec<(&str, &str)> = photo["sightings"].as_array().unwrap().iter().map(place).collect();
    let copy = copy.display().to_string();
    assert_eq!(
        seen,
        [(&*card, "0000/IMG_00000.JPG"), (&copy, "0000/IMG_00000.JPG"), (&copy, "again/IMG_00000.JPG")],
        "{photo}"
    );
    let sources = sandbox.json(&["sources"]);
    assert_eq!(sources.as_array().unwrap().iter().map(|one| one["files"].as_u64()).sum::<Option<u64>>(), Some(9));
}

fn place(sighting: &Value) -> (&str, &str) {
    (sighting["source"].as_str().unwrap(), sighting["path"].as_str().unwrap())
}

#[test]
fn a_deleted_photo_met_again_stays_deleted_and_the_run_says_so() {
    let (sandbox, card) = with_card(3);
    sandbox.json(&["ingest", &card]);
    sandbox.json(&["delete", &sandbox.id_of("IMG_00001.JPG")]);
    assert_eq!(counts(&sandbox.json(&["ingest", &card])), [3, 0, 2, 1, 0, 0]);
    assert_eq!(counts(&sandbox.json(&["ingest", &card, "--reread"])), [3, 0, 2, 1, 0, 0]);
    let elsewhere = sandbox.path("elsewhere");
    fixtures::many(&elsewhere, 3, 3);
    assert_eq!(counts(&sandbox.json(&["ingest", &elsewhere.display().to_string()])), [3, 0, 2, 1, 0, 0]);
    assert_eq!(sandbox.json(&["search"])["total"], 2);
    let text = sandbox.keepsake(&["ingest", &card]).expect_code(0).stdout;
    assert!(text.contains("1 file") && text.contains("deleted"), "{text}");
    sandbox.json(&["undo"]);
    assert_eq!(counts(&sandbox.json(&["ingest", &card])), [3, 0, 3, 0, 0, 0]);
}

/// What the system says of every file and folder of a source: listing, sizes, modes, times.
fn looked_at(source: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![source.to_owned()];
    while let Some(path) = left.pop() {
        let it = fs::symlink_metadata(&path).unwrap();
        let times = [it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec(), it.atime(), it.atime_nsec()];
        found.insert(path.clone(), format!("{} {:o} {} {times:?}", it.ino(), it.mode(), it.len()));
        if it.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

#[test]
fn an_unruly_drive_gives_every_photo_and_is_left_as_it_was() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    let made = fixtures::unruly(&drive);
    let may_list_all = fs::read_dir(&made.locked).is_ok();
    sandbox.keepsake(&["init"]).expect_code(0);
    // Listing a folder may count as reading it; the look before and the look after do the same.
    looked_at_twice(&drive);
    let before = looked_at(&drive);
    let code = if may_list_all { 0 } else { 3 };
    let report = sandbox.keepsake(&["--json", "ingest", &drive.display().to_string()]).expect_code(code).json();
    let after = looked_at(&drive);
    let changed: Vec<_> = before.iter().filter(|(path, was)| after.get(*path) != Some(was)).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{changed:?}");

    let photos = made.photos.len() as u64 + u64::from(may_list_all);
    assert_eq!(counts(&report), [photos, photos, 0, 0, 0, 0], "links and pipes are no files: {report}");
    let outside = blake3::hash(&fs::read(&made.outside).unwrap()).to_hex().to_string();
    assert!(objects(&sandbox).iter().all(|path| !path.ends_with(&outside)), "a link led out of the source");
    for photo in &made.photos {
        let name = blake3::hash(&fs::read(drive.join(photo)).unwrap()).to_hex().to_string();
        let object = sandbox.archive().join("objects").join(&name[..2]).join(&name);
        assert!(object.exists(), "{photo:?}");
    }
    let again = sandbox.keepsake(&["--json", "ingest", &drive.display().to_string()]).expect_code(code).json();
    assert_eq!((&again["stored"], &again["read_bytes"]), (&json!(0), &json!(0)));
}

fn looked_at_twice(source: &Path) {
    looked_at(source);
    looked_at(source);
}

#[test]
fn a_name_that_is_no_text_comes_back_byte_for_byte_after_a_recovery() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    let name = OsStr::from_bytes(b"f\xfcr Oma.jpg");
    write(&drive.join(name), &picture(9).size(64, 48).jpeg());
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.json(&["ingest", &drive.display().to_string()]);
    let sandbox = sandbox.backed_up_to_disk();
    let (kit, into) = (sandbox.path("disk/recovery/kit.age"), sandbox.path("recovered"));
    let arguments = ["recover", "--kit", kit.to_str().unwrap(), "--into", into.to_str().unwrap()];
    sandbox.run_with_words(&sandbox.words(), arguments).expect_code(0);
    let seen = |archive: &Path| -> Vec<Vec<u8>> {
        let catalog = rusqlite::Connection::open(archive.join("catalog.db")).unwrap();
        let mut names = catalog.prepare("SELECT name FROM sighting").unwrap();
        let names = names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>();
        names.unwrap()
    };
    assert_eq!(seen(&sandbox.archive()), [name.as_bytes()]);
    assert_eq!(seen(&into), [name.as_bytes()]);
}

#[test]
fn an_unreadable_folder_is_a_problem_and_the_rest_is_taken_in() {
    let (sandbox, card) = with_card(2);
    let locked = Path::new(&card).join("locked");
    write(&locked.join("photo.jpg"), &picture(5).size(64, 48).jpeg());
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let may_list_all = fs::read_dir(&locked).is_ok();
    let ended = sandbox.keepsake(&["--json", "ingest", &card]);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    if may_list_all {
        left_out("root may list every folder");
        return;
    }
    let report = ended.expect_code(3).json();
    assert_eq!((&report["stored"], &report["problems"][0]["path"]), (&json!(2), &json!("locked")));
}

#[test]
fn an_object_that_was_lost_is_read_again_from_an_unchanged_source() {
    let (sandbox, card) = with_card(3);
    sandbox.json(&["ingest", &card]);
    let lost = objects(&sandbox)[1].clone();
    fs::remove_file(sandbox.archive().join("objects").join(&lost)).unwrap();
    let again = sandbox.json(&["ingest", &card]);
    assert!(again["read_bytes"].as_u64().unwrap() > 0, "{again}");
    assert_eq!(objects(&sandbox).len(), 3);
    sandbox.keepsake(&["check", "--objects"]).expect_code(0);
}

#[test]
fn a_source_that_is_not_there_is_an_error_and_no_empty_run() {
    let (sandbox, card) = with_card(2);
    sandbox.json(&["ingest", &card]);
    fs::rename(&card, sandbox.path("unplugged")).unwrap();
    let ended = sandbox.keepsake(&["ingest", &card]).expect_code(1);
    assert!(ended.stderr.contains("hint: is the drive plugged in"), "{}", ended.stderr);
    assert_eq!(sandbox.json(&["search"])["total"], 2, "nothing is gone because it was not seen");
}

#[test]
fn an_archive_inside_the_source_is_passed_by() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    fixtures::many(&drive, 2, 4);
    let archive = drive.join("my archive").display().to_string();
    let drive = drive.display().to_string();
    sandbox.run(["--archive", &archive, "init"]).expect_code(0);
    let ended = sandbox.run(["--archive", &archive, "ingest", &drive]).expect_code(0);
    assert!(ended.stderr.contains("my archive is a Keepsake archive itself and was passed by"), "{}", ended.stderr);
    let again = sandbox.run(["--archive", &archive, "--json", "ingest", &drive]).expect_code(0).json();
    assert_eq!(counts(&again), [2, 0, 2, 0, 0, 0]);
    sandbox.run(["--archive", &archive, "ingest", &format!("{archive}/objects")]).expect_code(2);
}

#[test]
fn two_owners_each_have_their_photo_of_the_same_bytes() {
    let (sandbox, card) = with_card(2);
    sandbox.json(&["ingest", &card]);
    let report = sandbox.json(&["ingest", &card, "--owner", "ben"]);
    counts(&report);
    assert_eq!(objects(&sandbox).len(), 2);
    assert_eq!(sandbox.json(&["search"])["total"], 4);
    let owners: BTreeSet<String> = sandbox.photos().iter().map(|photo| photo["owner"].to_string()).collect();
    assert_eq!(owners.len(), 2);
}
