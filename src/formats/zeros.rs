//! Holes: what a rescue from a failing drive, or a torn copy, leaves where bytes could not be read.
//!
//! A hole is made of whole sectors, so it shows as zeros that fill sector-aligned blocks of the file. Compressed data
//! never holds that many zeros in a row by itself (a flat picture can: see [`crate::formats::jpeg`]).

/// The smallest sector of any drive that photos were kept on.
pub const SECTOR: usize = 512;

/// A run of sectors that hold only zeros, as offsets into the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hole {
    /// Where its first sector begins.
    pub start: u64,
    /// Where its last sector ends.
    pub end: u64,
}

/// Lists the runs of zero-filled sectors in `bytes`, which stand at `offset` in their file; in their order.
///
/// A last, partial sector is not looked at.
pub fn holes(bytes: &[u8], offset: u64) -> Vec<Hole> {
    let sector = SECTOR as u64;
    let lead = usize::try_from((sector - offset % sector) % sector).unwrap_or(0);
    let mut found: Vec<Hole> = Vec::new();
    let mut at = offset + lead as u64;
    for block in bytes.get(lead..).unwrap_or_default().chunks_exact(SECTOR) {
        let end = at + sector;
        if is_zero(block) {
            match found.last_mut() {
                Some(last) if last.end == at => last.end = end,
                Some(_) | None => found.push(Hole { start: at, end }),
            }
        }
        at = end;
    }
    found
}

/// Tells whether there is nothing but zeros.
pub fn is_zero(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0) && bytes.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_found_where_it_is_whatever_the_window() {
        let mut bytes = vec![7_u8; 8192];
        bytes[1024..2560].fill(0);
        assert_eq!(holes(&bytes, 0), [Hole { start: 1024, end: 2560 }]);
        assert_eq!(holes(&bytes[100..], 100), [Hole { start: 1024, end: 2560 }]);
        assert_eq!(holes(&bytes[1100..], 1100), [Hole { start: 1536, end: 2560 }]);
        assert_eq!(holes(&bytes[..1300], 0), []);
    }

    #[test]
    fn zeros_that_fill_no_sector_are_no_hole() {
        let mut bytes = vec![7_u8; 4096];
        bytes[100..1000].fill(0);
        assert_eq!(holes(&bytes, 0), []);
    }
}
