//! XFS.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use keepsake::model::Ranges;
use keepsake::sources::disk::file_system::DiskFile;

use super::volumes::{Image, content, has_mkfs, is_whole, noise, open, run, survives_any_bad_sector, volume, walk};

#[test]
fn every_kind_of_xfs_gives_all_its_files() {
    if !has_mkfs("xfs") {
        return;
    }
    let kinds: [&[&str]; 4] = [
        &["-L", "Fotos"],
        &["-L", "Fotos", "-m", "crc=0"],
        &["-L", "Fotos", "-b", "size=1024", "-n", "size=4096"],
        &["-L", "Fotos", "-i", "nrext64=1,size=1024", "-n", "size=16384"],
    ];
    for options in kinds {
        println!("mkfs.xfs {options:?}");
        let volume = volume("xfs", 350, 400, options);
        is_whole(&volume, false, false);
        let opened = open(&Image::open(&volume.image, Ranges::new())).expect("it is recognised");
        assert_eq!((opened.kind(), opened.label().as_deref()), ("XFS", Some("Fotos")));
    }
}

#[test]
fn free_space_of_xfs_is_what_its_own_tools_say() {
    if !has_mkfs("xfs") {
        return;
    }
    let volume = volume("xfs", 350, 10, &[]);
    let free = open(&Image::open(&volume.image, Ranges::new())).unwrap().free().unwrap().expect("it can tell");
    let said = run("xfs_db", &["-r", "-c", "freesp -s", volume.image.to_str().unwrap()]);
    let blocks: u64 = said.lines().find_map(|line| line.strip_prefix("total free blocks ")).unwrap().parse().unwrap();
    // xfs_db counts the blocks that wait for the trees too: four in each of four groups.
    assert!((blocks - free.bytes() / 4096) <= 40, "{} of {blocks} blocks", free.bytes() / 4096);
}

#[test]
fn a_volume_of_xfs_that_was_pulled_out_says_so() {
    if !has_mkfs("xfs") {
        return;
    }
    let volume = volume("xfs", 350, 5, &[]);
    let bytes = fs::read(&volume.image).unwrap();
    let record =
        bytes.chunks(512).position(|sector| sector.starts_with(&[0xFE, 0xED, 0xBA, 0xBE])).expect("it has a log");
    let image = File::options().write(true).open(&volume.image).unwrap();
    let walked = || walk(&*open(&Image::open(&volume.image, Ranges::new())).unwrap());
    assert_eq!(walked().problems, []);
    // The only record in it is the one of the taking out: as if two changes stood there.
    image.write_all_at(&2_u32.to_be_bytes(), record as u64 * 512 + 40).unwrap();
    let walked = walked();
    assert!(walked.problems.iter().any(|problem| problem.message.contains("its log")), "{:?}", walked.problems);
    assert!(walked.files.len() > 10);
}

#[test]
fn free_space_of_xfs_stands_in_two_trees_and_one_is_enough() {
    if !has_mkfs("xfs") {
        return;
    }
    let volume = volume("xfs", 350, 10, &[]);
    let free = |bad| open(&Image::open(&volume.image, bad)).unwrap().free().unwrap().expect("it can tell");
    let whole = free(Ranges::new());
    let bytes = fs::read(&volume.image).unwrap();
    for magic in [b"AB3B", b"AB3C"] {
        let nodes = bytes.chunks(4096).enumerate().filter(|(_, block)| block.starts_with(magic));
        let bad: Ranges = nodes.map(|(block, _)| block as u64 * 4096..block as u64 * 4096 + 512).collect();
        assert!(bad.len() >= 4, "{bad}");
        assert_eq!(free(bad), whole);
    }
}

#[test]
fn no_bad_sector_of_xfs_costs_more_than_the_files_that_it_holds() {
    if !has_mkfs("xfs") {
        return;
    }
    let volume = volume("xfs", 350, 30, &[]);
    survives_any_bad_sector("xfs", &volume, 7, 4);
}

#[test]
fn a_folder_of_xfs_on_a_bad_spot_gives_its_files_by_number() {
    if !has_mkfs("xfs") {
        return;
    }
    let volume = volume("xfs", 350, 60, &[]);
    let bytes = fs::read(&volume.image).unwrap();
    let name = b"-of-a-photo,-number-7.jpg";
    let bad: Ranges = bytes
        .chunks(4096)
        .enumerate()
        .filter(|(_, block)| block.windows(name.len()).any(|window| window == name))
        .map(|(block, _)| block as u64 * 4096..block as u64 * 4096 + 4096)
        .collect();
    assert_eq!(bad.bytes(), 4096);
    let medium = Image::open(&volume.image, bad);
    let walked = walk(&*open(&medium).unwrap());
    for index in 0..60 {
        let is_it = |file: &&DiskFile| content(&*medium, file).0 == noise(1000 + index, 40);
        let photo = walked.files.iter().find(is_it).unwrap_or_else(|| panic!("photo {index} is not met"));
        assert!(photo.path.to_string().starts_with("[orphan]/inode-"), "{}", photo.path);
    }
    assert!(walked.problems.iter().any(|problem| problem.path == "many"), "{:?}", walked.problems);
}
