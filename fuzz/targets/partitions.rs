//! Partition tables, LVM, RAID: a drive of the input's bytes and nothing behind them; its last bytes say where it cannot be read.
#![no_main]

use std::sync::Arc;

use keepsake::model::Ranges;
use keepsake::sources::disk::partitions;
use keepsake::sources::medium::Medium;
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |drive: &[u8]| {
    let Some((bytes, [hole, length])) = drive.split_last_chunk::<2>() else { return };
    let hole = u64::from(*hole) * 512;
    let holes = Ranges::one(hole..hole + u64::from(length % 4) * 512);
    // Much of a drive is empty: the input lies at its beginning and at its end.
    let mut content = bytes.to_vec();
    content.resize(bytes.len() + (1 << 18), 0);
    content.extend(bytes);
    let size = content.len() as u64;
    let medium: Arc<dyn Medium> = Arc::new((content, holes));
    let table = partitions::read(&medium).expect("memory can be read");
    assert!((1..=512).contains(&table.volumes.len()));
    for volume in &table.volumes {
        assert!(volume.range.end <= size);
        let on_drive = volume.on_drive(&Ranges::one(0..u64::MAX));
        assert!(on_drive.iter().all(|range| range.end <= size));
        assert!(volume.name.chars().all(|letter| !letter.is_control()));
    }
    assert!(table.problems.iter().all(|problem| !problem.message.trim().is_empty()));
});
