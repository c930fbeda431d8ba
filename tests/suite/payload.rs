//! What a file is without its metadata, with exiftool as the one that writes metadata.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use keepsake::formats::payload;
use keepsake::media::{condition, sniff};
use keepsake::model::{Condition, Depth, Kind, Payload};

use crate::support::fixtures;
use crate::support::referee::{corpus, is_here};
use crate::support::sandbox::Sandbox;

#[derive(Default)]
struct Tally {
    files: u32,
    named: u32,
    rewritten: u32,
}

#[test]
fn writing_metadata_leaves_the_payload_of_our_fixtures() {
    if !is_here("exiftool", "apt-get install libimage-exiftool-perl") {
        return;
    }
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    fixtures::old_drive(&drive);
    let rewritten = rewrite_and_compare(&drive);
    assert!(rewritten > 60, "exiftool wrote into {rewritten} files only");
}

#[test]
fn writing_metadata_leaves_the_payload_of_real_files() {
    let Some(corpus) = corpus() else { return };
    if !is_here("exiftool", "apt-get install libimage-exiftool-perl") {
        return;
    }
    let sandbox = Sandbox::new();
    let copy = sandbox.path("corpus");
    fs::create_dir_all(&copy).unwrap();
    for (number, file) in files_below(&corpus).into_iter().enumerate() {
        let size = fs::metadata(&file).unwrap().len();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if size < 64 << 20 && kind_of(&file).is_some() {
            fs::copy(&file, copy.join(format!("{number}-{name}"))).unwrap();
        }
    }
    let rewritten = rewrite_and_compare(&copy);
    assert!(rewritten > 100, "exiftool wrote into {rewritten} files only");
}

/// Bytes that are changed in each file, one at a time.
const PLACES: usize = 97;

#[test]
fn a_changed_byte_of_the_picture_is_another_picture() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    fixtures::old_drive(&drive);
    for path in files_below(&drive) {
        let Some(kind) = kind_of(&path) else { continue };
        let mut bytes = fs::read(&path).unwrap();
        let size = bytes.len();
        let of = |bytes: &[u8]| payload::of(&mut Cursor::new(bytes), size as u64, kind).unwrap();
        let Some(whole) = of(&bytes) else { continue };
        let mut noticed = 0;
        for place in 0..PLACES {
            // Pictures lie behind their metadata.
            let at = size / 3 + place * (size - size / 3) / PLACES;
            bytes[at] ^= 0x55;
            noticed += usize::from(of(&bytes) != Some(whole));
            bytes[at] ^= 0x55;
        }
        assert!(noticed * 10 > PLACES * 6, "{}: {noticed} of {PLACES} changes were noticed", path.display());
    }
}

/// Counts the files that exiftool wrote into, each of which has kept its payload.
#[track_caller]
fn rewrite_and_compare(folder: &Path) -> u32 {
    let read = |path: &PathBuf| -> (Option<Payload>, Vec<u8>) {
        let bytes = fs::read(path).unwrap();
        let kind = kind_of(path).unwrap_or(Kind::Unknown);
        let mut file = File::open(path).unwrap();
        (payload::of(&mut file, bytes.len() as u64, kind).unwrap(), bytes)
    };
    let files: Vec<PathBuf> = files_below(folder).into_iter().filter(|path| kind_of(path).is_some()).collect();
    let before: BTreeMap<&PathBuf, _> = files.iter().map(|path| (path, read(path))).collect();
    let written = Command::new("exiftool")
        .args(["-r", "-m", "-q", "-q", "-overwrite_original", "-AllDates=2001:02:03 04:05:06", "-Orientation#=6"])
        .args(["-GPSLatitude=38.7", "-GPSLatitudeRef=N", "-GPSLongitude=9.1", "-GPSLongitudeRef=W"])
        .args(["-IPTC:Keywords=Oma", "-XMP:Subject=Oma", "-Comment=a comment", "-XMP:Rating=4", "-Artist=somebody"])
        .args(["-Keys:Description=words", "-QuickTime:CreateDate=2001:02:03 04:05:06"])
        .arg(folder)
        .output();
    written.expect("exiftool runs");
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut moved = Vec::new();
    for (path, (payload, bytes)) in &before {
        let (now, now_bytes) = read(path);
        let tally = tallies.entry(kind_of(path).unwrap_or(Kind::Unknown).as_str()).or_default();
        tally.files += 1;
        tally.named += u32::from(payload.is_some());
        tally.rewritten += u32::from(payload.is_some() && now_bytes != *bytes);
        if payload.is_some() && now != *payload {
            moved.push(format!("{}: {payload:?} became {now:?}", path.display()));
        }
    }
    let nameless = before.iter().filter(|(path, (payload, bytes))| payload.is_none() && is_whole(path, bytes));
    let nameless: Vec<String> = nameless.map(|(path, _)| path.display().to_string()).collect();
    assert!(nameless.is_empty(), "whole, and yet without a payload:\n{}", nameless.join("\n"));
    for (kind, Tally { files, named, rewritten }) in &tallies {
        println!("{kind:8} {files:4} files, {named:4} with a payload, {rewritten:4} written into");
    }
    assert!(moved.is_empty(), "{}", moved.join("\n"));
    tallies.values().map(|tally| tally.rewritten).sum()
}

/// Whether a file of a format that has payloads is intact.
fn is_whole(path: &Path, bytes: &[u8]) -> bool {
    let kind = kind_of(path).unwrap_or(Kind::Unknown);
    let has_none = matches!(kind, Kind::Bmp | Kind::Crw | Kind::X3f | Kind::Mkv | Kind::Mts | Kind::Mpg | Kind::Wmv);
    let tested = condition::test(&mut Cursor::new(bytes), bytes.len() as u64, kind).unwrap();
    !has_none && tested.condition == Condition::Intact && tested.depth >= Depth::Structure
}

fn kind_of(path: &Path) -> Option<Kind> {
    let bytes = fs::read(path).unwrap();
    let head = bytes.get(..64 * 1024).unwrap_or(&bytes);
    sniff(head, path.file_name().unwrap().as_encoded_bytes())
        .filter(|kind| !matches!(kind, Kind::Unknown | Kind::Xmp | Kind::Aae))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
