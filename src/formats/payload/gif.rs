//! GIF (its specification of 1989): the signature does not count, since writing metadata makes a 89a of a 87a.

use std::io::{Read, Seek};

use crate::formats::isobmff::Extent;

use super::bytes::{Bytes, Stop, Walked, sound};
use super::parts::Parts;

pub(super) fn add<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let screen = file.read(0, 13)?;
    if !screen.starts_with(b"GIF8") {
        return Err(Stop::NotWhole);
    }
    parts.add(*b"scrn", screen.get(6..).unwrap_or_default());
    let mut at = 13;
    let palette = palette_bytes(sound(screen.get(10).copied())?);
    parts.add_extent(*b"palt", file, Extent { start: at, length: palette })?;
    at += palette;
    let mut has_frame = false;
    loop {
        let start = at;
        let (name, counts) = match file.byte(at)? {
            0x3B if has_frame => return Ok(()),
            0x2C => {
                has_frame = true;
                let palette = palette_bytes(file.byte(at + 9)?);
                // The size of the first codes stands before the data.
                at = end_of_blocks(file, at + 10 + palette + 1)?;
                (*b"fram", true)
            }
            0x21 => {
                let label = file.byte(at + 1)?;
                let counts = match label {
                    0xFE => false,
                    0xFF => is_loop(&file.read(at + 2, 12)?),
                    _ => true,
                };
                at = end_of_blocks(file, at + 2)?;
                (*b"extn", counts)
            }
            _ => return Err(Stop::NotWhole),
        };
        if counts {
            parts.add_extent(name, file, Extent { start, length: at - start })?;
        }
    }
}

fn palette_bytes(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// The extension that says how often an animation runs.
fn is_loop(block: &[u8]) -> bool {
    block.starts_with(b"\x0BNETSCAPE2.0") || block.starts_with(b"\x0BANIMEXTS1.0")
}

fn end_of_blocks<R: Read + Seek>(file: &mut Bytes<'_, R>, mut at: u64) -> Walked<u64> {
    loop {
        let length = u64::from(file.byte(at)?);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}
