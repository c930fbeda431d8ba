//! Whether two places can die together.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::repository::Location;

/// Whether what is stored at `place` (a location, or a file) outlives the drive of `archive`.
///
/// A bucket does. A local path does when it is on another disk: another partition of the same one dies with it. What
/// cannot be found out counts as the same drive.
pub(super) fn is_off_drive(archive: &Path, place: &str) -> bool {
    match place.parse::<Location>() {
        Ok(location) if location.is_remote() => true,
        Ok(_) | Err(_) => match (disks_of(archive), disks_of(Path::new(place))) {
            (Some(one), Some(other)) => one.is_disjoint(&other),
            (None, _) | (_, None) => false,
        },
    }
}

/// The whole disks below the file system of `path`, or the server that it is a share of; `None` where the system does not
/// tell, and for memory.
fn disks_of(path: &Path) -> Option<BTreeSet<PathBuf>> {
    let device = fs::metadata(path).ok()?.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    if let Ok(block) = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")) {
        return whole_disks(&block);
    }
    // A number without a block device: btrfs gives one to each subvolume, a share has one of its own.
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let path = fs::canonicalize(path).ok()?;
    disks_of_mount(&mounts, &path)
}

/// Partitions lie on a disk, volumes of LVM, RAID and encryption on others. `None` when one of them cannot be looked at.
fn whole_disks(block: &Path) -> Option<BTreeSet<PathBuf>> {
    let mut disks = BTreeSet::new();
    match fs::read_dir(block.join("slaves")) {
        Ok(slaves) => {
            for slave in slaves {
                disks.extend(whole_disks(&fs::canonicalize(slave.ok()?.path()).ok()?)?);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => return None,
    }
    if disks.is_empty() {
        let disk = if block.join("partition").exists() { block.parent()? } else { block };
        disks.insert(disk.to_owned());
    }
    Some(disks)
}

/// What the mount that `path` lies on is made of (proc(5), mountinfo: mount point in field 5, then after the dash the
/// type and the source).
fn disks_of_mount(mounts: &str, path: &Path) -> Option<BTreeSet<PathBuf>> {
    let mount = mounts.lines().filter_map(parse_mount).filter(|mount| path.starts_with(&mount.point));
    let mount = mount.max_by_key(|mount| mount.point.as_os_str().len())?;
    match mount.kind.as_str() {
        "tmpfs" | "ramfs" | "overlay" | "rootfs" | "proc" | "sysfs" | "devtmpfs" => None,
        _ if mount.source.starts_with("/dev/") => {
            let device = fs::metadata(&mount.source).ok()?.rdev();
            let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
            fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok().and_then(|block| whole_disks(&block))
        }
        // A share: the server and its folder, which is never one of this machine's disks.
        _ => Some(BTreeSet::from([PathBuf::from(mount.source)])),
    }
}

struct Mount {
    point: PathBuf,
    kind: String,
    source: String,
}

fn parse_mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let point = PathBuf::from(before.split(' ').nth(4)?.replace("\\040", " "));
    let mut after = after.split(' ');
    Some(Mount { point, kind: after.next()?.to_owned(), source: after.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_outlives_the_drive_and_the_folder_next_door_does_not() {
        let archive = tempfile::tempdir().expect("a folder");
        let next_door = tempfile::tempdir().expect("a folder");
        assert!(is_off_drive(archive.path(), "s3:https://s3.us-west-004.backblazeb2.com/bucket/prefix"));
        assert!(!is_off_drive(archive.path(), &next_door.path().display().to_string()));
        assert!(!is_off_drive(archive.path(), "/nothing/here"));
    }

    #[test]
    fn memory_is_no_drive_and_a_share_is_one_of_its_own() {
        let mounts = "22 1 0:20 / / rw - overlay overlay rw\n23 22 0:21 / /dev/shm rw - tmpfs tmpfs rw\n\
                      24 22 0:50 / /mnt/my\\040nas rw - nfs4 nas:/photos rw\n";
        assert_eq!(disks_of_mount(mounts, Path::new("/dev/shm/copy")), None);
        assert_eq!(disks_of_mount(mounts, Path::new("/home/anna")), None);
        let share = disks_of_mount(mounts, Path::new("/mnt/my nas/copy"));
        assert_eq!(share, Some(BTreeSet::from([PathBuf::from("nas:/photos")])));
    }

    #[test]
    fn what_the_system_cannot_tell_counts_as_the_same_drive() {
        let archive = tempfile::tempdir().expect("a folder");
        assert!(!is_off_drive(archive.path(), "/proc"));
    }
}
