//! Restores that meet other files, full drives, and snapshots of strangers.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{archive_of, calm, photos, refused};
use crate::support::referee;
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

fn backed_up() -> Sandbox {
    let drive = Sandbox::new();
    photos(&drive.path("drive"), 3);
    archive_of(&drive.path("drive")).backed_up_to_disk()
}

#[test]
fn a_different_file_in_the_way_stays_until_somebody_says_otherwise() {
    let sandbox = backed_up();
    let to = sandbox.path("to");
    let place = to.display().to_string();
    sandbox.keepsake(&["restore", "--all", "--to", &place]).expect_code(0);
    let files = files_below(&to);
    let first = to.join(&files[0]);
    let right = std::fs::read(&first).unwrap();
    write(&first, b"somebody's own picture");

    let ended = sandbox.keepsake(&["--json", "restore", "--all", "--to", &place]).expect_code(3);
    calm(&ended);
    let report = ended.json();
    assert_eq!(report["problems"].as_array().unwrap().len(), 1, "{report}");
    assert!(report["problems"][0]["message"].as_str().unwrap().contains("--overwrite replaces it"), "{report}");
    assert_eq!(report["already_there"], json!(files.len() - 1));
    assert_eq!(std::fs::read(&first).unwrap(), b"somebody's own picture");

    // A folder and a link in the way are not replaced by accident either.
    let (second, third) = (to.join(&files[1]), to.join(&files[2]));
    std::fs::remove_file(&second).unwrap();
    write(&second.join("holiday.txt"), b"notes");
    std::fs::remove_file(&third).unwrap();
    write(&sandbox.path("precious"), b"precious");
    symlink(sandbox.path("precious"), &third).unwrap();
    sandbox.keepsake(&["restore", "--all", "--to", &place]).expect_code(3);
    assert!(second.join("holiday.txt").exists() && third.is_symlink());

    let ended = sandbox.keepsake(&["--json", "restore", "--all", "--to", &place, "--overwrite"]).expect_code(3);
    calm(&ended);
    assert_eq!(ended.json()["problems"].as_array().unwrap().len(), 1, "a folder full of files is never replaced");
    assert_eq!(std::fs::read(&first).unwrap(), right);
    assert!(!third.is_symlink(), "the link itself was replaced");
    assert_eq!(std::fs::read(sandbox.path("precious")).unwrap(), b"precious", "what it led to was not");
    assert!(second.join("holiday.txt").exists());
}

#[test]
fn what_is_not_in_the_snapshot_is_told_with_what_is() {
    let sandbox = backed_up();
    let to = sandbox.path("to").display().to_string();
    let restore = |arguments: &[&str]| sandbox.keepsake(&[&["restore", "--to", &to], arguments].concat());
    sandbox.keepsake(&["album", "create", "Lisbon"]).expect_code(0);
    let photos = sandbox.json(&["search"]);
    let photo = photos["photos"][0]["id"].as_str().unwrap().to_owned();
    sandbox.keepsake(&["album", "add", "Lisbon", &photo]).expect_code(0);
    sandbox.keepsake(&["backup"]).expect_code(0);
    refused(restore(&["--album", "Lisboa"]), 2, "there is no album called “Lisboa”", "the albums here: Lisbon");
    refused(restore(&["--path", "photos/nobody/**"]), 2, "nothing in the snapshot is files like", "paths look like");
    refused(restore(&["--path", "["]), 2, "“[” is not a pattern", "paths look like");
    refused(restore(&["--all", "--snapshot", "ffffffff"]), 2, "no snapshot's id begins with", "keepsake snapshots");
    assert!(!Path::new(&to).exists());
    restore(&["--album", "lisbon"]).expect_code(0);
}

#[test]
fn a_snapshot_of_another_program_brings_nothing_that_is_not_proven() {
    let sandbox = backed_up();
    if !referee::is_here("restic", "apt-get install restic") {
        return;
    }
    let strange = sandbox.path("strange");
    write(&strange.join("photos/a.jpg"), b"\xff\xd8\xff\xe0");
    write(&strange.join("keepsake/checksums/x.b3"), b"nonsense\n../../x  ../../x\n");
    symlink("/etc/passwd", strange.join("photos/link.jpg")).unwrap();
    symlink("/", strange.join("photos/root")).unwrap();
    let output = Command::new("restic")
        .args(["--no-cache", "-q", "-r"])
        .arg(sandbox.path("disk"))
        .args(["backup", "."])
        .current_dir(&strange)
        .env("RESTIC_PASSWORD", sandbox.password("disk"))
        .output()
        .expect("restic starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list = sandbox.json(&["snapshots"]);
    let theirs = list["snapshots"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();

    let to = sandbox.path("to");
    let place = to.display().to_string();
    let ended = sandbox.keepsake(&["restore", "--all", "--to", &place, "--snapshot", &theirs]);
    calm(&ended);
    assert!(ended.code != 0, "{}", ended.stdout);
    assert!(!to.exists() || files_below(&to).is_empty(), "{:?}", files_below(&to));
    let into = sandbox.path("into").display().to_string();
    let password = sandbox.path("password");
    write(&password, sandbox.password("disk").as_bytes());
    let (disk, password) = (sandbox.path("disk").display().to_string(), password.display().to_string());
    let arguments = ["recover", "--from", &disk, "--password-file", &password, "--into", &into];
    let ended = sandbox.run([&arguments[..], &["--snapshot", &theirs]].concat());
    refused(ended, 1, "was not made by Keepsake", "stock restic restores it");
    // Ours stays the newest that counts.
    sandbox.keepsake(&["restore", "--all", "--to", &place]).expect_code(0);
    assert_eq!(files_below(&to).len(), 3);
}
