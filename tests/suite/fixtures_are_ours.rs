//! The old drive in `fixtures/` is what our own code draws, and is what it is said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::process::Command;

use keepsake::model::{Condition, Kind, TimeSource};
use serde_json::Value;

use crate::support::fixtures::{self, Dialect, Exif, Expected, Iptc, Movie, Role, Scene, Xmp, picture};
use crate::support::referee;
use crate::support::tree::{files_below, write};

/// Not a test of anything: `cargo test --test suite -- --ignored redraw_fixtures` writes `fixtures/old-drive` anew.
#[test]
#[ignore = "writes into the repository"]
fn redraw_fixtures() {
    let drive = fixtures::committed();
    if drive.exists() {
        fs::remove_dir_all(&drive).unwrap();
    }
    for (path, bytes) in fixtures::drawn() {
        write(&drive.join(path), &bytes);
    }
}

#[test]
fn the_fixtures_are_what_our_code_draws() {
    let drawn = fixtures::drawn();
    let committed: BTreeSet<String> = files_below(&fixtures::committed()).into_iter().collect();
    assert_eq!(committed, drawn.keys().cloned().collect(), "the files are not those that our code draws");
    for (path, bytes) in drawn {
        let kept = fs::read(fixtures::committed().join(&path)).unwrap();
        assert!(kept == bytes, "{path} is not what our code draws; fixtures/README.md tells how to redraw it");
    }
}

#[test]
fn the_old_drive_is_written_with_the_times_of_its_last_copying() {
    let place = tempfile::tempdir().unwrap();
    fixtures::old_drive(place.path());
    let manifest = fixtures::manifest();
    assert_eq!(files_below(place.path()).len(), manifest.len());
    let mut bytes = 0;
    for expected in &manifest {
        let file = fs::metadata(place.path().join(&expected.path)).unwrap();
        assert_eq!(file.mtime(), expected.modified_at.as_second(), "{}", expected.path);
        assert_eq!(file.mtime() % 2, 0, "FAT knows even seconds only");
        bytes += file.len();
    }
    assert!(bytes < 5_000_000, "{bytes} bytes are too many for a repository");
}

#[test]
fn a_copy_has_the_bytes_of_its_original_and_no_other_file_has() {
    let mut seen: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    for expected in fixtures::manifest() {
        let bytes = fs::read(fixtures::committed().join(&expected.path)).unwrap();
        assert_eq!(seen.get(&bytes), expected.same_bytes_as.as_ref(), "{}", expected.path);
        assert_eq!(bytes.is_empty(), expected.role == Role::Empty, "{}", expected.path);
        seen.entry(bytes).or_insert(expected.path);
    }
}

#[test]
fn the_manifest_names_only_files_that_are_there() {
    let manifest = fixtures::manifest();
    let paths: BTreeSet<&str> = manifest.iter().map(|expected| expected.path.as_str()).collect();
    for expected in &manifest {
        let others = [&expected.same_bytes_as, &expected.same_picture_as, &expected.belongs_to];
        for other in others.into_iter().flatten() {
            assert!(paths.contains(other.as_str()), "{} names {other}", expected.path);
        }
        assert_eq!(expected.kind.is_some(), expected.condition.is_some(), "{}", expected.path);
    }
}

#[test]
fn every_intact_jpeg_decodes_and_the_broken_ones_hold_the_healthy_ones_bytes() {
    for expected in fixtures::manifest().iter().filter(|expected| expected.kind == Some(Kind::Jpeg)) {
        let bytes = fs::read(fixtures::committed().join(&expected.path)).unwrap();
        let whole = bytes.starts_with(b"\xff\xd8\xff") && bytes.ends_with(b"\xff\xd9");
        match expected.condition.unwrap() {
            Condition::Intact => {
                assert!(whole, "{}", expected.path);
                let strict = zune_jpeg::zune_core::options::DecoderOptions::default().set_strict_mode(true);
                let source = zune_jpeg::zune_core::bytestream::ZCursor::new(&bytes);
                let decoded = zune_jpeg::JpegDecoder::new_with_options(source, strict).decode();
                assert!(decoded.is_ok(), "{}: {decoded:?}", expected.path);
            }
            Condition::Damaged => assert!(whole, "{} is broken inside, not at its end", expected.path),
            Condition::Truncated | Condition::PreviewOnly => {
                assert!(!bytes.ends_with(b"\xff\xd9"), "{}", expected.path);
            }
        }
    }
    let [healthy, holed] = ["DCIM/100CANON/IMG_0007.JPG", "recovered files/f0004096.jpg"]
        .map(|path| fs::read(fixtures::committed().join(path)).unwrap());
    assert_eq!(healthy.len(), holed.len());
    let (same, lost): (Vec<_>, Vec<_>) =
        healthy.chunks(4096).zip(holed.chunks(4096)).partition(|(before, after)| before == after);
    assert_eq!(lost.len(), 1, "one block was lost");
    assert!(lost[0].1.iter().all(|byte| *byte == 0) && same.len() >= 4);
}

#[test]
fn exiftool_reads_what_the_manifest_says() {
    if !referee::is_here("exiftool", "apt-get install libimage-exiftool-perl") {
        return;
    }
    let drive = fixtures::committed();
    let output = Command::new("exiftool")
        .args(["-json", "-recurse", "-all", "-n", "-G1", "-fast0", "-quiet", "-charset", "iptc=utf8", "."])
        .current_dir(&drive)
        .output()
        .unwrap();
    let read: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let by_path: BTreeMap<&str, &Value> =
        read.iter().map(|file| (file["SourceFile"].as_str().unwrap().trim_start_matches("./"), file)).collect();
    let mut compared = 0;
    for expected in fixtures::manifest().iter().filter(|expected| expected.kind.is_some()) {
        let file = by_path[expected.path.as_str()];
        compared += agrees(expected, file);
    }
    assert!(compared > 150, "only {compared} statements were compared");
}

/// Compares each statement that exiftool can read; gives how many there were.
fn agrees(expected: &Expected, file: &Value) -> usize {
    let path = &expected.path;
    let text = |tag: &str| file[tag].as_str().map(str::to_owned);
    let mut compared = 0;
    let mut same = |what: &str, ours: Option<String>, theirs: Option<String>| {
        if ours.is_some() {
            assert_eq!(ours, theirs, "{path}: {what}");
            compared += 1;
        }
    };
    if let Some(taken) = &expected.taken {
        let written = taken.local.replacen('-', ":", 2).replacen('T', " ", 1);
        let day = written[..10].to_owned();
        match taken.source {
            TimeSource::Exif => {
                same("taken", Some(written), text("ExifIFD:DateTimeOriginal"));
                same("offset", taken.offset.clone(), text("ExifIFD:OffsetTimeOriginal"));
            }
            TimeSource::Xmp => same("taken", Some(written), text("XMP-photoshop:DateCreated")),
            TimeSource::Iptc => {
                same("taken", Some(day), text("IPTC:DateCreated"));
                let time = taken.offset.as_ref().map(|offset| format!("{}{offset}", &written[11..]));
                same("hour", time, text("IPTC:TimeCreated"));
            }
            TimeSource::Quicktime => {
                let apple = text("Keys:CreationDate").map(|when| when[..19].to_owned());
                same("taken", Some(written), apple.or(text("QuickTime:CreateDate")));
            }
            TimeSource::Person
            | TimeSource::FileName
            | TimeSource::ExifModified
            | TimeSource::FolderName
            | TimeSource::Modified => {
                let with_header = expected.kind == Some(Kind::Mp4);
                assert!(taken.offset.is_none() || with_header, "{path}: a name alone tells no zone");
            }
        }
    }
    let place = |latitude: f64, longitude: f64| format!("{latitude:.4} {longitude:.4}");
    let theirs = file["Composite:GPSLatitude"].as_f64().zip(file["Composite:GPSLongitude"].as_f64());
    same(
        "position",
        expected.position.map(|ours| place(ours.0, ours.1)),
        theirs.map(|theirs| place(theirs.0, theirs.1)),
    );
    let number = |tag: &str| file[tag].as_i64().map(|number| number.to_string());
    same("orientation", expected.orientation.map(|number| number.to_string()), number("IFD0:Orientation"));
    same("rating", expected.rating.map(|stars| stars.to_string()), number("XMP-xmp:Rating"));
    // exiftool calls the tag of the maker note another name since 12.19.
    let live = ["Apple:MediaGroupUUID", "Apple:ContentIdentifier", "Keys:ContentIdentifier"].into_iter().find_map(text);
    same("live", expected.live_id.clone(), live);
    let caption = text("XMP-dc:Description").or(text("IPTC:Caption-Abstract")).or(text("IFD0:ImageDescription"));
    same("caption", expected.caption.clone(), caption);
    let model = expected.camera.as_ref().and(text("IFD0:Model").or(text("Keys:Model")));
    assert!(
        expected.camera.iter().all(|camera| camera.ends_with(model.as_deref().unwrap_or("?"))),
        "{path}: {model:?}"
    );
    compared
}

#[test]
fn a_drive_that_is_unruly_has_all_that_git_cannot_keep() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("drive");
    let made = fixtures::unruly(&dir);
    for photo in &made.photos {
        let bytes = fs::read(dir.join(photo)).unwrap();
        assert!(bytes.starts_with(b"\xff\xd8\xff"), "{photo:?}");
    }
    assert!(made.photos.iter().any(|photo| photo.to_str().is_none()), "a name that is no text");
    assert!(made.photos.iter().any(|photo| photo.components().count() == 101), "a deep one");
    assert!(fs::symlink_metadata(dir.join("pipe.jpg")).unwrap().file_type().is_fifo());
    assert_eq!(fs::read(dir.join("way out.jpg")).unwrap(), fs::read(&made.outside).unwrap());
    assert_eq!(fs::metadata(&made.locked).unwrap().mode() & 0o777, 0);
    assert!(fs::metadata(dir.join("old/before 1970.jpg")).unwrap().mtime() < 0);
    let locked = made.locked.clone();
    drop(made);
    assert!(fs::read_dir(locked).unwrap().count() == 1, "the folder is open again");
}

#[test]
fn many_photos_are_many_different_ones_and_the_same_each_time() {
    let [first, again, other] = [1, 1, 2].map(|seed| {
        let place = tempfile::tempdir().unwrap();
        fixtures::many(place.path(), 1_030, seed);
        let files = files_below(place.path());
        files.iter().map(|path| fs::read(place.path().join(path)).unwrap()).collect::<BTreeSet<_>>()
    });
    assert_eq!(first.len(), 1_030);
    assert!(first == again, "one seed, one set of files");
    assert!(first.is_disjoint(&other), "another seed, other files");
}

#[test]
fn a_picture_is_built_from_what_it_is_told() {
    let exif = Exif::new().taken("2014:08:03 14:22:33").offset("+01:00").camera("Canon", "Canon EOS 350D");
    let plain = picture(7).scene(Scene::Cat).size(160, 120);
    let told = plain.clone().exif(exif.gps(38.7, -9.1).orientation(6)).xmp(Xmp::new().rating(5));
    let told = told.iptc(Iptc::new().caption("a cat")).restart_interval(4).progressive().jpeg();
    for words in [&b"2014:08:03 14:22:33"[..], b"+01:00", b"Canon EOS 350D", b"xmp:Rating=\"5\"", b"a cat"] {
        assert!(told.windows(words.len()).any(|window| window == words), "{}", String::from_utf8_lossy(words));
    }
    assert_ne!(plain.jpeg(), picture(8).scene(Scene::Cat).size(160, 120).jpeg(), "another seed, another picture");
    let film = Movie::new(Dialect::Mp4, (160, 120), vec![plain.jpeg()]).bytes();
    assert_eq!(&film[4..8], b"ftyp");
}
