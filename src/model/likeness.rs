//! What finds the same picture again in other bytes.
//!
//! Likeness groups and proposes. Nothing is ever dropped, merged or left out of a backup for it.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

/// What an examination found that other files may share.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Likeness {
    /// The picture's or video's own data, as stored.
    pub payload: Option<Payload>,
    /// How the picture looks, as far as it was decoded.
    pub look: Option<Look>,
}

/// The name of what is left of a file without its metadata: 128 bits of BLAKE3.
///
/// Equal payloads mean the same picture to the last pixel, whatever was written about it; files of different formats
/// never share one. Written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Payload([u8; 16]);

/// How a picture looks from afar, upright: the signs of brightness differences between neighbours to the right
/// (“dHash”), in a small raster and in a finer one that confirms it. Written as 80 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Look {
    /// 8 rows of 8 signs, row by row from the highest bit.
    pub coarse: u64,
    /// 16 rows of 16 signs in the same order, the highest bit of the first number first.
    pub fine: [u64; 4],
}

impl Payload {
    /// Takes over the first half of a BLAKE3 hash, or a catalog row.
    pub fn from_hash(hash: [u8; 16]) -> Self {
        Self(hash)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Look {
    /// The 40 bytes: coarse, then fine, each number with its highest byte first.
    pub fn to_bytes(self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let numbers = std::iter::once(self.coarse).chain(self.fine);
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8; 40]) -> Self {
        let mut numbers =
            bytes.chunks_exact(8).map(|eight| eight.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        let mut next = || numbers.next().unwrap_or_default();
        Self { coarse: next(), fine: [next(), next(), next(), next()] }
    }

    /// In how many of 64 coarse and of 256 fine signs two pictures differ.
    pub fn distance(&self, other: &Self) -> (u32, u32) {
        let fine = self.fine.iter().zip(other.fine).map(|(one, other)| (one ^ other).count_ones()).sum();
        ((self.coarse ^ other.coarse).count_ones(), fine)
    }
}

/// The text is not that many lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a payload (32 hex digits) or a look (80)")]
pub struct ParseLikenessError(String);

macro_rules! written_in_hex {
    ($type:ty, $length:literal, $read:expr, $write:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let write: fn(&$type) -> [u8; $length] = $write;
                f.write_str(&HEXLOWER.encode(&write(self)))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($type))
            }
        }

        impl FromStr for $type {
            type Err = ParseLikenessError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let read: fn(&[u8; $length]) -> $type = $read;
                let bytes = HEXLOWER.decode(text.as_bytes()).ok();
                let bytes = bytes.and_then(|bytes| <[u8; $length]>::try_from(bytes).ok());
                bytes.map(|bytes| read(&bytes)).ok_or_else(|| ParseLikenessError(text.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = ParseLikenessError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

written_in_hex!(Payload, 16, |bytes| Payload(*bytes), |payload| payload.0);
written_in_hex!(Look, 40, Look::from_bytes, |look| look.to_bytes());

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { coarse: 0x0123_4567_89ab_cdef, fine: [1, u64::MAX, 0, 0x8000_0000_0000_0000] };

    #[test]
    fn text_and_bytes_bring_back_what_was_written() {
        assert_eq!(Look::from_bytes(&LOOK.to_bytes()), LOOK);
        assert_eq!(LOOK.to_string().parse(), Ok(LOOK));
        assert!(LOOK.to_string().starts_with("0123456789abcdef0000000000000001ffffffffffffffff"));
        let payload = Payload::from_hash([0xab; 16]);
        assert_eq!(payload.to_string().parse(), Ok(payload));
        assert!("ab".parse::<Payload>().is_err() && "".parse::<Look>().is_err());
    }

    #[test]
    fn distance_counts_the_signs_that_differ() {
        let other = Look { coarse: LOOK.coarse ^ 0b101, fine: [0, u64::MAX, 7, 0] };
        assert_eq!(LOOK.distance(&LOOK), (0, 0));
        assert_eq!(LOOK.distance(&other), (2, 5));
    }
}
