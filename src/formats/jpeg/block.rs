//! One block of one component: its codes followed, its coefficients handed to whoever paints.

use super::bits::Bits;
use super::huffman::Table;
use super::painter::{COLUMNS, Painter, Place};
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
    /// For each coefficient in zigzag order, the most bits that its value takes; none for those that a run of 15 can lead
    /// to behind the block.
    sizes: [u8; 79],
}

impl Limits {
    const NONE: Self = Self { mean: i32::MAX, sizes: inside_the_block([15; 64]) };

    /// The limits of samples of `precision` bits, for a scan that leaves out the `low` lowest bits.
    pub(super) fn new(precision: u8, quantizers: &[u16; 64], low: u8) -> Self {
        let range: i32 = if precision == 8 { 1536 } else { 1536 * 16 };
        let steps = |quantizer: u16| ((range / i32::from(quantizer.max(1))) >> low.min(15)) + 1;
        let size = |quantizer: u16| u8::try_from(32 - steps(quantizer).leading_zeros()).unwrap_or(15);
        Self { mean: steps(quantizers[0]), sizes: inside_the_block(quantizers.map(size)) }
    }

    /// Refuses a value of `size` bits (at least one) where it cannot be.
    #[inline]
    fn check(&self, coefficient: u32, size: u32) -> Result<(), Fault> {
        match self.sizes.get(coefficient as usize) {
            Some(limit) if size <= u32::from(*limit) => Ok(()),
            Some(_) if coefficient < 64 => Err(Fault::OutOfRange),
            Some(_) | None => Err(Fault::BadCode),
        }
    }
}

/// The same sizes, and none behind them.
const fn inside_the_block(sizes: [u8; 64]) -> [u8; 79] {
    let mut all = [0; 79];
    let (inside, _) = all.split_at_mut(64);
    inside.copy_from_slice(&sizes);
    all
}

/// A component's part in a scan.
pub(super) struct Part<'a> {
    /// Which of the frame's components.
    pub(super) component: usize,
    pub(super) dc: Option<&'a Table>,
    pub(super) ac: Option<&'a Table>,
    /// Blocks across and down in one unit of the scan.
    pub(super) blocks: (u32, u32),
    /// First and last coefficient of the band, in zigzag order.
    pub(super) band: (u32, u32),
    /// How many of the lowest bits this scan leaves out.
    pub(super) low: u32,
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
    pub(super) fn new(component: usize, blocks: (u32, u32), known: &'a mut [u64]) -> Self {
        Self {
            component,
            dc: None,
            ac: None,
            blocks,
            band: (0, 63),
            low: 0,
            limits: Limits::NONE,
            dc_size_limit: 15,
            known,
            mean: 0,
            empty_blocks: 0,
        }
    }

    /// What it carries from block to block: the mean before, and the blocks that a run of empty ones still covers.
    pub(super) fn carried(&self) -> (i32, u32) {
        (self.mean, self.empty_blocks)
    }

    /// Goes on where another left off with this.
    pub(super) fn carry_on(&mut self, (mean, empty_blocks): (i32, u32)) {
        self.mean = mean;
        self.empty_blocks = empty_blocks;
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
    pub(super) fn sequential<P: Painter>(
        &mut self,
        bits: &mut Bits<'_>,
        place: Place,
        painter: &mut P,
    ) -> Result<(), Fault> {
        self.mean(bits)?;
        let table = self.ac.ok_or(Fault::BadScan)?;
        let mut block = [0_i16; 64];
        let mut local = *bits;
        let followed = details::<P>(&mut local, table, &self.limits, &mut block);
        *bits = local;
        let last = followed?;
        if P::LISTENS {
            block[0] = clamped(self.mean);
            painter.block(self.component, place, &block, last);
        }
        Ok(())
    }

    #[inline]
    fn mean(&mut self, bits: &mut Bits<'_>) -> Result<(), Fault> {
        let size = self.dc.ok_or(Fault::BadScan)?.decode(bits)?;
        if size > self.dc_size_limit {
            return Err(Fault::BadCode);
        }
        if size > 0 {
            self.mean = self.mean.saturating_add(bits.take_signed(u32::from(size))?);
            if self.mean.abs() > self.limits.mean {
                return Err(Fault::OutOfRange);
            }
        }
        Ok(())
    }

    pub(super) fn dc_first<P: Painter>(
        &mut self,
        bits: &mut Bits<'_>,
        place: Place,
        painter: &mut P,
    ) -> Result<(), Fault> {
        self.mean(bits)?;
        if P::LISTENS {
            painter.set(self.component, place, 0, self.mean.wrapping_shl(self.low));
        }
        Ok(())
    }

    pub(super) fn dc_refine<P: Painter>(
        &mut self,
        bits: &mut Bits<'_>,
        place: Place,
        painter: &mut P,
    ) -> Result<(), Fault> {
        if bits.take(1)? == 1 && P::LISTENS {
            painter.refine(self.component, place, 0, 1 << self.low);
        }
        Ok(())
    }

    pub(super) fn ac_first<P: Painter>(
        &mut self,
        bits: &mut Bits<'_>,
        block: u64,
        place: Place,
        painter: &mut P,
    ) -> Result<(), Fault> {
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
                let value = bits.take_signed(size)?;
                if P::LISTENS {
                    painter.set(self.component, place, at, value.wrapping_shl(self.low));
                }
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

    pub(super) fn ac_refine<P: Painter>(
        &mut self,
        bits: &mut Bits<'_>,
        block: u64,
        place: Place,
        painter: &mut P,
    ) -> Result<(), Fault> {
        let table = self.ac.ok_or(Fault::BadScan)?;
        let known = usize::try_from(block).ok().and_then(|block| self.known.get_mut(block)).ok_or(Fault::BadScan)?;
        let (mut at, last) = self.band;
        let (component, step) = (self.component, 1 << self.low);
        if self.empty_blocks == 0 {
            while at <= last {
                let symbol = table.decode(bits)?;
                let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
                let mut grows = false;
                match size {
                    0 if run < 15 => {
                        self.empty_blocks = (1 << run) + bits.take(run)?;
                        break;
                    }
                    0 => {}
                    1 => grows = bits.take(1)? == 1,
                    _ => return Err(Fault::BadCode),
                }
                // Each coefficient on the way that is known already has one more bit of its own here.
                let from = at;
                while at <= last {
                    if *known >> at & 1 == 0 {
                        if run == 0 {
                            break;
                        }
                        run -= 1;
                    }
                    at += 1;
                }
                let way = band(from, at);
                correct(bits, *known & way, |zigzag| painter.refine(component, place, zigzag, step))?;
                if size == 1 {
                    if at > last {
                        return Err(Fault::BadCode);
                    }
                    *known |= 1 << at;
                    if P::LISTENS {
                        painter.set(component, place, at, if grows { step } else { -step });
                    }
                }
                at += 1;
            }
        }
        if self.empty_blocks > 0 {
            let rest = band(at, last + 1);
            correct(bits, *known & rest, |zigzag| painter.refine(component, place, zigzag, step))?;
            self.empty_blocks -= 1;
        }
        Ok(())
    }
}

/// Reads all of a block but its mean; tells the last coefficient that is not zero.
#[inline(always)]
#[allow(clippy::inline_always, reason = "measured: this is the innermost loop of every examination")]
fn details<P: Painter>(
    bits: &mut Bits<'_>,
    table: &Table,
    limits: &Limits,
    block: &mut [i16; 64],
) -> Result<u32, Fault> {
    let (mut at, mut last) = (1, 0);
    while at < 64 {
        let entry = table.look(bits)?;
        let (run, size) = (entry.run(), entry.size());
        if size > 0 {
            at += run;
            if let Err(fault) = limits.check(at, size) {
                // Behind the end of the bytes stand zeros, which say nothing.
                return Err(if entry.length() > bits.available() { bits.ran_out() } else { fault });
            }
            let mut value = entry.value();
            if value == 0 {
                bits.skip(entry.length())?;
                // `look` made room for the number as well.
                value = bits.take_signed(size)?;
            } else {
                bits.skip(entry.length())?;
            }
            if P::LISTENS
                && let Some(home) = COLUMNS.get(at as usize)
                && let Some(coefficient) = block.get_mut(usize::from(*home))
            {
                *coefficient = clamped(value);
                last = at;
            }
            at += 1;
        } else {
            bits.skip(entry.length())?;
            if run == 15 {
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
    }
    Ok(last)
}

/// One bit for each coefficient from `from` to before `to` (at most 64).
fn band(from: u32, to: u32) -> u64 {
    let below = |end: u32| if end >= 64 { u64::MAX } else { (1 << end) - 1 };
    below(to) & !below(from)
}

/// Reads one bit for each of the coefficients `which`, and calls `refine` for those whose bit is set.
fn correct(bits: &mut Bits<'_>, which: u64, mut refine: impl FnMut(u32)) -> Result<(), Fault> {
    let mut left = which;
    while left != 0 {
        if bits.take(1)? == 1 {
            refine(left.trailing_zeros());
        }
        left &= left - 1;
    }
    Ok(())
}

/// A coefficient in the width that pictures have; what is wider stands in no picture.
#[inline]
fn clamped(value: i32) -> i16 {
    i16::try_from(value.clamp(i16::MIN.into(), i16::MAX.into())).unwrap_or(0)
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
        let mut part = Part::new(0, (1, 1), &mut []);
        part.dc = Some(&table);
        part.limits = Limits::new(8, &[1; 64], 0);
        // The code of size 10 is 11111110; then ten ones: 1023 brighter than the block before.
        let bytes = [0b1111_1110, 0xFF, 0, 0b1111_1111, 0, 0b1011_1111, 0xFF, 0, 0, 0];
        let mut bits = Bits::new(&bytes, 0);
        assert_eq!(part.mean(&mut bits), Ok(()));
        assert_eq!(part.mean(&mut bits), Err(Fault::OutOfRange));
    }
}
