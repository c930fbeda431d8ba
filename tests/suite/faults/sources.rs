//! Sources that change or go away while they are read.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{calm, said};
use crate::support::cut_short::Running;
use crate::support::fixtures::many;
use crate::support::sandbox::Sandbox;
use crate::support::small_disk::with_own_mounts;
use crate::support::tree::files_below;

#[test]
fn a_file_that_grows_while_it_is_read_is_listed_and_the_next_run_has_all_of_it() {
    let sandbox = Sandbox::in_memory();
    let drive = sandbox.path("drive");
    many(&drive, 5, 1);
    let growing = drive.join("MVI_0001.MP4");
    let head = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
    // Large enough that reading it takes longer than the pauses of whoever writes.
    fs::write(&growing, [&head[..], &vec![0x5a; 48 << 20]].concat()).expect("a file");
    sandbox.keepsake(&["init"]).expect_code(0);
    let over = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = OpenOptions::new().append(true).open(&growing).expect("a file");
            // A camera that still records.
            while !over.load(Ordering::Relaxed) {
                file.write_all(&[0x5a; 1024]).expect("room");
                thread::sleep(Duration::from_millis(1));
            }
        });
        let report = sandbox.keepsake(&["--json", "ingest", &drive.display().to_string()]);
        over.store(true, Ordering::Relaxed);
        report
    });
    calm(&report);
    let report = report.expect_code(3).json();
    assert_eq!((&report["complete"], &report["files_seen"]), (&json!(true), &json!(6)));
    let kinds: Vec<_> = report["problems"].as_array().expect("a list").iter().map(|one| &one["kind"]).collect();
    assert!(kinds.contains(&&json!("changed")), "{report}");
    sandbox.keepsake(&["check", "--objects"]).expect_code(0);

    let again = sandbox.keepsake(&["--json", "ingest", &drive.display().to_string()]);
    let again = again.json();
    assert_eq!(again["stored"], json!(1), "{again}");
    let whole = blake3::hash(&fs::read(&growing).expect("a file")).to_hex().to_string();
    let objects = files_below(&sandbox.archive().join("objects"));
    assert!(objects.iter().any(|name| name.ends_with(&whole)), "the whole film is kept");
}

#[test]
fn files_that_come_and_go_while_a_source_is_read_stop_nothing() {
    let sandbox = Sandbox::in_memory();
    let drive = sandbox.path("drive");
    many(&drive, 400, 2);
    sandbox.keepsake(&["init"]).expect_code(0);
    let archive = sandbox.archive().display().to_string();
    let mut running =
        Running::start(sandbox.command(["--archive", &archive, "--json", "ingest", &drive.display().to_string()]));
    let mut number = 0;
    while running.goes_on() {
        number += 1;
        let (new, old) = (drive.join(format!("new-{number}.jpg")), drive.join(format!("new-{}.jpg", number / 2)));
        File::create(&new).and_then(|mut file| file.write_all(b"\xff\xd8\xff\xe0")).expect("a file");
        if old.exists() {
            fs::remove_file(&old).expect("it was there");
        }
        thread::sleep(Duration::from_millis(1));
    }
    let ended = running.end();
    calm(&ended);
    assert!(matches!(ended.code, 0 | 3), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.json()["complete"], true);
    assert!(sandbox.json(&["search", "--limit", "1"])["total"].as_u64().expect("a number") >= 400);
    sandbox.keepsake(&["check", "--objects"]).expect_code(0);
}

#[test]
fn a_drive_that_is_unmounted_in_the_middle_ends_the_run_or_gives_it_all_and_nothing_counts_as_deleted() {
    let sandbox = Sandbox::in_memory();
    many(&sandbox.path("photos"), 600, 4);
    let Some(mounted) = with_own_mounts(
        &sandbox,
        r#"
        drive 64m card
        cp -a photos/. card/
        keepsake init init archive
        keepsake ingest --archive archive --json ingest card &
        while [ -z "$(find archive/objects -type f 2>/dev/null | head -1)" ] && kill -0 $! 2>/dev/null; do sleep 0.01; done
        umount -l card
        wait
        keepsake sound --archive archive check --objects
        find archive/objects -type f | wc -l >stored
        keepsake none --archive archive ingest card
        keepsake all --archive archive --json search --limit 1
        find archive/objects -type f | wc -l >stored-after
        rm -rf card; mv photos card
        keepsake again --archive archive --json ingest card
        keepsake total --archive archive --json search --limit 1
        "#,
    ) else {
        return;
    };
    let ended = mounted.ended("ingest");
    calm(&ended);
    // What was open stays open: a lazy unmount lets the run go on to the end, a plug that is pulled does not.
    match ended.code {
        0 => assert_eq!(ended.json()["files_seen"], json!(600)),
        _ => said(&ended.expect_code(1), "is gone: the drive was unplugged or unmounted"),
    }
    mounted.ended("sound").expect_code(0);
    let read = |name: &str| fs::read_to_string(sandbox.path(name)).expect("it is there");
    assert_ne!(read("stored").trim(), "0");
    // An empty mount point says nothing of the photos that were there.
    calm(&mounted.ended("none"));
    assert_eq!(read("stored"), read("stored-after"));
    assert!(mounted.ended("again").code == 0, "{}", mounted.ended("again").stdout);
    assert_eq!(mounted.ended("total").json()["total"], json!(600));
}
