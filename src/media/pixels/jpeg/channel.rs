//! One component of a JPEG, block by block.

use crate::formats::jpeg::{COLUMNS, Place};
use crate::media::pixels::transform::{self, half, mean, quarter, whole};
use crate::media::pixels::{Plane, Region};

/// Where nothing was read: the grey between black and white.
const GREY: u8 = 128;
/// A picture of which less is there is not shown, in blocks of a hundred.
const LEAST_PERCENT: u64 = 1;

pub(super) struct Channel {
    /// Samples across and down in a block: 1, 2, 4 or 8.
    size: usize,
    blocks_across: usize,
    blocks_down: usize,
    region: Region,
    steps: [f32; 64],
    /// As many rows as there have been blocks for: what a header promises takes no memory.
    samples: Vec<u8>,
    /// The coefficients of a progressive picture, `size` by `size` for each block, column by column.
    coefficients: Vec<i16>,
    painted: u64,
}

impl Channel {
    pub(super) fn new(size: usize, blocks: (u32, u32), region: Region) -> Self {
        Self {
            size,
            blocks_across: blocks.0 as usize,
            blocks_down: blocks.1 as usize,
            region,
            steps: [0.0; 64],
            samples: Vec::new(),
            coefficients: Vec::new(),
            painted: 0,
        }
    }

    pub(super) fn quantizers(&mut self, zigzag: &[u16; 64]) {
        self.steps = transform::steps(zigzag);
    }

    pub(super) fn shows_enough(&self) -> bool {
        let blocks = self.blocks_across as u64 * self.blocks_down as u64;
        self.painted > 0 && self.painted * 100 >= blocks * LEAST_PERCENT
    }

    #[inline]
    pub(super) fn block(&mut self, place: Place, coefficients: &[i16; 64], last: u32) {
        let (across, down) = (place.across as usize, place.down as usize);
        if across >= self.blocks_across || down >= self.blocks_down {
            return;
        }
        let (size, stride) = (self.size, self.blocks_across * self.size);
        let rows_end = (down + 1) * size * stride;
        if self.samples.len() < rows_end {
            self.samples.resize(rows_end, GREY);
        }
        self.painted += 1;
        let rows = self.samples.get_mut(down * size * stride + across * size..rows_end).unwrap_or_default();
        if last == 0 || size == 1 {
            let level = mean(coefficients[0], &self.steps);
            rows.chunks_mut(stride).for_each(|row| row.iter_mut().take(size).for_each(|sample| *sample = level));
            return;
        }
        match size {
            2 => put(rows, stride, &quarter(coefficients, &self.steps)),
            4 => put(rows, stride, &half(coefficients, &self.steps)),
            _ => put(rows, stride, &whole(coefficients, &self.steps)),
        }
    }

    pub(super) fn set(&mut self, place: Place, zigzag: u32, value: i32) {
        self.painted += u64::from(zigzag == 0);
        if let Some(home) = self.coefficient(place, zigzag) {
            *home = clamped(value);
        }
    }

    pub(super) fn refine(&mut self, place: Place, zigzag: u32, step: i32) {
        if let Some(home) = self.coefficient(place, zigzag) {
            let value = i32::from(*home);
            *home = clamped(match zigzag {
                0 => value | step,
                _ if value < 0 => value - step,
                _ => value + step,
            });
        }
    }

    /// `None` for what this size leaves away.
    fn coefficient(&mut self, place: Place, zigzag: u32) -> Option<&mut i16> {
        let home = usize::from(*COLUMNS.get(zigzag as usize)?);
        let (column, row) = (home / 8, home % 8);
        let (across, down) = (place.across as usize, place.down as usize);
        if column >= self.size || row >= self.size || across >= self.blocks_across || down >= self.blocks_down {
            return None;
        }
        let each = self.size * self.size;
        if self.coefficients.is_empty() {
            self.coefficients = vec![0; self.blocks_across * self.blocks_down * each];
        }
        self.coefficients.get_mut((down * self.blocks_across + across) * each + column * self.size + row)
    }

    /// The plane that came of it; what was never painted is grey.
    pub(super) fn into_plane(mut self, progressive: bool) -> Plane {
        if progressive {
            self.transform_all();
        }
        let stride = self.blocks_across * self.size;
        self.samples.resize(stride * self.blocks_down * self.size, GREY);
        Plane { samples: self.samples, across: stride, down: self.blocks_down * self.size, region: self.region }
    }

    fn transform_all(&mut self) {
        let coefficients = std::mem::take(&mut self.coefficients);
        let size = self.size;
        let mut block = [0; 64];
        for (index, kept) in coefficients.chunks_exact(size * size).enumerate() {
            for (column, kept) in block.chunks_exact_mut(8).zip(kept.chunks_exact(size)) {
                column.iter_mut().zip(kept).for_each(|(home, kept)| *home = *kept);
            }
            let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let at = Place { across: place(index % self.blocks_across), down: place(index / self.blocks_across) };
            self.block(at, &block, 63);
        }
    }
}

#[inline]
fn put<const N: usize>(rows: &mut [u8], stride: usize, block: &[[u8; N]; N]) {
    for (row, samples) in rows.chunks_mut(stride).zip(block) {
        if let Some(home) = row.first_chunk_mut::<N>() {
            *home = *samples;
        }
    }
}

fn clamped(value: i32) -> i16 {
    i16::try_from(value.clamp(i16::MIN.into(), i16::MAX.into())).unwrap_or(0)
}
