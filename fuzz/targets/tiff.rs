//! TIFF, the raw files built on it, Canon's CIFF, Fujifilm's RAF.
#![no_main]

use keepsake::formats::{ciff, tiff};
use keepsake::model::Kind;
use keepsake_fuzz::{examine, hold_facts, prepare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |file: &[u8]| {
    let kinds = [Kind::Tiff, Kind::Dng, Kind::Cr2, Kind::Nef, Kind::Rw2, Kind::Raf, Kind::Crw];
    examine(file, kinds[file.len() % kinds.len()]);
    hold_facts(&ciff::read(file));
    let walked = walk(file, file.len());
    if let Some(structure) = &walked {
        assert!(structure.directories.len() <= 64);
        if structure.missing.is_none() {
            // What lies inside the file is read the same when more stands behind it.
            let more = [file, &[0xA5; 64]].concat();
            assert_eq!(walk(&more, file.len()), walked);
        }
    }
});

fn walk(bytes: &[u8], size: usize) -> Option<tiff::Structure> {
    let mut read = |at: u64, length: usize| {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(size);
        Ok(bytes[at..at.saturating_add(length).min(size)].to_vec())
    };
    tiff::walk(&mut read, size as u64).expect("memory can be read")
}
