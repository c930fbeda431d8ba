//! Entries and tree of a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::Value;

use super::names::{self, folded, is_device, is_wanted, safe};
use super::restic::Entry;
use super::{STORY, beside, hash, is_hex, number, text};

fn time(node: &Value, field: &str) -> Timestamp {
    text(node, field).parse().expect("a time")
}

fn files() -> impl Iterator<Item = (&'static Entry, &'static [u8])> {
    STORY.entries.iter().filter_map(|entry| Some((entry, entry.bytes.as_deref()?)))
}

fn is_own(path: &str) -> bool {
    path.starts_with("keepsake/")
}

/// The first 8 bytes of a content's hash as a number, the highest byte first.
fn leading(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(*blake3::hash(bytes).as_bytes().first_chunk().unwrap())
}

/// The time a photo was taken, as its line tells: what a person said, else what the files say.
fn taken_at(photo: &Value) -> Option<&Value> {
    let said = photo["said"].as_array().into_iter().flatten().find(|said| said["what"] == "taken-at");
    let told = said.map(|said| &said["value"]).or(photo["description"].get("taken_at"));
    told.filter(|time| !time.is_null())
}

/// The photos that have a path.
fn photos() -> impl Iterator<Item = &'static Value> {
    STORY.lines.of_kind("photos").filter(|photo| photo.get("path").is_some())
}

/// Where a path stands in the tree: in the trash, when its photo was deleted.
fn in_tree(photo: &Value, path: &str) -> String {
    let below = path.strip_prefix("photos/").expect("a path begins with photos/");
    if photo.get("deleted_at").is_some() { format!("trash/{below}") } else { path.to_owned() }
}

/// The sightings of an object, in their order.
fn sightings_of(object: &str) -> Vec<&'static Value> {
    STORY.lines.of_kind("sightings").filter(|line| line["object"] == object).collect()
}

/// The exact last part of a sighting's path.
fn last_part(sighting: &Value) -> Vec<u8> {
    let bytes = match sighting.get("path_bytes") {
        Some(hex) => data_encoding::HEXLOWER.decode(hex.as_str().unwrap().as_bytes()).expect("hex"),
        None => text(sighting, "path").as_bytes().to_vec(),
    };
    bytes.rsplit(|byte| *byte == b'/').next().unwrap().to_vec()
}

#[test]
fn entries_are_sorted_by_the_parts_of_their_paths_and_every_folder_is_there() {
    assert!(STORY.entries.is_sorted_by_key(|entry| entry.path.split('/').collect::<Vec<_>>()));
    let tops: BTreeSet<&str> = STORY.entries.iter().map(|entry| entry.path.split('/').next().unwrap()).collect();
    assert_eq!(tops, BTreeSet::from(["albums", "keepsake", "kept", "photos", "trash"]));
}

#[test]
fn files_have_mode_0644_folders_0755_and_neither_owner_nor_device() {
    for Entry { path, node, bytes } in &STORY.entries {
        // Go's mark of a folder, and the bits.
        let mode = if bytes.is_some() { 0o644 } else { 0x8000_0000 | 0o755 };
        assert_eq!(number(node, "mode"), mode, "{path}");
        for field in ["uid", "gid", "user", "group", "device_id", "extended_attributes", "linktarget"] {
            let value = node.get(field).filter(|value| !value.is_null() && **value != 0 && **value != "");
            assert_eq!(value, None, "{path}: {field}");
        }
        if let Some(bytes) = bytes {
            assert_eq!(number(node, "size"), bytes.len() as u64, "{path}");
        }
    }
}

#[test]
fn the_change_time_of_a_file_is_the_hash_of_its_content_in_disguise() {
    for (entry, bytes) in files() {
        let b = leading(bytes);
        let expected = Timestamp::new((b >> 33).cast_signed(), ((b & 0x1_ffff_ffff) % 1_000_000_000) as i32).unwrap();
        assert_eq!(time(&entry.node, "ctime"), expected, "{}", entry.path);
    }
}

#[test]
fn equal_inodes_and_links_above_one_are_the_files_that_stand_there_more_than_once() {
    let counts = |path: &str| !is_own(path) && !path.starts_with("kept/");
    // The words beside photos are files of their own.
    let objects: BTreeSet<&str> = STORY.lines.of_kind("objects").map(|line| text(line, "object")).collect();
    let mut standing: BTreeMap<String, u64> = BTreeMap::new();
    for (_, bytes) in files().filter(|(entry, _)| counts(&entry.path)) {
        *standing.entry(hash(bytes)).or_default() += 1;
    }
    let mut linked = 0;
    for (entry, bytes) in files() {
        let times = standing.get(&hash(bytes)).copied().unwrap_or(1);
        let is_linked = counts(&entry.path) && times > 1 && objects.contains(hash(bytes).as_str());
        let expected = if is_linked { (leading(bytes).max(1), times) } else { (0, 0) };
        let field = |name: &str| entry.node.get(name).and_then(Value::as_u64).unwrap_or_default();
        let links = if field("links") == 1 { 0 } else { field("links") };
        assert_eq!((field("inode"), links), expected, "{}", entry.path);
        linked += u32::from(is_linked);
    }
    assert!(linked > 20, "{linked}");
}

#[test]
fn a_photo_and_what_stands_beside_it_have_the_time_at_which_it_was_taken() {
    let by_path: BTreeMap<&str, &Entry> = STORY.entries.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    for photo in photos() {
        let path = in_tree(photo, text(photo, "path"));
        let expected: Timestamp = if let Some(taken) = taken_at(photo) {
            let local: DateTime = text(taken, "local").parse().expect("a wall clock");
            local.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp()
        } else {
            let seen = sightings_of(text(photo, "object"));
            let written = seen.iter().find_map(|line| line.get("modified_at"));
            written.unwrap_or(&photo["added_at"]).as_str().unwrap().parse().unwrap()
        };
        let companions = beside(photo);
        let beside = companions.map(|companion| in_tree(photo, text(companion, "path")));
        let words = Some(format!("{path}.xmp")).filter(|path| by_path.contains_key(path.as_str()));
        for path in beside.chain(words).chain([path.clone()]) {
            let node = &by_path[path.as_str()].node;
            assert_eq!((time(node, "mtime"), time(node, "atime")), (expected, expected), "{path}");
        }
    }
}

#[test]
fn own_files_have_one_time_kept_files_their_own_and_a_folder_that_of_the_newest_file_below() {
    let objects: BTreeMap<&str, &Value> =
        STORY.lines.of_kind("objects").map(|line| (text(line, "object"), line)).collect();
    for (entry, bytes) in files() {
        let modified_at = time(&entry.node, "mtime");
        if is_own(&entry.path) {
            assert_eq!(modified_at, "2026-01-01T00:00:00Z".parse().unwrap(), "{}", entry.path);
        } else if entry.path.starts_with("kept/") {
            let object = hash(bytes);
            let first = sightings_of(&object).first().and_then(|line| line.get("modified_at"));
            let expected = first.unwrap_or(&objects[object.as_str()]["kept_at"]).as_str().unwrap();
            assert_eq!(modified_at, expected.parse().unwrap(), "{}", entry.path);
        }
    }
    for folder in STORY.entries.iter().filter(|entry| entry.bytes.is_none()) {
        let below = files().filter(|(file, _)| file.path.starts_with(&format!("{}/", folder.path)));
        let newest = below.map(|(file, _)| time(&file.node, "mtime")).max().expect("no folder is empty");
        assert_eq!(time(&folder.node, "mtime"), newest, "{}", folder.path);
    }
}

#[test]
fn every_photo_and_companion_stands_at_its_path_with_its_own_bytes() {
    let files = STORY.files();
    let mut trashed = 0;
    for photo in photos() {
        let with_companions = beside(photo).chain([photo]);
        for one in with_companions {
            let path = in_tree(photo, text(one, "path"));
            let bytes = files.get(path.as_str()).unwrap_or_else(|| panic!("{path} is not there"));
            assert_eq!(hash(bytes), text(one, "object"), "{path}");
        }
        trashed += u32::from(photo.get("deleted_at").is_some());
    }
    assert_eq!(trashed, 3);
}

#[test]
fn a_path_says_what_is_known_of_the_time_and_then_the_name() {
    let mut kinds = BTreeSet::new();
    for photo in photos() {
        let owner = format!("photos/{}", safe(text(photo, "owner").as_bytes(), names::PHOTO));
        let taken = taken_at(photo);
        let local: Option<DateTime> = taken.map(|time| text(time, "local").parse().unwrap());
        let certainty = taken.map_or("nothing", |time| text(time, "certainty"));
        let at = |format| local.map(|local| local.strftime(format).to_string()).unwrap_or_default();
        let (folder, stamp) = match certainty {
            "exact" => (at("%Y/%Y-%m"), at("%Y%m%d-%H%M%S_")),
            "day" => (at("%Y/%Y-%m"), at("%Y%m%d_")),
            "month" | "guess" => (at("%Y/%Y-%m"), String::new()),
            "year" => (at("%Y"), String::new()),
            "nothing" => ("undated".to_owned(), String::new()),
            other => panic!("no such certainty: {other}"),
        };
        kinds.insert(certainty);
        let given = text(photo, "path");
        let seen = sightings_of(text(photo, "object"));
        let fits = |sighting: &&Value| {
            let name = safe(&last_part(sighting), names::PHOTO + 4);
            let name = safe(format!("{stamp}{name}").as_bytes(), names::PHOTO);
            is_wanted(given, &format!("{owner}/{folder}/{name}"), text(photo, "object"))
        };
        assert!(seen.iter().any(fits), "{given} ({certainty}) of {seen:?}");
    }
    assert!(kinds.is_superset(&BTreeSet::from(["exact", "day", "month", "guess", "year"])), "{kinds:?}");
}

#[test]
fn a_companion_is_called_like_its_photo() {
    let mut roles = BTreeSet::new();
    for photo in photos() {
        let (folder, file) = text(photo, "path").rsplit_once('/').unwrap();
        let stem = names::split(file).0;
        let alike = names::split(text(photo, "name")).0;
        for companion in beside(photo) {
            let name = text(companion, "name");
            let begins = name.get(..alike.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(alike));
            let rest = name.get(alike.len()..).filter(|rest| begins && rest.starts_with(['.', '(', '_', '-', ' ']));
            let wanted = rest.map_or(format!("{stem}_{name}"), |rest| format!("{stem}{rest}"));
            let wanted = format!("{folder}/{}", safe(wanted.as_bytes(), names::PHOTO));
            assert!(is_wanted(text(companion, "path"), &wanted, text(companion, "object")), "{companion}: {wanted}");
            roles.insert(text(companion, "role"));
        }
    }
    assert_eq!(roles, BTreeSet::from(["live-video", "raw", "sidecar"]));
}

#[test]
fn every_object_that_is_no_photo_and_no_companion_is_kept_under_its_first_name() {
    let files = STORY.files();
    let told: BTreeSet<&str> =
        photos().flat_map(|photo| beside(photo).chain([photo])).map(|one| text(one, "object")).collect();
    let kept: Vec<(&&str, String)> =
        files.iter().filter(|(path, _)| path.starts_with("kept/")).map(|(path, bytes)| (path, hash(bytes))).collect();
    for (path, object) in &kept {
        assert!(!told.contains(object.as_str()), "{path} stands elsewhere already");
        let first = sightings_of(object)[0];
        let name = safe(&last_part(first), names::KEPT);
        let (stem, ending) = names::split(&name);
        let owner = safe(text(first, "owner").as_bytes(), names::PHOTO);
        assert_eq!(**path, format!("kept/{owner}/{}/{stem}_{}{ending}", &object[..2], &object[..16]));
    }
    let kept: BTreeSet<&str> = kept.iter().map(|(_, object)| object.as_str()).collect();
    let lost: Vec<&str> = STORY.lines.of_kind("objects").map(|line| text(line, "object")).collect();
    let lost: Vec<_> = lost.into_iter().filter(|object| !told.contains(object) && !kept.contains(object)).collect();
    assert_eq!(lost, Vec::<&str>::new(), "every object is in the snapshot");
}

#[test]
fn names_are_such_that_every_file_system_takes_them_and_none_meet_where_case_does_not_count() {
    let mut keys = BTreeSet::new();
    for entry in &STORY.entries {
        assert!(keys.insert(folded(&entry.path)), "{} meets another", entry.path);
        let name = entry.path.rsplit('/').next().unwrap();
        let forbidden = |one: char| one.is_control() || "<>:\"\\|?*".contains(one);
        assert!(!name.contains(forbidden) && !name.ends_with(['.', ' ']) && !is_device(name), "{}", entry.path);
        assert!(name.len() <= 200, "{}", entry.path);
    }
    for photo in photos() {
        let name = text(photo, "path").rsplit('/').next().unwrap();
        assert!(name.len() <= names::PHOTO, "{name}");
    }
}

#[test]
fn an_xmp_stands_beside_a_photo_of_which_somebody_said_something_or_that_is_in_an_album() {
    let files = STORY.files();
    let albums: Vec<&Value> = STORY.lines.of_kind("albums").collect();
    let mut written = BTreeSet::new();
    for photo in photos() {
        let words = format!("{}.xmp", in_tree(photo, text(photo, "path")));
        let is_in = |album: &&&Value| album["photos"].as_array().unwrap().iter().any(|one| one["photo"] == photo["id"]);
        let of: Vec<&str> = albums.iter().filter(is_in).map(|album| text(album, "name")).collect();
        let said = photo["said"].as_array().cloned().unwrap_or_default();
        let Some(xmp) = files.get(words.as_str()) else {
            assert!(of.is_empty() && said.is_empty(), "{words} is not there");
            continue;
        };
        assert!(!of.is_empty() || !said.is_empty(), "{words} is there for nothing");
        let xmp = str::from_utf8(xmp).expect("an .xmp: UTF-8");
        assert!(xmp.starts_with("<?xpacket begin") && xmp.trim_end().ends_with("<?xpacket end=\"w\"?>"), "{words}");
        for album in of {
            let name = album.replace('&', "&amp;");
            assert!(
                xmp.contains("<mediapro:CatalogSets>") && xmp.contains(&format!("<rdf:li>{name}</rdf:li>")),
                "{xmp}"
            );
        }
        for one in &said {
            let expected = match text(one, "what") {
                "caption" => {
                    let caption = text(one, "value").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                    format!("<rdf:li xml:lang=\"x-default\">{caption}</rdf:li>")
                }
                "rating" => format!("<xmp:Rating>{}</xmp:Rating>", one["value"]),
                "taken-at" => {
                    format!("<photoshop:DateCreated>{}</photoshop:DateCreated>", text(&one["value"], "local"))
                }
                other => panic!("no such thing is said: {other}"),
            };
            assert!(xmp.contains(&expected), "{expected} in {xmp}");
            written.insert(text(one, "what").to_owned());
        }
    }
    assert_eq!(written, ["caption", "rating", "taken-at"].map(str::to_owned).into());
}

#[test]
fn an_album_holds_its_photos_again_with_companions_and_words_and_none_of_the_trash() {
    let files = STORY.files();
    let photos: BTreeMap<&str, &Value> = photos().map(|photo| (text(photo, "id"), photo)).collect();
    let mut expected = 0;
    for album in STORY.lines.of_kind("albums") {
        let owner = safe(text(album, "owner").as_bytes(), names::PHOTO);
        let wanted = safe(text(album, "name").as_bytes(), names::ALBUM);
        assert!(is_wanted(text(album, "folder"), &wanted, &hash(text(album, "name").as_bytes())), "{album}");
        let folder = format!("albums/{owner}/{}", text(album, "folder"));
        for member in album["photos"].as_array().unwrap() {
            let photo = photos[text(member, "photo")];
            if photo.get("deleted_at").is_some() {
                continue;
            }
            for one in beside(photo).chain([photo]) {
                let wanted = format!("{folder}/{}", text(one, "path").rsplit('/').next().unwrap());
                let object = text(one, "object");
                let fits = |(path, bytes): (&&str, &&[u8])| is_wanted(path, &wanted, object) && hash(bytes) == object;
                assert!(files.iter().any(fits), "{wanted}");
                expected += 1;
            }
            let words = format!("{folder}/{}.xmp", text(photo, "path").rsplit('/').next().unwrap());
            assert_eq!(
                files.get(words.as_str()),
                files.get(format!("{}.xmp", text(photo, "path")).as_str()),
                "{words}"
            );
            expected += 1;
        }
    }
    assert_eq!(files.keys().filter(|path| path.starts_with("albums/")).count(), expected);
    assert!(expected > 20, "{expected}");
}

#[test]
fn every_file_but_two_kinds_has_its_hash_in_the_shard_that_its_path_names() {
    let files = STORY.files();
    let mut proven = BTreeMap::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("keepsake/checksums/")) {
        let shard = path.strip_prefix("keepsake/checksums/").and_then(|name| name.strip_suffix(".b3")).expect("….b3");
        for line in str::from_utf8(bytes).unwrap().lines() {
            let (hash, path) = line.split_once("  ").expect("hash, two spaces, path");
            assert!(is_hex(hash, 64), "{line}");
            proven.insert(path, (hash, shard));
        }
    }
    for (path, bytes) in &files {
        let parts: Vec<&str> = path.split('/').collect();
        let shard = match parts[..] {
            ["keepsake", "checksums", _] | ["keepsake", "READ-ME-FIRST.txt"] => {
                assert_eq!(proven.get(path), None, "{path}");
                continue;
            }
            ["photos", _, _, month, _] => month,
            ["photos", _, year_or_undated, _] => year_or_undated,
            ["keepsake", ..] => "catalog",
            [top @ ("albums" | "kept" | "trash"), ..] => top,
            _ => panic!("no such place: {path}"),
        };
        assert_eq!(proven.remove(path), Some((hash(bytes).as_str(), shard)), "{path}");
    }
    assert_eq!(proven, BTreeMap::new(), "lines about nothing");
}
