//! The archive's own folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::{STORY, hash, is_hex, text};
use crate::support::tree::files_below;

fn archive() -> PathBuf {
    STORY.sandbox.archive()
}

fn toml(name: &str) -> toml::Table {
    fs::read_to_string(archive().join(name)).unwrap().parse().expect("TOML")
}

fn mode(name: &str) -> u32 {
    fs::metadata(archive().join(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_marker_says_which_archive_it_is_and_of_which_format() {
    let marker = toml(".keepsake-archive");
    assert_eq!(marker["format"].as_integer(), Some(1));
    let id = marker["archive_id"].as_str().unwrap();
    assert!(id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{id}");
}

#[test]
fn there_is_nothing_in_the_folder_that_the_document_does_not_name() {
    for name in files_below(&archive()) {
        let parts: Vec<&str> = name.split('/').collect();
        let known = match parts[..] {
            [
                ".keepsake-archive" | "keepsake.toml" | "secrets.toml" | "catalog.db" | "catalog.db-wal"
                | "catalog.db-shm",
            ]
            | ["recovery", "kit.age" | "sheet.txt" | "copies.toml"] => true,
            ["objects", folder, object] => is_hex(object, 64) && folder == &object[..2],
            ["previews", folder, preview] => {
                preview.split('.').next().is_some_and(|object| is_hex(object, 64) && folder == &object[..2])
            }
            ["locks", lock] => {
                let lock = lock.strip_suffix(".lock");
                lock.is_some_and(|lock| {
                    ["ingest", "repository-disk", "maintenance", "secrets", "settings"].contains(&lock)
                })
            }
            _ => false,
        };
        assert!(known, "{name}");
    }
}

#[test]
fn modes_are_those_of_the_document() {
    assert_eq!((mode("secrets.toml"), mode("catalog.db")), (0o600, 0o600));
    // Less the umask of whoever runs the tests, who can read in any case.
    for name in [".keepsake-archive", "keepsake.toml", "recovery/kit.age", "recovery/sheet.txt"] {
        assert_eq!(mode(name) & !0o044, 0o600, "{name}");
    }
    for object in files_below(&archive().join("objects")) {
        assert_eq!(mode(&format!("objects/{object}")) & !0o044, 0o400, "{object}");
    }
}

#[test]
fn an_object_is_named_by_the_blake3_of_its_bytes_and_the_newest_snapshot_has_them_all() {
    let objects = files_below(&archive().join("objects"));
    for name in &objects {
        let bytes = fs::read(archive().join("objects").join(name)).unwrap();
        assert_eq!(*name, format!("{}/{}", &hash(&bytes)[..2], hash(&bytes)));
    }
    let told = STORY.lines.of_kind("objects").map(|line| text(line, "object").to_owned());
    let missing: Vec<_> = told.filter(|object| !objects.contains(&format!("{}/{object}", &object[..2]))).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn settings_name_the_repository_and_travel_in_the_snapshot() {
    let settings = toml("keepsake.toml");
    let disk = &settings["repository"][0];
    assert_eq!(settings["owner"].as_str(), Some("anna"));
    assert_eq!(disk["name"].as_str(), Some("disk"));
    assert_eq!(disk["location"].as_str(), STORY.repository.folder.to_str());
    assert_eq!(disk["id"].as_str(), STORY.repository.config["id"].as_str());
    let travelled = str::from_utf8(STORY.files()["keepsake/settings.toml"]).unwrap();
    assert_eq!(travelled.parse::<toml::Table>().expect("TOML"), settings);
}

#[test]
fn the_catalog_says_in_its_header_that_it_is_ours_and_of_which_version() {
    let header = fs::read(archive().join("catalog.db")).unwrap();
    let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
    // SQLite, “Database File Format”, section 1.3: user version, application id.
    assert_eq!((number(60), number(68)), (2, 0x4b45_4550));
}
