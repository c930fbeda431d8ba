//! Volumes of Macs and discs: HFS+, APFS, ISO 9660 and UDF. The first byte says which sector cannot be read, the second
//! where the image begins: discs have nothing in their first blocks.
#![no_main]

use std::ops::ControlFlow;
use std::sync::Arc;

use keepsake::model::Ranges;
use keepsake::sources::disk::file_system::{Met, Reading};
use keepsake::sources::disk::{apfs, hfsplus, optical};
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |input: &[u8]| {
    let [first, second, image @ ..] = input else { return };
    let before = [0, 16 * 2048, 256 * 512, 255 * 2048][usize::from(second % 4)];
    let image = [vec![0; before], image.to_vec()].concat();
    let bad = before as u64 + u64::from(first & 0x3F) * 512;
    let holes = if first & 0x40 == 0 { Ranges::new() } else { Ranges::one(bad..bad + 512) };
    let reading = Reading { zone: jiff::tz::TimeZone::UTC };
    for open in [hfsplus::open, optical::open, apfs::open] {
        let medium = Arc::new((image.clone(), holes.clone()));
        let Some(volume) = open(medium, &reading).expect("memory is not gone") else { continue };
        let mut met = 0_usize;
        volume
            .walk(&mut |found| {
                met += 1;
                if let Met::File(file) = found {
                    let mut parts = file.path.as_bytes().split(|byte| *byte == b'/');
                    assert!(parts.all(|part| !part.is_empty() && part != b".."), "{file:?}");
                }
                ControlFlow::Continue(())
            })
            .expect("memory is not gone");
        // No record of any of these is shorter.
        assert!(met <= 64 + image.len() / 8, "{met} met in {} bytes", image.len());
        volume.free().expect("memory is not gone");
    }
});
