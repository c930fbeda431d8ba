//! Whatever is wrong is said in words that help, or listed; nothing is lost, and nothing panics.

mod archives;
mod bombs;
mod buckets;
mod drives;
mod keys;
mod real_files;
mod repositories;
mod restores;
mod sources;

use std::path::Path;

use crate::support::fixtures::{Scene, picture};
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::write;

/// Nobody should ever read how a program of ours fell over.
#[track_caller]
pub(crate) fn calm(ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        for word in ["panicked at", "RUST_BACKTRACE", "Error {", "Some(", "Error code", "unwrap"] {
            assert!(!text.contains(word), "“{word}” in\n{}{}", ended.stdout, ended.stderr);
        }
    }
}

/// The program refused: with this code, saying this, and what to do about it.
#[track_caller]
fn refused(ended: Ended, code: i32, error: &str, hint: &str) -> Ended {
    let ended = ended.expect_code(code);
    calm(&ended);
    let said = |start: &str, text: &str| {
        ended.stderr.lines().any(|line| line.strip_prefix(start).is_some_and(|rest| rest.contains(text)))
    };
    assert!(said("error: ", error), "no “error: … {error} …” in\n{}", ended.stderr);
    assert!(said("hint: ", hint), "no “hint: … {hint} …” in\n{}", ended.stderr);
    ended
}

/// An archive that has taken in `source`.
fn archive_of(source: &Path) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.keepsake(&["ingest", &source.display().to_string()]).expect_code(0);
    sandbox
}

/// Writes so many photos, `IMG_0.JPG` and so on.
fn photos(folder: &Path, how_many: u32) {
    for number in 0..how_many {
        write(&folder.join(format!("IMG_{number}.JPG")), &picture(number).scene(Scene::Lake).size(96, 64).jpeg());
    }
}
