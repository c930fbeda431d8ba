//! The tables that segments set and scans use (T.81, B.2.4).

use super::huffman::Table;
use super::standard;
use crate::formats::numbers::be16;

/// The tables in force at a place in the file.
#[derive(Clone)]
pub(super) struct Tables {
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// In zigzag order.
    quantizers: [Option<[u16; 64]>; 4],
    /// Units between restart markers; 0 where there are none.
    pub(super) restart_interval: u32,
}

impl Tables {
    /// Those that hold before any segment: the standard's Huffman tables.
    pub(super) fn new() -> Self {
        Self {
            dc: [standard::dc(0), standard::dc(1), None, None],
            ac: [standard::ac(0), standard::ac(1), None, None],
            quantizers: [None; 4],
            restart_interval: 0,
        }
    }

    /// The pair of Huffman tables that a scan's header names for a component.
    pub(super) fn huffman(&self, named: u8) -> (Option<&Table>, Option<&Table>) {
        let dc = self.dc.get(usize::from(named >> 4)).and_then(Option::as_ref);
        (dc, self.ac.get(usize::from(named & 15)).and_then(Option::as_ref))
    }

    pub(super) fn quantizer(&self, named: u8) -> Option<&[u16; 64]> {
        self.quantizers.get(usize::from(named)).and_then(Option::as_ref)
    }

    pub(super) fn take_huffman(&mut self, payload: &[u8]) -> Option<()> {
        let mut rest = payload;
        while let Some((&place, tables)) = rest.split_first() {
            let (table, taken) = Table::read(tables)?;
            let home = if place >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *home.get_mut(usize::from(place & 15))? = Some(table);
            rest = tables.get(taken..)?;
        }
        Some(())
    }

    pub(super) fn take_quantization(&mut self, payload: &[u8]) -> Option<()> {
        let mut rest = payload;
        while let Some((&place, values)) = rest.split_first() {
            let wide = place >> 4 != 0;
            let mut table = [0; 64];
            for (index, entry) in table.iter_mut().enumerate() {
                *entry = if wide { be16(values, index * 2)? } else { u16::from(*values.get(index)?) };
            }
            *self.quantizers.get_mut(usize::from(place & 15))? = Some(table);
            rest = values.get(if wide { 128 } else { 64 }..)?;
        }
        Some(())
    }

    pub(super) fn take_restart_interval(&mut self, payload: &[u8]) -> Option<()> {
        self.restart_interval = be16(payload, 0)?.into();
        Some(())
    }
}
