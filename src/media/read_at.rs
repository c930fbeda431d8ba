//! Reading by offset, in bounded memory.

use std::io::{self, Read, Seek, SeekFrom};

/// Reads `length` bytes at `at`, fewer where the file ends. Allocates no more than is there.
pub(super) fn read_at<R: Read + Seek>(input: &mut R, at: u64, length: usize) -> io::Result<Vec<u8>> {
    input.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    input.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
