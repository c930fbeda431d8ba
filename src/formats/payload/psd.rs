//! Photoshop (Adobe, “Photoshop File Formats Specification”): metadata lives in the image resources.

use std::io::{Read, Seek};

use crate::formats::isobmff::Extent;
use crate::formats::numbers::Order;

use super::bytes::{Bytes, Stop, Walked, sound};
use super::parts::Parts;

pub(super) fn add<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let header = file.read(0, 26)?;
    let is_large = match header.get(..6) {
        Some(b"8BPS\0\x01") => false,
        Some(b"8BPS\0\x02") => true,
        Some(_) | None => return Err(Stop::NotWhole),
    };
    parts.add(*b"head", &header);
    let colours = section(file, 26, 4)?;
    let resources = section(file, colours.start + colours.length, 4)?;
    let layers = section(file, resources.start + resources.length, if is_large { 8 } else { 4 })?;
    let start = layers.start + layers.length;
    let picture = Extent { start, length: sound(file.size.checked_sub(start).filter(|length| *length > 2))? };
    parts.add_extent(*b"colr", file, colours)?;
    parts.add_extent(*b"layr", file, layers)?;
    parts.add_extent(*b"pict", file, picture)
}

/// The inside of a section whose length stands before it.
fn section<R: Read + Seek>(file: &mut Bytes<'_, R>, at: u64, width: usize) -> Walked<Extent> {
    let length = sound(Order::Big.number(&file.read(at, width)?))?;
    let start = at + width as u64;
    let is_inside = start.checked_add(length).is_some_and(|end| end <= file.size);
    if is_inside { Ok(Extent { start, length }) } else { Err(Stop::NotWhole) }
}
