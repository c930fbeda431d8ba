//! Drives of Macs and photo CDs, beside Sleuthkit and beside what was burnt: every file, whatever single spot is bad.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use keepsake::model::{Problem, Ranges};
use keepsake::sources::disk::file_system::{Content, DiskFile, FileSystem, Met, Reading, Standing};
use keepsake::sources::disk::{apfs, hfsplus, optical};
use keepsake::sources::medium::{Medium, MediumError, read_vec};
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

type Open = fn(Arc<dyn Medium>, &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError>;

/// What a walk met: content by path.
struct Walked {
    volume: Box<dyn FileSystem>,
    files: BTreeMap<String, Vec<u8>>,
    listed: Vec<DiskFile>,
    problems: Vec<Problem>,
}

fn walk(path: &Path, open: Open, bad: Ranges) -> Option<Walked> {
    let medium = Image::open(path, bad);
    let reading = Reading { zone: jiff::tz::TimeZone::UTC };
    let volume = open(medium.clone(), &reading).expect("the drive stays")?;
    let (mut listed, mut problems) = (Vec::new(), Vec::new());
    let mut meet = |met| {
        match met {
            Met::File(file) => listed.push(file),
            Met::Problem(problem) => problems.push(problem),
        }
        ControlFlow::Continue(())
    };
    volume.walk(&mut meet).expect("the drive stays");
    let files = listed.iter().map(|file| (file.path.to_string(), content(medium.as_ref(), file))).collect();
    Some(Walked { volume, files, listed, problems })
}

fn content(medium: &dyn Medium, file: &DiskFile) -> Vec<u8> {
    match &file.content {
        Content::Inline(bytes, _) => bytes.clone(),
        Content::Extents(extents) => {
            let mut bytes = Vec::new();
            for extent in extents {
                let length = usize::try_from(extent.length).expect("it is small");
                match extent.at {
                    Some(at) => bytes.extend(read_vec(medium, at, length).expect("the drive stays").0),
                    None => bytes.resize(bytes.len() + length, 0),
                }
            }
            bytes.truncate(usize::try_from(file.size).expect("it is small"));
            bytes
        }
        Content::Packed(_) => panic!("{file:?}"),
    }
}

/// What Sleuthkit finds: content by path, without the file system's own files and what is no file.
fn sleuthkit(image: &Path, options: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let fls = Command::new("fls").args(options).args(["-r", "-p", "-u"]).arg(image).output().expect("fls runs");
    assert!(fls.status.success(), "{}", String::from_utf8_lossy(&fls.stderr));
    let list = String::from_utf8(fls.stdout).expect("the names are plain");
    let lines = list.lines().filter_map(|line| line.strip_prefix("r/r ")?.split_once(":\t"));
    let files = lines.filter(|(_, path)| !path.starts_with('$')).map(|(number, path)| {
        let icat = Command::new("icat").args(options).arg(image).arg(number).output().expect("icat runs");
        // A file that never had content has none to be found.
        let why = String::from_utf8_lossy(&icat.stderr);
        assert!(icat.status.success() || why.contains("Attribute not found"), "{path}: {why}");
        (path.to_owned(), icat.stdout)
    });
    files.collect()
}

fn is_sleuthkit_here() -> bool {
    Command::new("fls").arg("-V").output().is_ok() || referee::step_aside("fls", "apt-get install sleuthkit")
}

fn sample(name: &str) -> Option<PathBuf> {
    Some(referee::corpus()?.join("dfvfs").join(name))
}

#[test]
fn a_volume_of_a_mac_is_read_as_sleuthkit_reads_it() {
    let Some(image) = sample("hfsplus.raw") else { return };
    if !is_sleuthkit_here() {
        return;
    }
    let ours = walk(&image, hfsplus::open, Ranges::new()).expect("it is HFS+");
    assert_eq!(ours.files, sleuthkit(&image, &["-f", "hfs"]));
    assert!(ours.files.len() >= 6 && ours.problems.is_empty(), "{:?}", ours.problems);
    assert_eq!(ours.volume.label().as_deref(), Some("hfsplus_test"));
    let numbers = istat_numbers(&image);
    for file in &ours.listed {
        assert_eq!(file.modified_at, numbers(file.inode), "{}", file.path);
    }
    // As its header says: 971 blocks.
    assert_eq!(ours.volume.free().unwrap().unwrap().bytes(), 971 * 4096);
}

/// A volume with a tree of several levels, as xorriso writes it beside the ISO 9660 of a disc.
fn volume_by_xorriso(files: u32) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    for index in 0..files {
        let path =
            folder.path().join(format!("in/Sommer {}/Ein Bild mit langem Namen für Nummer {index}.jpg", index % 7));
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(path, index.to_le_bytes().repeat(1 + index as usize * 3)).expect("it can be written");
    }
    let disc = burn("xorriso", &["-as", "mkisofs", "-quiet", "-V", "HOLIDAY", "-hfsplus"], folder.path(), "disc.iso");
    // The Apple partition map stands in the sectors behind the first.
    let bytes = fs::read(&disc).expect("it can be read");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize * 512;
    let entry = (1..8).map(|entry| entry * 512).find(|at| bytes[at + 48..].starts_with(b"Apple_HFS\0"));
    let entry = entry.expect("there is an HFS+ partition");
    let image = folder.path().join("volume.img");
    fs::write(&image, &bytes[number(entry + 8)..number(entry + 8) + number(entry + 12)]).expect("it can be written");
    (folder, image)
}

#[test]
fn a_volume_with_a_deep_tree_is_read_as_sleuthkit_reads_it() {
    if !is_sleuthkit_here() || !referee::are_here(&["xorriso"]) {
        return;
    }
    let (_folder, image) = volume_by_xorriso(90);
    let ours = walk(&image, hfsplus::open, Ranges::new()).expect("it is HFS+");
    assert!(ours.problems.is_empty(), "{:?}", ours.problems);
    assert_eq!(ours.files.len(), 90);
    assert!(ours.files == sleuthkit(&image, &["-f", "hfs"]), "{:?}", ours.files.keys());
}

#[test]
fn a_volume_with_a_deep_tree_and_any_bad_sector_gives_all_other_files() {
    if !referee::are_here(&["xorriso"]) {
        return;
    }
    let (_folder, image) = volume_by_xorriso(60);
    let whole = walk(&image, hfsplus::open, Ranges::new()).expect("it is HFS+");
    // Records of about 350 bytes: a sector has a part of three at most.
    assert_eq!(hold_against_every_bad_sector(&image, hfsplus::open, &whole), 3);
}

/// When Sleuthkit says that a file's content was changed.
fn istat_numbers(image: &Path) -> impl Fn(u64) -> Option<jiff::Timestamp> {
    move |inode| {
        let istat = Command::new("istat").args(["-f", "hfs", "-z", "UTC"]).arg(image).arg(inode.to_string()).output();
        let text = String::from_utf8(istat.expect("istat runs").stdout).expect("it is text");
        let line = text.lines().find_map(|line| line.strip_prefix("Content Modified:\t"))?;
        line.trim().replace(" (UTC)", "Z").replace(' ', "T").parse().ok()
    }
}

#[test]
fn a_volume_of_a_mac_with_any_bad_sector_gives_all_other_files() {
    let Some(image) = sample("hfsplus.raw") else { return };
    let whole = walk(&image, hfsplus::open, Ranges::new()).expect("it is HFS+");
    assert!(hold_against_every_bad_sector(&image, hfsplus::open, &whole) <= 3);
}

#[test]
fn a_container_of_a_mac_is_read_as_sleuthkit_reads_it() {
    let Some(image) = sample("apfs.raw") else { return };
    if !is_sleuthkit_here() {
        return;
    }
    let ours = walk(&image, apfs::open, Ranges::new()).expect("it is APFS");
    let pstat = Command::new("pstat").arg(&image).output().expect("pstat runs");
    let pstat = String::from_utf8(pstat.stdout).expect("it is text");
    let block = pstat.lines().find_map(|line| line.split_once("APSB Block Number: ")).expect("there is a volume").1;
    assert_eq!(ours.files, sleuthkit(&image, &["-f", "apfs", "-B", block]));
    assert!(ours.files.len() >= 6 && ours.problems.is_empty(), "{:?}", ours.problems);
    assert_eq!(ours.volume.label().as_deref(), Some("apfs_test"));
}

#[test]
fn a_container_of_a_mac_with_any_bad_sector_gives_all_other_files() {
    let Some(image) = sample("apfs.raw") else { return };
    let whole = walk(&image, apfs::open, Ranges::new()).expect("it is APFS");
    // All seven are in one node, and its first sector says where in it.
    assert!(hold_against_every_bad_sector(&image, apfs::open, &whole) <= 7);
}

/// Each sector that holds anything is bad once: every other file keeps its bytes, what is missing is said.
/// Answers how many files one bad sector cost at most.
fn hold_against_every_bad_sector(image: &Path, open: Open, whole: &Walked) -> usize {
    let bytes = fs::read(image).expect("the image can be read");
    let mut most_lost = 0;
    for (sector, content) in bytes.chunks(512).enumerate() {
        if content.iter().all(|byte| *byte == 0) {
            continue;
        }
        let bad = sector as u64 * 512..sector as u64 * 512 + 512;
        let found = walk(image, open, Ranges::one(bad.clone())).unwrap_or_else(|| panic!("sector {sector}: nothing"));
        let is_hit = |file: &DiskFile| lies(file).iter().any(|range| range.start < bad.end && bad.start < range.end);
        let hit: Vec<String> =
            whole.listed.iter().filter(|file| is_hit(file)).map(|file| file.path.to_string()).collect();
        let lost: Vec<&String> = whole.files.keys().filter(|path| !found.files.contains_key(*path)).collect();
        for (path, bytes) in found.files.iter().filter(|(path, _)| !hit.contains(path)) {
            let is_named_anew = path.starts_with("[orphan]/");
            let is_cut = found.problems.iter().any(|problem| problem.path == *path);
            let mut known = whole.files.iter().filter(|(known, _)| *known == path || is_named_anew);
            let is_known = known.any(|(_, known)| known == bytes || is_cut && known.starts_with(bytes));
            assert!(is_known, "sector {sector}: {path} has other bytes");
        }
        assert!(lost.is_empty() || !found.problems.is_empty(), "sector {sector}: {lost:?} are missing in silence");
        most_lost = most_lost.max(whole.files.len().saturating_sub(found.files.len()));
    }
    most_lost
}

fn lies(file: &DiskFile) -> Vec<Range<u64>> {
    match &file.content {
        Content::Extents(extents) => {
            extents.iter().filter_map(|extent| Some(extent.at?..extent.at? + extent.length)).collect()
        }
        Content::Inline(..) | Content::Packed(_) => Vec::new(),
    }
}

/// A folder as one would burn it: long names, letters of many lands, deep folders, many files.
fn holiday() -> (TempDir, BTreeMap<String, Vec<u8>>) {
    let folder = TempDir::new().expect("a folder");
    let mut files = BTreeMap::new();
    let mut add = |path: &str, bytes: Vec<u8>| {
        let whole = folder.path().join("in").join(path);
        fs::create_dir_all(whole.parent().expect("it has one")).expect("a folder");
        fs::write(&whole, &bytes).expect("it can be written");
        files.insert(path.to_owned(), bytes);
    };
    let noise = |seed: u32, length: usize| -> Vec<u8> {
        (0..length as u32).map(|at| ((at ^ seed).wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    };
    add("Sommer 2004/Ein langer Name für ein Bild am Meer.jpg", noise(1, 300_001));
    add("Sommer 2004/€ und 日本語.JPG", noise(2, 2048));
    add("a/b/c/d/e/f/g/h/i/j/deep.jpg", noise(3, 5000));
    add("dots.in.the.name.tar.gz", noise(4, 17));
    for index in 0..300 {
        add(&format!("DCIM/100CANON/IMG_{index:04}.JPG"), noise(index + 10, 1000 + index as usize));
    }
    (folder, files)
}

fn burn(program: &str, arguments: &[&str], folder: &Path, name: &str) -> PathBuf {
    let image = folder.join(name);
    let made = Command::new(program).args(arguments).arg("-o").arg(&image).arg(folder.join("in")).output();
    let made = made.expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    image
}

#[test]
fn a_disc_gives_what_was_burnt_under_the_names_that_it_had() {
    if !referee::are_here(&["genisoimage", "xorriso"]) {
        return;
    }
    let (folder, files) = holiday();
    let geniso = ["-quiet", "-V", "HOLIDAY", "-input-charset", "utf-8"];
    let with = |more: &[&'static str]| [&geniso[..], more].concat();
    let discs = [
        burn("genisoimage", &with(&["-R"]), folder.path(), "rock-ridge.iso"),
        burn("genisoimage", &with(&["-J", "-joliet-long", "-D"]), folder.path(), "joliet.iso"),
        burn("genisoimage", &with(&["-J", "-joliet-long", "-R"]), folder.path(), "both.iso"),
        burn("genisoimage", &with(&["-udf", "-J", "-joliet-long", "-R"]), folder.path(), "udf.iso"),
        burn(
            "xorriso",
            &["-as", "mkisofs", "-quiet", "-V", "HOLIDAY", "-J", "-joliet-long", "-R"],
            folder.path(),
            "xorriso.iso",
        ),
    ];
    let kinds =
        ["ISO 9660 with Rock Ridge", "ISO 9660 with Joliet", "ISO 9660 with Joliet", "UDF", "ISO 9660 with Joliet"];
    for (disc, kind) in discs.iter().zip(kinds) {
        let found = walk(disc, optical::open, Ranges::new()).expect("it is a disc");
        assert_eq!(found.volume.kind(), kind, "{}", disc.display());
        assert_eq!(found.volume.label().as_deref(), Some("HOLIDAY"), "{}", disc.display());
        assert!(found.problems.is_empty(), "{}: {:?}", disc.display(), found.problems);
        let missing: Vec<&String> = files.keys().filter(|path| !found.files.contains_key(*path)).collect();
        assert!(
            missing.is_empty(),
            "{}: {missing:?} of {:?}",
            disc.display(),
            found.files.keys().take(9).collect::<Vec<_>>()
        );
        assert!(found.files == files, "{}: other bytes", disc.display());
        assert_eq!(found.volume.uuid(), blkid(disc), "{}", disc.display());
    }
}

#[test]
fn a_disc_that_was_written_to_twice_gives_both_sessions_and_what_was_deleted_between() {
    if !referee::are_here(&["genisoimage"]) {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let put = |path: &str, bytes: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(path, bytes).expect("it can be written");
    };
    put("in/first.jpg", &[1; 5000]);
    put("in/changed.jpg", &[2; 3000]);
    let first = burn("genisoimage", &["-quiet", "-V", "ONE", "-J", "-R"], folder.path(), "first.iso");
    fs::remove_dir_all(folder.path().join("in")).expect("it can be removed");
    put("in/changed.jpg", &[3; 3100]);
    put("in/second.jpg", &[4; 5000]);
    let start = fs::metadata(&first).expect("it is there").len() / 2048 + 11400;
    let sessions = format!("0,{start}");
    let first_path = first.display().to_string();
    let arguments = ["-quiet", "-V", "TWO", "-J", "-R", "-C", &sessions, "-M", &first_path];
    let second = burn("genisoimage", &arguments, folder.path(), "second.iso");
    let disc = File::options().write(true).open(&first).expect("it opens");
    disc.write_all_at(&fs::read(second).expect("it can be read"), start * 2048).expect("it can be written");

    let found = walk(&first, optical::open, Ranges::new()).expect("it is a disc");
    assert_eq!(found.volume.label().as_deref(), Some("TWO"));
    let medium = Image::open(&first, Ranges::new());
    let told = found.listed.iter().map(|file| {
        let bytes = content(medium.as_ref(), file);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "{}", file.path);
        (file.path.to_string(), file.standing, bytes[0], bytes.len())
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    let expected = [
        ("changed.jpg", Standing::Living, 3, 3100),
        ("changed.jpg", Standing::Deleted, 2, 3000),
        ("first.jpg", Standing::Living, 1, 5000),
        ("second.jpg", Standing::Living, 4, 5000),
    ];
    assert_eq!(told, expected.map(|(path, standing, byte, length)| (path.to_owned(), standing, byte, length)));
    // The space of what was deleted is free.
    let free = found.volume.free().unwrap().unwrap();
    for file in &found.listed {
        let place = lies(file)[0].clone();
        assert_eq!(free.meets(place.clone()), file.standing == Standing::Deleted, "{}", file.path);
    }
}

/// What the system's own programs call a volume.
fn blkid(image: &Path) -> Option<String> {
    let blkid = Command::new("blkid").args(["-p", "-s", "UUID", "-o", "value"]).arg(image).output();
    let text = String::from_utf8(blkid.expect("blkid runs").stdout).expect("it is text");
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[test]
fn volumes_of_macs_are_known_by_the_name_that_udev_gives_them() {
    for (name, open) in [("hfsplus.raw", hfsplus::open as Open), ("apfs.raw", apfs::open)] {
        let Some(image) = sample(name) else { return };
        let found = walk(&image, open, Ranges::new()).expect("it is recognised");
        assert_eq!(found.volume.uuid(), blkid(&image), "{name}");
    }
}

#[test]
fn a_disc_with_a_scratch_in_its_folders_gives_each_file_by_some_name() {
    if !referee::are_here(&["genisoimage"]) {
        return;
    }
    let (folder, files) = holiday();
    let arguments = ["-quiet", "-V", "HOLIDAY", "-input-charset", "utf-8", "-J", "-joliet-long", "-R"];
    let disc = burn("genisoimage", &arguments, folder.path(), "both.iso");
    // Everything before the first file: descriptors, path tables, folders.
    let whole = walk(&disc, optical::open, Ranges::new()).expect("it is a disc");
    let first = whole.listed.iter().flat_map(lies).map(|range| range.start).min().expect("there are files");
    for sector in 16..first / 2048 {
        let bad = Ranges::one(sector * 2048..(sector + 1) * 2048);
        let found = walk(&disc, optical::open, bad).unwrap_or_else(|| panic!("sector {sector}: nothing"));
        let mut expected: Vec<&Vec<u8>> = files.values().collect();
        let mut got: Vec<&Vec<u8>> = found.files.values().collect();
        expected.sort_unstable();
        got.sort_unstable();
        assert!(got == expected, "sector {sector}: {} of {} files", got.len(), expected.len());
    }
}

#[test]
fn an_empty_udf_volume_of_any_sort_is_recognised() {
    let here = Command::new("mkudffs").arg("--help").output().is_ok();
    if !here && !referee::step_aside("mkudffs", "apt-get install udftools") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    for (media, version, block) in [
        ("hd", "1.02", "2048"),
        ("hd", "1.50", "512"),
        ("hd", "2.01", "512"),
        ("dvdrw", "2.01", "2048"),
        ("cdrw", "1.50", "2048"),
        ("dvd", "1.02", "2048"),
        ("cdr", "1.50", "2048"),
        ("cdr", "2.01", "2048"),
    ] {
        let image = folder.path().join(format!("{media}-{version}-{block}.img"));
        File::create(&image).and_then(|file| file.set_len(8 << 20)).expect("an image");
        let made = Command::new("mkudffs")
            .args(["--media-type", media, "--udfrev", version, "--blocksize", block, "--label", "Holiday ü"])
            .arg(&image)
            .output()
            .expect("it runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // What is written once ends with its table of virtual blocks.
        let told = String::from_utf8_lossy(&made.stdout);
        if let Some(last) = told.lines().find_map(|line| line.strip_prefix("vatblock=")) {
            let blocks: u64 = last.parse().expect("a block");
            File::options().write(true).open(&image).and_then(|file| file.set_len((blocks + 1) * 2048)).expect("cut");
        }
        let found = walk(&image, optical::open, Ranges::new()).unwrap_or_else(|| panic!("{}", image.display()));
        assert_eq!(
            (found.volume.kind(), found.volume.label().as_deref()),
            ("UDF", Some("Holiday ü")),
            "{}",
            image.display()
        );
        assert!(found.files.is_empty() && found.problems.is_empty(), "{}: {:?}", image.display(), found.problems);
        assert_eq!(found.volume.uuid(), blkid(&image), "{}", image.display());
    }
}
