//! Cut short at any moment, run again to the end: the result is what an undisturbed run gives.

mod ctrl_c;
mod of_backup;
mod of_ingest;
mod of_restoring;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::support::fixtures::{many, old_drive};
use crate::support::holdings::Holdings;
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

fn holdings(archive: &Path) -> Holdings {
    Holdings::of(archive).expect("the archive can be read")
}

/// Compares without printing two whole archives.
#[track_caller]
fn assert_same(found: &Holdings, expected: &Holdings, what: &str) {
    if let Some(difference) = found.difference(expected) {
        panic!("{what}: {difference}");
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
