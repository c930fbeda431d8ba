//! The frame header: size, components, coding process (T.81, B.2.2).

use crate::formats::numbers::be16;

use super::markers::{DHT, Segment};

/// How a picture is coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Process {
    /// Baseline or extended sequential, Huffman coded.
    Sequential,
    /// Progressive, Huffman coded.
    Progressive,
    /// Lossless, hierarchical or arithmetic coded: its codes are not followed here.
    Other,
}

/// One colour channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Component {
    /// The name that scans call it by.
    pub id: u8,
    /// Blocks across in one MCU.
    pub h: u32,
    /// Blocks down in one MCU.
    pub v: u32,
    /// Which quantization table.
    pub table: u8,
}

/// What a start-of-frame segment says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// How the picture is coded.
    pub process: Process,
    /// Bits per sample.
    pub precision: u8,
    /// Pixels across.
    pub width: u32,
    /// Pixels down; 0 when a DNL segment after the first scan says it.
    pub height: u32,
    /// The colour channels, one to four.
    pub components: Vec<Component>,
}

/// Pixels across and down, as a start-of-frame segment gives them; `None` when the segment is none. The height is 0
/// where a DNL segment says it.
pub(super) fn size(segment: &Segment<'_>) -> Option<(u32, u32)> {
    // C4, C8 and CC are tables and reserved; the other markers of the row begin a frame.
    let is_frame = (0xC0..=0xCF).contains(&segment.marker) && !matches!(segment.marker, DHT | 0xC8 | 0xCC);
    let (height, width) = be16(segment.payload, 1).zip(be16(segment.payload, 3)).filter(|_| is_frame)?;
    Some((width.into(), height.into()))
}

impl Frame {
    /// Reads a start-of-frame segment; `None` when the segment is none, or says what cannot be.
    pub fn read(segment: &Segment<'_>) -> Option<Self> {
        let process = match segment.marker {
            0xC0 | 0xC1 => Process::Sequential,
            0xC2 => Process::Progressive,
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => Process::Other,
            _ => return None,
        };
        let &precision = segment.payload.first()?;
        let (width, height) = size(segment)?;
        let count = usize::from(*segment.payload.get(5)?);
        let specified = segment.payload.get(6..6 + count * 3)?;
        let components: Vec<Component> = specified
            .as_chunks::<3>()
            .0
            .iter()
            .map(|&[id, sampling, table]| Component {
                id,
                h: u32::from(sampling >> 4),
                v: u32::from(sampling & 15),
                table,
            })
            .collect();
        let sound = width > 0
            && (1..=4).contains(&count)
            && components.iter().all(|component| (1..=4).contains(&component.h) && (1..=4).contains(&component.v));
        sound.then_some(Self { process, precision, width, height, components })
    }

    fn h_max(&self) -> u32 {
        self.components.iter().map(|component| component.h).max().unwrap_or(1)
    }

    fn v_max(&self) -> u32 {
        self.components.iter().map(|component| component.v).max().unwrap_or(1)
    }

    /// MCUs across and down where all components stand in one scan (T.81, A.2.3).
    pub fn mcus(&self) -> (u32, u32) {
        (self.width.div_ceil(8 * self.h_max()), self.height.div_ceil(8 * self.v_max()))
    }

    /// Blocks across and down of a component that stands alone in a scan (T.81, A.2.2).
    pub fn blocks(&self, component: &Component) -> (u32, u32) {
        let across = (self.width * component.h).div_ceil(self.h_max()).div_ceil(8);
        let down = (self.height * component.v).div_ceil(self.v_max()).div_ceil(8);
        (across, down)
    }
}
