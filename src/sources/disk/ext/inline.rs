//! Content that lies in the inode: 60 bytes in place of the list of blocks, more in an attribute called `data`.

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::ext::inode::Inode;

const ATTRIBUTES_MAGIC: u32 = 0xEA02_0000;
/// The name space of attributes of the system.
const SYSTEM: u8 = 7;

/// The second part of inline content: the value of the attribute `system.data`.
pub(super) fn attribute(inode: &Inode) -> &[u8] {
    find(inode).unwrap_or_default()
}

fn find(inode: &Inode) -> Option<&[u8]> {
    let area = inode.bytes.get(128 + inode.extra_bytes()..)?;
    (le32(area, 0)? == ATTRIBUTES_MAGIC).then_some(())?;
    let entries = area.get(4..)?;
    let mut at = 0_usize;
    loop {
        let entry = entries.get(at..)?;
        let name_length = usize::from(*entry.first()?);
        let space = *entry.get(1)?;
        if le32(entry, 0)? == 0 {
            return None;
        }
        if space == SYSTEM && entry.get(16..16 + name_length)? == b"data" && le32(entry, 4)? == 0 {
            let start = usize::from(le16(entry, 2)?);
            let length = usize::try_from(le32(entry, 8)?).ok()?;
            return entries.get(start..start.checked_add(length)?);
        }
        // Entries are 16 bytes and a name, rounded up to four.
        at += (16 + name_length).next_multiple_of(4);
    }
}
