//! Where a repository is, and the names by which people call things on the command line.
#![no_main]

use std::fmt::{Debug, Display};
use std::path::Component;
use std::str::FromStr;

use keepsake::config::RepositoryName;
use keepsake::model::{AlbumName, Kind, ObjectId, PhotoId};
use keepsake::repository::Location;
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |input: &[u8]| {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Some(location) = there_and_back::<Location>(text) {
        hold(&location);
    }
    there_and_back::<ObjectId>(text);
    there_and_back::<PhotoId>(text);
    there_and_back::<AlbumName>(text);
    there_and_back::<RepositoryName>(text);
    there_and_back::<Kind>(text);
});

fn there_and_back<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            match written.parse::<T>() {
                Ok(again) => assert_eq!(again, value, "{written:?}"),
                Err(error) => panic!("{value:?} is written as {written:?}, and that cannot be read: {error}"),
            }
            Some(value)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

/// It stays in its place: nothing in it steps out of a folder, and it does not depend on where one stands.
fn hold(location: &Location) {
    let written = location.to_string();
    match location.local_path() {
        Some(path) => {
            assert!(path.is_absolute(), "{written:?}");
            assert!(
                path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_))),
                "{written:?}"
            );
        }
        None => {
            assert!(written.starts_with("s3:http") || written.starts_with("b2:"), "{written:?}");
            assert!(!written.split('/').any(|part| part == ".."), "{written:?}");
        }
    }
    let json = serde_json::to_string(location).expect("it can be written");
    assert_eq!(&serde_json::from_str::<Location>(&json).expect("it can be read"), location);
}
