//! Cut short at any moment, run again to the end: the result is what an undisturbed run gives.

mod ctrl_c;
mod of_backup;
mod of_ingest;
mod of_restoring;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use keepsake::catalog::Catalog;
use serde_json::Value;

use crate::support::fixtures::{many, old_drive};
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

/// A drive with a bit of everything: small photos, the whole old drive, and big files that no decoder likes.
fn a_drive(folder: &Path, small_photos: usize, big_files: usize) {
    old_drive(&folder.join("old drive"));
    many(&folder.join("small"), small_photos, 7);
    for number in 0..big_files {
        // Nothing that could be packed smaller or found twice.
        let mut noise = vec![0; 2 << 20];
        blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut noise);
        noise[..12].copy_from_slice(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01");
        write(&folder.join(format!("big/IMG_{number:04}.jpg")), &noise);
    }
}

/// All that an archive holds and knows, without the clock's part in it.
#[derive(PartialEq, Eq, Debug)]
struct Holdings {
    objects: Vec<String>,
    /// The lines of the catalog's export, sorted, by the kind of shard they stand in.
    export: BTreeMap<String, Vec<String>>,
}

fn holdings(archive: &Path) -> Holdings {
    let catalog = Catalog::open(&archive.join("catalog.db")).expect("the catalog opens");
    assert_eq!(catalog.integrity_check().expect("it reads"), Vec::<String>::new());
    let (_, shards) = catalog.snapshot_contents().expect("it exports");
    let mut export: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for shard in shards {
        // The month of a shard may be that of the test's own clock.
        let kind = shard.name.split('/').next().expect("a name").to_owned();
        let text = String::from_utf8(shard.bytes).expect("an export is text");
        export.entry(kind).or_default().extend(text.lines().map(without_clock));
    }
    for lines in export.values_mut() {
        lines.sort();
    }
    Holdings { objects: files_below(&archive.join("objects")), export }
}

fn without_clock(line: &str) -> String {
    let mut value: Value = serde_json::from_str(line).expect("a line of JSON");
    for name in ["added_at", "kept_at", "first_seen_at"] {
        if let Some(time) = value.get_mut(name) {
            *time = Value::Null;
        }
    }
    value.to_string()
}

/// Compares without printing two whole archives.
#[track_caller]
fn assert_same(found: &Holdings, expected: &Holdings, what: &str) {
    assert_eq!(found.objects, expected.objects, "{what}");
    assert_eq!(found.export.keys().collect::<Vec<_>>(), expected.export.keys().collect::<Vec<_>>(), "{what}");
    for (kind, lines) in &expected.export {
        let others = &found.export[kind];
        let differ = lines.iter().zip(others).find(|(one, other)| one != other);
        assert!(differ.is_none() && lines.len() == others.len(), "{what}: {kind}: {differ:?}");
    }
}

/// Nothing is left of copies that were not finished.
#[track_caller]
fn assert_swept(archive: &Path) {
    assert_eq!(files_below(&archive.join("incoming")), Vec::<String>::new());
}

/// The program on an archive somewhere.
fn keepsake(sandbox: &Sandbox, archive: &Path, arguments: &[&str]) -> Command {
    let named = ["--archive".as_ref(), archive.as_os_str()];
    sandbox.command(named.into_iter().chain(arguments.iter().map(AsRef::as_ref)))
}

/// How often a run was cut short where, for whoever reads along.
#[derive(Default)]
struct Tally(BTreeMap<String, u32>);

impl Tally {
    fn count(&mut self, stage: &str) {
        *self.0.entry(stage.to_owned()).or_default() += 1;
    }

    fn tell(&self, what: &str) {
        println!("{what}: {:?}", self.0);
    }
}
