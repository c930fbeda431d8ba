//! What the system knows of a drive: whether it is in use, its make, its sectors (sysfs, procfs, udev's database; proc(5), "mountinfo").

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The system's own tables, below `/`; elsewhere in tests.
pub(super) struct System {
    top: PathBuf,
}

/// A block device by its numbers.
pub(super) type Device = (u32, u32);

/// What is told of a drive.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Make {
    /// As the maker calls it.
    pub model: Option<String>,
    /// What tells it from others of its make.
    pub serial: Option<String>,
}

/// Things stacked on each other end: partitions, mirrors, volumes, encryption.
const MOST_STACKED: usize = 1000;

impl System {
    pub(super) fn here() -> Self {
        Self { top: PathBuf::from("/") }
    }

    #[cfg(test)]
    pub(super) fn below(top: &Path) -> Self {
        Self { top: top.to_owned() }
    }

    /// Where the system lists the device, as long as it is plugged in.
    pub(super) fn presence(&self, device: Device) -> Option<PathBuf> {
        let node = self.top.join("sys/dev/block").join(format!("{}:{}", device.0, device.1));
        node.exists().then_some(node)
    }

    /// Why nothing may read from the device at this moment: something on it is mounted for writing. In words that follow on its name.
    pub(super) fn written_to(&self, device: Device) -> Option<String> {
        let stacked = self.stacked_on(device);
        let mounts = fs::read_to_string(self.top.join("proc/self/mountinfo")).unwrap_or_default();
        mounts.lines().filter_map(Mount::parse).filter(|mount| mount.writes).find_map(|mount| {
            let source = self.number_of(&mount.source);
            let found = [Some(mount.device), source].into_iter().flatten().find(|used| stacked.contains(used))?;
            let what = if found == device { "it" } else { "a part of it" };
            Some(format!("{what} is mounted for writing at {}", mount.at))
        })
    }

    /// As [`System::written_to`], for a file that is attached as a drive.
    pub(super) fn file_written_to(&self, file: &Path) -> Option<String> {
        let loops = fs::read_dir(self.top.join("sys/block")).ok()?;
        loops.flatten().find_map(|entry| {
            let backing = fs::read_to_string(entry.path().join("loop/backing_file")).ok()?;
            let device = number(fs::read_to_string(entry.path().join("dev")).ok()?.trim())?;
            if Path::new(backing.trim_end_matches('\n')) == file { self.written_to(device) } else { None }
        })
    }

    /// The smallest piece that the drive reads; 512 where the system does not say.
    pub(super) fn sector(&self, device: Device) -> u64 {
        let node = self.node(device);
        let sizes = [node.join("queue"), node.join("../queue")];
        sizes
            .into_iter()
            .find_map(|queue| fs::read_to_string(queue.join("physical_block_size")).ok()?.trim().parse().ok())
            .unwrap_or(512)
    }

    /// Make and serial number, as far as the system knows them.
    pub(super) fn make(&self, device: Device) -> Make {
        let node = self.node(device);
        let is_part = node.join("partition").exists();
        let drive = if is_part { node.join("..") } else { node.clone() };
        let known = fs::read_to_string(drive.join("dev")).unwrap_or_default();
        let udev = fs::read_to_string(self.top.join("run/udev/data").join(format!("b{}", known.trim())));
        let udev = udev.unwrap_or_default();
        let told =
            |key: &str| udev.lines().find_map(|line| line.strip_prefix("E:")?.strip_prefix(key)?.strip_prefix('='));
        let file = |name: &str| fs::read_to_string(drive.join("device").join(name)).ok();
        let clean = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Make {
            model: told("ID_MODEL").map(|model| model.replace('_', " ")).or_else(|| file("model")).and_then(clean),
            serial: told("ID_SERIAL_SHORT").map(str::to_owned).or_else(|| file("serial")).and_then(clean),
        }
    }

    /// The device, its partitions, and all that is built on any of them.
    fn stacked_on(&self, device: Device) -> BTreeSet<Device> {
        let mut found = BTreeSet::new();
        let mut next = vec![(device, self.node(device))];
        while let Some((device, node)) = next.pop() {
            if found.len() >= MOST_STACKED || !found.insert(device) {
                continue;
            }
            let parts = list(&node).into_iter().filter(|path| path.join("partition").exists());
            let holders = list(&node.join("holders"));
            for path in parts.chain(holders) {
                if let Some(device) = fs::read_to_string(path.join("dev")).ok().and_then(|text| number(text.trim())) {
                    next.push((device, self.node(device)));
                }
            }
        }
        found
    }

    fn node(&self, device: Device) -> PathBuf {
        let node = self.top.join("sys/dev/block").join(format!("{}:{}", device.0, device.1));
        // The real place: there the drive of a partition is one up.
        node.canonicalize().unwrap_or(node)
    }

    /// The device that a mount names as its source: what counts for file systems that make up numbers of their own.
    fn number_of(&self, source: &str) -> Option<Device> {
        let name = source.strip_prefix("/dev/")?;
        let real = fs::canonicalize(self.top.join("dev").join(name)).ok()?;
        let text = fs::read_to_string(self.top.join("sys/class/block").join(real.file_name()?).join("dev")).ok()?;
        number(text.trim())
    }
}

fn list(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

/// `8:16`.
fn number(text: &str) -> Option<Device> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

struct Mount {
    device: Device,
    at: String,
    source: String,
    /// Whether the file system itself may be written, be it through another mount.
    writes: bool,
}

impl Mount {
    /// A line of mountinfo: `36 35 98:0 /root /at rw,noatime - ext3 /dev/sda rw,errors=continue`.
    fn parse(line: &str) -> Option<Self> {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ');
        let device = number(mount.nth(2)?)?;
        let at = unescape(mount.nth(1)?);
        let mut system = system.split(' ').skip(1);
        let source = unescape(system.next()?);
        let writes = system.next()?.split(',').any(|option| option == "rw");
        Some(Self { device, at, source, writes })
    }
}

/// Spaces and the like stand there as `\040`.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
    fn write(top: &Path, path: &str, text: &str) {
        let path = top.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// sdb with sdb1 and sdb2; on sdb2 lies dm-0.
    #[allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
    fn machine(mounts: &str) -> (tempfile::TempDir, System) {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        for (path, dev) in
            [("sdb", "8:16"), ("sdb/sdb1", "8:17"), ("sdb/sdb2", "8:18"), ("dm-0", "253:0"), ("loop3", "7:3")]
        {
            write(top, &format!("sys/devices/{path}/dev"), &format!("{dev}\n"));
            for place in ["sys/dev/block", "sys/class/block", "sys/block"] {
                fs::create_dir_all(top.join(place)).unwrap();
            }
            let real = top.join("sys/devices").join(path);
            std::os::unix::fs::symlink(&real, top.join("sys/dev/block").join(dev)).unwrap();
            let name = real.file_name().unwrap();
            std::os::unix::fs::symlink(&real, top.join("sys/class/block").join(name)).unwrap();
            if !path.contains('/') {
                std::os::unix::fs::symlink(&real, top.join("sys/block").join(name)).unwrap();
            }
            write(top, &format!("dev/{}", name.to_string_lossy()), "");
        }
        write(top, "sys/devices/sdb/sdb1/partition", "1\n");
        write(top, "sys/devices/sdb/sdb2/partition", "2\n");
        write(top, "sys/devices/sdb/queue/physical_block_size", "4096\n");
        write(top, "sys/devices/sdb/device/model", "Old Disk   \n");
        write(top, "run/udev/data/b8:16", "S:disk/by-id/x\nE:ID_SERIAL_SHORT=WD-123\n");
        write(top, "sys/devices/loop3/loop/backing_file", "/home/anna/card one.img\n");
        fs::create_dir_all(top.join("sys/devices/sdb/sdb2/holders")).unwrap();
        std::os::unix::fs::symlink(top.join("sys/devices/dm-0"), top.join("sys/devices/sdb/sdb2/holders/dm-0"))
            .unwrap();
        write(top, "proc/self/mountinfo", mounts);
        let system = System::below(top);
        (folder, system)
    }

    #[test]
    fn a_drive_with_a_mounted_part_is_in_use_and_so_is_what_lies_below_a_volume() {
        let (_folder, system) = machine("36 35 8:17 / /media/My\\040Card rw - vfat /dev/sdb1 rw,x\n");
        assert_eq!(
            system.written_to((8, 16)).as_deref(),
            Some("a part of it is mounted for writing at /media/My Card")
        );
        assert_eq!(system.written_to((8, 17)).as_deref(), Some("it is mounted for writing at /media/My Card"));
        assert_eq!(system.written_to((8, 18)), None);
        let (_folder, system) = machine("36 35 253:0 / / rw,noatime shared:1 - ext4 /dev/mapper/root rw\n");
        assert!(system.written_to((8, 16)).is_some());
        assert!(system.written_to((8, 18)).is_some());
        assert_eq!(system.written_to((8, 17)), None);
    }

    #[test]
    fn what_is_mounted_for_reading_only_may_be_read() {
        let (_folder, system) = machine("36 35 8:17 / /media/card ro - vfat /dev/sdb1 ro\n");
        assert_eq!(system.written_to((8, 16)), None);
        // One mount of it is for reading; the file system is written through another.
        let (_folder, system) = machine("36 35 8:17 / /media/card ro - ext4 /dev/sdb1 rw\n");
        assert!(system.written_to((8, 16)).is_some());
    }

    #[test]
    fn a_file_system_with_numbers_of_its_own_is_known_by_its_source() {
        let (_folder, system) = machine("36 35 0:44 / /media/card rw - btrfs /dev/sdb1 rw\n");
        assert!(system.written_to((8, 16)).is_some());
    }

    #[test]
    fn an_image_that_is_attached_and_mounted_is_in_use() {
        let (_folder, system) = machine("36 35 7:3 / /mnt rw - vfat /dev/loop3 rw\n");
        assert!(system.file_written_to(Path::new("/home/anna/card one.img")).is_some());
        assert_eq!(system.file_written_to(Path::new("/home/anna/card two.img")), None);
    }

    #[test]
    fn make_and_sectors_of_a_part_are_those_of_its_drive() {
        let (_folder, system) = machine("");
        for device in [(8, 16), (8, 18)] {
            assert_eq!(system.sector(device), 4096);
            let make = system.make(device);
            assert_eq!((make.model.as_deref(), make.serial.as_deref()), (Some("Old Disk"), Some("WD-123")));
            assert!(system.presence(device).is_some());
        }
        assert_eq!(system.sector((253, 0)), 512);
        assert_eq!(system.presence((8, 99)), None);
        assert_eq!(system.make((8, 99)), Make::default());
    }
}
