//! One block of one component: its codes followed, its coefficients not kept.

use super::bits::Bits;
use super::huffman::Table;
use super::verdict::Fault;

/// What a scan codes (T.81, F.2 for sequential, G.1.2 for the rest).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// Whole blocks.
    Sequential,
    /// The mean of each block, without its lowest bits.
    DcFirst,
    /// One more bit of each mean.
    DcRefine,
    /// A band of the details, without their lowest bits.
    AcFirst,
    /// One more bit of a band of the details.
    AcRefine,
}

/// How large coefficients can be. Samples of 8 bits give none beyond 1024 (the transform of T.81, A.3.3), divided by
/// their quantizer; half as much again is left to encoders that sharpen edges by overshooting.
///
/// Codes read out of step soon decode to values that break these limits, where any code alone would pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    mean: i32,
    /// For each coefficient in zigzag order, the most bits that its value takes.
    sizes: [u8; 64],
}

impl Limits {
    const NONE: Self = Self { mean: i32::MAX, sizes: [15; 64] };

    /// The limits of samples of `precision` bits, for a scan that leaves out the `low` lowest bits.
    pub(super) fn new(precision: u8, quantizers: &[u16; 64], low: u8) -> Self {
        let range: i32 = if precision == 8 { 1536 } else { 1536 * 16 };
        let steps = |quantizer: u16| ((range / i32::from(quantizer.max(1))) >> low.min(15)) + 1;
        let size = |quantizer: u16| u8::try_from(32 - steps(quantizer).leading_zeros()).unwrap_or(15);
        Self { mean: steps(quantizers[0]), sizes: quantizers.map(size) }
    }

    #[inline]
    fn check(&self, coefficient: u32, size: u32) -> Result<(), Fault> {
        match self.sizes.get(coefficient as usize) {
            Some(limit) if size <= u32::from(*limit) => Ok(()),
            Some(_) => Err(Fault::OutOfRange),
            None => Err(Fault::BadCode),
        }
    }
}

/// A component's part in a scan.
pub(super) struct Part<'a> {
    pub(super) dc: Option<&'a Table>,
    pub(super) ac: Option<&'a Table>,
    /// Blocks in one unit of the scan.
    pub(super) blocks: u32,
    /// First and last coefficient of the band, in zigzag order.
    pub(super) band: (u32, u32),
    /// What no picture can exceed.
    pub(super) limits: Limits,
    /// The largest size that a difference of means can have.
    pub(super) dc_size_limit: u8,
    /// One bit per coefficient that is no longer zero, for each block; empty where the mode needs none.
    pub(super) known: &'a mut [u64],
    mean: i32,
    empty_blocks: u32,
}

impl<'a> Part<'a> {
    pub(super) fn new(dc: Option<&'a Table>, ac: Option<&'a Table>, blocks: u32, known: &'a mut [u64]) -> Self {
        Self { dc, ac, blocks, band: (0, 63), limits: Limits::NONE, dc_size_limit: 15, known, mean: 0, empty_blocks: 0 }
    }

    /// Forgets what a restart interval does not carry over.
    pub(super) fn restart(&mut self) {
        self.mean = 0;
        self.empty_blocks = 0;
    }

    /// Whether a run of empty blocks goes on past the end of the interval, which no encoder writes.
    pub(super) fn expects_more_blocks(&self) -> bool {
        self.empty_blocks > 0
    }

    /// Whether zero bits, in this mode, code blocks that change nothing.
    pub(super) fn zeros_change_nothing(&self, mode: Mode) -> bool {
        let dc = self.dc.and_then(Table::symbol_of_zeros);
        let ac = self.ac.and_then(Table::symbol_of_zeros);
        match mode {
            Mode::Sequential => dc == Some(0) && ac == Some(0),
            Mode::DcFirst => dc == Some(0),
            Mode::DcRefine => true,
            Mode::AcFirst | Mode::AcRefine => ac.is_some_and(|symbol| symbol % 16 == 0 && symbol != 0xF0),
        }
    }

    #[inline]
    pub(super) fn sequential(&mut self, bits: &mut Bits<'_>) -> Result<(), Fault> {
        self.dc_first(bits)?;
        let table = self.ac.ok_or(Fault::BadScan)?;
        let mut at = 1;
        while at < 64 {
            let symbol = table.decode(bits)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size > 0 {
                self.limits.check(at + run, size)?;
                at += run + 1;
                bits.skip(size)?;
            } else if run == 15 {
                at += 16;
                if at > 64 {
                    return Err(Fault::BadCode);
                }
            } else if run == 0 {
                break;
            } else {
                return Err(Fault::BadCode);
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn dc_first(&mut self, bits: &mut Bits<'_>) -> Result<(), Fault> {
        let size = self.dc.ok_or(Fault::BadScan)?.decode(bits)?;
        if size > self.dc_size_limit {
            return Err(Fault::BadCode);
        }
        if size > 0 {
            let value = i32::try_from(bits.take(u32::from(size))?).unwrap_or(0);
            let difference = if value >> (size - 1) == 0 { value - (1 << size) + 1 } else { value };
            self.mean = self.mean.saturating_add(difference);
            if self.mean.abs() > self.limits.mean {
                return Err(Fault::OutOfRange);
            }
        }
        Ok(())
    }

    pub(super) fn ac_first(&mut self, bits: &mut Bits<'_>, block: u64) -> Result<(), Fault> {
        if self.empty_blocks > 0 {
            self.empty_blocks -= 1;
            return Ok(());
        }
        let table = self.ac.ok_or(Fault::BadScan)?;
        let known = usize::try_from(block).ok().and_then(|block| self.known.get_mut(block)).ok_or(Fault::BadScan)?;
        let (mut at, last) = self.band;
        while at <= last {
            let symbol = table.decode(bits)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size > 0 {
                at += run;
                if at > last {
                    return Err(Fault::BadCode);
                }
                self.limits.check(at, size)?;
                bits.skip(size)?;
                *known |= 1 << at;
                at += 1;
            } else if run == 15 {
                at += 16;
            } else {
                self.empty_blocks = (1 << run) - 1 + bits.take(run)?;
                break;
            }
        }
        Ok(())
    }

    pub(super) fn ac_refine(&mut self, bits: &mut Bits<'_>, block: u64) -> Result<(), Fault> {
        let table = self.ac.ok_or(Fault::BadScan)?;
        let known = usize::try_from(block).ok().and_then(|block| self.known.get_mut(block)).ok_or(Fault::BadScan)?;
        let (mut at, last) = self.band;
        if self.empty_blocks == 0 {
            while at <= last {
                let symbol = table.decode(bits)?;
                let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
                match size {
                    0 if run < 15 => {
                        self.empty_blocks = (1 << run) + bits.take(run)?;
                        break;
                    }
                    0 => {}
                    1 => bits.skip(1)?,
                    _ => return Err(Fault::BadCode),
                }
                // Each coefficient on the way that is known already has one more bit of its own here.
                let mut corrections = 0;
                while at <= last {
                    if *known >> at & 1 == 1 {
                        corrections += 1;
                    } else if run == 0 {
                        break;
                    } else {
                        run -= 1;
                    }
                    at += 1;
                }
                bits.skip_many(corrections)?;
                if size == 1 {
                    if at > last {
                        return Err(Fault::BadCode);
                    }
                    *known |= 1 << at;
                }
                at += 1;
            }
        }
        if self.empty_blocks > 0 {
            if at <= last {
                let band = u64::MAX << at & u64::MAX >> (63 - last);
                bits.skip_many((*known & band).count_ones())?;
            }
            self.empty_blocks -= 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::jpeg::standard;

    #[test]
    fn no_detail_is_larger_than_a_picture_can_have() {
        let limits = Limits::new(8, &[16; 64], 0);
        assert_eq!(limits.check(1, 7), Ok(()), "127 steps of 16");
        assert_eq!(limits.check(1, 8), Err(Fault::OutOfRange), "at least 128 steps of 16");
        assert_eq!(limits.check(64, 1), Err(Fault::BadCode));
        assert_eq!(Limits::new(8, &[1; 64], 0).check(1, 10), Ok(()));
        assert_eq!(Limits::new(8, &[1; 64], 3).check(1, 9), Err(Fault::OutOfRange), "without its three lowest bits");
    }

    #[test]
    fn no_mean_drifts_further_than_a_picture_can() {
        let table = standard::dc(0).unwrap();
        let mut part = Part::new(Some(&table), None, 1, &mut []);
        part.limits = Limits::new(8, &[1; 64], 0);
        // The code of size 10 is 11111110; then ten ones: 1023 brighter than the block before.
        let bytes = [0b1111_1110, 0xFF, 0, 0b1111_1111, 0, 0b1011_1111, 0xFF, 0, 0, 0];
        let mut bits = Bits::new(&bytes, 0);
        assert_eq!(part.dc_first(&mut bits), Ok(()));
        assert_eq!(part.dc_first(&mut bits), Err(Fault::OutOfRange));
    }
}
