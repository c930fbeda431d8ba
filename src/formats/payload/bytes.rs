//! A file by offset, in bounded memory: what is not there, and what would be read again and again, ends the walk.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use crate::formats::isobmff::Extent;

const BUFFER: usize = 64 * 1024;

/// Why a walk ended before the end of the picture.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file is cut, broken, or something else than it seems.
    NotWhole,
    /// The input itself failed.
    Unreadable(io::Error),
}

pub(super) type Walked<T> = Result<T, Stop>;

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::NotWhole } else { Self::Unreadable(error) }
    }
}

/// What must be there.
pub(super) fn sound<T>(found: Option<T>) -> Walked<T> {
    found.ok_or(Stop::NotWhole)
}

pub(super) struct Bytes<'a, R> {
    input: BufReader<&'a mut R>,
    at: u64,
    /// Bytes of the whole file.
    pub(super) size: u64,
    /// How many more may be fed: tables of a hostile file name the same bytes a million times.
    left: u64,
}

impl<'a, R: Read + Seek> Bytes<'a, R> {
    pub(super) fn new(input: &'a mut R, size: u64) -> io::Result<Self> {
        input.seek(SeekFrom::Start(0))?;
        Ok(Self { input: BufReader::with_capacity(BUFFER, input), at: 0, size, left: size.saturating_mul(2) })
    }

    /// All bytes, one after the other; to be asked for before anything was read.
    pub(super) fn into_stream(self) -> impl BufRead {
        self.input
    }

    /// Exactly `length` bytes.
    pub(super) fn read(&mut self, at: u64, length: usize) -> Walked<Vec<u8>> {
        if at.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(Stop::NotWhole);
        }
        self.go_to(at)?;
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes)?;
        self.at += length as u64;
        Ok(bytes)
    }

    /// Fewer bytes where the file ends.
    pub(super) fn read_up_to(&mut self, at: u64, length: usize) -> Walked<Vec<u8>> {
        let there = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        if there == 0 { Ok(Vec::new()) } else { self.read(at, length.min(there)) }
    }

    pub(super) fn byte(&mut self, at: u64) -> Walked<u8> {
        sound(self.read(at, 1)?.first().copied())
    }

    /// Gives all of an extent to a hash.
    pub(super) fn feed(&mut self, hasher: &mut blake3::Hasher, extent: Extent) -> Walked<()> {
        self.spend(extent.length)?;
        let end = sound(extent.start.checked_add(extent.length).filter(|end| *end <= self.size))?;
        let mut at = extent.start;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(BUFFER).min(BUFFER);
            hasher.update(&self.read(at, length)?);
            at += length as u64;
        }
        Ok(())
    }

    /// Counts bytes that are given to a hash from memory.
    pub(super) fn spend(&mut self, length: u64) -> Walked<()> {
        self.left = sound(self.left.checked_sub(length))?;
        Ok(())
    }

    fn go_to(&mut self, at: u64) -> Walked<()> {
        let by = sound(at.checked_signed_diff(self.at))?;
        self.input.seek_relative(by)?;
        self.at = at;
        Ok(())
    }
}
