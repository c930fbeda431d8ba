//! Volumes that are cut off, full of noise, or not there.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use keepsake::model::Ranges;
use keepsake::sources::medium::{Medium, MediumError};

use super::volumes::{Image, content, files_of, has_mkfs, noise, open, volume, walk};

#[test]
fn what_is_left_of_a_cut_off_image_is_read_and_the_rest_is_named() {
    for (kind, mebibytes, options) in
        [("ext4", 24, &["-b", "1024", "-N", "256"][..]), ("xfs", 350, &[]), ("btrfs", 120, &["--mixed"])]
    {
        if !has_mkfs(kind) {
            return;
        }
        let volume = volume(kind, mebibytes, 30, options);
        let bytes = fs::read(&volume.image).unwrap();
        let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        for parts in 1..16 {
            let cut = last / 16 * parts;
            let medium: Arc<dyn Medium> = Arc::new((bytes[..cut].to_vec(), Ranges::new()));
            let Some(opened) = open(&medium) else { continue };
            let walked = walk(&*opened);
            for file in &walked.files {
                let (bytes, holes) = content(&*medium, file);
                let Ok(original) = fs::read(volume.tree.join(file.path.to_path())) else { continue };
                let mut pairs = bytes.iter().zip(&original).enumerate();
                let is_it = pairs.all(|(at, (one, other))| one == other || holes.contains(at as u64));
                assert!(is_it && bytes.len() == original.len(), "{kind}, {parts} sixteenths: {}", file.path);
            }
            let is_all = walked.files.len() >= files_of(&volume.tree).len();
            assert!(
                is_all || kind == "xfs" || !walked.problems.is_empty(),
                "{kind}, {parts} sixteenths: nothing is said"
            );
            let free = opened.free().expect("an image never goes").unwrap_or_default();
            assert!(free.iter().all(|free| free.end <= cut as u64), "{kind}: {free} of {cut}");
        }
    }
}

#[test]
fn a_drive_that_answers_nothing_is_no_volume() {
    let size = 64 << 20;
    assert!(open(&(Arc::new((vec![0_u8; size], Ranges::one(0..size as u64))) as Arc<dyn Medium>)).is_none());
    assert!(open(&(Arc::new((vec![0_u8; size], Ranges::new())) as Arc<dyn Medium>)).is_none());
    assert!(open(&(Arc::new((Vec::<u8>::new(), Ranges::new())) as Arc<dyn Medium>)).is_none());
}

#[test]
fn no_noise_in_a_volume_breaks_its_reader() {
    if !has_mkfs("ext4") || !has_mkfs("xfs") || !has_mkfs("btrfs") {
        return;
    }
    for (kind, mebibytes, options) in [
        ("ext2", 8, &["-b", "1024", "-N", "256"][..]),
        ("ext4", 12, &["-b", "1024", "-N", "256", "-O", "inline_data"]),
        ("xfs", 350, &[]),
        ("btrfs", 120, &["--mixed"]),
    ] {
        let volume = volume(kind, mebibytes, 30, options);
        let bytes = fs::read(&volume.image).unwrap();
        let written: Vec<usize> = bytes
            .chunks(512)
            .enumerate()
            .filter(|(_, sector)| sector.iter().any(|byte| *byte != 0))
            .map(|(at, _)| at)
            .collect();
        let sound: Arc<dyn Medium> = Image::open(&volume.image, Ranges::new());
        let rounds = std::env::var("KEEPSAKE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(150_u64);
        for round in 0..rounds {
            let dice: Vec<u64> =
                noise(round, 512).chunks(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect();
            let mut changes = BTreeMap::new();
            for change in dice[1..=1 + (dice[0] % 12) as usize].chunks(1) {
                let sector = written[(change[0] >> 8) as usize % written.len()];
                // Zeros, ones, the highest numbers: what breaks arithmetic.
                let value = [0, 1, 0xFF, 0x7F, change[0] as u8][(change[0] >> 3) as usize % 5];
                let start = sector * 512 + (change[0] >> 40) as usize % 512;
                for at in start..start + [1, 2, 4, 8][change[0] as usize % 4] {
                    changes.insert(at as u64, value);
                }
            }
            let noisy: Arc<dyn Medium> = Arc::new(Noisy { sound: sound.clone(), changes });
            if let Some(opened) = open(&noisy) {
                let walked = walk(&*opened);
                assert!(walked.files.len() < 10_000, "{kind}, round {round}");
                opened.free().expect("an image never goes");
            }
        }
    }
}

/// A medium with other bytes in a few places.
struct Noisy {
    sound: Arc<dyn Medium>,
    changes: BTreeMap<u64, u8>,
}

impl Medium for Noisy {
    fn size(&self) -> u64 {
        self.sound.size()
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let holes = self.sound.read(at, into)?;
        for (place, byte) in self.changes.range(at..at.saturating_add(into.len() as u64)) {
            into[(place - at) as usize] = *byte;
        }
        Ok(holes)
    }
}
