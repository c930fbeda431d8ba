//! Runs: where the clusters of an attribute lie, in the packed form of NTFS.
//!
//! Each run is at least two bytes, so there are at most half as many as the attribute has bytes. What does not make
//! sense ends the list: what is missing then shows as a gap, and never as zeros.

/// Clusters that lie one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    /// The first one's number in the attribute.
    pub(super) vcn: u64,
    /// The first one's number in the volume; `None` for a part that was never written and reads as zeros.
    pub(super) lcn: Option<u64>,
    /// How many, never 0.
    pub(super) clusters: u64,
}

/// The runs in their order.
pub(super) struct Runs<'a> {
    bytes: &'a [u8],
    vcn: u64,
    lcn: i64,
}

impl<'a> Runs<'a> {
    /// Reads runs that begin at cluster `first_vcn` of their attribute.
    pub(super) fn new(bytes: &'a [u8], first_vcn: u64) -> Self {
        Self { bytes, vcn: first_vcn, lcn: 0 }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let (head, rest) = self.bytes.split_first()?;
        let (count_bytes, offset_bytes) = (usize::from(head & 15), usize::from(head >> 4));
        if !(1..=8).contains(&count_bytes) || offset_bytes > 8 {
            return None;
        }
        let clusters = u64::try_from(signed(rest.get(..count_bytes)?)).ok().filter(|clusters| *clusters > 0)?;
        let offset = rest.get(count_bytes..count_bytes + offset_bytes)?;
        let lcn = match offset {
            [] => None,
            offset => Some(self.moved(offset)?),
        };
        let run = Run { vcn: self.vcn, lcn, clusters };
        self.vcn = self.vcn.checked_add(clusters)?;
        self.bytes = rest.get(count_bytes + offset_bytes..)?;
        Some(run)
    }
}

impl Runs<'_> {
    /// Each place is told as the way from the one before.
    fn moved(&mut self, offset: &[u8]) -> Option<u64> {
        self.lcn = self.lcn.checked_add(signed(offset))?;
        u64::try_from(self.lcn).ok()
    }
}

/// One to eight bytes, the least significant one first, the highest bit for the sign.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    bytes.iter().rev().fold(if negative { -1 } else { 0 }, |sum, byte| sum << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<(u64, Option<u64>, u64)> {
        Runs::new(bytes, 0).map(|run| (run.vcn, run.lcn, run.clusters)).collect()
    }

    #[test]
    fn runs_go_forward_back_and_nowhere() {
        let bytes = [0x21, 0x18, 0x34, 0x56, 0x01, 0x08, 0x11, 0x04, 0xF0, 0x12, 0x00, 0x01, 0x05, 0x00];
        assert_eq!(
            all(&bytes),
            [(0, Some(0x5634), 0x18), (0x18, None, 8), (0x20, Some(0x5624), 4), (0x24, Some(0x5629), 0x100)]
        );
    }

    #[test]
    fn what_makes_no_sense_ends_the_list() {
        assert_eq!(all(&[0x11, 1, 5, 0x11, 0, 5, 0x11, 1, 1]), [(0, Some(5), 1)], "no clusters");
        assert_eq!(all(&[0x11, 1, 5, 0x11, 1, 0x80]), [(0, Some(5), 1)], "before the volume");
        assert_eq!(all(&[0x11, 1, 5, 0x91, 1]), [(0, Some(5), 1)], "nine bytes");
        assert_eq!(all(&[0x11, 1, 5, 0x12, 1]), [(0, Some(5), 1)], "cut off");
        assert_eq!(all(&[0x01, 0xFF]), [], "less than nothing");
        let mut huge = vec![0x18];
        huge.extend([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1]);
        let many: Vec<u8> = huge.repeat(4);
        assert!(all(&many).len() <= 2, "the numbers end");
    }
}
