//! Huffman tables (T.81, Annex C and F.2.2.3).

use super::bits::{Bits, extend};
use super::verdict::Fault;

const FAST_BITS: usize = 10;

/// A table made ready to be looked up by the next bits.
#[derive(Clone)]
pub(super) struct Table {
    fast: Box<[Entry; 1 << FAST_BITS]>,
    /// For each longer code length: the first 16-bit prefix past its codes, its first code, and where its symbols begin.
    slow: Vec<Longer>,
    symbols: Vec<u8>,
}

/// What the next bits stand for: from the lowest byte on how many of them are used up, the symbol, and two bytes of value.
///
/// The number that follows a symbol, whose size is the symbol's lower half, is part of the entry where code and number
/// fit into `FAST_BITS`; no such number is 0. An entry of 0 is a longer code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry(u32);

impl Entry {
    const LONGER: Self = Self(0);

    fn new(length: usize, symbol: u8, value: i32) -> Self {
        let value = u32::from(u16::from_be_bytes(i16::try_from(value).unwrap_or(0).to_be_bytes()));
        Self(u32::try_from(length & 0xFF).unwrap_or(0) | u32::from(symbol) << 8 | value << 16)
    }

    /// The bits that are used up.
    #[inline]
    pub(super) fn length(self) -> u32 {
        self.0 & 0xFF
    }

    /// Zero coefficients before this one.
    #[inline]
    pub(super) fn run(self) -> u32 {
        self.0 >> 12 & 15
    }

    /// The bits of the number that belongs to the symbol.
    #[inline]
    pub(super) fn size(self) -> u32 {
        self.0 >> 8 & 15
    }

    /// The number, or 0 where its bits still follow.
    #[inline]
    #[allow(clippy::cast_possible_wrap, reason = "a sign that was put there as bits")]
    pub(super) fn value(self) -> i32 {
        (self.0 as i32) >> 16
    }
}

#[derive(Clone)]
struct Longer {
    length: u32,
    limit: usize,
    first_code: usize,
    first_symbol: usize,
}

impl Table {
    /// Builds a table from the counts of codes of length 1 to 16 and the symbols in the order of their codes; `None`
    /// when there are more codes than fit, or fewer symbols than codes.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
        let symbols = symbols.get(..total).filter(|_| total <= 256)?.to_vec();
        let mut fast = Box::new([Entry::LONGER; 1 << FAST_BITS]);
        let mut slow = Vec::new();
        let (mut code, mut next) = (0_usize, 0_usize);
        for (length, count) in (1_usize..).zip(counts.iter().map(|count| usize::from(*count))) {
            let first = code;
            if code + count > 1 << length {
                return None;
            }
            if length <= FAST_BITS {
                let spread = 1 << (FAST_BITS - length);
                for symbol in symbols.get(next..next + count)? {
                    let size = usize::from(symbol & 15);
                    for (rest, entry) in fast.get_mut(code * spread..(code + 1) * spread)?.iter_mut().enumerate() {
                        *entry = match (FAST_BITS - length).checked_sub(size).filter(|_| size > 0) {
                            Some(beyond) => {
                                let raw = i32::try_from(rest >> beyond).ok()?;
                                Entry::new(length + size, *symbol, extend(raw, u32::from(symbol & 15)))
                            }
                            None => Entry::new(length, *symbol, 0),
                        };
                    }
                    code += 1;
                }
            } else {
                code += count;
                slow.push(Longer {
                    length: u32::try_from(length).ok()?,
                    limit: code << (16 - length),
                    first_code: first,
                    first_symbol: next,
                });
            }
            next += count;
            code <<= 1;
        }
        Some(Self { fast, slow, symbols })
    }

    /// Builds a table from the front of a DHT segment's rest: 16 counts, then the symbols; with the bytes it took.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (counts, symbols) = bytes.split_first_chunk::<16>()?;
        let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
        Some((Self::new(counts, symbols)?, 16 + total))
    }

    /// The symbol that a row of zero bits stands for: where it means “no change”, zeros are a flat picture and no hole.
    pub(super) fn symbol_of_zeros(&self) -> Option<u8> {
        self.symbols.first().copied()
    }

    /// What the next bits stand for; none is used up. At least 32 bits are available after it, or all that there are:
    /// enough for the longest code with the longest number.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "measured: this is the innermost loop of every examination")]
    #[allow(clippy::indexing_slicing, reason = "ten bits are an index below 1024")]
    pub(super) fn look(&self, bits: &mut Bits<'_>) -> Result<Entry, Fault> {
        bits.refill();
        let entry = self.fast[(bits.window() >> (64 - FAST_BITS)) as usize];
        if entry == Entry::LONGER { self.look_longer(*bits) } else { Ok(entry) }
    }

    /// Decodes the next symbol, without the number that belongs to it.
    #[inline]
    pub(super) fn decode(&self, bits: &mut Bits<'_>) -> Result<u8, Fault> {
        let entry = self.look(bits)?;
        let number = if entry.value() == 0 { 0 } else { entry.size() };
        bits.skip(entry.length() - number)?;
        Ok(entry.0.to_le_bytes()[1])
    }

    #[cold]
    #[inline(never)]
    fn look_longer(&self, bits: Bits<'_>) -> Result<Entry, Fault> {
        let window = bits.peek16();
        let longer = self.slow.iter().find(|longer| window < longer.limit);
        let Some(longer) = longer else {
            return Err(if bits.available() < 16 { bits.ran_out() } else { Fault::BadCode });
        };
        let index = (window >> (16 - longer.length)).checked_sub(longer.first_code).ok_or(Fault::BadCode)?;
        let symbol = self.symbols.get(longer.first_symbol + index).copied().ok_or(Fault::BadCode)?;
        Ok(Entry::new(longer.length as usize, symbol, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code of each length from 1 to 16: 0, 10, 110 …
    fn staircase() -> Table {
        Table::new(&[1; 16], &(0..16).collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn codes_of_every_length_are_found() {
        let table = staircase();
        let bytes = [0b0101_1011, 0b1011_1101, 0xFE, 0b0000_0000];
        let mut bits = Bits::new(&bytes, 0);
        let symbols: Vec<u8> = (0..4).map(|_| table.decode(&mut bits).unwrap()).collect();
        assert_eq!(symbols, [0, 1, 2, 3]);
        let twelve = [0xFF, 0x00, 0b1110_0000];
        assert_eq!(table.decode(&mut Bits::new(&twelve, 0)), Ok(11));
    }

    #[test]
    fn the_code_that_no_table_has_is_bad_and_a_missing_end_is_no_bad_code() {
        let table = staircase();
        let ones = [0xFF, 0x00, 0xFF, 0x00];
        assert_eq!(table.decode(&mut Bits::new(&ones, 0)), Err(Fault::BadCode));
        assert_eq!(table.decode(&mut Bits::new(&ones[..2], 0)), Err(Fault::Ended));
        assert_eq!(table.decode(&mut Bits::new(&[0xFF, 0xD9], 0)), Err(Fault::TooFewBlocks));
    }

    #[test]
    fn a_table_with_more_codes_than_fit_is_refused() {
        assert!(Table::new(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[1, 2, 3]).is_none());
        assert!(Table::new(&[1; 16], &[1, 2]).is_none());
    }
}
