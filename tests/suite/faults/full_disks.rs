//! Disks that run full at many points, and disks that can only be read.

use std::fmt::Write as _;

use serde_json::json;

use super::{calm, said};
use crate::support::fixtures::{committed, many};
use crate::support::sandbox::Sandbox;
use crate::support::small_disk::with_own_mounts;
use crate::support::tree::files_below;

/// What every disk of a sweep goes through: full at this size, then with room.
fn sweep(sizes: &[u32], prepare: &str, steps: &str) -> String {
    let mut script = prepare.to_owned();
    for size in sizes {
        write!(script, "\nn={size}\ndrive {size}k small\n{steps}\numount small\n").expect("a text");
    }
    script
}

/// Says that it is full, what to do, and nothing else.
#[track_caller]
fn told_full(ended: &crate::support::sandbox::Ended) {
    calm(ended);
    let all = format!("{}{}", ended.stdout, ended.stderr);
    assert!(all.contains("no room left") || all.contains("is full") || all.contains("No space left"), "{all}");
    assert!(all.contains("hint: "), "{all}");
    assert!(all.contains("make room"), "{all}");
}

#[test]
fn an_ingest_that_runs_out_of_room_anywhere_acknowledges_no_half_photo_and_goes_on_when_there_is_room() {
    let sandbox = Sandbox::new();
    let old = committed().display().to_string();
    let sizes: Vec<u32> = (0..10).map(|step| 480 + 700 * step).collect();
    let script = sweep(
        &sizes,
        &format!("keepsake init init whole\nkeepsake whole --archive whole ingest '{old}'\n"),
        &format!(
            r"
            keepsake init-$n init small/archive
            keepsake ingest-$n --archive small/archive ingest '{old}'
            keepsake after-$n --archive small/archive check --objects
            ls small/archive/incoming >left-$n
            mount -o remount,size=64m small
            [ -e small/archive/keepsake.toml ] || rm -rf small/archive
            [ -e small/archive ] || keepsake late init small/archive
            keepsake again-$n --archive small/archive ingest '{old}'
            keepsake end-$n --archive small/archive check --objects
            (cd small/archive/objects; find . -type f | sort) >objects-$n
            "
        ),
    );
    let Some(mounted) = with_own_mounts(&sandbox, &script) else { return };
    let mut whole = String::new();
    for name in files_below(&sandbox.path("whole/objects")) {
        writeln!(whole, "./{name}").expect("a text");
    }
    let (mut full, mut fitted) = (0, 0);
    for n in sizes {
        let (init, ingest) = (mounted.ended(&format!("init-{n}")), mounted.ended(&format!("ingest-{n}")));
        let read = |name: &str| std::fs::read_to_string(sandbox.path(&format!("{name}-{n}"))).expect("it is there");
        if init.code == 0 && ingest.code != 3 {
            full += 1;
            assert_eq!(ingest.code, 1, "{n}k: {}{}", ingest.stdout, ingest.stderr);
            told_full(&ingest);
            let after = mounted.ended(&format!("after-{n}"));
            // Where there is no room for one more line, the check cannot be written down.
            if after.code != 0 {
                told_full(&after);
            }
            assert_eq!(read("left"), "", "{n}k: unfinished copies stay and take the room");
        } else if init.code == 0 {
            fitted += 1;
            mounted.ended(&format!("after-{n}")).expect_code(0);
        } else {
            calm(&init);
        }
        // Damage is told by the run that reads it: where the full disk came last of all, that was the first one.
        let again = mounted.ended(&format!("again-{n}"));
        let nothing_new = again.stdout.contains("newly kept     nothing");
        assert!(again.code == 3 || (again.code == 0 && nothing_new), "{n}k: {}{}", again.stdout, again.stderr);
        mounted.ended(&format!("end-{n}")).expect_code(0);
        assert_eq!(read("objects"), whole, "{n}k");
    }
    assert!(full >= 4 && fitted >= 1, "{full} ran full, {fitted} fitted");
}

/// An archive called `whole` of the old drive, with a repository in `disk`.
fn backed_up(sandbox: &Sandbox) {
    let old = committed().display().to_string();
    let named = |arguments: &[&str]| {
        let archive = sandbox.path("whole").display().to_string();
        sandbox.run([&["--archive", &archive], arguments].concat())
    };
    named(&["init"]).expect_code(0);
    named(&["ingest", &old]).expect_code(3);
    named(&["repo", "add", "disk", &sandbox.path("disk").display().to_string()]).expect_code(0);
    named(&["backup"]).expect_code(0);
    std::fs::write(sandbox.path("password"), sandbox.moved("whole").password("disk")).expect("a file");
}

#[test]
fn a_backup_that_runs_out_of_room_anywhere_is_none_and_uses_what_was_sent_when_there_is_room() {
    let sandbox = Sandbox::new();
    backed_up(&sandbox);
    let sizes: Vec<u32> = (0..9).map(|step| 24 + 390 * step).collect();
    let script = sweep(
        &sizes,
        "",
        r"
        rm -rf archive; cp -a whole archive
        keepsake add-$n --archive archive repo add small small/copy
        keepsake backup-$n --archive archive backup --repo small
        keepsake snapshots-$n --archive archive --json snapshots --repo small
        keepsake status-$n --archive archive --json status
        mount -o remount,size=64m small
        keepsake late --archive archive repo add small small/copy
        keepsake again-$n --archive archive backup --repo small
        keepsake end-$n --archive archive check --repo small --read-data
        ls small/copy/incoming >left-$n
        ",
    );
    let Some(mounted) = with_own_mounts(&sandbox, &script) else { return };
    let (mut full, mut fitted) = (0, 0);
    for n in sizes {
        let ended = |name: &str| mounted.ended(&format!("{name}-{n}"));
        if ended("add").code != 0 {
            told_full(&ended("add").expect_code(1));
        } else if ended("backup").code == 0 {
            fitted += 1;
        } else {
            full += 1;
            let backup = ended("backup").expect_code(1);
            told_full(&backup);
            said(&backup, "small: FAILED: ");
            assert_eq!(ended("snapshots").expect_code(0).json()["snapshots"], json!([]), "{n}k");
            let status = ended("status").json();
            assert_eq!(status["repositories"][1]["newest_complete"], json!(null), "{n}k: {status}");
        }
        ended("again").expect_code(0);
        ended("end").expect_code(0);
        let left = std::fs::read_to_string(sandbox.path(&format!("left-{n}"))).expect("it is there");
        assert_eq!(left, "", "{n}k: half a file stays");
    }
    assert!(full >= 4 && fitted >= 1, "{full} ran full, {fitted} fitted");
}

#[test]
fn a_restore_and_a_recovery_that_run_out_of_room_anywhere_leave_whole_files_and_go_on_when_there_is_room() {
    let sandbox = Sandbox::new();
    backed_up(&sandbox);
    let sizes: Vec<u32> = (0..9).map(|step| 16 + 500 * step).collect();
    let script = sweep(
        &sizes,
        "from=\"--from $PWD/disk --password-file $PWD/password\"\nkeepsake restored restore --all --to whole-restored $from\n",
        r"
        keepsake restore-$n restore --all --to small/to $from
        find small -name '*partial*' >partial-$n
        [ ! -e small/to ] || diff -r small/to whole-restored | grep -v '^Only in whole-restored' >differ-$n
        mount -o remount,size=64m small
        keepsake restore-again-$n restore --all --to small/to $from
        diff -r small/to whole-restored >differ-again-$n
        rm -rf small/to
        mount -o remount,size=${n}k small
        keepsake recover-$n recover --into small/archive $from
        [ ! -e small/archive/catalog.db ] || touch archive-$n
        mount -o remount,size=64m small
        keepsake recover-again-$n recover --into small/archive $from
        keepsake recovered-$n --archive small/archive check --objects
        diff -r small/archive/objects whole/objects >objects-differ-$n
        ",
    );
    let Some(mounted) = with_own_mounts(&sandbox, &script) else { return };
    let (mut full, mut fitted) = (0, 0);
    for n in sizes {
        let ended = |name: &str| mounted.ended(&format!("{name}-{n}"));
        let empty = |name: &str| {
            let text = std::fs::read_to_string(sandbox.path(&format!("{name}-{n}"))).unwrap_or_default();
            assert_eq!(text, "", "{n}k: {name}");
        };
        empty("partial");
        empty("differ");
        empty("differ-again");
        empty("objects-differ");
        for verb in ["restore", "recover"] {
            let once = ended(verb);
            if once.code == 0 {
                fitted += 1;
                continue;
            }
            full += 1;
            assert_eq!(once.code, 1, "{n}k: {verb}: {}{}", once.stdout, once.stderr);
            told_full(&once);
            if verb == "recover" {
                assert!(!sandbox.path(&format!("archive-{n}")).exists(), "{n}k: half an archive passes for one");
            }
        }
        ended("restore-again").expect_code(0);
        // Where it fitted at once, the folder is an archive already.
        if ended("recover").code != 0 {
            ended("recover-again").expect_code(0);
        }
        ended("recovered").expect_code(0);
    }
    assert!(full >= 8 && fitted >= 2, "{full} ran full, {fitted} fitted");
}

#[test]
fn what_can_only_be_read_is_read_and_where_something_must_be_written_that_is_said() {
    let sandbox = Sandbox::new();
    many(&sandbox.path("photos"), 5, 1);
    let Some(mounted) = with_own_mounts(
        &sandbox,
        r"
        read_only() { mkdir -p $2; mount --bind $1 $2 && mount -o remount,bind,ro $2 || exit 77; }
        # The source.
        read_only photos card
        keepsake init init archive
        keepsake ingest --archive archive ingest card
        keepsake add --archive archive repo add copy disk
        keepsake backup --archive archive backup
        # The repository, as a disc that was burnt: all that reads works.
        read_only disk disc
        keepsake check-add --archive archive repo list
        from='--from disc --password-file password'
        sed -n 's/^password = .\(.*\).$/\1/p' archive/secrets.toml >password
        keepsake restore restore --all --to to $from
        keepsake recover recover --into recovered $from
        keepsake sound --archive recovered check --objects --read-data
        keepsake drill --archive recovered drill --all
        # The place to restore to.
        mkdir shelf; read_only shelf locked
        keepsake restore-locked restore --all --to locked/to $from
        keepsake recover-locked recover --into locked/archive $from
        # The archive.
        read_only archive glass
        keepsake status --archive glass status
        keepsake ingest-glass --archive glass ingest photos
        keepsake restore-glass --archive glass restore --all --to from-glass --repo copy
        ",
    ) else {
        return;
    };
    for name in ["ingest", "backup", "restore", "sound", "drill"] {
        mounted.ended(name).expect_code(0);
    }
    mounted.ended("recover").expect_code(0);
    let locked = mounted.ended("restore-locked");
    assert!(matches!(locked.code, 1 | 3), "{}{}", locked.stdout, locked.stderr);
    calm(&locked);
    said(&locked, "Read-only file system");
    let locked = mounted.ended("recover-locked").expect_code(1);
    calm(&locked);
    said(&locked, "Read-only file system");
    for name in ["status", "ingest-glass"] {
        let ended = mounted.ended(name).expect_code(1);
        calm(&ended);
        said(&ended, "is the archive's drive mounted read-only");
    }
    let glass = mounted.ended("restore-glass");
    calm(&glass);
}
