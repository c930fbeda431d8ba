//! What a drive or a file answers before anybody makes up for its failures.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

/// Bytes by position that may fail to come.
pub trait RawRead: Send + Sync + 'static {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Reads at most as many bytes as `into` has from `at` on, and says how many came; none behind the end.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// The smallest piece that can fail by itself.
    fn sector(&self) -> u64 {
        512
    }

    /// Whether the system still knows the drive. One that was unplugged answers every read with an error, as a bad spot does.
    fn is_there(&self) -> bool {
        true
    }
}

/// A file or a block device, open for reading.
pub struct RawFile {
    buffered: File,
    /// Past the page cache: there one bad sector takes its neighbours in the page with it, and is answered from memory later.
    direct: Option<File>,
    size: u64,
    sector: u64,
    /// What is there as long as the drive is plugged in.
    presence: Option<PathBuf>,
}

/// Buffers and positions of reads past the page cache are multiples of this, or of the sector where it is larger.
const ALIGNED: u64 = 512;

impl RawFile {
    /// Opens a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let buffered = open_for_reading(path, OFlags::empty())?;
        let size = rustix::fs::seek(&buffered, rustix::fs::SeekFrom::End(0))?;
        Ok(Self { buffered, direct: None, size, sector: ALIGNED, presence: None })
    }

    /// Opens a block device with sectors of this many bytes, of which the system knows as long as `presence` is there.
    pub fn open_device(path: &Path, sector: u64, presence: Option<PathBuf>) -> io::Result<Self> {
        // Where reads past the cache are not to be had, the others serve.
        let direct = open_for_reading(path, OFlags::DIRECT).ok();
        let sector = if sector.is_power_of_two() { sector.clamp(ALIGNED, 1 << 16) } else { ALIGNED };
        Ok(Self { direct, sector, presence, ..Self::open(path)? })
    }

    fn read_direct(&self, file: &File, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let first = at - at % self.sector;
        let wanted = (at - first).saturating_add(into.len() as u64).next_multiple_of(self.sector);
        let room = usize::try_from(self.sector.max(4096)).map_err(io::Error::other)?;
        let length = usize::try_from(wanted).map_err(io::Error::other)?;
        let mut buffer = vec![0; length.saturating_add(room)];
        let skip = buffer.as_ptr().align_offset(room).min(room);
        let aligned = buffer.get_mut(skip..skip + length).ok_or(io::ErrorKind::OutOfMemory)?;
        let came = file.read_at(aligned, first)?;
        let before = usize::try_from(at - first).map_err(io::Error::other)?;
        let useful = aligned.get(before..came).unwrap_or_default();
        let taken = useful.len().min(into.len());
        let target = into.get_mut(..taken).unwrap_or_default();
        target.copy_from_slice(useful.get(..taken).unwrap_or_default());
        Ok(taken)
    }
}

impl RawRead for RawFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        match &self.direct {
            Some(direct) => match self.read_direct(direct, at, into) {
                // The device takes no such read: at its ragged end, or with larger sectors than it said.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.buffered.read_at(into, at),
                answer => answer,
            },
            None => self.buffered.read_at(into, at),
        }
    }

    fn sector(&self) -> u64 {
        self.sector
    }

    fn is_there(&self) -> bool {
        self.presence.as_ref().is_none_or(|presence| presence.exists())
    }
}

/// One of so many parts of an image that not all of them can be open at once: it is opened for each read.
pub struct RawPart {
    path: PathBuf,
    size: u64,
}

impl RawPart {
    /// Opens the file once to see that it can be, and how long it is.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), size: RawFile::open(path)?.size })
    }
}

impl RawRead for RawPart {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        RawFile::open(&self.path)?.read_at(at, into)
    }
}

/// Opens a part of an image; from the 200th on such that it is closed again.
pub(super) fn open_part(path: &Path, index: usize) -> io::Result<Arc<dyn RawRead>> {
    // Most systems let a program have 1024 files open.
    const MOST_OPEN: usize = 200;
    Ok(if index < MOST_OPEN { Arc::new(RawFile::open(path)?) } else { Arc::new(RawPart::open(path)?) })
}

/// Opens for reading only, without touching the access time where the system lets us.
fn open_for_reading(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | more;
    let opened = match rustix::fs::open(path, flags | OFlags::NOATIME, Mode::empty()) {
        // Only the owner may ask for that.
        Err(rustix::io::Errno::PERM) => rustix::fs::open(path, flags, Mode::empty())?,
        opened => opened?,
    };
    Ok(File::from(opened))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_past_the_cache_give_the_bytes_that_reads_through_it_give() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drive");
        let content: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::File::create(&path).unwrap().write_all_at(&content, 0).unwrap();
        let raw = RawFile::open_device(&path, 512, None).unwrap();
        assert_eq!(raw.size(), 80_000);
        for (at, length) in [(0, 512), (1, 1), (511, 2), (700, 5000), (79_872, 128), (79_999, 1), (79_000, 1000)] {
            let mut bytes = vec![0; length];
            let came = raw.read_at(at, &mut bytes).unwrap();
            let start = usize::try_from(at).unwrap();
            assert_eq!(bytes[..came], content[start..start + length], "{at}");
        }
        assert_eq!(raw.read_at(80_000, &mut [0; 10]).unwrap(), 0);
    }

    #[test]
    fn a_drive_is_there_as_long_as_the_system_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let node = folder.path().join("8:16");
        std::fs::File::create(&node).unwrap();
        let raw = RawFile::open_device(&node, 4096, Some(node.clone())).unwrap();
        assert!(raw.is_there());
        std::fs::remove_file(&node).unwrap();
        assert!(!raw.is_there());
    }
}
