//! Killed while it takes photos in.

use std::path::Path;
use std::time::Instant;

use super::{Tally, a_drive, assert_same, assert_swept, holdings, keepsake};
use crate::support::cut_short::{Cut, copy_tree, kill_within, moments};
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::files_below;

/// How far it had come.
fn stage(archive: &Path, of_objects: usize) -> &'static str {
    match files_below(&archive.join("objects")).len() {
        0 => "before the first object",
        some if some < of_objects => "storing",
        _ => "examining or describing",
    }
}

#[test]
fn an_ingest_killed_at_any_moment_and_run_again_ends_as_an_undisturbed_one() {
    let sandbox = Sandbox::in_memory();
    let drive = sandbox.path("drive");
    a_drive(&drive, 150, 2);
    let (template, whole) = (sandbox.path("template"), sandbox.path("whole"));
    sandbox.run(["init".as_ref(), template.as_os_str()]).expect_code(0);
    copy_tree(&template, &whole);
    let ingest = |archive: &Path| keepsake(&sandbox, archive, &["--json", "ingest", &drive.display().to_string()]);
    let began = Instant::now();
    let undisturbed = Ended::of(&ingest(&whole).output().expect("the program starts")).expect_code(3).json();
    let (lasted, expected) = (began.elapsed(), holdings(&whole));

    let mut tally = Tally::default();
    for (number, moment) in moments(20, 20, lasted).into_iter().enumerate() {
        let archive = sandbox.path(&format!("archive-{number}"));
        let afresh = || {
            if archive.exists() {
                std::fs::remove_dir_all(&archive).expect("a folder of our own can be removed");
            }
            copy_tree(&template, &archive);
            ingest(&archive)
        };
        match kill_within(moment, afresh) {
            Cut::Killed => tally.count(stage(&archive, expected.objects.len())),
            Cut::Finished => tally.count("after its end"),
        }
        let what = format!("kill number {number}, after {moment:?} of {lasted:?}");
        let ended = Ended::of(&ingest(&archive).output().expect("the program starts"));
        assert!(matches!(ended.code, 0 | 3), "{what}: {}{}", ended.stdout, ended.stderr);
        let report = ended.json();
        assert_eq!(report["complete"], true, "{what}");
        assert_eq!(report["files_seen"], undisturbed["files_seen"], "{what}");
        assert_same(&holdings(&archive), &expected, &what);
        assert_swept(&archive);
        let checked = keepsake(&sandbox, &archive, &["check", "--objects"]).output().expect("the program starts");
        Ended::of(&checked).expect_code(0);
        std::fs::remove_dir_all(&archive).expect("a folder of our own can be removed");
    }
    tally.tell("ingest was killed");
}
