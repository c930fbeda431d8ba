//! What was written once is read for ever: an archive, its kit and its repository as version 1 made them, stored in
//! `fixtures/formats/v1`, and what the program answered then.
//!
//! A later version of a format gets a folder of its own beside `v1`, and these tests read both.

#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "names in a snapshot have one spelling")]

mod made;
mod newer;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::independent_reader;
use crate::support::referee;
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

/// Where the stored files stand.
fn stored() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats/v1")
}

/// Where the files were made: it stands in them wherever a place is told.
const MADE_IN: &str = "/tmp/keepsake-formats-v1";

/// What is asked of the archive, each as the command line has it.
fn questions(answers: &Map<String, Value>) -> impl Iterator<Item = (Vec<&str>, &Value)> {
    answers.iter().map(|(question, answer)| (question.split('\t').collect(), answer))
}

fn answers() -> Map<String, Value> {
    serde_json::from_slice(&fs::read(stored().join("answers.json")).unwrap()).expect("JSON")
}

fn stored_words() -> String {
    fs::read_to_string(stored().join("words.txt")).unwrap().trim().to_owned()
}

/// The stored archive and repository in a sandbox, as they stood on a drive: with their modes, and with the folders that
/// git does not keep.
fn brought_out(sandbox: &Sandbox) {
    for (from, to) in [("archive", sandbox.archive()), ("repository", sandbox.path("disk"))] {
        for name in files_below(&stored().join(from)) {
            write(&to.join(&name), &fs::read(stored().join(from).join(&name)).unwrap());
        }
    }
    for folder in ["locks", "incoming", "data", "keys", "index", "snapshots"] {
        fs::create_dir_all(sandbox.path("disk").join(folder)).unwrap();
    }
    fs::create_dir_all(sandbox.archive().join("incoming")).unwrap();
    let private = |name: &str| {
        fs::set_permissions(sandbox.archive().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    private("secrets.toml");
    private("catalog.db");
    let settings = sandbox.archive().join("keepsake.toml");
    let here = sandbox.path("disk").display().to_string();
    let text = fs::read_to_string(&settings).unwrap().replace(&format!("{MADE_IN}/disk"), &here);
    write(&settings, text.as_bytes());
}

/// One copy that tests only look at.
static LOOKED_AT: LazyLock<Sandbox> = LazyLock::new(|| {
    let sandbox = Sandbox::shared("old_formats");
    brought_out(&sandbox);
    sandbox
});

/// What of `before` is not the same in `now`; fields may have been added since.
fn lost(before: &Value, now: &Value, at: &str, found: &mut Vec<String>) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            for (name, value) in before {
                lost(value, now.get(name).unwrap_or(&Value::Null), &format!("{at}.{name}"), found);
            }
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            for (number, (before, now)) in before.iter().zip(now).enumerate() {
                lost(before, now, &format!("{at}[{number}]"), found);
            }
        }
        (before, now) if before == now => {}
        (before, now) => found.push(format!("{at} was {before} and is {now}")),
    }
}

/// What the program answers otherwise than it did, where `asked` chooses what to ask.
fn changed_answers(sandbox: &Sandbox, asked: impl Fn(&str) -> bool) -> Vec<String> {
    let (answers, mut found) = (answers(), Vec::new());
    for (question, answer) in questions(&answers).filter(|(question, _)| asked(question[0])) {
        lost(answer, &sandbox.json(&question), &question.join(" "), &mut found);
    }
    found
}

#[test]
fn the_archive_opens_in_one_step_and_answers_as_it_did() {
    assert_eq!(changed_answers(&LOOKED_AT, |_| true), Vec::<String>::new());
}

#[test]
fn a_catalog_that_had_to_be_migrated_is_kept_as_it_was() {
    let sandbox = Sandbox::new();
    brought_out(&sandbox);
    sandbox.json(&["search"]);
    let version = |file: &Path| -> u32 {
        let catalog = rusqlite::Connection::open(file).unwrap();
        catalog.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let now = version(&sandbox.archive().join("catalog.db"));
    let copy = sandbox.archive().join(format!("catalog.db.before-v{now}"));
    assert_eq!(copy.exists(), now > 1, "a copy is made before a migration, and only then");
    if now > 1 {
        assert_eq!(version(&copy), 1);
    }
    sandbox.keepsake(&["check"]).expect_code(0);
}

#[test]
fn the_catalog_has_something_in_every_table() {
    let catalog = rusqlite::Connection::open(stored().join("archive/catalog.db")).unwrap();
    let mut tables = catalog.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables {
        let rows = format!("SELECT EXISTS (SELECT 1 FROM \"{table}\")");
        let has_rows: bool = catalog.query_row(&rows, [], |row| row.get(0)).unwrap();
        assert!(has_rows, "{table} is empty");
    }
}

#[test]
fn the_repository_is_whole_comes_back_and_takes_another_backup() {
    let sandbox = Sandbox::new();
    brought_out(&sandbox);
    sandbox.keepsake(&["check", "--objects", "--read-data"]).expect_code(0);
    let drill = sandbox.keepsake(&["--json", "drill", "--all"]).expect_code(0).json();
    let drill = &drill["repositories"][0];
    assert!(drill["failed"] == serde_json::json!([]) && drill["restored"] == drill["matched"], "{drill}");

    let (to, album) = (sandbox.path("restored"), sandbox.path("album"));
    sandbox.keepsake(&["restore", "--all", "--to", &to.display().to_string()]).expect_code(0);
    sandbox.keepsake(&["restore", "--album", "Lisbon", "--to", &album.display().to_string()]).expect_code(0);
    assert!(!files_below(&album).is_empty());
    let hashes = |names: Vec<String>, folder: &Path| -> BTreeSet<String> {
        names.iter().map(|name| blake3::hash(&fs::read(folder.join(name)).unwrap()).to_hex().to_string()).collect()
    };
    let objects = sandbox.archive().join("objects");
    let (restored, kept) = (hashes(files_below(&to), &to), hashes(files_below(&objects), &objects));
    assert!(restored.is_superset(&kept), "{:?}", files_below(&to));

    let photo = sandbox.id_of("IMG_20140803_142233.jpg");
    sandbox.keepsake(&["describe", &photo, "--caption", "said by a later version"]).expect_code(0);
    assert_eq!(sandbox.json(&["backup"])["repositories"][0]["state"], "complete");
    sandbox.keepsake(&["drill", "--all"]).expect_code(0);
}

#[test]
fn the_kit_opens_with_its_words_and_what_it_tells_recovers_the_archive() {
    let sandbox = Sandbox::new();
    brought_out(&sandbox);
    fs::remove_dir_all(sandbox.archive()).unwrap();
    for kit in ["archive/recovery/kit.age", "archive/recovery/sheet.txt", "repository/recovery/kit.age"] {
        let kit = stored().join(kit).display().to_string();
        let shown = sandbox.run_with_words(&stored_words(), ["--json", "kit", "show", &kit]).expect_code(0).json();
        let mut found = Vec::new();
        let expected: Value = serde_json::from_slice(&fs::read(stored().join("kit.json")).unwrap()).unwrap();
        lost(&expected["repositories"], &shown["repositories"], &kit, &mut found);
        lost(&expected["archive_id"], &shown["archive_id"], &kit, &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
    let kit: Value = serde_json::from_slice(&fs::read(stored().join("kit.json")).unwrap()).unwrap();
    let mut command = sandbox.command(["--json", "recover"]);
    command.arg("--from").arg(sandbox.path("disk")).arg("--into").arg(sandbox.archive());
    command.env("RESTIC_PASSWORD", kit["repositories"][0]["password"].as_str().unwrap());
    let report = crate::support::sandbox::Ended::of(&command.output().unwrap()).expect_code(0).json();
    assert_eq!(report["problems"], serde_json::json!([]));
    // Proofs are another story, and runs, changes and ignored files do not come back.
    let comes_back = |question: &str| ["search", "album", "trash"].contains(&question);
    assert_eq!(changed_answers(&sandbox, comes_back), Vec::<String>::new());
}

#[test]
fn the_lines_of_the_export_are_the_ones_that_were_stored() {
    let password = serde_json::from_slice::<Value>(&fs::read(stored().join("kit.json")).unwrap()).unwrap();
    let password = password["repositories"][0]["password"].as_str().unwrap();
    let mut own = independent_reader::own_files(&stored().join("repository"), password);
    own.retain(|path, _| path.ends_with(".jsonl"));
    let names = files_below(&stored().join("export"));
    assert_eq!(own.keys().cloned().collect::<Vec<_>>(), names);
    for (name, bytes) in own {
        assert!(bytes == fs::read(stored().join("export").join(&name)).unwrap(), "{name}");
    }
}

#[test]
fn stock_restic_finds_nothing_wrong_in_it() {
    if !referee::are_here(&["restic"]) {
        return;
    }
    let sandbox = Sandbox::new();
    brought_out(&sandbox);
    let mut command = Command::new("restic");
    command.args(["--no-cache", "check", "--read-data", "--repo"]).arg(sandbox.path("disk"));
    let output = command.env("RESTIC_PASSWORD", sandbox.password("disk")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("no errors were found"), "{said}");
}

#[test]
fn the_stored_files_stay_small() {
    let bytes: u64 = files_below(&stored()).iter().map(|name| fs::metadata(stored().join(name)).unwrap().len()).sum();
    assert!(bytes < 300_000, "{bytes}");
}
