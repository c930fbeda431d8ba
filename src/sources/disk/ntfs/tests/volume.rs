//! Small volumes of NTFS, written by hand: clusters and records of 1 KiB, 2,048 clusters, 64 records.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::Ranges;
use crate::sources::disk::file_system::{Content, DiskFile, FileSystem, Met, Reading};
use crate::sources::disk::ntfs::{open, unpack};
use crate::sources::medium::Medium;

pub(super) const CLUSTER: usize = 1024;
pub(super) const CLUSTERS: usize = 2048;
pub(super) const MIRROR: usize = 8;
pub(super) const TABLE: usize = 16;
pub(super) const BITMAP: usize = 100;
/// Where files lie.
pub(super) const FILES: usize = 200;

/// Which clusters, and from where; `None` for zeros.
pub(super) type Runs<'a> = &'a [(Option<usize>, usize)];

pub(super) struct Volume {
    pub(super) bytes: Vec<u8>,
}

/// What stands in a record.
pub(super) struct Made {
    pub(super) sequence: u16,
    /// 1 in use, 2 folder.
    pub(super) flags: u16,
    pub(super) base: u64,
    pub(super) attributes: Vec<Vec<u8>>,
}

impl Made {
    pub(super) fn file(attributes: Vec<Vec<u8>>) -> Self {
        Self { sequence: 1, flags: 1, base: 0, attributes }
    }

    pub(super) fn folder(attributes: Vec<Vec<u8>>) -> Self {
        Self { flags: 3, ..Self::file(attributes) }
    }

    /// As a record is left when it is freed.
    pub(super) fn deleted(self) -> Self {
        Self { sequence: self.sequence + 1, flags: self.flags & !1, ..self }
    }
}

impl Volume {
    pub(super) fn new() -> Self {
        let mut volume = Self { bytes: vec![0; (CLUSTERS + 1) * CLUSTER] };
        let mut boot = vec![0; 512];
        boot[3..11].copy_from_slice(b"NTFS    ");
        boot[0x0B..0x0D].copy_from_slice(&512_u16.to_le_bytes());
        boot[0x0D] = 2;
        boot[0x28..0x30].copy_from_slice(&(CLUSTERS as u64 * 2).to_le_bytes());
        boot[0x30..0x38].copy_from_slice(&(TABLE as u64).to_le_bytes());
        boot[0x38..0x40].copy_from_slice(&(MIRROR as u64).to_le_bytes());
        boot[0x40] = 0xF6;
        boot[0x48..0x50].copy_from_slice(&0x0123_4567_89AB_CDEF_u64.to_le_bytes());
        boot[510..].copy_from_slice(&[0x55, 0xAA]);
        let end = volume.bytes.len();
        volume.bytes[..512].copy_from_slice(&boot);
        volume.bytes[end - 512..].copy_from_slice(&boot);
        for number in 0..64 {
            volume.record(number, Made { flags: 0, ..Made::file(Vec::new()) });
        }
        let own = vec![data(&[(Some(TABLE), 64)], 64 * 1024), resident(0xB0, &u64::MAX.to_le_bytes())];
        volume.record(0, Made::file(own));
        volume.record(3, Made::file(vec![resident(0x60, &utf16("Ferien ä"))]));
        volume.record(6, Made::file(vec![data(&[(Some(BITMAP), 1)], CLUSTERS as u64 / 8)]));
        volume.record(7, Made::file(vec![data(&[(Some(0), TABLE)], (TABLE * CLUSTER) as u64)]));
        volume.take(0..BITMAP + 1);
        volume
    }

    /// Writes a record with its guards; the first four also into the copy of the table.
    pub(super) fn record(&mut self, number: usize, made: Made) {
        let mut record = vec![0; 1024];
        record[..4].copy_from_slice(b"FILE");
        record[4..8].copy_from_slice(&[0x30, 0, 3, 0]);
        record[0x10..0x12].copy_from_slice(&made.sequence.to_le_bytes());
        record[0x14] = 0x38;
        record[0x16..0x18].copy_from_slice(&made.flags.to_le_bytes());
        record[0x20..0x28].copy_from_slice(&made.base.to_le_bytes());
        let mut at = 0x38;
        for attribute in made.attributes.into_iter().chain([vec![0xFF; 4]]) {
            record[at..at + attribute.len()].copy_from_slice(&attribute);
            at += attribute.len();
        }
        for (index, end) in [510, 1022].into_iter().enumerate() {
            let kept = [record[end], record[end + 1]];
            record[0x32 + index * 2..0x34 + index * 2].copy_from_slice(&kept);
            record[end..end + 2].copy_from_slice(&[7, 0]);
        }
        record[0x30..0x32].copy_from_slice(&[7, 0]);
        for base in [Some(TABLE), (number < 4).then_some(MIRROR)].into_iter().flatten() {
            let at = (base + number) * CLUSTER;
            self.bytes[at..at + 1024].copy_from_slice(&record);
        }
    }

    /// Marks clusters as taken.
    pub(super) fn take(&mut self, clusters: Range<usize>) {
        for cluster in clusters {
            self.bytes[BITMAP * CLUSTER + cluster / 8] |= 1 << (cluster % 8);
        }
    }

    /// Fills clusters with what tells them apart, and marks them as taken.
    pub(super) fn fill(&mut self, clusters: Range<usize>) -> Vec<u8> {
        self.take(clusters.clone());
        self.write(clusters)
    }

    /// Fills clusters that are free.
    pub(super) fn write(&mut self, clusters: Range<usize>) -> Vec<u8> {
        let written: Vec<u8> = clusters.clone().flat_map(content_of).collect();
        self.bytes[clusters.start * CLUSTER..clusters.end * CLUSTER].copy_from_slice(&written);
        written
    }

    /// Where a record is.
    pub(super) fn place(number: usize) -> Range<u64> {
        let at = ((TABLE + number) * CLUSTER) as u64;
        at..at + 1024
    }

    pub(super) fn walked(&self, holes: Ranges) -> Walked {
        Walked::of((self.bytes.clone(), holes)).expect("it is NTFS")
    }
}

/// What a cluster is filled with.
pub(super) fn content_of(cluster: usize) -> Vec<u8> {
    (0..CLUSTER).map(|at| u8::try_from((cluster * 31 + at * 7) % 251).unwrap()).collect()
}

pub(super) fn resident(kind: u32, value: &[u8]) -> Vec<u8> {
    let length = (24 + value.len()).next_multiple_of(8);
    let mut attribute = vec![0; length];
    attribute[..4].copy_from_slice(&kind.to_le_bytes());
    attribute[4..8].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    attribute[0x10..0x14].copy_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
    attribute[0x14] = 24;
    attribute[24..24 + value.len()].copy_from_slice(value);
    attribute
}

/// A `$DATA` in clusters, all of which were written.
pub(super) fn data(runs: Runs<'_>, size: u64) -> Vec<u8> {
    part(runs, 0, [size, size], 0, 0)
}

/// A part of a `$DATA`, with its first cluster, how long the file is and how much of it was written.
pub(super) fn part(runs: Runs<'_>, first_vcn: u64, [size, written]: [u64; 2], flags: u16, unit: u8) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut before = 0;
    for (place, count) in runs {
        packed.push(if place.is_some() { 0x44 } else { 0x04 });
        packed.extend(u32::try_from(*count).unwrap().to_le_bytes());
        if let Some(place) = place {
            let place = i32::try_from(*place).unwrap();
            packed.extend((place - before).to_le_bytes());
            before = place;
        }
    }
    packed.push(0);
    let clusters: usize = runs.iter().map(|(_, count)| count).sum();
    let length = (64 + packed.len()).next_multiple_of(8);
    let mut attribute = vec![0; length];
    attribute[..4].copy_from_slice(&0x80_u32.to_le_bytes());
    attribute[4..8].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    attribute[8] = 1;
    attribute[0x0C..0x0E].copy_from_slice(&flags.to_le_bytes());
    attribute[0x10..0x18].copy_from_slice(&first_vcn.to_le_bytes());
    attribute[0x18..0x20].copy_from_slice(&(first_vcn + clusters as u64).wrapping_sub(1).to_le_bytes());
    attribute[0x20] = 64;
    attribute[0x22] = unit;
    for (at, number) in [(0x28, size), (0x30, size), (0x38, written)] {
        attribute[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    attribute[64..64 + packed.len()].copy_from_slice(&packed);
    attribute
}

pub(super) fn reference(number: u64, sequence: u16) -> u64 {
    number | u64::from(sequence) << 48
}

/// A name of Windows in the folder `parent`, given with its sequence.
pub(super) fn name(parent: (u64, u16), text: &str) -> Vec<u8> {
    name_of(1, parent, text)
}

pub(super) fn name_of(sort: u8, parent: (u64, u16), text: &str) -> Vec<u8> {
    let text = utf16(text);
    let mut value = vec![0; 0x42];
    value[..8].copy_from_slice(&reference(parent.0, parent.1).to_le_bytes());
    value[0x40] = u8::try_from(text.len() / 2).unwrap();
    value[0x41] = sort;
    value.extend(text);
    resident(0x30, &value)
}

/// `$STANDARD_INFORMATION`, written at one time and changed at another.
pub(super) fn times(written: &str, changed: &str) -> Vec<u8> {
    information(written, changed, 0)
}

pub(super) fn information(written: &str, changed: &str, flags: u32) -> Vec<u8> {
    let ticks = |time: &str| {
        let time: Timestamp = time.parse().unwrap();
        u64::try_from((time.as_second() + 11_644_473_600) * 10_000_000).unwrap().to_le_bytes()
    };
    let mut value = vec![0; 48];
    value[8..16].copy_from_slice(&ticks(written));
    value[16..24].copy_from_slice(&ticks(changed));
    value[0x20..0x24].copy_from_slice(&flags.to_le_bytes());
    resident(0x10, &value)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// All that a volume has.
pub(super) struct Walked {
    pub(super) system: Box<dyn FileSystem>,
    pub(super) files: Vec<DiskFile>,
    pub(super) problems: Vec<String>,
    medium: Arc<dyn Medium>,
}

impl Walked {
    pub(super) fn of(medium: (Vec<u8>, Ranges)) -> Option<Self> {
        let medium: Arc<dyn Medium> = Arc::new(medium);
        let system = open(Arc::clone(&medium), &Reading { zone: TimeZone::UTC }).unwrap()?;
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        system
            .walk(&mut |met| {
                match met {
                    Met::File(file) => files.push(file),
                    Met::Problem(problem) => problems.push(format!("{}: {}", problem.path, problem.message)),
                }
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        Some(Self { system, files, problems, medium })
    }

    pub(super) fn file(&self, path: &str) -> &DiskFile {
        let found = self.files.iter().find(|file| file.path.to_string() == path);
        found.unwrap_or_else(|| panic!("{path} is not among {:?}", self.paths()))
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.files.iter().map(|file| file.path.to_string()).collect()
    }

    /// A file's bytes as far as they are known, and which of its positions are not.
    pub(super) fn read(&self, path: &str) -> (Vec<u8>, Ranges) {
        read(&*self.medium, self.file(path))
    }

    /// The bytes of a file that is whole.
    pub(super) fn whole(&self, path: &str) -> Vec<u8> {
        let (bytes, holes) = self.read(path);
        assert_eq!((bytes.len() as u64, holes), (self.file(path).size, Ranges::new()), "{path} is whole");
        bytes
    }
}

pub(super) fn read(medium: &dyn Medium, file: &DiskFile) -> (Vec<u8>, Ranges) {
    let (mut bytes, mut holes) = (Vec::new(), Ranges::new());
    let extend = |bytes: &mut Vec<u8>, holes: &mut Ranges, at: Option<u64>, length: u64| {
        let start = bytes.len();
        bytes.resize(start + usize::try_from(length).unwrap(), 0);
        if let Some(at) = at {
            let bad = medium.read(at, &mut bytes[start..]).unwrap();
            holes.extend(bad.iter().map(|hole| hole.start - at + start as u64..hole.end - at + start as u64));
        }
    };
    match &file.content {
        Content::Inline(value, bad) => return (value.clone(), bad.clone()),
        Content::Extents(extents) => {
            for extent in extents {
                extend(&mut bytes, &mut holes, extent.at, extent.length);
            }
        }
        Content::Packed(packed) => {
            for extents in &packed.units {
                let start = bytes.len() as u64;
                let (mut unit, mut bad) = (Vec::new(), Ranges::new());
                for extent in extents {
                    extend(&mut unit, &mut bad, extent.at, extent.length);
                }
                let mut plain = unit;
                if (plain.len() as u64) < packed.unit {
                    let mut into = vec![0; usize::try_from(packed.unit).unwrap()];
                    let left = usize::try_from(file.size - start).unwrap().min(into.len());
                    unpack(&plain, &mut into[..left]).unwrap();
                    plain = into;
                }
                if !bad.is_empty() {
                    holes.insert(start..start + packed.unit);
                }
                bytes.extend(plain);
            }
        }
    }
    bytes.truncate(usize::try_from(file.size).unwrap());
    holes.remove(file.size..u64::MAX);
    (bytes, holes)
}
