//! Ctrl-C: the first stops at the next safe point and says how to go on, the second stops at once.

use std::path::Path;

use super::{a_drive, assert_same, assert_swept, holdings, keepsake};
use crate::support::cut_short::Running;
use crate::support::mortal_bucket::{KEYS, MortalBucket};
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::files_below;

fn has_files(folder: &Path) -> bool {
    folder.is_dir() && !files_below(folder).is_empty()
}

#[test]
fn an_ingest_that_is_stopped_says_how_to_go_on_and_goes_on() {
    let sandbox = Sandbox::in_memory();
    let drive = sandbox.path("drive");
    a_drive(&drive, 1200, 4);
    let source = drive.display().to_string();
    let undisturbed = sandbox.path("undisturbed");
    sandbox.run(["init".as_ref(), undisturbed.as_os_str()]).expect_code(0);
    let run = |command: &mut std::process::Command| Ended::of(&command.output().expect("the program starts"));
    run(&mut keepsake(&sandbox, &undisturbed, &["ingest", &source])).expect_code(3);

    sandbox.keepsake(&["init"]).expect_code(0);
    let mut running = Running::start(keepsake(&sandbox, &sandbox.archive(), &["ingest", &source]));
    assert!(running.until(|| has_files(&sandbox.archive().join("objects"))), "the ingest was too quick");
    running.interrupt();
    let ended = running.end().expect_code(130);
    assert!(ended.stdout.contains("Stopped before the end."), "{}", ended.stdout);
    assert!(ended.stdout.contains("run the same command to go on"), "{}", ended.stdout);

    let report = sandbox.json(&["ingest", &source]);
    assert_eq!(report["complete"], true);
    assert_same(&holdings(&sandbox.archive()), &holdings(&undisturbed), "stopped, and gone on");
    assert_swept(&sandbox.archive());
}

#[test]
fn a_backup_that_is_stopped_says_how_to_go_on_and_goes_on() {
    let sandbox = Sandbox::in_memory();
    let drive = sandbox.path("drive");
    a_drive(&drive, 100, 40);
    let place = sandbox.path("disk");
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.keepsake(&["ingest", &drive.display().to_string()]).expect_code(3);
    sandbox.keepsake(&["repo", "add", "disk", &place.display().to_string()]).expect_code(0);

    let mut running = Running::start(keepsake(&sandbox, &sandbox.archive(), &["backup"]));
    assert!(running.until(|| has_files(&place.join("data"))), "the backup was too quick");
    running.interrupt();
    let ended = running.end().expect_code(130);
    assert!(!ended.stdout.contains("FAILED"), "stopped is not failed: {}", ended.stdout);
    assert!(ended.stdout.contains("Stopped before the end."), "{}", ended.stdout);
    assert!(ended.stdout.contains("run the same command to go on"), "{}", ended.stdout);
    assert_eq!(sandbox.json(&["snapshots"])["snapshots"], serde_json::json!([]), "half a snapshot was written");

    let report = sandbox.json(&["backup"]);
    assert_eq!(report["repositories"][0]["state"], "complete");
    sandbox.keepsake(&["check", "--read-data"]).expect_code(0);
}

#[test]
fn a_run_that_waits_for_another_can_be_stopped() {
    let sandbox = Sandbox::in_memory();
    sandbox.keepsake(&["init"]).expect_code(0);
    let drive = sandbox.path("drive");
    a_drive(&drive, 10, 1);
    let source = drive.display().to_string();
    let mut first = Running::start(keepsake(&sandbox, &sandbox.archive(), &["ingest", &source]));
    let lock = sandbox.archive().join("locks");
    let holds = || {
        has_files(&lock)
            && files_below(&lock).iter().any(|name| name.starts_with("ingest.") && name.ends_with(".holder"))
    };
    assert!(first.until(holds), "the ingest was too quick");
    first.signal(rustix::process::Signal::STOP);
    let waiting = sandbox.path("said");
    let mut command = keepsake(&sandbox, &sandbox.archive(), &["--wait", "ingest", &source]);
    command.stderr(std::process::Stdio::from(std::fs::File::create(&waiting).expect("a file")));
    let mut second = Running::start_as_it_is(command);
    let says = || std::fs::read_to_string(&waiting).is_ok_and(|said| said.contains("waiting: "));
    assert!(second.until(says), "{}", std::fs::read_to_string(&waiting).unwrap());
    second.interrupt();
    second.end().expect_code(130);
    first.signal(rustix::process::Signal::CONT);
    first.end().expect_code(3);
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_a_server_that_says_nothing() {
    let sandbox = Sandbox::in_memory();
    let Some(bucket) = MortalBucket::start(&sandbox.path("buckets")) else { return };
    let drive = sandbox.path("drive");
    a_drive(&drive, 1, 20);
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.keepsake(&["ingest", &drive.display().to_string()]).expect_code(3);
    let mut add = keepsake(&sandbox, &sandbox.archive(), &["repo", "add", "s3", &bucket.location("copy")]);
    Ended::of(&add.envs(KEYS).output().expect("the program starts")).expect_code(0);

    let mut command = keepsake(&sandbox, &sandbox.archive(), &["backup"]);
    command.envs(KEYS);
    let mut running = Running::start(command);
    assert!(running.until(|| has_files(&bucket.folder("copy").join("data"))), "the backup was too quick");
    bucket.freeze();
    running.interrupt();
    // The first is heard before the second is sent: two at the same moment are one.
    std::thread::sleep(std::time::Duration::from_millis(200));
    running.interrupt();
    let ended = running.end().expect_code(130);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}
