//! Drives that run full, that are read-only, and that are pulled out.

use super::{calm, refused};
use crate::support::fixtures::{committed, many};
use crate::support::sandbox::Sandbox;
use crate::support::small_disk::with_own_mounts;

#[test]
fn a_full_drive_stops_the_run_in_words_and_room_lets_it_go_on() {
    let sandbox = Sandbox::new();
    let old = committed().display().to_string();
    let Some(mounted) = with_own_mounts(
        &sandbox,
        &format!(
            r#"
            # The archive's drive.
            drive 1500k small
            keepsake init init small/archive
            keepsake ingest --archive small/archive ingest "{old}"
            keepsake after --archive small/archive check --objects
            ls small/archive/incoming >left
            mount -o remount,size=64m small
            keepsake ingest-again --archive small/archive ingest "{old}"
            keepsake whole --archive small/archive check --objects

            # The repository's.
            drive 1500k smaller
            keepsake add --archive small/archive repo add copy smaller/copy
            keepsake backup --archive small/archive backup
            keepsake snapshots --archive small/archive --json snapshots
            mount -o remount,size=64m smaller
            keepsake backup-again --archive small/archive backup
            keepsake proven --archive small/archive check --read-data

            # Where photos are restored to, tried, and recovered.
            drive 1m tiny
            keepsake restore --archive small/archive restore --all --to tiny/to
            find tiny -name '*partial*' >partial
            rm -rf tiny/*
            drive 40k scratch
            TMPDIR=$PWD/scratch keepsake drill --archive small/archive drill --all
            ls scratch >left-in-scratch
            export KEEPSAKE_KIT_PASSPHRASE="$(sed -n 's/^passphrase = "\(.*\)"/\1/p' small/archive/secrets.toml)"
            keepsake recover recover --kit small/archive/recovery/kit.age --into tiny/archive
            keepsake half --archive tiny/archive status
            mount -o remount,size=64m tiny
            keepsake recover-again recover --kit small/archive/recovery/kit.age --into tiny/archive
            keepsake recovered --archive tiny/archive check --objects
            keepsake restore-again --archive small/archive restore --all --to tiny/to
            "#
        ),
    ) else {
        return;
    };
    let room = "make room on the archive's drive; what was stored is safe, and the same command goes on";
    mounted.ended("init").expect_code(0);
    refused(mounted.ended("ingest"), 1, "there is no room left to write", room);
    mounted.ended("after").expect_code(0);
    let read = |name: &str| std::fs::read_to_string(sandbox.path(name)).unwrap();
    assert_eq!(read("left"), "", "unfinished copies stay and take the room");
    let again = mounted.ended("ingest-again").expect_code(3);
    assert!(again.stdout.contains("found          105 files"), "{}", again.stdout);
    mounted.ended("whole").expect_code(0);

    mounted.ended("add").expect_code(0);
    let backup = mounted.ended("backup").expect_code(1);
    calm(&backup);
    assert!(backup.stdout.contains("copy: FAILED: ") && backup.stdout.contains("is full"), "{}", backup.stdout);
    assert!(backup.stdout.contains("hint: make room there; what was sent is used"), "{}", backup.stdout);
    assert_eq!(mounted.ended("snapshots").json()["snapshots"], serde_json::json!([]));
    mounted.ended("backup-again").expect_code(0);
    mounted.ended("proven").expect_code(0);

    refused(mounted.ended("restore"), 1, "is full", "the same command goes on from here");
    assert_eq!(read("partial"), "", "half a file was left");
    let drill = mounted.ended("drill").expect_code(1);
    calm(&drill);
    assert!(drill.stdout.contains("the drive of the scratch space"), "{}", drill.stdout);
    assert!(
        drill.stdout.contains("hint: make room there, or name a folder on another drive in TMPDIR"),
        "{}",
        drill.stdout
    );
    assert_eq!(read("left-in-scratch"), "");
    refused(mounted.ended("recover"), 1, "there is no room left to write", room);
    mounted.ended("half").expect_code(10);
    mounted.ended("recover-again").expect_code(0);
    mounted.ended("recovered").expect_code(0);
    mounted.ended("restore-again").expect_code(0);
}

#[test]
fn a_drive_that_turned_read_only_is_called_so() {
    let sandbox = Sandbox::new();
    many(&sandbox.path("photos"), 5, 1);
    let Some(mounted) = with_own_mounts(
        &sandbox,
        r"
        drive 64m disk
        drive 64m copies
        keepsake init init disk/archive
        keepsake ingest --archive disk/archive ingest photos
        keepsake add --archive disk/archive repo add copy copies/copy
        keepsake backup --archive disk/archive backup
        keepsake album --archive disk/archive album create Lisbon
        mount -o remount,ro copies
        keepsake to-read-only --archive disk/archive backup
        keepsake check --archive disk/archive check
        keepsake drill --archive disk/archive drill
        mount -o remount,ro disk
        keepsake status --archive disk/archive status
        keepsake ingest-there --archive disk/archive ingest photos
        keepsake backup-there --archive disk/archive backup
        keepsake new init disk/new
        ",
    ) else {
        return;
    };
    mounted.ended("backup").expect_code(0);
    let backup = mounted.ended("to-read-only").expect_code(1);
    calm(&backup);
    assert!(backup.stdout.contains("is on a drive that can only be read"), "{}", backup.stdout);
    assert!(backup.stdout.contains("hint: mount the drive so that it can be written"), "{}", backup.stdout);
    mounted.ended("check").expect_code(0);
    mounted.ended("drill").expect_code(0);
    for name in ["status", "ingest-there", "backup-there"] {
        let read_only = "is the archive's drive mounted read-only, or somebody else's?";
        refused(mounted.ended(name), 1, "the catalog cannot be opened for writing", read_only);
    }
    let new = mounted.ended("new").expect_code(1);
    calm(&new);
    assert!(new.stderr.contains("because: Read-only file system"), "{}", new.stderr);
}
