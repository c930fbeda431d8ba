//! HEIC, AVIF, CR3, JPEG XL, and films in boxes.
#![no_main]

use keepsake::formats::isobmff::{any_head, atoms, kinds, locations, sound_atoms, tracks};
use keepsake::formats::{heif, quicktime};
use keepsake::model::Kind;
use keepsake_fuzz::{examine, hold_facts, prepare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |file: &[u8]| {
    let otherwise = [Kind::Mov, Kind::Heic, Kind::Mp4, Kind::Cr3, Kind::Avif, Kind::Jxl, Kind::ThreeGp];
    examine(file, otherwise[file.len() % otherwise.len()]);
    if let Some(exif) = heif::primary_exif(file) {
        assert!(keepsake::formats::tiff::begins(&exif));
    }
    hold_facts(&quicktime::read(file));
    if let Some(head) = any_head(file) {
        assert!(head.size.is_none_or(|size| size >= head.head));
    }
    let found: Vec<_> = atoms(file).collect();
    assert!(found.iter().map(|atom| atom.payload.len() + 8).sum::<usize>() <= file.len());
    let sound: Vec<_> = sound_atoms(file).collect();
    assert!(found.starts_with(&sound) && sound.iter().all(|atom| atom.is_whole));
    for atom in &found {
        let pieces: usize = locations(atom.payload).flatten().map(|item| item.extents.len()).sum();
        assert!(pieces <= 1 << 20);
        let entries = kinds(atom.payload).len();
        assert!(entries <= atom.payload.len() / 8);
        for track in tracks(atom.payload) {
            assert!(track.chunks.len() <= atom.payload.len() / 4);
        }
    }
});
