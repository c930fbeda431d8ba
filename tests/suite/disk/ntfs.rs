//! NTFS beside Sleuthkit, file by file: on volumes that ntfs-3g wrote, and on a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use keepsake::model::{Found, Ranges};
use keepsake::sources::{Met, Source, Wishes};

use crate::support::referee;

const RECORD: u64 = 1024;
const SAMPLE: &str = "/usr/share/forensics-samples/fs.ntfs.xz";

/// A file as Keepsake read it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Taken {
    path: String,
    inode: u64,
    modified_at: Option<jiff::Timestamp>,
    found: Found,
    bytes: Vec<u8>,
    lost: Ranges,
}

/// What Keepsake finds on an image by its file system, and what it says of it.
fn keepsake(image: &Path) -> (Vec<Taken>, Vec<String>) {
    let wishes = Wishes { image: None, zone: jiff::tz::TimeZone::UTC };
    let source = Source::open(image, &wishes).unwrap();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    source
        .walk(&|| false, &mut |met| {
            match met {
                Met::Problem(problem) => problems.push(problem.message),
                Met::Unfollowed(..) => {}
                Met::File(file) => {
                    let mut opened = file.open().unwrap();
                    let mut bytes = Vec::new();
                    opened.read_to_end(&mut bytes).unwrap();
                    let coming = opened.coming();
                    let path = file.path.to_string();
                    let (inode, modified_at) = (file.stamp.inode, file.stamp.modified_at);
                    // What was carved out of free space has no number.
                    if inode != 0 {
                        let (found, lost) = (coming.found, coming.lost);
                        files.push(Taken { path, inode, modified_at, found, bytes, lost });
                    }
                }
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    (files, problems)
}

fn living(files: &[Taken]) -> BTreeMap<String, Taken> {
    let listed = files.iter().filter(|file| file.found == Found::Listed);
    listed.map(|file| (file.path.clone(), file.clone())).collect()
}

/// A file as Sleuthkit lists it.
struct Known {
    path: String,
    inode: u64,
    is_living: bool,
    address: String,
}

/// The regular files that Sleuthkit lists, without streams beside them, and without the volume's own books.
fn sleuthkit(image: &Path, first_sector: u64) -> Vec<Known> {
    let listed = run(Command::new("fls").args(["-r", "-p", "-F", "-o", &first_sector.to_string()]).arg(image));
    let text = String::from_utf8(listed.stdout).unwrap();
    let known = text.lines().filter_map(|line| {
        let (head, path) = line.split_once(":\t")?;
        let address = head.rsplit(' ').next()?.trim_end_matches("(realloc)").to_owned();
        let inode = address.split('-').next()?.parse().ok()?;
        let is_data = address.split('-').nth(1) == Some("128") && !path.rsplit('/').next()?.contains(':');
        let is_book = inode < 16 || path.starts_with("$Extend/");
        (is_data && !is_book).then(|| Known { path: path.to_owned(), inode, is_living: !head.contains('*'), address })
    });
    known.collect()
}

fn icat(image: &Path, first_sector: u64, address: &str) -> Vec<u8> {
    run(Command::new("icat").args(["-o", &first_sector.to_string()]).arg(image).arg(address)).stdout
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// An image that is written to through FUSE, and taken away afterwards.
struct Image {
    folder: PathBuf,
}

impl Image {
    /// An empty volume in a folder of this name, where that of the last time is cleared away.
    fn new(name: &str, mebibytes: u64, format: &[&str]) -> Self {
        let image = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("ntfs").join(name) };
        if image.folder.exists() {
            fs::remove_dir_all(&image.folder).unwrap();
        }
        fs::create_dir_all(&image.folder).unwrap();
        File::create(image.path()).unwrap().set_len(mebibytes << 20).unwrap();
        run(Command::new("mkntfs").args(["-q", "-F"]).args(format).arg(image.path()));
        image
    }

    fn path(&self) -> PathBuf {
        self.folder.join("drive.img")
    }

    /// Mounts it, lets `write` work in its top folder, and unmounts it.
    fn written(&self, write: impl FnOnce(&Path)) {
        let top = self.folder.join("mounted");
        fs::create_dir_all(&top).unwrap();
        let mut served = Command::new("ntfs-3g");
        let served = served.args(["-o", "compression,no_detach"]).arg(self.path()).arg(&top);
        let mut served = served.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let is_mounted = || fs::metadata(&top).unwrap().dev() != fs::metadata(&self.folder).unwrap().dev();
        while !is_mounted() {
            assert!(served.try_wait().unwrap().is_none(), "it can be mounted");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let mounted = Mounted(&top);
        write(&top);
        drop(mounted);
        // All is written once it has ended.
        assert!(served.wait().unwrap().success());
    }
}

/// A folder that is unmounted in the end, also where a test fails.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0).status();
        assert!(std::thread::panicking() || unmounted.is_ok_and(|status| status.success()), "it can be unmounted");
    }
}

/// Whether images can be made, and asked about elsewhere.
fn can_compare() -> bool {
    let programs = [("mkntfs", "ntfs-3g"), ("ntfs-3g", "ntfs-3g"), ("fls", "sleuthkit")];
    let here =
        programs.iter().all(|(program, package)| referee::is_here(program, &format!("apt-get install {package}")));
    let mounts = File::options().read(true).write(true).open("/dev/fuse").is_ok();
    if !mounts {
        referee::left_out("/dev/fuse cannot be opened here");
    }
    here && mounts
}

/// Bytes that do not repeat, other ones for every `seed`.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

/// A volume that somebody has used: fragments, holes, compressed folders, many small files, foreign names.
static USED: LazyLock<Image> = LazyLock::new(|| {
    let image = Image::new("used", 24, &["-c", "4096", "-L", "Alte Fotos"]);
    image.written(|top| {
        let put = |path: &str, bytes: &[u8]| {
            let path = top.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = File::create(path).unwrap();
            file.write_all(bytes).unwrap();
        };
        put("DCIM/100CANON/IMG_0001.JPG", &noise(1, 300_000));
        put("Ferien/Straße nach Łódź 😀/日本.jpg", &noise(2, 70_001));
        put("note.txt", b"Lisbon");
        put("empty.jpg", b"");
        let mut sparse = File::create(top.join("sparse.tif")).unwrap();
        sparse.seek(SeekFrom::Start(900_000)).unwrap();
        sparse.write_all(&noise(3, 5000)).unwrap();
        sparse.set_len(2_000_000).unwrap();
        fs::create_dir_all(top.join("packed")).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(top.join("packed"), "system.ntfs_attrib_be", &0x0810_u32.to_be_bytes(), flags).unwrap();
        let text = (0..40_000).map(|line| [line % 97, line / 7].map(|number| number.to_string()).join(" "));
        let text = text.collect::<Vec<_>>().join("\n");
        put("packed/text.bmp", text.as_bytes());
        put("packed/noise.jpg", &noise(4, 200_000));
        let mixed: Vec<u8> =
            (0..12).flat_map(|part| if part % 3 == 0 { noise(part, 30_000) } else { vec![7; 30_000] }).collect();
        put("packed/mixed.bmp", &mixed);
        // Written by turns: each cluster lies by itself.
        fs::create_dir_all(top.join("by turns")).unwrap();
        let mut by_turns: Vec<_> =
            (0..5).map(|number| File::create(top.join(format!("by turns/{number}.jpg"))).unwrap()).collect();
        for (turn, byte) in noise(5, 4000).into_iter().enumerate().filter(|(_, byte)| *byte < 100) {
            by_turns[turn % 5].write_all(&noise(turn as u64 + u64::from(byte), 4096)).unwrap();
        }
        (0..300).for_each(|number| put(&format!("small/{number}.bin"), &noise(100 + number, 3000)));
        (0..300).step_by(2).for_each(|number| fs::remove_file(top.join(format!("small/{number}.bin"))).unwrap());
        for number in 0..200 {
            put(&format!("tiny/{number}.txt"), format!("note {number}").as_bytes());
        }
        let file = File::options().write(true).open(top.join("note.txt")).unwrap();
        file.set_modified("2014-08-03T14:22:33Z".parse::<jiff::Timestamp>().unwrap().into()).unwrap();
    });
    image
});

#[test]
fn every_file_is_as_sleuthkit_has_it() {
    if !can_compare() {
        return;
    }
    let image = USED.path();
    let (files, problems) = keepsake(&image);
    assert_eq!(problems, Vec::<String>::new());
    let ours = living(&files);
    let theirs: Vec<Known> = sleuthkit(&image, 0).into_iter().filter(|known| known.is_living).collect();
    let paths: BTreeSet<&str> = theirs.iter().map(|known| known.path.as_str()).collect();
    assert_eq!(ours.keys().map(String::as_str).collect::<BTreeSet<_>>(), paths);
    for known in &theirs {
        let taken = &ours[&known.path];
        assert_eq!((taken.inode, &taken.lost), (known.inode, &Ranges::new()), "{}", known.path);
        // All that is not like a hundred others.
        if known.inode.is_multiple_of(20) || !known.path.starts_with("small/") && !known.path.starts_with("tiny/") {
            assert!(taken.bytes == icat(&image, 0, &known.address), "{} is the same", known.path);
        }
    }
    assert_eq!(ours["small/299.bin"].bytes, noise(399, 3000));
    assert_eq!(ours["tiny/199.txt"].bytes, b"note 199");
    assert_eq!(ours["Ferien/Straße nach Łódź 😀/日本.jpg"].bytes, noise(2, 70_001));
    assert_eq!(ours["note.txt"].modified_at, Some("2014-08-03T14:22:33Z".parse().unwrap()));
    let pieces = run(Command::new("istat").arg(&image).arg(ours["by turns/0.jpg"].inode.to_string()));
    let pieces = String::from_utf8_lossy(&pieces.stdout).into_owned();
    assert!(pieces.contains("ATTRIBUTE_LIST"), "one file has several records: {pieces}");
    let packed = run(Command::new("istat").arg(&image).arg(ours["packed/text.bmp"].inode.to_string()));
    assert!(String::from_utf8_lossy(&packed.stdout).contains("Compressed"), "one file is compressed");
}

#[test]
fn each_lost_record_costs_its_own_file_alone() {
    if !can_compare() {
        return;
    }
    let image = tempfile::NamedTempFile::new().unwrap();
    fs::copy(USED.path(), image.path()).unwrap();
    let device = File::options().read(true).write(true).open(image.path()).unwrap();
    let before = living(&keepsake(image.path()).0);
    let mut sector = [0; 512];
    device.read_exact_at(&mut sector, 0).unwrap();
    let cluster = u64::from(u16::from_le_bytes([sector[11], sector[12]])) * u64::from(sector[13]);
    let table = u64::from_le_bytes(sector[0x30..0x38].try_into().unwrap()) * cluster;
    let mut tried = 0;
    for file in before.values().filter(|file| !file.path.starts_with("by turns")) {
        let at = table + file.inode * RECORD;
        device.read_exact_at(&mut sector, at).unwrap();
        // The table is in several pieces itself: those behind the first one are elsewhere.
        if u64::from(u32::from_le_bytes(sector[0x2C..0x30].try_into().unwrap())) != file.inode
            || !file.inode.is_multiple_of(23)
        {
            continue;
        }
        tried += 1;
        device.write_all_at(&[0; 512], at).unwrap();
        let (files, problems) = keepsake(image.path());
        device.write_all_at(&sector, at).unwrap();
        let mut expected = before.clone();
        expected.remove(&file.path);
        assert!(living(&files) == expected, "without {}", file.path);
        assert!(problems.iter().any(|problem| problem.starts_with("one entry")), "{problems:?}");
    }
    assert!(tried > 5, "{tried}");
}

#[test]
fn a_deleted_file_is_called_sure_only_when_it_is_as_it_was() {
    if !can_compare() {
        return;
    }
    let image = Image::new("deleted", 16, &["-c", "4096"]);
    let bytes = |number: u64| noise(1000 + number, 20_000 + usize::try_from(number).unwrap() * 1000);
    image.written(|top| {
        fs::create_dir_all(top.join("DCIM/old")).unwrap();
        (0..60).for_each(|number| put(top, &format!("DCIM/old/{number}.jpg"), &bytes(number)));
        put(top, "kept.jpg", &noise(2, 100_000));
    });
    image.written(|top| fs::remove_dir_all(top.join("DCIM")).unwrap());
    let (files, _) = keepsake(&image.path());
    let whole: Vec<&Taken> = files.iter().filter(|file| file.found == Found::Deleted).collect();
    assert!(whole.len() >= 58, "{} of 60", whole.len());
    for file in &whole {
        let name = file.path.strip_prefix("[deleted]/DCIM/old/").unwrap_or_else(|| panic!("{}", file.path));
        let number: u64 = name.trim_end_matches(".jpg").parse().unwrap();
        assert!(file.bytes == bytes(number), "{} is as it was", file.path);
    }
    image.written(|top| (100..130).for_each(|number| put(top, &format!("new{number}.jpg"), &bytes(number))));
    let (files, _) = keepsake(&image.path());
    let (mut sure, mut reused) = (0, 0);
    for file in files.iter().filter(|file| file.found != Found::Listed) {
        let name = file.path.rsplit('/').next().unwrap();
        let is_whole = file.bytes == bytes(name.trim_end_matches(".jpg").parse().unwrap());
        assert!(is_whole || file.found != Found::Deleted, "{} does not pass as whole", file.path);
        sure += usize::from(file.found == Found::Deleted);
        reused += usize::from(file.found == Found::DeletedReused);
    }
    assert!(sure > 5 && reused > 5, "{sure} sure, {reused} reused");
}

#[test]
fn volumes_of_every_shape_are_read_also_without_their_first_sector() {
    if !can_compare() {
        return;
    }
    for (sector, cluster) in [("512", "512"), ("512", "65536"), ("512", "2097152"), ("2048", "8192"), ("4096", "4096")]
    {
        let format = ["-s", sector, "-c", cluster];
        let image = Image::new(&format!("shape-{sector}-{cluster}"), 64, &format);
        let bytes = |number: u64| noise(number, usize::try_from(number).unwrap() * 70_000);
        image.written(|top| {
            fs::create_dir_all(top.join("DCIM")).unwrap();
            (0..9).for_each(|number| put(top, &format!("DCIM/{number}.jpg"), &bytes(number)));
        });
        let device = File::options().write(true).open(image.path()).unwrap();
        for is_wiped in [false, true] {
            if is_wiped {
                device.write_all_at(&[0; 512], 0).unwrap();
            }
            let (files, problems) = keepsake(&image.path());
            assert_eq!(problems.len(), usize::from(is_wiped), "{format:?}: {problems:?}");
            let files = living(&files);
            assert_eq!(files.len(), 9, "{format:?}");
            for number in 0..9 {
                assert!(files[&format!("DCIM/{number}.jpg")].bytes == bytes(number), "{format:?}: {number}");
            }
        }
    }
}

fn put(top: &Path, path: &str, bytes: &[u8]) {
    let mut file = File::create(top.join(path)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_real_volume_gives_all_that_sleuthkit_gets() {
    if !Path::new(SAMPLE).exists() {
        referee::step_aside(SAMPLE, "apt-get install forensics-samples-ntfs");
        return;
    }
    if !referee::is_here("fls", "apt-get install sleuthkit") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("ntfs.img");
    fs::copy(SAMPLE, folder.path().join("ntfs.img.xz")).unwrap();
    run(Command::new("xz").arg("-d").arg(folder.path().join("ntfs.img.xz")));
    let (files, problems) = keepsake(&image);
    assert_eq!(problems, Vec::<String>::new());
    let ours: BTreeMap<u64, &Taken> = files.iter().map(|file| (file.inode, file)).collect();
    let mut compared = 0;
    for known in sleuthkit(&image, 2048) {
        let theirs = icat(&image, 2048, &known.address);
        if theirs.is_empty() && !known.is_living {
            continue;
        }
        let taken = ours.get(&known.inode).unwrap_or_else(|| panic!("{} is missing", known.path));
        assert_eq!(taken.found == Found::Listed, known.is_living, "{}", known.path);
        assert!(taken.bytes == theirs, "{} is the same", known.path);
        assert_eq!(taken.path.rsplit('/').next(), known.path.rsplit('/').next());
        compared += 1;
    }
    assert!(compared >= 30, "{compared}");
}
