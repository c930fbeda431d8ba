//! PNG (W3C, third edition): chunks, their checksums, and how many bytes the picture inflates to.

use crate::formats::numbers::be32;

/// The first eight bytes of every PNG.
pub const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// What the header chunk says (section 11.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    bits_per_pixel: u64,
    interlaced: bool,
}

impl Header {
    /// Reads the 13 bytes of an `IHDR` chunk; `None` when they make no sense.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (width, height) = (be32(bytes, 0)?, be32(bytes, 4)?);
        let &[depth, colour, compression, filter, interlace] = bytes.get(8..)?.first_chunk::<5>()?;
        let channels = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) => 1,
            (2, 8 | 16) => 3,
            (4, 8 | 16) => 2,
            (6, 8 | 16) => 4,
            _ => return None,
        };
        let sound = width > 0 && height > 0 && compression == 0 && filter == 0 && interlace < 2;
        let bits_per_pixel = channels * u64::from(depth);
        sound.then_some(Self { width, height, bits_per_pixel, interlaced: interlace == 1 })
    }

    /// How many bytes the picture inflates to, or the most that can be counted: for each line a filter byte and its pixels (section 7.2), for each of
    /// the seven passes where it is interlaced (section 8.1).
    pub fn inflated_bytes(&self) -> u64 {
        let pass = |width: u64, height: u64| {
            let line = width.saturating_mul(self.bits_per_pixel).div_ceil(8).saturating_add(1);
            if width == 0 { 0 } else { height.saturating_mul(line) }
        };
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        if !self.interlaced {
            return pass(width, height);
        }
        // First column and row of each pass, and its steps.
        let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
        let part = |(column, row, across, down): (u64, u64, u64, u64)| {
            pass(width.saturating_sub(column).div_ceil(across), height.saturating_sub(row).div_ceil(down))
        };
        passes.into_iter().map(part).fold(0, u64::saturating_add)
    }
}

/// The checksum of a chunk (section 5.5), fed piece by piece: its type, then its data.
#[derive(Clone, Copy, Debug)]
pub struct Checksum(u32);

impl Checksum {
    /// Starts one.
    pub fn new() -> Self {
        Self(u32::MAX)
    }

    /// Goes on over `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let [low, ..] = self.0.to_le_bytes();
            let index = usize::from(low ^ byte);
            self.0 = TABLE.get(index).copied().unwrap_or(0) ^ (self.0 >> 8);
        }
    }

    /// The four bytes that the chunk should end with, as a number.
    pub fn finish(self) -> u32 {
        !self.0
    }
}

impl Default for Checksum {
    fn default() -> Self {
        Self::new()
    }
}

static TABLE: [u32; 256] = table();

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "made at compile time; 0..256 fits")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_the_end_chunk_is_the_one_in_every_file() {
        let mut checksum = Checksum::new();
        checksum.update(b"IEND");
        assert_eq!(checksum.finish(), 0xAE42_6082);
    }

    #[test]
    fn lines_of_every_pass_are_counted() {
        let mut ihdr = [0, 0, 0, 5, 0, 0, 0, 3, 8, 2, 0, 0, 0];
        assert_eq!(Header::read(&ihdr).map(|header| header.inflated_bytes()), Some(3 * 16));
        ihdr[12] = 1;
        // Passes of 1x1, 1x1, none, 1x1, 3x1, 2x2 and 5x1 pixels.
        let expected = 4 + 4 + 4 + 10 + 2 * 7 + 16;
        assert_eq!(Header::read(&ihdr).map(|header| header.inflated_bytes()), Some(expected));
        assert_eq!(Header::read(&ihdr[..12]), None);
    }
}
