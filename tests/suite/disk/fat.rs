//! Volumes of FAT and exFAT that others made, read beside Sleuthkit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::tz::TimeZone;
use keepsake::model::{Problem, Ranges};
use keepsake::sources::disk::file_system::{Content, DiskFile, FileSystem, Met, Reading, Standing};
use keepsake::sources::disk::{exfat, fat};
use keepsake::sources::medium::{Medium, MediumError};

use crate::support::referee::{are_here, is_here, left_out, step_aside};

/// What is read of a volume.
struct Seen {
    kind: &'static str,
    medium: Arc<dyn Medium>,
    files: Vec<DiskFile>,
    problems: Vec<Problem>,
    free: Ranges,
}

type Open = fn(Arc<dyn Medium>, &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError>;

impl Seen {
    fn new(bytes: Vec<u8>, bad: Ranges) -> Self {
        let medium: Arc<dyn Medium> = Arc::new((bytes, bad));
        let reading = Reading { zone: TimeZone::UTC };
        let readers: [Open; 2] = [exfat::open, fat::open];
        let mut open = readers.iter().filter_map(|open| open(Arc::clone(&medium), &reading).expect("it reads"));
        let volume = open.next().expect("it is recognised");
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        let mut meet = |met| {
            match met {
                Met::File(file) => files.push(file),
                Met::Problem(problem) => problems.push(problem),
            }
            ControlFlow::Continue(())
        };
        volume.walk(&mut meet).expect("it reads");
        let free = volume.free().expect("it reads").expect("it can tell");
        Self { kind: volume.kind(), medium, files, problems, free }
    }

    fn living(&self) -> BTreeMap<String, Vec<u8>> {
        let living = self.files.iter().filter(|file| file.standing == Standing::Living);
        living.map(|file| (file.path.to_string(), self.content(file))).collect()
    }

    fn deleted(&self) -> Vec<(&DiskFile, Vec<u8>)> {
        let deleted = self.files.iter().filter(|file| file.standing != Standing::Living);
        deleted.map(|file| (file, self.content(file))).collect()
    }

    fn content(&self, file: &DiskFile) -> Vec<u8> {
        let Content::Extents(extents) = &file.content else { panic!("FAT has extents") };
        let mut bytes = Vec::new();
        for extent in extents {
            let mut piece = vec![0; extent.length as usize];
            if let Some(at) = extent.at {
                self.medium.read(at, &mut piece).expect("it reads");
            }
            bytes.extend(piece);
        }
        bytes
    }
}

/// What Sleuthkit lists.
struct Listed {
    inode: String,
    path: String,
    is_deleted: bool,
}

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).env("TZ", "UTC").env("MTOOLS_SKIP_CHECK", "1").output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    output.stdout
}

fn sleuthkit(image: &Path) -> Vec<Listed> {
    let out = String::from_utf8(run("fls", &["-r", "-p", "-F", path(image)])).expect("names are UTF-8");
    let lines = out.lines().filter_map(|line| line.split_once(":\t").map(|(what, path)| (what, path.to_owned())));
    let listed = lines.filter(|(what, _)| what.starts_with("r/") || what.starts_with("-/r")).map(|(what, path)| {
        let inode = what.rsplit(' ').next().expect("an inode").trim_end_matches("(realloc)").to_owned();
        Listed { inode, path, is_deleted: what.contains('*') }
    });
    listed.filter(|listed| !listed.path.starts_with('$') && !listed.path.ends_with("(Volume Label Entry)")).collect()
}

fn icat(image: &Path, inode: &str) -> Vec<u8> {
    Command::new("icat").args(["-r", path(image), inode]).output().expect("it runs").stdout
}

fn path(of: &Path) -> &str {
    of.to_str().expect("our own path")
}

/// Bytes that are like no others.
fn photo(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    [b"\xFF\xD8\xFF".to_vec(), (0..length).map(|_| next()).collect()].concat()
}

/// An image as mtools makes it, with what was put on it and what of that was deleted.
struct Card {
    folder: tempfile::TempDir,
    image: PathBuf,
    kept: BTreeMap<String, Vec<u8>>,
    gone: BTreeMap<String, Vec<u8>>,
    /// What was deleted and may have been written over.
    doubtful: Vec<Vec<u8>>,
}

impl Card {
    fn new(format: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("card.img");
        run("mformat", &[&["-C", "-i", path(&image), "-v", "CARD"], format, &["::"]].concat());
        Self { folder, image, kept: BTreeMap::new(), gone: BTreeMap::new(), doubtful: Vec::new() }
    }

    fn mtool(&self, tool: &str, arguments: &[&str]) {
        run(tool, &[&["-i", path(&self.image)], arguments].concat());
    }

    fn folder(&self, name: &str) {
        self.mtool("mmd", &[&format!("::{name}")]);
    }

    fn put(&mut self, name: &str, bytes: Vec<u8>) {
        let source = self.folder.path().join("source");
        fs::write(&source, &bytes).expect("a file");
        run("touch", &["-d", "2014-08-03T14:22:32Z", path(&source)]);
        self.mtool("mcopy", &["-m", path(&source), &format!("::{name}")]);
        self.kept.insert(name.to_owned(), bytes);
    }

    fn delete(&mut self, name: &str) {
        self.mtool("mdel", &[&format!("::{name}")]);
        let bytes = self.kept.remove(name).expect("it was there");
        self.gone.insert(name.to_owned(), bytes);
    }

    fn delete_folder(&mut self, name: &str) {
        self.mtool("mdeltree", &[&format!("::{name}")]);
        let below: Vec<String> = self.kept.keys().filter(|path| path.starts_with(name)).cloned().collect();
        for path in below {
            let bytes = self.kept.remove(&path).expect("it was there");
            self.gone.insert(path, bytes);
        }
    }

    /// Photos of a holiday in several pieces, and of another that was deleted.
    fn lived_in(format: &[&str], scale: usize) -> Self {
        let mut card = Self::new(format);
        card.folder("DCIM");
        card.folder("DCIM/100CANON");
        card.folder("Trip to the sea");
        for number in 0..12 {
            card.put(&format!("DCIM/100CANON/IMG_{number:04}.JPG"), photo(number, scale * (3 + number as usize)));
        }
        for number in 0..24 {
            let name = format!("Trip to the sea/A photo of the beach in the evening {number:02} Ü.jpeg");
            card.put(&name, photo(100 + number, scale * 2 + number as usize));
        }
        for number in [1, 3, 5, 7] {
            let name = format!("DCIM/100CANON/IMG_{number:04}.JPG");
            card.delete(&name);
            card.doubtful.extend(card.gone.remove(&name));
        }
        card.begin_anew();
        // It goes into the gaps, and what was there is lost.
        card.put("A film in many pieces.mov", photo(500, scale * 70));
        card.begin_anew();
        card.put("notes.txt", b"small".to_vec());
        card.put("Last one.jpg", photo(501, scale * 5));
        card.put("LAST2.JPG", photo(502, scale * 5));
        card.delete("Last one.jpg");
        card.delete("LAST2.JPG");
        card.delete_folder("Trip to the sea");
        card
    }

    /// Makes the next file begin in the first free cluster, as on a card that was put in anew.
    fn begin_anew(&self) {
        let mut bytes = self.bytes();
        if bytes[512..516] == *b"RRaA" {
            bytes[512 + 492..512 + 496].copy_from_slice(&u32::MAX.to_le_bytes());
            fs::write(&self.image, bytes).expect("the image");
        }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.image).expect("the image")
    }
}

const CARDS: [(&str, &[&str], usize); 3] = [
    ("FAT12", &["-f", "1440"], 3000),
    ("FAT16", &["-T", "60000", "-c", "4"], 20_000),
    ("FAT32", &["-T", "70000", "-c", "1", "-F"], 20_000),
];

#[test]
fn cards_are_read_as_sleuthkit_reads_them_and_more_of_what_was_deleted() {
    if !are_here(&["mtools"]) || !is_here("fls", "apt-get install sleuthkit") {
        return;
    }
    for (kind, format, scale) in CARDS {
        let card = Card::lived_in(format, scale);
        let seen = Seen::new(card.bytes(), Ranges::new());
        assert_eq!(seen.kind, kind);
        assert!(seen.problems.is_empty(), "{kind}: {:?}", seen.problems);
        assert!(seen.living() == card.kept, "{kind}: {:?} {:?}", seen.living().keys(), card.kept.keys());
        let when = seen.files[0].modified_at.expect("a time").to_string();
        assert_eq!(when, "2014-08-03T14:22:32Z");

        let listed = sleuthkit(&card.image);
        let theirs: BTreeSet<&str> =
            listed.iter().filter(|file| !file.is_deleted).map(|file| file.path.as_str()).collect();
        assert_eq!(theirs, seen.living().keys().map(String::as_str).collect(), "{kind}");
        for file in listed.iter().filter(|file| !file.is_deleted) {
            assert!(icat(&card.image, &file.inode) == seen.living()[&file.path], "{kind}: {}", file.path);
        }

        // Everything that was deleted and not written over comes back; the first letter of a short name does not.
        let deleted = seen.deleted();
        let found = |bytes: &Vec<u8>| deleted.iter().find(|(_, content)| content == bytes);
        for (name, bytes) in &card.gone {
            let (file, _) = found(bytes).unwrap_or_else(|| panic!("{kind}: {name} is lost"));
            assert_ne!(file.standing, Standing::DeletedReused, "{kind}: {name}");
            if name.ends_with("jpeg") {
                let shown = file.path.to_string();
                assert_eq!(shown.rsplit('/').next(), name.rsplit('/').next(), "{kind}");
                assert!(shown.contains('/'), "{kind}: {shown} has lost its folder");
            }
        }
        let exact = |bytes: &Vec<u8>| card.gone.values().any(|gone| gone == bytes);
        let theirs = listed.iter().filter(|file| file.is_deleted).map(|file| icat(&card.image, &file.inode));
        let theirs: BTreeSet<Vec<u8>> = theirs.filter(exact).collect();
        assert!(theirs.len() <= card.gone.len(), "{kind}: Sleuthkit finds {} of {}", theirs.len(), card.gone.len());
        // What was written over does not pass as whole.
        let was_there = |bytes: &Vec<u8>| exact(bytes) || card.doubtful.contains(bytes);
        for (file, bytes) in deleted.iter().filter(|(file, bytes)| file.size > 0 && !was_there(bytes)) {
            assert_eq!(file.standing, Standing::DeletedReused, "{kind}: {} {}", file.path, bytes.len());
        }
        for (file, _) in &deleted {
            let Content::Extents(extents) = &file.content else { panic!("FAT has extents") };
            let starts = extents.iter().filter_map(|extent| extent.at);
            let is_free = starts.into_iter().all(|at| seen.free.contains(at));
            assert!(is_free || file.standing == Standing::DeletedReused, "{kind}: {}", file.path);
        }
    }
}

#[test]
fn bad_sectors_cost_what_lies_there_and_nothing_else() {
    if !are_here(&["mtools"]) {
        return;
    }
    for (kind, format, scale) in CARDS {
        let card = Card::lived_in(format, scale);
        let bytes = card.bytes();
        let number = |at: usize| u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        let table = number(14) * 512;
        let table_bytes = 512 * if kind == "FAT32" { number(36) } else { number(22) };
        // All of the first table, and every sector of it in turn in one table or the other.
        let whole = Ranges::one(table..table + table_bytes);
        let in_turn = (0..table_bytes / 512).map(|sector| {
            let at = table + sector * 512 + if sector % 2 == 0 { 0 } else { table_bytes };
            at..at + 512
        });
        for bad in [whole, in_turn.collect()] {
            let seen = Seen::new(bytes.clone(), bad);
            assert!(seen.problems.is_empty(), "{kind}: {:?}", seen.problems);
            assert!(seen.living() == card.kept, "{kind}: {:?}", seen.living().keys());
        }
        // All that describes the volume, the copy included. A floppy has nothing else that is unmistakable.
        if kind != "FAT12" {
            let seen = Seen::new(bytes.clone(), Ranges::one(0..table));
            assert_eq!(seen.problems.len(), 1, "{kind}: {:?}", seen.problems);
            assert!(seen.living() == card.kept, "{kind}: {:?}", seen.living().keys());
        }
        // A sector of a folder.
        let folder = seen_folder(&bytes, b"IMG_0010JPG");
        let seen = Seen::new(bytes.clone(), Ranges::one(folder..folder + 512));
        assert!(!seen.problems.is_empty(), "{kind}");
        let living = seen.living();
        assert!(
            living.len() < card.kept.len() && living.iter().all(|(name, bytes)| card.kept[name] == *bytes),
            "{kind}"
        );
        // A sector of a photo: its place is told, so that whoever reads it knows.
        let seen = Seen::new(bytes.clone(), Ranges::new());
        let film =
            seen.files.iter().find(|file| file.path.file_name() == b"A film in many pieces.mov").expect("the film");
        let Content::Extents(extents) = &film.content else { panic!("FAT has extents") };
        assert!(extents.len() > 1, "{kind}: it is in pieces");
        let at = extents[1].at.expect("written");
        let spoiled = Seen::new(bytes.clone(), Ranges::one(at..at + 512));
        assert!(spoiled.problems.is_empty() && spoiled.files == seen.files, "{kind}");
    }
}

/// The sector of the first slot of a folder with this short name.
fn seen_folder(bytes: &[u8], short: &[u8]) -> u64 {
    let at = bytes.windows(short.len()).step_by(32).position(|window| window == short).expect("an entry") * 32;
    (at / 512 * 512) as u64
}

/// A volume of exFAT that the driver for FUSE wrote; `None` where this machine mounts none.
fn stick() -> Option<(tempfile::TempDir, PathBuf, Card)> {
    if !is_here("mkfs.exfat", "apt-get install exfatprogs")
        || !is_here("mount.exfat-fuse", "apt-get install exfat-fuse")
        || !is_here("fls", "apt-get install sleuthkit")
    {
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (image, mounted) = (folder.path().join("stick.img"), folder.path().join("mounted"));
    fs::write(&image, vec![0; 24 << 20]).expect("an image");
    fs::create_dir(&mounted).expect("a folder");
    run("mkfs.exfat", &["-c", "4K", "-L", "Karte", path(&image)]);
    // It takes a block device only.
    let attached = Command::new("losetup").args(["-f", "--show", path(&image)]).output().ok()?;
    let device = String::from_utf8_lossy(&attached.stdout).trim().to_owned();
    let is_mounted = attached.status.success()
        && Command::new("mount.exfat-fuse")
            .args([&device, path(&mounted)])
            .output()
            .is_ok_and(|it| it.status.success());
    let mut card = Card {
        folder: tempfile::tempdir().expect("a folder"),
        image: image.clone(),
        kept: BTreeMap::new(),
        gone: BTreeMap::new(),
        doubtful: Vec::new(),
    };
    if is_mounted {
        fill(&mut card, &mounted);
        run("umount", &[path(&mounted)]);
    }
    if attached.status.success() {
        run("losetup", &["-d", &device]);
    }
    if !is_mounted {
        left_out("only root, with loop devices and FUSE, can mount a volume of exFAT");
        return None;
    }
    Some((folder, image, card))
}

fn fill(card: &mut Card, mounted: &Path) {
    let mut put = |name: &str, bytes: Vec<u8>| {
        let place = mounted.join(name);
        fs::create_dir_all(place.parent().expect("below")).expect("a folder");
        fs::write(&place, &bytes).expect("a file");
        card.kept.insert(name.to_owned(), bytes);
    };
    for number in 0..9 {
        put(&format!("DCIM/100 Dünen/IMG_{number:04}.JPG"), photo(number, 5000 * (1 + number as usize)));
    }
    for number in 0..40 {
        put(
            &format!("Trip to the sea/A photo of the beach in the evening {number:02} Ω.jpeg"),
            photo(100 + number, 9000),
        );
    }
    for number in [1, 3, 5] {
        let name = format!("DCIM/100 Dünen/IMG_{number:04}.JPG");
        fs::remove_file(mounted.join(&name)).expect("it goes");
        card.doubtful.extend(card.kept.remove(&name));
    }
    let film = photo(500, 90_000);
    fs::write(mounted.join("A film in many pieces.mov"), &film).expect("a file");
    card.kept.insert("A film in many pieces.mov".to_owned(), film);
    fs::remove_dir_all(mounted.join("Trip to the sea")).expect("it goes");
    let gone: Vec<String> = card.kept.keys().filter(|path| path.starts_with("Trip")).cloned().collect();
    for name in gone {
        let bytes = card.kept.remove(&name).expect("it was there");
        card.gone.insert(name, bytes);
    }
}

#[test]
fn a_stick_is_read_as_sleuthkit_reads_it_and_more_of_what_was_deleted() {
    let Some((_folder, image, card)) = stick() else { return };
    let bytes = fs::read(&image).expect("the image");
    let seen = Seen::new(bytes.clone(), Ranges::new());
    assert_eq!(seen.kind, "exFAT");
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    assert!(seen.living() == card.kept, "{:?}", seen.living().keys());
    let listed = sleuthkit(&image);
    let theirs: BTreeSet<&str> = listed.iter().filter(|file| !file.is_deleted).map(|file| file.path.as_str()).collect();
    assert_eq!(theirs, seen.living().keys().map(String::as_str).collect());
    let deleted = seen.deleted();
    for (name, bytes) in &card.gone {
        let found = deleted.iter().find(|(file, content)| file.path.to_string() == *name && content == bytes);
        let (file, _) = found.unwrap_or_else(|| panic!("{name} is lost among {}", deleted.len()));
        assert_ne!(file.standing, Standing::DeletedReused, "{name}");
    }
    let was_there = |bytes: &Vec<u8>| card.doubtful.contains(bytes) || card.gone.values().any(|gone| gone == bytes);
    for (file, _) in deleted.iter().filter(|(file, bytes)| file.size > 0 && !was_there(bytes)) {
        assert_eq!(file.standing, Standing::DeletedReused, "{}", file.path);
    }
    // The whole boot region.
    let seen = Seen::new(bytes, Ranges::one(0..12 * 512));
    assert_eq!(seen.problems.len(), 1, "{:?}", seen.problems);
    assert!(seen.living() == card.kept);
}

#[test]
fn real_volumes_are_read_as_sleuthkit_reads_them() {
    if !is_here("fls", "apt-get install sleuthkit") || !is_here("xz", "apt-get install xz-utils") {
        return;
    }
    for name in ["fs.vfat.xz", "fs.exfat.xz"] {
        let sample = Path::new("/usr/share/forensics-samples").join(name);
        if !sample.exists() {
            step_aside(name, "apt-get install forensics-samples-all");
            return;
        }
        let disk = run("xz", &["-dc", path(&sample)]);
        let at = u32::from_le_bytes(disk[454..458].try_into().expect("four bytes")) as usize * 512;
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("volume.img");
        fs::write(&image, &disk[at..]).expect("a file");
        let seen = Seen::new(disk[at..].to_vec(), Ranges::new());
        assert!(seen.problems.is_empty(), "{name}: {:?}", seen.problems);

        let listed = sleuthkit(&image);
        let living = seen.living();
        let theirs: BTreeSet<&str> =
            listed.iter().filter(|file| !file.is_deleted).map(|file| file.path.as_str()).collect();
        assert_eq!(theirs, living.keys().map(String::as_str).collect(), "{name}");
        for file in listed.iter().filter(|file| !file.is_deleted) {
            assert!(icat(&image, &file.inode) == living[&file.path], "{name}: {}", file.path);
        }
        let ours: BTreeSet<String> = seen.deleted().iter().map(|(file, _)| file.path.to_string()).collect();
        let missing: Vec<&Listed> = listed
            .iter()
            .filter(|file| file.is_deleted && !file.path.starts_with('$') && !ours.contains(&file.path))
            .collect();
        let missing: Vec<&str> = missing.iter().map(|file| file.path.as_str()).collect();
        assert!(missing.is_empty(), "{name}: {missing:?} of {ours:?}");
        for file in listed.iter().filter(|file| file.is_deleted) {
            let content = icat(&image, &file.inode);
            let same =
                seen.deleted().iter().any(|(ours, bytes)| ours.path.to_string() == file.path && *bytes == content);
            let is_reused = seen
                .deleted()
                .iter()
                .any(|(ours, _)| ours.path.to_string() == file.path && ours.standing == Standing::DeletedReused);
            assert!(same || is_reused || content.is_empty(), "{name}: {}", file.path);
        }
    }
}
