//! Who may name whom. A module that is not in the table, or that names one it may not, fails here.

#![allow(clippy::expect_used, reason = "a test says what it expected")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every top module with the top modules that it may name. Siblings of one layer never name each other.
const MAY_NAME: &[(&str, &[&str])] = &[
    // 1 words
    ("model", &[]),
    ("formats", &["model"]),
    ("events", &["model"]),
    // below the outside worlds: whole small files on a disk
    ("durable", &[]),
    // 2 outside worlds
    ("sources", &["model", "formats", "events", "durable"]),
    ("media", &["model", "formats", "events"]),
    ("objects", &["model", "formats", "events"]),
    ("catalog", &["model", "formats", "events"]),
    ("previews", &["model", "formats", "events"]),
    ("repository", &["model", "formats", "events"]),
    ("recovery", &["model", "formats", "events"]),
    ("secrets", &["model", "formats", "events", "durable"]),
    // 4 ways in that stay up; config is read by the verbs' callers, and by no outside world
    ("config", &["model", "events", "durable"]),
    // 3 verbs
    (
        "workflows",
        &[
            "model",
            "formats",
            "events",
            "durable",
            "sources",
            "media",
            "objects",
            "catalog",
            "previews",
            "repository",
            "recovery",
            "secrets",
            "config",
        ],
    ),
    // 5 command line
    (
        "cli",
        &[
            "model",
            "formats",
            "events",
            "sources",
            "objects",
            "catalog",
            "previews",
            "repository",
            "recovery",
            "secrets",
            "config",
            "workflows",
        ],
    ),
];

/// What only one top module may name: each outside world wraps one library, and keeps it.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("rusqlite", &["catalog"]),
    ("rustic_core", &["repository"]),
    ("opendal", &["repository"]),
    ("tokio", &["repository"]),
    ("futures_core", &["repository"]),
    ("age", &["recovery"]),
    ("exif", &["media"]),
    ("nom_exif", &["media"]),
    ("image", &["media"]),
    ("heifer", &["media"]),
    ("fast_image_resize", &["media"]),
    ("jpeg_encoder", &["media"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
];

#[test]
fn modules_name_only_what_their_layer_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_NAME.iter().map(|(module, names)| (*module, names.iter().copied().collect())).collect();
    let mut breaches = Vec::new();
    for file in sources() {
        let Some(module) = top_module(&file) else { continue };
        let Some(names) = allowed.get(module.as_str()) else {
            breaches.push(format!(
                "{}: the module “{module}” is not in the table of tests/architecture.rs",
                file.display()
            ));
            continue;
        };
        for (line, named) in crate_paths(&file) {
            if named != module && !names.contains(named.as_str()) {
                breaches.push(format!("{}:{line}: “{module}” may not name “{named}”", file.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn each_library_is_named_in_one_world_only() {
    let mut breaches = Vec::new();
    for file in sources() {
        let Some(module) = top_module(&file) else { continue };
        let text = code(&file);
        for (library, homes) in ONLY_IN {
            let named = text.lines().enumerate().find(|(_, line)| names_library(line, library));
            if let Some((line, _)) = named.filter(|_| !homes.contains(&module.as_str())) {
                breaches.push(format!("{}:{}: only {homes:?} may name “{library}”", file.display(), line + 1));
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn the_core_prints_nothing() {
    let mut breaches = Vec::new();
    for file in sources() {
        if top_module(&file).is_none_or(|module| module == "cli") {
            continue;
        }
        for (line, text) in code(&file).lines().enumerate() {
            if ["println!", "eprintln!", "print!(", "dbg!("].iter().any(|word| text.contains(word)) {
                breaches.push(format!("{}:{}: {}", file.display(), line + 1, text.trim()));
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

fn names_library(line: &str, library: &str) -> bool {
    line.match_indices(&format!("{library}::")).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == ':')
    })
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 10, "the sources were not found");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            assert!(path.with_extension("rs").exists(), "{} has no module file beside it", path.display());
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            assert!(
                path.file_name().is_some_and(|name| name != "mod.rs"),
                "{}: thing.rs + thing/, no mod.rs",
                path.display()
            );
            found.push(path);
        }
    }
}

/// The first part below `src`; `None` for `lib.rs` and `main.rs`.
fn top_module(file: &Path) -> Option<String> {
    let below = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("below src");
    let first = below.components().next().expect("a file").as_os_str().to_string_lossy();
    let name = first.strip_suffix(".rs").unwrap_or(&first).to_owned();
    (name != "lib" && name != "main").then_some(name)
}

/// The text without comments and without what follows `#[cfg(test)]`; nothing for `tests.rs` and what is below
/// `tests/`.
fn code(file: &Path) -> String {
    if file.components().skip_while(|part| part.as_os_str() != "src").any(|part| part.as_os_str() == "tests")
        || file.file_name().is_some_and(|name| name == "tests.rs")
    {
        return String::new();
    }
    let text = fs::read_to_string(file).expect("a source file is text");
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .map(|line| if line.trim_start().starts_with("//") { "" } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every top module named as `crate::name`, groups included, with its line.
fn crate_paths(file: &Path) -> Vec<(usize, String)> {
    let text = code(file);
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line = text.get(..at).map_or(0, |before| before.matches('\n').count()) + 1;
        let rest = text.get(at + "crate::".len()..).unwrap_or_default();
        let names: Vec<String> = match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split("};").next().unwrap_or_default();
                group.split(',').map(|part| first_name(part.trim())).collect()
            }
            None => vec![first_name(rest)],
        };
        found.extend(names.into_iter().filter(|name| !name.is_empty()).map(|name| (line, name)));
    }
    found
}

fn first_name(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}
