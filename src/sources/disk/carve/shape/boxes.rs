//! Files of ISO boxes: HEIC, AVIF, CR3, MP4, QuickTime, 3GP. Their index says how long they are and where each coded picture
//! begins; whether one is there shows in its chain of lengths.

use std::ops::Range;

use super::film::{self, Index, Unit};
use super::{Broken, Look, Shape, exactly};
use crate::formats::isobmff::{BoxHead, box_head};
use crate::formats::zeros::is_zero;
use crate::model::Kind;
use crate::sources::medium::MediumError;

/// What stands at the top of pictures and films.
const TOP: [&[u8; 4]; 18] = [
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"meta", b"moof", b"sidx", b"mfra", b"pnot",
    b"PICT", b"udta", b"mpvd", b"styp", b"emsg", b"prft",
];

/// Larger than the index of any film from a camera. Bounds memory.
const MAX_INDEX: u64 = 32 << 20;
const MAX_BOXES: usize = 1 << 16;

/// Larger than any box that a maker invented for the end of a file.
const MAX_OWN: u64 = 16 << 20;

/// Coded pictures up to this many bytes in all are looked at wholly, of longer films some.
const MAX_CHECKED: u64 = 48 << 20;
/// How many of a longer film's.
const SOME: usize = 512;

/// A box at the top of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Top {
    name: [u8; 4],
    body: u64,
    end: u64,
}

/// What a file's boxes say about where everything is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in super::super) struct Layout {
    /// Bytes of the file, as far as its boxes tell.
    pub(in super::super) size: u64,
    /// Coded pictures, in the order of the file.
    pub(in super::super) units: Vec<Unit>,
    /// Whether there is an index, and it is all there.
    pub(in super::super) has_index: bool,
    /// Where the boxes that were found end; the next one should begin here.
    pub(in super::super) walked: u64,
    has_data: bool,
    others: Vec<Range<u64>>,
    /// The last byte that the index points to.
    reach: u64,
}

impl Layout {
    /// Walks the boxes from the first byte on.
    pub(in super::super) fn read(look: &mut Look<'_>) -> Result<Self, MediumError> {
        let mut layout = Self::default();
        let head = look(0, 16)?;
        if let Some(BoxHead { name: [b'f', b't', b'y', b'p'], size: Some(size), .. }) = box_head(&head) {
            layout.walked = size;
        }
        layout.go_on(look)?;
        Ok(layout)
    }

    fn take(&mut self, top: Top, look: &mut Look<'_>) -> Result<(), MediumError> {
        match &top.name {
            b"mdat" => {
                // What stands before the data are small pictures at most.
                if !self.has_data {
                    self.others.push(0..top.body);
                }
                self.has_data = true;
            }
            b"moov" | b"meta" => {
                let length = top.end.saturating_sub(top.body);
                if length > MAX_INDEX {
                    return Ok(());
                }
                let Some(body) = exactly(look, top.body, usize::try_from(length).unwrap_or(0))? else { return Ok(()) };
                let found = match &top.name {
                    b"moov" => film::of_movie(&body),
                    _ => film::of_items(body.get(4..).unwrap_or_default()),
                };
                if let Some(Index { units, end, others }) = found {
                    self.others.extend(others);
                    self.has_index = true;
                    self.reach = self.reach.max(end);
                    self.units.extend(units);
                    self.units.sort_by_key(|unit| unit.start);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Goes on with the boxes from where the walk ended, which are elsewhere; `true` where an index is among them.
    pub(in super::super) fn go_on(&mut self, look: &mut Look<'_>) -> Result<bool, MediumError> {
        // A box that reaches behind the space still tells where the next one should be.
        for _ in 0..MAX_BOXES {
            let head = look(self.walked, 16)?;
            let Some(BoxHead { name, head, size: Some(size) }) = box_head(&head).filter(|head| self.may_follow(head))
            else {
                break;
            };
            let Some(end) = self.walked.checked_add(size).filter(|_| name != *b"ftyp") else { break };
            self.take(Top { name, body: self.walked + head, end }, look)?;
            self.walked = end;
        }
        self.size = self.walked;
        Ok(self.is_complete())
    }

    /// Whether a box like this may stand next at the top.
    fn may_follow(&self, head: &BoxHead) -> bool {
        // Makers put boxes of their own behind all others.
        let own = head.name.iter().all(u8::is_ascii_alphanumeric) && head.size.is_some_and(|size| size < MAX_OWN);
        TOP.contains(&&head.name) || self.has_index && self.has_data && own
    }

    /// Whether the coded pictures tell of nearly all of the file that it is there: behind the first bytes of the last one
    /// nothing would show that something else follows.
    pub(in super::super) fn is_told(&self) -> bool {
        let untold = self.units.last().map_or(self.size, |unit| self.size.saturating_sub(unit.start));
        untold.saturating_mul(4) <= self.size
    }

    /// Whether the boxes alone make a file.
    pub(in super::super) fn is_complete(&self) -> bool {
        self.has_index && self.has_data && self.reach <= self.size
    }

    /// The first coded picture that is not there, and `None` where all are that were looked at.
    pub(in super::super) fn first_bad(&self, look: &mut Look<'_>) -> Result<Option<usize>, MediumError> {
        let all: u64 = self.units.iter().map(|unit| unit.length).sum();
        let step = if all <= MAX_CHECKED { 1 } else { (self.units.len() / SOME).max(1) };
        for (number, unit) in self.units.iter().enumerate().step_by(step) {
            let bytes = look(unit.start, usize::try_from(unit.length.min(8 << 20)).unwrap_or(0))?;
            let good = if bytes.len() as u64 == unit.length { unit.is_sound(&bytes) } else { unit.length > 8 << 20 };
            if !good || bytes.chunks_exact(512).any(is_zero) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}

pub(super) fn measure(kind: Kind, look: &mut Look<'_>) -> Result<Shape, MediumError> {
    let layout = Layout::read(look)?;
    let there = layout.size > 0 && exactly(look, layout.size - 1, 1)?.is_some();
    let broken = |good| {
        let size = layout.is_complete().then_some(layout.size);
        Shape::Broken(Broken { kind, good, size, inside: layout.others.clone() })
    };
    if layout.size < 16 || !layout.has_index && !layout.has_data {
        return Ok(Shape::Nothing);
    }
    if !layout.is_complete() || !there {
        return Ok(broken(0));
    }
    if let Some(bad) = layout.first_bad(look)? {
        let good = bad.checked_sub(1).and_then(|before| layout.units.get(before)).map_or(0, Unit::end);
        return Ok(broken(good));
    }
    if !layout.is_told() {
        return Ok(Shape::Unproven(layout.size, kind, layout.others));
    }
    Ok(Shape::Sound(layout.size, kind, layout.others))
}
