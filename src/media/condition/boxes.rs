//! HEIC, AVIF, CR3 and the videos on ISO boxes: boxes walked to the end of the file, samples and items inside it, no holes
//! in video data.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

use crate::formats::isobmff::{Extent, Location, Origin, box_head, kinds, locations, sound_child, tracks};
use crate::model::{Depth, Kind};

use super::holes::holes_in;
use super::{Tested, percent};
use crate::media::read_at::read_at;

/// Larger than the index of any video from a camera. Bounds memory.
const MAX_INDEX: u64 = 64 << 20;

/// Codecs whose data never holds a sector of zeros: start codes must not appear in it, or it is JPEG.
const CODED: [&[u8; 4]; 12] =
    [b"avc1", b"avc3", b"hvc1", b"hev1", b"dvh1", b"dvhe", b"mp4v", b"s263", b"jpeg", b"mjpa", b"mjpb", b"dmb1"];

#[derive(Default)]
struct Top {
    moov: Option<Vec<u8>>,
    meta: Option<Vec<u8>>,
    /// An index that is there, but larger than is read.
    has_large_index: bool,
    has_fragments: bool,
    /// Bytes of media data, as declared.
    data: u64,
    /// Where a box begins that goes past the end, and where it should end.
    cut: Option<(u64, u64)>,
    /// Where something stands that is no box.
    lost: Option<u64>,
}

pub(super) fn test<R: Read + Seek>(input: &mut R, size: u64, kind: Kind) -> io::Result<Tested> {
    if read_at(input, 0, 2)? == [0xFF, 0x0A] {
        // A bare JPEG XL codestream: nothing here knows the format further.
        return Ok(Tested::intact(Depth::Signature));
    }
    let top = walk(input, size)?;
    let mut needed: Vec<Extent> = Vec::new();
    let mut coded: Vec<Extent> = Vec::new();
    for track in top.moov.iter().flat_map(|moov| tracks(moov)) {
        needed.extend(&track.chunks);
        if CODED.contains(&&track.codec) {
            coded.extend(&track.chunks);
        }
    }
    for (kind, item) in top.meta.as_ref().and_then(|meta| items(meta.get(4..)?)).unwrap_or_default() {
        needed.extend(&item.extents);
        if matches!(kind.as_ref(), Some(b"hvc1" | b"jpeg" | b"av01")) {
            coded.extend(&item.extents);
        }
    }
    let total: u64 = needed.iter().fold(0, |sum, extent| sum.saturating_add(extent.length));
    let inside = |extent: &Extent| size.saturating_sub(extent.start).min(extent.length);
    let there: u64 = needed.iter().fold(0, |sum, extent| sum.saturating_add(inside(extent)));
    if there < total {
        let good = percent(there, total);
        let finding = format!("ends after {} % of its data", good.unwrap_or(0));
        return Ok(Tested::truncated(Depth::Structure, good, finding));
    }
    if let Some((start, end)) = top.cut {
        return Ok(cut(&top, size, start, end));
    }
    let has_index = top.moov.is_some() || top.meta.is_some() || top.has_large_index || top.has_fragments;
    if !has_index && kind != Kind::Jxl {
        return Ok(Tested::damaged(Depth::Structure, None, "has lost the index that says where its pictures are"));
    }
    // Behind a complete movie or picture, phones leave trailers of their own.
    if let Some(at) = top.lost.filter(|_| total == 0) {
        return Ok(Tested::damaged(
            Depth::Structure,
            percent(at, size),
            "is broken inside: what should be a part of it is none",
        ));
    }
    let (lost, first) = holes_in(input, &coded)?;
    Ok(match first {
        Some(_) => {
            let good = percent(total - lost.min(total), total);
            Tested::damaged(Depth::Structure, good, "holds zeros where a part of its pictures should be")
        }
        None => Tested::intact(Depth::Structure),
    })
}

/// The items of a `meta` box, past its version and flags, that lie outside it, with what each is. `None` when there is no
/// table of locations, or it breaks off: what stands before the break may be as wrong.
fn items(meta: &[u8]) -> Option<Vec<(Option<[u8; 4]>, Location)>> {
    let mut known = BTreeMap::new();
    for (id, kind) in sound_child(meta, b"iinf").map(kinds).unwrap_or_default() {
        known.entry(id).or_insert(kind);
    }
    let located: Option<Vec<Location>> = locations(sound_child(meta, b"iloc")?).collect();
    let outside = located?.into_iter().filter(|item| item.origin == Origin::File);
    Some(outside.map(|item| (known.get(&item.id).copied(), item)).collect())
}

fn cut(top: &Top, size: u64, start: u64, end: u64) -> Tested {
    let good = percent(size - start.min(size), end.saturating_sub(start));
    if top.moov.is_none() && top.meta.is_none() && !top.has_fragments {
        let finding = format!(
            "ends after {} % of its data, before the index that says where its pictures are",
            good.unwrap_or(0)
        );
        return Tested::truncated(Depth::Structure, good, finding);
    }
    Tested::truncated(Depth::Structure, if top.data == 0 { good } else { None }, "ends inside its last part")
}

fn walk<R: Read + Seek>(input: &mut R, size: u64) -> io::Result<Top> {
    let mut top = Top::default();
    let mut at = 0;
    while at < size {
        let head = read_at(input, at, 16)?;
        let Some(head) = box_head(&head) else {
            top.lost = Some(at);
            break;
        };
        let length = head.size.unwrap_or(size - at);
        let end = at.saturating_add(length);
        if end > size {
            top.cut = Some((at, end));
        }
        let content = length - head.head.min(length);
        let mut load = || {
            top.has_large_index |= content > MAX_INDEX;
            let wanted = usize::try_from(content.min(MAX_INDEX)).unwrap_or(0);
            read_at(input, at + head.head, wanted).map(Some)
        };
        match &head.name {
            b"moov" if end <= size => top.moov = load()?,
            b"meta" if end <= size => top.meta = load()?,
            b"moof" => top.has_fragments = true,
            b"mdat" => top.data += content,
            _ => {}
        }
        at = end;
    }
    Ok(top)
}
