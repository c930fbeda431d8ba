//! Every sync is left out once, as if the disk had not been asked: whoever judges the worlds must notice.
//!
//! The table that comes of it is in docs/power-cuts.md.

use std::collections::{BTreeMap, BTreeSet};

use super::classes;
use super::disk::World;
use super::of_copies::{add_repository, backed_up, with_repository};
use super::stage::{Scene, Stage};
use super::story::Step;
use super::worlds::{Loss, Luck};
use super::{a_drive, judge, stage, trace, with_photos};

/// What is said of the syncs of one class.
struct Row {
    syncs: usize,
    /// How many of them are noticed when they alone are left out; asked for with `KEEPSAKE_THOROUGH=1`.
    noticed_alone: Option<usize>,
    /// What is found when all of the class are left out.
    found: Option<String>,
}

impl Scene {
    /// What is found, of all that a cut may leave, when these syncs did not happen.
    fn without(&self, left_out: &BTreeSet<usize>) -> Option<String> {
        let first = *left_out.first()?;
        let after = self.story.sync_points().into_iter().filter(|at| *at > first);
        for at in after.chain([self.story.steps.len()]) {
            let disk = self.story.disk_after(at, &|step| left_out.contains(&step));
            for loss in [Loss::Everything, Loss::Bytes, Loss::AllButTheNewestName, Loss::Some(1)] {
                let world: World = disk.world(&self.story.nodes, &mut Luck::with(loss));
                // What a cut may leave anyway was judged elsewhere.
                if judge::hash(&world) != judge::hash(&self.world(at, loss)) {
                    let found = judge::faults(self, &world, at, loss).into_iter().next();
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }

    fn table(&self) -> BTreeMap<String, Row> {
        let mut classes: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (at, step) in self.story.steps.iter().enumerate() {
            if matches!(step, Step::Sync { .. }) {
                classes.entry(classes::of_sync(self, at)).or_default().insert(at);
            }
        }
        let row = |(class, syncs): (String, BTreeSet<usize>)| {
            let noticed = |at: &&usize| self.without(&BTreeSet::from([**at])).is_some();
            let noticed_alone = stage::is_thorough().then(|| syncs.iter().filter(noticed).count());
            (class, Row { syncs: syncs.len(), noticed_alone, found: self.without(&syncs) })
        };
        classes.into_iter().map(row).collect()
    }

    /// Fails unless every class is noticed that is not among those of which docs/power-cuts.md says why.
    #[track_caller]
    fn every_class_of_syncs_is_needed(&self, verb: &str, explained: &[&str]) {
        assert!(matches!(self.ended.code, 0 | 3), "{verb}: {}", self.ended.stderr);
        let table = self.table();
        for (class, Row { syncs, noticed_alone, found }) in &table {
            let found = found.as_deref().unwrap_or("—");
            let alone = noticed_alone.map(|count| count.to_string()).unwrap_or_default();
            println!("| {verb} | {class} | {syncs} | {alone} | {found} |");
        }
        let mut unnoticed: Vec<&str> =
            table.iter().filter(|(_, row)| row.found.is_none()).map(|(class, _)| &**class).collect();
        unnoticed
            .retain(|class| !explained.contains(class) && *class != LOG_OF_A_LOOK && !class.ends_with(": nothing new"));
        assert_eq!(unnoticed, Vec::<&str>::new(), "{verb}: syncs that can all be left out, and nobody notices");
    }
}

/// The log that SQLite makes and removes while the program looks whether the catalog is an older one: nothing is in it.
const LOG_OF_A_LOOK: &str = "archive/: catalog.db-shm, catalog.db-shm goes, catalog.db-wal, catalog.db-wal goes";

/// The folder of SQLite's log is synced again before anything is told.
const COVERED_LOG: &str = "archive/: catalog.db-shm, catalog.db-wal";

#[test]
fn every_sync_of_a_new_archive_is_needed() {
    if trace::can_be_taken() {
        let scene = Scene::watch(Stage::new(), |stage| stage.command(&["--json", "init"]));
        let explained = [
            // The last sync of the archive's folder covers all of these, and nothing is told before it.
            "archive/: .keepsake-archive",
            "archive/: catalog.db",
            "archive/: catalog.db-journal",
            "archive/: catalog.db-journal goes, catalog.db-shm, catalog.db-wal, recovery",
            "archive/: incoming, objects",
            "archive/: locks",
            "archive/: secrets.toml",
            "the disk/: archive",
            // A draft that is lost with its journal is made again.
            "bytes of archive/a draft's journal",
            "bytes of archive/catalog.db-journal",
            // Of no weight.
            "archive/recovery/: sheet.txt",
            "archive/recovery/: words-not-shown-yet",
            "bytes of archive/recovery/words-not-shown-yet",
        ];
        scene.every_class_of_syncs_is_needed("init", &explained);
    }
}

#[test]
fn every_sync_of_an_ingest_is_needed() {
    if trace::can_be_taken() {
        let stage = with_photos(Stage::new());
        let drive = a_drive(&stage, "second drive", 4, 2);
        let scene = Scene::watch(stage, |stage| stage.command(&["--json", "ingest", &drive]));
        scene.every_class_of_syncs_is_needed("ingest", &[COVERED_LOG]);
    }
}

#[test]
fn every_sync_of_what_a_person_changes_is_needed() {
    if trace::can_be_taken() {
        let stage = with_photos(Stage::new());
        let photo = stage.sandbox.id_of("IMG_00000.JPG");
        let scene = Scene::watch(stage, |stage| stage.command(&["delete", &photo]));
        scene.every_class_of_syncs_is_needed("delete", &[]);
    }
}

/// The kit gets its name between two others in the same folder, and its weight only with the last of them.
const COVERED_KIT: [&str; 2] = ["archive/recovery/: kit.age", "archive/recovery/: sheet.txt"];

#[test]
fn every_sync_of_a_new_repository_is_needed() {
    if trace::can_be_taken() {
        let stage = with_photos(Stage::new());
        let place = stage.repository().display().to_string();
        let scene = Scene::watch(stage, |stage| stage.command(&["repo", "add", "copy", &place]));
        let covered = ["archive/: keepsake.toml", "copy/: incoming", "copy/: keys", COVERED_LOG];
        scene.every_class_of_syncs_is_needed("repo add", &[&covered[..], &COVERED_KIT].concat());
    }
}

#[test]
fn every_sync_of_a_backup_is_needed() {
    if trace::can_be_taken() {
        let stage = with_repository(with_photos(Stage::new()));
        let scene = Scene::watch(stage, |stage| stage.command(&["backup"]));
        // A snapshot is named, and its folder synced, after both. What a backup writes into the catalog are runs and
        // snapshots, which have no meaning for an export.
        let explained = ["copy/: data", "copy/: index", COVERED_LOG, "bytes of archive/catalog.db"];
        scene.every_class_of_syncs_is_needed("backup", &explained);
    }
}

#[test]
fn every_sync_of_a_new_password_is_needed() {
    if trace::can_be_taken() {
        let stage = Stage::new();
        stage.sandbox.keepsake(&["init"]).expect_code(0);
        add_repository(&stage).expect_code(0);
        let scene = Scene::watch(stage, |stage| stage.command(&["repo", "password", "copy"]));
        scene.every_class_of_syncs_is_needed("repo password", &[&[COVERED_LOG][..], &COVERED_KIT].concat());
    }
}

#[test]
fn every_sync_of_a_restore_is_needed() {
    if trace::can_be_taken() {
        let stage = backed_up(with_repository(with_photos(Stage::new())));
        let to = stage.disk.join("restored").display().to_string();
        let scene = Scene::watch(stage, |stage| stage.command(&["restore", "--all", "--to", &to]));
        // Files that were gone before all of the disk was synced: the log of the look at the catalog.
        scene.every_class_of_syncs_is_needed("restore", &["bytes of the disk"]);
    }
}

#[test]
fn every_sync_of_a_recovery_is_needed() {
    if trace::can_be_taken() {
        let stage = backed_up(with_repository(with_photos(Stage::new())));
        let (kit, words) = (stage.sandbox.path("kit.age"), stage.sandbox.words());
        std::fs::copy(stage.sandbox.archive().join("recovery/kit.age"), &kit).expect("a kit");
        std::fs::remove_dir_all(stage.sandbox.archive()).expect("it is there");
        let scene = Scene::watch(stage, |stage| {
            let mut command = stage.sandbox.command(["recover".as_ref(), "--kit".as_ref(), kit.as_os_str()]);
            command.arg("--into").arg(stage.sandbox.archive()).env("KEEPSAKE_KIT_PASSPHRASE", &words);
            command
        });
        let explained = [
            // Covered by a later sync of the same folder, as in `init`.
            "archive/: .keepsake-archive",
            "archive/: catalog.db, catalog.db.recovering-shm goes, catalog.db.recovering-wal goes",
            "archive/: catalog.db.recovering",
            "archive/: catalog.db.recovering-journal",
            "archive/: catalog.db.recovering-journal goes, catalog.db.recovering-shm, catalog.db.recovering-wal",
            "archive/: incoming, objects",
            "archive/: locks",
            "archive/: recovery",
            "archive/: secrets.toml",
            "the disk/: archive",
            COVERED_LOG,
            // A catalog that is not finished is made again.
            "bytes of archive/a draft's journal",
            "bytes of archive/catalog.db.recovering",
            "bytes of archive/catalog.db.recovering-journal",
            "bytes of archive/catalog.db.recovering-wal",
        ];
        scene.every_class_of_syncs_is_needed("recover", &[&explained[..], &COVERED_KIT].concat());
    }
}
