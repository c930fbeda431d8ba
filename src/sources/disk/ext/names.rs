//! Blocks of a folder: names with the numbers of their inodes, one behind the other. The index of a large folder hides
//! in entries without an inode, so that a folder with one reads like a folder without.

use crate::formats::numbers::{le16, le32};
use crate::model::Ranges;
use crate::sources::disk::inodes::is_name;

/// What the blocks of a folder are read with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// The highest number of an inode.
    pub(super) inodes: u32,
    /// Whether entries say what kind of thing they name.
    pub(super) has_file_types: bool,
}

/// What stands in one block.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Names {
    pub(super) entries: Vec<(Vec<u8>, u64)>,
    /// The number of the folder around it.
    pub(super) parent: Option<u64>,
    /// Whether something in it makes no sense or cannot be read.
    pub(super) is_damaged: bool,
}

struct Entry<'a> {
    inode: u32,
    length: usize,
    name: &'a [u8],
    file_type: u8,
}

/// Reads a block; behind a bad spot, from the first entry on that leads to the end of the block.
pub(super) fn read(block: &[u8], holes: &Ranges, shape: Shape) -> Names {
    let mut names = Names::default();
    let mut at = 0;
    let mut leads = None;
    while at + 8 <= block.len() {
        let entry = entry(block, holes, at, shape);
        if let Some(entry) = &entry {
            match entry.name {
                b".." if entry.inode != 0 => names.parent = Some(u64::from(entry.inode)),
                _ if entry.inode == 0 || entry.name == b"." => {}
                name if is_name(name) => names.entries.push((name.to_vec(), u64::from(entry.inode))),
                _ => names.is_damaged = true,
            }
            at += entry.length;
            continue;
        }
        names.is_damaged = true;
        let leads = leads.get_or_insert_with(|| leading(block, holes, shape));
        let next = (at / 4 + 1..leads.len()).find(|place| leads.get(*place) == Some(&true));
        at = next.map_or(block.len(), |place| place * 4);
    }
    names
}

/// The entry at a place, when it is one.
fn entry<'a>(block: &'a [u8], holes: &Ranges, at: usize, shape: Shape) -> Option<Entry<'a>> {
    let inode = le32(block, at)?;
    let length = match usize::from(le16(block, at + 4)?) {
        // A block of 64 KiB does not fit into its own length.
        0 | 0xFFFF if block.len() == 1 << 16 => (1 << 16) - at,
        length => length,
    };
    let (name_length, file_type) = (usize::from(*block.get(at + 6)?), *block.get(at + 7)?);
    let fits = length >= 8 + name_length && length % 4 == 0 && length <= block.len() - at;
    let name = block.get(at + 8..at + 8 + name_length)?;
    let is_there = !holes.meets(at as u64..(at + 8 + name_length) as u64);
    (fits && is_there && inode <= shape.inodes).then_some(Entry { inode, length, name, file_type })
}

/// For each place, every four bytes: whether an entry stands there from which entries lead to the end of the block, or
/// to a bad spot. From the end on, so that no chain is followed twice.
fn leading(block: &[u8], holes: &Ranges, shape: Shape) -> Vec<bool> {
    let mut leads = vec![false; block.len() / 4 + 1];
    for place in (0..block.len() / 4).rev() {
        let at = place * 4;
        let Some(entry) = entry(block, holes, at, shape) else { continue };
        let is_likely = entry.inode != 0
            && (is_name(entry.name) || matches!(entry.name, b"." | b".."))
            && (!shape.has_file_types || (1..=7).contains(&entry.file_type));
        let next = at + entry.length;
        let goes_on = next == block.len()
            || holes.contains(next as u64)
            || leads.get(next / 4) == Some(&true)
            || is_tail(block, next);
        if let Some(lead) = leads.get_mut(place) {
            *lead = is_likely && goes_on;
        }
    }
    leads
}

/// The checksum at the end of a block stands in an entry without a name.
fn is_tail(block: &[u8], at: usize) -> bool {
    at + 12 == block.len() && le32(block, at) == Some(0) && le16(block, at + 4) == Some(12)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { inodes: 100, has_file_types: true };

    fn block(names: &[(&str, u32)], size: usize) -> Vec<u8> {
        let mut block = Vec::new();
        for (index, (name, inode)) in names.iter().enumerate() {
            let own = (8 + name.len()).next_multiple_of(4);
            let length = if index + 1 == names.len() { size - block.len() } else { own };
            block.extend(inode.to_le_bytes());
            block.extend(u16::try_from(length).unwrap_or(0).to_le_bytes());
            block.extend([u8::try_from(name.len()).unwrap_or(0), 1]);
            block.extend(name.as_bytes());
            block.resize(block.len() + own - 8 - name.len(), 0);
        }
        block.resize(size, 0);
        block
    }

    fn named(names: &Names) -> Vec<&str> {
        names.entries.iter().map(|(name, _)| std::str::from_utf8(name).unwrap_or("?")).collect()
    }

    #[test]
    fn a_folder_lists_its_names_but_not_itself() {
        let block = block(&[(".", 12), ("..", 2), ("a.jpg", 13), ("gone", 0), ("ünder.jpg", 14)], 1024);
        let names = read(&block, &Ranges::new(), SHAPE);
        assert_eq!((named(&names), names.parent, names.is_damaged), (vec!["a.jpg", "ünder.jpg"], Some(2), false));
    }

    #[test]
    fn names_behind_a_bad_sector_are_still_read() {
        let many: Vec<(String, u32)> = (0..40).map(|index| (format!("IMG_{index:04}.JPG"), 20 + index)).collect();
        let many: Vec<(&str, u32)> = many.iter().map(|(name, inode)| (name.as_str(), *inode)).collect();
        let mut block = block(&many, 1024);
        block[512..520].fill(0);
        let holes = Ranges::one(512..520);
        let names = read(&block, &holes, SHAPE);
        assert!(names.is_damaged);
        // One entry lies on the bad spot, and one ends at it.
        assert!(names.entries.len() >= 38, "{:?}", named(&names));
        assert_eq!(named(&names).last(), Some(&"IMG_0039.JPG"));
    }

    #[test]
    fn a_name_that_would_lead_elsewhere_is_not_taken() {
        let names = read(&block(&[("../../etc", 13), ("b.jpg", 14)], 512), &Ranges::new(), SHAPE);
        assert_eq!((named(&names), names.is_damaged), (vec!["b.jpg"], true));
    }
}
