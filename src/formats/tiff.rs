//! The structure of TIFF (revision 6) and of the raw files built on it: directories, and where their picture data lies.
//!
//! The values of EXIF's tags are not read here but by others' parsers, which know the makers' deviations; this walk reads
//! by offset, for files that are larger than memory.

use std::io;

use crate::formats::isobmff::Extent;
use crate::formats::numbers::Order;

const MAX_DIRECTORIES: usize = 64;
const MAX_ENTRIES: usize = 4096;
const MAX_VALUES: u64 = 1 << 20;

const WIDTH: u16 = 0x0100;
const HEIGHT: u16 = 0x0101;
const COMPRESSION: u16 = 0x0103;
const MAKE: u16 = 0x010F;
const STRIP_OFFSETS: u16 = 0x0111;
const STRIP_LENGTHS: u16 = 0x0117;
const TILE_OFFSETS: u16 = 0x0144;
const TILE_LENGTHS: u16 = 0x0145;
const SUB_DIRECTORIES: u16 = 0x014A;
const JPEG_OFFSET: u16 = 0x0201;
const JPEG_LENGTH: u16 = 0x0202;
/// Exif's own directories below: what was measured, where it was taken, how it is compatible.
const EXIF_DIRECTORIES: [u16; 3] = [0x8769, 0x8825, 0xA005];
const DNG_VERSION: u16 = 0xC612;
/// Panasonic: where the raw data begins; its length is written nowhere.
const RW2_OFFSET: u16 = 0x0118;

/// Tells whether bytes begin like a plain TIFF structure, as EXIF is one.
pub fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*")
}

/// Gives the bytes at an offset, fewer where the file ends.
pub type ReadAt<'a> = dyn FnMut(u64, usize) -> io::Result<Vec<u8>> + 'a;

/// One directory with the picture that it describes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Directory {
    /// Pixels across.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// The compression's number.
    pub compression: Option<u32>,
    /// Strips or tiles.
    pub data: Vec<Extent>,
    /// A JPEG of its own: a preview or thumbnail.
    pub jpeg: Option<Extent>,
}

/// What the walk over all directories found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Structure {
    /// Every directory with something to see in it, those below others included.
    pub directories: Vec<Directory>,
    /// The camera's maker.
    pub make: Option<Vec<u8>>,
    /// Whether it calls itself a digital negative.
    pub is_dng: bool,
    /// Whether the first directory has others below it.
    pub has_sub_directories: bool,
    /// Where a directory, or a value of any field, should be that does not lie inside the file.
    pub missing: Option<u64>,
    /// Where the last byte ends that a directory takes or points to, picture data included.
    pub reach: u64,
}

/// Walks the directories of a TIFF of `size` bytes that begins at offset 0; `None` when it does not begin like one. The magic numbers of
/// Panasonic and Olympus are taken too.
///
/// # Errors
/// What `read` fails with.
pub fn walk(read: &mut ReadAt<'_>, size: u64) -> io::Result<Option<Structure>> {
    let head = read(0, 16)?;
    let order = match head.first_chunk::<2>() {
        Some(b"II") => Order::Little,
        Some(b"MM") => Order::Big,
        Some(_) | None => return Ok(None),
    };
    let magic = order.number(head.get(2..4).unwrap_or_default());
    let (big, first) = match magic {
        Some(43) => (true, head.get(8..16)),
        Some(42 | 0x55 | 0x4F52 | 0x5352) => (false, head.get(4..8)),
        Some(_) | None => return Ok(None),
    };
    let Some(first) = first.and_then(|bytes| order.number(bytes)) else { return Ok(None) };
    let mut walk = Walk { read, size, order, big, found: Structure::default(), seen: Vec::new() };
    let mut next = vec![first];
    while let Some(at) = next.pop() {
        if at == 0 || walk.seen.contains(&at) || walk.seen.len() >= MAX_DIRECTORIES {
            continue;
        }
        walk.seen.push(at);
        walk.directory(at, &mut next)?;
    }
    Ok(Some(walk.found))
}

struct Walk<'a, 'r> {
    read: &'a mut ReadAt<'r>,
    size: u64,
    order: Order,
    big: bool,
    found: Structure,
    seen: Vec<u64>,
}

impl Walk<'_, '_> {
    fn number(&self, bytes: Option<&[u8]>) -> Option<u64> {
        self.order.number(bytes?)
    }

    fn directory(&mut self, at: u64, next: &mut Vec<u64>) -> io::Result<()> {
        let (count_width, entry_width, link_width) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let head = (self.read)(at, count_width)?;
        let Some(count) = self.number(Some(&head)).filter(|_| head.len() == count_width) else {
            self.found.missing.get_or_insert(at);
            return Ok(());
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(MAX_ENTRIES);
        let body = (self.read)(at + count_width as u64, count * entry_width + link_width)?;
        if body.len() < count * entry_width {
            self.found.missing.get_or_insert(at);
        }
        self.reached(at.saturating_add((count_width + count * entry_width + link_width) as u64));
        let mut directory = Directory::default();
        let mut places = [const { Vec::new() }; 4];
        let [strips, strip_lengths, tiles, tile_lengths] = &mut places;
        let (mut jpeg_at, mut jpeg_length, mut rw2) = (None, None, None);
        for entry in body.chunks_exact(entry_width).take(count) {
            self.check(entry);
            let tag = self.number(entry.get(..2)).and_then(|tag| u16::try_from(tag).ok()).unwrap_or(0);
            match tag {
                WIDTH => directory.width = self.single(entry)?,
                HEIGHT => directory.height = self.single(entry)?,
                COMPRESSION => directory.compression = self.single(entry)?,
                STRIP_OFFSETS => *strips = self.values(entry)?,
                STRIP_LENGTHS => *strip_lengths = self.values(entry)?,
                TILE_OFFSETS => *tiles = self.values(entry)?,
                TILE_LENGTHS => *tile_lengths = self.values(entry)?,
                JPEG_OFFSET => jpeg_at = self.single(entry)?,
                JPEG_LENGTH => jpeg_length = self.single(entry)?,
                RW2_OFFSET => rw2 = self.single(entry)?,
                MAKE if self.found.make.is_none() => self.found.make = self.bytes(entry)?,
                DNG_VERSION => self.found.is_dng = true,
                SUB_DIRECTORIES => {
                    self.found.has_sub_directories |= self.seen.len() == 1;
                    next.extend(self.values(entry)?.into_iter().take(MAX_DIRECTORIES));
                }
                _ if EXIF_DIRECTORIES.contains(&tag) => next.extend(self.single(entry)?.map(u64::from)),
                _ => {}
            }
        }
        next.extend(self.number(body.get(count * entry_width..count * entry_width + link_width)));
        for (starts, lengths) in [(&places[0], &places[1]), (&places[2], &places[3])] {
            directory.data.extend(starts.iter().zip(lengths).map(|(&start, &length)| Extent { start, length }));
        }
        if directory.data.is_empty()
            && let Some(start) = rw2
        {
            directory.data.push(Extent { start: start.into(), length: 1 });
        }
        directory.jpeg = jpeg_at
            .zip(jpeg_length)
            .map(|(start, length)| Extent { start: u64::from(start), length: u64::from(length) });
        for extent in directory.data.iter().chain(&directory.jpeg) {
            self.reached(extent.start.saturating_add(extent.length));
        }
        if !directory.data.is_empty() || directory.jpeg.is_some() {
            self.found.directories.push(directory);
        }
        Ok(())
    }

    /// Notes a value that does not lie inside the file.
    fn check(&mut self, entry: &[u8]) {
        let width = value_width(self.number(entry.get(2..4))) as u64;
        let room: usize = if self.big { 8 } else { 4 };
        let count = self.number(entry.get(4..4 + room)).unwrap_or(0);
        let length = count.saturating_mul(width);
        let at = self.number(entry.get(4 + room..4 + room * 2)).unwrap_or(0);
        if length > room as u64 {
            self.reached(at.saturating_add(length));
            if at.saturating_add(length) > self.size {
                self.found.missing.get_or_insert(at);
            }
        }
    }

    fn reached(&mut self, end: u64) {
        self.found.reach = self.found.reach.max(end);
    }

    fn single(&mut self, entry: &[u8]) -> io::Result<Option<u32>> {
        Ok(self.values(entry)?.first().and_then(|value| u32::try_from(*value).ok()))
    }

    fn values(&mut self, entry: &[u8]) -> io::Result<Vec<u64>> {
        let width = value_width(self.number(entry.get(2..4)));
        let Some(bytes) = self.bytes(entry)?.filter(|_| width > 0) else { return Ok(Vec::new()) };
        Ok(bytes.chunks_exact(width).filter_map(|value| self.order.number(value)).collect())
    }

    /// The bytes of an entry's values, from inside the entry or from where it points to.
    fn bytes(&mut self, entry: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let width = value_width(self.number(entry.get(2..4))) as u64;
        let room: usize = if self.big { 8 } else { 4 };
        let Some(count) = self.number(entry.get(4..4 + room)).filter(|count| (1..=MAX_VALUES).contains(count)) else {
            return Ok(None);
        };
        let Ok(length) = usize::try_from(count * width) else { return Ok(None) };
        let field = entry.get(4 + room..4 + room * 2);
        if length <= room {
            return Ok(field.and_then(|field| field.get(..length)).map(<[u8]>::to_vec));
        }
        let Some(at) = self.number(field) else { return Ok(None) };
        (self.read)(at, length).map(Some)
    }
}

/// Bytes of one value of a field type (TIFF 6, section 2); 0 for types that are not read here.
fn value_width(kind: Option<u64>) -> usize {
    match kind {
        Some(1 | 2 | 6 | 7) => 1,
        Some(3 | 8) => 2,
        Some(4 | 9 | 11 | 13) => 4,
        Some(5 | 10 | 12 | 16..=18) => 8,
        Some(_) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One directory at 8 with one field: XMP of 100 bytes at 1000.
    fn with_field_at_1000() -> Vec<u8> {
        let mut bytes = b"MM\0*\0\0\0\x08\0\x01".to_vec();
        bytes.extend([0x02, 0xBC, 0, 7, 0, 0, 0, 100, 0, 0, 3, 232]);
        bytes.extend([0; 4]);
        bytes
    }

    fn walked(bytes: &[u8], size: u64) -> Option<Structure> {
        let mut read = |at: u64, length: usize| {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Ok(bytes[at..at.saturating_add(length).min(bytes.len())].to_vec())
        };
        walk(&mut read, size).unwrap()
    }

    #[test]
    fn a_value_past_the_end_is_missed_though_nobody_asks_for_it() {
        let bytes = with_field_at_1000();
        assert_eq!(walked(&bytes, 1100).unwrap().missing, None);
        assert_eq!(walked(&bytes, 1099).unwrap().missing, Some(1000));
    }

    #[test]
    fn directories_that_point_at_each_other_end_no_loop() {
        let mut bytes = with_field_at_1000();
        let link = bytes.len() - 1;
        bytes[link] = 8;
        assert!(walked(&bytes, 2000).is_some());
    }

    #[test]
    fn a_head_cut_anywhere_never_panics() {
        let bytes = with_field_at_1000();
        for length in 0..bytes.len() {
            walked(&bytes[..length], length as u64);
        }
    }
}
