//! Files made of ISO boxes (ISO/IEC 14496-12): pictures, videos, JPEG XL.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use crate::formats::heif::{primary_item, references};
use crate::formats::isobmff::{
    Extent, Origin, associations, box_head, child, handler, kinds, locations, sample_description, sound_atoms, track,
};

use super::bytes::{Bytes, Stop, Walked, sound};
use super::parts::Parts;

/// Larger than the index of any video from a camera. Bounds memory.
const MAX_INDEX: u64 = 64 << 20;

/// Properties that pixels depend on; the others tell about the picture.
const PROPERTIES: [&[u8; 4]; 12] =
    [b"ispe", b"hvcC", b"av1C", b"avcC", b"jpgC", b"irot", b"imir", b"clap", b"pixi", b"auxC", b"a1op", b"lsel"];

/// Items that hold no picture.
const METADATA: [&[u8; 4]; 3] = [b"Exif", b"mime", b"uri "];

pub(super) fn add_items<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let top = top(file)?;
    if top.one(*b"moov").is_some() {
        add_movie(file, parts, &top, &[*b"vide", *b"pict", *b"soun"])?;
    }
    let Some(meta) = top.one(*b"meta") else {
        return if top.one(*b"moov").is_some() { Ok(()) } else { Err(Stop::NotWhole) };
    };
    let meta = load(file, meta)?;
    let meta = sound(meta.get(4..))?;
    let mut places = BTreeMap::new();
    for location in locations(sound(child(meta, b"iloc"))?) {
        let location = sound(location)?;
        places.insert(location.id, location);
    }
    let item_data = child(meta, b"idat").unwrap_or_default();
    let properties = properties(meta);
    let mut items = kinds(sound(child(meta, b"iinf"))?);
    items.retain(|(_, kind)| !METADATA.contains(&kind));
    items.sort_unstable();
    if items.is_empty() {
        return Err(Stop::NotWhole);
    }
    for (id, kind) in items {
        parts.add(*b"item", &[id.to_be_bytes(), kind].concat());
        for (name, hash) in properties.get(&id).into_iter().flatten() {
            parts.add_hash(*name, *hash);
        }
        let Some(place) = places.get(&id) else { continue };
        let mut data = blake3::Hasher::new();
        for extent in &place.extents {
            match place.origin {
                // A length of 0 stands for everything, which tells nothing apart.
                Origin::File if extent.length > 0 => file.feed(&mut data, *extent)?,
                Origin::ItemData => {
                    let bytes = sound(inside(item_data, *extent))?;
                    file.spend(bytes.len() as u64)?;
                    data.update(bytes);
                }
                Origin::File | Origin::Elsewhere => return Err(Stop::NotWhole),
            }
        }
        parts.add_hash(*b"data", data.finalize());
    }
    for (_, from, to) in references(meta).filter(|(kind, ..)| kind == b"dimg") {
        parts.add(*b"dimg", &[from.to_be_bytes(), to.to_be_bytes()].concat());
    }
    parts.add(*b"pitm", &primary_item(meta).unwrap_or(0).to_be_bytes());
    Ok(())
}

/// The properties of each item that count, in their order: their names and the hashes of what is in them, each made once,
/// however many items share it.
fn properties(meta: &[u8]) -> BTreeMap<u32, Vec<([u8; 4], blake3::Hash)>> {
    let shared = child(meta, b"iprp").unwrap_or_default();
    let known: Vec<_> = sound_atoms(child(shared, b"ipco").unwrap_or_default())
        .map(|atom| PROPERTIES.contains(&&atom.name).then(|| (atom.name, blake3::hash(atom.payload))))
        .collect();
    let mut all: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for table in sound_atoms(shared).filter(|atom| atom.name == *b"ipma") {
        for (item, index) in associations(table.payload) {
            let property = index.checked_sub(1).and_then(|index| known.get(index));
            all.entry(item).or_default().extend(property.copied().flatten());
        }
    }
    all
}

fn inside(bytes: &[u8], extent: Extent) -> Option<&[u8]> {
    let start = usize::try_from(extent.start).ok()?;
    let rest = bytes.get(start..)?;
    if extent.length == 0 { Some(rest) } else { rest.get(..usize::try_from(extent.length).ok()?) }
}

pub(super) fn add_tracks<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let top = top(file)?;
    add_movie(file, parts, &top, &[*b"vide", *b"soun"])
}

/// Canon's track of timed metadata holds EXIF.
pub(super) fn add_picture_tracks<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let top = top(file)?;
    add_movie(file, parts, &top, &[*b"vide"])
}

/// All samples of a track in their order, wherever they lie: what moves the index to the front changes nothing. A
/// fragmented file keeps its tables between the samples; there all media data counts.
fn add_movie<R: Read + Seek>(
    file: &mut Bytes<'_, R>,
    parts: &mut Parts,
    top: &Top,
    handlers: &[[u8; 4]],
) -> Walked<()> {
    let moov = load(file, sound(top.one(*b"moov"))?)?;
    let mut bytes = 0;
    for trak in sound_atoms(&moov).filter(|atom| atom.name == *b"trak") {
        let Some(handler) = handler(trak.payload).filter(|handler| handlers.contains(handler)) else { continue };
        parts.add(handler, sound(sample_description(trak.payload))?);
        let mut samples = blake3::Hasher::new();
        for chunk in sound(track(trak.payload))?.chunks {
            bytes += chunk.length;
            file.feed(&mut samples, chunk)?;
        }
        parts.add_hash(*b"smpl", samples.finalize());
    }
    if top.one(*b"moof").is_some() {
        let mut data = blake3::Hasher::new();
        for (_, extent) in top.0.iter().filter(|(name, _)| name == b"mdat") {
            bytes += extent.length;
            file.feed(&mut data, *extent)?;
        }
        parts.add_hash(*b"mdat", data.finalize());
    }
    if bytes > 0 { Ok(()) } else { Err(Stop::NotWhole) }
}

/// A bare codestream counts as the same in a box: that is what writing metadata makes of it (ISO/IEC 18181-2, 9).
pub(super) fn add_codestream<R: Read + Seek>(file: &mut Bytes<'_, R>, parts: &mut Parts) -> Walked<()> {
    let mut stream = blake3::Hasher::new();
    let mut has_any = true;
    if file.read(0, 2)? == [0xFF, 0x0A] {
        let length = file.size;
        file.feed(&mut stream, Extent { start: 0, length })?;
    } else {
        has_any = false;
        for (name, extent) in top(file)?.0 {
            // A piece has its number before it.
            let number = match &name {
                b"jxlc" => 0,
                b"jxlp" => 4,
                _ => continue,
            };
            has_any = true;
            let length = sound(extent.length.checked_sub(number))?;
            file.feed(&mut stream, Extent { start: extent.start + number, length })?;
        }
    }
    parts.add_hash(*b"jxlc", stream.finalize());
    if has_any { Ok(()) } else { Err(Stop::NotWhole) }
}

/// The insides of the boxes side by side, in the order of the file.
struct Top(Vec<([u8; 4], Extent)>);

impl Top {
    fn one(&self, name: [u8; 4]) -> Option<Extent> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, extent)| *extent)
    }
}

/// More boxes than a day of fragmented video has; bounds memory.
const MAX_BOXES: usize = 1 << 20;

/// Boxes that hold pictures, or say where they are: one that goes past the end is cut. Of any other name it is a trailer
/// that happens to look like a box.
const NEEDED: [&[u8; 4]; 7] = [b"ftyp", b"meta", b"moov", b"moof", b"mdat", b"jxlc", b"jxlp"];

/// Walks the boxes. Behind a picture or movie phones leave trailers that are no boxes: whether the samples are all there
/// decides.
fn top<R: Read + Seek>(file: &mut Bytes<'_, R>) -> Walked<Top> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < file.size {
        let Some(head) = box_head(&file.read_up_to(at, 16)?) else { break };
        let end = sound(head.size.map_or(Some(file.size), |size| at.checked_add(size)))?;
        if end > file.size && !NEEDED.contains(&&head.name) {
            break;
        }
        if end > file.size || found.len() >= MAX_BOXES {
            return Err(Stop::NotWhole);
        }
        let start = at + head.head;
        found.push((head.name, Extent { start, length: sound(end.checked_sub(start))? }));
        at = end;
    }
    Ok(Top(found))
}

fn load<R: Read + Seek>(file: &mut Bytes<'_, R>, place: Extent) -> Walked<Vec<u8>> {
    let length = sound(usize::try_from(place.length).ok().filter(|_| place.length <= MAX_INDEX))?;
    file.read(place.start, length)
}
