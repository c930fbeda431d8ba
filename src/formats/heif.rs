//! The items of a HEIF file (ISO/IEC 23008-12 over ISO/IEC 14496-12, 8.11): which picture is *the* picture, and what
//! belongs to it. A file may hold several, each with its own EXIF.

use crate::formats::quicktime::{Atom, atoms};

/// No EXIF is longer.
const EXIF_BYTES: usize = 16 * 1024 * 1024;

/// Finds the TIFF structure of the primary picture's EXIF, put together where it is in pieces.
pub fn primary_exif(file: &[u8]) -> Option<Vec<u8>> {
    let meta = meta(file)?;
    let primary = primary_item(meta)?;
    let items = items_of_kind(meta, *b"Exif");
    let describes =
        |item: &u32| references(meta).any(|(kind, from, to)| kind == *b"cdsc" && from == *item && to == primary);
    let item = items.iter().copied().find(describes).or(match items.as_slice() {
        [only] => Some(*only),
        _ => None,
    })?;
    let bytes = item_bytes(file, meta, item)?;
    let (offset, rest) = bytes.split_first_chunk::<4>()?;
    let declared = rest.get(usize::try_from(u32::from_be_bytes(*offset)).ok()?..).filter(|tiff| begins_tiff(tiff));
    // Some phones count the offset differently: the header is near all the same.
    let near = || (0..rest.len().min(64)).filter_map(|at| rest.get(at..)).find(|tiff| begins_tiff(tiff));
    declared.or_else(near).map(<[u8]>::to_vec)
}

/// Pixels across and down of the primary picture, before it is turned or cropped.
pub fn primary_size(file: &[u8]) -> Option<(u32, u32)> {
    let meta = meta(file)?;
    let primary = primary_item(meta)?;
    let shared = inside(meta, *b"iprp")?;
    let properties: Vec<Atom<'_>> = atoms(inside(shared, *b"ipco")?).collect();
    let sizes = atoms(shared).filter(|atom| atom.name == *b"ipma").flat_map(|atom| associations(atom.payload, primary));
    let mut sizes =
        sizes.filter_map(|index| properties.get(index.checked_sub(1)?)).filter(|atom| atom.name == *b"ispe");
    let mut size = Fields(sizes.next()?.payload.get(4..)?);
    Some((size.u32()?, size.u32()?))
}

fn begins_tiff(bytes: &[u8]) -> bool {
    bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*")
}

fn inside(payload: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    atoms(payload).find(|atom| atom.name == name).map(|atom| atom.payload)
}

/// The boxes inside `meta`, past its version and flags.
fn meta(file: &[u8]) -> Option<&[u8]> {
    inside(file, *b"meta")?.get(4..)
}

fn primary_item(meta: &[u8]) -> Option<u32> {
    let mut fields = Fields(inside(meta, *b"pitm")?);
    match fields.version()? {
        0 => fields.number(2),
        _ => fields.u32(),
    }
}

fn items_of_kind(meta: &[u8], kind: [u8; 4]) -> Vec<u32> {
    let Some(info) = inside(meta, *b"iinf") else { return Vec::new() };
    let mut fields = Fields(info);
    let entries =
        fields.version().and_then(|version| fields.number(if version == 0 { 2 } else { 4 })).map(|_| fields.0);
    let item = |entry: Atom<'_>| {
        let mut fields = Fields(entry.payload);
        let item = match fields.version()? {
            2 => fields.number(2)?,
            3 => fields.u32()?,
            _ => return None,
        };
        fields.number(2)?;
        (fields.0.get(..4)? == kind).then_some(item)
    };
    atoms(entries.unwrap_or_default()).filter(|atom| atom.name == *b"infe").filter_map(item).collect()
}

/// Every reference: its kind, from which item, to which.
fn references(meta: &[u8]) -> impl Iterator<Item = ([u8; 4], u32, u32)> {
    let body = inside(meta, *b"iref").unwrap_or_default();
    let wide = body.first().is_some_and(|version| *version > 0);
    let id_bytes = if wide { 4 } else { 2 };
    atoms(body.get(4..).unwrap_or_default()).flat_map(move |atom| {
        let mut fields = Fields(atom.payload);
        let from = fields.number(id_bytes);
        let count = fields.number(2).unwrap_or(0);
        let to = (0..count).map_while(move |_| fields.number(id_bytes));
        to.filter_map(move |to| Some((atom.name, from?, to)))
    })
}

/// The numbers, from 1 on, of the properties that belong to one item.
fn associations(payload: &[u8], wanted: u32) -> Vec<usize> {
    let mut fields = Fields(payload);
    let wide_index = payload.get(3).is_some_and(|flags| flags & 1 == 1);
    let mut found = Vec::new();
    let mut read = || {
        let id_bytes = if fields.version()? == 0 { 2 } else { 4 };
        for _ in 0..fields.u32()? {
            let item = fields.number(id_bytes)?;
            for _ in 0..fields.number(1)? {
                // The highest bit says only how important the property is.
                let index = if wide_index { fields.number(2)? & 0x7FFF } else { fields.number(1)? & 0x7F };
                if item == wanted {
                    found.extend(usize::try_from(index));
                }
            }
        }
        Some(())
    };
    // A table that breaks off gives what came before.
    read();
    found
}

/// The bytes of an item, from its pieces in the file or in `idat` (8.11.3).
fn item_bytes(file: &[u8], meta: &[u8], wanted: u32) -> Option<Vec<u8>> {
    let mut fields = Fields(inside(meta, *b"iloc")?);
    let version = fields.version()?;
    let (offset_and_length, base_and_index) = (fields.number(1)?, fields.number(1)?);
    let (offset_bytes, length_bytes) = (offset_and_length >> 4, offset_and_length & 0xF);
    let (base_bytes, index_bytes) = (base_and_index >> 4, if version == 0 { 0 } else { base_and_index & 0xF });
    let id_bytes = if version < 2 { 2 } else { 4 };
    for _ in 0..fields.number(id_bytes)? {
        let item = fields.number(id_bytes)?;
        let method = if version == 0 { 0 } else { fields.number(2)? & 0xF };
        fields.number(2)?;
        let base = fields.wide(base_bytes)?;
        let mut pieces = Vec::new();
        for _ in 0..fields.number(2)? {
            fields.wide(index_bytes)?;
            pieces.push((base.checked_add(fields.wide(offset_bytes)?)?, fields.wide(length_bytes)?));
        }
        if item == wanted {
            let whole = if method == 1 { inside(meta, *b"idat")? } else { file };
            return put_together(whole, &pieces);
        }
    }
    None
}

fn put_together(whole: &[u8], pieces: &[(u64, u64)]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for (start, length) in pieces {
        let rest = whole.get(usize::try_from(*start).ok()?..)?;
        let length = usize::try_from(*length).ok().filter(|length| *length > 0).unwrap_or(rest.len());
        let room = EXIF_BYTES - bytes.len();
        bytes.extend_from_slice(rest.get(..length.min(rest.len()).min(room))?);
    }
    Some(bytes)
}

/// Reads big-endian numbers one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// The version of a full box; its flags are stepped over.
    fn version(&mut self) -> Option<u32> {
        Some(self.u32()? >> 24)
    }

    fn u32(&mut self) -> Option<u32> {
        self.number(4)
    }

    /// At most four bytes.
    fn number(&mut self, bytes: usize) -> Option<u32> {
        u32::try_from(self.wide(u32::try_from(bytes).ok()?)?).ok()
    }

    /// At most eight bytes.
    fn wide(&mut self, bytes: u32) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(usize::try_from(bytes).ok().filter(|bytes| *bytes <= 8)?)?;
        self.0 = rest;
        Some(number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(name: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len() + 8).unwrap_or(0);
        [&size.to_be_bytes(), &name, payload].concat()
    }

    fn full(name: [u8; 4], version: u8, payload: &[u8]) -> Vec<u8> {
        atom(name, &[&[version, 0, 0, 0], payload].concat())
    }

    /// Two pictures (1 and 2), the second the primary one, with an Exif item each (3 and 4).
    fn file_of_two() -> Vec<u8> {
        let exif = |letter: u8| [b"\0\0\0\x06Exif\0\0MM\0*".as_slice(), &[letter]].concat();
        let info = |item: u8, kind: &[u8; 4]| full(*b"infe", 2, &[&[0, item, 0, 0], kind.as_slice(), b"\0"].concat());
        let location = |item: u8, offset: u8| [0, item, 0, 0, 0, 0, 0, 1, 0, 0, 0, offset, 0, 0, 0, 15];
        let describes = |from: u8, to: u8| atom(*b"cdsc", &[0, from, 0, 1, 0, to]);
        let size = |width: u8| full(*b"ispe", 0, &[0, 0, 0, width, 0, 0, 0, 10]);
        let meta = full(
            *b"meta",
            0,
            &[
                full(*b"pitm", 0, &[0, 2]),
                full(
                    *b"iinf",
                    0,
                    &[[0, 4].to_vec(), info(1, b"hvc1"), info(2, b"hvc1"), info(3, b"Exif"), info(4, b"Exif")].concat(),
                ),
                full(*b"iref", 0, &[describes(3, 1), describes(4, 2)].concat()),
                full(*b"iloc", 1, &[[0x44, 0, 0, 2].as_slice(), &location(3, 8), &location(4, 23)].concat()),
                atom(
                    *b"iprp",
                    &[
                        atom(*b"ipco", &[size(99), size(20)].concat()),
                        full(*b"ipma", 0, &[0, 0, 0, 2, 0, 1, 1, 1, 0, 2, 1, 0x82]),
                    ]
                    .concat(),
                ),
            ]
            .concat(),
        );
        [atom(*b"mdat", &[exif(b'1'), exif(b'2')].concat()), meta].concat()
    }

    #[test]
    fn the_primary_picture_speaks_and_not_its_neighbour() {
        let file = file_of_two();
        assert_eq!(primary_exif(&file).as_deref(), Some(b"MM\0*2".as_slice()));
        assert_eq!(primary_size(&file), Some((20, 10)));
    }

    #[test]
    fn a_file_cut_or_changed_anywhere_never_panics() {
        let file = file_of_two();
        for at in 0..file.len() {
            assert!(primary_size(&file[..at]).is_none());
            let mut changed = file.clone();
            changed[at] = 0xFF;
            assert!(primary_exif(&changed).is_none_or(|tiff| tiff.len() <= file.len()));
            assert!(primary_size(&changed).is_none_or(|(width, _)| width > 0));
        }
    }
}
