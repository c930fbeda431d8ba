//! Reading objects back, and never believing a name.

use std::fs::File;
use std::io::{self, Read};

use super::{Disk, Opened, Store, error::ObjectsError};
use crate::model::ObjectId;

/// How much [`Store::verify`] reads at a time: enough for BLAKE3 to use the widest SIMD, small enough for the cache.
const CHUNK_BYTES: usize = 256 * 1024;

/// What became of an object.
#[derive(Debug)]
pub enum Verdict {
    /// Its bytes hash to its name.
    Whole {
        /// How many they are.
        size: u64,
    },
    /// Nothing bears its name.
    Missing,
    /// Its bytes do not hash to its name, or a folder, a link or a device bears it.
    Altered,
    /// The disk could not give its bytes.
    Unreadable(io::Error),
}

/// The bytes of an object are not those that its name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("object {id} is altered: its bytes are not the ones it was stored with")]
pub struct AlteredObject {
    /// The object.
    pub id: ObjectId,
}

/// Reads an object and holds it against its name.
///
/// Nobody gets all the bytes of an altered object: in place of its last chunk comes an error of kind `InvalidData`
/// that carries an [`AlteredObject`], even if the reader stops at the size it expects and never sees the end.
#[derive(Debug)]
pub struct VerifiedReader<F = File> {
    file: F,
    id: ObjectId,
    hasher: blake3::Hasher,
    left: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Reading,
    Whole,
    Altered,
}

impl<D: Disk> Store<D> {
    /// Opens an object for reading; what comes out is what was stored, or an error.
    pub fn verified_reader(&self, id: &ObjectId) -> Result<VerifiedReader<D::File>, ObjectsError> {
        let (file, size) = self.open_sized(id)?;
        Ok(VerifiedReader::new(file, *id, size))
    }

    /// Reads an object to its end and says whether it is whole.
    ///
    /// An object that cannot be read is a verdict, not an error; an error is a store that is not there.
    pub fn verify(&self, id: &ObjectId) -> Result<Verdict, ObjectsError> {
        match self.disk.open(&self.path(id)) {
            Ok(Opened::File { file, size }) => Ok(read_out(VerifiedReader::new(file, *id, size), size)),
            Ok(Opened::Other) => Ok(Verdict::Altered),
            Ok(Opened::Nothing) => self.ensure_present().map(|()| Verdict::Missing),
            Err(error) => Ok(Verdict::Unreadable(error)),
        }
    }
}

fn read_out<F: Read>(mut reader: VerifiedReader<F>, size: u64) -> Verdict {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Verdict::Whole { size },
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if reader.state == State::Altered => return Verdict::Altered,
            Err(error) => return Verdict::Unreadable(error),
        }
    }
}

impl<F> VerifiedReader<F> {
    fn new(file: F, id: ObjectId, size: u64) -> Self {
        Self { file, id, hasher: blake3::Hasher::new(), left: size, state: State::Reading }
    }

    fn altered(&self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, AlteredObject { id: self.id })
    }
}

impl<F: Read> Read for VerifiedReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Whole => return Ok(0),
            State::Altered => return Err(self.altered()),
            State::Reading if buffer.is_empty() => return Ok(0),
            State::Reading => {}
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let chunk = buffer.get_mut(..room).unwrap_or_default();
        let read = if chunk.is_empty() { 0 } else { self.file.read(chunk)? };
        self.hasher.update(chunk.get(..read).unwrap_or_default());
        self.left = self.left.saturating_sub(read as u64);
        // The last byte goes out only when all are known to be right. A file that became shorter ends early.
        if self.left == 0 || read == 0 {
            if ObjectId::from_hash(*self.hasher.finalize().as_bytes()) != self.id {
                self.state = State::Altered;
                return Err(self.altered());
            }
            self.state = State::Whole;
        }
        Ok(read)
    }
}
