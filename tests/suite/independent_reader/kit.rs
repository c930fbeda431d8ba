//! The kit, opened by age alone.

use std::fs;
use std::io::Read as _;

use serde_json::Value;

use super::{STORY, is_hex, number, text};

/// What is sealed with words in the kit that stands in `written`, whatever stands around it.
fn opened(written: &str, words: &str) -> Value {
    let from = written.find("-----BEGIN AGE ENCRYPTED FILE-----").expect("an armored kit");
    let end = "-----END AGE ENCRYPTED FILE-----";
    let to = written.find(end).expect("its end") + end.len();
    let armored = age::armor::ArmoredReader::new(&written.as_bytes()[from..to]);
    let sealed = age::Decryptor::new(armored).expect("age's format");
    assert!(sealed.is_scrypt(), "sealed with words");
    let identity = age::scrypt::Identity::new(words.to_owned().into());
    let mut plain = Vec::new();
    sealed.decrypt(std::iter::once(&identity as _)).expect("the words open it").read_to_end(&mut plain).unwrap();
    serde_json::from_slice(&plain).expect("one JSON document")
}

#[test]
fn the_kit_opens_with_eight_words_and_holds_all_that_opens_the_repositories() {
    let words = STORY.sandbox.words();
    assert_eq!(words.split(' ').count(), 8);
    assert!(words.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' ' || byte == b'-'), "{words}");
    let beside = fs::read_to_string(STORY.repository.folder.join("recovery/kit.age")).unwrap();
    let kit = opened(&beside, &words);
    assert_eq!(number(&kit, "kit_version"), 1);
    assert_eq!(text(&kit, "archive_id"), STORY.archive_id());
    text(&kit, "made_at").parse::<jiff::Timestamp>().expect("a time");
    let known = ["how_to", "kit_version", "made_at", "made_by", "archive_id", "repositories"];
    assert!(kit.as_object().unwrap().keys().all(|field| known.contains(&field.as_str())), "{kit}");
    let [disk] = &kit["repositories"].as_array().unwrap()[..] else { panic!("one repository") };
    assert_eq!(text(disk, "name"), "disk");
    assert_eq!(text(disk, "location"), STORY.repository.folder.to_str().unwrap());
    assert_eq!(text(disk, "password"), STORY.sandbox.password("disk"));
    assert_eq!(disk["repository_id"], STORY.repository.config["id"]);
    let key: Value = serde_json::from_str(text(disk, "master_key")).expect("JSON as text");
    assert_eq!(super::Key::of_json(&key), STORY.repository.key);
    let lines = kit["how_to"].as_array().unwrap();
    assert!(lines.iter().any(|line| line.as_str().unwrap().contains("restic")), "{lines:?}");
}

#[test]
fn the_sheet_ends_with_the_kit_and_the_list_of_copies_tells_where_kits_are() {
    let recovery = STORY.sandbox.archive().join("recovery");
    let sheet = fs::read_to_string(recovery.join("sheet.txt")).unwrap();
    let own = fs::read_to_string(recovery.join("kit.age")).unwrap();
    let words = STORY.sandbox.words();
    let (on_paper, own) = (opened(&sheet, &words), opened(&own, &words));
    assert_eq!(on_paper["repositories"], own["repositories"]);
    let copies: toml::Table = fs::read_to_string(recovery.join("copies.toml")).unwrap().parse().expect("TOML");
    for copy in copies["copy"].as_array().unwrap() {
        assert!(is_hex(copy["contents"].as_str().unwrap(), 64), "{copy}");
        copy["at"].as_str().unwrap().parse::<jiff::Timestamp>().expect("a time");
    }
    let places: Vec<_> =
        copies["copy"].as_array().unwrap().iter().map(|copy| copy["place"].as_str().unwrap()).collect();
    assert!(places.contains(&STORY.repository.folder.to_str().unwrap()), "{places:?}");
}
