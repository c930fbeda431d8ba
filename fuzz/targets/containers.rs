//! Images of drives: E01, qcow2, VHD, VMDK. (`inside` is a door that only fuzzing opens.)
#![no_main]

use keepsake::sources::medium::open::inside;
use keepsake::sources::medium::read_vec;
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |file: &[u8]| {
    let Some(medium) = inside(file.to_vec()) else { return };
    let size = medium.size();
    for at in [0, 511, 65_000, size / 2, size.saturating_sub(700), u64::MAX - 900] {
        let (bytes, holes) = read_vec(medium.as_ref(), at, 1500).expect("memory can be read");
        let end = at.saturating_add(1500);
        assert!(holes.iter().all(|hole| hole.start >= at && hole.end <= end), "{at}: {holes}");
        // What is not there is a hole, and holes are zero.
        assert!(size >= end || holes.meets(size.max(at)..end) || size.max(at) >= end);
        for hole in holes.iter() {
            let hole = (hole.start - at) as usize..(hole.end - at) as usize;
            assert!(bytes[hole].iter().all(|byte| *byte == 0));
        }
        // In two pieces it is the same.
        let (front, _) = read_vec(medium.as_ref(), at, 700).expect("memory can be read");
        let (back, _) = read_vec(medium.as_ref(), at.saturating_add(700), 800).expect("memory can be read");
        assert!(bytes[..700] == front && (at > u64::MAX - 1500 || bytes[700..] == back));
    }
});
