//! The coded pictures inside a file of boxes: where each lies, and whether what lies there is one.

use std::ops::Range;

use memchr::memmem;

use crate::formats::isobmff::{Origin, child, kinds, locations, sample_description, samples, sound_atoms, track};

/// More coded pictures than hours of film have. Bounds memory.
const MAX_UNITS: usize = 1 << 20;

/// Other things that are kept in mind. Bounds memory.
const MAX_OTHERS: usize = 64;

/// How the parts of a coded picture are chained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Chain {
    /// H.264: each part begins with its length, in this many bytes (ISO/IEC 14496-15).
    Avc(usize),
    /// H.265, likewise.
    Hevc(usize),
    /// A JPEG of its own.
    Jpeg,
}

/// One coded picture, by its place in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Unit {
    pub(in super::super) start: u64,
    pub(in super::super) length: u64,
    chain: Chain,
}

/// What an index tells.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Index {
    /// Coded pictures in the order of the file.
    pub(super) units: Vec<Unit>,
    /// Where the last byte that is pointed to ends.
    pub(super) end: u64,
    /// What holds other things than coded pictures: small JPEGs may be among them.
    pub(super) others: Vec<Range<u64>>,
}

/// Reads the content of a `moov` box; `None` when it is not all there.
pub(super) fn of_movie(moov: &[u8]) -> Option<Index> {
    let mut index = Index::default();
    let (mut tracks, mut bytes) = (0, 0);
    for atom in sound_atoms(moov) {
        bytes += atom.payload.len() + 8;
        if atom.name != *b"trak" {
            continue;
        }
        let found = track(atom.payload)?;
        tracks += 1;
        for chunk in &found.chunks {
            index.end = index.end.max(chunk.start.checked_add(chunk.length)?);
        }
        let Some(chain) = chain(found.codec, sample_description(atom.payload)?) else {
            let few = found.chunks.iter().take(MAX_OTHERS).filter(|_| found.handler == *b"vide");
            index.others.extend(few.map(|chunk| chunk.start..chunk.start + chunk.length));
            continue;
        };
        if chain == Chain::Jpeg {
            // Each of its pictures is one that must not pass as a photo.
            index.others.extend(found.chunks.iter().map(|chunk| chunk.start..chunk.start + chunk.length));
        }
        if found.handler == *b"vide"
            && let Some(samples) = samples(atom.payload, MAX_UNITS.saturating_sub(index.units.len()))
        {
            let sized = samples.into_iter().filter(|sample| sample.length > 0);
            index.units.extend(sized.map(|sample| Unit { start: sample.start, length: sample.length, chain }));
        }
    }
    index.units.sort_by_key(|unit| unit.start);
    // A few boxes of QuickTime end with four zeros.
    (tracks > 0 && bytes + 8 >= moov.len()).then_some(index)
}

/// Reads the content of a `meta` box, its version left out.
pub(super) fn of_items(meta: &[u8]) -> Option<Index> {
    let kinds = kinds(child(meta, b"iinf")?);
    let mut index = Index::default();
    let chain = chain(*b"hvc1", meta);
    for location in locations(child(meta, b"iloc")?) {
        let location = location?;
        let kind = kinds.iter().find(|(id, _)| *id == location.id).map(|(_, kind)| *kind);
        if location.origin != Origin::File {
            continue;
        }
        for extent in &location.extents {
            let end = extent.start.checked_add(extent.length)?;
            index.end = index.end.max(end);
            if kind != Some(*b"hvc1") && kind != Some(*b"av01") && index.others.len() < MAX_OTHERS {
                index.others.push(extent.start..end);
            }
        }
        if kind == Some(*b"hvc1")
            && let Some(chain) = chain
            && let [extent] = location.extents.as_slice()
            && index.units.len() < MAX_UNITS
        {
            index.units.push(Unit { start: extent.start, length: extent.length, chain });
        }
    }
    index.units.sort_by_key(|unit| unit.start);
    Some(index)
}

fn chain(codec: [u8; 4], description: &[u8]) -> Option<Chain> {
    let configuration = |name: &[u8; 4], at: usize| {
        let start = memmem::find(description, name)? + 4;
        description.get(start + at).map(|byte| usize::from(byte & 3) + 1)
    };
    match &codec {
        b"avc1" | b"avc3" => configuration(b"avcC", 4).map(Chain::Avc),
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => configuration(b"hvcC", 21).map(Chain::Hevc),
        b"jpeg" => Some(Chain::Jpeg),
        _ => None,
    }
}

impl Unit {
    /// Where it ends.
    pub(in super::super) fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// Whether these bytes, its first ones, may be it.
    pub(in super::super) fn may_begin(&self, bytes: &[u8]) -> bool {
        self.part(bytes).is_some_and(|part| part <= self.length)
    }

    /// Whether these bytes are it: each part begins where the one before ends, and the last one ends with it.
    pub(in super::super) fn is_sound(&self, bytes: &[u8]) -> bool {
        if bytes.len() as u64 != self.length {
            return false;
        }
        if self.chain == Chain::Jpeg {
            return self.may_begin(bytes);
        }
        let mut at = 0_usize;
        while at < bytes.len() {
            let Some(part) =
                bytes.get(at..).and_then(|rest| self.part(rest)).and_then(|part| usize::try_from(part).ok())
            else {
                return false;
            };
            let Some(next) = at.checked_add(part).filter(|next| *next <= bytes.len()) else { return false };
            at = next;
        }
        true
    }

    /// Bytes of the part that begins here, its length included; `None` where none can.
    fn part(&self, bytes: &[u8]) -> Option<u64> {
        let (prefix, least) = match self.chain {
            Chain::Jpeg => return bytes.starts_with(&[0xFF, 0xD8, 0xFF]).then_some(self.length),
            Chain::Avc(prefix) => (prefix, 1),
            Chain::Hevc(prefix) => (prefix, 2),
        };
        let (length, rest) = bytes.split_at_checked(prefix)?;
        let length = length.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let sound = match (self.chain, rest.first()?, rest.get(1)) {
            // The first bit is zero; there is no type 0; the layer and its time are small (H.264 7.3.1, H.265 7.3.1.2).
            (Chain::Hevc(_), first, Some(second)) => first & 0x81 == 0 && second >> 3 == 0 && second & 7 != 0,
            (Chain::Hevc(_), _, None) => false,
            (Chain::Avc(_) | Chain::Jpeg, first, _) => first & 0x80 == 0 && first & 0x1F != 0,
        };
        (sound && length >= least).then(|| length + prefix as u64)
    }
}
