//! Where the samples of each track lie (ISO/IEC 14496-12, 8.7).

use super::{Extent, sound_atoms, sound_child};
use crate::formats::numbers::{be32, be64};

/// More chunks than hours of video have; bounds memory.
const MAX_CHUNKS: usize = 4 << 20;

/// One track of a movie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Track {
    /// What it holds: `vide`, `soun`, …
    pub handler: [u8; 4],
    /// How it is coded: `avc1`, `hvc1`, …
    pub codec: [u8; 4],
    /// Its chunks, in the order of the track.
    pub chunks: Vec<Extent>,
}

/// Lists the tracks that a `moov` box's content describes; a track whose tables make no sense is left out.
pub fn tracks(moov: &[u8]) -> Vec<Track> {
    sound_atoms(moov).filter(|atom| atom.name == *b"trak").filter_map(|atom| track(atom.payload)).collect()
}

/// What the content of a `trak` box describes; `None` when its tables make no sense.
pub fn track(trak: &[u8]) -> Option<Track> {
    let handler = handler(trak)?;
    let codec = sample_description(trak)?.get(12..16)?.try_into().ok()?;
    Some(Track { handler, codec, chunks: chunks(sample_table(trak)?)? })
}

/// What the track of a `trak` box's content holds: `vide`, `soun`, …
pub fn handler(trak: &[u8]) -> Option<[u8; 4]> {
    sound_child(sound_child(trak, b"mdia")?, b"hdlr")?.get(8..12)?.try_into().ok()
}

/// How the samples of a track are coded: the payload of its `stsd` box.
pub fn sample_description(trak: &[u8]) -> Option<&[u8]> {
    sound_child(sample_table(trak)?, b"stsd")
}

fn sample_table(trak: &[u8]) -> Option<&[u8]> {
    sound_child(sound_child(sound_child(trak, b"mdia")?, b"minf")?, b"stbl")
}

fn chunks(table: &[u8]) -> Option<Vec<Extent>> {
    let offsets = offsets(table)?;
    let sizes = sound_child(table, b"stsz")?;
    let fixed = u64::from(be32(sizes, 4)?);
    let samples = usize::try_from(be32(sizes, 8)?).ok()?;
    let per_chunk = sound_child(table, b"stsc")?;
    let runs = usize::try_from(be32(per_chunk, 4)?).ok()?;
    let run = |index: usize| (index < runs).then(|| be32(per_chunk, 8 + index * 12)).flatten();
    let (mut at, mut sample) = (0, 0);
    let mut found = Vec::new();
    for (number, start) in (1_u32..).zip(offsets) {
        while run(at + 1).is_some_and(|first| first <= number) {
            at += 1;
        }
        let many = usize::try_from(be32(per_chunk, 8 + at * 12 + 4)?).ok()?.min(samples - sample);
        let length = if fixed > 0 {
            fixed * many as u64
        } else {
            let table = sizes.get(12 + sample * 4..12 + (sample + many) * 4)?;
            table.as_chunks::<4>().0.iter().map(|size| u64::from(u32::from_be_bytes(*size))).sum()
        };
        sample += many;
        found.push(Extent { start, length });
    }
    Some(found)
}

/// Lists the samples of the track of a `trak` box's content, in the order of the track; `None` when its tables make no
/// sense, or there are more than `most`.
pub fn samples(trak: &[u8], most: usize) -> Option<Vec<Extent>> {
    let table = sample_table(trak)?;
    let chunks = chunks(table)?;
    let sizes = sound_child(table, b"stsz")?;
    let fixed = u64::from(be32(sizes, 4)?);
    let mut found = Vec::new();
    for chunk in chunks {
        let (mut start, end) = (chunk.start, chunk.start.checked_add(chunk.length)?);
        while start < end {
            let size = if fixed > 0 { fixed } else { u64::from(be32(sizes, 12 + found.len() * 4)?) };
            if found.len() >= most {
                return None;
            }
            found.push(Extent { start, length: size });
            start = start.checked_add(size)?;
            // Samples of no bytes lie nowhere, but they count.
            if size == 0 && found.len() >= most {
                return None;
            }
        }
    }
    Some(found)
}

fn offsets(table: &[u8]) -> Option<Vec<u64>> {
    let (offsets, width) =
        sound_child(table, b"stco").map(|found| (found, 4)).or(sound_child(table, b"co64").map(|it| (it, 8)))?;
    let count = usize::try_from(be32(offsets, 4)?).ok()?.min(MAX_CHUNKS);
    let entry = |index: usize| match width {
        4 => be32(offsets, 8 + index * 4).map(u64::from),
        _ => be64(offsets, 8 + index * 8),
    };
    (0..count).map(entry).collect()
}
