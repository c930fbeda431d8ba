//! Small files that a crash leaves whole: settings, secrets, kits.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readers {
    /// The user alone: mode 0600, from before the first byte is written.
    OwnerOnly,
    /// Whoever the umask lets: mode 0644 less the umask.
    Anyone,
}

/// How the names of files begin and end that a crash left unfinished; they can be removed.
const UNFINISHED: (&str, &str) = (".keepsake-", ".new");

/// Whether a file of this name is one that a crash left unfinished.
pub fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1)
}

/// Puts `bytes` at `path`, in place of whatever file stood there.
///
/// After `Ok` the new content is on the disk, and its name too. After `Err`, or after a crash at any moment, `path`
/// holds all of the old content or all of the new one (rename(2) is atomic; the file is synced before it and the
/// folder after it). With [`Readers::OwnerOnly`] a file system that cannot keep a file private (exFAT, a share) is
/// refused before a byte is written.
pub fn replace_file(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let folder = folder_of(path);
    let mode = match readers {
        Readers::OwnerOnly => 0o600,
        Readers::Anyone => 0o644,
    };
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED.0)
        .suffix(UNFINISHED.1)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    if readers == Readers::OwnerOnly && !is_private(&file.as_file().metadata()?.permissions()) {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the file system there cannot hide a file from other users of this computer",
        ));
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Gives a whole file its name, in place of whatever bore it. After `Ok` the name is on the disk; after a crash the
/// file has one of its two names.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    File::open(from)?.sync_all()?;
    rustix::fs::rename(from, to)?;
    sync_folder(folder_of(to))
}

/// Makes a folder and the missing ones above it. After `Ok` all their names are on the disk; so is the folder's own if it
/// was there before, since a run that died may have made it a moment ago.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let above = folder_of(path);
    if path.is_dir() {
        return match sync_folder(above) {
            // Nobody makes a folder in one that he may not open, and dies the moment after.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        };
    }
    create_folder(above)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_folder(above)
}

/// Whether nobody but the owner may do anything with the file.
pub fn is_private(permissions: &Permissions) -> bool {
    let others = permissions.mode() & 0o077;
    others == 0
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder that a path stands in; `.` for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) => Path::new("."),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings");
        replace_file(&path, b"a long old content", Readers::Anyone).unwrap();
        replace_file(&path, b"new", Readers::Anyone).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_private_file_is_private_even_where_a_wide_one_stood() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        replace_file(&path, b"x", Readers::Anyone).unwrap();
        assert!(!is_private(&fs::metadata(&path).unwrap().permissions()));
        replace_file(&path, b"x", Readers::OwnerOnly).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir_all(path.join("inside")).unwrap();
        replace_file(&path, b"new", Readers::Anyone).unwrap_err();
        assert!(path.join("inside").is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_are_made_all_the_way_down_and_may_be_there_already() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        create_folder(&deep).unwrap();
        create_folder(&deep).unwrap();
        assert!(deep.is_dir());
    }

    /// The order that crash safety rests on, as the system saw it: runs the test above under strace.
    #[test]
    fn the_file_is_synced_before_it_gets_its_name_and_the_folder_after() {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let traced = std::process::Command::new("strace")
            .args(["-f", "-y", "-e", "trace=fsync,rename,renameat,renameat2,write", "-o"])
            .arg(trace.path())
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "durable::tests::a_file_is_replaced_whole_and_nothing_is_left_beside_it"])
            .output();
        if !traced.is_ok_and(|output| output.status.success()) {
            eprintln!("stepping aside: strace is not installed, or may not trace");
            return;
        }
        let text = fs::read_to_string(trace.path()).unwrap();
        let calls: Vec<&str> = text
            .lines()
            .filter_map(|line| {
                let unfinished = line.contains(UNFINISHED.0);
                let call = line.split_whitespace().nth(1)?.split('(').next()?;
                match call {
                    "write" if unfinished => Some("write file"),
                    "fsync" if unfinished => Some("sync file"),
                    "fsync" => Some("sync folder"),
                    _ if unfinished && call.starts_with("rename") => Some("rename"),
                    _ => None,
                }
            })
            .collect();
        let once = ["write file", "sync file", "rename", "sync folder"];
        assert_eq!(calls, [once, once].concat(), "{text}");
    }
}
