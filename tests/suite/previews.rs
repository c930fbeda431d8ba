//! Small pictures of what is stored: made once, made again, and never in the way.

use std::fs;
use std::io::Cursor;
use std::process::Command;

use keepsake::media::{Helpers, examine};
use keepsake::model::{Kind, Look};
use serde_json::json;

use crate::support::fixtures::{self, Scene, picture};
use crate::support::referee::left_out;
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

fn ingested(files: &[(&str, Vec<u8>)]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, bytes) in files {
        write(&sandbox.path("drive").join(name), bytes);
    }
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox
}

fn ingest(sandbox: &Sandbox) -> serde_json::Value {
    sandbox.json(&["ingest", &sandbox.path("drive").display().to_string()])
}

/// Width and height of a JPEG, by the decoder of others.
fn size_of(path: &str) -> (usize, usize) {
    let bytes = fs::read(path).unwrap();
    let mut decoder = zune_jpeg::JpegDecoder::new(zune_jpeg::zune_core::bytestream::ZCursor::new(&bytes));
    decoder.decode().unwrap();
    decoder.dimensions().unwrap()
}

fn previews_of(sandbox: &Sandbox, name: &str) -> serde_json::Value {
    let report = sandbox.json(&["previews", &sandbox.id_of(name)]);
    report["photos"][0].clone()
}

#[test]
fn every_photo_has_previews_after_its_ingest_and_they_are_made_again_when_they_are_gone() {
    let sandbox = ingested(&[
        ("one.jpg", picture(1).size(1600, 1200).jpeg()),
        ("two.jpg", picture(2).size(300, 200).jpeg()),
        ("note.xmp", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>".to_vec()),
    ]);
    ingest(&sandbox);
    let one = previews_of(&sandbox, "one.jpg");
    assert_eq!(size_of(one["small"].as_str().unwrap()), (512, 384));
    assert_eq!(size_of(one["large"].as_str().unwrap()), (1440, 1080));
    let two = previews_of(&sandbox, "two.jpg");
    assert_eq!(size_of(two["large"].as_str().unwrap()), (300, 200), "nothing is made larger");

    let again = sandbox.json(&["previews"]);
    assert_eq!((&again["made"], &again["already_there"]), (&json!(0), &json!(2)));
    fs::remove_dir_all(sandbox.archive().join("previews")).unwrap();
    let again = sandbox.json(&["previews"]);
    assert_eq!((&again["made"], &again["already_there"], &again["problems"]), (&json!(2), &json!(0), &json!([])));
    let anew = sandbox.json(&["previews", "--again"]);
    assert_eq!((&anew["made"], &anew["complete"]), (&json!(2), &json!(true)));
    assert!(sandbox.keepsake(&["check"]).expect_code(0).stderr.is_empty());
}

#[test]
fn a_preview_that_lost_its_end_is_made_anew() {
    let sandbox = ingested(&[("one.jpg", picture(1).size(900, 600).jpeg())]);
    ingest(&sandbox);
    let path = previews_of(&sandbox, "one.jpg")["large"].as_str().unwrap().to_owned();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(sandbox.json(&["previews"])["made"], 1);
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn where_previews_cannot_be_written_every_photo_is_kept_all_the_same() {
    let sandbox = ingested(&[("one.jpg", picture(1).size(300, 200).jpeg())]);
    // What stands in the way of the folder fails like a disk that is full.
    write(&sandbox.archive().join("previews"), b"");
    let drive = sandbox.path("drive").display().to_string();
    let ended = sandbox.keepsake(&["ingest", &drive]).expect_code(0);
    assert!(ended.stderr.contains("previews are left out"), "{}", ended.stderr);
    assert_eq!(sandbox.photo_called("one.jpg")["condition"], "intact");
    let refused = sandbox.keepsake(&["previews"]).expect_code(1);
    assert!(refused.stderr.contains("could not be written"), "{}", refused.stderr);
    fs::remove_file(sandbox.archive().join("previews")).unwrap();
    assert_eq!(sandbox.json(&["previews"])["made"], 1);
}

#[test]
fn what_cannot_be_shown_has_a_reason_and_is_no_problem() {
    let sandbox = ingested(&[("zeros.jpg", vec![0; 5000])]);
    ingest(&sandbox);
    let zeros = previews_of(&sandbox, "zeros.jpg");
    assert_eq!(zeros["small"], json!(null));
    assert!(
        zeros["why_not"].as_str().is_some_and(|why| why.contains("zeros") || why.contains("no picture")),
        "{zeros}"
    );
    let report = sandbox.json(&["previews"]);
    assert_eq!(report["problems"], json!([]));
}

fn heic(width: u32, height: u32) -> Vec<u8> {
    // Red on the left, blue on the right.
    let pixels: Vec<u8> =
        (0..width * height).flat_map(|at| if at % width < width / 2 { [220, 20, 20] } else { [20, 20, 220] }).collect();
    heifer::encode_rgb8(width, height, &pixels, &heifer::EncodeOptions::default()).unwrap()
}

#[test]
fn a_heic_is_shown_and_a_broken_one_hurts_nobody() {
    let whole = heic(640, 480);
    let broken: Vec<(String, Vec<u8>)> = (1..8)
        .map(|number| {
            let mut bytes = whole.clone();
            let from = bytes.len() * number / 8;
            bytes[from..].iter_mut().step_by(5).for_each(|byte| *byte ^= 0x5A);
            (format!("broken {number}.heic"), bytes)
        })
        .collect();
    let mut files = vec![("whole.heic", whole), ("honest.jpg", picture(3).size(64, 48).jpeg())];
    files.extend(broken.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())));
    let sandbox = ingested(&files);
    ingest(&sandbox);
    let shown = previews_of(&sandbox, "whole.heic");
    assert_eq!(size_of(shown["small"].as_str().unwrap()), (512, 384));
    assert!(previews_of(&sandbox, "honest.jpg")["small"].is_string());
    let report = sandbox.json(&["previews"]);
    assert_eq!(report["problems"], json!([]));
    assert_eq!(files_below(&sandbox.archive().join("objects")).len(), files.len());
}

#[test]
fn a_video_is_shown_where_ffmpeg_is() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("drive").join("film.mp4");
    fs::create_dir_all(sandbox.path("drive")).unwrap();
    let made = Command::new("ffmpeg")
        .args(["-v", "quiet", "-f", "lavfi", "-i", "testsrc=duration=3:size=640x360:rate=10", "-pix_fmt", "yuv420p"])
        .arg(&file)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return left_out("ffmpeg is missing, or cannot make a video");
    }
    sandbox.keepsake(&["init"]).expect_code(0);
    ingest(&sandbox);
    assert!(!sandbox.archive().join("previews").exists(), "an ingest does not wait for videos");
    assert_eq!(sandbox.json(&["previews"])["made"], 1);
    assert_eq!(size_of(previews_of(&sandbox, "film.mp4")["large"].as_str().unwrap()), (640, 360));
}

#[test]
fn the_previews_of_the_old_drive_are_all_there() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    let drive = fixtures::committed().display().to_string();
    sandbox.json(&["ingest", &drive]);
    let report = sandbox.json(&["previews"]);
    assert_eq!(report["problems"], json!([]));
    let there = report["already_there"].as_u64().unwrap();
    println!(
        "previews of the old drive: {there}, {} cannot be shown, {} made late",
        report["not_shown"], report["made"]
    );
    assert!(there >= 60, "{report}");
}

const SCENES: [Scene; 18] = [
    Scene::Hills,
    Scene::Lake,
    Scene::Beach,
    Scene::Sea,
    Scene::Winter,
    Scene::Balloons,
    Scene::Flowers,
    Scene::Street,
    Scene::Bridge,
    Scene::Night,
    Scene::Wheel,
    Scene::Church,
    Scene::Portrait,
    Scene::Group,
    Scene::Birthday,
    Scene::Wedding,
    Scene::Cat,
    Scene::Coffee,
];

fn look(jpeg: Vec<u8>) -> Look {
    let size = jpeg.len() as u64;
    let (examination, _) = examine(&mut Cursor::new(jpeg), size, Kind::Jpeg, &Helpers::default()).unwrap();
    examination.likeness.look.expect("a JPEG looks like something")
}

#[test]
fn different_scenes_look_different_and_the_same_one_smaller_and_worse_does_not() {
    let first = SCENES.map(|scene| look(picture(5).scene(scene).size(450, 300).jpeg()));
    for (index, scene) in SCENES.into_iter().enumerate() {
        let again = look(picture(5).scene(scene).size(450, 300).quality(55).progressive().jpeg());
        let (coarse, fine) = first[index].distance(&again);
        assert!(coarse <= 4 && fine <= 16, "{scene:?}: {coarse} and {fine}");
        for (other, look) in SCENES.iter().zip(&first).skip(index + 1) {
            let (coarse, fine) = first[index].distance(look);
            assert!(coarse > 10 || fine > 40, "{scene:?} and {other:?}: {coarse} and {fine}");
        }
    }
}
