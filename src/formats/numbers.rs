//! Reads whole numbers out of bytes; `None` where the bytes end first.

/// Reads two bytes, most significant first.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// Reads four bytes, most significant first.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// Reads eight bytes, most significant first.
pub(crate) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// Reads two bytes, least significant first.
pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// Reads four bytes, least significant first.
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// Reads eight bytes, least significant first.
pub(crate) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// Which byte of a number comes first, where a file says so itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// The most significant one.
    Big,
    /// The least significant one.
    Little,
}

impl Order {
    /// Takes one to eight bytes for one number.
    pub(crate) fn number(self, bytes: &[u8]) -> Option<u64> {
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        (1..=8).contains(&bytes.len()).then(|| match self {
            Self::Big => bytes.iter().fold(0, add),
            Self::Little => bytes.iter().rev().fold(0, add),
        })
    }
}

/// Reads numbers one after the other, most significant byte first, of widths that the file itself gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    /// The version of a full ISO box; its flags are stepped over.
    pub(crate) fn version(&mut self) -> Option<u32> {
        Some(self.number(4)? >> 24)
    }

    /// At most four bytes; a number of no bytes is 0.
    pub(crate) fn number(&mut self, bytes: usize) -> Option<u32> {
        u32::try_from(self.wide(bytes)?).ok()
    }

    /// At most eight bytes; a number of no bytes is 0.
    pub(crate) fn wide(&mut self, bytes: usize) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(bytes).filter(|_| bytes <= 8)?;
        self.0 = rest;
        Some(Order::Big.number(number).unwrap_or(0))
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
