//! What scripts, timers and people's habits depend on: documents, exit codes, help.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use keepsake::cli::Exit;
use serde_json::{Value, json};

use crate::support::fixtures;
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::{files_below, write};

/// Fails unless `document` has every field of `shape`, of the same type; `field?` may be missing or null. A list has one
/// element in the shape, and each in the document is like it.
#[track_caller]
fn keeps(shape: &Value, document: &Value, at: &str) {
    match (shape, document) {
        (Value::Object(fields), Value::Object(document)) => {
            for (name, shape) in fields {
                let (name, optional) = name.strip_suffix('?').map_or((name.as_str(), false), |name| (name, true));
                match document.get(name) {
                    None | Some(Value::Null) if optional => {}
                    None => panic!("{at} has no {name}: {document:?}"),
                    Some(value) => keeps(shape, value, &format!("{at}.{name}")),
                }
            }
        }
        (Value::Array(shape), Value::Array(list)) => {
            let shape = shape.first().unwrap_or(&Value::Null);
            for element in list {
                keeps(shape, element, &format!("{at}[]"));
            }
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, _) => {}
        (shape, document) => panic!("{at} is {document}, and was to be like {shape}"),
    }
}

/// Runs a command with `--json`, and holds its one document against the contract.
#[track_caller]
fn document(sandbox: &Sandbox, arguments: &[&str], shape: &Value) -> Value {
    let ended = sandbox.keepsake(&[&["--json"], arguments].concat());
    assert!(matches!(ended.code, 0 | 3 | 4), "{arguments:?} ended with {}: {}", ended.code, ended.stdout);
    let document = ended.json();
    keeps(shape, &document, arguments[0]);
    document
}

fn photo_shape() -> Value {
    json!({"id": "", "object": "", "name": "", "taken_at?": "", "taken_at_source?": "", "condition?": "", "kind": "", "path": "",
        "same_picture?": [""]})
}

/// A document with these fields besides those of a photo.
fn photo_with(more: &Value) -> Value {
    let mut shape = photo_shape();
    shape.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    shape
}

fn ingest_shape() -> Value {
    json!({"run": 0, "source": "", "source_kind": "", "complete": true, "files_seen": 0, "stored": 0, "duplicates": 0,
        "previously_deleted": 0, "damaged": 0, "unreadable": 0, "ignored": 0, "read_bytes": 0, "stored_bytes": 0,
        "seconds": 0, "problems": [{"path": "", "kind": "", "message": ""}]})
}

fn backup_shape() -> Value {
    json!({"repositories": [{"name": "", "snapshot": "", "state": "", "photos": 0, "files_new": 0, "read_bytes": 0,
        "sent_bytes": 0, "seconds": 0, "checked": true, "problems": [{"path": "", "kind": "", "message": ""}]}]})
}

fn drill_shape() -> Value {
    json!({"repositories": [{"name": "", "snapshot": "", "restored": 0, "matched": 0,
        "failed": [{"path": "", "reason": ""}], "fetched_bytes": 0, "seconds": 0}]})
}

fn status_shape() -> Value {
    json!({"photos": 0, "objects_bytes": 0, "safe": 0, "at_risk": [{"photo": "", "why": ""}], "repositories": [{
        "name": "", "newest_snapshot?": "", "newest_complete?": "", "proven_photos": 0, "oldest_proof?": ""}],
        "due": [""], "problems": [""]})
}

#[test]
fn every_document_has_the_fields_that_others_build_on() {
    let sandbox = Sandbox::new();
    let (drive, disk) = (sandbox.path("drive"), sandbox.path("disk").display().to_string());
    fixtures::many(&drive, 4, 11);
    write(&drive.join("broken.jpg"), &[0; 5000]);
    write(&drive.join("empty.jpg"), b"");
    let drive = drive.display().to_string();
    let change = json!({"name": "", "changed": 0, "photos": 0, "done": ""});
    let done = json!({"name": "", "done": ""});

    document(&sandbox, &["init"], &json!({"archive": "", "archive_id": "", "kit": "", "words": ""}));
    document(&sandbox, &["ingest", &drive], &ingest_shape());
    document(&sandbox, &["ingest", &drive, &drive], &json!([ingest_shape()]));
    let id = sandbox.id_of("IMG_00001.JPG");
    document(&sandbox, &["album", "create", "Summer", "--folder", "0000"], &change);
    document(&sandbox, &["album", "remove", "Summer", &id], &change);
    document(&sandbox, &["album", "add", "Summer", &id], &change);
    document(&sandbox, &["album", "rename", "Summer", "Winter"], &change);
    document(&sandbox, &["album", "list"], &json!([{"name": "", "photos": 0, "from?": "", "to?": ""}]));
    document(&sandbox, &["album", "show", "Winter"], &json!({"name": "", "photos": [photo_shape()]}));
    document(&sandbox, &["repo", "add", "disk", &disk], &done);
    document(&sandbox, &["repo", "list"], &json!([{"name": "", "location": "", "options?": {}}]));
    document(&sandbox, &["backup"], &backup_shape());
    document(&sandbox, &["repo", "password", "disk"], &done);
    let snapshot = json!({"repository": "", "id": "", "at": "", "complete": true, "files": 0, "bytes": 0});
    document(&sandbox, &["snapshots"], &json!({"snapshots": [snapshot]}));
    let finding = json!({"kind": "", "what": "", "affected_photos": [""]});
    let check = json!({"objects": {"checked": 0, "missing": [""], "altered": [""]},
        "repositories": [{"name": "", "ok": true, "read_bytes": 0, "findings": [finding]}]});
    document(&sandbox, &["check"], &check);
    document(&sandbox, &["drill"], &drill_shape());
    document(&sandbox, &["status"], &status_shape());
    let restored = json!({"snapshot": "", "files": 0, "bytes": 0, "fetched_bytes": 0, "already_there": 0,
        "problems": [{"path": "", "kind": "", "message": ""}]});
    let to = sandbox.path("restored").display().to_string();
    document(&sandbox, &["restore", "--album", "Winter", "--to", &to], &restored);
    document(&sandbox, &["search", "img"], &json!({"total": 0, "photos": [photo_shape()]}));
    let shown = photo_with(&json!({"zone?": "", "latitude?": 0, "longitude?": 0, "place?": "", "camera?": "",
        "width?": 0, "height?": 0, "condition?": "", "tags": [""], "people": [""], "albums": [""],
        "sightings": [{"source": "", "path": "", "modified_at?": ""}], "proofs": [{"repository": "", "at": ""}]}));
    let shown = document(&sandbox, &["show", &id], &shown);
    assert!(shown["proofs"] != json!([]) && shown["albums"] != json!([]) && shown["width"].is_number());
    document(
        &sandbox,
        &["sources"],
        &json!([{"id": 0, "kind": "", "name": "", "runs": 0, "files": 0, "last_read?": ""}]),
    );
    let run = json!({"run": 0, "job": "", "source?": "", "started_at": "", "seconds": 0, "outcome": "", "problems": 0});
    let runs = document(&sandbox, &["runs"], &json!([run]));
    document(&sandbox, &["runs", "show", &runs[0]["run"].to_string()], &run);
    let problems = document(&sandbox, &["problems"], &json!([{"run": 0, "path": "", "kind": "", "message": ""}]));
    assert_ne!(problems, json!([]));
    let preview = json!({"photo": "", "small?": "", "large?": "", "why_not?": ""});
    let previews = json!({"photos": [preview], "made": 0, "already_there": 0, "not_shown": 0, "complete": true,
        "problems": [{"path": "", "kind": "", "message": ""}]});
    document(&sandbox, &["previews"], &previews);
    document(&sandbox, &["previews", &id], &previews);
    document(&sandbox, &["delete", &id], &json!({"operation": 0, "photos": [""]}));
    document(&sandbox, &["trash"], &json!({"photos": [photo_with(&json!({"deleted_at": ""}))]}));
    document(&sandbox, &["undo"], &json!({"operation": 0, "what": ""}));
    document(&sandbox, &["album", "delete", "Winter"], &change);

    kits_and_recovery(&sandbox);
    document(&sandbox, &["repo", "remove", "disk"], &done);
    let rescue = json!({"archive": "", "ingests": [ingest_shape()], "failed_sources": [""], "backup": backup_shape(),
        "drill": drill_shape(), "kit": "", "words?": "", "status": status_shape()});
    document(&sandbox, &["rescue", &drive], &rescue);
}

fn kits_and_recovery(sandbox: &Sandbox) {
    let kit = sandbox.path("kit.age").display().to_string();
    document(sandbox, &["kit", "create", "--out", &kit], &json!({"kit": "", "repositories": 0}));
    let with_words = |arguments: &[&str], shape: &Value| {
        let arguments = [&["--json"], arguments].concat();
        keeps(shape, &sandbox.run_with_words(&sandbox.words(), &arguments).expect_code(0).json(), arguments[1]);
    };
    let repository = json!({"name": "", "location": "", "options?": {}, "password": "", "credentials?": {}});
    with_words(&["kit", "show", &kit], &json!({"repositories": [repository], "made_at": "", "made_by": ""}));
    let verified =
        json!({"made_at": "", "verified_at": "", "repositories": [{"name": "", "restored": 0, "error?": ""}]});
    with_words(&["kit", "verify", &kit], &verified);
    let recovered = json!({"snapshot": "", "photos": 0, "albums": 0, "objects": 0, "bytes": 0, "fetched_bytes": 0,
        "already_there": 0, "problems": []});
    with_words(&["recover", "--kit", &kit, "--into", &sandbox.path("recovered").display().to_string()], &recovered);
}

/// One document that says what is wrong, or text that does; and the exit code of the contract.
#[track_caller]
fn fails(sandbox: &Sandbox, code: i32, arguments: &[&str]) -> Value {
    let text = sandbox.keepsake(arguments);
    assert_eq!(text.code, code, "{arguments:?}: {}{}", text.stdout, text.stderr);
    assert!(text.stdout.is_empty() && text.stderr.contains("error: "), "{arguments:?}: {}{}", text.stdout, text.stderr);
    let ended = sandbox.keepsake(&[&["--json"], arguments].concat()).expect_code(code);
    let document = ended.json();
    keeps(&json!({"error": "", "because": [""], "hint?": ""}), &document, arguments[0]);
    assert!(!document["error"].as_str().unwrap().is_empty());
    document
}

#[test]
fn a_failure_is_one_document_too_and_has_its_exit_code() {
    let sandbox = Sandbox::new();
    fails(&sandbox, 10, &["search"]);
    fails(&sandbox, 10, &["backup"]);
    let drive = sandbox.path("drive");
    fixtures::many(&drive, 2, 11);
    let drive = drive.display().to_string();
    sandbox.keepsake(&["init"]).expect_code(0);
    fails(&sandbox, 2, &["init"]);
    sandbox.json(&["ingest", &drive]);
    fails(&sandbox, 1, &["ingest", "/nothing/is/here"]);
    fails(&sandbox, 2, &["ingest", &format!("{drive}/0000/IMG_00000.JPG")]);
    fails(&sandbox, 10, &["backup"]);
    fails(&sandbox, 10, &["drill"]);
    fails(&sandbox, 10, &["backup", "--repo", "nowhere"]);
    fails(&sandbox, 2, &["repo", "add", "Bad Name", "/tmp/x"]);
    fails(&sandbox, 2, &["repo", "add", "disk", "sftp:host:/x"]);
    fails(&sandbox, 2, &["repo", "add", "disk", &drive]);
    fails(&sandbox, 2, &["repo", "add", "disk", &sandbox.path("archive/disk").display().to_string()]);
    fails(&sandbox, 2, &["check", "--read-data=101%"]);
    fails(&sandbox, 2, &["recover", "--into", "x"]);
    fails(&sandbox, 2, &["frobnicate"]);
    fails(&sandbox, 2, &["ingest"]);
    fails(&sandbox, 2, &["search", "--no-such-option"]);
    fails(&sandbox, 1, &["kit", "show", "no such file"]);
    fails(&sandbox, 1, &["kit", "show", &format!("{drive}/0000/IMG_00000.JPG")]);

    let sandbox = sandbox.backed_up_to_disk();
    let (disk, to) = (sandbox.path("disk").display().to_string(), sandbox.path("to").display().to_string());
    let lost = fails(&sandbox, 2, &["restore", "--album", "Lisbonn", "--to", &to]);
    assert!(lost["error"].as_str().unwrap().contains("Lisbonn"), "{lost}");
    fails(&sandbox, 2, &["restore", "--all", "--to", &to, "--snapshot", "0000"]);
    fails(&sandbox, 2, &["restore", "--all", "--to", &to, "--from", &disk]);
    let wrong = sandbox.path("wrong password");
    write(&wrong, b"wrong\n");
    let wrong = wrong.display().to_string();
    fails(&sandbox, 12, &["restore", "--all", "--to", &to, "--from", &disk, "--password-file", &wrong]);
    fails(&sandbox, 10, &["restore", "--all", "--to", &to, "--from", "/nothing/here", "--password-file", &wrong]);
    assert!(!Path::new(&to).exists(), "nothing was made by what failed");
}

#[test]
fn a_second_run_at_the_same_time_is_told_who_is_at_work() {
    let sandbox = Sandbox::new();
    fixtures::many(&sandbox.path("card"), 2, 11);
    sandbox.keepsake(&["init"]).expect_code(0);
    let card = sandbox.path("card").display().to_string();
    sandbox.json(&["ingest", &card]);
    let lock = fs::File::options().write(true).open(sandbox.path("archive/locks/ingest.lock")).unwrap();
    lock.lock().unwrap();
    fails(&sandbox, 11, &["ingest", &card]);
    let mut waiting = sandbox.command(["--archive", "archive", "--wait", "ingest", &card]);
    let mut waiting = waiting.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(waiting.try_wait().unwrap().is_none(), "it waits");
    lock.unlock().unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
}

#[test]
fn an_archive_that_is_not_as_it_should_be_is_refused_in_words() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    let file = |name: &str| sandbox.path("archive").join(name);
    let with = |name: &str, change: &dyn Fn(String) -> String, code: i32| {
        let before = fs::read(file(name)).unwrap();
        fs::write(file(name), change(String::from_utf8_lossy(&before).into_owned())).unwrap();
        let told = fails(&sandbox, code, &["search"]);
        fs::write(file(name), before).unwrap();
        sandbox.keepsake(&["search"]).expect_code(0);
        format!("{} {:?} {}", told["error"], told["because"], told["hint"])
    };
    let told = with("keepsake.toml", &|text| format!("{text}\nretenshun = 3\n"), 1);
    assert!(told.contains("retenshun"), "{told}");
    let told = with(
        ".keepsake-archive",
        &|text| text.replace("format = 1", "format = 99").replace("version = 1", "version = 99"),
        1,
    );
    assert!(told.contains("newer") || told.contains("99"), "{told}");
    let told = with("catalog.db", &|_| "this is no database, however long it may be".repeat(100), 1);
    assert!(told.contains("catalog"), "{told}");

    let secrets = file("secrets.toml");
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o644)).unwrap();
    let told = fails(&sandbox, 1, &["repo", "list"]);
    assert!(told["hint"].as_str().unwrap().contains("chmod 600"), "{told}");
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();

    // A drive that is not mounted leaves an empty folder behind: it is no archive, and never an empty one.
    fs::rename(sandbox.archive(), sandbox.path("unplugged")).unwrap();
    fs::create_dir(sandbox.archive()).unwrap();
    for command in [&["search"][..], &["ingest", "."], &["status"], &["backup"], &["check"]] {
        fails(&sandbox, 10, command);
    }
    assert_eq!(files_below(&sandbox.archive()), Vec::<String>::new());
}

#[test]
fn the_exit_codes_of_the_documentation_are_those_of_the_program() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let text = fs::read_to_string(&docs).unwrap_or_else(|error| panic!("{}: {error}", docs.display()));
    let listed: Vec<(u8, &str)> = text
        .lines()
        .filter_map(|line| {
            let (code, words) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some((code.parse().ok()?, words.trim_end_matches('|').trim()))
        })
        .collect();
    let known: Vec<(u8, &str)> = Exit::ALL.iter().map(|(_, code, words)| (*code, *words)).collect();
    assert_eq!(listed, known);
}

/// The commands that the help of a command lists.
fn commands(sandbox: &Sandbox, of: &[&str]) -> Vec<String> {
    let help = sandbox.run([of, &["--help"]].concat()).expect_code(0).stdout;
    let after = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let names = after
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Every command with its sub-commands: `["album", "add"]`.
fn every_command(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let mut every = Vec::new();
    for command in commands(sandbox, &[]) {
        every.extend(commands(sandbox, &[&command]).into_iter().map(|sub| vec![command.clone(), sub]));
        every.push(vec![command]);
    }
    every
}

#[test]
fn every_command_explains_itself_in_lines_that_fit() {
    let sandbox = Sandbox::new();
    let every = every_command(&sandbox);
    assert!(every.len() > 30, "{every:?}");
    for command in every {
        let mut run = sandbox.command(command.iter().map(String::as_str).chain(["--help"]));
        let help = Ended::of(&run.env("COLUMNS", "80").output().unwrap()).expect_code(0).stdout;
        let about = help.lines().next().unwrap_or_default();
        assert!(about.len() > 10 && !about.starts_with("Usage"), "{command:?}: {help}");
        let long: Vec<_> = help.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{command:?}: {long:?}");
        for option in ["--archive", "--json", "--quiet", "--wait"] {
            assert!(help.contains(option), "{command:?} does not know {option}");
        }
        assert!(!help.contains('!'), "{command:?} shouts");
    }
}

#[test]
fn every_command_has_a_manual_page_and_completions() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("man");
    sandbox.run(["man", &folder.display().to_string()]).expect_code(0);
    let pages: BTreeSet<String> = files_below(&folder).into_iter().collect();
    assert!(pages.contains("keepsake.1"));
    for command in every_command(&sandbox) {
        let page = format!("keepsake-{}.1", command.join("-"));
        assert!(pages.contains(&page), "{page} is not among {pages:?}");
        assert!(fs::metadata(folder.join(page)).unwrap().len() > 200);
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.run(["completions", shell]).expect_code(0).stdout;
        for command in commands(&sandbox, &[]) {
            assert!(script.contains(&command), "{shell} does not know {command}");
        }
    }
}

#[test]
fn the_archive_is_found_as_the_help_says() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    let other = sandbox.path("other").display().to_string();
    sandbox.run(["init", &other]).expect_code(0);
    fixtures::many(&sandbox.path("card"), 1, 2);
    sandbox.json(&["ingest", &sandbox.path("card").display().to_string()]);
    let total = |command: &mut std::process::Command| {
        Ended::of(&command.output().unwrap()).expect_code(0).json()["total"].clone()
    };
    let inside = sandbox.path("archive/objects");
    assert_eq!(total(sandbox.command(["--json", "search"]).current_dir(&inside)), 1, "the nearest folder above");
    let named = sandbox.archive();
    assert_eq!(total(sandbox.command(["--json", "search"]).env("KEEPSAKE_ARCHIVE", &named)), 1, "the environment");
    let mut said = sandbox.command(["--json", "search", "--archive", &other]);
    assert_eq!(total(said.env("KEEPSAKE_ARCHIVE", &named).current_dir(inside)), 0, "what is said wins");
}

#[test]
fn results_and_everything_else_go_separate_ways() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    fixtures::many(&sandbox.path("card"), 2, 2);
    let card = sandbox.path("card").display().to_string();
    let quiet = sandbox.keepsake(&["--quiet", "ingest", &card]).expect_code(0);
    assert!(quiet.stdout.contains("2 files") && quiet.stderr.is_empty(), "{}", quiet.stderr);
    let json = sandbox.keepsake(&["--json", "ingest", &card]).expect_code(0);
    assert_eq!(json.stderr, "");
    let coloured = sandbox.keepsake(&["--color", "always", "show", "nothing"]).expect_code(2);
    assert!(coloured.stderr.contains("\u{1b}[") && !coloured.stdout.contains('\u{1b}'));
    let plain = sandbox.keepsake(&["show", "nothing"]).expect_code(2);
    assert!(!plain.stderr.contains('\u{1b}'), "no colours where nobody looks");
}
