//! Inodes: what is known of a file besides its name.

use jiff::Timestamp;

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::ext::Ext;
use crate::sources::medium::MediumError;

const ENCRYPTED: u32 = 0x800;
const EXTENTS: u32 = 0x8_0000;
const IS_ATTRIBUTE: u32 = 0x20_0000;
const INLINE: u32 = 0x1000_0000;

/// A record of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Inode {
    /// All its bytes, 128 or more.
    pub(super) bytes: Vec<u8>,
    mode: u16,
    flags: u32,
}

/// Which kind of thing an inode is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Is {
    Folder,
    File,
    Other,
}

impl Inode {
    pub(super) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let (mode, flags) = (le16(&bytes, 0)?, le32(&bytes, 0x20)?);
        (bytes.len() >= 128).then_some(Self { bytes, mode, flags })
    }

    pub(super) fn is(&self) -> Is {
        match self.mode & 0xF000 {
            0x4000 => Is::Folder,
            // What the file system keeps of its own beside the files that people make.
            0x8000 if self.flags & IS_ATTRIBUTE == 0 => Is::File,
            _ => Is::Other,
        }
    }

    /// Whether a folder names it, by its own count.
    pub(super) fn is_linked(&self) -> bool {
        self.mode != 0 && le16(&self.bytes, 0x1A).unwrap_or(0) != 0
    }

    /// Whether it was deleted, and says when. Inodes that wait for their deletion keep another inode's number there.
    pub(super) fn is_deleted(&self) -> bool {
        le16(&self.bytes, 0x1A) == Some(0) && le32(&self.bytes, 0x14).unwrap_or(0) != 0
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    pub(super) fn has_extents(&self) -> bool {
        self.flags & EXTENTS != 0
    }

    pub(super) fn is_inline(&self) -> bool {
        self.flags & INLINE != 0
    }

    /// The 60 bytes that say where the content lies, or are its beginning.
    pub(super) fn block_bytes(&self) -> &[u8] {
        self.bytes.get(0x28..0x64).unwrap_or_default()
    }

    /// Bytes of the content.
    pub(super) fn size(&self, has_large_folders: bool) -> u64 {
        let low = u64::from(le32(&self.bytes, 0x4).unwrap_or(0));
        let has_high = self.is() != Is::Folder || has_large_folders;
        let high = if has_high { le32(&self.bytes, 0x6C).unwrap_or(0) } else { 0 };
        low | u64::from(high) << 32
    }

    /// When the content was last written. Seconds since 1970, signed; the field behind the first 128 bytes adds
    /// nanoseconds and two more bits of seconds.
    pub(super) fn modified_at(&self) -> Option<Timestamp> {
        let low = le32(&self.bytes, 0x10)?.cast_signed();
        let extra = (self.extra_bytes() >= 0xC).then(|| le32(&self.bytes, 0x88)).flatten().unwrap_or(0);
        let seconds = i64::from(low) + (i64::from(extra & 3) << 32);
        let nanoseconds =
            i32::try_from(extra >> 2).ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000).unwrap_or(0);
        Timestamp::new(seconds, nanoseconds).ok()
    }

    /// Bytes of fields behind the first 128.
    pub(super) fn extra_bytes(&self) -> usize {
        let says = le16(&self.bytes, 0x80).map_or(0, usize::from);
        says.min(self.bytes.len().saturating_sub(128))
    }
}

impl Ext {
    /// The inode of that number; `None` where it cannot be read.
    pub(super) fn inode(&self, number: u32) -> Result<Option<Inode>, MediumError> {
        let superblock = &self.superblock;
        let Some(index) = number.checked_sub(1).filter(|_| number <= superblock.inodes) else { return Ok(None) };
        let group = u64::from(index / superblock.inodes_per_group);
        if group >= superblock.groups() {
            return Ok(None);
        }
        let Some(group) = self.group(group)? else { return Ok(None) };
        let within = u64::from(index % superblock.inodes_per_group) * superblock.inode_bytes;
        let at = group.inode_table.saturating_mul(superblock.block_bytes).saturating_add(within);
        let length = usize::try_from(superblock.inode_bytes).unwrap_or(128);
        Ok(self.chunks.read(at, length)?.whole().and_then(Inode::parse))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(low: u32, extra: u32) -> Option<Timestamp> {
        let mut bytes = vec![0; 256];
        bytes[0x10..0x14].copy_from_slice(&low.to_le_bytes());
        bytes[0x80] = 32;
        bytes[0x88..0x8C].copy_from_slice(&extra.to_le_bytes());
        Inode::parse(bytes).expect("it is an inode").modified_at()
    }

    #[test]
    fn times_have_34_bits_of_seconds_and_nanoseconds() {
        // The table of the kernel's documentation, "Inode Timestamps".
        let at = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
        assert_eq!(written(0x8000_0000, 0), at("1901-12-13T20:45:52Z"));
        assert_eq!(written(0x7FFF_FFFF, 0), at("2038-01-19T03:14:07Z"));
        assert_eq!(written(0x8000_0000, 1), at("2038-01-19T03:14:08Z"));
        assert_eq!(written(0x7FFF_FFFF, 3), at("2446-05-10T22:38:55Z"));
        assert_eq!(written(0, 123_456_789 << 2), at("1970-01-01T00:00:00.123456789Z"));
    }
}
