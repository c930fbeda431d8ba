//! The table of files (`$MFT`): found by its own first record, by the copy of that, or by where the boot sector says
//! that it begins; read once from its first to its last record.
//!
//! However long the table says it is, no more of it is read than the medium has bytes.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};

use super::attribute::{ATTRIBUTE_LIST, Attribute, BITMAP, DATA, Part, Reference, le64};
use super::boot::Geometry;
use super::content::laid;
use super::record::{NoRecord, Record};
use super::stream::Stream;
use crate::formats::numbers::{le16, le32};
use crate::model::Ranges;
use crate::sources::disk::file_system::Extent;
use crate::sources::medium::{Medium, MediumError, read_vec};

/// How much of the table is asked for at once.
const CHUNK: usize = 1 << 20;
/// How much of the table is kept from its first reading, so that a dying drive is not asked again.
const KEPT_CHUNKS: usize = 32;
/// How long a list of attributes is read; NTFS itself ends them at 256 KiB.
const LONGEST_LIST: u64 = 1 << 20;

/// How the table was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FoundBy {
    /// Its own first record.
    Itself,
    /// The copy of its first record.
    Mirror,
    /// Neither: only the piece that begins where the boot sector says.
    Place,
}

/// The table of files.
pub(super) struct Table {
    pub(super) medium: Arc<dyn Medium>,
    pub(super) geometry: Geometry,
    pub(super) found_by: FoundBy,
    stream: Stream,
    /// Which records are in use, where the first record tells.
    in_use: Option<Stream>,
    /// The first chunks as they were read, by the number of their first record.
    kept: Mutex<HashMap<u64, Chunk>>,
}

/// A piece of the table as it was read, and which positions of the table could not be.
type Chunk = (Box<[u8]>, Ranges);

impl Table {
    /// Finds the table; one without records where nothing is left of it.
    pub(super) fn open(medium: Arc<dyn Medium>, geometry: Geometry) -> Result<Self, MediumError> {
        let mut table = Self {
            medium,
            geometry,
            found_by: FoundBy::Itself,
            stream: Stream::default(),
            in_use: None,
            kept: Mutex::default(),
        };
        for (place, found_by) in [(table.geometry.table, FoundBy::Itself), (table.geometry.mirror, FoundBy::Mirror)] {
            let (mut raw, holes) = read_vec(&*table.medium, place, table.geometry.record)?;
            let Ok(first) = Record::mend(0, &mut raw, place, &holes) else { continue };
            if let Some(extents) = table.own_extents(&first)? {
                table.stream = Stream::new(&table.as_long_as_the_medium(extents));
                table.found_by = found_by;
                table.in_use = table.attribute(&first, BITMAP)?;
                return Ok(table);
            }
        }
        table.found_by = FoundBy::Place;
        table.stream = Stream::new(&[Extent { at: Some(table.geometry.table), length: table.first_piece()? }]);
        Ok(table)
    }

    /// How many records there are.
    pub(super) fn records(&self) -> u64 {
        self.stream.size() / self.geometry.record as u64
    }

    /// Shows each record of `asked`, in their order. Ends early when `show` breaks.
    pub(super) fn each(
        &self,
        asked: Range<u64>,
        mut show: impl FnMut(u64, Result<Record<'_>, NoRecord>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, MediumError> {
        let length = self.geometry.record;
        let per_chunk = (CHUNK / length) as u64;
        let mut chunk = Vec::new();
        let end = asked.end.min(self.records());
        let mut first = asked.start;
        while first < end {
            let next = ((first / per_chunk + 1) * per_chunk).min(end);
            chunk.resize(usize::try_from(next - first).unwrap_or(0) * length, 0);
            let holes = self.read(first, &mut chunk)?;
            for (number, raw) in (first..next).zip(chunk.chunks_exact_mut(length)) {
                let record = Record::mend(number, raw, number * length as u64, &holes);
                if show(number, record).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            first = next;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Gives back the memory of what was kept.
    pub(super) fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = HashMap::new();
    }

    /// Fills `into` with the records from `first` on, from memory where whole chunks of them are kept.
    fn read(&self, first: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((bytes, holes)) = kept.get(&first)
            && let Some(bytes) = bytes.get(..into.len())
        {
            into.copy_from_slice(bytes);
            return Ok(holes.clone());
        }
        let holes = self.stream.read(&*self.medium, first * self.geometry.record as u64, into)?;
        if kept.len() < KEPT_CHUNKS {
            kept.insert(first, (into.to_vec().into(), holes.clone()));
        }
        Ok(holes)
    }

    /// The bytes of an attribute without a name of one of the first records, all of its parts together; of records
    /// 0 to 3 also out of their copies. `None` where the record or the attribute is gone.
    pub(super) fn stream_of(&self, number: u64, kind: u32) -> Result<Option<Stream>, MediumError> {
        self.with_record(number, |record| self.attribute(record, kind))
    }

    /// The value of an attribute that lies in one of the first records.
    pub(super) fn value_of(&self, number: u64, kind: u32) -> Result<Option<Vec<u8>>, MediumError> {
        self.with_record(number, |record| {
            let mut values = record.attributes().filter(|attribute| attribute.kind == kind);
            Ok(values.find_map(|attribute| attribute.value().map(<[u8]>::to_vec)))
        })
    }

    /// Which of `records` were in use; `None` where that cannot be told.
    pub(super) fn in_use(&self, records: Range<u64>) -> Result<Option<u64>, MediumError> {
        let Some(bits) = &self.in_use else { return Ok(None) };
        let mut sum = 0;
        let mut number = records.start;
        let mut bytes = Vec::new();
        while number < records.end {
            let next = ((number / 8 + (64 << 10)) * 8).min(records.end);
            let first_byte = number / 8;
            bytes.resize(usize::try_from(next.div_ceil(8) - first_byte).unwrap_or(0), 0);
            if !bits.read(&*self.medium, first_byte, &mut bytes)?.is_empty() {
                return Ok(None);
            }
            let is_set = |at: &u64| {
                let byte = usize::try_from(at / 8 - first_byte).ok().and_then(|index| bytes.get(index));
                byte.is_some_and(|byte| byte >> (at % 8) & 1 != 0)
            };
            sum += (number..next).filter(is_set).count() as u64;
            number = next;
        }
        Ok(Some(sum))
    }

    fn with_record<T>(
        &self,
        number: u64,
        make: impl Fn(&Record<'_>) -> Result<Option<T>, MediumError>,
    ) -> Result<Option<T>, MediumError> {
        let length = self.geometry.record as u64;
        let copy = Stream::new(&[Extent { at: Some(self.geometry.mirror), length: 4 * length }]);
        let copies = [Some(&self.stream), Some(&copy).filter(|_| number < 4)];
        for stream in copies.into_iter().flatten() {
            let mut raw = vec![0; self.geometry.record];
            let at = number.saturating_mul(length);
            let holes = stream.read(&*self.medium, at, &mut raw)?;
            if let Ok(record) = Record::mend(number, &mut raw, at, &holes)
                && let Some(made) = make(&record)?
            {
                return Ok(Some(made));
            }
        }
        Ok(None)
    }

    /// The table's extents, by its first record. Further parts of them are in records of the table itself, always in
    /// a part that was told of before.
    fn own_extents(&mut self, first: &Record<'_>) -> Result<Option<Vec<Extent>>, MediumError> {
        let Some(head) = own_data(first) else { return Ok(None) };
        self.stream = Stream::new(&laid(head, std::iter::once(head), &self.geometry));
        self.all_parts(first, DATA, head).map(Some)
    }

    /// All parts of an attribute without a name that a record holds or lists.
    fn attribute(&self, record: &Record<'_>, kind: u32) -> Result<Option<Stream>, MediumError> {
        let mine = record.attributes().filter(|attribute| attribute.kind == kind && !attribute.is_named);
        if let Some(head) = mine.filter_map(|attribute| attribute.part()).find(|part| part.first_vcn == 0) {
            let extents = self.all_parts(record, kind, head)?;
            return Ok(Some(Stream::new(&self.as_long_as_the_medium(extents))));
        }
        Ok(None)
    }

    fn all_parts(&self, record: &Record<'_>, kind: u32, head: Part<'_>) -> Result<Vec<Extent>, MediumError> {
        let mut extents = laid(head, std::iter::once(head), &self.geometry);
        let mut elsewhere: Vec<(u64, Reference)> = self.listed(record, kind)?;
        elsewhere.retain(|(vcn, at)| *vcn > head.last_vcn && at.number != record.number);
        elsewhere.sort_by_key(|(vcn, _)| *vcn);
        let mut kept: Vec<Box<[u8]>> = Vec::new();
        for (_, reference) in elsewhere {
            let so_far = Stream::new(&extents);
            let stream = if record.number == 0 { &so_far } else { &self.stream };
            let mut raw = vec![0; self.geometry.record];
            let at = reference.number.saturating_mul(self.geometry.record as u64);
            let holes = stream.read(&*self.medium, at, &mut raw)?;
            let Ok(further) = Record::mend(reference.number, &mut raw, at, &holes) else { continue };
            if further.base().is_none_or(|base| base.number != record.number) {
                continue;
            }
            let parts = further.attributes().filter(|one| one.kind == kind && !one.is_named);
            kept.extend(parts.map(|part| part.bytes.into()));
            let parts = kept.iter().filter_map(|bytes| Attribute::read(bytes)?.part());
            extents = laid(head, std::iter::once(head).chain(parts), &self.geometry);
        }
        Ok(extents)
    }

    /// Where a record's list of attributes says that those of a kind are, with their first cluster.
    fn listed(&self, record: &Record<'_>, kind: u32) -> Result<Vec<(u64, Reference)>, MediumError> {
        let Some(list) = record.attributes().find(|attribute| attribute.kind == ATTRIBUTE_LIST) else {
            return Ok(Vec::new());
        };
        let mut outside = Vec::new();
        let bytes = match (list.value(), list.part()) {
            (Some(value), _) => value,
            (None, Some(part)) => {
                outside.resize(usize::try_from(part.size.min(LONGEST_LIST)).unwrap_or(0), 0);
                let stream = Stream::new(&laid(part, std::iter::once(part), &self.geometry));
                stream.read(&*self.medium, 0, &mut outside)?;
                &outside
            }
            (None, None) => return Ok(Vec::new()),
        };
        let mut found = Vec::new();
        let mut left = bytes;
        while let (Some(of), Some(length)) = (le32(left, 0), le16(left, 4).filter(|length| *length >= 0x1A)) {
            if of == kind
                && left.get(6) == Some(&0)
                && let (Some(vcn), Some(at)) = (le64(left, 8), Reference::read(left, 0x10))
            {
                found.push((vcn, at));
            }
            left = left.get(usize::from(length)..).unwrap_or_default();
        }
        Ok(found)
    }

    /// Cuts what tells of more bytes than there can be.
    fn as_long_as_the_medium(&self, extents: Vec<Extent>) -> Vec<Extent> {
        let mut left = self.medium.size();
        let cut = |extent: Extent| {
            let length = extent.length.min(left);
            left -= length;
            (length > 0).then_some(Extent { length, ..extent })
        };
        extents.into_iter().map_while(cut).collect()
    }

    /// How far records follow each other from where the boot sector says that the table begins.
    fn first_piece(&self) -> Result<u64, MediumError> {
        let (start, record) = (self.geometry.table, self.geometry.record);
        let mut at = start;
        let mut chunk = vec![0; CHUNK];
        let mut end = start;
        while at < self.medium.size() {
            let holes = self.medium.read(at, &mut chunk)?;
            let whole = !holes.meets(at..at + CHUNK as u64);
            let is_record = |raw: &&[u8]| raw.starts_with(b"FILE");
            match chunk.chunks_exact(record).enumerate().rfind(|(_, raw)| is_record(raw)) {
                Some((last, _)) => end = at + ((last + 1) * record) as u64,
                // Nothing here, and not because it could not be read.
                None if whole => break,
                None => {}
            }
            at += CHUNK as u64;
        }
        Ok(end - start)
    }
}

fn own_data<'a>(record: &Record<'a>) -> Option<Part<'a>> {
    let mut data = record.attributes().filter(|attribute| attribute.kind == DATA && !attribute.is_named);
    data.find_map(|attribute| attribute.part().filter(|part| part.first_vcn == 0 && part.size > 0))
}
