//! Many files made durable at once.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The disk that files are restored to.
pub(super) struct WholeDisk {
    folder: File,
    device: u64,
    syncs_as_one: bool,
}

/// File systems of the kernel whose syncfs(2) flushes the drive too, as fsync(2) does: ext2 to ext4, XFS, Btrfs, F2FS,
/// and memory, which has nothing to flush (statfs(2), `f_type`).
const SYNC_AS_ONE: &[u64] = &[0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994];

impl WholeDisk {
    /// Opened before the first file is written, or a write that failed in between would not be told of.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let folder = File::open(folder)?;
        let kind = rustix::fs::fstatfs(&folder)?.f_type;
        let syncs_as_one = u64::try_from(kind).is_ok_and(|kind| SYNC_AS_ONE.contains(&kind));
        Ok(Self { device: folder.metadata()?.dev(), folder, syncs_as_one })
    }

    /// Puts the bytes of all files on the disk; one call for hundreds of small ones, which fsync(2) would each wait for.
    ///
    /// `false`: they have to be synced one by one, and each says how it went.
    pub(super) fn sync<'a>(&self, mut files: impl Iterator<Item = &'a File>) -> bool {
        let is_on_it = |file: &File| file.metadata().is_ok_and(|metadata| metadata.dev() == self.device);
        let synced = self.syncs_as_one && files.all(is_on_it) && rustix::fs::syncfs(&self.folder).is_ok();
        #[cfg(test)]
        tests::note(if synced { tests::Step::SyncedAll } else { tests::Step::SyncRefused });
        synced
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What was done for files on their way to their names, in its order.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(in crate::workflows) enum Step {
        SyncedAll,
        SyncRefused,
        SyncedOne,
        Named,
    }

    thread_local! {
        static STEPS: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
    }

    pub(in crate::workflows) fn note(step: Step) {
        STEPS.with_borrow_mut(|steps| steps.push(step));
    }

    pub(in crate::workflows) fn steps() -> Vec<Step> {
        STEPS.take()
    }

    #[test]
    fn files_of_another_disk_are_not_said_to_be_synced() {
        let here = tempfile::tempdir().unwrap();
        let disk = WholeDisk::of(here.path()).unwrap();
        let file = tempfile::tempfile_in(here.path()).unwrap();
        assert_eq!(disk.sync(std::iter::once(&file)), disk.syncs_as_one);
        let elsewhere = File::open("/proc/self/status").unwrap();
        assert!(!disk.sync([&file, &elsewhere].into_iter()));
    }
}
