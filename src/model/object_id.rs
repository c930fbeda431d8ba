//! The name of a content: its BLAKE3 hash.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha1::Digest as _;

/// The name of some bytes: their 256-bit BLAKE3 hash, written as 64 lower-case hex digits.
///
/// Exists only for bytes that were hashed or text that was checked, so two equal ids mean equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectId([u8; 32]);

impl ObjectId {
    /// Names `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Takes over a hash that was computed elsewhere (a catalog row, a finished [`Hasher`]).
    pub fn from_hash(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The 32 bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first `digits` hex digits (at most 64), for names that must stay short.
    pub fn short(&self, digits: usize) -> String {
        let mut hex = self.to_string();
        hex.truncate(digits);
        hex
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

impl FromStr for ObjectId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| ParseIdError(text.to_owned()))
    }
}

impl TryFrom<String> for ObjectId {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ObjectId> for String {
    fn from(id: ObjectId) -> Self {
        id.to_string()
    }
}

/// The text is not 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not the name of an object (64 hex digits)")]
pub struct ParseIdError(String);

/// A SHA-1 digest. Never a name of ours: other programs' wire formats ask for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sha1Digest(pub [u8; 20]);

/// Names a stream by its content alone, where nobody asks for its SHA-1.
#[derive(Default)]
pub struct Namer(blake3::Hasher);

impl Namer {
    /// Takes in the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The name of all bytes taken in.
    pub fn finish(&self) -> ObjectId {
        ObjectId(*self.0.finalize().as_bytes())
    }
}

/// Hashes a stream both ways at once, so that each byte is read once.
pub struct Hasher {
    blake3: blake3::Hasher,
    sha1: sha1::Sha1,
    size: u64,
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new() -> Self {
        Self { blake3: blake3::Hasher::new(), sha1: sha1::Sha1::new(), size: 0 }
    }

    /// Takes in the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        self.blake3.update(bytes);
        self.sha1.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
    }

    /// The name of all bytes taken in, their SHA-1 and their number.
    pub fn finish(self) -> (ObjectId, Sha1Digest, u64) {
        (ObjectId(*self.blake3.finalize().as_bytes()), Sha1Digest(self.sha1.finalize().into()), self.size)
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_own_text() {
        let id = ObjectId::of(b"a photo");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.short(8).len(), 8);
    }

    #[test]
    fn upper_case_short_and_foreign_text_is_refused() {
        let id = ObjectId::of(b"a photo").to_string();
        for text in [id.to_uppercase(), id.chars().skip(1).collect(), "../../etc/passwd".to_owned(), String::new()] {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_stream_hasher_agrees_with_the_known_digests_of_nothing() {
        let (id, sha1, size) = Hasher::new().finish();
        assert_eq!(id.to_string(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        assert_eq!(HEXLOWER.encode(&sha1.0), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(size, 0);
    }
}
