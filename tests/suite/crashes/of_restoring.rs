//! Killed while photos come back, and while a rescue does everything in one go.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Tally, a_drive, assert_same, assert_swept, holdings, keepsake};
use crate::support::cut_short::{Cut, kill_once, kill_within, moments};
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::files_below;

fn count(folder: &Path) -> usize {
    if folder.is_dir() { files_below(folder).len() } else { 0 }
}

fn remove(folder: &Path) {
    if folder.exists() {
        std::fs::remove_dir_all(folder).expect("a folder of our own can be removed");
    }
}

/// A sandbox with the archive of a drive, and a repository called `disk`.
fn backed_up() -> Sandbox {
    let sandbox = Sandbox::in_memory();
    let drive = sandbox.path("drive");
    a_drive(&drive, 60, 2);
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.keepsake(&["ingest", &drive.display().to_string()]).expect_code(3);
    let place = sandbox.path("disk").display().to_string();
    sandbox.keepsake(&["repo", "add", "disk", &place]).expect_code(0);
    sandbox.keepsake(&["backup"]).expect_code(0);
    sandbox
}

#[test]
fn a_recovery_killed_at_any_moment_and_run_again_brings_everything_back() {
    let sandbox = backed_up();
    let expected = holdings(&sandbox.archive());
    let kit = sandbox.path("kit.age");
    std::fs::copy(sandbox.archive().join("recovery/kit.age"), &kit).expect("a kit");
    let words = sandbox.words();
    let recover = |into: &Path| {
        let mut command = sandbox.command(["recover".as_ref(), "--kit".as_ref(), kit.as_os_str()]);
        command.arg("--into").arg(into).env("KEEPSAKE_KIT_PASSPHRASE", &words);
        command
    };
    let began = Instant::now();
    Ended::of(&recover(&sandbox.path("whole")).output().expect("the program starts")).expect_code(0);
    let lasted = began.elapsed();
    assert_same(&holdings(&sandbox.path("whole")), &expected, "undisturbed");

    let mut tally = Tally::default();
    for (number, moment) in moments(8, 23, lasted).into_iter().enumerate() {
        let into = sandbox.path(&format!("new-{number}"));
        let cut = if number % 2 == 0 {
            let afresh = || {
                remove(&into);
                recover(&into)
            };
            kill_within(moment, afresh)
        } else {
            let enough = expected.objects.len() * (number + 1) / 8;
            kill_once(recover(&into), || count(&into.join("objects")) >= enough, Duration::ZERO)
        };
        let what = format!("kill number {number}, after {moment:?} of {lasted:?}");
        let catalog = into.join("catalog.db");
        match (cut, catalog.exists(), into.join("objects").exists()) {
            (Cut::Finished, ..) => tally.count("after its end"),
            (Cut::Killed, true, _) => tally.count("after the catalog got its name"),
            (Cut::Killed, false, true) => tally.count("fetching objects"),
            (Cut::Killed, false, false) => tally.count("before the store was made"),
        }
        if catalog.exists() {
            // The catalog gets its name last: there is nothing left to do, the kit included.
            assert!(into.join("recovery/kit.age").exists(), "{what}: an archive without a kit");
        } else {
            let half = Ended::of(&keepsake(&sandbox, &into, &["status"]).output().expect("the program starts"));
            half.expect_code(10);
            let ended = Ended::of(&recover(&into).output().expect("the program starts"));
            assert_eq!(ended.code, 0, "{what}: {}{}", ended.stdout, ended.stderr);
        }
        assert_same(&holdings(&into), &expected, &what);
        let checked = keepsake(&sandbox, &into, &["check", "--objects"]).output().expect("the program starts");
        Ended::of(&checked).expect_code(0);
        assert_swept(&into);
        remove(&into);
    }
    tally.tell("recover was killed");
}

#[test]
fn a_restore_killed_at_any_moment_leaves_whole_files_and_goes_on() {
    let sandbox = backed_up();
    let restore = |to: &Path| {
        keepsake(&sandbox, &sandbox.archive(), &["--json", "restore", "--all", "--to", &to.display().to_string()])
    };
    let whole = sandbox.path("whole");
    let began = Instant::now();
    Ended::of(&restore(&whole).output().expect("the program starts")).expect_code(0);
    let (lasted, expected) = (began.elapsed(), files_below(&whole));
    let is_unfinished = |path: &str| path.ends_with(".keepsake-partial");

    let mut tally = Tally::default();
    for (number, moment) in moments(8, 24, lasted).into_iter().enumerate() {
        let to = sandbox.path(&format!("to-{number}"));
        let cut = if number % 2 == 0 {
            let afresh = || {
                remove(&to);
                restore(&to)
            };
            kill_within(moment, afresh)
        } else {
            let enough = expected.len() * number / 8;
            kill_once(restore(&to), || count(&to) >= enough, Duration::ZERO)
        };
        let there = if to.exists() { files_below(&to) } else { Vec::new() };
        match (cut, there.len()) {
            (Cut::Finished, _) => tally.count("after its end"),
            (Cut::Killed, 0) => tally.count("before the first file"),
            (Cut::Killed, _) => tally.count("between files"),
        }
        for path in there.iter().filter(|path| !is_unfinished(path)) {
            let same =
                std::fs::read(to.join(path)).expect("it reads") == std::fs::read(whole.join(path)).expect("it reads");
            assert!(same, "kill number {number}: {path} has its name and is not whole");
        }
        Ended::of(&restore(&to).output().expect("the program starts")).expect_code(0);
        assert_eq!(files_below(&to), expected, "kill number {number}, after {moment:?} of {lasted:?}");
        let differ = Command::new("diff").arg("-r").args([&whole, &to]).output().expect("diff starts");
        assert!(differ.status.success(), "{}", String::from_utf8_lossy(&differ.stdout));
        remove(&to);
    }
    tally.tell("restore was killed");
}

#[test]
fn a_rescue_killed_at_any_moment_and_run_again_does_all_of_it_and_tells_the_words() {
    let sandbox = Sandbox::in_memory();
    let drive = sandbox.path("drive");
    a_drive(&drive, 60, 1);
    let rescue = |archive: &Path, disk: &Path| {
        let (drive, disk) = (drive.display().to_string(), disk.display().to_string());
        keepsake(&sandbox, archive, &["--json", "rescue", &drive, "--backup-to", &disk])
    };
    let (whole, disk) = (sandbox.path("whole"), sandbox.path("whole-disk"));
    let began = Instant::now();
    let undisturbed = Ended::of(&rescue(&whole, &disk).output().expect("the program starts")).expect_code(3).json();
    let (lasted, expected) = (began.elapsed(), holdings(&whole));

    let mut tally = Tally::default();
    for (number, moment) in early_and_late(lasted).into_iter().enumerate() {
        let (archive, disk) = (sandbox.path(&format!("a-{number}")), sandbox.path(&format!("d-{number}")));
        let afresh = || {
            remove(&archive);
            remove(&disk);
            rescue(&archive, &disk)
        };
        let cut = kill_within(moment, afresh);
        match (&cut, archive.join("catalog.db").exists(), disk.join("config").exists()) {
            (Cut::Finished, ..) => tally.count("after its end"),
            (Cut::Killed, false, _) => tally.count("making the archive"),
            (Cut::Killed, true, false) => tally.count("taking photos in"),
            (Cut::Killed, true, true) => tally.count("backing up or drilling"),
        }
        let what = format!("kill number {number}, after {moment:?} of {lasted:?}");
        let was_killed = matches!(cut, Cut::Killed);
        let ended = Ended::of(&rescue(&archive, &disk).output().expect("the program starts"));
        assert!(matches!(ended.code, 0 | 3), "{what}: {}{}", ended.stdout, ended.stderr);
        let report = ended.json();
        // What was killed printed nothing, so nobody knows the words yet.
        let words = report["words"].as_str().map(|words| words.split(' ').count());
        assert_eq!(words, was_killed.then_some(8), "{what}");
        let state = &report["backup"]["repositories"][0]["state"];
        assert!(state == "complete" || state == "unchanged", "{what}: {report}");
        assert_eq!(report["drill"]["repositories"][0]["failed"], serde_json::json!([]), "{what}");
        assert_eq!(report["status"]["photos"], undisturbed["status"]["photos"], "{what}");
        assert_same(&holdings(&archive), &expected, &what);
        remove(&archive);
        remove(&disk);
    }
    tally.tell("rescue was killed");
}

/// The making of an archive is over soon: half of the moments are in the first tenth.
fn early_and_late(lasted: Duration) -> Vec<Duration> {
    let mut all = moments(4, 25, lasted / 10);
    all.extend(moments(4, 26, lasted));
    all
}
