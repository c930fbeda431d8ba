//! Volumes of Linux computers, ext2 to ext4, XFS and Btrfs: all of their files come back, whatever single spot is bad.

mod btrfs;
mod damage;
mod volumes;
mod xfs;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use keepsake::model::{Problem, Ranges};
use keepsake::sources::disk::file_system::{Content, DiskFile, Standing};
use keepsake::sources::medium::{Medium, Window};

use self::volumes::{
    Image, content, files_of, has_mkfs, is_whole, noise, open, run, survives_any_bad_sector, volume, walk,
};
use crate::support::referee;

#[test]
fn every_kind_of_ext_gives_all_its_files() {
    if !has_mkfs("ext4") {
        return;
    }
    let kinds: [(&str, u64, &[&str]); 12] = [
        ("ext2", 24, &["-b", "1024"]),
        ("ext2", 24, &["-b", "4096"]),
        ("ext3", 24, &["-b", "1024"]),
        ("ext4", 24, &["-b", "1024"]),
        ("ext4", 24, &["-b", "4096"]),
        ("ext4", 24, &["-O", "^64bit"]),
        ("ext4", 24, &["-O", "^extents,^64bit"]),
        ("ext4", 24, &["-I", "128", "-O", "metadata_csum"]),
        ("ext4", 24, &["-I", "256", "-O", "inline_data"]),
        ("ext4", 24, &["-I", "1024", "-O", "inline_data"]),
        ("ext4", 96, &["-O", "bigalloc", "-C", "16384"]),
        ("ext4", 24, &["-b", "1024", "-O", "meta_bg,^resize_inode"]),
    ];
    for (kind, mebibytes, options) in kinds {
        println!("mkfs.{kind} {options:?}");
        let has_inline = options.contains(&"inline_data");
        let options = [options, &["-N", "2048", "-L", "Fotos", "-U", "01234567-89ab-cdef-0123-456789ABCDEF"]].concat();
        let volume = volume(kind, mebibytes, 400, &options);
        if has_inline {
            // mke2fs 1.47 itself cuts files with holes short there: debugfs and the kernel give the same short size.
            run("debugfs", &["-w", "-R", "rm sparse", volume.image.to_str().unwrap()]);
            fs::remove_file(volume.tree.join("sparse")).unwrap();
        }
        is_whole(&volume, true, true);
        let opened = open(&Image::open(&volume.image, Ranges::new())).expect("it is recognised");
        assert_eq!(opened.kind(), kind);
        assert_eq!(opened.label().as_deref(), Some("Fotos"));
        assert_eq!(opened.uuid().as_deref(), Some("01234567-89ab-cdef-0123-456789abcdef"));
    }
}

#[test]
fn free_space_of_ext_is_what_its_own_tools_say() {
    if !has_mkfs("ext4") {
        return;
    }
    for options in [
        &["-b", "1024"][..],
        &["-b", "4096"],
        &["-O", "^64bit", "-b", "1024"],
        &["-b", "1024", "-O", "meta_bg,^resize_inode"],
    ] {
        let volume = volume("ext4", 64, 10, options);
        let medium = Image::open(&volume.image, Ranges::new());
        let free = open(&medium).unwrap().free().unwrap().expect("it can tell");
        let said = run("dumpe2fs", &["-h", volume.image.to_str().unwrap()]);
        let number = |name: &str| -> u64 {
            let line = said.lines().find(|line| line.starts_with(name)).expect("it says so");
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        assert_eq!(free.bytes(), number("Free blocks:") * number("Block size:"), "{options:?}");
    }
}

#[test]
fn sleuthkit_reads_the_same_from_ext() {
    if !has_mkfs("ext4") || !referee::is_here("fls", "apt-get install sleuthkit") {
        return;
    }
    for (kind, options) in [("ext2", &["-b", "1024"][..]), ("ext3", &["-b", "4096"]), ("ext4", &["-b", "4096"])] {
        let volume = volume(kind, 24, 40, options);
        compare_with_sleuthkit(&Image::open(&volume.image, Ranges::new()), &volume.image, 0);
    }
}

/// Every file that Sleuthkit lists is met, with the same bytes; and no other.
fn compare_with_sleuthkit(medium: &Arc<dyn Medium>, image: &Path, sector: u64) {
    let image = image.to_str().unwrap();
    let (offset, walked) = (sector.to_string(), walk(&*open(medium).expect("it is recognised")));
    let listed = run("fls", &["-r", "-p", "-u", "-F", "-o", &offset, image]);
    let mut theirs = BTreeMap::new();
    for line in listed.lines() {
        // r/r 12:	folder/name
        let (head, name) = line.split_once(":\t").expect("a line of fls");
        let (kind, inode) = head.split_once(' ').expect("a kind and a number");
        if kind == "r/r" && !name.starts_with("$OrphanFiles") {
            theirs.insert(name.to_owned(), inode.to_owned());
        }
    }
    let ours: BTreeMap<String, &DiskFile> = walked.files.iter().map(|file| (file.path.to_string(), file)).collect();
    let living: Vec<&String> =
        ours.iter().filter(|(_, file)| file.standing == Standing::Living).map(|(name, _)| name).collect();
    assert_eq!(living, theirs.keys().collect::<Vec<_>>());
    for (name, inode) in theirs {
        let output = Command::new("icat").args(["-o", &offset, image, &inode]).output().expect("icat runs");
        let (bytes, holes) = content(&**medium, ours[&name]);
        assert!(holes.is_empty() && bytes == output.stdout, "{name} is not what icat reads");
    }
}

#[test]
fn real_volumes_read_as_sleuthkit_reads_them() {
    let samples = Path::new("/usr/share/forensics-samples");
    if !referee::is_here("fls", "apt-get install sleuthkit") || !referee::is_here("xz", "apt-get install xz-utils") {
        return;
    }
    if !samples.is_dir() {
        referee::step_aside("a folder of disk images", "apt-get install forensics-samples-all");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["ext2", "ext4", "btrfs"] {
        let image = folder.path().join(name);
        let unpacked =
            Command::new("xz").arg("-dkc").arg(samples.join(format!("fs.{name}.xz"))).output().expect("xz runs");
        fs::write(&image, unpacked.stdout).unwrap();
        let whole = Image::open(&image, Ranges::new());
        let mut table = [0; 512];
        whole.read(0, &mut table).unwrap();
        let first = u64::from(u32::from_le_bytes(table[454..458].try_into().unwrap()));
        let size = whole.size();
        let part: Arc<dyn Medium> = Arc::new(Window::new(whole, first * 512..size));
        if name != "btrfs" {
            compare_with_sleuthkit(&part, &image, first);
        }
        // Sixteen of the eighteen are in the folder of originals; two were changed before they were put there.
        let originals: Vec<Vec<u8>> =
            files_of(&samples.join("original-files")).values().map(|path| fs::read(path).unwrap()).collect();
        let walked = walk(&*open(&part).expect("it is recognised"));
        let found = walked.files.iter().filter(|file| {
            let (bytes, holes) = content(&*part, file);
            holes.is_empty() && originals.contains(&bytes)
        });
        let found = found.count();
        assert!(found >= 16, "{name}: {found} of the originals, {:?}", walked.problems);
    }
}

#[test]
fn an_image_of_others_reads_as_sleuthkit_reads_it() {
    let Some(corpus) = referee::corpus() else { return };
    if !referee::is_here("fls", "apt-get install sleuthkit") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("ext2");
    let parts = ["000", "001"].map(|part| fs::read(corpus.join(format!("dfvfs/ext2.splitraw.{part}"))).unwrap());
    fs::write(&image, parts.concat()).unwrap();
    compare_with_sleuthkit(&Image::open(&image, Ranges::new()), &image, 0);
}

#[test]
fn no_bad_sector_costs_more_than_the_files_that_it_holds() {
    if !has_mkfs("ext4") {
        return;
    }
    // A sector has four records of 128 bytes; a block of 1 KiB lists what it lists.
    // With a second group, so that there is a second superblock.
    for (kind, mebibytes, options) in [
        ("ext2", 12, &["-b", "1024", "-I", "128"][..]),
        ("ext4", 12, &["-b", "1024", "-I", "256"]),
        ("ext4", 140, &["-b", "4096"]),
    ] {
        let volume = volume(kind, mebibytes, 60, &[options, &["-N", "256"]].concat());
        survives_any_bad_sector(kind, &volume, 1, 4);
    }
}

#[test]
fn a_folder_on_a_bad_spot_gives_its_files_by_number() {
    if !has_mkfs("ext4") {
        return;
    }
    let volume = volume("ext4", 24, 60, &["-b", "1024", "-N", "256"]);
    let image = volume.image.to_str().unwrap();
    let blocks = run("debugfs", &["-R", "blocks /DCIM", image]);
    let block: u64 = blocks.split_whitespace().next().unwrap().parse().unwrap();
    let mut bad = Ranges::one(block * 1024..block * 1024 + 1024);
    // And what says which records are in use: then all of them are looked at.
    for line in run("dumpe2fs", &[image]).lines() {
        if let Some(at) = line.trim().strip_prefix("Inode bitmap at ") {
            let block: u64 = at.split(' ').next().unwrap().parse().unwrap();
            bad.insert(block * 1024..block * 1024 + 1024);
        }
    }
    assert!(bad.bytes() > 2048);
    let medium = Image::open(&volume.image, bad);
    let walked = walk(&*open(&medium).unwrap());
    let film = walked.files.iter().find(|file| file.size == 300_000).expect("the film is met");
    assert!(film.path.to_string().starts_with("[orphan]/inode-"), "{}", film.path);
    assert_eq!(content(&*medium, film), (noise(77, 300_000), Ranges::new()));
    // The folder in it lost its name, and nothing else.
    let photo = walked.files.iter().find(|file| file.path.file_name() == b"IMG_0003.JPG").expect("the photo is met");
    assert!(photo.path.to_string().starts_with("[orphan]/inode-"), "{}", photo.path);
    assert_eq!(content(&*medium, photo).0, noise(3, 9003));
    assert!(walked.problems.iter().any(|problem| problem.path == "DCIM"), "{:?}", walked.problems);
}

#[test]
fn a_wiped_start_is_read_by_the_copies() {
    if !has_mkfs("ext4") {
        return;
    }
    for (kind, mebibytes, options) in [
        ("ext4", 24, &["-b", "1024", "-N", "1024"][..]),
        ("ext3", 40, &["-b", "2048", "-N", "1024"]),
        ("ext4", 140, &["-b", "4096", "-N", "1024"]),
        ("xfs", 350, &[]),
    ] {
        if !has_mkfs(kind) {
            continue;
        }
        let volume = volume(kind, mebibytes, 30, options);
        // Superblock and group descriptors; of XFS the headers of the first group.
        let image = File::options().write(true).open(&volume.image).unwrap();
        let block: u64 = if kind == "xfs" { 4096 } else { options[1].parse().unwrap() };
        image.write_all_at(&vec![0; if kind == "xfs" { 4096 } else { 3 * block as usize }], 0).unwrap();
        let medium = Image::open(&volume.image, Ranges::new());
        let walked = walk(&*open(&medium).unwrap_or_else(|| panic!("{kind} is not recognised")));
        let mut met: Vec<String> = walked.files.iter().map(|file| file.path.to_string()).collect();
        met.sort();
        let mut expected: Vec<String> = files_of(&volume.tree).into_keys().collect();
        expected.retain(|name| kind != "xfs" || !name.contains(' '));
        assert_eq!(met, expected, "{kind}");
        assert!(walked.problems.iter().any(|problem| problem.message.contains("superblock")), "{:?}", walked.problems);
    }
}

#[test]
fn what_another_file_system_was_made_over_is_not_taken_for_ext() {
    if !has_mkfs("ext4") {
        return;
    }
    let volume = volume("ext4", 24, 30, &["-b", "1024"]);
    let image = File::options().write(true).open(&volume.image).unwrap();
    image.write_all_at(&noise(5, 4096), 0).unwrap();
    assert!(open(&Image::open(&volume.image, Ranges::new())).is_none());
    // Btrfs leaves its start empty, as a wiped volume has it.
    image.write_all_at(&vec![0; 1 << 17], 0).unwrap();
    image.write_all_at(b"_BHRfS_M", 0x1_0040).unwrap();
    assert!(open(&Image::open(&volume.image, Ranges::new())).is_none());
    image.write_all_at(&[0; 8], 0x1_0040).unwrap();
    assert!(open(&Image::open(&volume.image, Ranges::new())).is_some());
}

#[test]
fn a_volume_that_was_pulled_out_says_so() {
    if !has_mkfs("ext4") {
        return;
    }
    let volume = volume("ext4", 24, 30, &[]);
    run("debugfs", &["-w", "-R", "feature needs_recovery", volume.image.to_str().unwrap()]);
    let walked = walk(&*open(&Image::open(&volume.image, Ranges::new())).unwrap());
    assert!(walked.problems.iter().any(|problem| problem.message.contains("journal")), "{:?}", walked.problems);
    assert!(walked.files.len() > 40);
}

#[test]
fn a_deleted_file_of_ext2_comes_back_and_one_whose_space_was_taken_says_so() {
    if !has_mkfs("ext4") {
        return;
    }
    let volume = volume("ext2", 24, 10, &["-b", "1024"]);
    let image = volume.image.to_str().unwrap();
    let inode: u64 =
        run("debugfs", &["-R", "stat /DCIM/film.mov", image]).split_whitespace().nth(1).unwrap().parse().unwrap();
    // (0-11):700-711, (IND):712, (12-267):713-968, …
    let stat = run("debugfs", &["-R", "stat /DCIM/film.mov", image]);
    let list = stat.split("(IND):").nth(1).expect("it has one").split([',', '\n']).next().unwrap().to_owned();
    run("debugfs", &["-w", "-R", "rm /DCIM/film.mov", image]);
    let deleted = || {
        let medium = Image::open(&volume.image, Ranges::new());
        let walked = walk(&*open(&medium).unwrap());
        let found = walked.files.into_iter().find(|file| file.standing != Standing::Living).expect("it is met");
        (content(&*medium, &found), found)
    };
    let ((bytes, holes), file) = deleted();
    assert_eq!(
        (file.standing, file.inode, file.path.to_string()),
        (Standing::Deleted, inode, format!("[deleted]/inode-{inode}"))
    );
    assert!(holes.is_empty() && bytes == noise(77, 300_000));
    // One block of it becomes another file's; then, instead, the block that lists where the rest lies.
    let Content::Extents(extents) = &file.content else { panic!("it lies on the disk") };
    let block = extents.iter().find_map(|extent| extent.at).unwrap() / 1024;
    for block in [block.to_string(), list] {
        run("debugfs", &["-w", "-R", &format!("setb {block}"), image]);
        assert_eq!(deleted().1.standing, Standing::DeletedReused);
        run("debugfs", &["-w", "-R", &format!("freeb {block}"), image]);
        assert_eq!(deleted().1.standing, Standing::Deleted);
    }
}

#[test]
fn an_encrypted_folder_is_named_as_such() {
    if !has_mkfs("ext4") {
        return;
    }
    let volume = volume("ext4", 24, 10, &["-O", "encrypt"]);
    // EXT4_ENCRYPT_FL, of a folder and of what is in it
    for name in ["/DCIM", "/DCIM/film.mov"] {
        let set = format!("set_inode_field {name} flags 0x80800");
        run("debugfs", &["-w", "-R", &set, volume.image.to_str().unwrap()]);
    }
    let walked = walk(&*open(&Image::open(&volume.image, Ranges::new())).unwrap());
    assert!(walked.files.iter().all(|file| file.size != 300_000));
    let said = |path: &str, words: &str| {
        let of = |problem: &&Problem| problem.path == path && problem.message.contains(words);
        assert_eq!(walked.problems.iter().filter(of).count(), 1, "{path}: {:?}", walked.problems);
    };
    said("DCIM", "encrypted");
    said("[orphan]", "1 encrypted file is in folders that are encrypted");
}
