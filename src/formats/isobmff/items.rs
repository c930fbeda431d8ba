//! The items of a HEIF file: what they are and where they lie (ISO/IEC 14496-12, 8.11.3 and 8.11.6).

use super::{Atom, Extent, atoms};
use crate::formats::numbers::Fields;

/// More items than any picture has; bounds memory.
const MAX_ITEMS: u32 = 1 << 16;

/// More properties than all items of any picture have; bounds memory.
const MAX_ASSOCIATIONS: usize = 1 << 20;

/// More pieces than all items of any picture have; bounds memory.
const MAX_EXTENTS: u32 = 1 << 20;

/// Where one item lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// The item's number.
    pub id: u32,
    /// What its extents count from.
    pub origin: Origin,
    /// Its pieces, in their order.
    pub extents: Vec<Extent>,
}

/// Where the extents of an item lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// In the file.
    File,
    /// In the `idat` box beside the table.
    ItemData,
    /// Behind a reference, which is not followed, though it may lead back to the file.
    Elsewhere,
}

/// Lists the payload of an `iinf` box: what each item is (`hvc1`, `Exif`, …), in the order of the file.
pub fn kinds(iinf: &[u8]) -> Vec<(u32, [u8; 4])> {
    // Version and flags, then how many there are.
    let entries = iinf.get(if iinf.first() == Some(&0) { 6 } else { 8 }..).unwrap_or_default();
    let kind = |entry: Atom<'_>| {
        let mut fields = Fields(entry.payload);
        let id_bytes = match fields.version()? {
            2 => 2,
            3 => 4,
            _ => return None,
        };
        let id = fields.number(id_bytes)?;
        fields.number(2)?;
        Some((id, *fields.0.first_chunk::<4>()?))
    };
    atoms(entries).filter(|atom| atom.name == *b"infe").filter_map(kind).collect()
}

/// Reads the payload of an `ipma` box (ISO/IEC 23008-12, 9.3): which item has which property, properties counted from 1.
/// A table that breaks off gives what came before.
pub fn associations(ipma: &[u8]) -> Vec<(u32, usize)> {
    let mut fields = Fields(ipma);
    let wide_index = ipma.get(3).is_some_and(|flags| flags & 1 == 1);
    let mut found = Vec::new();
    let mut read = || {
        let id_bytes = if fields.version()? == 0 { 2 } else { 4 };
        for _ in 0..fields.number(4)? {
            let item = fields.number(id_bytes)?;
            for _ in 0..fields.number(1)? {
                // The highest bit says only how important the property is.
                let index = if wide_index { fields.number(2)? & 0x7FFF } else { fields.number(1)? & 0x7F };
                if found.len() >= MAX_ASSOCIATIONS {
                    return None;
                }
                found.push((item, usize::try_from(index).ok()?));
            }
        }
        Some(())
    };
    read();
    found
}

/// Reads the payload of an `iloc` box: where each item lies, in the order of the file. An entry that breaks off is a last
/// `None`.
pub fn locations(iloc: &[u8]) -> impl Iterator<Item = Option<Location>> {
    Table::begin(iloc).into_iter().flatten()
}

struct Table<'a> {
    /// The entries that were not read yet.
    fields: Fields<'a>,
    entries_left: u32,
    extents_left: u32,
    version: u32,
    /// Bytes of each number.
    offset: usize,
    length: usize,
    base: usize,
    index: usize,
}

impl<'a> Table<'a> {
    fn begin(iloc: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(iloc);
        let version = fields.version()?;
        let &[sizes, bases] = fields.0.first_chunk::<2>()?;
        fields.number(2)?;
        let (high, low) = (|byte: u8| usize::from(byte >> 4), |byte: u8| usize::from(byte & 15));
        let entries_left = fields.number(if version < 2 { 2 } else { 4 }).filter(|count| *count <= MAX_ITEMS)?;
        Some(Self {
            fields,
            entries_left,
            extents_left: MAX_EXTENTS,
            version,
            offset: high(sizes),
            length: low(sizes),
            base: high(bases),
            index: if version == 0 { 0 } else { low(bases) },
        })
    }

    fn entry(&mut self) -> Option<Location> {
        let fields = &mut self.fields;
        let id = fields.number(if self.version < 2 { 2 } else { 4 })?;
        let method = if self.version == 0 { 0 } else { fields.number(2)? & 15 };
        let origin = match (method, fields.number(2)?) {
            (0, 0) => Origin::File,
            (1, _) => Origin::ItemData,
            _ => Origin::Elsewhere,
        };
        let base = fields.wide(self.base)?;
        let mut extents = Vec::new();
        for _ in 0..fields.number(2)? {
            self.extents_left = self.extents_left.checked_sub(1)?;
            fields.wide(self.index)?;
            let start = base.checked_add(fields.wide(self.offset)?)?;
            extents.push(Extent { start, length: fields.wide(self.length)? });
            if self.offset + self.length + self.index == 0 {
                break;
            }
        }
        Some(Location { id, origin, extents })
    }
}

impl Iterator for Table<'_> {
    type Item = Option<Location>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries_left = self.entries_left.checked_sub(1)?;
        let entry = self.entry();
        if entry.is_none() {
            self.entries_left = 0;
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_breaks_off_gives_the_entries_before_and_says_so() {
        // Version 1, two bytes for each number, no base.
        let table = b"\x01\0\0\0\x22\0\0\x02\0\x07\0\x01\0\0\0\x01\0\x05\0\x09\0\x08\0";
        let found: Vec<_> = locations(table).collect();
        let extents = vec![Extent { start: 5, length: 9 }];
        assert_eq!(found, [Some(Location { id: 7, origin: Origin::ItemData, extents }), None]);
    }

    #[test]
    fn a_table_that_claims_endless_pieces_of_no_bytes_ends_at_once() {
        let entry = b"\0\x01\0\0\xFF\xFF";
        let table = [b"\0\0\0\0\0\0\xFF\xFF".as_slice(), &entry.repeat(0xFFFF)].concat();
        let pieces = locations(&table).map(|entry| entry.map_or(0, |entry| entry.extents.len()));
        assert_eq!(pieces.sum::<usize>(), 0xFFFF);
    }

    #[test]
    fn the_pieces_of_all_items_together_are_bounded() {
        // Each entry claims 65535 pieces of one byte.
        let entry = [b"\0\x01\0\0\xFF\xFF".as_slice(), &[1].repeat(0xFFFF)].concat();
        let table = [b"\0\0\0\0\x10\0\0\x20".as_slice(), &entry.repeat(0x20)].concat();
        assert_eq!(locations(&table).last(), Some(None));
    }
}
