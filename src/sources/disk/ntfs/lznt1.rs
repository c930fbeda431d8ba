//! LZNT1, as NTFS packs files with it: chunks of 4 KiB, each by itself.
//!
//! Never gives more than the caller has room for, and reads each packed byte once.

use crate::formats::numbers::le16;

/// Bytes of a chunk once it is unpacked.
const CHUNK: usize = 4096;

/// What is packed breaks off or makes no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("what is compressed here is damaged")]
pub(in crate::sources) struct Broken {
    /// How many bytes in front of the damage came out; those behind are zeros.
    pub(in crate::sources) good: usize,
}

/// Unpacks one unit. What it does not fill of `into` is zeros, as NTFS has it.
///
/// # Errors
/// Where the unit is damaged; what came out until then is in `into`.
pub(in crate::sources) fn unpack(unit: &[u8], into: &mut [u8]) -> Result<(), Broken> {
    into.fill(0);
    let mut left = unit;
    let mut good = 0;
    for chunk in into.chunks_mut(CHUNK) {
        // Two zeros, or nothing more at all, where less than a header has room: the rest is zeros.
        let Some(head) = le16(left, 0).filter(|head| *head != 0) else { break };
        let length = usize::from(head & 0xFFF) + 1;
        let packed = left.get(2..2 + length);
        let done = match packed {
            Some(packed) if head & 0x8000 != 0 => unpack_chunk(packed, chunk),
            Some(plain) => Ok(copy(plain, chunk)),
            None => Err(0),
        };
        good += done.map_err(|before| Broken { good: good + before })?;
        left = left.get(2 + length..).unwrap_or_default();
    }
    Ok(())
}

fn copy(plain: &[u8], chunk: &mut [u8]) -> usize {
    let length = plain.len().min(chunk.len());
    if let (Some(to), Some(from)) = (chunk.get_mut(..length), plain.get(..length)) {
        to.copy_from_slice(from);
    }
    chunk.len()
}

/// Unpacks one chunk; answers its length, or how much came out in front of what makes no sense.
fn unpack_chunk(packed: &[u8], chunk: &mut [u8]) -> Result<usize, usize> {
    let mut bytes = packed.iter().copied();
    let mut filled = 0;
    while let Some(flags) = bytes.next() {
        for bit in 0..8 {
            if filled == chunk.len() {
                return Ok(filled);
            }
            if flags >> bit & 1 == 0 {
                let Some(byte) = bytes.next() else { return Ok(chunk.len()) };
                *chunk.get_mut(filled).ok_or(filled)? = byte;
                filled += 1;
                continue;
            }
            let Some(low) = bytes.next() else { return Ok(chunk.len()) };
            let pair = u16::from_le_bytes([low, bytes.next().ok_or(filled)?]);
            filled = repeat(pair, chunk, filled).ok_or(filled)?;
        }
    }
    Ok(chunk.len())
}

/// Repeats what came out before: how far back, and how much. The further the chunk is, the more bits say how far back.
fn repeat(pair: u16, chunk: &mut [u8], filled: usize) -> Option<usize> {
    let far_bits = usize::BITS - filled.checked_sub(1)?.leading_zeros();
    let length_bits = 16 - far_bits.clamp(4, 12);
    let back = usize::from(pair >> length_bits) + 1;
    let length = usize::from(pair & ((1 << length_bits) - 1)) + 3;
    let end = (filled + length).min(chunk.len());
    for (from, to) in (filled.checked_sub(back)?..).zip(filled..end) {
        *chunk.get_mut(to)? = *chunk.get(from)?;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Packs as simply as can be: what occurred before in the chunk, searched for without any cleverness.
    fn pack(plain: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        for chunk in plain.chunks(CHUNK) {
            let body = pack_chunk(chunk);
            if body.len() >= CHUNK {
                packed.extend((0x3000 | u16::try_from(chunk.len() - 1).unwrap()).to_le_bytes());
                packed.extend(chunk);
            } else {
                packed.extend((0xB000 | u16::try_from(body.len() - 1).unwrap()).to_le_bytes());
                packed.extend(body);
            }
        }
        packed
    }

    fn pack_chunk(chunk: &[u8]) -> Vec<u8> {
        let (mut body, mut at) = (Vec::new(), 0);
        while at < chunk.len() {
            let flags_at = body.len();
            body.push(0);
            for bit in 0..8 {
                if at >= chunk.len() {
                    break;
                }
                let mut length_bits = 12;
                while at > 1 << (16 - length_bits) {
                    length_bits -= 1;
                }
                let longest = (1 << length_bits) + 2;
                let same = |back: usize| {
                    let mut length = 0;
                    while length < longest
                        && at + length < chunk.len()
                        && chunk[at + length - back] == chunk[at + length]
                    {
                        length += 1;
                    }
                    (length, back)
                };
                let furthest = at.min(1 << (16 - length_bits));
                match (1..=furthest.min(24)).chain(furthest.saturating_sub(8).max(1)..=furthest).map(same).max() {
                    Some((length, back)) if length >= 3 => {
                        body[flags_at] |= 1 << bit;
                        body.extend(u16::try_from((back - 1) << length_bits | (length - 3)).unwrap().to_le_bytes());
                        at += length;
                    }
                    _ => {
                        body.push(chunk[at]);
                        at += 1;
                    }
                }
            }
        }
        body
    }

    #[test]
    fn the_example_of_the_specification_comes_out() {
        // [MS-XCA] 3.3
        let packed = b"\x38\xb0\x88F# \x00 G A\x00\x10\xa2G\x01\xa0E D\x00\x08E\x01\x50y\x00\xc0E \x05$\x13\x88\x05\xb4\x02JD\xef\x03\x58\x02\x8c\x09\x16\x01HE\x00\xbe\x00\x9e\x00\x04\x01\x18\x90\x00";
        let text = b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0";
        let mut plain = vec![9; text.len()];
        assert_eq!(unpack(packed, &mut plain), Ok(()));
        assert_eq!(plain, text);
    }

    #[test]
    fn damage_tells_how_much_came_out_before_it() {
        let mut into = [9; 5000];
        // One letter, and then a repetition of what is not there yet.
        assert_eq!(unpack(&[0x03, 0xB0, 0b10, b'a', 0xFF, 0xFF], &mut into), Err(Broken { good: 1 }));
        assert_eq!(into.iter().filter(|byte| **byte != 0).count(), 1);
        assert_eq!(unpack(&[0xFF, 0x3F, 1, 2, 3], &mut into), Err(Broken { good: 0 }), "cut off");
        let plain: Vec<u8> = (0..5000_u32).map(|at| u8::try_from(at * at % 7).unwrap()).collect();
        let packed = pack(&plain);
        assert_eq!(unpack(&packed[..packed.len() - 1], &mut into), Err(Broken { good: 4096 }));
        assert_eq!(into[..4096], plain[..4096]);
    }

    #[test]
    fn what_is_not_packed_is_zeros() {
        let mut into = [9; 9000];
        assert_eq!(unpack(&[0, 0, 1, 2, 3], &mut into), Ok(()));
        assert_eq!(into, [0; 9000]);
        assert_eq!(unpack(&[], &mut into), Ok(()));
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_out(plain in prop::collection::vec(prop_oneof![Just(7_u8), 0..4_u8, any::<u8>()], 0..9000)) {
            let mut into = vec![9; plain.len()];
            prop_assert_eq!(unpack(&pack(&plain), &mut into), Ok(()));
            prop_assert_eq!(into, plain);
        }

        #[test]
        fn nothing_of_noise_is_fatal(noise in prop::collection::vec(any::<u8>(), 0..300), room in 0..10_000_usize) {
            let mut into = vec![9; room];
            if let Err(broken) = unpack(&noise, &mut into) {
                prop_assert!(broken.good <= room && into[broken.good..].iter().all(|byte| *byte == 0));
            }
        }
    }
}
