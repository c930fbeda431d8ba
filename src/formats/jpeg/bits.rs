//! The bits of entropy-coded data: stuffed zeros taken out, stopping at a marker (T.81, F.2.2.5).

use super::verdict::Fault;

/// Reads bits, most significant first. The next bit is the top bit of `held`.
///
/// It is copied into a local variable around hot loops, so that it stays in registers there.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
    at_marker: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, held: 0, count: 0, at_marker: false }
    }

    /// Goes on at `at`, with the bits that were read ahead before it.
    pub(super) fn resume(bytes: &'a [u8], at: usize, (held, count): (u64, u32)) -> Self {
        Self { bytes, at, held, count, at_marker: false }
    }

    /// The bits that were read ahead, and how many they are.
    pub(super) fn read_ahead(&self) -> (u64, u32) {
        (self.held, self.count)
    }

    /// Makes at least 32 bits available, or as many as there are before the marker.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "measured: a call in each code costs a third of the time")]
    pub(super) fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(eight) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_be_bytes(*eight);
            let inverted = !word;
            let has_ff = inverted.wrapping_sub(0x0101_0101_0101_0101) & !inverted & 0x8080_8080_8080_8080;
            if has_ff == 0 {
                let taken = (64 - self.count) / 8;
                let kept = self.count + taken * 8;
                self.held |= (word >> self.count) & (u64::MAX << (64 - kept));
                self.count = kept;
                self.at += taken as usize;
                return;
            }
        }
        *self = self.refilled_slowly();
    }

    /// By value, so that nothing points at the caller's own.
    #[cold]
    #[inline(never)]
    fn refilled_slowly(mut self) -> Self {
        while self.count <= 56 && !self.at_marker {
            let Some(&byte) = self.bytes.get(self.at) else { return self };
            if byte == 0xFF {
                match self.bytes.get(self.at + 1) {
                    Some(0) => self.at += 1,
                    Some(_) => {
                        self.at_marker = true;
                        return self;
                    }
                    None => return self,
                }
            }
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
            self.at += 1;
        }
        self
    }

    /// The next bits from the top of the word, zeros where there are no more.
    #[inline]
    pub(super) fn window(&self) -> u64 {
        self.held
    }

    /// The next 16 bits, zeros where there are no more.
    #[inline]
    pub(super) fn peek16(&self) -> usize {
        usize::from(u16::try_from(self.held >> 48).unwrap_or(0))
    }

    /// How many bits are at hand.
    #[inline]
    pub(super) fn available(&self) -> u32 {
        self.count
    }

    /// Goes past `length` bits (at most 32), which [`Bits::refill`] has made available.
    #[inline]
    pub(super) fn skip(&mut self, length: u32) -> Result<(), Fault> {
        if length > self.count {
            return Err(self.ran_out());
        }
        self.held <<= length;
        self.count -= length;
        Ok(())
    }

    /// Takes the next `length` bits (at most 16) as a number.
    #[inline]
    pub(super) fn take(&mut self, length: u32) -> Result<u32, Fault> {
        if length == 0 {
            return Ok(0);
        }
        if length > self.count {
            self.refill();
        }
        let value = u32::try_from(self.held >> (64 - length)).unwrap_or(0);
        self.skip(length)?;
        Ok(value)
    }

    /// Takes a number of `size` bits (at most 16), the lower half of which stands for negative ones (T.81, F.2.2.1).
    #[inline]
    pub(super) fn take_signed(&mut self, size: u32) -> Result<i32, Fault> {
        let raw = i32::try_from(self.take(size)?).unwrap_or(0);
        Ok(extend(raw, size))
    }

    /// Why there are no more bits: a marker stands in the way, or the bytes end.
    pub(super) fn ran_out(&self) -> Fault {
        if self.at_marker { Fault::TooFewBlocks } else { Fault::Ended }
    }

    /// The offset of the byte that holds the next bit; up to 8 too small where stuffed zeros are near, or too
    /// large where what was read ahead is gone.
    pub(super) fn position(&self) -> usize {
        self.at.saturating_sub((self.count / 8) as usize)
    }

    /// Whole bytes that were read ahead and not used.
    pub(super) fn unused_bytes(&self) -> usize {
        (self.count / 8) as usize
    }

    /// Where the bytes that were not read ahead begin.
    pub(super) fn read_to(&self) -> usize {
        self.at
    }
}

/// The number that `size` bits (at most 16) stand for (T.81, table F.1).
#[inline]
pub(super) fn extend(raw: i32, size: u32) -> i32 {
    let half = (1_i32 << size) >> 1;
    if raw < half { raw - (1 << size) + 1 } else { raw }
}
