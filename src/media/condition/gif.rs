//! GIF (89a): blocks walked to the trailer, then every frame decoded.

use std::io::{self, Read, Seek};

use crate::formats::numbers::le16;
use crate::model::Depth;

use super::decode::{self, Decoded};
use super::{Shown, Tested, percent};
use crate::media::read_at::read_at;

/// Larger than any GIF that people keep; of larger ones only the first bytes are tested. Bounds memory.
const MAX_BYTES: usize = 128 << 20;

pub(super) fn test<R: Read + Seek>(input: &mut R, size: u64, shown: &mut Shown) -> io::Result<Tested> {
    let bytes = read_at(input, 0, MAX_BYTES)?;
    if (bytes.len() as u64) < size {
        return Ok(Tested {
            finding: Some("is too large to be tested".to_owned()),
            ..Tested::intact(Depth::Signature)
        });
    }
    let end = blocks(&bytes);
    let tested = match (end, decode::frames(input, shown)?) {
        (Walked::Cut, _) => Tested::truncated(Depth::Structure, None, "ends before its last picture does"),
        (Walked::Lost(at), _) => {
            let good = percent(at as u64, size);
            Tested::damaged(Depth::Structure, good, "is broken inside: what should be a block of it is none")
        }
        (Walked::Whole, Decoded::Whole(..)) => Tested::intact(Depth::Pixels),
        (Walked::Whole, Decoded::TooLarge(..) | Decoded::Unsupported) => Tested {
            finding: Some("is too large to decode: only its structure was tested".to_owned()),
            ..Tested::intact(Depth::Structure)
        },
        (Walked::Whole, Decoded::Failed) => {
            Tested::damaged(Depth::Pixels, None, "is broken inside: a part of its picture does not decode")
        }
    };
    Ok(match le16(&bytes, 6).zip(le16(&bytes, 8)) {
        Some((width, height)) => tested.sized(width.into(), height.into()),
        None => tested,
    })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Walked {
    Whole,
    Cut,
    Lost(usize),
}

fn blocks(bytes: &[u8]) -> Walked {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let Some(&flags) = bytes.get(10) else { return Walked::Cut };
    let mut at = 13 + table(flags);
    loop {
        let sub_blocks = match bytes.get(at) {
            None => return Walked::Cut,
            Some(0x3B) => return Walked::Whole,
            Some(0x21) => at + 2,
            Some(0x2C) => {
                let Some(&flags) = bytes.get(at + 9) else { return Walked::Cut };
                at + 10 + table(flags) + 1
            }
            Some(_) => return Walked::Lost(at),
        };
        at = sub_blocks;
        loop {
            match bytes.get(at) {
                None => return Walked::Cut,
                Some(0) => break,
                Some(&length) => at += usize::from(length) + 1,
            }
        }
        at += 1;
    }
}
