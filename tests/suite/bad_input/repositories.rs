//! Repositories whose drive is not there, was exchanged, or belongs to another archive.

use std::path::Path;

use super::{archive_of, calm, photos, refused};
use crate::support::cut_short::copy_tree;
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

fn backed_up() -> Sandbox {
    let drive = Sandbox::new();
    photos(&drive.path("drive"), 2);
    archive_of(&drive.path("drive")).backed_up_to_disk()
}

fn remove(folder: &Path) {
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_repository_whose_drive_is_not_mounted_is_not_begun_anew() {
    let sandbox = backed_up();
    let disk = sandbox.path("disk");
    std::fs::rename(&disk, sandbox.path("unplugged")).unwrap();
    for mount_point in ["missing", "empty"] {
        if mount_point == "empty" {
            std::fs::create_dir(&disk).unwrap();
        }
        for command in ["backup", "drill"] {
            let ended = sandbox.keepsake(&[command]).expect_code(1);
            calm(&ended);
            assert!(ended.stdout.contains("there is no repository at"), "{}", ended.stdout);
            assert!(ended.stdout.contains("hint: is its drive plugged in and mounted?"), "{}", ended.stdout);
        }
        let ended = sandbox.keepsake(&["check"]).expect_code(4);
        assert!(ended.stdout.contains("disk: could NOT be checked: there is no repository at"), "{}", ended.stdout);
        let to = sandbox.path("to").display().to_string();
        let plugged_in = "is its drive plugged in and mounted?";
        let ended = sandbox.keepsake(&["restore", "--all", "--to", &to]);
        refused(ended, 10, "there is no repository at", plugged_in);
        refused(sandbox.keepsake(&["snapshots"]), 10, "there is no repository at", plugged_in);
        // The rescue of another drive must not take the mount point for a new place either.
        let drive = sandbox.path("another drive");
        photos(&drive, 1);
        let place = disk.display().to_string();
        let ended = sandbox.keepsake(&["rescue", &drive.display().to_string(), "--backup-to", &place]).expect_code(1);
        assert!(ended.stdout.contains("FAILED: there is no repository at"), "{}", ended.stdout);
        assert!(!disk.exists() || files_below(&disk).is_empty(), "something was made on the mount point");
    }
    remove(&disk);
    std::fs::rename(sandbox.path("unplugged"), &disk).unwrap();
    sandbox.keepsake(&["backup"]).expect_code(0);
}

#[test]
fn the_repository_of_another_archive_is_neither_joined_nor_written_to() {
    let (ours, theirs) = (backed_up(), backed_up());
    let disk = ours.path("disk");
    // Somebody plugged the other drive in at the same place.
    std::fs::rename(&disk, ours.path("ours")).unwrap();
    copy_tree(&theirs.path("disk"), &disk);
    let before = files_below(&disk);
    let ended = ours.keepsake(&["backup"]).expect_code(1);
    calm(&ended);
    assert!(ended.stdout.contains("disk: FAILED: the key does not open"), "{}", ended.stdout);
    assert_eq!(files_below(&disk), before);

    // Added under a name, without its password and with it.
    let place = theirs.path("disk").display().to_string();
    let ended = ours.keepsake(&["repo", "add", "other", &place]);
    refused(ended, 1, "there is a repository at", "give its password with --password-file to join it");
    let file = ours.path("password");
    write(&file, theirs.password("disk").as_bytes());
    let file = file.display().to_string();
    ours.keepsake(&["repo", "add", "another", &place, "--password-file", &file]).expect_code(0);
    // It is kept apart by archive: neither's snapshots are the other's.
    ours.keepsake(&["backup", "--repo", "another"]).expect_code(0);
    let ended = theirs.keepsake(&["check", "--read-data"]).expect_code(4);
    assert!(ended.stdout.contains("disk: sound"), "{}", ended.stdout);
    // There is room for one kit beside a repository, and now it is ours.
    assert!(ended.stdout.contains("kit: NOT SOUND"), "{}", ended.stdout);
    theirs.keepsake(&["drill", "--all"]).expect_code(0);
}

#[test]
fn a_repository_is_not_made_among_other_files_or_in_the_archive() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    photos(&sandbox.path("holiday"), 1);
    let holiday = sandbox.path("holiday").display().to_string();
    let ended = sandbox.keepsake(&["repo", "add", "disk", &holiday]);
    refused(ended, 2, "is not empty, and what is in it is not a repository", "name a new folder inside it");
    assert_eq!(files_below(Path::new(&holiday)), ["IMG_0.JPG"]);
    let inside = sandbox.archive().join("copy").display().to_string();
    refused(
        sandbox.keepsake(&["repo", "add", "disk", &inside]),
        2,
        "lost together",
        "choose a folder on another drive",
    );
    assert!(!Path::new(&inside).exists());
}

#[test]
fn a_damaged_repository_says_so_and_the_next_one_is_still_written() {
    let sandbox = backed_up();
    let second = sandbox.path("second").display().to_string();
    sandbox.keepsake(&["repo", "add", "second", &second]).expect_code(0);
    sandbox.keepsake(&["backup"]).expect_code(0);
    let disk = sandbox.path("disk");
    let keep = sandbox.path("whole");
    copy_tree(&disk, &keep);
    for folder in ["config", "keys", "index", "snapshots", "data"] {
        for harm in ["emptied", "noise", "gone"] {
            remove(&disk);
            copy_tree(&keep, &disk);
            let files = if folder == "config" {
                vec![disk.join("config")]
            } else {
                files_below(&disk.join(folder)).iter().map(|name| disk.join(folder).join(name)).collect()
            };
            for file in files {
                // The copies share their bytes with the whole one: a new file takes the place.
                std::fs::remove_file(&file).unwrap();
                match harm {
                    "emptied" => write(&file, b""),
                    "noise" => write(&file, &[0xa5; 400]),
                    _ => {}
                }
            }
            let what = format!("{folder} {harm}");
            sandbox.keepsake(&["album", "create", &what]).expect_code(0);
            let ended = sandbox.keepsake(&["--json", "backup"]);
            calm(&ended);
            let report = ended.json();
            assert_eq!(report["repositories"][1]["state"], "complete", "{what}: {report}");
            // Backed up again in full, or refused in words: never a copy that only looks whole.
            let first = &report["repositories"][0];
            if first["state"] == "complete" {
                // An old snapshot or a key that lost its bytes stays so, and stays told; what is new is whole.
                let checked = sandbox.keepsake(&["--json", "check", "--repo", "disk", "--read-data"]);
                calm(&checked);
                let checked = checked.json();
                for finding in checked["repositories"][0]["findings"].as_array().unwrap() {
                    let kind = finding["kind"].as_str().unwrap();
                    assert!(
                        ["snapshot-damaged", "key-damaged", "old-snapshot-incomplete"].contains(&kind),
                        "{what}: {checked}"
                    );
                }
                sandbox.keepsake(&["drill", "--repo", "disk", "--all"]).expect_code(0);
            } else {
                assert!(
                    first["error"].as_str().is_some_and(|why| !why.is_empty()) || first["state"] == "partial",
                    "{what}: {report}"
                );
                let checked = sandbox.keepsake(&["check", "--repo", "disk", "--read-data"]);
                calm(&checked);
                checked.expect_code(4);
            }
        }
    }
}
