//! Drives and images as other programs make and read them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use keepsake::formats::mapfile::{Map, Status};
use keepsake::model::Ranges;
use keepsake::sources::disk::partitions::{self, What};
use keepsake::sources::medium::open::{MediumOpenError, Opening, open, open_with};
use keepsake::sources::medium::{Medium, read_vec};

use crate::support::referee;

fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Bytes that pack badly in one half and well in the other, with empty places.
fn content(size: usize) -> Vec<u8> {
    let mut state = 9_u64;
    let mut bytes = vec![0; size];
    for (index, block) in bytes.chunks_mut(10_007).enumerate() {
        for byte in block.iter_mut() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = match index % 4 {
                0 | 1 => (state >> 56) as u8,
                2 => b"a photo, "[(state >> 60) as usize % 9],
                _ => 0,
            };
        }
    }
    // A long place that no program writes down.
    bytes[size / 2..size / 2 + size / 8].fill(0);
    bytes
}

fn all_of(medium: &dyn Medium) -> (Vec<u8>, Ranges) {
    read_vec(medium, 0, medium.size() as usize).expect("it is there")
}

fn hold(path: &Path, kind: &str, expected: &[u8]) {
    let opened = open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(opened.kind, kind, "{}", path.display());
    let (bytes, holes) = all_of(opened.medium.as_ref());
    assert!(holes.is_empty(), "{}: {holes}", path.display());
    assert!(bytes.len() >= expected.len(), "{}: {}", path.display(), bytes.len());
    let (front, behind) = bytes.split_at(expected.len());
    assert!(front == expected, "{} gives other bytes", path.display());
    // Some formats round up to whole cylinders.
    assert!(behind.len() < 1 << 20 && behind.iter().all(|byte| *byte == 0), "{}", path.display());
    // The same in small pieces that fit nothing.
    for at in (0..expected.len()).step_by(65_521 * 3) {
        let end = (at + 70_001).min(expected.len());
        let (piece, holes) = read_vec(opened.medium.as_ref(), at as u64, end - at).expect("it is there");
        assert!(piece == expected[at..end] && holes.is_empty(), "{} at {at}", path.display());
    }
}

#[test]
fn every_wrapping_gives_the_same_drive() {
    if !referee::is_here("qemu-img", "apt-get install qemu-utils") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let bytes = content(9 << 20);
    fs::write(at.join("plain.raw"), &bytes).unwrap();
    hold(&at.join("plain.raw"), "disk image", &bytes);
    let convert = |format: &str, options: &str, more: &[&str], name: &str| {
        let mut arguments = vec!["convert", "-f", "raw", "-O", format];
        arguments.extend(more);
        if !options.is_empty() {
            arguments.extend(["-o", options]);
        }
        arguments.extend(["plain.raw", name]);
        run("qemu-img", &arguments, at);
        at.join(name)
    };
    for (number, (options, more)) in [
        ("", &[][..]),
        ("", &["-c"][..]),
        ("cluster_size=512", &[][..]),
        ("cluster_size=2M", &["-c"][..]),
        ("compat=0.10", &["-c"][..]),
        ("preallocation=metadata", &[][..]),
    ]
    .into_iter()
    .enumerate()
    {
        hold(&convert("qcow2", options, more, &format!("{number}.qcow2")), "qcow2 image", &bytes);
    }
    for kind in ["monolithicSparse", "streamOptimized", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"]
    {
        let path = convert("vmdk", &format!("subformat={kind}"), &[], &format!("{kind}.vmdk"));
        hold(&path, "VMDK image", &bytes);
    }
    for kind in ["fixed", "dynamic"] {
        hold(&convert("vpc", &format!("subformat={kind}"), &[], &format!("{kind}.vhd")), "VHD image", &bytes);
    }
    run("split", &["-b", "1000000", "plain.raw", "letters."], at);
    hold(&at.join("letters.aa"), "split disk image", &bytes);
    run("split", &["-d", "-a", "3", "-b", "2097152", "plain.raw", "digits."], at);
    hold(&at.join("digits.000"), "split disk image", &bytes);
    assert!(matches!(open(&at.join("digits.002")), Err(MediumOpenError::Unsupported { .. })));

    run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "0.qcow2", "changes.qcow2"], at);
    assert!(matches!(open(&at.join("changes.qcow2")), Err(MediumOpenError::Unsupported { .. })));
    run("qemu-img", &["create", "-q", "-f", "vdi", "other.vdi", "1M"], at);
    assert!(matches!(open(&at.join("other.vdi")), Err(MediumOpenError::Unsupported { .. })));
}

#[test]
fn evidence_files_are_read_and_a_damaged_chunk_is_a_hole() {
    if !referee::is_here("ewfacquire", "apt-get install ewf-tools") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let bytes = content(5 << 20);
    fs::write(at.join("plain.raw"), &bytes).unwrap();
    for (name, format, packing) in [
        ("none", "encase6", "none"),
        ("best", "encase6", "best"),
        ("fast", "encase5", "fast"),
        ("ftk", "ftk", "empty-block"),
        ("linen", "linen7", "fast"),
    ] {
        run("ewfacquire", &["-u", "-q", "-c", packing, "-f", format, "-S", "1572864", "-t", name, "plain.raw"], at);
        hold(&at.join(format!("{name}.E01")), "E01 image", &bytes);
    }
    assert!(at.join("none.E03").exists(), "it should be in parts");

    // One byte in the middle of the first part lies in one chunk of 32 KiB.
    let first = at.join("none.E01");
    let file = File::options().read(true).write(true).open(&first).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 700_000).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 700_000).unwrap();
    let (found, holes) = all_of(open(&first).unwrap().medium.as_ref());
    assert_eq!((holes.len(), holes.bytes()), (1, 32_768), "{holes}");
    let hole = holes.iter().next().unwrap();
    let hole = hole.start as usize..hole.end as usize;
    assert!(found[..hole.start] == bytes[..hole.start] && found[hole.end..] == bytes[hole.end..]);
    assert!(found[hole].iter().all(|byte| *byte == 0));

    // Without its second part, the drive has what the first one holds.
    let plain = at.join("best.E01");
    fs::remove_file(at.join("best.E02")).unwrap();
    let opened = open(&plain).unwrap();
    let (found, holes) = all_of(opened.medium.as_ref());
    let start = holes.iter().next().unwrap().start as usize;
    assert_eq!(holes, Ranges::one(start as u64..bytes.len() as u64));
    assert!(start > 1 << 20 && found[..start] == bytes[..start]);
}

#[test]
fn images_of_one_drive_by_many_programs_are_alike() {
    let Some(corpus) = referee::corpus() else { return };
    let folder = corpus.join("dfvfs");
    let (split, holes) = all_of(open(&folder.join("ext2.splitraw.000")).unwrap().medium.as_ref());
    assert!(holes.is_empty() && split.len() == 4 << 20);
    for (name, kind) in [
        ("ext2.E01", "E01 image"),
        ("ext2.qcow2", "qcow2 image"),
        ("ext2.vhd", "VHD image"),
        ("ext2.vmdk", "VMDK image"),
    ] {
        let opened = open(&folder.join(name)).unwrap();
        assert_eq!(opened.kind, kind);
        let (bytes, holes) = all_of(opened.medium.as_ref());
        assert!(holes.is_empty(), "{name}: {holes}");
        // Each was made of its own copy of the file system: what differs is when it was mounted.
        let differ = bytes.iter().zip(&split).filter(|(one, other)| one != other).count();
        assert!(differ < 200, "{name}: {differ} bytes differ");
        let volumes = partitions::find(&opened.medium).unwrap();
        assert_eq!(volumes.len(), 1);
        assert_eq!((volumes[0].hint, volumes[0].number), (Some("ext2"), 0), "{name}");
    }
}

#[test]
fn a_macs_disk_image_holds_its_volume() {
    let Some(corpus) = referee::corpus() else { return };
    let opened = open(&corpus.join("dfvfs/hfsplus_zlib.dmg")).unwrap();
    assert_eq!((opened.kind, opened.notes.len()), ("Mac disk image", 0));
    let (bytes, holes) = all_of(opened.medium.as_ref());
    assert!(holes.is_empty(), "{holes}");
    let volumes = partitions::find(&opened.medium).unwrap();
    let volume = volumes.iter().find(|volume| volume.hint == Some("HFS+")).unwrap();
    assert!(volume.range.end <= bytes.len() as u64);
    // The copy of the volume's header stands 1024 bytes before its end: all chunks between are in their places.
    let header = |at: u64| read_vec(volume.medium.as_ref(), at, 512).unwrap().0;
    assert!(header(1024)[..2] == *b"H+" && header(1024)[2..40] == header(volume.medium.size() - 1024)[2..40]);
}

/// What Sleuthkit's mmls lists: where each partition begins, and how long it is.
fn mmls(image: &Path) -> Vec<(u64, u64)> {
    let text = run("mmls", &["-i", "raw", image.to_str().unwrap()], Path::new("/"));
    let partition = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_listed = words.first()?.strip_suffix(':')?.parse::<u32>().is_ok();
        let slot = words.get(1)?;
        if !is_listed || slot.starts_with('-') || *slot == "Meta" {
            return None;
        }
        Some((words.get(2)?.parse::<u64>().ok()? * 512, words.get(4)?.parse::<u64>().ok()? * 512))
    };
    text.lines().filter_map(partition).collect()
}

fn ours(image: &Path) -> (Vec<(u64, u64)>, partitions::Table) {
    let table = partitions::read(&open(image).unwrap().medium).unwrap();
    (table.volumes.iter().map(|volume| (volume.range.start, volume.range.end - volume.range.start)).collect(), table)
}

fn empty_drive(path: &Path, size: u64) -> PathBuf {
    File::create(path).unwrap().set_len(size).unwrap();
    path.to_owned()
}

#[test]
fn partitions_are_the_ones_that_sleuthkit_finds() {
    if !referee::is_here("mmls", "apt-get install sleuthkit") || !referee::is_here("sgdisk", "apt-get install gdisk") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let gpt = empty_drive(&at.join("gpt"), 200 << 20);
    run(
        "sgdisk",
        &["-n", "1:0:+10M", "-c", "1:Grüße aus Lissabon", "-n", "5:0:+33M", "-t", "5:af00", "-n", "9:0:0", "gpt"],
        at,
    );
    let (found, table) = ours(&gpt);
    assert_eq!(found, mmls(&gpt));
    assert_eq!((found.len(), table.kind, table.problems.len()), (3, "GPT", 0));
    let told: Vec<_> = table.volumes.iter().map(|volume| (volume.number, volume.name.as_str(), volume.hint)).collect();
    assert_eq!(
        told,
        [(1, "Grüße aus Lissabon", Some("Linux")), (5, "partition 5", Some("HFS+")), (9, "partition 9", Some("Linux"))]
    );

    // The beginning is wiped, then a sum is wrong, then the list: the copy at the end still knows.
    let whole = fs::read(&gpt).unwrap();
    for damage in [0..40_000_usize, 530..531, 1100..1101] {
        let mut bytes = whole.clone();
        bytes[damage.clone()].iter_mut().for_each(|byte| *byte = if damage.len() > 1 { 0 } else { *byte ^ 0x55 });
        let damaged = at.join("damaged");
        fs::write(&damaged, &bytes).unwrap();
        let (again, table) = ours(&damaged);
        assert_eq!(again, found, "{damage:?}");
        assert_eq!(table.problems.len(), 1, "{:?}", table.problems);
        // And the copy is used only where it is needed.
        let mut bytes = whole.clone();
        let last = bytes.len() - 512;
        bytes[last..].fill(0);
        fs::write(&damaged, &bytes).unwrap();
        assert_eq!(ours(&damaged).0, found);
    }
    if !referee::is_here("sfdisk", "apt-get install fdisk") {
        return;
    }
    let mbr = empty_drive(&at.join("mbr"), 200 << 20);
    fs::write(
        at.join("script"),
        "label: dos\nstart=63,size=20000,type=c\nsize=30000,type=7\nsize=200000,type=5\nstart=390000,size=1000\nsize=20480\nsize=40960,type=82\nsize=10240,type=b\n",
    )
    .unwrap();
    let script = File::open(at.join("script")).unwrap();
    let made = Command::new("sfdisk").arg("-q").arg(&mbr).stdin(script).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (mut found, table) = ours(&mbr);
    let mut theirs = mmls(&mbr);
    found.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(found, theirs);
    let mut numbers: Vec<_> = table.volumes.iter().map(|volume| volume.number).collect();
    numbers.sort_unstable();
    assert_eq!((numbers, table.kind, table.problems.len()), (vec![1, 2, 4, 5, 6, 7], "MBR", 0));
}

#[test]
fn a_drive_that_lost_its_table_still_has_its_volumes() {
    for (program, package) in [("mkfs.ext4", "e2fsprogs"), ("mkfs.fat", "dosfstools"), ("mkntfs", "ntfs-3g")] {
        if !referee::is_here(program, &format!("apt-get install {package}")) {
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let drive = empty_drive(&at.join("drive"), 300 << 20);
    let file = File::options().write(true).open(&drive).unwrap();
    let put = |name: &str, start: u64, size: u64, make: &[&str]| {
        let part = empty_drive(&at.join(name), size);
        run(make[0], &make[1..], at);
        file.write_all_at(&fs::read(&part).unwrap(), start).unwrap();
    };
    put("fat", 63 * 512, 40 << 20, &["mkfs.fat", "-F", "32", "-s", "1", "fat"]);
    put("ext", 64 << 20, 50 << 20, &["mkfs.ext4", "-q", "ext"]);
    put("ntfs", 120 << 20, 60 << 20, &["mkntfs", "-q", "-F", "ntfs"]);
    put("old", 30 * 8_225_280, 16 << 20, &["mkfs.fat", "-F", "16", "old"]);
    let (found, table) = ours(&drive);
    assert_eq!(table.kind, "lost");
    let told: Vec<_> = found
        .iter()
        .zip(&table.volumes)
        .map(|((start, length), volume)| (*start, *length, volume.hint.unwrap()))
        .collect();
    let ntfs = told[2].1;
    assert_eq!(
        told,
        [
            (63 * 512, 40 << 20, "FAT32"),
            (64 << 20, 50 << 20, "ext4"),
            (120 << 20, ntfs, "NTFS"),
            (30 * 8_225_280, 16 << 20, "FAT16"),
        ]
    );
    assert!((59 << 20..=60 << 20).contains(&ntfs));
    for (name, kind) in [("fat", "FAT32"), ("ext", "ext4"), ("ntfs", "NTFS"), ("old", "FAT16")] {
        let (found, table) = ours(&at.join(name));
        assert_eq!((found.len(), found[0].0, table.volumes[0].hint, table.kind), (1, 0, Some(kind), "none"));
        assert_eq!(table.problems, []);
    }
}

#[test]
fn encrypted_volumes_are_named_as_such() {
    if !referee::is_here("cryptsetup", "apt-get install cryptsetup-bin") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let drive = empty_drive(&at.join("drive"), 40 << 20);
    fs::write(at.join("key"), "secret").unwrap();
    run("cryptsetup", &["-q", "luksFormat", "--pbkdf", "pbkdf2", "--iter-time", "10", "drive", "key"], at);
    let (_, table) = ours(&drive);
    assert_eq!(table.volumes[0].is, What::Encrypted("LUKS"));
    assert!(table.volumes[0].is.words().unwrap().contains("cryptsetup"));
}

/// A file attached as a drive.
struct Loop(String);

impl Loop {
    fn new(file: &Path) -> Option<Self> {
        let made = Command::new("losetup").args(["-f", "--show"]).arg(file).output();
        let name = made.ok().filter(|made| made.status.success());
        if name.is_none() {
            referee::left_out("files cannot be attached as drives here");
        }
        Some(Self(String::from_utf8_lossy(&name?.stdout).trim().to_owned()))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if let Err(error) = Command::new("losetup").args(["-d", &self.0]).output() {
            println!("{} is left over: {error}", self.0);
        }
    }
}

#[test]
fn a_volume_that_lvm_made_in_pieces_is_put_together() {
    for (program, package) in [("lvm", "lvm2"), ("mkfs.ext4", "e2fsprogs")] {
        if !referee::is_here(program, &format!("apt-get install {package}")) {
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let drive = empty_drive(&at.join("drive"), 150 << 20);
    let Some(attached) = Loop::new(&drive) else { return };
    let name = format!("keepsake{}", std::process::id());
    // Without the kernel's help: nothing is activated.
    let lvm = |arguments: &[&str]| {
        let (verb, rest) = arguments.split_first().unwrap();
        let mut all = vec![*verb, "--driverloaded", "n", "-y"];
        all.extend(rest);
        run("lvm", &all, at)
    };
    lvm(&["pvcreate", &attached.0]);
    lvm(&["vgcreate", &name, &attached.0]);
    let make = |volume: &str, size: &str| lvm(&["lvcreate", "-an", "-Zn", "-Wn", "-L", size, "-n", volume, &name]);
    make("photos", "20M");
    make("between", "12M");
    lvm(&["lvextend", "-L", "32M", &format!("{name}/photos")]);
    drop(attached);

    let opened = open(&drive).unwrap();
    let volumes = partitions::find(&opened.medium).unwrap();
    let told: Vec<_> =
        volumes.iter().map(|volume| (volume.number, volume.name.clone(), volume.medium.size() >> 20)).collect();
    let of = |volume: &str| format!("{volume} of the volume group {name}");
    assert_eq!(told, [(0, "whole drive".to_owned(), 150), (1, of("between"), 12), (2, of("photos"), 32)]);
    assert_eq!(volumes[0].is.words(), None);
    // A file system written through the pieces is found as one.
    let whole = empty_drive(&at.join("photos"), 32 << 20);
    run("mkfs.ext4", &["-q", "-d", "/usr/share/doc/e2fsprogs", "photos"], at);
    let bytes = fs::read(whole).unwrap();
    let file = File::options().write(true).open(&drive).unwrap();
    let mut before = 0;
    for piece in volumes[2].on_drive(&Ranges::one(0..32 << 20)).iter() {
        let length = (piece.end - piece.start) as usize;
        file.write_all_at(&bytes[before..before + length], piece.start).unwrap();
        before += length;
    }
    assert_eq!(before, 32 << 20);
    let volumes = partitions::find(&open(&drive).unwrap().medium).unwrap();
    assert_eq!(volumes[2].hint, Some("ext4"));
    assert!(all_of(volumes[2].medium.as_ref()).0 == bytes);
}

#[test]
fn a_drive_that_is_mounted_for_writing_is_refused_and_any_other_is_read_past_the_cache() {
    if !referee::is_here("mkfs.ext4", "apt-get install e2fsprogs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let image = empty_drive(&at.join("image"), 20 << 20);
    run("mkfs.ext4", &["-q", "-d", "/usr/share/doc/e2fsprogs", "image"], at);
    let Some(attached) = Loop::new(&image) else { return };
    let drive = PathBuf::from(&attached.0);
    let opened = open(&drive).unwrap();
    assert_eq!((opened.kind, opened.is_device), ("drive", true));
    let content = fs::read(&image).unwrap();
    let (bytes, holes) = all_of(opened.medium.as_ref());
    assert!(holes.is_empty() && bytes == content);
    for (start, length) in [(1, 1), (1023, 2), (511, 70_000), (content.len() - 3, 3)] {
        assert!(read_vec(opened.medium.as_ref(), start as u64, length).unwrap().0 == content[start..start + length]);
    }
    drop(opened);

    let mount = at.join("mount");
    fs::create_dir(&mount).unwrap();
    let mounted = |options: &str| {
        let made = Command::new("mount").args(["-o", options]).arg(&drive).arg(&mount).output();
        made.is_ok_and(|made| made.status.success())
    };
    if !mounted("ro,noload") {
        return referee::left_out("nothing can be mounted here");
    }
    assert!(open(&drive).is_ok());
    run("umount", &[mount.to_str().unwrap()], at);
    assert!(mounted("rw"));
    let refused = [open(&drive), open(&image)].map(|opened| match opened {
        Err(MediumOpenError::InUse { why, .. }) => why,
        other => format!("not refused: {:?}", other.map(|opened| opened.kind)),
    });
    run("umount", &[mount.to_str().unwrap()], at);
    for why in refused {
        assert!(why.contains("mounted for writing at") && why.contains("mount"), "{why}");
    }
    assert!(open(&drive).is_ok());
}

#[test]
fn our_maps_are_ddrescues_maps() {
    if !referee::is_here("ddrescuelog", "apt-get install gddrescue") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut map = Map::new(1 << 30);
    for number in 0..400_u64 {
        let start = number * number * 6007 % (1 << 21) * 512;
        map.set(start..start + (number % 90 + 1) * 512, Status::ALL[number as usize % 5]);
    }
    fs::write(folder.path().join("map"), map.to_string()).unwrap();
    for (status, letter) in Status::ALL.into_iter().zip(["?", "*", "/", "-", "+"]) {
        let theirs = run("ddrescuelog", &["-b", "512", "-l", letter, "map"], folder.path());
        let theirs: Ranges =
            theirs.lines().map(|line| line.parse::<u64>().unwrap() * 512).map(|at| at..at + 512).collect();
        assert_eq!(theirs, map.ranges(status), "{status:?}");
    }
    // Changed by ddrescuelog, and read again.
    let turned = run("ddrescuelog", &["--invert-mapfile", "map"], folder.path());
    let turned = Map::parse(&turned).unwrap();
    assert_eq!(turned.ranges(Status::Bad), map.ranges(Status::Finished));
    assert_eq!(turned.size(), 1 << 30);
}

/// A drive that answers EIO at its bad places, served by nbdkit as a file.
struct FailingDrive {
    path: PathBuf,
    nbdfuse: std::process::Child,
    mount: PathBuf,
}

impl FailingDrive {
    /// `None` where the programs or FUSE are missing.
    fn new(folder: &Path, content: &[u8], bad: &Ranges) -> Option<Self> {
        for (program, package) in [("nbdkit", "nbdkit"), ("nbdfuse", "libnbd-bin"), ("ddrescue", "gddrescue")] {
            if !referee::is_here(program, &format!("apt-get install {package}")) {
                return None;
            }
        }
        if !Path::new("/dev/fuse").exists() {
            referee::left_out("there is no /dev/fuse here");
            return None;
        }
        fs::write(folder.join("drive.raw"), content).unwrap();
        let mut map = Map::new(content.len() as u64);
        map.set(0..content.len() as u64, Status::Finished);
        for range in bad.iter() {
            map.set(range, Status::Bad);
        }
        fs::write(folder.join("bad.map"), map.to_string()).unwrap();
        let mount = folder.join("mount");
        fs::create_dir(&mount).unwrap();
        let path = mount.join("drive");
        let nbdfuse = Command::new("nbdfuse")
            .args(["-r"])
            .arg(&path)
            .args(["--command", "nbdkit", "-s", "--filter=ddrescue", "file"])
            .arg(folder.join("drive.raw"))
            .arg(format!("ddrescue-mapfile={}", folder.join("bad.map").display()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let drive = Self { path, nbdfuse, mount };
        for _ in 0..100 {
            if drive.path.metadata().is_ok_and(|file| file.len() == content.len() as u64) {
                return Some(drive);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        referee::left_out("nbdfuse does not come up here");
        None
    }
}

impl Drop for FailingDrive {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.mount).output();
        let ended = self.nbdfuse.kill().and_then(|()| self.nbdfuse.wait());
        if let (Err(error), _) | (_, Err(error)) = (unmounted.map(|_| ()), ended.map(|_| ())) {
            println!("the failing drive is left over: {error}");
        }
    }
}

#[test]
fn a_failing_drive_is_begun_by_ddrescue_and_finished_by_us_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let bytes = content(24 << 20);
    // Whole pages: FUSE reads no less.
    let bad: Ranges = [1_048_576..1_056_768, 6_291_456..6_295_552, 20_971_520..21_037_056].into_iter().collect();
    let Some(drive) = FailingDrive::new(at, &bytes, &bad) else { return };
    let size = bytes.len() as u64;
    let true_bytes = |image: &[u8], map: &Map| {
        for range in map.ranges(Status::Finished).iter() {
            let range = range.start as usize..range.end as usize;
            assert!(image[range.clone()] == bytes[range]);
        }
    };

    // ddrescue copies the first half; then it is our turn, on the same two files.
    run("ddrescue", &["-q", "-n", "-s", "12Mi", drive.path.to_str().unwrap(), "theirs.img", "theirs.img.map"], at);
    let opening = Opening { image: Some(at.join("theirs.img")), ..Opening::default() };
    {
        let opened = open_with(&drive.path, &opening).unwrap();
        let rescuer = opened.rescuer.as_ref().unwrap();
        assert!(rescuer.map().ranges(Status::Finished).bytes() > 11 << 20);
        let (found, holes) = all_of(opened.medium.as_ref());
        assert!(bad.iter().all(|range| holes.within(range.clone()) == Ranges::one(range)));
        assert!((0..bytes.len()).all(|at| holes.contains(at as u64) || found[at] == bytes[at]));
        let missing = rescuer.retry(&Ranges::one(0..size), 1, &mut |_| {}).unwrap();
        assert_eq!(missing, bad);
        rescuer.checkpoint().unwrap();
        true_bytes(&fs::read(at.join("theirs.img")).unwrap(), &rescuer.map());
    }
    run("ddrescuelog", &["-t", "theirs.img.map"], at);

    // We read what matters; ddrescue goes on with all the rest.
    let opening = Opening { image: Some(at.join("ours.img")), ..Opening::default() };
    {
        let opened = open_with(&drive.path, &opening).unwrap();
        let (_, holes) = read_vec(opened.medium.as_ref(), 500_000, 3 << 20).unwrap();
        assert!(!holes.is_empty());
        opened.rescuer.as_ref().unwrap().checkpoint().unwrap();
    }
    let before = Map::parse(&fs::read_to_string(at.join("ours.img.map")).unwrap()).unwrap();
    assert!(before.ranges(Status::Finished).bytes() > 2 << 20);
    run("ddrescue", &["-q", "-r0", drive.path.to_str().unwrap(), "ours.img", "ours.img.map"], at);
    let after = Map::parse(&fs::read_to_string(at.join("ours.img.map")).unwrap()).unwrap();
    assert_eq!(after.ranges(Status::Bad), bad);
    assert_eq!(after.ranges(Status::Finished).bytes(), size - bad.bytes());
    true_bytes(&fs::read(at.join("ours.img")).unwrap(), &after);

    // Our list of what is wanted is one that ddrescue keeps to.
    let wanted: Ranges = [4096..65_536, 10_485_760..11_534_336].into_iter().collect();
    fs::write(at.join("domain"), Map::domain(&wanted).to_string()).unwrap();
    run("ddrescue", &["-q", "-m", "domain", drive.path.to_str().unwrap(), "wanted.img", "wanted.map"], at);
    let map = Map::parse(&fs::read_to_string(at.join("wanted.map")).unwrap()).unwrap();
    assert_eq!(map.ranges(Status::Finished), wanted);
}

#[test]
fn what_is_no_drive_is_refused_for_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    assert!(matches!(open(&at.join("none")), Err(MediumOpenError::Missing { .. })));
    assert!(matches!(open(at), Err(MediumOpenError::NotADrive { .. })));
    assert!(matches!(open(Path::new("/dev/null")), Err(MediumOpenError::NotADrive { .. })));
    for (name, mark) in [("a.vhdx", &b"vhdxfile"[..]), ("b.Ex01", b"EVF2\r\n\x81\0"), ("c.aff", b"AFF10\r\n\0")] {
        fs::write(at.join(name), mark).unwrap();
        assert!(matches!(open(&at.join(name)), Err(MediumOpenError::Unsupported { .. })), "{name}");
    }
    // An image of nothing, and the image of a drive kept in itself.
    fs::write(at.join("empty"), "").unwrap();
    let empty = open(&at.join("empty")).unwrap();
    assert_eq!(empty.medium.size(), 0);
    assert_eq!(partitions::find(&empty.medium).unwrap().len(), 1);
    let itself = Opening { image: Some(at.join("empty")), ..Opening::default() };
    assert!(open_with(&at.join("empty"), &itself).is_err());
    let medium: Arc<dyn Medium> = Arc::new((Vec::new(), Ranges::one(0..1000)));
    assert_eq!(partitions::find(&medium).unwrap().len(), 1);
}
