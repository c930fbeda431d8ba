//! The items of a HEIF file (ISO/IEC 23008-12 over ISO/IEC 14496-12, 8.11): which picture is *the* picture, and what
//! belongs to it. A file may hold several, each with its own EXIF.

use std::collections::BTreeSet;

use crate::formats::isobmff::{Atom, Extent, Origin, associations, atoms, child, kinds, locations};
use crate::formats::numbers::{Fields, be32};
use crate::formats::tiff;

/// No EXIF is longer.
const EXIF_BYTES: usize = 16 * 1024 * 1024;

/// Finds the TIFF structure of the primary picture's EXIF, put together where it is in pieces.
pub fn primary_exif(file: &[u8]) -> Option<Vec<u8>> {
    let meta = meta(file)?;
    let primary = primary_item(meta)?;
    let exif: Vec<u32> =
        kinds(child(meta, b"iinf")?).into_iter().filter(|(_, kind)| kind == b"Exif").map(|(id, _)| id).collect();
    let describing: BTreeSet<u32> =
        references(meta).filter(|(kind, _, to)| kind == b"cdsc" && *to == primary).map(|(_, from, _)| from).collect();
    let item = exif.iter().copied().find(|item| describing.contains(item)).or(match exif.as_slice() {
        [only] => Some(*only),
        _ => None,
    })?;
    let bytes = item_bytes(file, meta, item)?;
    let (offset, rest) = (usize::try_from(be32(&bytes, 0)?).ok()?, bytes.get(4..)?);
    let declared = rest.get(offset..).filter(|tiff| tiff::begins(tiff));
    // Some phones count the offset differently: the header is near all the same.
    let near = || (0..rest.len().min(64)).filter_map(|at| rest.get(at..)).find(|tiff| tiff::begins(tiff));
    declared.or_else(near).map(<[u8]>::to_vec)
}

/// Pixels across and down of the primary picture, before it is turned or cropped.
pub fn primary_size(file: &[u8]) -> Option<(u32, u32)> {
    let meta = meta(file)?;
    let primary = primary_item(meta)?;
    let shared = child(meta, b"iprp")?;
    let properties: Vec<Atom<'_>> = atoms(child(shared, b"ipco")?).collect();
    let tables = atoms(shared).filter(|atom| atom.name == *b"ipma").flat_map(|atom| associations(atom.payload));
    let sizes = tables.filter(|(item, _)| *item == primary).map(|(_, index)| index);
    let mut sizes =
        sizes.filter_map(|index| properties.get(index.checked_sub(1)?)).filter(|atom| atom.name == *b"ispe");
    let size = sizes.next()?.payload;
    be32(size, 4).zip(be32(size, 8))
}

/// The boxes inside `meta`, past its version and flags.
fn meta(file: &[u8]) -> Option<&[u8]> {
    child(file, b"meta")?.get(4..)
}

pub(super) fn primary_item(meta: &[u8]) -> Option<u32> {
    let mut fields = Fields(child(meta, b"pitm")?);
    let id_bytes = if fields.version()? == 0 { 2 } else { 4 };
    fields.number(id_bytes)
}

/// Every reference: its kind, from which item, to which.
pub(super) fn references(meta: &[u8]) -> impl Iterator<Item = ([u8; 4], u32, u32)> {
    let body = child(meta, b"iref").unwrap_or_default();
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

/// The bytes of an item, from its pieces in the file or in `idat` (8.11.3).
fn item_bytes(file: &[u8], meta: &[u8], wanted: u32) -> Option<Vec<u8>> {
    let item = locations(child(meta, b"iloc")?).map_while(|item| item).find(|item| item.id == wanted)?;
    let whole = match item.origin {
        Origin::ItemData => child(meta, b"idat")?,
        Origin::File | Origin::Elsewhere => file,
    };
    put_together(whole, &item.extents)
}

fn put_together(whole: &[u8], pieces: &[Extent]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for Extent { start, length } in pieces {
        let rest = whole.get(usize::try_from(*start).ok()?..)?;
        let length = usize::try_from(*length).ok().filter(|length| *length > 0).unwrap_or(rest.len());
        let room = EXIF_BYTES - bytes.len();
        bytes.extend_from_slice(rest.get(..length.min(rest.len()).min(room))?);
    }
    Some(bytes)
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
