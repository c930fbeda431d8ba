//! The image of a failing drive: a sparse file of what was read, and the map of it beside it.
//!
//! The map is saved after the image: what it calls finished is in the image, whenever the power goes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::durable::{self, Readers};
use crate::formats::mapfile::{Map, MapError};

/// Why an image cannot be kept, or gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file is there, and nothing says what in it is true.
    #[error("{} is there already, and there is no map of it beside it", path.display())]
    WithoutMap {
        /// The image.
        path: PathBuf,
    },
    /// A map is there, but not its image.
    #[error("the map of {} is there, but not the image itself", path.display())]
    WithoutImage {
        /// The image.
        path: PathBuf,
    },
    /// It is the image of something else.
    #[error("{} is the image of another drive: {why}", path.display())]
    OtherDrive {
        /// The image.
        path: PathBuf,
        /// What tells so.
        why: &'static str,
    },
    /// The map beside it is no mapfile.
    #[error("{} is no mapfile of ddrescue", path.display())]
    NoMap {
        /// The map.
        path: PathBuf,
        /// What is wrong in it.
        #[source]
        cause: MapError,
    },
    /// Another run writes it at this moment.
    #[error("{} is being written by another run", path.display())]
    InUse {
        /// The image.
        path: PathBuf,
    },
    /// It can neither be read nor written.
    #[error("{} cannot be used", path.display())]
    Unusable {
        /// The image, or the map.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

/// An image that is open, and nobody else's.
pub(super) struct Image {
    file: File,
    path: PathBuf,
    map_path: PathBuf,
    /// What was never written is zero: then zeros need not be written.
    ours: bool,
}

/// A map of more text than this is none: a million and a half lines.
const LONGEST_MAP: u64 = 64 << 20;

impl Image {
    /// Opens the image of a drive of `size` bytes, or makes it; with what its map says.
    pub(super) fn open(path: &Path, size: u64) -> Result<(Self, Map), ImageError> {
        let map_path = map_of(path);
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |cause| ImageError::Unusable { path, cause }
        };
        let map_is_there = map_path.try_exists().map_err(unusable(&map_path))?;
        let image_is_there = path.try_exists().map_err(unusable(path))?;
        let map = match (image_is_there, map_is_there) {
            (false, false) => Map::new(size),
            (true, false) => return Err(ImageError::WithoutMap { path: path.to_owned() }),
            (false, true) => return Err(ImageError::WithoutImage { path: path.to_owned() }),
            (true, true) => {
                let mut text = String::new();
                let file = File::open(&map_path).map_err(unusable(&map_path))?;
                file.take(LONGEST_MAP).read_to_string(&mut text).map_err(unusable(&map_path))?;
                Map::parse(&text).map_err(|cause| ImageError::NoMap { path: map_path.clone(), cause })?
            }
        };
        let other = |why| ImageError::OtherDrive { path: path.to_owned(), why };
        if map.size() > size {
            return Err(other("its map is longer than this one"));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(!image_is_there);
        let file = options.open(path).map_err(unusable(path))?;
        let locked = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        // A network drive may know no locks: then nobody is kept out.
        if locked == Err(rustix::io::Errno::WOULDBLOCK) {
            return Err(ImageError::InUse { path: path.to_owned() });
        }
        let metadata = file.metadata().map_err(unusable(path))?;
        if image_is_there && !metadata.is_file() {
            let cause = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
            return Err(unusable(path)(cause));
        }
        if metadata.len() > size {
            return Err(other("it is longer than this one"));
        }
        let image = Self { file, path: path.to_owned(), map_path, ours: !image_is_there };
        let mut map = map;
        map.resize(size);
        if !image_is_there {
            image.file.set_len(size).map_err(unusable(path))?;
            // From here on it is known whose the image is.
            image.save(&map)?;
        }
        Ok((image, map))
    }

    /// As if it were an image, whatever it is.
    #[cfg(test)]
    pub(super) fn of_file(file: File) -> Self {
        Self { file, path: PathBuf::new(), map_path: PathBuf::new(), ours: false }
    }

    /// Reads what the map calls finished; what lies behind the end of a shorter file was never written.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, at)
    }

    pub(super) fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if self.ours && bytes.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        self.file.write_all_at(bytes, at)
    }

    /// The image first, then the map that speaks of it.
    pub(super) fn save(&self, map: &Map) -> Result<(), ImageError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |cause| ImageError::Unusable { path, cause }
        };
        self.file.sync_all().map_err(unusable(&self.path))?;
        durable::replace_file(&self.map_path, map.to_string().as_bytes(), Readers::Anyone)
            .map_err(unusable(&self.map_path))
    }
}

/// Where the map of an image lies.
pub(super) fn map_of(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".map");
    PathBuf::from(name)
}
