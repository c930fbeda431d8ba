//! Archives that are not there, are too new, are busy, or are broken.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::json;

use super::{archive_of, calm, photos, refused};
use keepsake::config::{Archive, Lock, Sharing};

use crate::support::cut_short::{Running, copy_tree};
use crate::support::fixtures::many;
use crate::support::sandbox::Sandbox;
use crate::support::tree::files_below;

fn archive_of_three() -> Sandbox {
    let drive = Sandbox::new();
    photos(&drive.path("drive"), 3);
    archive_of(&drive.path("drive"))
}

/// Every command that would read or write an archive.
const COMMANDS: [&[&str]; 7] = [
    &["status"],
    &["search"],
    &["check"],
    &["backup"],
    &["drill"],
    &["album", "create", "Lisbon"],
    &["ingest", "/tmp"],
];

#[test]
fn an_archive_whose_drive_is_not_mounted_is_absent_and_stays_so() {
    let sandbox = Sandbox::new();
    let hint = "is its drive plugged in and mounted? Nothing was changed";
    for command in COMMANDS {
        refused(sandbox.keepsake(command), 10, "no archive can be seen in", hint);
        assert!(!sandbox.archive().exists(), "{command:?} made something on the mount point");
    }
    std::fs::create_dir(sandbox.archive()).unwrap();
    for command in COMMANDS {
        refused(sandbox.keepsake(command), 10, "the folder is empty", hint);
        assert_eq!(files_below(&sandbox.archive()), Vec::<String>::new(), "{command:?}");
    }
}

#[test]
fn an_archive_that_lost_its_objects_is_not_begun_anew() {
    let sandbox = archive_of_three();
    std::fs::remove_dir_all(sandbox.archive().join("objects")).unwrap();
    for command in COMMANDS {
        refused(sandbox.keepsake(command), 10, "there is no folder", "is the archive's drive plugged in and mounted?");
        assert!(!sandbox.archive().join("objects").exists(), "{command:?}");
    }
}

#[test]
fn an_archive_of_a_newer_version_is_left_alone() {
    let sandbox = archive_of_three();
    let marker = sandbox.archive().join(".keepsake-archive");
    let before = std::fs::read_to_string(&marker).unwrap();
    std::fs::write(&marker, before.replace("format = 1", "format = 99")).unwrap();
    for command in COMMANDS {
        refused(sandbox.keepsake(command), 1, "has format 99", "install the newest version of keepsake");
    }
    std::fs::write(&marker, before).unwrap();

    let catalog = sandbox.archive().join("catalog.db");
    let mut bytes = std::fs::read(&catalog).unwrap();
    // The user version (SQLite file format, section 1.3).
    bytes[60..64].copy_from_slice(&999u32.to_be_bytes());
    std::fs::write(&catalog, &bytes).unwrap();
    for command in COMMANDS {
        refused(sandbox.keepsake(command), 1, "newer version of Keepsake (it has version 999", "nothing was changed");
    }
    assert_eq!(std::fs::read(&catalog).unwrap(), bytes);
}

#[test]
fn a_catalog_that_is_no_catalog_any_more_is_called_damaged_and_left_as_it_is() {
    let sandbox = archive_of_three();
    let catalog = sandbox.archive().join("catalog.db");
    let whole = std::fs::read(&catalog).unwrap();
    let mut holed = whole.clone();
    holed[4096..whole.len() / 2].fill(0);
    let noise: Vec<u8> = whole.iter().zip(1u32..).map(|(_, at)| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (what, bytes) in [("cut off", &whole[..5000]), ("empty", &[]), ("noise", &noise), ("a hole in it", &holed)] {
        std::fs::write(&catalog, bytes).unwrap();
        for command in COMMANDS {
            let ended = sandbox.keepsake(command);
            calm(&ended);
            // What a hole hides from one command another one meets.
            if ended.code != 0 || what != "a hole in it" {
                let hint = "the photos are not touched by this; keepsake recover makes a new archive";
                refused(ended, 1, "the catalog is damaged", hint);
            }
        }
        assert_eq!(files_below(&sandbox.archive().join("objects")).len(), 3);
    }
}

#[test]
fn a_second_run_at_the_same_time_is_told_since_when_and_may_wait() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    many(&drive, 400, 3);
    let source = drive.display().to_string();
    sandbox.keepsake(&["init"]).expect_code(0);
    let archive = sandbox.archive();
    let start = |arguments: &[&str]| {
        let named = ["--archive".as_ref(), archive.as_os_str()];
        Running::start(sandbox.command(named.into_iter().chain(arguments.iter().map(AsRef::as_ref))))
    };
    let holds = |what: &str| {
        let locks = archive.join("locks");
        locks.is_dir() && files_below(&locks).iter().any(|name| name.starts_with(what) && name.ends_with(".holder"))
    };
    let mut first = start(&["ingest", &source]);
    assert!(first.until(|| holds("ingest")), "the ingest was too quick");
    first.signal(Signal::STOP);
    let busy = refused(sandbox.keepsake(&["ingest", &source]), 11, "the archive is busy: ingest of", "add --wait");
    assert!(busy.stderr.contains(", since 20"), "{}", busy.stderr);
    // Looking is allowed meanwhile.
    sandbox.keepsake(&["search"]).expect_code(0);
    let second = start(&["--json", "--wait", "ingest", &source]);
    first.signal(Signal::CONT);
    first.end().expect_code(0);
    let waited = second.end().expect_code(0).json();
    assert_eq!((&waited["stored"], &waited["duplicates"]), (&json!(0), &json!(400)));

    let disk = sandbox.path("disk").display().to_string();
    sandbox.keepsake(&["repo", "add", "disk", &disk]).expect_code(0);
    // A backup of so little is over at once: its lock is held here in its place.
    let archive = Archive::open(&sandbox.archive()).unwrap();
    let lock = Lock::Repository("disk".parse().unwrap());
    let since = "2026-11-22T02:03:00Z".parse().unwrap();
    let held = archive.lock(&lock, Sharing::Exclusive, "backup to disk", since).unwrap();
    let busy = refused(sandbox.keepsake(&["backup"]), 11, "the archive is busy: backup to disk", "add --wait");
    assert!(busy.stderr.contains(", since 2026-11-22T02:03:00Z"), "{}", busy.stderr);
    // Nothing is wrong with a repository that somebody writes to.
    refused(sandbox.keepsake(&["check"]), 11, "the archive is busy: backup to disk", "add --wait");
    drop(held);
    sandbox.keepsake(&["backup"]).expect_code(0);
    sandbox.keepsake(&["check"]).expect_code(0);
}

/// The first object of an archive, writable by us.
fn an_object(sandbox: &Sandbox) -> PathBuf {
    let objects = sandbox.archive().join("objects");
    let object = objects.join(&files_below(&objects)[0]);
    std::fs::set_permissions(&object, std::fs::Permissions::from_mode(0o644)).unwrap();
    object
}

fn id_of(object: &Path) -> String {
    object.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Something that happens to an object.
type Harm = fn(&Path);

#[test]
fn a_backup_without_every_object_does_not_count_and_the_source_heals_it() {
    let drive = Sandbox::new();
    photos(&drive.path("drive"), 3);
    let source = drive.path("drive").display().to_string();
    let harms: [(&str, Harm, &str); 4] = [
        ("missing", |object| std::fs::remove_file(object).unwrap(), "its object is not in the archive"),
        (
            "altered",
            |object| {
                let mut bytes = std::fs::read(object).unwrap();
                bytes[200] ^= 1;
                std::fs::write(object, bytes).unwrap();
            },
            "altered: its bytes are not the ones it was stored with",
        ),
        (
            "cut off",
            |object| {
                let bytes = std::fs::read(object).unwrap();
                std::fs::write(object, &bytes[..100]).unwrap();
            },
            "",
        ),
        (
            "a link",
            |object| {
                std::fs::remove_file(object).unwrap();
                symlink("/etc/passwd", object).unwrap();
            },
            "should be a file, and is something else",
        ),
    ];
    for (what, harm, told) in harms {
        let sandbox = archive_of(&drive.path("drive"));
        let disk = sandbox.path("disk").display().to_string();
        sandbox.keepsake(&["repo", "add", "disk", &disk]).expect_code(0);
        let object = an_object(&sandbox);
        harm(&object);

        let ended = sandbox.keepsake(&["--json", "backup"]).expect_code(3);
        calm(&ended);
        let backup = &ended.json()["repositories"][0];
        assert_eq!(backup["state"], "partial", "{what}");
        let problems = backup["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{what}: {problems:?}");
        assert!(problems[0]["message"].as_str().unwrap().contains(told), "{what}: {problems:?}");
        let ended = sandbox.keepsake(&["backup"]).expect_code(3);
        assert!(ended.stdout.contains("is INCOMPLETE and does not count"), "{}", ended.stdout);
        let path = problems[0]["path"].as_str().unwrap();
        assert_eq!(ended.stderr.matches(path).count(), 1, "told twice: {}", ended.stderr);
        let to = sandbox.path("to").display().to_string();
        let ended = sandbox.keepsake(&["restore", "--all", "--to", &to]);
        refused(ended, 1, "the repository holds no complete snapshot", "keepsake backup makes one");
        let checked = sandbox.keepsake(&["--json", "check", "--objects"]).expect_code(4).json();
        let (missing, altered) = (&checked["objects"]["missing"], &checked["objects"]["altered"]);
        let found = if what == "missing" { missing } else { altered };
        assert_eq!(*found, json!([id_of(&object)]), "{what}: {checked}");

        // The drive is still there: reading it again mends the archive, and the next backup counts.
        let report = sandbox.json(&["ingest", "--reread", &source]);
        assert_eq!(report["stored"], 0, "{what}");
        sandbox.keepsake(&["check", "--objects"]).expect_code(0);
        assert_eq!(sandbox.json(&["backup"])["repositories"][0]["state"], "complete", "{what}");
        sandbox.keepsake(&["drill", "--all"]).expect_code(0);
    }
}

#[test]
fn what_a_crash_left_of_a_new_archive_does_not_stand_in_the_way() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    let whole = sandbox.path("whole");
    copy_tree(&sandbox.archive(), &whole);
    // In the order in which they are made; a crash leaves the first ones.
    let made: [&[&str]; 4] = [&["secrets.toml"], &["objects", "incoming"], &["catalog.db"], &["recovery", "locks"]];
    for left in 0..=made.len() {
        let cut = sandbox.path(&format!("cut-{left}"));
        copy_tree(&whole, &cut);
        for name in made[left..].iter().copied().flatten() {
            let path = cut.join(name);
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
        let ended = sandbox.run(["init".as_ref(), cut.as_os_str()]);
        if left == made.len() {
            refused(ended, 2, "there is an archive in", "use the archive that is there");
        } else {
            assert!(ended.expect_code(0).stdout.contains("These words open it."), "after {left} of them");
        }
        assert!(cut.join("recovery/kit.age").exists());
    }
}
