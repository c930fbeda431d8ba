//! Stores of small pictures, and pictures inside pictures.
#![no_main]

use keepsake::formats::thumbs::{MOST, Thumb, last_copies, paths, thumbs};
use keepsake::model::RawPath;
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |file: &[u8]| {
    for name in [b"Thumbs.db".as_slice(), b".thumbdata3", b"thumbcache_96.db", b""] {
        hold(file, &thumbs(file, name).unwrap_or_default());
    }
    let inside = last_copies(file);
    hold(file, &inside);
    assert!(inside.iter().all(|thumb| thumb.bytes.len() < file.len()));
    let path = RawPath::from_bytes(file.iter().copied().take(300).collect());
    if let Some(parent) = paths::parent(&path) {
        assert!(parent.as_bytes().len() < path.as_bytes().len());
    }
    paths::is_thumbnail_path(&path);
});

fn hold(file: &[u8], found: &[Thumb<'_>]) {
    assert!(found.len() <= MOST);
    let all: usize = found.iter().map(|thumb| thumb.bytes.len()).sum();
    // The tables that some lack are 281 bytes.
    assert!(all <= file.len() * 2 + found.len() * 281, "{all} bytes of {}", file.len());
    assert!(found.iter().all(|thumb| !thumb.bytes.is_empty()));
}
