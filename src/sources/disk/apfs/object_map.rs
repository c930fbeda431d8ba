//! Object maps: in which block an object lies that is known by a number.

use std::collections::{HashMap, HashSet};

use super::container::VolumeHead;
use super::node::{Node, Reader, is_sound, kind, le64};
use crate::formats::numbers::le32;
use crate::sources::medium::MediumError;

/// Lengths of keys and values: number and transaction; flags, size and block.
const RECORD: (usize, usize) = (16, 16);

/// How far on either side of a lost map its nodes are looked for: 512 MiB of usual blocks.
const SEARCHED_BLOCKS: u64 = 1 << 17;

/// The newest version of each object.
#[derive(Default)]
pub(super) struct ObjectMap {
    /// By number: transaction and block.
    objects: HashMap<u64, (u64, u64)>,
    /// Whether a part of the map could not be read.
    pub(super) is_damaged: bool,
}

impl ObjectMap {
    /// Reads the map in `block`, as it was after the transaction `newest`.
    pub(super) fn read(reader: &mut Reader, block: u64, newest: u64) -> Result<Self, MediumError> {
        let mut map = Self::default();
        let object = reader.block(block)?;
        let head = object.as_ref().and_then(|object| object.sound(0..56)).filter(|head| kind(head) == Some(11));
        let Some(root) = head.and_then(|head| le64(head, 48)) else {
            map.is_damaged = true;
            return Ok(map);
        };
        let mut seen = HashSet::from([root]);
        let mut todo = vec![root];
        while let Some(block) = todo.pop() {
            let Some(node) = reader.block(block)?.and_then(Node::of) else {
                map.is_damaged = true;
                continue;
            };
            map.is_damaged |= !node.is_sound();
            if node.is_leaf() {
                for (key, value) in node.records(RECORD) {
                    map.take(key, value, newest);
                }
            } else {
                todo.extend(node.children(RECORD).into_iter().filter(|child| seen.insert(*child)));
            }
        }
        Ok(map)
    }

    /// Makes a map of the nodes of files that lie near a volume's own blocks, for where its map is lost: each node has its
    /// number in it. They may be of any volume; who follows numbers from the root of one stays in it.
    pub(super) fn search(reader: &mut Reader, head: &VolumeHead) -> Result<Self, MediumError> {
        let mut map = Self { is_damaged: true, ..Self::default() };
        let end = head.object_map.saturating_add(SEARCHED_BLOCKS).min(reader.blocks_there());
        for block in head.object_map.saturating_sub(SEARCHED_BLOCKS)..end {
            let Some(object) = reader.block(block)? else { break };
            // 0 in the upper half: an object that is known by a number.
            let is_node = object
                .sound(0..32)
                .is_some_and(|head| matches!(le32(head, 24), Some(2 | 3)) && le32(head, 28) == Some(14));
            let head_of = |object: &[u8]| Some((le64(object, 8)?, le64(object, 16)?));
            let found = object.sound(0..object.len()).filter(|object| is_node && is_sound(object)).and_then(head_of);
            if let Some((id, transaction)) = found.filter(|(_, transaction)| *transaction <= head.transaction) {
                map.learn(id, transaction, block);
            }
        }
        Ok(map)
    }

    fn learn(&mut self, id: u64, transaction: u64, block: u64) {
        let known = self.objects.entry(id).or_insert((transaction, block));
        if known.0 < transaction {
            *known = (transaction, block);
        }
    }

    fn take(&mut self, key: &[u8], value: &[u8], newest: u64) -> Option<()> {
        let (id, transaction, block) = (le64(key, 0)?, le64(key, 8)?, le64(value, 8)?);
        // 1: deleted.
        if transaction > newest || value.first()? & 1 != 0 {
            return None;
        }
        self.learn(id, transaction, block);
        Some(())
    }

    /// In which block an object lies.
    pub(super) fn block(&self, id: u64) -> Option<u64> {
        self.objects.get(&id).map(|(_, block)| *block)
    }

    /// The blocks of all objects, in the order of the medium.
    pub(super) fn blocks(&self) -> Vec<u64> {
        let mut blocks: Vec<u64> = self.objects.values().map(|(_, block)| *block).collect();
        blocks.sort_unstable();
        blocks
    }
}
