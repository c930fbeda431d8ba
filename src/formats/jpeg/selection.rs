//! What a scan's header asks for: which components, which tables, which part of their coefficients (T.81, B.2.3).

use super::block::{Limits, Mode, Part};
use super::frame::{Frame, Process};
use super::tables::Tables;

/// A scan's header, read against the frame that it belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Selection {
    /// What the scan codes.
    pub(super) mode: Mode,
    /// For each component in the order of its blocks: which of the frame's, and the names of its Huffman tables.
    components: Vec<(usize, u8)>,
    band: (u8, u8),
    low: u8,
}

impl Selection {
    /// Reads the payload of a start of scan; `None` where it says what cannot be.
    pub(super) fn read(payload: &[u8], frame: &Frame) -> Option<Self> {
        let (&count, rest) = payload.split_first()?;
        let chosen = rest.get(..usize::from(count) * 2)?.as_chunks::<2>().0;
        let &[first, last, precision] = rest.get(usize::from(count) * 2..)?.first_chunk::<3>()?;
        let (high, low) = (precision >> 4, precision & 15);
        let mode = match (frame.process, first, high) {
            (Process::Sequential, _, _) => Mode::Sequential,
            (_, 0, 0) => Mode::DcFirst,
            (_, 0, _) => Mode::DcRefine,
            (_, _, 0) => Mode::AcFirst,
            (_, _, _) => Mode::AcRefine,
        };
        let details = matches!(mode, Mode::AcFirst | Mode::AcRefine);
        if details && (last < first || last > 63 || count != 1) || !(1..=4).contains(&count) {
            return None;
        }
        let mut components = Vec::new();
        for &[id, tables] in chosen {
            components.push((frame.components.iter().position(|component| component.id == id)?, tables));
        }
        Some(Self { mode, components, band: (first, last), low })
    }

    /// Whether one component stands alone, block by block.
    pub(super) fn is_alone(&self) -> bool {
        self.components.len() == 1
    }

    /// Units across and down.
    pub(super) fn units(&self, frame: &Frame) -> (u32, u32) {
        let last = self.components.last().and_then(|(index, _)| frame.components.get(*index));
        last.filter(|_| self.is_alone()).map_or_else(|| frame.mcus(), |component| frame.blocks(component))
    }

    /// Of which components it carries the mean of each block.
    pub(super) fn means_of(&self) -> [bool; 4] {
        let mut means_of = [false; 4];
        let carries_mean = matches!(self.mode, Mode::Sequential | Mode::DcFirst);
        for (index, _) in &self.components {
            if let Some(of) = means_of.get_mut(*index) {
                *of = carries_mean;
            }
        }
        means_of
    }

    /// The components' parts, made ready; `None` where a quantizer is missing: without it there is no picture, though every
    /// code can be followed.
    pub(super) fn parts<'a>(
        &self,
        frame: &Frame,
        tables: &'a Tables,
        known: &'a mut [Vec<u64>],
    ) -> Option<Vec<Part<'a>>> {
        let mut homes: Vec<Option<&mut Vec<u64>>> = known.iter_mut().map(Some).collect();
        let details = matches!(self.mode, Mode::AcFirst | Mode::AcRefine);
        let mut parts = Vec::new();
        for &(index, named) in &self.components {
            let component = frame.components.get(index)?;
            let known: &mut [u64] = match homes.get_mut(index).and_then(Option::take) {
                Some(known) if details => known,
                Some(_) | None => &mut [],
            };
            let blocks = if self.is_alone() { (1, 1) } else { (component.h, component.v) };
            let mut part = Part::new(index, blocks, known);
            (part.dc, part.ac) = tables.huffman(named);
            part.low = self.low.into();
            part.band = (u32::from(self.band.0), u32::from(self.band.1));
            part.dc_size_limit = if frame.precision == 8 { 11 } else { 15 };
            part.limits = Limits::new(frame.precision, tables.quantizer(component.table)?, self.low);
            parts.push(part);
        }
        Some(parts)
    }
}
