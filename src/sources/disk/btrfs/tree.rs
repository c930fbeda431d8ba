//! Trees: all of Btrfs is items under keys that only go up.

use std::ops::{ControlFlow, RangeInclusive};

use crate::formats::numbers::le32;
use crate::sources::disk::btrfs::{Btrfs, le64};
use crate::sources::medium::MediumError;

const DEEPEST: u8 = 8;
/// Bytes in front of the items of a node.
const HEADER: usize = 101;

/// Kinds of items.
pub(super) mod kind {
    pub(in super::super) const INODE: u8 = 1;
    pub(in super::super) const INODE_REF: u8 = 12;
    pub(in super::super) const NAME: u8 = 96;
    pub(in super::super) const EXTENT: u8 = 108;
    pub(in super::super) const ROOT: u8 = 132;
    pub(in super::super) const ROOT_IS_IN: u8 = 144;
    pub(in super::super) const USED: u8 = 168;
    pub(in super::super) const USED_NODE: u8 = 169;
    pub(in super::super) const CHUNK: u8 = 228;
}

/// The root node of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Root {
    /// Its address.
    pub(super) at: u64,
    /// How far it is above the leaves.
    pub(super) level: u8,
}

/// What items stand under, and are sorted by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) object: u64,
    pub(super) kind: u8,
    pub(super) offset: u64,
}

impl Key {
    pub(super) const FIRST: Self = Self { object: 0, kind: 0, offset: 0 };
    pub(super) const LAST: Self = Self { object: u64::MAX, kind: u8::MAX, offset: u64::MAX };

    /// Of the first 17 bytes.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self { object: le64(bytes, 0)?, kind: *bytes.get(8)?, offset: le64(bytes, 9)? })
    }

    /// All items of some kinds of one object.
    pub(super) fn all(object: u64, kinds: RangeInclusive<u8>) -> RangeInclusive<Self> {
        Self { object, kind: *kinds.start(), offset: 0 }..=Self { object, kind: *kinds.end(), offset: u64::MAX }
    }
}

/// Hears of each item in turn, until it breaks.
type Visit<'a> = dyn FnMut(Key, &[u8]) -> ControlFlow<()> + 'a;

impl Btrfs {
    /// Visits the items under keys in a range; answers whether every node that may hold some could be read.
    pub(super) fn scan(
        &self,
        root: Root,
        keys: RangeInclusive<Key>,
        visit: &mut Visit<'_>,
    ) -> Result<bool, MediumError> {
        let mut scan = Scan { btrfs: self, keys, is_whole: true };
        if root.level < DEEPEST {
            scan.node(root, None, None, visit)?.is_break();
        } else {
            scan.is_whole = false;
        }
        Ok(scan.is_whole)
    }

    /// Whether the first node of a tree can be read.
    pub(super) fn can_read(&self, root: Root) -> Result<bool, MediumError> {
        Ok(self.node(root, None)?.is_some())
    }

    /// A node: of its copies, the first that can be read and is the one that was asked for.
    fn node(&self, root: Root, generation: Option<u64>) -> Result<Option<Vec<u8>>, MediumError> {
        let length = self.superblock.node_bytes;
        let Some(place) = self.map.place(root.at).filter(|place| place.length >= length) else { return Ok(None) };
        for at in place.copies {
            let bytes = self.chunks.read(at, usize::try_from(length).unwrap_or(0))?.whole();
            let is_it = |bytes: &Vec<u8>| {
                le64(bytes, 48) == Some(root.at)
                    && bytes.get(100) == Some(&root.level)
                    && generation.is_none_or(|generation| le64(bytes, 80) == Some(generation))
            };
            if let Some(bytes) = bytes.filter(is_it) {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

struct Scan<'a> {
    btrfs: &'a Btrfs,
    keys: RangeInclusive<Key>,
    is_whole: bool,
}

impl Scan<'_> {
    /// Visits what is in a node, which must begin with `first`.
    fn node(
        &mut self,
        root: Root,
        first: Option<Key>,
        generation: Option<u64>,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, MediumError> {
        let node = self.btrfs.node(root, generation)?;
        let body = node.as_deref().and_then(|node| node.get(HEADER..)).unwrap_or_default();
        let count = node.as_deref().and_then(|node| le32(node, 96)).and_then(|count| usize::try_from(count).ok());
        let begins = Key::parse(body);
        if node.is_none() || first.is_some_and(|first| begins != Some(first)) {
            self.is_whole = false;
            return Ok(ControlFlow::Continue(()));
        }
        let step = if root.level == 0 { 25 } else { 33 };
        let entries: Vec<(Key, &[u8])> = body
            .chunks_exact(step)
            .take(count.unwrap_or(0))
            .filter_map(|entry| Key::parse(entry).zip(entry.get(17..)))
            .collect();
        let mut before = None;
        for (index, (key, entry)) in entries.iter().enumerate() {
            if before.is_some_and(|before| *key <= before) {
                self.is_whole = false;
                break;
            }
            before = Some(*key);
            if key > self.keys.end() {
                break;
            }
            let met = if root.level == 0 {
                if key < self.keys.start() {
                    continue;
                }
                let (at, length) = (le32(entry, 0).unwrap_or(0), le32(entry, 4).unwrap_or(0));
                let (at, length) = (usize::try_from(at).unwrap_or(usize::MAX), usize::try_from(length).unwrap_or(0));
                let item = body.get(at..at.saturating_add(length));
                self.is_whole &= item.is_some();
                item.map_or(ControlFlow::Continue(()), |item| visit(*key, item))
            } else {
                if entries.get(index + 1).is_some_and(|next| next.0 <= *self.keys.start()) {
                    continue;
                }
                let child = Root { at: le64(entry, 0).unwrap_or(0), level: root.level - 1 };
                self.node(child, Some(*key), le64(entry, 8), visit)?
            };
            if met.is_break() {
                return Ok(met);
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
