//! Real photos and videos, with exiftool as referee. Needs `KEEPSAKE_CORPUS` (a folder) and `exiftool`; says so and
//! steps aside without them.
//!
//! What counts as a time that exiftool finds: the first of [`TIMES`] that is a date at all (zeros and blanks are none).
//! To agree, we must choose the same wall clock, to the second, with the same certainty and from the same sort of
//! source. A place agrees within 0.00001 degrees; a camera when our name of it ends with exiftool's model.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "the table is what this test is for, in a file of tests")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::civil::{DateTime, date};
use keepsake::formats::moments::{self, Moment};
use keepsake::media::facts;
use keepsake::model::{Certainty, Facts, Kind, Position, TimeCandidate, TimeSource};
use serde_json::{Map, Value};

use crate::support::referee::{corpus, is_here};

/// Where the two may differ, with the reason. Each has been looked at.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "tests/30-type_error.jpg",
        "its pointer to EXIF is declared as text: exiftool does not follow it and reads the same time from XMP, with UTC",
    ),
    ("motion_photo_pixel_synth.jpg", "it has no picture: only EXIF names a size, and EXIF is not believed about that"),
];

/// exiftool's tags for the time of capture, in the order in which we believe them; the last ones are also believed by
/// us only after everything else in the file.
const TIMES: [(&str, &str, TimeSource); 17] = [
    ("ExifIFD:DateTimeOriginal", "ExifIFD:OffsetTimeOriginal", TimeSource::Exif),
    ("IFD0:DateTimeOriginal", "IFD0:OffsetTimeOriginal", TimeSource::Exif),
    ("ExifIFD:CreateDate", "ExifIFD:OffsetTimeDigitized", TimeSource::Exif),
    ("PictureInfo:DateTimeOriginal", "", TimeSource::Exif),
    ("CIFF:DateTimeOriginal", "", TimeSource::Exif),
    ("Reconyx:DateTimeOriginal", "", TimeSource::Exif),
    ("XMP-photoshop:DateCreated", "", TimeSource::Xmp),
    ("XMP-exif:DateTimeOriginal", "", TimeSource::Xmp),
    ("XMP-exif:DateTimeDigitized", "", TimeSource::Xmp),
    ("XMP-xmp:CreateDate", "", TimeSource::Xmp),
    ("Composite:DateTimeCreated", "", TimeSource::Iptc),
    ("IPTC:DateCreated", "", TimeSource::Iptc),
    ("Keys:CreationDate", "", TimeSource::Quicktime),
    ("QuickTime:CreateDate", "", TimeSource::Quicktime),
    ("Matroska:DateTimeOriginal", "", TimeSource::Quicktime),
    ("IFD0:ModifyDate", "ExifIFD:OffsetTime", TimeSource::ExifModified),
    ("ExifIFD:ModifyDate", "ExifIFD:OffsetTime", TimeSource::ExifModified),
];

#[derive(Default)]
struct Tally {
    found: u32,
    agree: u32,
    alone: u32,
}

#[test]
fn facts_agree_with_exiftool() {
    let Some(corpus) = corpus() else { return };
    let Some(referee) = exiftool(&corpus) else { return };
    let mut table: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut disagreements = Vec::new();
    for tags in &referee {
        let path = PathBuf::from(tags["SourceFile"].as_str().expect("exiftool names its files"));
        let name = path.strip_prefix(&corpus).expect("inside the corpus").display().to_string();
        let Some(kind) = kind_of(tags) else { continue };
        let read = facts::read(&mut File::open(&path).expect("the corpus can be read"), kind).expect("no I/O error");
        for (field, theirs, ours, agree) in compare(tags, &read) {
            let tally = table.entry(field).or_default();
            match theirs {
                Some(theirs) => {
                    tally.found += 1;
                    tally.agree += u32::from(agree);
                    if !agree {
                        let reason = EXPLAINED.iter().find(|(known, _)| name.ends_with(known));
                        let reason = reason.map_or("not explained", |(_, reason)| reason);
                        disagreements.push(format!("{field:12} {name}: exiftool {theirs}, we {ours:?}: {reason}"));
                    }
                }
                None if ours.is_some() => {
                    tally.alone += 1;
                    disagreements.push(format!("{field:12} {name}: only we say {ours:?}"));
                }
                None => {}
            }
        }
    }
    println!("{} files\n{:12} {:>8} {:>8} {:>8} {:>10}", referee.len(), "field", "found", "agree", "%", "only ours");
    for (field, tally) in &table {
        let percent = f64::from(tally.agree) * 100.0 / f64::from(tally.found.max(1));
        println!("{field:12} {:8} {:8} {percent:8.1} {:10}", tally.found, tally.agree, tally.alone);
    }
    println!("{}", disagreements.join("\n"));
    let times = &table["time"];
    assert!(times.found > 50, "the corpus is not what it was: {} times", times.found);
    assert!(times.agree * 100 >= times.found * 97, "{} of {} times agree", times.agree, times.found);
}

#[test]
fn damaged_real_files_are_read_without_a_panic_and_in_time() {
    let Some(corpus) = corpus() else { return };
    let mut seed = 0x2014_0803_1422_3300_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % (below as u64).max(1)).expect("it was a usize")
    };
    let mut files = Vec::new();
    collect(&corpus, &mut files);
    assert!(files.len() > 100, "the corpus is not what it was: {} files", files.len());
    for (path, kind) in files {
        let whole = std::fs::read(&path).expect("the corpus can be read");
        // The head is where the metadata is.
        let head = whole.len().min(64 * 1024);
        for _ in 0..16 {
            let mut damaged = whole.get(..next(whole.len())).unwrap_or_default().to_vec();
            for _ in 0..next(40) {
                let at = next(head.min(damaged.len()));
                if let Some(byte) = damaged.get_mut(at) {
                    *byte = u8::try_from(next(256)).expect("below 256");
                }
            }
            let started = Instant::now();
            facts::read(&mut Cursor::new(&damaged), kind).expect("memory has no I/O errors");
            assert!(started.elapsed() < Duration::from_secs(5), "{}: {:?}", path.display(), started.elapsed());
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Kind)>) {
    for entry in std::fs::read_dir(folder).expect("the corpus can be listed") {
        let path = entry.expect("the corpus can be listed").path();
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
        let kind = match extension.as_str() {
            "jpg" | "jpeg" => Kind::Jpeg,
            "heif" | "heic" | "hif" => Kind::Heic,
            "tif" | "tiff" => Kind::Tiff,
            "png" => Kind::Png,
            "mov" | "mp4" | "3gp" => Kind::Mov,
            "mkv" => Kind::Mkv,
            "cr3" => Kind::Cr3,
            "avif" => Kind::Avif,
            _ => Kind::Unknown,
        };
        if path.is_dir() {
            collect(&path, files);
        } else if kind != Kind::Unknown {
            files.push((path, kind));
        }
    }
}

type Compared = (&'static str, Option<String>, Option<String>, bool);

fn compare(tags: &Map<String, Value>, ours: &Facts) -> Vec<Compared> {
    let text = |name: &str| tags.get(name).map(plain).filter(|text| !text.trim().is_empty());
    let number = |name: &str| tags.get(name).and_then(Value::as_f64);

    let their_time = their_time(tags);
    let our_time = keepsake::model::choose_capture_time(&ours.times, date(2100, 1, 1).at(0, 0, 0, 0));
    let same_time = their_time.as_ref().zip(our_time.as_ref()).is_some_and(|(theirs, ours)| {
        to_the_second(theirs.local) == to_the_second(ours.local)
            && theirs.certainty == ours.certainty
            && theirs.source == ours.source
    });
    let same_zone =
        their_time.as_ref().zip(our_time.as_ref()).is_some_and(|(theirs, ours)| theirs.offset == ours.offset);
    let their_zone = their_time.as_ref().and_then(|time| time.offset).map(|offset| offset.to_string());
    let our_zone = our_time.as_ref().and_then(|time| time.offset).map(|offset| offset.to_string());

    let their_place = number("Composite:GPSLatitude")
        .zip(number("Composite:GPSLongitude"))
        .and_then(|(latitude, longitude)| Position::new(latitude, longitude));
    let near = |a: f64, b: f64| (a - b).abs() < 1e-5;
    let same_place = their_place
        .zip(ours.position)
        .is_some_and(|(a, b)| near(a.latitude(), b.latitude()) && near(a.longitude(), b.longitude()));

    let their_turn = number("IFD0:Orientation").filter(|turn| (1.0..=8.0).contains(turn));
    let same_turn = their_turn.zip(ours.orientation).is_some_and(|(a, b)| (a - f64::from(b)).abs() < 0.5);

    let their_model = text("IFD0:Model").or_else(|| text("Keys:Model"));
    let same_model =
        their_model.as_ref().zip(ours.camera.as_ref()).is_some_and(|(theirs, ours)| ours.ends_with(theirs.trim()));

    let their_size = number("File:ImageWidth").zip(number("File:ImageHeight"));
    let elsewhere = ["PNG", "Track1", "IFD0", "Matroska", "Track2"].into_iter();
    let mut elsewhere = elsewhere.map(|group| [format!("{group}:ImageWidth"), format!("{group}:ImageHeight")]);
    let their_size = their_size.or(elsewhere.find_map(|[width, height]| number(&width).zip(number(&height))));
    let our_size = ours.width.zip(ours.height);
    let same_size = their_size
        .zip(our_size)
        .is_some_and(|(a, b)| (a.0 - f64::from(b.0)).abs() < 0.5 && (a.1 - f64::from(b.1)).abs() < 0.5);

    let their_stars = number("XMP-xmp:Rating").or(number("IFD0:Rating"));
    let same_stars = their_stars.zip(ours.rating).is_some_and(|(a, b)| (a - f64::from(b)).abs() < 0.5);
    let live = ["Apple:ContentIdentifier", "Apple:MediaGroupUUID", "Keys:ContentIdentifier"];
    let their_live = live.into_iter().find_map(text);
    let same_live = their_live == ours.live_id;
    let their_words = text("XMP-dc:Subject").or_else(|| text("IPTC:Keywords"));
    let our_words = (!ours.keywords.is_empty()).then(|| ours.keywords.join(", "));
    let same_words = their_words == our_words;

    vec![
        ("time", their_time.as_ref().map(shown), our_time.as_ref().map(shown), same_time),
        ("zone", their_zone, our_zone, same_zone),
        ("place", their_place.map(|it| format!("{it:?}")), ours.position.map(|it| format!("{it:?}")), same_place),
        ("orientation", their_turn.map(|it| it.to_string()), ours.orientation.map(|it| it.to_string()), same_turn),
        ("camera", their_model, ours.camera.clone(), same_model),
        ("size", their_size.map(|it| format!("{it:?}")), our_size.map(|it| format!("{it:?}")), same_size),
        ("rating", their_stars.map(|it| it.to_string()), ours.rating.map(|it| it.to_string()), same_stars),
        ("live id", their_live, ours.live_id.clone(), same_live),
        ("keywords", their_words, our_words, same_words),
    ]
}

/// What exiftool finds and we would have to say: the first of its tags that is a date at all. A coarse one gives way
/// to a finer statement of the same day.
fn their_time(tags: &Map<String, Value>) -> Option<TimeCandidate> {
    let mut said = TIMES.iter().filter_map(|(name, zone, source)| {
        let mut moment: Moment = moments::parse(&plain(tags.get(*name)?))?;
        let zone = tags.get(*zone).map(plain).and_then(|zone| moments::parse_offset(&zone));
        let is_utc = *name == "QuickTime:CreateDate";
        let written = if is_utc { moments::parse_offset("Z") } else { zone };
        moment.offset = moment.offset.or(written);
        Some(moment.said_by(*source))
    });
    let first = said.next()?;
    let finer = said.find(|other| {
        first.certainty < Certainty::Exact
            && other.certainty == Certainty::Exact
            && other.source == first.source
            && other.local.date() == first.local.date()
    });
    Some(finer.unwrap_or(first))
}

/// exiftool shows the parts of a second in some of its tags only.
fn to_the_second(local: DateTime) -> DateTime {
    local.with().subsec_nanosecond(0).build().expect("every second has a beginning")
}

fn shown(time: &TimeCandidate) -> String {
    format!("{} ({}, {})", time.local, time.source.as_str(), time.certainty.as_str())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn kind_of(tags: &Map<String, Value>) -> Option<Kind> {
    let kind = match tags.get("File:FileType")?.as_str()? {
        "JPEG" => Kind::Jpeg,
        "HEIC" | "HEIF" => Kind::Heic,
        "AVIF" => Kind::Avif,
        "TIFF" => Kind::Tiff,
        "PNG" => Kind::Png,
        "MP4" => Kind::Mp4,
        "MOV" => Kind::Mov,
        "3GP" => Kind::ThreeGp,
        "MKV" => Kind::Mkv,
        "CR3" => Kind::Cr3,
        _ => return None,
    };
    Some(kind)
}

fn exiftool(corpus: &Path) -> Option<Vec<Map<String, Value>>> {
    if !is_here("exiftool", "apt-get install libimage-exiftool-perl") {
        return None;
    }
    let output = Command::new("exiftool").args(["-r", "-j", "-n", "-G1", "-q", "-q"]).arg(corpus).output();
    Some(serde_json::from_slice(&output.expect("exiftool runs").stdout).expect("exiftool writes JSON"))
}
