//! What holds after every call, whatever was damaged.

use std::fs;

use keepsake::model::ObjectId;

use super::bench::Bench;
use super::table::{Cell, Finding};
use super::things::{Thing, Verb};
use crate::support::sandbox::Ended;
use crate::support::tree::files_below;

/// All that is wrong with how a call ended; empty where every promise was kept.
pub(super) fn broken(bench: &Bench, (thing, _, verb): Cell, expected: &Finding, ended: &Ended) -> Vec<String> {
    let mut broken = Vec::new();
    let printed = format!("{}{}", ended.stdout, ended.stderr);
    if ended.code != expected.code || !printed.contains(&expected.says) {
        broken.push(format!("should end with {} and say “{}”", expected.code, expected.says));
    }
    for word in
        ["panicked", "RUST_BACKTRACE", "Error {", "Some(", "Error code", "os error", "rustic", "a fault of its own"]
    {
        if printed.contains(word) {
            broken.push(format!("says “{word}”"));
        }
    }
    if matches!(ended.code, 1 | 10 | 11 | 12) && !printed.contains("hint: ") {
        broken.push("does not say what to do".to_owned());
    }
    broken.extend(altered_files(bench));
    bench.put_back(thing);
    broken.extend(lost_files(bench, thing));
    if verb.writes() && broken.is_empty() {
        broken.extend(not_whole(bench));
    }
    broken
}

/// What was restored or recovered is what went in, byte for byte, under no name that says otherwise.
fn altered_files(bench: &Bench) -> Vec<String> {
    let mut altered = Vec::new();
    let to = bench.path("to");
    if to.exists() {
        for name in files_below(&to) {
            if name.ends_with(".keepsake-partial") || !bench.originals.contains(&fs::read(to.join(&name)).unwrap()) {
                altered.push(format!("restored {name}, which never went in"));
            }
        }
    }
    let objects = bench.path("new/objects");
    if objects.exists() {
        for name in files_below(&objects) {
            let hash = ObjectId::of(&fs::read(objects.join(&name)).unwrap()).to_string();
            if !name.ends_with(&hash) {
                altered.push(format!("recovered the object {name} with other bytes"));
            }
        }
    }
    altered
}

/// With the good bytes back in their place, everything is there that was there before. Kits and index files may have
/// been made anew.
fn lost_files(bench: &Bench, thing: Thing) -> Vec<String> {
    let mut lost = Vec::new();
    for folder in ["archive/objects", "disk/data", "disk/snapshots", "disk/keys"] {
        let kept = bench.path("kept").join(folder);
        for name in files_below(&kept) {
            let now = fs::read(bench.path(folder).join(&name));
            if now.ok() != fs::read(kept.join(&name)).ok() {
                lost.push(format!("{folder}/{name} is not what it was (after damage to {thing:?})"));
            }
        }
    }
    for file in ["disk/config", "archive/secrets.toml", "archive/keepsake.toml", "archive/.keepsake-archive"] {
        if fs::read(bench.path(file)).ok() != fs::read(bench.path("kept").join(file)).ok() {
            lost.push(format!("{file} is not what it was"));
        }
    }
    lost
}

/// Whether everything can be read and restored again.
pub(super) fn not_whole(bench: &Bench) -> Vec<String> {
    let mut wrong = Vec::new();
    for arguments in [&["check", "--objects", "--read-data"][..], &["drill", "--all"]] {
        let ended = bench.sandbox.keepsake(arguments);
        let old_alone = ended.stdout.lines().all(|line| !line.starts_with("  ") || is_harmless(line));
        let only_old = ended.code == 4 && arguments[0] == "check" && old_alone;
        if ended.code != 0 && !only_old {
            wrong.push(format!("afterwards {arguments:?} ends with {}: {}{}", ended.code, ended.stdout, ended.stderr));
        }
    }
    wrong
}

/// What an old snapshot lost for good is told for ever, and is no photo.
fn is_harmless(line: &str) -> bool {
    line.starts_with("  old-snapshot-incomplete: ") || line.starts_with("  hint: what it lacks is lost for this old")
}

/// For whoever reads the failure.
pub(super) fn headline((thing, damage, verb): Cell) -> String {
    format!("{} / {} / {}", thing.name(), damage.name(), Verb::name(verb))
}
