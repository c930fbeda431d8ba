//! The copy away from home: the same job with a bucket, and what goes wrong with buckets.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::bucket::{KEY_ID, KEY_SECRET, Server, free_port};
use crate::support::fixtures;
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::files_below;

/// A call with the key of a bucket in the environment.
fn with_key(sandbox: &Sandbox, (id, secret): (&str, &str), arguments: &[&str]) -> Ended {
    let archive = sandbox.archive().display().to_string();
    let mut command = sandbox.command([&["--archive", &archive], arguments].concat());
    Ended::of(&command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret).output().unwrap())
}

const GOOD: (&str, &str) = (KEY_ID, KEY_SECRET);

/// An archive with this many photos.
fn archive_of(photos: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    fixtures::many(&sandbox.path("card"), photos, 21);
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.json(&["ingest", &sandbox.path("card").display().to_string()]);
    sandbox
}

#[test]
fn a_copy_in_a_bucket_makes_every_photo_safe_and_brings_everything_back() {
    let Some(server) = Server::start() else { return };
    let sandbox = Sandbox::new();
    let drive = sandbox.path("old drive");
    fixtures::old_drive(&drive);
    let place = server.location("anna/keepsake");
    let rescue = ["--json", "rescue", &drive.display().to_string(), "--backup-to", &place];
    let report = with_key(&sandbox, GOOD, &rescue).expect_code(3).json();
    assert_eq!(report["backup"]["repositories"][0]["state"], "complete");
    assert_eq!(report["drill"]["repositories"][0]["failed"], json!([]));
    let text = sandbox.keepsake(&["status"]).expect_code(0);
    assert!(text.stdout.contains("All 73 photos (2.4 MB) are safe."), "{}", text.stdout);
    // The key was kept where a timer finds it, and nowhere else in the archive.
    let status = sandbox.json(&["status"]);
    assert_eq!((&status["safe"], &status["at_risk"]), (&status["photos"], &json!([])));
    assert_eq!(status["repositories"][0]["off_this_drive"], true);
    assert!(fs::read_to_string(sandbox.path("archive/secrets.toml")).unwrap().contains(KEY_SECRET));
    assert!(!fs::read_to_string(sandbox.path("archive/keepsake.toml")).unwrap().contains(KEY_SECRET));
    sandbox.json(&["album", "create", "Lisbon", "--folder", "2014-08 Lisbon"]);
    assert_eq!(sandbox.json(&["backup"])["repositories"][0]["state"], "complete", "without the environment");
    sandbox.keepsake(&["check", "--read-data"]).expect_code(0);

    // The house burns down: there is the kit, which lies beside the copy, and the words.
    let kit = sandbox.path("kit.age");
    fs::copy(server.bucket().join("anna/keepsake/recovery/kit.age"), &kit).unwrap();
    let words = sandbox.words();
    let objects = files_below(&sandbox.path("archive/objects"));
    fs::remove_dir_all(sandbox.archive()).unwrap();
    let blank = Sandbox::new();
    let (kit, into) = (kit.display().to_string(), blank.path("archive").display().to_string());
    let to = blank.path("album").display().to_string();
    let album = blank.run_with_words(&words, ["--json", "restore", "--kit", &kit, "--album", "lisbon", "--to", &to]);
    assert!(album.expect_code(0).json()["files"].as_u64().unwrap() >= 8);
    let recovered = blank.run_with_words(&words, ["--json", "recover", "--kit", &kit, "--into", &into]);
    assert_eq!(recovered.expect_code(0).json()["problems"], json!([]));
    assert_eq!(files_below(&blank.path("archive/objects")), objects);
    assert_eq!(blank.json(&["album", "list"])[0]["photos"], 8);
    // What came back whole is proven, so that the new archive is safe at once.
    let status = blank.keepsake(&["--json", "status"]).json();
    assert_eq!((&status["safe"], &status["at_risk"][0]), (&json!(73), &Value::Null));
    assert_eq!(blank.json(&["drill"])["repositories"][0]["failed"], json!([]), "with the keys that the kit brought");
}

#[test]
fn restic_restores_from_the_bucket_with_what_the_kit_says() {
    if !crate::support::referee::are_here(&["restic"]) {
        return;
    }
    let Some(server) = Server::start() else { return };
    let sandbox = archive_of(5);
    with_key(&sandbox, GOOD, &["repo", "add", "b2", &server.location("p")]).expect_code(0);
    sandbox.json(&["backup"]);
    let kit = sandbox.path("archive/recovery/kit.age").display().to_string();
    let shown = sandbox.run_with_words(&sandbox.words(), ["--json", "kit", "show", &kit]).expect_code(0).json();
    let repository = &shown["repositories"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let output = std::process::Command::new("restic")
        .args(["--no-cache", "--repo", &text(&repository["location"]), "restore", "latest", "--target"])
        .arg(sandbox.path("by restic"))
        .env("RESTIC_PASSWORD", text(&repository["password"]))
        .env("AWS_ACCESS_KEY_ID", text(&repository["credentials"]["id"]))
        .env("AWS_SECRET_ACCESS_KEY", text(&repository["credentials"]["secret"]))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(files_below(&sandbox.path("by restic/photos")).len(), 5);
}

/// What a person is told, as text: the error, its causes, and what to do.
#[track_caller]
fn told(ended: Ended, code: i32) -> String {
    let ended = ended.expect_code(code);
    let lines: Vec<&str> = ended.stderr.lines().skip_while(|line| !line.starts_with("error: ")).collect();
    assert!(lines.last().is_some_and(|line| line.starts_with("hint: ")), "there is no hint: {}", ended.stderr);
    assert!(!ended.stderr.contains(KEY_SECRET), "a secret is shown: {}", ended.stderr);
    lines.join("\n")
}

#[test]
fn a_bucket_that_cannot_be_used_is_told_apart_and_leaves_no_repository_behind() {
    let Some(server) = Server::start() else { return };
    let sandbox = archive_of(2);
    let place = server.location("p");
    let add = |key: (&str, &str), place: &str| with_key(&sandbox, key, &["repo", "add", "b2", place]);

    let text = told(add((KEY_ID, "wrong secret"), &place), 12);
    assert!(text.contains("AWS_SECRET_ACCESS_KEY"), "{text}");
    let text = told(add(("another id", KEY_SECRET), &place), 12);
    assert!(text.contains("key"), "{text}");
    let text = told(add(GOOD, &place.replace("/photos/", "/no-such-bucket/")), 10);
    assert!(text.contains("no-such-bucket"), "{text}");
    // Another name: the key of the last try was kept under the first.
    let text = told(sandbox.keepsake(&["repo", "add", "other", &place]), 1);
    assert!(text.contains("AWS_ACCESS_KEY_ID"), "{text}");
    let started = Instant::now();
    let text = told(add(GOOD, &format!("s3:http://127.0.0.1:{}/photos/p", free_port())), 1);
    assert!(text.contains("because: ") && text.contains("network"), "{text}");
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());

    assert_eq!(sandbox.json(&["repo", "list"]), json!([]));
    assert_eq!(files_below(&server.bucket()), Vec::<String>::new());
    add(GOOD, &place).expect_code(0);
    assert_eq!(sandbox.json(&["backup"])["repositories"][0]["state"], "complete");
}

/// How the backup to each repository ended.
fn states(backup: &Value) -> Vec<&str> {
    let repositories = backup["repositories"].as_array().unwrap().iter();
    repositories.map(|one| one["state"].as_str().unwrap()).collect()
}

#[test]
fn a_server_that_is_gone_fails_that_backup_alone_and_the_next_one_goes_on() {
    let Some(mut server) = Server::start() else { return };
    let sandbox = archive_of(4);
    with_key(&sandbox, GOOD, &["repo", "add", "b2", &server.location("p")]).expect_code(0);
    sandbox.json(&["repo", "add", "disk", &sandbox.path("disk").display().to_string()]);
    server.stop();
    let started = Instant::now();
    let backup = sandbox.keepsake(&["--json", "backup"]).expect_code(1).json();
    assert_eq!(states(&backup), ["failed", "complete"]);
    assert!(started.elapsed() < Duration::from_secs(90), "{:?}", started.elapsed());
    let error = backup["repositories"][0]["error"].as_str().unwrap();
    assert!(error.contains("127.0.0.1"), "{error}");
    let check = sandbox.keepsake(&["--json", "check", "--repo", "b2"]).expect_code(4).json();
    assert_eq!(check["repositories"][0]["findings"][0]["kind"], "unopenable");
    let status = sandbox.keepsake(&["--json", "status"]).expect_code(4).json();
    assert_eq!((&status["safe"], &status["repositories"][0]["newest_complete"]), (&json!(0), &Value::Null));

    server.start_again();
    let backup = sandbox.keepsake(&["--json", "backup"]).expect_code(0).json();
    assert_eq!(states(&backup), ["complete", "unchanged"]);
    sandbox.keepsake(&["drill"]).expect_code(0);
    sandbox.keepsake(&["status"]).expect_code(0);
}
