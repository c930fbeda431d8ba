//! Keepsake is gone too: everything comes back with programs of others alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;

use crate::support::fixtures::{self, picture};
use crate::support::referee;
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

/// An archive with an album, backed up, and what stock restic made of the copy.
struct BackedUp {
    sandbox: Sandbox,
    restored: Option<PathBuf>,
    snapshot: String,
}

static BACKED_UP: LazyLock<BackedUp> = LazyLock::new(|| {
    let sandbox = Sandbox::shared("stock_tools");
    let drive = sandbox.path("old drive");
    fixtures::old_drive(&drive);
    // A time that does not fit into 32 bits, and one before all time.
    for (name, modified_at) in [("scan.jpg", "1965-03-01T12:00:00Z"), ("future.jpg", "2107-12-31T23:59:58Z")] {
        let path = drive.join(name);
        write(&path, &picture(u32::try_from(name.len()).unwrap()).size(64, 48).jpeg());
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(modified_at.parse::<jiff::Timestamp>().unwrap().into()).unwrap();
    }
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.json(&["ingest", &drive.display().to_string()]);
    sandbox.json(&["album", "create", "Lisbon 2014", "--folder", "2014-08 Lisbon"]);
    sandbox.json(&["album", "create", "Ana", "--search", "Ana"]);
    let sandbox = sandbox.backed_up_to_disk();
    let snapshot = sandbox.json(&["snapshots"])["snapshots"][0]["id"].as_str().unwrap().to_owned();
    let mut backed_up = BackedUp { sandbox, restored: None, snapshot };
    if referee::are_here(&["restic"]) {
        let target = backed_up.sandbox.path("restored by restic");
        succeeded(backed_up.restic(&["restore", "latest", "--target", &target.display().to_string()]));
        backed_up.restored = Some(target);
    }
    backed_up
});

impl BackedUp {
    fn restic(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("restic");
        // Tests run side by side, and a check wants the repository for itself.
        command.arg("--no-cache").arg("--no-lock").arg("--repo").arg(self.sandbox.path("disk")).args(arguments);
        command.env("RESTIC_PASSWORD", self.sandbox.password("disk")).output().expect("restic starts")
    }
}

/// What a program printed that must have done what it was told.
#[track_caller]
fn succeeded(output: Output) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    stdout
}

fn object_of(file: &Path) -> String {
    blake3::hash(&fs::read(file).unwrap()).to_hex().to_string()
}

#[test]
fn restic_finds_nothing_wrong_in_all_the_data() {
    if !referee::are_here(&["restic"]) {
        return;
    }
    let said = succeeded(BACKED_UP.restic(&["check", "--read-data"]));
    assert!(said.contains("no errors were found"), "{said}");
    let snapshots: Value = serde_json::from_str(&succeeded(BACKED_UP.restic(&["snapshots", "--json"]))).unwrap();
    assert_eq!(snapshots.as_array().unwrap().len(), 1);
    assert_eq!(snapshots[0]["id"], BACKED_UP.snapshot.as_str());
}

#[test]
fn the_text_for_a_finder_tells_how_to_prove_every_file_and_it_works() {
    let Some(restored) = &BACKED_UP.restored else { return };
    if !referee::are_here(&["b3sum"]) {
        return;
    }
    let text = fs::read_to_string(restored.join("keepsake/READ-ME-FIRST.txt")).unwrap();
    let line = text.lines().find(|line| line.contains("| b3sum")).expect("the text names the command");
    let run = || Command::new("sh").args(["-c", line.trim()]).current_dir(restored).output().unwrap();
    assert_eq!(succeeded(run()), "");

    // Every file has a line, but for the lines themselves and the text; and a line that lies is found.
    let all = fs::read_dir(restored.join("keepsake/checksums")).unwrap();
    let lines: String = all.map(|shard| fs::read_to_string(shard.unwrap().path()).unwrap()).collect();
    let proven: BTreeSet<&str> = lines.lines().map(|line| &line[66..]).collect();
    let files = files_below(restored);
    let unproven: Vec<_> = files.iter().filter(|path| !proven.contains(path.as_str())).collect();
    let expected = |path: &&&String| path.starts_with("keepsake/checksums/") || path.ends_with("READ-ME-FIRST.txt");
    assert!(unproven.iter().all(|path| expected(&path)), "{unproven:?}");
    assert_eq!(proven.len() + unproven.len(), files.len());
}

#[test]
fn every_object_of_the_archive_is_in_what_restic_restores() {
    let Some(restored) = &BACKED_UP.restored else { return };
    let found: BTreeSet<String> = files_below(restored).iter().map(|path| object_of(&restored.join(path))).collect();
    let objects = files_below(&BACKED_UP.sandbox.archive().join("objects"));
    let missing: Vec<_> = objects.iter().filter(|path| !found.contains(path.rsplit('/').next().unwrap())).collect();
    assert_eq!(missing, Vec::<&String>::new());
    assert!(objects.len() > 70);
}

#[test]
fn a_restored_photo_has_the_time_at_which_it_was_taken() {
    let Some(restored) = &BACKED_UP.restored else { return };
    let mut years = BTreeSet::new();
    for photo in BACKED_UP.sandbox.photos() {
        let path = photo["path"].as_str().unwrap();
        let file = fs::metadata(restored.join(path)).unwrap();
        // As if the clock on the wall were UTC: most photos do not know their zone.
        let Some(taken_at) = photo["taken_at"].as_str() else {
            let seen = photo["sightings"][0]["modified_at"].as_str().unwrap();
            assert_eq!(file.mtime(), seen.parse::<jiff::Timestamp>().unwrap().as_second(), "{path}");
            years.insert(2107);
            continue;
        };
        let taken_at: jiff::civil::DateTime = taken_at.parse().unwrap();
        let expected = taken_at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        assert_eq!(file.mtime(), expected.as_second(), "{path}");
        years.insert(taken_at.year());
    }
    assert!(years.is_superset(&BTreeSet::from([1954, 1961, 1965, 2014, 2019, 2107])), "{years:?}");
}

#[test]
fn albums_are_the_photos_again_and_take_no_space() {
    let Some(restored) = &BACKED_UP.restored else { return };
    let photos: BTreeMap<u64, String> = files_below(&restored.join("photos"))
        .into_iter()
        .map(|path| (fs::metadata(restored.join("photos").join(&path)).unwrap().ino(), path))
        .collect();
    let members = files_below(&restored.join("albums"));
    let of_photos = members.iter().filter(|path| Path::new(path).extension() != Some("xmp".as_ref()));
    for path in of_photos.clone() {
        let file = fs::metadata(restored.join("albums").join(path)).unwrap();
        assert!(photos.contains_key(&file.ino()), "{path} is a file of its own");
    }
    assert!(of_photos.count() >= 10, "{members:?}");
    assert!(members.iter().any(|path| path.starts_with("anna/Lisbon 2014/")));
    assert!(members.iter().any(|path| path.starts_with("anna/Ana/")));
}

#[test]
fn restic_restores_one_album_alone() {
    if !referee::are_here(&["restic"]) {
        return;
    }
    let target = BACKED_UP.sandbox.path("one album");
    let include = "/albums/anna/Lisbon 2014";
    succeeded(BACKED_UP.restic(&[
        "restore",
        "latest",
        "--include",
        include,
        "--target",
        &target.display().to_string(),
    ]));
    let files = files_below(&target);
    let members = &BACKED_UP.sandbox.json(&["album", "show", "Lisbon 2014"])["photos"];
    let hashes: BTreeSet<String> = files.iter().map(|path| object_of(&target.join(path))).collect();
    assert!(members.as_array().unwrap().iter().all(|photo| hashes.contains(photo["object"].as_str().unwrap())));
    assert!(files.iter().all(|path| path.starts_with("albums/anna/Lisbon 2014/")), "{files:?}");
}

#[test]
fn exiftool_reads_from_the_sidecars_what_people_said() {
    let Some(restored) = &BACKED_UP.restored else { return };
    if !referee::is_here("exiftool", "apt-get install libimage-exiftool-perl") {
        return;
    }
    let photo = BACKED_UP.sandbox.photo_called("Panorama.jpg");
    let sidecar = restored.join(format!("{}.xmp", photo["path"].as_str().unwrap()));
    let output =
        Command::new("exiftool").args(["-json", "-CatalogSets", "-validate", "-warning"]).arg(sidecar).output();
    let read: Value = serde_json::from_str(&succeeded(output.unwrap())).unwrap();
    assert_eq!(read[0]["CatalogSets"], "Lisbon 2014", "{read}");
    assert_eq!(read[0]["Warning"], Value::Null, "{read}");
}

#[test]
fn age_opens_the_kit_and_its_text_brings_everything_back_with_restic() {
    if !referee::are_here(&["restic", "age"]) {
        return;
    }
    let sandbox = &BACKED_UP.sandbox;
    let (key, kit) = (sandbox.path("key.txt"), sandbox.path("kit for age.age"));
    succeeded(Command::new("age-keygen").arg("--output").arg(&key).output().unwrap());
    let recipient = succeeded(Command::new("age-keygen").arg("-y").arg(&key).output().unwrap());
    sandbox.json(&["kit", "create", "--recipient", recipient.trim(), "--out", &kit.display().to_string()]);
    let opened =
        succeeded(Command::new("age").arg("--decrypt").arg("--identity").arg(&key).arg(&kit).output().unwrap());
    let opened: Value = serde_json::from_str(&opened).unwrap();
    assert_eq!(opened["repositories"][0]["name"], "disk");
    assert_eq!(opened["repositories"][0]["location"], sandbox.path("disk").display().to_string());
    assert_eq!(opened["repositories"][0]["password"], sandbox.password("disk"));
    assert!(opened["made_at"].is_string() && opened["made_by"].as_str().unwrap().starts_with("keepsake "));

    let said = opened["how_to"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    let command = said.clone().find_map(|line| line.strip_prefix("From disk: ")).expect("a command");
    let home = sandbox.path("blank machine");
    fs::create_dir(&home).unwrap();
    let output = Command::new("sh").args(["-c", command]).current_dir(&home).env("HOME", &home).output();
    succeeded(output.unwrap());
    let photos = files_below(&home.join("rescued/photos"));
    assert!(photos.len() > 70);

    // The other way round: the program opens the same kit with the same identity.
    let shown = sandbox.json(&["kit", "show", &kit.display().to_string(), "--identity", &key.display().to_string()]);
    assert_eq!(shown["repositories"], opened["repositories"]);
}

#[test]
fn sqlite_finds_the_catalog_whole() {
    if !referee::are_here(&["sqlite3"]) {
        return;
    }
    let catalog = BACKED_UP.sandbox.archive().join("catalog.db");
    let checks = ["PRAGMA integrity_check; PRAGMA foreign_key_check;"];
    let said = succeeded(Command::new("sqlite3").arg("-readonly").arg(catalog).args(checks).output().unwrap());
    assert_eq!(said.trim(), "ok");
}
