//! Names of files and folders: made safe, told apart, and read for the time in them. Dates and places as text.
#![no_main]

use jiff::civil::date;
use keepsake::formats::moments::{self, Moment};
use keepsake::formats::{file_name, gps, names};
use keepsake::media::capture_time;
use keepsake::model::{Certainty, RawPath};
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |name: &[u8]| {
    for limit in [0, 24, 160, 196, 200] {
        let safe = file_name::safe_within(name, limit);
        assert!(safe.len() <= limit.max(24), "{safe:?}");
        hold_for_every_file_system(&safe);
        assert_eq!(file_name::safe_within(safe.as_bytes(), limit), safe);
    }
    let safe = file_name::safe(name);
    let (stem, ending) = file_name::split_ending(&safe);
    assert!(format!("{stem}{ending}") == safe && !stem.is_empty());
    for moment in [names::in_file_name(name), names::in_folder_name(name)].into_iter().flatten() {
        hold_moment(&moment);
        assert!((1850..=2099).contains(&moment.local.year()), "{moment:?}");
    }
    let path = RawPath::from_bytes(name.to_vec());
    for candidate in capture_time::from_path(&path) {
        assert!((1850..=2099).contains(&candidate.local.year()), "{candidate:?}");
    }
    let text = String::from_utf8_lossy(name);
    one_key_in_any_case(&text);
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    for moment in [moments::parse(&text), moments::parse_iptc(first, Some(second))].into_iter().flatten() {
        hold_moment(&moment);
        assert_eq!(moments::parse(&written(&moment)), Some(moment));
    }
    if let Some(offset) = moments::parse_offset(&text) {
        assert_eq!(moments::parse_offset(&offset.to_string()), Some(offset));
    }
    for place in [gps::parse_xmp(first, second), gps::parse_iso6709(&text)].into_iter().flatten() {
        assert!(keepsake::model::Position::new(place.latitude(), place.longitude()) == Some(place));
    }
});

/// Written apart from the code that it holds: exFAT specification 7.7.3, and Microsoft's “Naming Files”.
fn hold_for_every_file_system(name: &str) {
    assert!(!name.is_empty() && name != "." && name != "..");
    assert!(!name.ends_with('.') && !name.ends_with(' '), "{name:?}");
    assert!(!name.chars().any(|letter| letter < ' ' || letter == '\x7F' || "\"*/:<>?\\|".contains(letter)), "{name:?}");
    assert!(name.encode_utf16().count() <= 255, "{name:?}");
    let device = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_uppercase();
    assert!(!["CON", "PRN", "AUX", "NUL"].contains(&device.as_str()), "{name:?}");
    let numbered = device.len() >= 4 && (device.starts_with("COM") || device.starts_with("LPT"));
    assert!(
        !numbered || device.chars().count() != 4 || !device.ends_with(|digit| "0123456789¹²³".contains(digit)),
        "{name:?}"
    );
}

/// Two names that a file system takes for one must have one key, whoever changes their case.
fn one_key_in_any_case(text: &str) {
    let key = file_name::fold_case(text);
    assert_eq!(file_name::fold_case(&key), key, "{text:?}");
    assert_eq!(file_name::fold_case(&text.to_uppercase()), key, "{text:?}");
    assert_eq!(file_name::fold_case(&text.to_lowercase()), key, "{text:?}");
}

fn hold_moment(moment: &Moment) {
    let Moment { local, offset, certainty } = moment;
    let first = match certainty {
        Certainty::Year => date(local.year(), 1, 1),
        Certainty::Month => date(local.year(), local.month(), 1),
        Certainty::Guess | Certainty::Day | Certainty::Exact => local.date(),
    };
    assert_eq!(local.date(), first, "{moment:?}");
    if *certainty < Certainty::Exact && *certainty > Certainty::Guess {
        assert_eq!(*local, first.at(0, 0, 0, 0), "{moment:?}");
    }
    assert!(offset.is_none_or(|offset| offset.minutes().abs() <= 900), "{moment:?}");
}

fn written(moment: &Moment) -> String {
    let Moment { local, offset, certainty } = moment;
    let offset = offset.map(|offset| offset.to_string()).unwrap_or_default();
    match certainty {
        Certainty::Year => format!("{:04}", local.year()),
        Certainty::Month => local.strftime("%Y-%m").to_string(),
        Certainty::Guess | Certainty::Day => local.strftime("%Y-%m-%d").to_string(),
        Certainty::Exact => format!("{}{offset}", local.strftime("%Y-%m-%dT%H:%M:%S")),
    }
}
