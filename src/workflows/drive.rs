//! Whether two places can die together.

use std::fs;
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
        Ok(_) | Err(_) => match (disk_of(archive), disk_of(&PathBuf::from(place))) {
            (Some(one), Some(other)) => one != other,
            (None, _) | (_, None) => false,
        },
    }
}

/// The whole disk below the file system of `path`, as far as the system tells.
fn disk_of(path: &Path) -> Option<PathBuf> {
    let device = fs::metadata(path).ok()?.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let Ok(block) = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")) else {
        // No block device of its own: a network share, memory, btrfs. The number tells them apart.
        return Some(PathBuf::from(format!("{major}:{minor}")));
    };
    let is_partition = block.join("partition").exists();
    if is_partition { block.parent().map(Path::to_owned) } else { Some(block) }
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
    fn another_file_system_is_another_drive() {
        let archive = tempfile::tempdir().expect("a folder");
        assert!(is_off_drive(archive.path(), "/proc"));
    }
}
