//! Which file system a folder lies on: two drives mounted at the same place must not pass for one.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The UUID of the file system that `folder` lies on, as udev knows it.
///
/// `None` where there is none to find: network and memory file systems, containers without `/dev/disk`.
pub(super) fn uuid(folder: &Path) -> Option<String> {
    let device = fs::metadata(folder).ok()?.dev();
    let by_uuid = fs::read_dir("/dev/disk/by-uuid").ok()?;
    by_uuid.flatten().find_map(|entry| {
        let block_device = fs::metadata(entry.path()).ok()?.rdev();
        (block_device == device).then(|| entry.file_name().to_string_lossy().into_owned())
    })
}
