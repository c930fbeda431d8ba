//! Real files of cameras and phones, where `KEEPSAKE_CORPUS` says they are.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use super::*;
use crate::media::sniff;

/// Files of the corpus that are broken indeed, each looked at by hand.
const BROKEN: [&str; 0] = [];

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the corpus can be listed") {
        let path = entry.expect("the corpus can be listed").path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
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
        if found.condition.is_damage() != expected {
            disagreements.push(short);
        }
    }
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}
