//! The catalog as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use data_encoding::{BASE32HEX_NOPAD, HEXLOWER};
use serde_json::Value;

use super::lines::ORDER;
use super::{STORY, hash, is_hex, number, text};

#[test]
fn lines_have_the_fields_of_the_document_and_no_others() {
    assert_eq!(STORY.lines.unlisted_fields(), BTreeSet::new());
    let empty: Vec<_> = ORDER.iter().filter(|what| STORY.lines.of_kind(what).next().is_none()).collect();
    assert_eq!(empty, Vec::<&&str>::new(), "the story has a line of every kind");
}

#[test]
fn no_line_names_what_comes_after_it() {
    let names = |what: &str, field: &str| -> BTreeSet<String> {
        STORY.lines.of_kind(what).map(|line| text(line, field).to_owned()).collect()
    };
    let (sources, objects, photos) = (names("sources", "source"), names("objects", "object"), names("photos", "id"));
    for line in STORY.lines.of_kind("sightings") {
        assert!(sources.contains(text(line, "source")), "{line}");
        assert_eq!(text(line, "outcome") == "kept", line.get("object").is_some(), "{line}");
        assert!(line.get("object").is_none_or(|object| objects.contains(object.as_str().unwrap())), "{line}");
    }
    for photo in STORY.lines.of_kind("photos") {
        for one in photo["companions"].as_array().into_iter().flatten().chain([photo]) {
            assert!(objects.contains(text(one, "object")), "{one}");
        }
    }
    for album in STORY.lines.of_kind("albums") {
        for member in album["photos"].as_array().unwrap() {
            assert!(photos.contains(text(member, "photo")), "{member}");
        }
    }
    for tombstone in STORY.lines.of_kind("tombstones") {
        assert!(photos.contains(text(tombstone, "photo")), "{tombstone}");
    }
}

#[test]
fn lines_stand_in_the_file_of_their_month_and_what_has_none_in_its_own() {
    for what in ORDER {
        for (shard, line) in STORY.lines.with_shards(what) {
            let month = |field| format!("{}.jsonl", &text(line, field)[..7]);
            let expected = match what {
                "objects" => format!("objects/{}", month("kept_at")),
                "sightings" => format!("sightings/{}", month("first_seen_at")),
                "photos" => {
                    let said = line["said"].as_array().into_iter().flatten().find(|one| one["what"] == "taken-at");
                    let taken = said.map_or(&line["description"]["taken_at"], |said| &said["value"]);
                    taken.get("local").map_or("catalog/undated.jsonl".to_owned(), |local| {
                        format!("catalog/{}.jsonl", &local.as_str().unwrap()[..7])
                    })
                }
                other => format!("{other}.jsonl"),
            };
            assert_eq!(shard, expected, "{line}");
        }
    }
}

#[test]
fn a_photo_s_id_follows_from_its_owner_and_its_original() {
    for photo in STORY.lines.of_kind("photos") {
        let mut hasher = blake3::Hasher::new_derive_key("keepsake 2026 photo id");
        hasher.update(&HEXLOWER.decode(text(photo, "object").as_bytes()).unwrap());
        hasher.update(text(photo, "owner").as_bytes());
        let expected = BASE32HEX_NOPAD.encode(&hasher.finalize().as_bytes()[..10]).to_lowercase();
        assert_eq!(text(photo, "id"), expected, "{photo}");
    }
}

#[test]
fn a_source_is_called_by_a_hash_over_its_kind_volume_and_root() {
    for line in STORY.lines.of_kind("sources") {
        let root = line.get("root_bytes").map_or(text(line, "root").as_bytes().to_vec(), |hex| {
            HEXLOWER.decode(hex.as_str().unwrap().as_bytes()).unwrap()
        });
        let volume = line.get("volume").map_or("", |volume| volume.as_str().unwrap());
        let mut framed = Vec::new();
        for part in [text(line, "kind").as_bytes(), volume.as_bytes(), &root] {
            framed.extend((part.len() as u64).to_le_bytes());
            framed.extend(part);
        }
        assert_eq!(text(line, "source"), &hash(&framed)[..16], "{line}");
    }
}

/// Each file of the sources is found by the exact bytes of its path, and what was kept of it is what it holds.
#[test]
fn a_sighting_gives_the_exact_path_whatever_its_bytes() {
    use std::os::unix::ffi::OsStringExt as _;
    let exact = |line: &Value, field: &str| match line.get(format!("{field}_bytes")) {
        Some(hex) => HEXLOWER.decode(hex.as_str().unwrap().as_bytes()).expect("hex"),
        None => text(line, field).as_bytes().to_vec(),
    };
    let sources: BTreeMap<&str, &Value> =
        STORY.lines.of_kind("sources").map(|line| (text(line, "source"), line)).collect();
    let mut no_text = 0;
    for line in STORY.lines.of_kind("sightings").filter(|line| line["outcome"] == "kept") {
        let source = sources[text(line, "source")];
        // Relative to a volume that the reader cannot mount; those of the story lie below this machine's folders.
        let root = exact(source, "root");
        let below = [root, exact(line, "path")].join(&b'/');
        let path = std::path::PathBuf::from(std::ffi::OsString::from_vec(below));
        if source.get("volume").is_none() {
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!((hash(&bytes), bytes.len() as u64), (text(line, "object").to_owned(), number(line, "size")));
        }
        if let Some(hex) = line.get("path_bytes") {
            assert!(str::from_utf8(&HEXLOWER.decode(hex.as_str().unwrap().as_bytes()).unwrap()).is_err(), "{line}");
            no_text += 1;
        }
    }
    assert!(no_text >= 2, "{no_text}");
}

#[test]
fn words_are_those_of_the_document() {
    let any_of = |what: &str, field: &str, words: &str| {
        for line in STORY.lines.of_kind(what) {
            assert!(words.split(' ').any(|word| word == text(line, field)), "{what}: {}", line[field]);
        }
    };
    any_of(
        "objects",
        "kind",
        "jpeg png gif webp bmp tiff heic avif jxl psd cr2 cr3 crw nef arw dng raf rw2 orf pef x3f mp4 mov 3gp avi mkv mts \
         mpg wmv xmp aae thumbnails unknown",
    );
    any_of("sightings", "outcome", "kept empty unreadable");
    any_of("sources", "kind", "folder disk put-together small-pictures");
    for line in STORY.lines.of_kind("objects") {
        assert!(is_hex(text(line, "object"), 64) && is_hex(text(line, "sha1"), 40), "{line}");
        let Some(examined) = line.get("examined") else { continue };
        assert!(["intact", "truncated", "damaged", "preview-only"].contains(&text(examined, "condition")));
        assert!(["pixels", "structure", "signature"].contains(&text(examined, "depth")), "{examined}");
        let times = examined["facts"]["times"].as_array().into_iter().flatten();
        for time in times {
            let sources = "person exif xmp iptc quicktime file-name exif-modified folder-name modified";
            assert!(sources.split(' ').any(|word| word == text(time, "source")), "{time}");
            assert!(["guess", "year", "month", "day", "exact"].contains(&text(time, "certainty")), "{time}");
        }
    }
}

#[test]
fn what_was_deleted_has_a_tombstone_for_its_owner() {
    let tombstones: BTreeSet<(&str, &str)> =
        STORY.lines.of_kind("tombstones").map(|line| (text(line, "owner"), text(line, "object"))).collect();
    for photo in STORY.lines.of_kind("photos").filter(|photo| photo.get("deleted_at").is_some()) {
        for one in photo["companions"].as_array().into_iter().flatten().chain([photo]) {
            assert!(tombstones.contains(&(text(photo, "owner"), text(one, "object"))), "{one}");
        }
    }
}

#[test]
fn every_own_file_of_the_snapshot_has_a_place_in_the_document() {
    for path in STORY.files().keys().filter_map(|path| path.strip_prefix("keepsake/")) {
        let is_month = |name: &str| {
            let digits =
                |range| name.get(range).is_some_and(|part: &str| part.bytes().all(|byte| byte.is_ascii_digit()));
            name.len() == 7 && digits(0..4) && digits(5..7)
        };
        let known = match path.split('/').collect::<Vec<_>>()[..] {
            ["READ-ME-FIRST.txt" | "settings.toml" | "sources.jsonl" | "tombstones.jsonl" | "albums.jsonl"] => true,
            ["checksums", name] => name.ends_with(".b3"),
            ["objects" | "sightings" | "catalog", name] => {
                name.strip_suffix(".jsonl").is_some_and(|name| is_month(name) || path == "catalog/undated.jsonl")
            }
            _ => false,
        };
        assert!(known, "{path}");
    }
}
