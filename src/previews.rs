//! Previews: small JPEGs of what is stored, made again whenever they are missing.
//!
//! ```text
//! ARCHIVE/previews/ab/<64 hex>.512.jpg     upright, long side at most 512 pixels
//! ARCHIVE/previews/ab/<64 hex>.1440.jpg    upright, long side at most 1440 pixels
//! ARCHIVE/previews/ab/<64 hex>.none        why there is neither, in one line of text, behind the version of the maker
//! ```
//!
//! Nothing here is worth a sync: a file that a crash left without its end is not believed, and made anew. All of it may be
//! deleted at any time, and none of it is backed up.

mod error;

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::model::ObjectId;

pub use error::PreviewsError;

/// Previews leave this much of a drive free, in bytes: photos and the catalog need it more.
const RESERVE: u64 = 256 << 20;

/// How large a preview is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// A long side of at most 512 pixels.
    Small,
    /// A long side of at most 1440 pixels.
    Large,
}

impl Size {
    fn extension(self) -> &'static str {
        match self {
            Self::Small => "512.jpg",
            Self::Large => "1440.jpg",
        }
    }
}

/// What is known of an object's previews.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Both are there, and whole.
    Shown,
    /// This version of the maker could make none: why, in words that follow “the file …”.
    NotShown(String),
    /// Nobody has tried, a file of it was lost, or another version of the maker tried and failed.
    Nothing,
}

/// The folder of previews.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Previews {
    folder: PathBuf,
}

impl Previews {
    /// The previews in `folder`, which is made when the first is put there.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where an object's preview is, or would be.
    pub fn path(&self, object: &ObjectId, size: Size) -> PathBuf {
        self.file(object, size.extension())
    }

    /// What there is of an object. `maker` is the version that would make its previews now.
    pub fn find(&self, object: &ObjectId, maker: &str) -> Result<Found, PreviewsError> {
        if self.is_whole(object, Size::Small)? && self.is_whole(object, Size::Large)? {
            return Ok(Found::Shown);
        }
        let path = self.file(object, "none");
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| file.take(4096).read_to_string(&mut text));
        match read {
            Ok(_) => {}
            // Bytes that are no text are nobody's reason.
            Err(error) if is_absent(&error) || error.kind() == io::ErrorKind::InvalidData => {
                return Ok(Found::Nothing);
            }
            Err(source) => return Err(PreviewsError::NotRead { path, source }),
        }
        let why = text.strip_prefix(maker).and_then(|rest| rest.strip_prefix(": ")?.strip_suffix('\n'));
        Ok(why.map_or(Found::Nothing, |why| Found::NotShown(why.to_owned())))
    }

    /// Puts both previews of an object in their place. After a crash of the program each is there whole, is not there, or is not
    /// believed. After a power cut one may lack a part inside and be believed: they are not synced, because they can be made
    /// again (`keepsake previews --again`).
    pub fn put(&self, object: &ObjectId, small: &[u8], large: &[u8]) -> Result<(), PreviewsError> {
        self.write(&self.path(object, Size::Small), small)?;
        self.write(&self.path(object, Size::Large), large)?;
        let none = self.file(object, "none");
        match fs::remove_file(&none) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(PreviewsError::new(none, source)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes down why an object has none.
    pub fn put_none(&self, object: &ObjectId, why: &str, maker: &str) -> Result<(), PreviewsError> {
        let why = why.replace(char::is_control, " ");
        self.write(&self.file(object, "none"), format!("{maker}: {why}\n").as_bytes())
    }

    fn file(&self, object: &ObjectId, extension: &str) -> PathBuf {
        self.folder.join(object.short(2)).join(format!("{object}.{extension}"))
    }

    /// Whether the file begins and ends as a JPEG does (T.81, B.1.1.3: SOI and EOI).
    fn is_whole(&self, object: &ObjectId, size: Size) -> Result<bool, PreviewsError> {
        let path = self.path(object, size);
        let ends = || -> io::Result<[u8; 4]> {
            let mut file = File::open(&path)?;
            let mut ends = [0; 4];
            let (start, end) = ends.split_at_mut(2);
            file.read_exact(start)?;
            file.seek(SeekFrom::End(-2))?;
            file.read_exact(end)?;
            Ok(ends)
        };
        match ends() {
            Ok(ends) => Ok(ends == [0xFF, 0xD8, 0xFF, 0xD9]),
            Err(error) if is_absent(&error) || error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            // A file of fewer than two bytes has no last two.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(false),
            Err(source) => Err(PreviewsError::NotRead { path, source }),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), PreviewsError> {
        let failed = |source| PreviewsError::new(path.to_owned(), source);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(failed)?;
        let drive = rustix::fs::statvfs(folder).map_err(|error| failed(error.into()))?;
        if drive.f_bavail.saturating_mul(drive.f_frsize) < RESERVE {
            return Err(failed(io::ErrorKind::StorageFull.into()));
        }
        let mut file = tempfile::Builder::new()
            .prefix(".unfinished-")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// Whether there is no such file, nor can be.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = &[0xFF, 0xD8, 1, 2, 3, 0xFF, 0xD9];
    const MAKER: &str = "maker 1";

    fn previews() -> (tempfile::TempDir, Previews, ObjectId) {
        let place = tempfile::tempdir().unwrap();
        let previews = Previews::at(&place.path().join("previews"));
        (place, previews, ObjectId::of(b"a photo"))
    }

    #[test]
    fn what_was_put_there_is_found() {
        let (_place, previews, object) = previews();
        assert_eq!(previews.find(&object, MAKER).unwrap(), Found::Nothing);
        previews.put(&object, JPEG, JPEG).unwrap();
        assert_eq!(previews.find(&object, MAKER).unwrap(), Found::Shown);
        let path = previews.path(&object, Size::Small);
        assert_eq!(fs::read(&path).unwrap(), JPEG);
        assert!(path.ends_with(format!("{}/{object}.512.jpg", object.short(2))), "{}", path.display());
    }

    #[test]
    fn a_preview_that_a_crash_cut_short_is_not_believed() {
        let (_place, previews, object) = previews();
        for cut in 0..JPEG.len() {
            previews.put(&object, JPEG, JPEG).unwrap();
            let file = File::options().write(true).open(previews.path(&object, Size::Large)).unwrap();
            file.set_len(cut as u64).unwrap();
            assert_eq!(previews.find(&object, MAKER).unwrap(), Found::Nothing, "{cut}");
        }
        previews.put(&object, JPEG, JPEG).unwrap();
        fs::remove_file(previews.path(&object, Size::Small)).unwrap();
        assert_eq!(previews.find(&object, MAKER).unwrap(), Found::Nothing);
    }

    #[test]
    fn a_reason_holds_for_its_own_maker_and_until_there_is_a_preview() {
        let (_place, previews, object) = previews();
        previews.put_none(&object, "is too\nlarge", MAKER).unwrap();
        assert_eq!(previews.find(&object, MAKER).unwrap(), Found::NotShown("is too large".to_owned()));
        assert_eq!(previews.find(&object, "maker 2").unwrap(), Found::Nothing);
        previews.put(&object, JPEG, JPEG).unwrap();
        assert_eq!(previews.find(&object, MAKER).unwrap(), Found::Shown);
        fs::remove_file(previews.path(&object, Size::Small)).unwrap();
        assert_eq!(previews.find(&object, MAKER).unwrap(), Found::Nothing, "the reason is gone");
    }

    #[test]
    fn a_reason_that_a_crash_cut_short_is_none() {
        let (_place, previews, object) = previews();
        previews.put_none(&object, "is a sidecar", MAKER).unwrap();
        let path = previews.file(&object, "none");
        let whole = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(whole - 1).unwrap();
        assert_eq!(previews.find(&object, MAKER).unwrap(), Found::Nothing);
    }
}
