//! Btrfs.

use std::fs;

use keepsake::model::Ranges;

use super::volumes::{Image, content, files_of, has_mkfs, is_whole, open, survives_any_bad_sector, volume, walk};

#[test]
fn every_kind_of_btrfs_gives_all_its_files() {
    if !has_mkfs("btrfs") {
        return;
    }
    let kinds: [&[&str]; 4] = [&[], &["-m", "single", "-d", "single"], &["-m", "dup", "-d", "dup"], &["--mixed"]];
    for options in kinds {
        println!("mkfs.btrfs {options:?}");
        let volume = volume("btrfs", 300, 400, &[options, &["-L", "Fotos"]].concat());
        is_whole(&volume, true, true);
        let opened = open(&Image::open(&volume.image, Ranges::new())).expect("it is recognised");
        assert_eq!((opened.kind(), opened.label().as_deref()), ("Btrfs", Some("Fotos")));
    }
}

#[test]
fn no_bad_sector_of_btrfs_costs_a_file_where_metadata_is_kept_twice() {
    if !has_mkfs("btrfs") {
        return;
    }
    let volume = volume("btrfs", 300, 10, &["-m", "dup"]);
    // Content may be hit, and inline content is metadata.
    survives_any_bad_sector("btrfs", &volume, 7, 0);
}

#[test]
fn a_bad_sector_of_btrfs_without_copies_costs_nothing_without_a_word() {
    if !has_mkfs("btrfs") {
        return;
    }
    let volume = volume("btrfs", 120, 60, &["-m", "single"]);
    survives_any_bad_sector("btrfs", &volume, 3, usize::MAX);
}

#[test]
fn where_the_newest_trees_of_btrfs_are_bad_the_ones_before_are_read() {
    if !has_mkfs("btrfs") {
        return;
    }
    let volume = volume("btrfs", 120, 60, &["-m", "dup"]);
    let bytes = fs::read(&volume.image).unwrap();
    // A node says at byte 48 which address it has; the superblock says at 0x50 which one is the root.
    let root = &bytes[0x1_0050..0x1_0058];
    let nodes = bytes.chunks(4096).enumerate().filter(|(_, block)| &block[48..56] == root);
    let bad: Ranges = nodes.map(|(block, _)| block as u64 * 4096..block as u64 * 4096 + 512).collect();
    assert_eq!(bad.len(), 2);
    let medium = Image::open(&volume.image, bad);
    let walked = walk(&*open(&medium).unwrap());
    assert_eq!(walked.files.len(), files_of(&volume.tree).len(), "{:?}", walked.problems);
    assert!(walked.problems.iter().any(|problem| problem.message.contains("newest tables")));
}

#[test]
fn files_of_btrfs_whose_folder_is_bad_keep_their_names() {
    if !has_mkfs("btrfs") {
        return;
    }
    let volume = volume("btrfs", 120, 600, &["-m", "single"]);
    let bytes = fs::read(&volume.image).unwrap();
    let name = b"a-rather-long-name-of-a-photo";
    let nodes =
        bytes.chunks(16_384).enumerate().filter(|(_, node)| node.windows(name.len()).any(|window| window == name));
    let mut orphans = 0;
    for (node, _) in nodes {
        let at = node as u64 * 16_384;
        let medium = Image::open(&volume.image, Ranges::one(at..at + 512));
        for file in walk(&*open(&medium).unwrap()).files {
            if file.path.parent().starts_with(b"[orphan]/inode-") && file.path.file_name().starts_with(name) {
                let original = volume.tree.join("many").join(std::str::from_utf8(file.path.file_name()).unwrap());
                assert_eq!(content(&*medium, &file).0, fs::read(original).unwrap());
                orphans += 1;
            }
        }
    }
    assert!(orphans > 100, "{orphans}");
}
