//! When “nothing new” is said without opening the repository, and when it is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::catalog::{Catalog, CheckRow};
use crate::events::Recorder;
use crate::model::AlbumName;
use crate::model::report::{BackupState, RepositoryBackup};
use crate::workflows::{Circumstances, OpenArchive, add_repository, backup, init, status};

/// An archive with one repository, and a clock that is moved on by hand.
struct Bench {
    folder: tempfile::TempDir,
    open: OpenArchive,
}

/// So many days after the first backup.
fn after(folder: &Path, days: i64) -> Circumstances {
    Circumstances {
        now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20_000 + days)),
        began: Instant::now(),
        zone: TimeZone::UTC,
        login: "anna".to_owned(),
        environment: BTreeMap::new(),
        credentials_directory: None,
        scratch: folder.to_owned(),
        wait: false,
        program: "keepsake test".to_owned(),
        helpers: crate::media::Helpers::default(),
    }
}

impl Bench {
    /// With one snapshot of today.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let around = after(folder.path(), 0);
        let mut open = init(&folder.path().join("archive"), &around, &Recorder::default()).unwrap().open;
        let location = folder.path().join("disk").to_str().unwrap().parse().unwrap();
        let name = "disk".parse().unwrap();
        add_repository(&mut open, &name, &location, &BTreeMap::new(), None, &around).unwrap();
        let mut bench = Self { folder, open };
        assert_eq!(bench.back_up(0).state, BackupState::Complete);
        bench
    }

    fn around(&self, days: i64) -> Circumstances {
        after(self.folder.path(), days)
    }

    fn back_up(&mut self, days: i64) -> RepositoryBackup {
        let around = self.around(days);
        let report = backup(&mut self.open, &[], &around, &Recorder::default()).unwrap();
        report.repositories.into_iter().next().unwrap()
    }

    fn disk(&self, below: &str) -> PathBuf {
        self.folder.path().join("disk").join(below)
    }

    /// Every file below a folder of the repository.
    fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.disk(below)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                found.push(path);
            }
        }
        found
    }

    fn change(&mut self, album: &str) {
        let name = album.parse::<AlbumName>().unwrap();
        self.open.catalog.create_album("anna", &name, self.around(1).now).unwrap();
    }
}

#[test]
fn a_night_with_nothing_new_reads_the_snapshots_file_and_nothing_else() {
    let mut bench = Bench::new();
    let first = bench.back_up(1);
    // Whatever else it read, it would miss now; that the configuration is there, it asks the folder without a request.
    for other in ["index", "data", "keys"] {
        Command::new("mv").args([bench.disk(other), bench.disk(&format!("no-{other}"))]).status().unwrap();
    }
    let night = bench.back_up(6);
    assert_eq!((night.state, night.snapshot), (BackupState::Unchanged, first.snapshot));
    assert!(!night.checked, "nobody looked at the structure");
    assert_eq!(night.structure_whole_at, first.structure_whole_at, "and it says when somebody last did");
}

#[test]
fn the_structure_is_looked_at_again_after_a_week_and_when_the_clock_went_back() {
    for days in [8, -1] {
        let mut bench = Bench::new();
        assert!(!bench.back_up(1).checked);
        let looked = bench.back_up(days);
        assert_eq!(looked.state, BackupState::Unchanged);
        assert!(looked.checked, "{days}");
    }
    let mut bench = Bench::new();
    fs::remove_file(bench.files("data").pop().unwrap()).unwrap();
    assert_eq!(bench.back_up(6).state, BackupState::Unchanged);
    let looked = bench.back_up(8);
    assert!(looked.checked && looked.sent_bytes > 0, "a lost pack is found after a week, and filled again");
}

#[test]
fn a_snapshot_that_is_gone_or_altered_is_not_said_to_be_there() {
    let mut bench = Bench::new();
    let snapshot = bench.files("snapshots").pop().unwrap();
    let bytes = fs::read(&snapshot).unwrap();
    fs::remove_file(&snapshot).unwrap();
    assert_eq!(bench.back_up(1).state, BackupState::Complete, "stock restic forgot it");
    let snapshot = bench.files("snapshots").pop().unwrap();
    fs::remove_file(&snapshot).unwrap();
    std::io::Write::write_all(&mut fs::File::create(&snapshot).unwrap(), &bytes).unwrap();
    assert_ne!(bench.back_up(2).state, BackupState::Unchanged, "the name without its bytes");
}

#[test]
fn another_repository_at_the_same_place_is_noticed() {
    let mut bench = Bench::new();
    let mut other = Bench::new();
    other.change("another archive");
    assert_eq!(other.back_up(1).state, BackupState::Complete);
    let place = bench.folder.path().join("disk");
    let moved = |from: &Path, to: &Path| Command::new("mv").args([from, to]).status().unwrap().success();
    assert!(moved(&place, &bench.folder.path().join("unplugged")));
    assert!(moved(&other.folder.path().join("disk"), &place));
    assert_eq!(bench.back_up(1).state, BackupState::Failed);
}

#[test]
fn damage_that_a_check_or_a_drill_found_is_a_reason_to_look() {
    let mut bench = Bench::new();
    let at = bench.around(1).now;
    let run = bench.open.catalog.begin_run(crate::catalog::Job::Drill, None, at).unwrap();
    bench.open.catalog.finish_run(run, crate::catalog::Outcome::Problems, at, "{}", &[]).unwrap();
    assert!(bench.back_up(2).checked);
    assert!(!bench.back_up(3).checked);
    let id = bench.open.archive.settings.repositories[0].id.clone().unwrap();
    let row = CheckRow { at: bench.around(3).now, ok: false, read_bytes: 0 };
    bench.open.catalog.record_check(&id, row).unwrap();
    assert!(bench.back_up(4).checked);
}

#[test]
fn a_kit_that_is_not_of_today_is_put_there_again() {
    let mut bench = Bench::new();
    fs::remove_file(bench.disk("recovery/kit.age")).unwrap();
    fs::remove_file(bench.open.archive.recovery_folder().join("copies.toml")).unwrap();
    assert_eq!(bench.back_up(1).state, BackupState::Unchanged);
    assert!(bench.disk("recovery/kit.age").exists());
}

#[test]
fn a_catalog_that_was_put_back_from_an_older_copy_is_backed_up() {
    let mut bench = Bench::new();
    let (file, copy) = (bench.open.archive.catalog_file(), bench.folder.path().join("old-copy.db"));
    let close = |bench: Bench| {
        let Bench { folder, open: OpenArchive { archive, catalog, objects, secrets, presence } } = bench;
        catalog.close().unwrap();
        (folder, archive, objects, secrets, presence)
    };
    let open = |(folder, archive, objects, secrets, presence), file: &Path| {
        let catalog = Catalog::open(file).unwrap();
        Bench { folder, open: OpenArchive { archive, catalog, objects, secrets, presence } }
    };
    let parts = close(bench);
    fs::copy(&file, &copy).unwrap();
    bench = open(parts, &file);
    bench.change("what was lost");
    assert_eq!(bench.back_up(1).state, BackupState::Complete);
    let parts = close(bench);
    fs::copy(&copy, &file).unwrap();
    bench = open(parts, &file);
    // As many changes as before: the generation is the same, and nothing else is.
    bench.change("something else");
    assert_eq!(bench.back_up(2).state, BackupState::Complete);
    assert_eq!(bench.back_up(3).state, BackupState::Unchanged);
}

#[test]
fn a_night_with_nothing_new_counts_as_a_backup() {
    let mut bench = Bench::new();
    bench.back_up(6);
    let due = |bench: &Bench, days| status(&bench.open, &bench.around(days)).unwrap().due;
    assert!(due(&bench, 7).iter().all(|due| !due.starts_with("backup")), "{:?}", due(&bench, 7));
    assert!(due(&bench, 9).iter().any(|due| due.starts_with("backup")));
}
