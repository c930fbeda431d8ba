//! The bytes of a file on a disk, read in their order, with what of them is lost.

use std::io::{self, Read};
use std::sync::Arc;

use super::file_system::{Content, DiskFile, Extent, Packed, Standing};
use super::ntfs;
use crate::model::{Coming, Found, Ranges};
use crate::sources::medium::{Medium, MediumError};

/// A file on one of a disk's volumes.
pub(in crate::sources) struct OnDisk {
    pub(super) medium: Arc<dyn Medium>,
    pub(super) file: DiskFile,
    /// How it was found where its standing does not say: by its content.
    pub(super) found: Found,
    pub(super) patient: bool,
}

impl OnDisk {
    pub(in crate::sources) fn can_try_harder(&self) -> bool {
        !self.patient && self.medium.can_try_harder()
    }

    pub(in crate::sources) fn patiently(&self) -> Self {
        Self { medium: Arc::clone(&self.medium), file: self.file.clone(), found: self.found, patient: true }
    }
}

/// How a file system's word for a file's standing is written down.
pub(super) fn found(standing: Standing) -> Found {
    match standing {
        Standing::Living => Found::Listed,
        Standing::Deleted => Found::Deleted,
        Standing::DeletedAssumed => Found::DeletedAssumed,
        Standing::DeletedReused => Found::DeletedReused,
    }
}

/// A file's bytes from the first to the last. What the medium does not give reads as zeros; where the file system does
/// not say where the rest lies, the bytes end early.
pub(in crate::sources) struct Contents {
    of: Arc<OnDisk>,
    /// The next byte of the file.
    at: u64,
    /// The extent or unit that the next byte lies in, and where in the file that begins.
    piece: usize,
    piece_at: u64,
    /// The unit of a packed file that was unpacked last.
    unit: Option<(usize, Vec<u8>)>,
    lost: Ranges,
    asked_again: bool,
}

impl Contents {
    pub(in crate::sources) fn of(file: &Arc<OnDisk>) -> Self {
        let of = Arc::clone(file);
        Self { of, at: 0, piece: 0, piece_at: 0, unit: None, lost: Ranges::new(), asked_again: false }
    }

    pub(in crate::sources) fn coming(&self) -> Coming {
        Coming { found: self.of.found, lost: self.lost.clone() }
    }

    fn read_some(&mut self, into: &mut [u8]) -> Result<usize, MediumError> {
        let of = Arc::clone(&self.of);
        if of.patient && !self.asked_again {
            self.asked_again = true;
            of.medium.try_harder(&places(&of.file.content))?;
        }
        let left = usize::try_from(of.file.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = left.min(into.len());
        let into = into.get_mut(..most).unwrap_or_default();
        if into.is_empty() {
            return Ok(0);
        }
        let read = match &of.file.content {
            Content::Inline(bytes, holes) => self.inline(bytes, holes, into),
            Content::Extents(extents) => self.extent(extents, into)?,
            Content::Packed(packed) => self.packed(packed, into)?,
        };
        if read == 0 {
            self.lost.insert(self.at..of.file.size);
        }
        self.at += read as u64;
        Ok(read)
    }

    fn inline(&mut self, bytes: &[u8], holes: &Ranges, into: &mut [u8]) -> usize {
        let from = usize::try_from(self.at).unwrap_or(usize::MAX);
        let there = bytes.get(from..).unwrap_or_default();
        let read = there.len().min(into.len());
        copy(there, into);
        self.lost.extend(holes.within(self.at..self.at + read as u64).iter());
        read
    }

    fn extent(&mut self, extents: &[Extent], into: &mut [u8]) -> Result<usize, MediumError> {
        while let Some(extent) = extents.get(self.piece) {
            let inside = self.at.saturating_sub(self.piece_at);
            if inside >= extent.length {
                self.piece += 1;
                self.piece_at = self.piece_at.saturating_add(extent.length);
                continue;
            }
            let most = usize::try_from(extent.length - inside).unwrap_or(usize::MAX).min(into.len());
            let here = into.get_mut(..most).unwrap_or_default();
            match extent.at {
                None => here.fill(0),
                Some(start) => {
                    let from = start.saturating_add(inside);
                    let holes = self.of.medium.read(from, here)?;
                    let at = self.at;
                    self.lost.extend(holes.iter().map(|hole| at + (hole.start - from)..at + (hole.end - from)));
                }
            }
            return Ok(most);
        }
        Ok(0)
    }

    fn packed(&mut self, packed: &Packed, into: &mut [u8]) -> Result<usize, MediumError> {
        if packed.unit == 0 {
            return Ok(0);
        }
        let number = usize::try_from(self.at / packed.unit).unwrap_or(usize::MAX);
        let Some(extents) = packed.units.get(number) else { return Ok(0) };
        if self.unit.as_ref().is_none_or(|(have, _)| *have != number) {
            let begins = number as u64 * packed.unit;
            self.unit = Some((number, self.unpacked(packed.unit, extents, begins)?));
        }
        let from = usize::try_from(self.at % packed.unit).unwrap_or(usize::MAX);
        let there = self.unit.as_ref().and_then(|(_, bytes)| bytes.get(from..)).unwrap_or_default();
        copy(there, into);
        Ok(there.len().min(into.len()))
    }

    /// A whole unit; where any of its bytes are lost and it is compressed, all that is behind them is.
    fn unpacked(&mut self, unit: u64, extents: &[Extent], begins: u64) -> Result<Vec<u8>, MediumError> {
        let whole = usize::try_from(unit).unwrap_or(0);
        let stored: u64 = extents.iter().map(|extent| extent.length).sum();
        let mut bytes = vec![0; usize::try_from(stored.min(unit)).unwrap_or(0)];
        let (mut filled, mut bad) = (0_usize, false);
        for extent in extents {
            let length = usize::try_from(extent.length).unwrap_or(usize::MAX);
            let end = bytes.len().min(filled.saturating_add(length));
            let here = bytes.get_mut(filled..end).unwrap_or_default();
            if let Some(at) = extent.at {
                bad |= !self.of.medium.read(at, here)?.is_empty();
            }
            filled = end;
        }
        let mut plain = vec![0; whole];
        if stored >= unit {
            copy(&bytes, &mut plain);
        } else if stored > 0 {
            bad |= ntfs::unpack(&bytes, &mut plain).is_err();
        }
        if bad {
            let end = begins.saturating_add(unit).min(self.of.file.size);
            self.lost.insert(begins..end);
            plain.fill(0);
        }
        Ok(plain)
    }
}

impl Read for Contents {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.read_some(into).map_err(io::Error::other)
    }
}

/// Every place on the medium that holds bytes of it.
pub(super) fn places(content: &Content) -> Ranges {
    let place = |extent: &Extent| extent.at.map(|at| at..at.saturating_add(extent.length));
    match content {
        Content::Inline(..) => Ranges::new(),
        Content::Extents(extents) => extents.iter().filter_map(place).collect(),
        Content::Packed(packed) => packed.units.iter().flatten().filter_map(place).collect(),
    }
}

fn copy(from: &[u8], into: &mut [u8]) {
    let most = from.len().min(into.len());
    if let (Some(from), Some(into)) = (from.get(..most), into.get_mut(..most)) {
        into.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RawPath;

    fn file(size: u64, content: Content, bad: Ranges) -> Arc<OnDisk> {
        let bytes: Vec<u8> = (0..200_u8).collect();
        let path = RawPath::from_bytes(b"a.jpg".to_vec());
        let file = DiskFile { path, size, modified_at: None, inode: 0, standing: Standing::Living, content };
        Arc::new(OnDisk { medium: Arc::new((bytes, bad)), file, found: Found::Listed, patient: false })
    }

    fn read(file: &Arc<OnDisk>) -> (Vec<u8>, String) {
        let mut contents = Contents::of(file);
        let mut bytes = Vec::new();
        // Small and odd, so that reads end inside extents.
        let mut buffer = [0; 7];
        loop {
            let read = contents.read(&mut buffer).expect("it reads");
            if read == 0 {
                return (bytes, contents.coming().lost.to_string());
            }
            bytes.extend_from_slice(&buffer[..read]);
        }
    }

    fn extent(at: u64, length: u64) -> Extent {
        Extent { at: Some(at), length }
    }

    #[test]
    fn extents_come_in_their_order_and_holes_are_told_by_their_place_in_the_file() {
        let content = Content::Extents(vec![extent(100, 10), Extent { at: None, length: 5 }, extent(20, 10)]);
        let (bytes, lost) = read(&file(22, content, Ranges::one(24..26)));
        assert_eq!(bytes[..10], (100..110).collect::<Vec<u8>>());
        assert_eq!(bytes[10..15], [0; 5]);
        assert_eq!(bytes[15..], [20, 21, 22, 23, 0, 0, 26]);
        assert_eq!(lost, "19+2");
    }

    #[test]
    fn a_file_whose_rest_is_nowhere_ends_early_and_says_so() {
        let (bytes, lost) = read(&file(100, Content::Extents(vec![extent(0, 30)]), Ranges::new()));
        assert_eq!((bytes.len(), lost.as_str()), (30, "30+70"));
    }

    #[test]
    fn what_a_record_holds_itself_is_read_from_it() {
        let content = Content::Inline(vec![1, 2, 3, 0, 0, 6], Ranges::one(3..5));
        assert_eq!(read(&file(6, content, Ranges::new())), (vec![1, 2, 3, 0, 0, 6], "3+2".to_owned()));
    }

    #[test]
    fn units_that_are_not_compressed_are_read_as_they_are() {
        let units = vec![vec![extent(8, 8)], vec![], vec![extent(32, 4), extent(40, 4)]];
        let (bytes, lost) = read(&file(21, Content::Packed(Packed { unit: 8, units }), Ranges::one(41..42)));
        assert_eq!(bytes[..8], (8..16).collect::<Vec<u8>>());
        assert_eq!(bytes[8..16], [0; 8]);
        assert_eq!((&bytes[16..], lost.as_str()), (&[0; 5][..], "16+5"));
    }
}
