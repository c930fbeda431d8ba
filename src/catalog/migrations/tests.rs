#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]
#![allow(clippy::cast_possible_truncation, reason = "there are few migrations")]

use std::process::Command;

use super::super::{Catalog, sample};
use super::*;

/// The newest version that there is, and the one that comes after it.
const NOW: u32 = MIGRATIONS.len() as u32;
const NEXT: u32 = NOW + 1;

/// A version that never was.
const MADE_UP: &str =
    "ALTER TABLE source ADD COLUMN colour TEXT; UPDATE source SET colour = 'blue'; CREATE TABLE later (a);";

#[test]
fn an_older_catalog_is_migrated_after_a_copy_of_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.db");
    let mut old = Catalog::create(&file, "an-archive").unwrap();
    old.source(&sample::folder_source("/old")).unwrap();
    drop(old);
    let newer =
        [MIGRATIONS, &["ALTER TABLE source ADD COLUMN colour TEXT; UPDATE source SET colour = 'blue';"]].concat();
    let mut connection = Connection::open(&file).unwrap();
    bring_up_to_date(&mut connection, &file, &newer).unwrap();
    let colour: String = connection.query_row("SELECT colour FROM source", [], |row| row.get(0)).unwrap();
    assert_eq!(colour, "blue");
    drop(connection);

    assert!(matches!(Catalog::open(&file), Err(CatalogError::NewerVersion { found: NEXT, known: NOW })));
    let before = Catalog::open(&folder.path().join(format!("catalog.db.before-v{NEXT}"))).unwrap();
    assert_eq!(before.sources().unwrap().len(), 1);
}

#[test]
fn a_migration_that_fails_leaves_the_old_catalog_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.db");
    drop(Catalog::create(&file, "an-archive").unwrap());
    let broken = [MIGRATIONS, &["CREATE TABLE fine (a); SELECT * FROM no_such_table;"]].concat();
    let mut connection = Connection::open(&file).unwrap();
    assert!(bring_up_to_date(&mut connection, &file, &broken).is_err());
    drop(connection);
    let opened = Catalog::open(&file).unwrap();
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'fine'";
    assert_eq!(opened.connection.query_row(tables, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_newer_catalog_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.db");
    drop(Catalog::create(&file, "an-archive").unwrap());
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = std::fs::read(&file).unwrap();
    let refused = Catalog::open(&file);
    assert!(matches!(refused, Err(CatalogError::NewerVersion { found: 7, known: NOW })), "{refused:?}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

/// What a catalog file says of itself: its version, its sources, and whether the made-up version has been at work.
fn state_of(file: &Path) -> (u32, i64, bool) {
    let connection = Connection::open(file).unwrap();
    let whole: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok", "{}", file.display());
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let sources = connection.query_row("SELECT count(*) FROM source", [], |row| row.get(0)).unwrap();
    let later = "SELECT count(*) = 1 FROM sqlite_schema WHERE name = 'later'";
    (version, sources, connection.query_row(later, [], |row| row.get(0)).unwrap())
}

/// A catalog of today's version with one source, in a folder of its own.
fn old_catalog() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.db");
    let mut old = Catalog::create(&file, "an-archive").unwrap();
    old.source(&sample::folder_source("/old")).unwrap();
    old.close().unwrap();
    (folder, file)
}

fn to_made_up_version(file: &Path) {
    let mut connection = Connection::open(file).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    bring_up_to_date(&mut connection, file, &[MIGRATIONS, &[MADE_UP]].concat()).unwrap();
}

#[test]
fn many_who_migrate_at_once_leave_one_new_catalog_and_a_copy_of_the_old_one() {
    for _ in 0..10 {
        let (folder, file) = old_catalog();
        let together = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    together.wait();
                    to_made_up_version(&file);
                });
            }
        });
        assert_eq!(state_of(&file), (NEXT, 1, true));
        assert_eq!(state_of(&folder.path().join(format!("catalog.db.before-v{NEXT}"))), (NOW, 1, false));
    }
}

#[test]
fn nobody_copies_a_catalog_that_somebody_else_is_about_to_migrate() {
    let (folder, file) = old_catalog();
    let copy = folder.path().join(format!("catalog.db.before-v{NEXT}"));
    let mut first = Connection::open(&file).unwrap();
    let change = first.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| to_made_up_version(&file));
        std::thread::sleep(std::time::Duration::from_millis(300));
        change.execute_batch(MADE_UP).unwrap();
        change.pragma_update(None, "user_version", NEXT).unwrap();
        change.commit().unwrap();
        second.join().unwrap();
    });
    assert_eq!(state_of(&file), (NEXT, 1, true));
    assert!(!copy.exists(), "the second found nothing left to do, and copied nothing");
}

/// The child of the next test.
#[test]
#[ignore = "migrates the catalog in the folder that it is started in, and is killed on the way"]
fn the_catalog_of_this_folder_is_migrated() {
    let file = Path::new("catalog.db");
    if file.exists() {
        to_made_up_version(&file.canonicalize().unwrap());
    }
}

/// Runs the child in `folder`; kills it as it begins the system call `call` for the `nth` time. Whether it came to
/// its end; `None` where there is no strace, or where it may not trace.
fn migrate_and_kill(folder: &Path, call: &str, nth: u32) -> Option<bool> {
    let traced = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:signal=KILL:when={nth}")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "catalog::migrations::tests::the_catalog_of_this_folder_is_migrated"])
        .args(["--ignored", "--test-threads=1"])
        .current_dir(folder)
        .output()
        .ok()?;
    match traced.status.code() {
        Some(0) => Some(true),
        None => Some(false),
        Some(_) => None,
    }
}

#[test]
fn a_migration_killed_at_any_write_leaves_the_old_catalog_or_the_new_one_and_goes_on() {
    let mut kills = 0;
    // Each step is a system call that changes something on the disk; of the many pages every fifth will do.
    for (call, every) in
        [("pwrite64", 5), ("fsync", 1), ("fdatasync", 1), ("rename", 1), ("unlink", 1), ("ftruncate", 1)]
    {
        for nth in (1..).step_by(every) {
            let (folder, file) = old_catalog();
            let copy = folder.path().join(format!("catalog.db.before-v{NEXT}"));
            let Some(finished) = migrate_and_kill(folder.path(), call, nth) else {
                eprintln!("stepping aside: strace is not installed, or may not trace");
                return;
            };
            let step = format!("killed at {call} number {nth}");
            let is_new = match state_of(&file) {
                (NOW, 1, false) => false,
                (NEXT, 1, true) => true,
                other => panic!("{step}: {other:?}"),
            };
            assert!(is_new || !finished, "{step}");
            assert!(copy.exists() || !is_new, "{step}: migrated without a copy");
            if copy.exists() {
                assert_eq!(state_of(&copy), (NOW, 1, false), "{step}");
            }
            to_made_up_version(&file);
            assert_eq!((state_of(&file), state_of(&copy)), ((NEXT, 1, true), (NOW, 1, false)), "{step}");
            if finished {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 10, "{kills}");
}

#[test]
fn what_was_released_is_never_edited() {
    let frozen = include_str!("frozen.b3");
    let names: Vec<_> = frozen.lines().map(|line| line.split_once("  ").unwrap()).collect();
    assert_eq!(names.len(), MIGRATIONS.len(), "every migration has its line in frozen.b3");
    for ((hash, name), text) in names.into_iter().zip(MIGRATIONS) {
        let found = blake3::hash(text.as_bytes()).to_hex();
        assert_eq!(
            found.as_str(),
            hash,
            "{name} has changed. Catalogs that were made with it are on people's drives, and would never hear of the \
             change. Take it back, and write what is new into the next file: migrations/0003.sql, with its line in \
             frozen.b3 and in MIGRATIONS."
        );
    }
}
