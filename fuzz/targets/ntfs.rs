//! Records of the table of files of NTFS, in a volume that is sound otherwise.
//!
//! Every KiB of the input is a record but for its beginning and its guards, which are made right: beyond them is what is
//! to be read.
#![no_main]

use std::ops::ControlFlow;
use std::sync::Arc;

use keepsake::model::Ranges;
use keepsake::sources::disk::file_system::{Content, FileSystem, Met, Reading, Standing};
use keepsake::sources::disk::ntfs;
use keepsake::sources::medium::Medium;
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

const RECORD: usize = 1024;
const RECORDS: usize = 64;
/// Cluster of the table; clusters are as long as records.
const TABLE: usize = 16;
const CLUSTERS: usize = 256;

fuzz_target!(init: prepare(), |input: &[u8]| {
    // The last byte says which sector does not read.
    let hole = input.last().map_or(0, |byte| u64::from(*byte) * 512 + (TABLE * RECORD) as u64);
    for holes in [Ranges::new(), Ranges::one(hole..hole + 512)] {
        let medium: Arc<dyn Medium> = Arc::new((volume(input), holes));
        let reading = Reading { zone: jiff::tz::TimeZone::UTC };
        if let Some(system) = ntfs::open(medium, &reading).expect("it goes on") {
            hold(&*system);
        }
    }
});

fn hold(system: &dyn FileSystem) {
    let mut living = Vec::new();
    let mut seen_deleted = false;
    let walk = system.walk(&mut |met| {
        if let Met::File(file) = met {
            assert!(!file.path.as_bytes().is_empty() && !file.path.as_bytes().contains(&0));
            assert!(file.path.as_bytes().len() < 128 << 10);
            seen_deleted |= file.standing != Standing::Living;
            assert_eq!(seen_deleted, file.standing != Standing::Living, "those that live come first");
            match file.content {
                Content::Extents(extents) => {
                    let sum = extents.iter().try_fold(0_u64, |sum, extent| sum.checked_add(extent.length));
                    assert!(sum.is_some_and(|sum| sum <= file.size) && extents.len() <= RECORDS * RECORD);
                    if file.standing == Standing::Living {
                        living.extend(
                            extents.into_iter().filter_map(|extent| Some(extent.at?..extent.at? + extent.length)),
                        );
                    }
                }
                Content::Inline(bytes, holes) => assert!(bytes.len() as u64 == file.size && holes.is_empty()),
                Content::Packed(packed) => {
                    assert_eq!(packed.units.len() as u64, file.size.div_ceil(packed.unit));
                    let long =
                        packed.units.iter().any(|unit| unit.iter().map(|part| part.length).sum::<u64>() > packed.unit);
                    assert!(!long);
                }
            }
        }
        ControlFlow::Continue(())
    });
    walk.expect("it goes on");
    let free = system.free().expect("it goes on").expect("there is a table");
    assert!(living.into_iter().all(|range| !free.meets(range)), "what lives is not free");
}

fn volume(input: &[u8]) -> Vec<u8> {
    let mut volume = vec![0; CLUSTERS * RECORD];
    volume[3..11].copy_from_slice(b"NTFS    ");
    volume[0x0B..0x0E].copy_from_slice(&[0, 2, 2]);
    volume[0x28..0x2A].copy_from_slice(&512_u16.to_le_bytes());
    volume[0x30] = 16;
    volume[0x38] = 8;
    volume[0x40] = 0xF6;
    record(&mut volume, 0, &data(&[0x21, 64, 16, 0, 0], (RECORDS * RECORD) as u64));
    record(&mut volume, 6, &data(&[0x11, 1, 100, 0], CLUSTERS as u64 / 8));
    for (number, body) in input.chunks(RECORD).enumerate().take(RECORDS - 24) {
        record(&mut volume, 24 + number, body);
    }
    volume
}

/// Writes what follows the number of guards, and makes the guards right. The first byte says how it is used.
fn record(volume: &mut [u8], number: usize, body: &[u8]) {
    let record = &mut volume[(TABLE + number) * RECORD..][..RECORD];
    record[..8].copy_from_slice(&[b'F', b'I', b'L', b'E', 0x30, 0, 3, 0]);
    record[0x14] = 0x38;
    record[0x16] = body.first().map_or(0, |byte| byte & 3);
    // Which record it goes on for; mostly none.
    let base = body.get(1).filter(|byte| **byte < RECORDS as u8).map_or(0, |byte| *byte);
    record[0x20] = base;
    record[0x26] = u8::from(base > 0);
    record[0x10] = body.get(2).map_or(1, |byte| byte & 3);
    let rest = body.get(3..).unwrap_or_default();
    let length = rest.len().min(RECORD - 0x38);
    record[0x38..0x38 + length].copy_from_slice(&rest[..length]);
    for (index, end) in [510, 1022].into_iter().enumerate() {
        let kept = [record[end], record[end + 1]];
        record[0x32 + index * 2..][..2].copy_from_slice(&kept);
        record[end..end + 2].fill(0);
    }
}

fn data(runs: &[u8], size: u64) -> Vec<u8> {
    let mut body = vec![1, 0xFF, 1];
    let mut attribute = vec![0; 80];
    attribute[..9].copy_from_slice(&[0x80, 0, 0, 0, 80, 0, 0, 0, 1]);
    attribute[0x18..0x20].copy_from_slice(&63_u64.to_le_bytes());
    attribute[0x20] = 64;
    for at in [0x28, 0x30, 0x38] {
        attribute[at..at + 8].copy_from_slice(&size.to_le_bytes());
    }
    attribute[64..64 + runs.len()].copy_from_slice(runs);
    body.extend(attribute);
    body.extend([0xFF; 4]);
    body
}
