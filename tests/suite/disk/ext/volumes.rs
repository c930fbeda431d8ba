//! Volumes that mkfs makes, with files of every shape, and what must hold of each of them.

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
use keepsake::sources::medium::{Medium, MediumError};
use tempfile::TempDir;

use crate::support::referee;

/// An image with bad spots.
pub(super) struct Image {
    file: File,
    size: u64,
    bad: Ranges,
}

impl Image {
    pub(super) fn open(path: &Path, bad: Ranges) -> Arc<dyn Medium> {
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
pub(super) struct Walked {
    pub(super) files: Vec<DiskFile>,
    pub(super) problems: Vec<Problem>,
}

pub(super) fn open(medium: &Arc<dyn Medium>) -> Option<Box<dyn FileSystem>> {
    let reading = Reading { zone: jiff::tz::TimeZone::UTC };
    let opened = [
        ext::open(medium.clone(), &reading),
        xfs::open(medium.clone(), &reading),
        btrfs::open(medium.clone(), &reading),
    ];
    opened.into_iter().find_map(|opened| opened.expect("an image never goes"))
}

pub(super) fn walk(volume: &dyn FileSystem) -> Walked {
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
pub(super) fn content(medium: &dyn Medium, file: &DiskFile) -> (Vec<u8>, Ranges) {
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
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
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
pub(super) fn make_tree(folder: &Path, many: usize) {
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
pub(super) fn files_of(folder: &Path) -> BTreeMap<String, PathBuf> {
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

pub(super) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(super) fn has_mkfs(kind: &str) -> bool {
    let package = match kind {
        "xfs" => "xfsprogs",
        "btrfs" => "btrfs-progs",
        _ => "e2fsprogs",
    };
    // mkfs and debugfs are not in everybody's PATH.
    referee::is_here(&format!("mkfs.{kind}"), &format!("apt-get install {package}"))
}

pub(super) struct Volume {
    _folder: TempDir,
    pub(super) tree: PathBuf,
    pub(super) image: PathBuf,
}

pub(super) fn volume(kind: &str, mebibytes: u64, many: usize, options: &[&str]) -> Volume {
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
pub(super) fn prototype_of(folder: &Path) -> String {
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
pub(super) fn is_whole(volume: &Volume, keeps_times: bool, keeps_spaces: bool) {
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

/// With any one sector bad, every file is met whole under its name, or by its number, or is named as a problem;
/// no byte that is not marked as a hole is wrong; and what a sector can cost is small.
pub(super) fn survives_any_bad_sector(kind: &str, volume: &Volume, step: usize, most_lost: usize) {
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
