//! Inodes: what is known of a file besides its name.

use jiff::Timestamp;

use crate::formats::numbers::{be16, be32, be64};
use crate::sources::disk::xfs::Xfs;
use crate::sources::medium::MediumError;

const REALTIME: u16 = 0x1;
const BIG_TIMES: u64 = 0x8;
const BIG_COUNTS: u64 = 0x10;
const METADATA: u64 = 0x20;

/// A record of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Inode {
    bytes: Vec<u8>,
    is_version_3: bool,
}

/// How the data fork is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fork<'a> {
    /// The content itself.
    Local(&'a [u8]),
    /// So many pieces, 16 bytes each.
    Extents(&'a [u8], u64),
    /// The root of a tree of them.
    Tree(&'a [u8]),
    /// Nothing that is known.
    Unknown,
}

impl Inode {
    fn parse(bytes: Vec<u8>, number: u64) -> Option<Self> {
        let is_version_3 = *bytes.get(4)? == 3;
        // From version 3 on, an inode knows its own number.
        let is_it = !is_version_3 || be64(&bytes, 152)? == number;
        (bytes.get(..2)? == b"IN" && is_it).then_some(Self { bytes, is_version_3 })
    }

    fn flags_2(&self) -> u64 {
        if self.is_version_3 { be64(&self.bytes, 120).unwrap_or(0) } else { 0 }
    }

    /// The type bits of the mode.
    fn kind(&self) -> u16 {
        be16(&self.bytes, 2).unwrap_or(0) & 0xF000
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind() == 0x4000 && self.flags_2() & METADATA == 0
    }

    pub(super) fn is_file(&self) -> bool {
        self.kind() == 0x8000 && self.flags_2() & METADATA == 0
    }

    /// Whether a folder names it, by its own count.
    pub(super) fn is_linked(&self) -> bool {
        let links = match self.bytes.get(4) {
            Some(1) => be16(&self.bytes, 6).map(u32::from),
            _ => be32(&self.bytes, 16),
        };
        self.kind() != 0 && links.unwrap_or(0) != 0
    }

    /// Whether its content lies on another drive, the realtime part.
    pub(super) fn is_realtime(&self) -> bool {
        be16(&self.bytes, 90).unwrap_or(0) & REALTIME != 0
    }

    pub(super) fn size(&self) -> u64 {
        be64(&self.bytes, 56).unwrap_or(0)
    }

    /// When the content was last written: seconds and nanoseconds, or with big times, nanoseconds since 1901.
    pub(super) fn modified_at(&self) -> Option<Timestamp> {
        let field = be64(&self.bytes, 40)?;
        if self.flags_2() & BIG_TIMES != 0 {
            let seconds = i64::try_from(field / 1_000_000_000).ok()? + i64::from(i32::MIN);
            return Timestamp::new(seconds, i32::try_from(field % 1_000_000_000).ok()?).ok();
        }
        let seconds = be32(&self.bytes, 40)?.cast_signed();
        let nanoseconds =
            i32::try_from(be32(&self.bytes, 44)?).ok().filter(|below| *below < 1_000_000_000).unwrap_or(0);
        Timestamp::new(i64::from(seconds), nanoseconds).ok()
    }

    /// What says where the content lies.
    pub(super) fn fork(&self) -> Fork<'_> {
        let start = if self.is_version_3 { 176 } else { 100 };
        let end = match self.bytes.get(82).copied().map_or(0, usize::from) {
            0 => self.bytes.len(),
            eights => (start + eights * 8).min(self.bytes.len()),
        };
        let bytes = self.bytes.get(start..end).unwrap_or_default();
        let count =
            if self.flags_2() & BIG_COUNTS != 0 { be64(&self.bytes, 24) } else { be32(&self.bytes, 76).map(u64::from) };
        match self.bytes.get(5) {
            Some(1) => Fork::Local(bytes),
            Some(2) => Fork::Extents(bytes, count.unwrap_or(0)),
            Some(3) => Fork::Tree(bytes),
            _ => Fork::Unknown,
        }
    }
}

/// What stands in the place of an inode.
pub(super) enum Record {
    Inode(Inode),
    /// Something else: it is in nobody's use.
    None,
    Unreadable,
}

impl Xfs {
    /// What stands where the inode of that number would be.
    pub(super) fn inode(&self, number: u64) -> Result<Record, MediumError> {
        let Some(at) = self.superblock.place_of_inode(number) else { return Ok(Record::None) };
        let length = usize::try_from(self.superblock.inode_bytes).unwrap_or(256);
        let Some(bytes) = self.chunks.read(at, length)?.whole() else { return Ok(Record::Unreadable) };
        Ok(Inode::parse(bytes, number).map_or(Record::None, Record::Inode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_times_count_nanoseconds_from_1901() {
        let mut bytes = vec![0; 256];
        bytes[..6].copy_from_slice(b"IN\x81\xa4\x03\x02");
        bytes[127] = 0x8;
        bytes[40..48].copy_from_slice(&(2_147_483_648_u64 * 1_000_000_000 + 5).to_be_bytes());
        let inode = Inode::parse(bytes, 0).expect("it is an inode");
        assert_eq!(inode.modified_at(), "1970-01-01T00:00:00.000000005Z".parse().ok());
    }
}
