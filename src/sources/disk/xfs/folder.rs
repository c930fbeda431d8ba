//! Names in folders: within the inode, or in blocks of which each entry ends with its own place.

use crate::formats::numbers::{be16, be32, be64};
use crate::model::Ranges;
use crate::sources::disk::inodes::is_name;

/// What stands in a block or in an inode.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Names {
    pub(super) entries: Vec<(Vec<u8>, u64)>,
    pub(super) parent: Option<u64>,
    /// Whether something in it makes no sense or cannot be read.
    pub(super) is_damaged: bool,
}

impl Names {
    fn take(&mut self, name: &[u8], inode: u64) {
        match name {
            b".." => self.parent = Some(inode),
            b"." => {}
            name if is_name(name) => self.entries.push((name.to_vec(), inode)),
            _ => self.is_damaged = true,
        }
    }
}

/// Reads the names of a folder that lies within its inode.
pub(super) fn read_short(bytes: &[u8], has_file_types: bool) -> Names {
    let mut names = Names::default();
    names.is_damaged = short(bytes, has_file_types, &mut names).is_none();
    names
}

fn short(bytes: &[u8], has_file_types: bool, names: &mut Names) -> Option<()> {
    let (count, wide) = (*bytes.first()?, *bytes.get(1)?);
    let number = |at: usize| if wide > 0 { be64(bytes, at) } else { be32(bytes, at).map(u64::from) };
    let width = if wide > 0 { 8 } else { 4 };
    names.parent = number(2);
    let mut at = 2 + width;
    for _ in 0..count {
        let length = usize::from(*bytes.get(at)?);
        let name = bytes.get(at + 3..at + 3 + length)?;
        let after = at + 3 + length + usize::from(has_file_types);
        names.take(name, number(after)?);
        at = after + width;
    }
    Some(())
}

/// Reads a block of names; behind a bad spot, from the next entry on that knows its own place.
pub(super) fn read_block(block: &[u8], holes: &Ranges, has_file_types: bool) -> Names {
    let mut names = Names { is_damaged: !holes.is_empty(), ..Names::default() };
    let (mut at, has_table) = match block.get(..4) {
        Some(b"XD2D") => (16, false),
        Some(b"XD2B") => (16, true),
        Some(b"XDD3") => (64, false),
        Some(b"XDB3") => (64, true),
        // Where the head cannot be read, the entries still can; a table at the end looks like none of them.
        _ if holes.meets(0..4) => (16, false),
        _ => return Names { is_damaged: true, ..names },
    };
    let tail = block.len().saturating_sub(8);
    let is_tail_there = !holes.meets(tail as u64..block.len() as u64);
    let table = be32(block, tail).filter(|_| has_table && is_tail_there).map_or(0, |count| u64::from(count) * 8 + 8);
    let end = usize::try_from((block.len() as u64).saturating_sub(table)).unwrap_or(0);
    let mut is_in_step = true;
    while at + 8 < end {
        if let Some(length) = unused(block, at).filter(|length| at + length <= end) {
            at += length;
            is_in_step = true;
        } else if let Some((name, inode, length)) = entry(block, at, has_file_types).filter(|entry| at + entry.2 <= end)
        {
            let is_there = !holes.meets(at as u64..(at + length) as u64);
            if is_there {
                names.take(name, inode);
            }
            at += length;
            is_in_step = true;
        } else {
            names.is_damaged |= is_in_step;
            is_in_step = false;
            at += 8;
        }
    }
    names
}

/// The length of unused space that begins here.
fn unused(block: &[u8], at: usize) -> Option<usize> {
    let length = usize::from(be16(block, at + 2)?);
    let is_unused = be16(block, at)? == 0xFFFF && length >= 8 && length % 8 == 0;
    let knows_its_place = be16(block, (at + length).checked_sub(2)?).map(usize::from) == Some(at);
    (is_unused && knows_its_place).then_some(length)
}

/// The name, the number and the length of the entry that begins here.
fn entry(block: &[u8], at: usize, has_file_types: bool) -> Option<(&[u8], u64, usize)> {
    let (inode, length) = (be64(block, at)?, usize::from(*block.get(at + 8)?));
    let name = block.get(at + 9..at + 9 + length)?;
    let all = (9 + length + usize::from(has_file_types) + 2).next_multiple_of(8);
    let knows_its_place = be16(block, at + all - 2).map(usize::from) == Some(at);
    (knows_its_place && length > 0 && inode > 0).then_some((name, inode, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(names: &[&str]) -> Vec<u8> {
        let mut block = b"XDD3".to_vec();
        block.resize(64, 0);
        for (index, name) in names.iter().enumerate() {
            let at = block.len();
            block.extend((100 + index as u64).to_be_bytes());
            block.push(u8::try_from(name.len()).unwrap_or(0));
            block.extend(name.as_bytes());
            block.push(1);
            block.resize(at + (9 + name.len() + 3).next_multiple_of(8) - 2, 0);
            block.extend(u16::try_from(at).unwrap_or(0).to_be_bytes());
        }
        let at = block.len();
        block.extend([0xFF, 0xFF]);
        block.extend(u16::try_from(4096 - at).unwrap_or(0).to_be_bytes());
        block.resize(4094, 0);
        block.extend(u16::try_from(at).unwrap_or(0).to_be_bytes());
        block
    }

    #[test]
    fn names_behind_a_bad_sector_are_still_read() {
        let all: Vec<String> = (0..60).map(|index| format!("IMG_{index:04}.JPG")).collect();
        let mut block = block(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let whole = read_block(&block, &Ranges::new(), true);
        assert_eq!((whole.entries.len(), whole.is_damaged), (60, false));
        block[512..1024].fill(0);
        let names = read_block(&block, &Ranges::one(512..1024), true);
        assert!(names.is_damaged);
        assert!((36..40).contains(&names.entries.len()), "{}", names.entries.len());
        assert_eq!(names.entries.last(), whole.entries.last());
    }

    #[test]
    fn a_name_that_would_lead_elsewhere_is_not_taken() {
        let names = read_block(&block(&["../a", "b.jpg"]), &Ranges::new(), true);
        assert_eq!((names.entries.len(), names.is_damaged), (1, true));
    }
}
