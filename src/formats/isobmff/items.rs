//! Where the items of a HEIF file lie (ISO/IEC 14496-12, 8.11.3 and 8.11.6).

use super::{Extent, child, children};
use crate::formats::numbers::{be16, be32, be64};

/// More items than any picture has; bounds memory.
const MAX_ITEMS: u32 = 1 << 16;

/// One item: a picture, a tile of one, metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Its number.
    pub id: u32,
    /// What it is: `hvc1`, `Exif`, …; `None` where the file does not say.
    pub kind: Option<[u8; 4]>,
    /// Where in the file it lies; items that lie inside the `meta` box itself are not listed.
    pub extents: Vec<Extent>,
}

/// Lists the items of a `meta` box's content (version and flags included) that lie elsewhere in the file; `None` when
/// there is no table of locations, or it makes no sense.
pub fn items(meta: &[u8]) -> Option<Vec<Item>> {
    let meta = meta.get(4..)?;
    let kinds = child(meta, b"iinf").map(kinds).unwrap_or_default();
    let mut found = locations(child(meta, b"iloc")?)?;
    for item in &mut found {
        item.kind = kinds.iter().find(|(id, _)| *id == item.id).map(|(_, kind)| *kind);
    }
    Some(found)
}

fn kinds(iinf: &[u8]) -> Vec<(u32, [u8; 4])> {
    let entries = if iinf.first() == Some(&0) { 6 } else { 8 };
    children(iinf.get(entries..).unwrap_or_default())
        .filter(|(name, _)| name == b"infe")
        .filter_map(|(_, entry)| {
            let (id, kind) = match entry.first()? {
                2 => (u32::from(be16(entry, 4)?), entry.get(8..12)?),
                3 => (be32(entry, 4)?, entry.get(10..14)?),
                _ => return None,
            };
            Some((id, kind.try_into().ok()?))
        })
        .collect()
}

/// Reads numbers whose width the table itself gives.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn number(&mut self, width: usize) -> Option<u64> {
        let value = match width {
            0 => 0,
            2 => u64::from(be16(self.bytes, self.at)?),
            4 => u64::from(be32(self.bytes, self.at)?),
            8 => be64(self.bytes, self.at)?,
            _ => return None,
        };
        self.at += width;
        Some(value)
    }
}

fn locations(iloc: &[u8]) -> Option<Vec<Item>> {
    let version = *iloc.first()?;
    let &[sizes, bases] = iloc.get(4..)?.first_chunk::<2>()?;
    let (offset_width, length_width) = (usize::from(sizes >> 4), usize::from(sizes & 15));
    let base_width = usize::from(bases >> 4);
    let index_width = if version == 0 { 0 } else { usize::from(bases & 15) };
    let mut cursor = Cursor { bytes: iloc, at: 6 };
    let wide = if version < 2 { 2 } else { 4 };
    let count = u32::try_from(cursor.number(wide)?).ok().filter(|count| *count <= MAX_ITEMS)?;
    let mut found = Vec::new();
    for _ in 0..count {
        let id = u32::try_from(cursor.number(wide)?).ok()?;
        let method = if version == 0 { 0 } else { cursor.number(2)? & 15 };
        let elsewhere = cursor.number(2)? != 0;
        let base = cursor.number(base_width)?;
        let mut extents = Vec::new();
        for _ in 0..cursor.number(2)? {
            cursor.number(index_width)?;
            let start = base.checked_add(cursor.number(offset_width)?)?;
            extents.push(Extent { start, length: cursor.number(length_width)? });
            if offset_width + length_width + index_width == 0 {
                break;
            }
        }
        if method == 0 && !elsewhere {
            found.push(Item { id, kind: None, extents });
        }
    }
    Some(found)
}
