//! Sources that are not there, are no folders, keep things back, or go away.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Command;

use serde_json::json;

use super::{calm, photos, refused};
use crate::support::cut_short::{Running, copy_tree};
use crate::support::fixtures::{many, unruly};
use crate::support::referee;
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::files_below;

#[test]
fn a_source_that_is_not_there_or_no_folder_is_named() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    let missing = sandbox.path("no such drive").display().to_string();
    let is_there = "is the drive plugged in and mounted?";
    refused(sandbox.keepsake(&["ingest", &missing]), 1, &format!("there is nothing at {missing}"), is_there);
    photos(&sandbox.path("drive"), 1);
    let file = sandbox.path("drive/IMG_0.JPG").display().to_string();
    refused(sandbox.keepsake(&["ingest", &file]), 2, "IMG_0.JPG is a single file", "name the folder that it is in");
    let archive = sandbox.archive().display().to_string();
    refused(sandbox.keepsake(&["ingest", &archive]), 2, "is inside the archive", "name the drive or folder");
    assert_eq!(sandbox.json(&["search"])["total"], 0);
    let (drive, disk) = (sandbox.path("drive").display().to_string(), sandbox.path("disk").display().to_string());
    // Of one drive that is not there, nothing can be rescued.
    refused(sandbox.keepsake(&["rescue", &missing, "--backup-to", &disk]), 1, "there is nothing at", is_there);
    // Of two drives, one of them not there, the other is.
    let ended = sandbox.keepsake(&["--json", "rescue", &missing, &drive, "--backup-to", &disk]).expect_code(3);
    let report = ended.json();
    assert!(report["failed_sources"][0].as_str().unwrap().contains("there is nothing at"), "{report}");
    assert_eq!(report["backup"]["repositories"][0]["state"], "complete");
}

/// Runs the program with arguments.
type Run<'a> = dyn Fn(&[&str]) -> Ended + 'a;

/// Root may read everything: the program runs as nobody.
fn as_nobody(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    let model = sandbox.command([""; 0]);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    command.arg(env!("CARGO_BIN_EXE_keepsake")).args(arguments).env_clear();
    command.envs(model.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(sandbox.path(""));
    Ended::of(&command.output().expect("setpriv starts"))
}

#[test]
fn what_may_not_be_read_is_listed_and_the_rest_is_kept() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    photos(&drive, 3);
    photos(&drive.join("locked"), 2);
    let lock = |path: &str| std::fs::set_permissions(drive.join(path), Permissions::from_mode(0o000)).unwrap();
    lock("IMG_1.JPG");
    lock("locked");
    let archive = sandbox.archive().display().to_string();
    let (source, named) = (drive.display().to_string(), ["--json", "--archive", &archive]);
    let run: Box<Run<'_>> = if rustix::process::geteuid().is_root() {
        let can_run = Command::new("setpriv").arg("--version").output().is_ok();
        for folder in [sandbox.path(""), sandbox.path("tmp")] {
            chown(&folder, Some(65534), Some(65534)).unwrap();
        }
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_keepsake"));
        let reachable = program
            .ancestors()
            .all(|part| std::fs::metadata(part).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0));
        if !can_run || !reachable {
            referee::left_out("nobody cannot run the program here");
            return;
        }
        Box::new(|arguments| as_nobody(&sandbox, arguments))
    } else {
        Box::new(|arguments| sandbox.run(arguments))
    };
    run(&[&named[..], &["init"]].concat()).expect_code(0);
    let ended = run(&[&named[..], &["ingest", &source]].concat()).expect_code(3);
    calm(&ended);
    let report = ended.json();
    assert_eq!((&report["stored"], &report["unreadable"], &report["complete"]), (&json!(2), &json!(1), &json!(true)));
    let problems = report["problems"].as_array().unwrap();
    let said: Vec<_> =
        problems.iter().map(|one| (one["path"].as_str().unwrap(), one["message"].as_str().unwrap())).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].0 == "IMG_1.JPG" && said[0].1.starts_with("the source does not give it: Permission denied"),
        "{said:?}"
    );
    assert!(
        said[1].0 == "locked" && said[1].1.starts_with("the folder cannot be opened: Permission denied"),
        "{said:?}"
    );
    // Once it may be read, a second run brings the rest.
    for (path, mode) in [("IMG_1.JPG", 0o644), ("locked", 0o755)] {
        std::fs::set_permissions(drive.join(path), Permissions::from_mode(mode)).unwrap();
    }
    let report = run(&[&named[..], &["ingest", &source]].concat()).expect_code(0).json();
    assert_eq!((&report["files_seen"], &report["unreadable"]), (&json!(5), &json!(0)));
    // Two of the five look like two others: the pictures are the same bytes.
    assert_eq!((&report["stored"], &report["duplicates"]), (&json!(1), &json!(4)));
}

#[test]
fn a_source_that_goes_away_costs_nothing_that_was_read() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    many(&drive, 1500, 5);
    copy_tree(&drive, &sandbox.path("pulled out"));
    let source = drive.display().to_string();
    sandbox.keepsake(&["init"]).expect_code(0);
    let archive = sandbox.archive().display().to_string();
    let mut running = Running::start(sandbox.command(["--archive", &archive, "ingest", &source]));
    let objects = sandbox.archive().join("objects");
    assert!(running.until(|| !files_below(&objects).is_empty()), "the ingest was too quick");
    std::fs::remove_dir_all(&drive).unwrap();
    let ended = running.end();
    refused(
        ended,
        1,
        "is gone: the drive was unplugged or unmounted",
        "what was stored is safe, and is not read again",
    );
    sandbox.keepsake(&["check", "--objects"]).expect_code(0);
    let before = files_below(&objects).len();
    assert!(before > 0 && before < 1500, "{before}");
    // A drive that is not there marks nothing as gone.
    refused(sandbox.keepsake(&["ingest", &source]), 1, "there is nothing at", "is the drive plugged in and mounted?");
    assert_eq!(files_below(&objects).len(), before);

    std::fs::rename(sandbox.path("pulled out"), &drive).unwrap();
    let report = sandbox.json(&["ingest", &source]);
    assert_eq!((&report["complete"], &report["files_seen"]), (&json!(true), &json!(1500)));
    assert_eq!(sandbox.json(&["search", "--limit", "1"])["total"], 1500);
}

#[test]
fn what_drives_are_full_of_is_read_to_the_bottom() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    let made = unruly(&drive);
    sandbox.keepsake(&["init"]).expect_code(0);
    let ended = sandbox.keepsake(&["--json", "ingest", &drive.display().to_string()]);
    calm(&ended);
    assert!(matches!(ended.code, 0 | 3), "{}{}", ended.stdout, ended.stderr);
    let report = ended.json();
    let locked_is_read = rustix::process::geteuid().is_root();
    let expected = made.photos.len() + usize::from(locked_is_read);
    assert_eq!(report["files_seen"], json!(expected), "{report}");
    assert_eq!(report["complete"], true);
    // A name of a hundred folders, names that are no text: a backup takes them all.
    let disk = sandbox.path("disk").display().to_string();
    sandbox.keepsake(&["repo", "add", "disk", &disk]).expect_code(0);
    assert_eq!(sandbox.json(&["backup"])["repositories"][0]["state"], "complete");
    sandbox.keepsake(&["drill", "--all"]).expect_code(0);
    drop(made);
}
