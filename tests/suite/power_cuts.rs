//! The power is cut at every step that the program takes on a disk.

mod classes;
mod disk;
mod judge;
mod mutations;
mod of_copies;
mod of_the_archive;
mod stage;
mod story;
mod trace;
mod worlds;

use stage::{Scene, Stage, ends};

use crate::support::fixtures::many;
use crate::support::holdings::Holdings;
use crate::support::tree::write;

/// A few photos with a sidecar and something damaged; another seed, other photos.
fn a_drive(stage: &Stage, name: &str, photos: usize, seed: u32) -> String {
    let folder = stage.sandbox.path(name);
    many(&folder, photos, seed);
    write(
        &folder.join("0000/IMG_00000.xmp"),
        format!("<x:xmpmeta xmlns:x='adobe:ns:meta/'>{seed}</x:xmpmeta>").as_bytes(),
    );
    folder.display().to_string()
}

fn with_photos(stage: Stage) -> Stage {
    let drive = a_drive(&stage, "first drive", 3, 1);
    stage.sandbox.keepsake(&["init"]).expect_code(0);
    stage.sandbox.keepsake(&["ingest", &drive]).expect_code(0);
    stage
}

/// The archive holds what it holds after an undisturbed run, and each object has its bytes.
fn is_as_undisturbed(scene: &Scene) -> Result<(), String> {
    let found = Holdings::of(&scene.stage.sandbox.archive())?;
    if let Some(difference) = scene.held_after.as_ref().and_then(|expected| found.difference(expected)) {
        return Err(difference);
    }
    scene.stage.ends(&["check", "--objects"], &[0]).map(|_| ())
}
