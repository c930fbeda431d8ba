//! What every [`Disk`] does alike.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use super::crash_disk::CrashDisk;
use crate::objects::{Disk, Entry, LocalDisk, Opened};

/// Runs a check on each disk, in a folder that is empty.
fn on_every_disk(check: &impl Check) {
    let folder = tempfile::tempdir().unwrap();
    check.run(&LocalDisk, folder.path());
    let disk = CrashDisk::default();
    disk.create_folder(Path::new("/scratch")).unwrap();
    check.run(&disk, Path::new("/scratch"));
}

trait Check {
    fn run<D: Disk>(&self, disk: &D, folder: &Path);
}

/// Writes a test whose body runs on each disk.
macro_rules! on_every_disk {
    (fn $name:ident($disk:ident, $folder:ident) $body:block) => {
        #[test]
        fn $name() {
            struct Here;
            impl Check for Here {
                fn run<D: Disk>(&self, $disk: &D, $folder: &Path) $body
            }
            on_every_disk(&Here);
        }
    };
}

fn put<D: Disk>(disk: &D, path: &Path, bytes: &[u8]) {
    disk.create_new(path).unwrap().write_all(bytes).unwrap();
}

fn get<D: Disk>(disk: &D, path: &Path) -> Vec<u8> {
    let Opened::File { mut file, size } = disk.open(path).unwrap() else { panic!("{} is no file", path.display()) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, size);
    bytes
}

on_every_disk! {
    fn a_file_that_was_written_can_be_read(disk, folder) {
        let path = folder.join("a");
        let mut file = disk.create_new(&path).unwrap();
        file.write_all(b"one ").unwrap();
        file.write_all(b"two").unwrap();
        disk.sync_file(&file).unwrap();
        disk.sync_folder(folder).unwrap();
        assert_eq!(get(disk, &path), b"one two");
        assert_eq!(disk.entry(&path).unwrap(), Entry::File { size: 7 });
    }
}

on_every_disk! {
    fn a_name_is_given_once(disk, folder) {
        let (file, child) = (folder.join("a"), folder.join("d"));
        put(disk, &file, b"first");
        disk.create_folder(&child).unwrap();
        for path in [&file, &child] {
            assert_eq!(disk.create_new(path).err().unwrap().kind(), ErrorKind::AlreadyExists);
            assert_eq!(disk.create_folder(path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        }
        assert_eq!(get(disk, &file), b"first");
    }
}

on_every_disk! {
    fn rename_new_never_replaces(disk, folder) {
        let (from, to) = (folder.join("from"), folder.join("to"));
        put(disk, &from, b"new");
        put(disk, &to, b"old");
        assert_eq!(disk.rename_new(&from, &to).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!((get(disk, &from), get(disk, &to)), (b"new".to_vec(), b"old".to_vec()));
        disk.remove(&to).unwrap();
        disk.rename_new(&from, &to).unwrap();
        assert_eq!(get(disk, &to), b"new");
        assert_eq!(disk.entry(&from).unwrap(), Entry::Nothing);
    }
}

on_every_disk! {
    fn rename_over_replaces_a_file_and_no_folder(disk, folder) {
        let (from, to, child) = (folder.join("from"), folder.join("to"), folder.join("d"));
        put(disk, &from, b"new");
        put(disk, &to, b"old");
        disk.create_folder(&child).unwrap();
        assert!(disk.rename_over(&from, &child).is_err());
        disk.rename_over(&from, &to).unwrap();
        assert_eq!(get(disk, &to), b"new");
        assert_eq!(disk.entry(&child).unwrap(), Entry::Folder);
    }
}

on_every_disk! {
    fn what_is_missing_is_said_to_be_missing(disk, folder) {
        put(disk, &folder.join("a"), b"x");
        put(disk, &folder.join("b"), b"x");
        for path in [folder.join("none"), folder.join("none/a"), folder.join("a/below a file")] {
            assert_eq!(disk.entry(&path).unwrap(), Entry::Nothing);
            assert!(matches!(disk.open(&path).unwrap(), Opened::Nothing));
            assert!(!disk.remove_abandoned(&path).unwrap());
        }
        assert_eq!(disk.list(&folder.join("none")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(disk.list(&folder.join("a")).unwrap_err().kind(), ErrorKind::NotADirectory);
        assert_eq!(disk.remove(&folder.join("none")).unwrap_err().kind(), ErrorKind::NotFound);
        let into_nothing = disk.rename_new(&folder.join("a"), &folder.join("none/a"));
        assert_eq!(into_nothing.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(disk.sync_folder(&folder.join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

on_every_disk! {
    fn a_folder_is_not_opened_as_a_file(disk, folder) {
        let child = folder.join("d");
        disk.create_folder(&child).unwrap();
        assert_eq!(disk.entry(&child).unwrap(), Entry::Folder);
        assert!(matches!(disk.open(&child).unwrap(), Opened::Other));
        assert!(!disk.remove_abandoned(&child).unwrap());
    }
}

on_every_disk! {
    fn only_files_that_nobody_holds_are_abandoned(disk, folder) {
        let path = folder.join("a");
        let held = disk.create_new(&path).unwrap();
        assert!(!disk.remove_abandoned(&path).unwrap());
        assert_eq!(disk.entry(&path).unwrap(), Entry::File { size: 0 });
        drop(held);
        assert!(disk.remove_abandoned(&path).unwrap());
        assert_eq!(disk.entry(&path).unwrap(), Entry::Nothing);
    }
}

on_every_disk! {
    fn a_listing_has_every_name(disk, folder) {
        put(disk, &folder.join("b"), b"x");
        put(disk, &folder.join("a"), b"x");
        disk.create_folder(&folder.join("d")).unwrap();
        let mut names = disk.list(folder).unwrap();
        names.sort();
        assert_eq!(names, ["a", "b", "d"]);
    }
}
