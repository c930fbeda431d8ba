//! Volumes of FAT and exFAT, with sectors that cannot be read.
//!
//! The first byte says how many holes there are; two bytes for each say in which sector; the rest is the volume, with more zeros
//! behind it.
#![no_main]

use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::tz::TimeZone;
use keepsake::model::Ranges;
use keepsake::sources::disk::file_system::{Content, FileSystem, Met, Reading, Standing};
use keepsake::sources::disk::{exfat, fat};
use keepsake::sources::medium::Medium;
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |input: &[u8]| {
    let Some((count, rest)) = input.split_first() else { return };
    let count = usize::from(count % 4) * 2;
    let (places, volume) = rest.split_at(count.min(rest.len()));
    let sectors = places.chunks_exact(2).map(|place| u64::from(u16::from_le_bytes([place[0], place[1]])) * 512);
    let bad: Ranges = sectors.map(|at| at..at + 512).collect();
    let bytes = [volume, &[0; 64 << 10]].concat();
    let size = bytes.len() as u64;
    let medium: Arc<dyn Medium> = Arc::new((bytes, bad));
    let reading = Reading { zone: TimeZone::UTC };
    for open in [fat::open, exfat::open] {
        let open = || open(Arc::clone(&medium), &reading).expect("nobody stops it");
        let (Some(volume), Some(again)) = (open(), open()) else { continue };
        let met = walk(volume.as_ref());
        let free = volume.free().expect("nobody stops it").expect("it can tell");
        assert_eq!(again.free().expect("nobody stops it").as_ref(), Some(&free), "the same before a walk");
        assert_eq!(walk(again.as_ref()), met, "and twice the same");
        assert!(free.iter().all(|range| range.end <= size));
        met.iter().for_each(|met| hold(met, &free));
    }
});

fn walk(volume: &dyn FileSystem) -> Vec<Met> {
    let mut all = Vec::new();
    let mut meet = |met| {
        all.push(met);
        ControlFlow::Continue(())
    };
    volume.walk(&mut meet).expect("nobody stops it");
    all
}

fn hold(met: &Met, free: &Ranges) {
    let Met::File(file) = met else { return };
    let path = file.path.to_string();
    assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
    let Content::Extents(extents) = &file.content else { panic!("clusters have extents") };
    let total = extents.iter().fold(0_u64, |total, extent| total.saturating_add(extent.length));
    assert!(total <= file.size && extents.iter().all(|extent| extent.length > 0), "{file:?}");
    let places = extents.iter().filter_map(|extent| extent.at.map(|at| at..at.saturating_add(extent.length)));
    let is_free = places.into_iter().any(|place| free.meets(place));
    assert!(!is_free || file.standing != Standing::Living, "{file:?}");
}
