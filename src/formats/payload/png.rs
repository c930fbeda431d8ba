//! PNG (W3C, third edition), animated ones included.

use std::io::{Read, Seek};

use crate::formats::isobmff::Extent;
use crate::formats::numbers::be32;
use crate::formats::png::SIGNATURE;

use super::bytes::{Bytes, Stop, Walked, sound};
use super::parts::Parts;

pub(super) fn add<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    if file.read(0, 8)? != SIGNATURE {
        return Err(Stop::NotWhole);
    }
    let mut at = 8;
    let mut picture = None;
    loop {
        let head = file.read(at, 8)?;
        let length = u64::from(sound(be32(&head, 0))?);
        let name = *sound(head.last_chunk::<4>())?;
        let data = Extent { start: at + 8, length };
        // The checksum stands behind it.
        at = data.start + length + 4;
        match &name {
            b"IEND" => {
                file.read(at - 4, 4)?;
                break;
            }
            b"IDAT" => {
                // Where the picture stands among the frames tells whether it is one of them.
                if picture.is_none() {
                    parts.add(*b"here", b"");
                }
                file.feed(picture.get_or_insert_with(blake3::Hasher::new), data)?;
            }
            _ if counts(name) => parts.add_extent(name, file, data)?,
            _ => {}
        }
    }
    parts.add_hash(*b"IDAT", sound(picture)?.finalize());
    Ok(())
}

/// Critical chunks begin with a capital letter (section 5.4).
fn counts(name: [u8; 4]) -> bool {
    name.first().is_some_and(u8::is_ascii_uppercase)
        || [b"tRNS", b"acTL", b"fcTL", b"fdAT"].into_iter().any(|known| *known == name)
}
