//! The files that a person can write into an archive: settings, marker, secrets.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::LazyLock;

use keepsake::config::{Archive, BadSettings, ConfigError, MARKER_FILE, SETTINGS_FILE, Settings};
use keepsake::secrets::{SECRETS_FILE, Secrets};
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir_in("/dev/shm").expect("a folder in memory"));

fuzz_target!(init: prepare(), |input: &[u8]| {
    let Ok(text) = str::from_utf8(input) else { return };
    settings(text);
    marker(text);
    secrets(text);
});

fn settings(text: &str) {
    match Settings::from_toml(text) {
        Ok(settings) => {
            let written = settings.to_toml().expect("valid settings can be written");
            assert_eq!(Settings::from_toml(&written), Ok(settings.clone()), "{written}");
            assert_eq!(Settings::from_toml(&written).and_then(|again| again.to_toml()), Ok(written));
            let mut names: Vec<_> = settings.repositories.iter().map(|repository| repository.name.as_str()).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
            let owner = Path::new(&settings.owner);
            assert!(owner.components().count() == 1 && owner.file_name().is_some(), "{:?}", settings.owner);
            save(text, &settings);
        }
        Err(
            BadSettings::UnknownKey { line, .. } | BadSettings::Value { line, .. } | BadSettings::Secret { line, .. },
        ) => {
            assert!((1..=text.matches('\n').count() + 1).contains(&line), "line {line}");
        }
    }
}

/// What a person wrote stands as it was when nothing changed, and is read the same after something did.
fn save(text: &str, settings: &Settings) {
    let folder = FOLDER.path();
    put(folder, MARKER_FILE, "archive_id = \"a\"\nformat = 1\n");
    put(folder, SETTINGS_FILE, text);
    let mut archive = Archive::open(folder).expect("valid settings open");
    assert_eq!(&archive.settings, settings);
    let mut longer = settings.clone();
    let name = "the-newest-of-all".parse().expect("a name");
    let added = keepsake::config::RepositorySettings {
        name,
        location: "/mnt/backup \"of\" #all".to_owned(),
        id: None,
        options: BTreeMap::new(),
    };
    longer.repositories.push(added);
    if settings.repository("the-newest-of-all").is_none() {
        archive.save_settings(longer.clone()).expect("one more repository can be saved");
        assert_eq!(Archive::open(folder).expect("it opens again").settings, longer);
    }
}

fn marker(text: &str) {
    let folder = FOLDER.path();
    put(folder, MARKER_FILE, text);
    put(folder, SETTINGS_FILE, "owner = \"anna\"\n");
    match Archive::open(folder) {
        Ok(Archive { marker, .. }) => {
            let id = marker.archive_id;
            assert!((1..=64).contains(&id.len()), "{id:?}");
            assert!(
                id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{id:?}"
            );
            assert_eq!(marker.format, 1);
        }
        Err(ConfigError::NewerFormat { found, .. }) => assert!(found > 1),
        Err(ConfigError::DamagedMarker { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
}

fn secrets(text: &str) {
    let folder = FOLDER.path();
    put(folder, SECRETS_FILE, text);
    let load = || Secrets::load(folder, &BTreeMap::new(), None);
    let Ok(mut found) = load() else { return };
    let said: toml::Table = text.parse().expect("what is read as secrets is TOML");
    let tables = said.get("repository").and_then(toml::Value::as_table);
    let passwords: Vec<(&String, Option<&str>)> = tables
        .into_iter()
        .flatten()
        .map(|(name, table)| (name, table.get("password").and_then(toml::Value::as_str)))
        .collect();
    let hold = |found: &Secrets| {
        for (name, password) in &passwords {
            assert_eq!(found.repository_password(name).as_deref(), *password);
        }
    };
    hold(&found);
    let before = found.kit_passphrase();
    // What is added costs nothing that was there.
    found.set_repository_password("the newest of all", "tell \"nobody\"\n");
    found.save().expect("secrets can be saved");
    let after = load().expect("what was saved can be read");
    assert_eq!(after.repository_password("the newest of all").as_deref(), Some("tell \"nobody\"\n"));
    assert_eq!(after.kit_passphrase(), before);
    if !passwords.iter().any(|(name, _)| *name == "the newest of all") {
        hold(&after);
    }
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, text).expect("memory can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
}
