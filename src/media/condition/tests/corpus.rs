//! Real files of cameras and phones, where `KEEPSAKE_CORPUS` says they are.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use super::*;
use crate::media::sniff;

/// Files of the corpus that are broken indeed, each looked at by hand.
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
    // Broken inside; by name, or by stray bytes (broken.jpg), or with checksums of zero (exif*.png, text-only.png).
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

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the corpus can be listed") {
        let path = entry.expect("the corpus can be listed").path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}

fn decodes_strictly(path: &Path) -> bool {
    let bytes = fs::read(path).expect("the corpus can be read");
    let options = zune_jpeg::zune_core::options::DecoderOptions::default().set_strict_mode(true);
    let mut decoder =
        zune_jpeg::JpegDecoder::new_with_options(zune_jpeg::zune_core::bytestream::ZCursor::new(bytes), options);
    decoder.decode().is_ok()
}

#[test]
fn healthy_files_of_real_cameras_are_intact() {
    #[allow(clippy::disallowed_methods, reason = "a test has no settings but its environment")]
    let Some(corpus) = std::env::var_os("KEEPSAKE_CORPUS") else {
        println!("stepped aside: KEEPSAKE_CORPUS is not set");
        return;
    };
    let mut files = Vec::new();
    collect(Path::new(&corpus), &mut files);
    files.sort();
    let mut disagreements = Vec::new();
    for path in files {
        let mut file = File::open(&path).expect("the corpus can be read");
        let mut head = Vec::new();
        file.by_ref().take(65_536).read_to_end(&mut head).expect("the corpus can be read");
        let name = path.file_name().expect("a name").as_encoded_bytes();
        let Some(kind) = sniff(&head, name) else { continue };
        file.rewind().expect("the corpus can be read");
        let size = file.metadata().expect("the corpus can be read").len();
        let found = test(&mut file, size, kind).expect("the corpus can be read");
        let short = path.strip_prefix(&corpus).expect("inside").display().to_string();
        println!("{short}: {kind} {} {:?} {:?} {:?}", found.condition, found.depth, found.good_percent, found.finding);
        let expected = BROKEN.iter().any(|broken| short.ends_with(broken));
        if kind == Kind::Jpeg && decodes_strictly(&path) == found.condition.is_damage() {
            println!("{short}: a strict decoder judges otherwise");
        }
        if found.condition.is_damage() != expected {
            disagreements.push(short);
        }
    }
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}
