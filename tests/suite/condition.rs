//! Real files of cameras and phones: whole ones must be intact, and what is cut or holed here must be found. Needs
//! `KEEPSAKE_CORPUS` (a folder); says so and steps aside without it.

#![allow(clippy::expect_used, reason = "a test says what it expected")]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use keepsake::media::condition::{self, Tested};
use keepsake::media::sniff;
use keepsake::model::{Condition, Depth, Kind};
use zune_jpeg::zune_core::{bytestream::ZCursor, options::DecoderOptions};

use crate::support::referee::corpus;

/// Files of the corpus that are broken indeed, each looked at.
const BROKEN: [&str; 21] = [
    // Cut: an iPhone's picture that ends 6461 bytes early, headers without their pictures.
    "IMG_5195.HEIC",
    "truncated.heic",
    "canon-r6.cr3",
    "sony-a7-xavc.MP4",
    "exif-no-tz.jpg",
    "motion_photo_pixel_synth.jpg",
    "compatible-brands.heic",
    "compatible-brands.mov",
    "compatible-brands-fail.heic",
    "compatible-brands-fail.mov",
    // Broken inside: by name, by stray bytes (broken.jpg), with checksums of zero (exif*.png, text-only.png).
    "corrupted.heic",
    "corrupted.hif",
    "corrupted.jpg",
    "broken.jpg",
    "oom_large_box.heic",
    "empty.heic",
    "text-only.png",
    "exif.png",
    "exif-both.png",
    "exif-legacy.png",
    "exif-legacy-app1.png",
];

struct Sample {
    name: String,
    kind: Kind,
    bytes: Vec<u8>,
}

#[test]
fn whole_files_of_real_cameras_are_intact_and_broken_ones_are_not() {
    let mut wrong = Vec::new();
    for Sample { name, kind, bytes } in samples() {
        let found = tested(&bytes, kind);
        if found.condition.is_damage() != is_known_as_broken(&name) {
            wrong.push(format!("{name}: {kind} {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_strict_decoder_agrees_about_every_jpeg() {
    let mut wrong = Vec::new();
    for Sample { name, bytes, .. } in samples().into_iter().filter(|sample| sample.kind == Kind::Jpeg) {
        let options = DecoderOptions::default().set_strict_mode(true);
        let decodes = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(&bytes), options).decode().is_ok();
        if decodes == tested(&bytes, Kind::Jpeg).condition.is_damage() {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_real_file_cut_short_is_found() {
    let mut wrong = Vec::new();
    for Sample { name, kind, bytes } in whole_samples() {
        for (part, of) in [(1, 10), (1, 2), (9, 10), (99, 100)] {
            // Behind a JPEG's end mark there may be padding, or what is known to nobody but its maker.
            let end = if kind == Kind::Jpeg { end_of_picture(&bytes) } else { bytes.len() };
            let length = end * part / of;
            let found = tested(bytes.get(..length).expect("shorter"), kind);
            if !found.condition.is_damage() {
                wrong.push(format!("{name}: {kind} cut at {length} of {end}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_hole_in_a_real_jpeg_is_found() {
    let (mut found, mut made, mut wrong) = (0, 0, Vec::new());
    for Sample { name, kind, bytes } in whole_samples().into_iter().filter(|sample| sample.bytes.len() > 60_000) {
        if kind != Kind::Jpeg {
            continue;
        }
        let end = end_of_picture(&bytes);
        for place in [50, 70, 90] {
            let at = (end * place / 100) / 512 * 512;
            let mut holed = bytes.clone();
            holed.get_mut(at..at + 512).expect("inside").fill(0);
            made += 1;
            if tested(&holed, kind).condition == Condition::Damaged {
                found += 1;
            } else {
                wrong.push(format!("{name}: hole at {at} of {end}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{found} of {made}: {wrong:#?}");
}

fn tested(bytes: &[u8], kind: Kind) -> Tested {
    condition::test(&mut Cursor::new(bytes), bytes.len() as u64, kind).expect("memory can be read")
}

fn end_of_picture(bytes: &[u8]) -> usize {
    keepsake::formats::jpeg::validate(bytes).end.expect("a whole picture")
}

fn is_known_as_broken(name: &str) -> bool {
    BROKEN.iter().any(|broken| name.ends_with(broken))
}

/// The files that are whole, and looked into.
fn whole_samples() -> Vec<Sample> {
    let mut samples = samples();
    samples.retain(|sample| {
        !is_known_as_broken(&sample.name) && tested(&sample.bytes, sample.kind).depth > Depth::Signature
    });
    samples
}

fn samples() -> Vec<Sample> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let mut files = Vec::new();
    collect(&corpus, &mut files);
    files.sort();
    let sample = |path: PathBuf| {
        let bytes = fs::read(&path).expect("the corpus can be read");
        let head = bytes.get(..bytes.len().min(65_536)).unwrap_or_default();
        let kind = sniff(head, path.file_name().unwrap_or_default().as_encoded_bytes())?;
        Some(Sample { name: path.display().to_string(), kind, bytes })
    };
    files.into_iter().filter_map(sample).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the corpus can be listed") {
        let path = entry.expect("the corpus can be listed").path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}
