//! Volumes of Linux computers, ext2 to ext4, XFS and Btrfs: all of their files come back, whatever single spot is bad.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use keepsake::model::{Problem, Ranges};
use keepsake::sources::disk::file_system::{Content, DiskFile, FileSystem, Met, Reading, Standing};
use keepsake::sources::disk::{btrfs, ext, xfs};
use keepsake::sources::medium::{Medium, MediumError, Window};
use tempfile::TempDir;

use crate::support::referee;

/// An image with bad spots.
struct Image {
    file: File,
    size: u64,
    bad: Ranges,
}

impl Image {
    fn open(path: &Path, bad: Ranges) -> Arc<dyn Medium> {
        let file = File::open(path).expect("the image is there");
        let size = file.metadata().expect("it has a size").len();
        Arc::new(Self { file, size, bad })
    }
}

impl Medium for Image {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        into.fill(0);
        let asked = at..at.saturating_add(into.len() as u64);
        let there = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX).min(into.len());
        self.file.read_exact_at(&mut into[..there], at).expect("the image can be read");
        let mut holes = self.bad.within(asked.clone());
        holes.insert(asked.start.max(self.size)..asked.end);
        for hole in holes.iter() {
            into[(hole.start - at) as usize..(hole.end - at) as usize].fill(0);
        }
        Ok(holes)
    }
}

/// What a walk met.
#[derive(Default)]
struct Walked {
    files: Vec<DiskFile>,
    problems: Vec<Problem>,
}

fn open(medium: &Arc<dyn Medium>) -> Option<Box<dyn FileSystem>> {
    let reading = Reading { zone: jiff::tz::TimeZone::UTC };
    let opened = [
        ext::open(medium.clone(), &reading),
        xfs::open(medium.clone(), &reading),
        btrfs::open(medium.clone(), &reading),
    ];
    opened.into_iter().find_map(|opened| opened.expect("an image never goes"))
}

fn walk(volume: &dyn FileSystem) -> Walked {
    let mut walked = Walked::default();
    volume
        .walk(&mut |met| {
            match met {
                Met::File(file) => walked.files.push(file),
                Met::Problem(problem) => walked.problems.push(problem),
            }
            ControlFlow::Continue(())
        })
        .expect("an image never goes");
    walked
}

/// The bytes of a file, and which of them could not be read.
fn content(medium: &dyn Medium, file: &DiskFile) -> (Vec<u8>, Ranges) {
    let mut bytes = Vec::new();
    let mut holes = Ranges::new();
    match &file.content {
        Content::Inline(inline, missing) => (bytes, holes) = (inline.clone(), missing.clone()),
        Content::Packed(_) => panic!("nothing here is packed"),
        Content::Extents(extents) => {
            for extent in extents {
                let before = bytes.len() as u64;
                let length = extent.length.min(file.size - before);
                let mut piece = vec![0; usize::try_from(length).expect("a file of this test")];
                if let Some(at) = extent.at {
                    let bad = medium.read(at, &mut piece).expect("an image never goes");
                    holes.extend(bad.iter().map(|hole| hole.start - at + before..hole.end - at + before));
                }
                bytes.extend(piece);
            }
        }
    }
    holes.insert(bytes.len() as u64..file.size);
    bytes.resize(usize::try_from(file.size).expect("a file of this test"), 0);
    (bytes, holes)
}

/// Bytes that look like nothing else.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

/// Files of every shape: small and large, empty, with holes, with long names, many in one folder, and deep down.
fn make_tree(folder: &Path, many: usize) {
    let photos = folder.join("DCIM/100CANON");
    fs::create_dir_all(&photos).unwrap();
    for index in 1..=8_u64 {
        fs::write(photos.join(format!("IMG_{index:04}.JPG")), noise(index, index as usize * 3001)).unwrap();
    }
    fs::write(folder.join("DCIM/film.mov"), noise(77, 300_000)).unwrap();
    fs::write(folder.join("empty"), b"").unwrap();
    fs::write(folder.join("tiny"), noise(78, 50)).unwrap();
    fs::write(folder.join("small"), noise(79, 120)).unwrap();
    fs::hard_link(folder.join("tiny"), folder.join("the same")).unwrap();
    std::os::unix::fs::symlink("tiny", folder.join("link")).unwrap();
    let album = folder.join("Ferien 2004 – Größe");
    fs::create_dir(&album).unwrap();
    fs::write(album.join(format!("{}.jpg", "ö".repeat(120))), noise(80, 2000)).unwrap();
    let mut deep = folder.join("deep");
    for index in 0..30 {
        deep.push(format!("folder {index}"));
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("bottom.jpg"), noise(81, 4000)).unwrap();
    fs::create_dir(folder.join("many")).unwrap();
    for index in 0..many {
        let name = format!("a-rather-long-name-of-a-photo,-number-{index}.jpg");
        fs::write(folder.join("many").join(name), noise(1000 + index as u64, 40)).unwrap();
    }
    // Ends in a hole, with a last byte in the middle of a block: the size is not a multiple of anything.
    let sparse = File::create(folder.join("sparse")).unwrap();
    sparse.write_all_at(&noise(82, 9000), 40_960).unwrap();
    sparse.write_all_at(&noise(83, 5000), 204_800).unwrap();
    sparse.set_len(294_343).unwrap();
}

/// The regular files below a folder.
fn files_of(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => waiting.push(entry.path()),
                kind if kind.is_file() => {
                    let path = entry.path();
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, path);
                }
                _ => {}
            }
        }
    }
    found
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn has_mkfs(kind: &str) -> bool {
    let package = match kind {
        "xfs" => "xfsprogs",
        "btrfs" => "btrfs-progs",
        _ => "e2fsprogs",
    };
    // mkfs and debugfs are not in everybody's PATH.
    referee::is_here(&format!("mkfs.{kind}"), &format!("apt-get install {package}"))
}

struct Volume {
    _folder: TempDir,
    tree: PathBuf,
    image: PathBuf,
}

fn volume(kind: &str, mebibytes: u64, many: usize, options: &[&str]) -> Volume {
    let folder = tempfile::tempdir().unwrap();
    let (tree, image) = (folder.path().join("tree"), folder.path().join("image"));
    fs::create_dir(&tree).unwrap();
    make_tree(&tree, many);
    File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
    let (tree_text, image_text) = (tree.to_str().unwrap(), image.to_str().unwrap());
    let mut arguments = options.to_vec();
    let prototype = folder.path().join("prototype");
    match kind {
        "xfs" => {
            fs::write(&prototype, prototype_of(&tree)).unwrap();
            arguments.extend(["-q", "-f", "-p", prototype.to_str().unwrap(), image_text]);
        }
        "btrfs" => arguments.extend(["-q", "-f", "--rootdir", tree_text, image_text]),
        _ => arguments.extend(["-q", "-F", "-d", tree_text, image_text]),
    }
    run(&format!("mkfs.{kind}"), &arguments);
    Volume { _folder: folder, tree, image }
}

/// The description of a tree that mkfs.xfs fills a volume from. It cannot say names with spaces.
fn prototype_of(folder: &Path) -> String {
    fn list(folder: &Path, text: &mut String) {
        let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().unwrap();
            if name.contains(' ') || kind.is_symlink() {
                continue;
            }
            if kind.is_dir() {
                writeln!(text, "{name} d--755 0 0").unwrap();
                list(&entry.path(), text);
                text.push_str("$\n");
            } else {
                writeln!(text, "{name} ---644 0 0 {}", entry.path().display()).unwrap();
            }
        }
    }
    let mut text = "/\n0 0\nd--755 0 0\n".to_owned();
    list(folder, &mut text);
    text.push_str("$\n");
    text
}

/// Every file is there, to the last byte, under its name, with its time, and nothing else is.
fn is_whole(volume: &Volume, keeps_times: bool, keeps_spaces: bool) {
    let medium = Image::open(&volume.image, Ranges::new());
    let opened = open(&medium).expect("it is recognised");
    let walked = walk(&*opened);
    assert_eq!(walked.problems, []);
    let mut expected = files_of(&volume.tree);
    expected.retain(|name, _| keeps_spaces || !name.contains(' '));
    let mut met = BTreeMap::new();
    for file in &walked.files {
        assert_eq!(file.standing, Standing::Living);
        met.insert(file.path.to_string(), file);
    }
    assert_eq!(met.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert_eq!(walked.files.len(), expected.len());
    let free = opened.free().expect("an image never goes").expect("it can tell");
    for (name, file) in met {
        let original = fs::read(&expected[&name]).unwrap();
        let (bytes, holes) = content(&*medium, file);
        assert!(holes.is_empty() && bytes == original, "{name}: {} of {} bytes, {holes}", bytes.len(), original.len());
        if keeps_times {
            let seconds = fs::metadata(&expected[&name]).unwrap().mtime();
            assert_eq!(file.modified_at.map(jiff::Timestamp::as_second), Some(seconds), "{name}");
        }
        if let Content::Extents(extents) = &file.content {
            let owned = extents.iter().filter_map(|extent| extent.at.map(|at| at..at + extent.length));
            for extent in owned {
                assert!(!free.meets(extent.clone()), "{name} lies at {extent:?}, which counts as free");
            }
        }
    }
    assert!(free.bytes() < medium.size());
}

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

/// With any one sector bad, every file is met whole under its name, or by its number, or is named as a problem;
/// no byte that is not marked as a hole is wrong; and what a sector can cost is small.
fn survives_any_bad_sector(kind: &str, volume: &Volume, step: usize, most_lost: usize) {
    let mut originals = files_of(&volume.tree);
    originals.retain(|name, _| kind != "xfs" || !name.contains(' '));
    let originals: BTreeMap<String, Vec<u8>> =
        originals.into_iter().map(|(name, path)| (name, fs::read(path).unwrap())).collect();
    let size = fs::metadata(&volume.image).unwrap().len();
    // What was never written holds nothing to lose.
    let bytes = fs::read(&volume.image).unwrap();
    let written = (0..size / 512).filter(|sector| bytes[*sector as usize * 512..][..512].iter().any(|byte| *byte != 0));
    for sector in written.step_by(step) {
        let medium = Image::open(&volume.image, Ranges::one(sector * 512..sector * 512 + 512));
        let opened = open(&medium).unwrap_or_else(|| panic!("{kind}, sector {sector}: not recognised"));
        let walked = walk(&*opened);
        let mut lost: BTreeSet<&String> = originals.keys().collect();
        for file in &walked.files {
            let (bytes, holes) = content(&*medium, file);
            let is_it = |original: &[u8]| {
                let mut pairs = bytes.iter().zip(original).enumerate();
                original.len() == bytes.len()
                    && pairs.all(|(at, (one, other))| one == other || holes.contains(at as u64))
            };
            let path = file.path.to_string();
            let names: Vec<&String> = match originals.get_key_value(&path) {
                Some((name, original)) => Some(name).filter(|_| is_it(original)).into_iter().collect(),
                None => originals.iter().filter(|(_, original)| is_it(original)).map(|(name, _)| name).collect(),
            };
            assert!(!names.is_empty(), "{kind}, sector {sector}: {path} has bytes that are wrong");
            lost.retain(|name| !names.contains(name));
        }
        let problems = &walked.problems;
        assert!(lost.len() <= most_lost, "{kind}, sector {sector}: {lost:?} are lost, {problems:?}");
        assert!(lost.is_empty() || !problems.is_empty(), "{kind}, sector {sector}: {lost:?} are lost without a word");
        opened.free().expect("an image never goes");
    }
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
