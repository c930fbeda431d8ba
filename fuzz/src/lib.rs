//! What the targets share: limits, panics that count, and what holds of every file that is examined.

use std::alloc::System;
use std::backtrace::Backtrace;
use std::collections::BTreeSet;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::panic;
use std::sync::{Mutex, PoisonError};

use cap::Cap;
use keepsake::catalog::Plan;
use keepsake::formats::file_name::fold_case;
use keepsake::media;
use keepsake::model::{Condition, Examination, Facts, Kind};

/// Everything that is allocated at one moment: a picture of 256 MiB, what its decoder needs beside it, and the file.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, 640 << 20);

/// The last panic of others, for when it turns out that nobody catches it.
static PANIC_OF_OTHERS: Mutex<String> = Mutex::new(String::new());

/// Makes a panic end the run only where it is one of ours, or is caught by nobody: that a decoder of others' making may
/// panic is known, and costs nothing but what it would have found.
pub fn prepare() {
    panic::set_hook(Box::new(|panic| {
        let mut before = PANIC_OF_OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
        if panic.location().is_some_and(|place| place.file().contains("/registry/src/")) {
            *before = panic.to_string();
        } else {
            eprintln!("{panic}\n(before: {before})\n{}", Backtrace::force_capture());
            std::process::abort();
        }
    }));
}

/// Examines a file, as its content says or as `otherwise`, and holds the answer to what the types promise.
pub fn examine(file: &[u8], otherwise: Kind) -> Option<Examination> {
    let kind = media::sniff(file.get(..1 << 16).unwrap_or(file), b"").unwrap_or(otherwise);
    let found = examined(&mut Cursor::new(file), file, kind);
    hold_facts(&found.facts);
    let Examination { condition, depth: _, good_percent, finding, facts: _, likeness: _ } = &found;
    match condition {
        Condition::Intact => assert_eq!(*good_percent, None, "{found:?}"),
        Condition::Truncated => assert!(good_percent.is_none_or(|good| good <= 100), "{found:?}"),
        Condition::Damaged | Condition::PreviewOnly => assert!(good_percent.is_none_or(|good| good <= 99), "{found:?}"),
    }
    assert!(finding.is_some() || *condition == Condition::Intact, "{found:?}");
    // What a slow drive gives in small pieces is the same file. (Of a long one that takes its time.)
    if file.len() <= 4096 && file.len() % 4 == 0 {
        assert_eq!(examined(&mut Dripping(Cursor::new(file)), file, kind), found);
    }
    Some(found)
}

fn examined<R: Read + Seek>(input: &mut R, file: &[u8], kind: Kind) -> Examination {
    // No program of others is asked: a helper would be started for every input.
    let helpers = media::Helpers::default();
    media::examine(input, file.len() as u64, kind, &helpers).expect("memory can be read").0
}

/// Holds facts to what their fields promise, and to coming back from the catalog as they went in.
pub fn hold_facts(facts: &Facts) {
    assert!(facts.orientation.is_none_or(|orientation| (1..=8).contains(&orientation)), "{facts:?}");
    assert!(facts.rating.is_none_or(|rating| (-1..=5).contains(&rating)), "{facts:?}");
    if let Some(place) = facts.position {
        assert!(keepsake::model::Position::new(place.latitude(), place.longitude()) == Some(place), "{facts:?}");
    }
    let texts = [&facts.camera, &facts.lens, &facts.caption, &facts.live_id].into_iter().flatten();
    for text in texts.chain(&facts.keywords) {
        assert!(!text.trim().is_empty(), "{facts:?}");
        assert!(text.chars().all(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')), "{facts:?}");
    }
    for (at, keyword) in facts.keywords.iter().enumerate() {
        assert!(!facts.keywords[..at].contains(keyword), "{facts:?}");
    }
    // Places are rounded before they are written down.
    let facts = Facts { position: None, ..facts.clone() };
    let text = serde_json::to_string(&facts).expect("facts can be written down");
    assert_eq!(serde_json::from_str::<Facts>(&text).expect("facts can be read"), facts, "{text}");
}

/// Gives one to seven bytes at a time.
struct Dripping<'a>(Cursor<&'a [u8]>);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = 1 + usize::try_from(self.0.position() % 7).unwrap_or(0);
        let room = buffer.len().min(most);
        self.0.read(&mut buffer[..room])
    }
}

impl Seek for Dripping<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// Holds the tree of a snapshot to what every file system can take: no path twice whatever the case, no path that is a
/// folder too, no part too long, nothing that leads out.
pub fn hold_tree(plan: &Plan) {
    let mut files = BTreeSet::new();
    let mut folders = BTreeSet::new();
    for path in paths(plan) {
        for part in path.split('/') {
            assert!(!part.is_empty() && part != "." && part != "..", "{path:?}");
            assert!(part.len() <= 200, "{path:?}");
            assert!(!part.ends_with(['.', ' ']), "{path:?}");
            assert!(!part.chars().any(|letter| letter < ' ' || "\"*:<>?\\|".contains(letter)), "{path:?}");
        }
        let key = fold_case(&path);
        folders.extend(key.match_indices('/').map(|(at, _)| key[..at].to_owned()));
        assert!(files.insert(key), "{path:?} is there twice");
    }
    assert!(files.is_disjoint(&folders), "a file is a folder too: {:?}", files.intersection(&folders).next());
}

fn paths(plan: &Plan) -> Vec<String> {
    let Plan { generation: _, photos, albums, kept } = plan;
    let mut paths = Vec::new();
    for photo in photos {
        assert!(photo.path.starts_with("photos/") || photo.path.starts_with("trash/"), "{:?}", photo.path);
        assert!(photo.path.rsplit('/').next().is_some_and(|name| name.len() <= 196), "{:?}", photo.path);
        paths.push(photo.path.clone());
        paths.push(format!("{}.xmp", photo.path));
        paths.extend(photo.companions.iter().map(|file| file.path.clone()));
    }
    paths.extend(albums.iter().flat_map(|album| album.files.iter().map(|file| album.path(file))));
    paths.extend(kept.iter().map(|file| file.path.clone()));
    paths
}
