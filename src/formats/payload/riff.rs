//! WebP (WebP container specification) and AVI (Microsoft, “AVI RIFF File Reference”).

use std::io::{Read, Seek};

use crate::formats::isobmff::Extent;
use crate::formats::numbers::le32;

use super::bytes::{Bytes, Stop, Walked, sound};
use super::parts::Parts;

pub(super) fn add_picture<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let end = begin(file, 0, *b"WEBP")?;
    let (mut at, mut canvas, mut has_picture) = (12, Vec::new(), false);
    while at < end {
        let Chunk { name, data, next } = chunk(file, at, end)?;
        at = next;
        match &name {
            // Of the flags before it some say only which metadata there is.
            b"VP8X" => canvas = file.read(data.start, 10)?.split_off(4),
            // Only here does the canvas matter: a still fills it.
            b"ANIM" => {
                parts.add(*b"cnvs", &canvas);
                parts.add_extent(name, file, data)?;
            }
            b"VP8 " | b"VP8L" | b"ANMF" => {
                has_picture = true;
                parts.add_extent(name, file, data)?;
            }
            b"ALPH" => parts.add_extent(name, file, data)?,
            _ => {}
        }
    }
    if has_picture { Ok(()) } else { Err(Stop::NotWhole) }
}

/// Files of more than a gigabyte are several lists of chunks in a row, the later ones under the name `AVIX`.
pub(super) fn add_video<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let (mut start, mut has_frames) = (0, false);
    let mut form = *b"AVI ";
    while start < file.size {
        let Ok(end) = begin(file, start, form) else { break };
        let mut at = start + 12;
        while at < end {
            let Chunk { name, data, next } = chunk(file, at, end)?;
            at = next;
            if name == *b"LIST" && file.read(data.start, 4)? == b"movi" {
                has_frames = true;
                parts.add_extent(*b"movi", file, data)?;
            }
        }
        start = end;
        form = *b"AVIX";
    }
    if has_frames { Ok(()) } else { Err(Stop::NotWhole) }
}

/// Where a list that begins at `start` ends.
fn begin<R: Read + Seek>(file: &mut Bytes<'_, R>, start: u64, form: [u8; 4]) -> Walked<u64> {
    let head = file.read(start, 12)?;
    let end = start + 8 + u64::from(sound(le32(&head, 4))?);
    let is_it = head.starts_with(b"RIFF") && head.ends_with(&form) && end <= file.size;
    if is_it { Ok(end) } else { Err(Stop::NotWhole) }
}

struct Chunk {
    name: [u8; 4],
    data: Extent,
    next: u64,
}

fn chunk<R: Read + Seek>(file: &mut Bytes<'_, R>, at: u64, end: u64) -> Walked<Chunk> {
    let head = file.read(at, 8)?;
    let length = u64::from(sound(le32(&head, 4))?);
    let data = Extent { start: at + 8, length };
    if data.start + length > end {
        return Err(Stop::NotWhole);
    }
    // A chunk of odd length has a byte after it that belongs to nobody.
    Ok(Chunk { name: *sound(head.first_chunk::<4>())?, data, next: data.start + length + length % 2 })
}
