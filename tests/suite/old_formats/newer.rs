//! What a later version wrote is refused in words, and left as it is.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::brought_out;
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::write;

/// An error in words with a way out.
#[track_caller]
fn refused(ended: Ended, code: i32, error: &str, hint: &str) {
    let ended = ended.expect_code(code);
    assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(error), "{}", ended.stderr);
    assert!(ended.stderr.lines().any(|line| line.starts_with("hint: ") && line.contains(hint)), "{}", ended.stderr);
}

/// The stored archive with one of its files changed.
fn with(name: &str, change: impl Fn(String) -> String) -> Sandbox {
    let sandbox = Sandbox::new();
    brought_out(&sandbox);
    let file = sandbox.archive().join(name);
    let text = fs::read_to_string(&file).unwrap();
    let mut file = fs::File::options().write(true).truncate(true).open(&file).unwrap();
    file.write_all(change(text).as_bytes()).unwrap();
    sandbox
}

#[test]
fn an_archive_of_a_newer_format_is_refused_whatever_else_its_marker_says() {
    let sandbox = with(".keepsake-archive", |text| text.replace("format = 1", "format = 2\nshelves = [1, 2]"));
    let ended = sandbox.keepsake(&["search"]);
    refused(ended, 1, "has format 2; this version of the program knows formats up to 1", "install the newest version");
}

#[test]
fn a_setting_that_only_a_newer_version_knows_is_refused_with_its_line() {
    let sandbox = with("keepsake.toml", |text| text + "\n[daemon]\nat = \"03:00\"\n");
    refused(sandbox.keepsake(&["search"]), 1, "“daemon” is not a setting", "newer version of keepsake");
}

#[test]
fn a_secret_that_only_a_newer_version_knows_is_refused_with_its_line_and_not_shown() {
    let sandbox = with("secrets.toml", |text| format!("daemon_token = \"hunter2\"\n{text}"));
    let ended = sandbox.keepsake(&["search"]);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    refused(ended, 1, "secrets.toml: line 1 cannot be understood", "newer version of keepsake");
}

#[test]
fn a_catalog_of_a_newer_version_is_refused_and_left_as_it_is() {
    let sandbox = Sandbox::new();
    brought_out(&sandbox);
    let file = sandbox.archive().join("catalog.db");
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    let before = fs::read(&file).unwrap();
    for command in [&["search"][..], &["backup"], &["ingest", "."], &["check"]] {
        let ended = sandbox.keepsake(command);
        refused(ended, 1, "was written by a newer version of Keepsake (it has version 1000", "nothing was changed");
    }
    assert!(fs::read(&file).unwrap() == before);
}

#[test]
fn a_kit_of_a_newer_version_is_refused_in_words() {
    let sandbox = Sandbox::new();
    let words = "eight words of a later day";
    let kit = sandbox.path("kit.age");
    let mut recipient = age::scrypt::Recipient::new(words.to_owned().into());
    recipient.set_work_factor(10);
    let sealer = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
    let armor = age::armor::ArmoredWriter::wrap_output(Vec::new(), age::armor::Format::AsciiArmor).unwrap();
    let mut writer = sealer.wrap_output(armor).unwrap();
    writer.write_all(br#"{"how_to":["ask somebody"],"kit_version":2,"vaults":[]}"#).unwrap();
    write(&kit, &writer.finish().and_then(age::armor::ArmoredWriter::finish).unwrap());
    let ended = sandbox.run_with_words(words, ["kit", "show", &kit.display().to_string()]);
    refused(ended, 1, "this kit has version 2", "open the kit with age");
}

/// Somebody who must be alone, a migration for one, and everybody else.
#[test]
fn whoever_must_be_alone_in_the_archive_keeps_the_others_out_and_is_kept_out_by_them() {
    let sandbox = Sandbox::new();
    brought_out(&sandbox);
    fs::create_dir_all(sandbox.archive().join("locks")).unwrap();
    let lock = fs::File::create(sandbox.archive().join("locks/maintenance.lock")).unwrap();
    lock.lock().unwrap();
    for command in [&["search"][..], &["status"], &["drill"], &["repo", "list"]] {
        refused(sandbox.keepsake(command), 11, "the archive is busy", "--wait");
    }
    lock.unlock().unwrap();

    // An old catalog, and somebody who is in the archive: nothing is migrated under their feet.
    let file = sandbox.archive().join("catalog.db");
    let version = |file: &Path| -> u32 {
        let catalog = rusqlite::Connection::open(file).unwrap();
        catalog.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 0).unwrap();
    lock.lock_shared().unwrap();
    refused(sandbox.keepsake(&["search"]), 11, "the archive is busy", "--wait");
    assert_eq!(version(&file), 0);
    lock.unlock().unwrap();
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 1).unwrap();
    sandbox.keepsake(&["search"]).expect_code(0);
    assert!(version(&file) > 1, "alone again, it is migrated");

    lock.lock_shared().unwrap();
    sandbox.keepsake(&["search"]).expect_code(0);
}
