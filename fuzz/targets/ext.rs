//! Volumes of Linux computers: ext2 to ext4, XFS, Btrfs.
//!
//! An input is a volume of which only some sectors are told: the number of its sectors (four bytes, least significant
//! first), then for each the number and its 512 bytes. `fuzz/seed` packs what mkfs makes.
#![no_main]

use std::ops::ControlFlow;
use std::sync::Arc;

use keepsake::model::Ranges;
use keepsake::sources::disk::file_system::{Content, Met, Reading};
use keepsake::sources::disk::{btrfs, ext, xfs};
use keepsake::sources::medium::Medium;
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |input: &[u8]| {
    let Some((volume, met_at_most)) = unpack(input) else { return };
    let medium: Arc<dyn Medium> = Arc::new(volume);
    let reading = Reading { zone: jiff::tz::TimeZone::UTC };
    for open in [ext::open, xfs::open, btrfs::open] {
        let Some(volume) = open(medium.clone(), &reading).expect("memory never goes") else { continue };
        let walk = || {
            let mut all = Vec::new();
            let meet = &mut |met| {
                all.push(met);
                ControlFlow::Continue(())
            };
            volume.walk(meet).expect("memory never goes");
            all
        };
        let all = walk();
        assert_eq!(all, walk());
        assert!(all.len() <= met_at_most, "{} met", all.len());
        for met in &all {
            match met {
                Met::Problem(problem) => assert!(!problem.path.is_empty() && !problem.message.is_empty()),
                Met::File(file) => {
                    let mut parts = file.path.as_bytes().split(|byte| *byte == b'/');
                    assert!(parts.all(|part| !part.is_empty() && part != b"." && part != b".."), "{:?}", file.path);
                    match &file.content {
                        Content::Inline(bytes, _) => assert!(bytes.len() as u64 == file.size && file.size <= 1 << 16),
                        Content::Extents(extents) => {
                            let sum = extents.iter().fold(0_u64, |sum, extent| sum.saturating_add(extent.length));
                            assert!(sum >= file.size || extents.is_empty(), "{file:?}");
                            let ends = extents.iter().filter_map(|extent| extent.at.map(|at| (at, extent.length)));
                            ends.for_each(|(at, length)| assert!(length > 0 && at.checked_add(length).is_some()));
                        }
                        Content::Packed(_) => panic!("nothing here is packed"),
                    }
                }
            }
        }
        if let Some(free) = volume.free().expect("memory never goes") {
            assert!(free.iter().all(|free| free.end <= medium.size()));
        }
    }
});

/// A volume of at most 32 MiB, and how much may be met in it.
fn unpack(input: &[u8]) -> Option<((Vec<u8>, Ranges), usize)> {
    let (sectors, rest) = input.split_first_chunk::<4>()?;
    let sectors = u32::from_le_bytes(*sectors).clamp(8, 1 << 16);
    let mut bytes = vec![0; sectors as usize * 512];
    for told in rest.chunks_exact(516) {
        let (number, sector) = told.split_first_chunk::<4>()?;
        let at = (u32::from_le_bytes(*number) % sectors) as usize * 512;
        bytes[at..at + 512].copy_from_slice(sector);
    }
    Some(((bytes, Ranges::new()), 1 << 20))
}
