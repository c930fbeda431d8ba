//! Where the bytes of a file are, out of the parts of its `$DATA`.
//!
//! There are never more extents than the records have bytes; of units there are at most [`MOST_UNITS`].

use super::attribute::{Attribute, Body, COMPRESSED, ENCRYPTED, Part};
use super::boot::{Geometry, LOST};
use super::runs::Runs;
use crate::model::Ranges;
use crate::sources::disk::file_system::{Content, Extent, Packed};

/// 64 GiB of a compressed file, with clusters of 4 KiB.
const MOST_UNITS: u64 = 1 << 20;

/// Why a file has a record, and yet nothing that could be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// Windows encrypted it.
    Encrypted,
    /// The record that says how long it is, and where it begins, is gone.
    Headless,
    /// It says that it is longer than any file of its sort can be.
    Absurd,
}

/// How long a file is and where it lies, out of the attributes that are its unnamed `$DATA`, in any order.
pub(super) fn content(data: &[Attribute<'_>], geometry: &Geometry) -> Result<(u64, Content), Refused> {
    if data.iter().any(|attribute| attribute.flags & ENCRYPTED != 0) {
        return Err(Refused::Encrypted);
    }
    if let Some(value) = data.iter().find_map(Attribute::value) {
        return Ok((value.len() as u64, Content::Inline(value.to_vec(), Ranges::new())));
    }
    let mut parts: Vec<(u16, Part<'_>)> = Vec::with_capacity(data.len());
    for attribute in data {
        if let Body::Elsewhere(part) = attribute.body {
            parts.push((attribute.flags, part));
        }
    }
    parts.sort_by_key(|(_, part)| part.first_vcn);
    let (flags, head) = *parts.first().filter(|(_, part)| part.first_vcn == 0).ok_or(Refused::Headless)?;
    // A file without holes fits the volume; one longer than that is no photo, and reading its zeros would never end.
    let is_packed = flags & COMPRESSED != 0 && head.unit_exponent != 0;
    let longest = if is_packed { geometry.bytes().saturating_mul(16) } else { geometry.bytes() };
    if head.size > longest {
        return Err(Refused::Absurd);
    }
    let parts = parts.into_iter().map(|(_, part)| part);
    if is_packed {
        return Ok((head.size, Content::Packed(packed(head, parts, geometry)?)));
    }
    Ok((head.size, Content::Extents(laid(head, parts, geometry))))
}

/// Plain extents: what was never written is at no place, what no record tells of any more is [`LOST`].
pub(super) fn laid<'a>(head: Part<'a>, parts: impl Iterator<Item = Part<'a>>, geometry: &Geometry) -> Vec<Extent> {
    let written = head.written.min(head.size);
    let mut extents = Vec::new();
    let mut reached = 0;
    for piece in pieces(parts, geometry) {
        if reached >= written {
            break;
        }
        if piece.start > reached {
            let gap = piece.start.min(written) - reached;
            push(&mut extents, Extent { at: Some(LOST.saturating_add(reached)), length: gap });
            reached += gap;
        }
        if piece.end <= reached || piece.start >= written {
            continue;
        }
        let at = piece.at.map(|at| at.saturating_add(reached - piece.start));
        let end = piece.end.min(written);
        push(&mut extents, Extent { at, length: end - reached });
        reached = end;
    }
    if reached == written && written < head.size {
        push(&mut extents, Extent { at: None, length: head.size - written });
    }
    extents
}

/// Extents by units.
fn packed<'a>(head: Part<'a>, parts: impl Iterator<Item = Part<'a>>, geometry: &Geometry) -> Result<Packed, Refused> {
    let exponent = u32::from(head.unit_exponent).min(32);
    let unit = Some(geometry.cluster << exponent).filter(|unit| *unit <= 16 << 20).ok_or(Refused::Absurd)?;
    let count = Some(head.size.div_ceil(unit)).filter(|count| *count <= MOST_UNITS).ok_or(Refused::Absurd)?;
    let mut units: Vec<Vec<Extent>> = vec![Vec::new(); usize::try_from(count).map_err(|_| Refused::Absurd)?];
    let end = units.len() as u64 * unit;
    let written = head.written.div_ceil(unit).saturating_mul(unit).min(end);
    let mut reached = 0;
    for piece in pieces(parts, geometry) {
        let gap = reached..piece.start.min(written);
        if !gap.is_empty() {
            reached = gap.end.next_multiple_of(unit);
            lose(&mut units, unit, gap);
        }
        let mut at = piece.start.max(reached);
        let stop = piece.end.min(written);
        while at < stop {
            let here = stop.min((at / unit + 1) * unit);
            if let (Some(place), Some(extents)) = (piece.at, in_unit(&mut units, at, unit)) {
                push(extents, Extent { at: Some(place.saturating_add(at - piece.start)), length: here - at });
            }
            at = here;
        }
        reached = reached.max(at);
    }
    lose(&mut units, unit, reached..written);
    Ok(Packed { unit, units })
}

/// No record tells of `gap` any more: whatever is left of its units cannot be unpacked, so they are lost as a whole.
fn lose(units: &mut [Vec<Extent>], unit: u64, gap: std::ops::Range<u64>) {
    let mut at = gap.start;
    while at < gap.end {
        let start = at / unit * unit;
        if let Some(extents) = in_unit(units, at, unit) {
            *extents = vec![Extent { at: Some(LOST.saturating_add(start)), length: unit }];
        }
        at = start + unit;
    }
}

fn in_unit(units: &mut [Vec<Extent>], at: u64, unit: u64) -> Option<&mut Vec<Extent>> {
    units.get_mut(usize::try_from(at / unit).ok()?)
}

/// A run in bytes: which of the attribute, and from where on the medium.
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) at: Option<u64>,
}

/// The runs of parts that are sorted; they may leave gaps, and overlap where a volume is damaged.
pub(super) fn pieces<'a>(parts: impl Iterator<Item = Part<'a>>, geometry: &Geometry) -> impl Iterator<Item = Piece> {
    parts.flat_map(move |part| {
        let runs = Runs::new(part.runs, part.first_vcn).take_while(move |run| run.vcn <= part.last_vcn);
        runs.map(move |run| Piece {
            start: geometry.position(run.vcn),
            end: geometry.position(run.vcn.saturating_add(run.clusters)),
            at: run.lcn.map(|lcn| geometry.position(lcn)),
        })
    })
}

/// Adds an extent, to the one before where it goes on there.
fn push(extents: &mut Vec<Extent>, extent: Extent) {
    if extent.length == 0 {
        return;
    }
    if let Some(last) = extents.last_mut() {
        let goes_on = match (last.at, extent.at) {
            (None, None) => true,
            (Some(before), Some(next)) => before.checked_add(last.length) == Some(next),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if goes_on {
            last.length = last.length.saturating_add(extent.length);
            return;
        }
    }
    extents.push(extent);
}
