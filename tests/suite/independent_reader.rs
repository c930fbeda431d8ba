//! A second reader of all that Keepsake writes, made from docs/format.md and restic's design document alone: no code of
//! the program is called here. What it cannot read is not documented, or not written as documented.
//!
//! Each test is a rule of docs/format.md.

#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "names in a snapshot have one spelling")]

mod catalog;
mod crypto;
mod folder;
mod kit;
mod lines;
mod names;
mod restic;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

use self::crypto::Key;
use self::lines::Lines;
use self::restic::{Entry, Repository};
use crate::support::fixtures::{self, picture};
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

/// An archive and its repository, made by the program, and the reader's own view of them.
struct Story {
    sandbox: Sandbox,
    repository: Repository,
    /// Of the newest complete one; one that is not complete is newer.
    snapshot: Value,
    entries: Vec<Entry>,
    lines: Lines,
}

static STORY: LazyLock<Story> = LazyLock::new(|| {
    let sandbox = Sandbox::shared("independent_reader");
    let (drive, odd) = (sandbox.path("old drive"), sandbox.path("odd names"));
    fixtures::old_drive(&drive);
    let _locked_until_it_was_read = fixtures::unruly(&odd);
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.json(&["ingest", &drive.display().to_string()]);
    sandbox.json(&["ingest", &odd.display().to_string()]);
    sandbox.json(&["ingest", &drive.join("2014-08 Lisbon").display().to_string(), "--owner", "ben & co"]);
    sandbox.json(&["album", "create", "Lisbon 2014", "--folder", "2014-08 Lisbon"]);
    sandbox.json(&["album", "create", "lisbon 2014 ", "--search", "Ana"]);
    sandbox.json(&["album", "create", "Oma / 80.", "--folder", "Oma's 80th birthday"]);
    sandbox.json(&["album", "create", "nothing yet"]);
    let said = [
        ("IMG_0005.JPG", ["--caption", "Oma & <Opa>, „am Meer“"]),
        ("IMG_0012.JPG", ["--stars", "-1"]),
        ("DSCF1001.JPG", ["--taken-at", "1998"]),
        ("DSCF1002.JPG", ["--taken-at", "1999-12"]),
        ("DSCF1003.JPG", ["--taken-at", "1999-12-31T23:59:58"]),
    ];
    for (name, words) in said {
        sandbox.json(&["describe", &sandbox.id_of(name), words[0], words[1]]);
    }
    sandbox.json(&[
        "delete",
        &sandbox.id_of("logo.jpg"),
        &sandbox.id_of("IMGP0042.JPG"),
        &sandbox.id_of("DSC_0011.JPG"),
    ]);
    forget_the_path_of(&sandbox, "map.png");
    let sandbox = sandbox.backed_up_to_disk();

    // One more photo, of which the archive has lost the bytes: the newest snapshot lacks it.
    let late = sandbox.path("late");
    let bytes = picture(4711).size(96, 64).jpeg();
    write(&late.join("late.jpg"), &bytes);
    sandbox.json(&["ingest", &late.display().to_string()]);
    let name = blake3::hash(&bytes).to_hex();
    let (object, hidden) =
        (sandbox.archive().join("objects").join(&name[..2]).join(name.as_str()), sandbox.path("hidden"));
    fs::rename(&object, &hidden).unwrap();
    sandbox.keepsake(&["backup"]).expect_code(3);
    fs::rename(&hidden, &object).unwrap();

    let repository = Repository::open(&sandbox.path("disk"), &sandbox.password("disk"));
    let complete = repository.snapshots().into_iter().rev().map(|(_, snapshot)| snapshot).find(is_complete);
    let snapshot = complete.expect("a complete snapshot");
    let entries = repository.entries(&snapshot);
    let lines = Lines::of(&entries);
    Story { sandbox, repository, snapshot, entries, lines }
});

/// Leaves a photo as an ingest leaves it that was cut short before it gave paths.
fn forget_the_path_of(sandbox: &Sandbox, name: &str) {
    let catalog = rusqlite::Connection::open(sandbox.archive().join("catalog.db")).unwrap();
    let forget = "UPDATE photo SET path = NULL, path_key = NULL, needs_path = 1, needs_describing = 1 WHERE name = ?1";
    assert_eq!(catalog.execute(forget, [name]).unwrap(), 1);
}

impl Story {
    /// Every file of the snapshot, by path.
    fn files(&self) -> BTreeMap<&str, &[u8]> {
        let files = self.entries.iter().filter_map(|entry| Some((entry.path.as_str(), entry.bytes.as_deref()?)));
        files.collect()
    }

    /// The archive's id, as its marker has it.
    fn archive_id(&self) -> String {
        let marker: toml::Table =
            fs::read_to_string(self.sandbox.archive().join(".keepsake-archive")).unwrap().parse().expect("TOML");
        marker["archive_id"].as_str().expect("a text").to_owned()
    }
}

/// Keepsake's own files in the newest complete snapshot of a repository, by their path below `keepsake/`.
pub(crate) fn own_files(repository: &Path, password: &str) -> BTreeMap<String, Vec<u8>> {
    let repository = Repository::open(repository, password);
    let mut snapshots = repository.snapshots().into_iter().rev().map(|(_, snapshot)| snapshot);
    let entries = repository.entries(&snapshots.find(is_complete).expect("a complete snapshot"));
    let own = entries.into_iter().filter_map(|entry| {
        let path = entry.path.strip_prefix("keepsake/")?.to_owned();
        Some((path, entry.bytes?))
    });
    own.collect()
}

fn is_ours(snapshot: &Value) -> bool {
    snapshot["label"] == "keepsake" && has_tag(snapshot, "keepsake")
}

fn is_complete(snapshot: &Value) -> bool {
    is_ours(snapshot) && !has_tag(snapshot, "partial")
}

fn has_tag(snapshot: &Value, wanted: &str) -> bool {
    snapshot["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == wanted))
}

/// The companions of a photo that stand beside it; worse copies and small pictures stand below `kept/`.
fn beside(photo: &Value) -> impl Iterator<Item = &Value> {
    photo["companions"].as_array().into_iter().flatten().filter(|one| {
        let is_kept = matches!(text(one, "role"), "damaged-copy" | "thumbnail");
        assert!(!is_kept || one.get("path").is_none(), "{one}");
        !is_kept
    })
}

#[track_caller]
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("“{field}” is a text: {value}"))
}

#[track_caller]
fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("“{field}” is a number: {value}"))
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn a_repository_is_of_restic_s_version_2_and_its_files_are_named_by_their_sha256() {
    let repository = &STORY.repository;
    assert_eq!(number(&repository.config, "version"), 2);
    assert!(is_hex(text(&repository.config, "id"), 64));
    assert_eq!(repository.misnamed(), Vec::<String>::new());
}

#[test]
fn packs_and_index_tell_the_same() {
    assert_eq!(STORY.repository.headers_without_index(), Vec::<String>::new());
}

#[test]
fn beside_restic_s_own_files_there_are_only_the_kit_and_empty_folders_for_what_comes_in() {
    let restic_s = ["data/", "index/", "keys/", "snapshots/", "locks/"];
    let files = files_below(&STORY.repository.folder);
    let others: Vec<_> = files.iter().filter(|name| !restic_s.iter().any(|folder| name.starts_with(folder))).collect();
    assert_eq!(others, ["config", "recovery/kit.age"]);
}

#[test]
fn the_password_is_256_random_bits_in_base32_and_the_master_key_stands_beside_it() {
    let text = fs::read_to_string(STORY.sandbox.archive().join("secrets.toml")).unwrap();
    let secrets: toml::Table = text.parse().expect("TOML");
    let of_disk = &secrets["repository"]["disk"];
    let password = of_disk["password"].as_str().unwrap();
    assert!(
        password.len() == 52 && password.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')),
        "{password}"
    );
    let key: Value = serde_json::from_str(of_disk["master_key"].as_str().unwrap()).expect("JSON");
    assert_eq!(Key::of_json(&key), STORY.repository.key);
}

#[test]
fn a_snapshot_is_ours_and_complete_by_its_label_and_tags() {
    let all = STORY.repository.snapshots();
    assert!(all.iter().all(|(_, snapshot)| is_ours(snapshot)));
    // What `restic restore latest` would take is not what to take.
    assert!(!is_complete(&all.last().unwrap().1), "the newest of all lacks something and says so");
    let snapshot = &STORY.snapshot;
    assert_eq!(text(snapshot, "hostname"), STORY.archive_id());
    assert_eq!(snapshot["paths"], serde_json::json!(["/"]));
    let tags: Vec<&str> = snapshot["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    let [generation, "keepsake"] = tags[..] else { panic!("{tags:?}") };
    assert!(generation.strip_prefix("generation-").is_some_and(|number| number.parse::<u64>().is_ok()), "{generation}");
}
