//! Canon's CIFF, of the years before EXIF (“CIFF Specification on Image Data File”, 1.0): a CRW file is one, and the
//! JPEGs of the first `PowerShot`s carry one.

use crate::formats::exif_text::{camera_name, decode};
use crate::formats::moments;
use crate::formats::numbers::Order;
use crate::model::{Facts, TimeSource};

/// Heaps lie in heaps; real ones three deep.
const MAX_DEPTH: u32 = 8;

/// More records than any file has.
const MAX_RECORDS: usize = 4096;

/// Reads a CRW file, or the first APP0 segment of an early `PowerShot`'s JPEG. Nothing where it is neither.
pub fn read(bytes: &[u8]) -> Facts {
    let mut found = Records::default();
    let header = Bytes { bytes, order: if bytes.starts_with(b"II") { Order::Little } else { Order::Big } };
    let is_heap = matches!(bytes.get(6..14), Some(b"HEAPCCDR" | b"HEAPJPGM"));
    let heap = header.number(2, 4).and_then(|length| bytes.get(length..)).filter(|_| is_heap);
    if let Some(heap) = heap {
        found.walk(Bytes { bytes: heap, order: header.order }, 0);
    }
    found.facts()
}

/// The records that are read, by their numbers without the bits that say where the data lies.
#[derive(Default)]
struct Records<'a> {
    read: usize,
    make_and_model: Option<&'a [u8]>,
    time_stamp: Option<u32>,
    size: Option<(u32, u32)>,
}

impl<'a> Records<'a> {
    /// Walks a heap: its directory stands at its end, and the last four bytes say where it begins.
    fn walk(&mut self, heap: Bytes<'a>, depth: u32) -> Option<()> {
        let at = heap.number(heap.bytes.len().checked_sub(4)?, 4)?;
        for index in 0..heap.number(at, 2)? {
            self.read += 1;
            if depth > MAX_DEPTH || self.read > MAX_RECORDS {
                return None;
            }
            let entry = at.checked_add(2)?.checked_add(index * 10)?;
            let kind = heap.number(entry, 2)?;
            let data = if kind & 0x4000 == 0 {
                let (size, offset) = (heap.number(entry + 2, 4)?, heap.number(entry + 6, 4)?);
                heap.bytes.get(offset..offset.checked_add(size)?)
            } else {
                heap.bytes.get(entry + 2..entry + 10)
            };
            let Some(data) = data.map(|bytes| Bytes { bytes, order: heap.order }) else { continue };
            match (kind & 0x3FFF, kind & 0x3800) {
                // A sub-heap that breaks off costs itself.
                (_, 0x2800 | 0x3000) => self.walk(data, depth + 1).unwrap_or_default(),
                (0x080A, _) => self.make_and_model = Some(data.bytes),
                (0x180E, _) => self.time_stamp = data.field(0),
                (0x1810, _) => self.size = data.field(0).zip(data.field(4)),
                _ => {}
            }
        }
        Some(())
    }

    fn facts(self) -> Facts {
        let mut parts = self.make_and_model.unwrap_or_default().split(|byte| *byte == 0);
        let mut text = || parts.next().and_then(decode);
        let (make, model) = (text(), text());
        let size = self.size.filter(|(width, height)| *width > 0 && *height > 0);
        let taken = self.time_stamp.and_then(|seconds| moments::from_wall_clock_seconds(seconds.into()));
        Facts {
            camera: camera_name(make.as_deref(), model.as_deref()),
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            times: taken.map(|moment| moment.said_by(TimeSource::Exif)).into_iter().collect(),
            ..Facts::default()
        }
    }
}

#[derive(Clone, Copy)]
struct Bytes<'a> {
    bytes: &'a [u8],
    order: Order,
}

impl Bytes<'_> {
    /// A number of two or four bytes.
    fn number(&self, at: usize, places: usize) -> Option<usize> {
        usize::try_from(self.order.number(self.bytes.get(at..at.checked_add(places)?)?)?).ok()
    }

    fn field(&self, at: usize) -> Option<u32> {
        u32::try_from(self.number(at, 4)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn heap(records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut data = Vec::new();
        let mut directory = u16::try_from(records.len()).unwrap_or(0).to_le_bytes().to_vec();
        for (kind, bytes) in records {
            directory.extend(kind.to_le_bytes());
            directory.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
            directory.extend(u32::try_from(data.len()).unwrap_or(0).to_le_bytes());
            data.extend_from_slice(bytes);
        }
        let at = u32::try_from(data.len()).unwrap_or(0).to_le_bytes();
        [data, directory, at.to_vec()].concat()
    }

    fn file() -> Vec<u8> {
        let camera = heap(&[(0x080A, b"Canon\0Canon PowerShot A5\0\0\0")]);
        let image = heap(&[(0x180E, &[&972_687_386_u32.to_le_bytes(), [0; 8].as_slice()].concat()), (0x2807, &camera)]);
        [b"II\x1a\0\0\0HEAPJPGM".as_slice(), &[0; 12], &heap(&[(0x300A, &image)])].concat()
    }

    #[test]
    fn the_first_powershots_say_when_and_what_they_are() {
        let facts = read(&file());
        assert_eq!(facts.camera.as_deref(), Some("Canon PowerShot A5"));
        assert_eq!(facts.times[0].local, date(2000, 10, 27).at(22, 56, 26, 0));
        assert_eq!(facts.times[0].offset, None);
    }

    #[test]
    fn a_heap_cut_or_changed_anywhere_never_panics() {
        let file = file();
        for at in 0..file.len() {
            assert!(read(&file[..at]).times.len() <= 1);
            for value in [0, 0x28, 0xFF] {
                let mut changed = file.clone();
                changed[at] = value;
                assert!(read(&changed).times.len() <= 1);
            }
        }
    }

    #[test]
    fn a_heap_inside_itself_ends() {
        // One record that claims to be a heap and is the whole heap again.
        let mut heap = [1, 0, 0x0A, 0x28].to_vec();
        heap.extend(16_u32.to_le_bytes());
        heap.extend(0_u32.to_le_bytes());
        heap.extend(0_u32.to_le_bytes());
        let file = [b"II\x1a\0\0\0HEAPCCDR".as_slice(), &[0; 12], &heap].concat();
        assert_eq!(read(&file), Facts::default());
    }
}
