//! Verbs that change the archive alone.

use std::path::Path;
use std::process::Command;

use super::stage::{Scene, Stage, ends};
use super::worlds::Loss;
use super::{a_drive, is_as_undisturbed, trace, with_photos};
use crate::support::holdings::Holdings;
use crate::support::sandbox::Ended;

#[test]
fn a_new_archive_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let init: fn(&Stage) -> Command = |stage| stage.command(&["--json", "init"]);
    let scene = Scene::watch(Stage::new(), init);
    let words = |ended: &Ended| ended.json()["words"].as_str().expect("words").to_owned();
    let told = words(&scene.ended);
    scene.survives("init", 4, &|scene, has_said| {
        let stage = &scene.stage;
        let again = Ended::of(&init(stage).output().expect("the program starts"));
        let words = match again.code {
            0 => words(&again),
            // There is nothing left to do: then the words were told.
            2 if has_said => told.clone(),
            _ => return ends(again, "init", &[0]).map(|_| ()),
        };
        if has_said && words != told {
            return Err(format!("the words {told} were told, and are {words} now"));
        }
        stage.ends(&["status"], &[0, 4])?;
        opens(stage, &words, &stage.sandbox.archive().join("recovery/kit.age"))
    });
    scene.survives_after_a_death("init", 2, &[0, 2], &init);
}

/// The words open the kit.
pub(super) fn opens(stage: &Stage, words: &str, kit: &Path) -> Result<(), String> {
    let shown = stage.sandbox.run_with_words(words, ["kit".as_ref(), "show".as_ref(), kit.as_os_str()]);
    ends(shown, "kit show", &[0]).map(|_| ())
}

#[test]
fn an_ingest_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let stage = with_photos(Stage::new());
    let drive = a_drive(&stage, "second drive", 4, 2);
    let ingest = ["--json", "ingest", &drive];
    let scene = Scene::watch(stage, |stage| stage.command(&ingest));
    scene.survives("ingest", 5, &|scene, _| {
        let report = scene.stage.ends(&ingest, &[0, 3])?.json();
        if report["complete"] != true {
            return Err(format!("not complete: {report}"));
        }
        is_as_undisturbed(scene)
    });
    scene.survives_after_a_death("ingest", 2, &[0, 3], &|stage| stage.command(&ingest));
}

/// What a person changes has happened or has not; once it was told, it has.
fn happens_or_not(stage: Stage, verb: &str, arguments: &[&str], thoroughly: usize) -> Stage {
    let scene = Scene::watch(stage, |stage| stage.command(arguments));
    assert_eq!(scene.ended.code, 0, "{verb}: {}", scene.ended.stderr);
    scene.survives(verb, thoroughly, &|scene, has_said| {
        let found = Holdings::of(&scene.stage.sandbox.archive())?;
        let is = |held: &Option<Holdings>| held.as_ref().map_or(Some(String::new()), |held| found.difference(held));
        match (is(&scene.held_before), is(&scene.held_after)) {
            (_, None) => {}
            (None, Some(_)) if !has_said => {}
            (Some(_) | None, Some(difference)) => return Err(difference),
        }
        scene.stage.ends(&["check", "--objects"], &[0])?;
        scene.stage.ends(&["undo", "--list"], &[0]).map(|_| ())
    });
    if verb == "delete" {
        // It is refused, or told to have happened: then it has.
        scene.survives_after_a_death(verb, 9, &[0, 2], &|stage| stage.command(arguments));
    }
    scene.world(scene.story.steps.len(), Loss::Nothing).put(&scene.stage.disk);
    std::rc::Rc::into_inner(scene.stage).expect("nobody else is on it")
}

#[test]
fn what_a_person_changes_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let stage = with_photos(Stage::new());
    let (first, second) = (stage.sandbox.id_of("IMG_00000.JPG"), stage.sandbox.id_of("IMG_00001.JPG"));
    let changes: [(&str, &[&str]); 7] = [
        ("delete", &["delete", &first, &second]),
        ("undo of delete", &["undo"]),
        ("album create", &["album", "create", "Lisbon"]),
        ("album add", &["album", "add", "Lisbon", &first, &second]),
        ("album remove", &["album", "remove", "Lisbon", &second]),
        ("album rename", &["album", "rename", "Lisbon", "Lisboa"]),
        ("album delete", &["album", "delete", "Lisboa"]),
    ];
    changes.into_iter().fold(stage, |stage, (verb, arguments)| happens_or_not(stage, verb, arguments, 1));
}

/// The catalog of a version before the first: a table of its own, and none of ours.
fn an_ancient_catalog(stage: &Stage) {
    let file = stage.sandbox.archive().join("catalog.db");
    std::fs::remove_file(&file).expect("it is there");
    let catalog = rusqlite::Connection::open(&file).expect("a database can be made");
    catalog.execute_batch(ANCIENT).expect("it can be filled");
}

const ANCIENT: &str = "PRAGMA application_id = 0x4b454550; CREATE TABLE ancient (name TEXT);
    WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 500)
    INSERT INTO ancient SELECT 'a photo of long ago, number ' || n FROM number;";

/// What SQLite says of a database: version, and rows of the ancient table; an error where it is damaged.
fn ancient_rows(file: &Path) -> Result<(u32, u32), String> {
    let look = || -> rusqlite::Result<(String, u32, u32)> {
        let catalog = rusqlite::Connection::open(file)?;
        let version = catalog.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let whole = catalog.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
        Ok((whole, version, catalog.query_row("SELECT count(*) FROM ancient", [], |row| row.get(0))?))
    };
    let (whole, version, rows) = look().map_err(|error| format!("{}: {error}", file.display()))?;
    if whole == "ok" { Ok((version, rows)) } else { Err(format!("{}: {whole}", file.display())) }
}

#[test]
fn a_catalog_that_is_migrated_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let stage = Stage::new();
    stage.sandbox.keepsake(&["init"]).expect_code(0);
    an_ancient_catalog(&stage);
    let status = |stage: &Stage| -> Command { stage.command(&["status"]) };
    // A catalog of no archive cannot be used after the migration either; what matters is what became of the file.
    let scene = Scene::watch(stage, status);
    assert!(scene.after.files.keys().any(|path| is_copy(path)), "no migration: {}", scene.ended.stderr);
    scene.survives_with("migration", 6, &|_, _, _, _| Vec::new(), &|scene, _| {
        let archive = scene.stage.sandbox.archive();
        for again in [false, true] {
            if again {
                status(&scene.stage).output().expect("the program starts");
            }
            let (version, rows) = ancient_rows(&archive.join("catalog.db"))?;
            let copy = std::fs::read_dir(&archive).expect("it is there");
            let copy = copy.map(|entry| entry.expect("it is there").path()).find(|path| is_copy(path));
            let in_copy = copy.map(|copy| ancient_rows(&copy)).transpose()?;
            match (version, in_copy) {
                (0, None | Some((0, 500))) if !again && rows == 500 => {}
                (1.., Some((0, 500))) if rows == 500 => {}
                _ => return Err(format!("version {version} has {rows} rows, its copy {in_copy:?}")),
            }
        }
        Ok(())
    });
}

fn is_copy(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with("catalog.db.before-v") && !name.contains("-journal") && !name.contains("-wal")
    })
}
