//! B-trees: their leaves along the chain, and where that breaks, every node by itself.

use std::sync::Arc;

use crate::formats::numbers::{be16, be32};
use crate::sources::disk::scattered::{Cached, Piece, Scattered};
use crate::sources::medium::{Medium as _, MediumError};

/// A tree longer than this is not read further: a catalog of ten million files is shorter.
const MOST_BYTES: u64 = 4 << 30;
/// The sizes that nodes have, the usual ones first.
const NODE_SIZES: [usize; 7] = [4096, 8192, 512, 1024, 2048, 16384, 32768];
/// Where the first record of a node begins.
const FIRST_RECORD: usize = 14;

/// What is wrong with a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    /// Nothing.
    None,
    /// The chain of the leaves is broken or too short; all could be read.
    Chain,
    /// So many nodes could not be read, or not all of them.
    Nodes(u64),
    /// No node could be read.
    Unreadable,
}

/// A B-tree in a file of the file system.
pub(super) struct Tree {
    file: Cached,
    node_bytes: usize,
    nodes: u32,
    /// `None` where the header is lost.
    chain: Option<Chain>,
    /// A bit for each of the first nodes, the highest first: whether it is in use. Empty where that is lost.
    in_use: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Chain {
    first: u32,
    records: u32,
}

impl Tree {
    /// Reads the header node, or finds out without it how long a node is; `None` where there is no tree.
    pub(super) fn open(file: Scattered) -> Result<Option<Self>, MediumError> {
        let size = file.size().min(MOST_BYTES);
        let mut file = Cached::new(Arc::new(file));
        let top = file.read(0, 32768)?;
        let header = top.sound(0..44).filter(|node| node.get(8) == Some(&1));
        let told = header.and_then(|node| {
            let node_bytes = usize::from(be16(node, 32)?);
            let chain = Chain { first: be32(node, 24)?, records: be32(node, 20)? };
            NODE_SIZES.contains(&node_bytes).then_some((node_bytes, chain))
        });
        let node_bytes = match told {
            Some((node_bytes, _)) => Some(node_bytes),
            None => guess_node_bytes(&mut file)?,
        };
        let Some(node_bytes) = node_bytes else { return Ok(None) };
        let nodes = u32::try_from(size / node_bytes as u64).unwrap_or(u32::MAX);
        let in_use = top.sound(248..node_bytes - 8).filter(|_| told.is_some()).unwrap_or_default().to_vec();
        Ok(Some(Self { file, node_bytes, nodes, chain: told.map(|(_, chain)| chain), in_use }))
    }

    /// The leaf with the lowest keys, if it can be read.
    pub(super) fn first_leaf(&mut self) -> Result<Option<Node>, MediumError> {
        let Some(chain) = self.chain.filter(|chain| chain.first < self.nodes) else { return Ok(None) };
        Ok(Some(self.node(chain.first)?).filter(|node| node.stands_as() == Stands::Leaf))
    }

    /// Meets every leaf once: along the chain, and where that does not lead to its end, all other nodes in their order.
    pub(super) fn leaves(&mut self, meet: &mut dyn FnMut(&Node)) -> Result<Damage, MediumError> {
        let mut seen = vec![false; usize::try_from(self.nodes).unwrap_or(0)];
        let (mut bad, mut leaves, mut records) = (0, 0, 0_u64);
        let mut is_broken = self.chain.is_none();
        let mut next = self.chain.map_or(0, |chain| chain.first);
        while next != 0 {
            let Some(first_time) = seen.get_mut(next as usize).filter(|seen| !**seen) else {
                is_broken = true;
                break;
            };
            *first_time = true;
            let node = self.node(next)?;
            bad += u64::from(!node.piece.is_whole());
            match node.stands_as() {
                Stands::Leaf => {
                    leaves += 1;
                    records += u64::from(node.count().unwrap_or(0));
                    meet(&node);
                    next = be32(node.piece.bytes(), 0).unwrap_or(0);
                }
                Stands::Unknown => {
                    // The chain led here: what can be read of it is a leaf's.
                    meet(&node);
                    is_broken = true;
                    break;
                }
                Stands::Other => {
                    is_broken = true;
                    break;
                }
            }
        }
        is_broken |= bad == 0 && self.chain.is_some_and(|chain| u64::from(chain.records) != records);
        if is_broken {
            for number in (1..self.nodes).filter(|number| seen.get(*number as usize) == Some(&false)) {
                if !self.is_in_use(number) {
                    continue;
                }
                let node = self.node(number)?;
                bad += u64::from(!node.piece.is_whole());
                if node.stands_as() != Stands::Other {
                    leaves += u64::from(node.stands_as() == Stands::Leaf);
                    meet(&node);
                }
            }
        }
        Ok(match (bad, is_broken) {
            (0, false) => Damage::None,
            (0, true) => Damage::Chain,
            (bad, _) if leaves > 0 => Damage::Nodes(bad),
            _ => Damage::Unreadable,
        })
    }

    fn is_in_use(&self, number: u32) -> bool {
        self.in_use.get(number as usize / 8).is_none_or(|byte| byte >> (7 - number % 8) & 1 == 1)
    }

    fn node(&mut self, number: u32) -> Result<Node, MediumError> {
        let at = u64::from(number) * self.node_bytes as u64;
        Ok(Node { piece: self.file.read(at, self.node_bytes)? })
    }
}

/// The node size with which most of the first nodes are leaves.
fn guess_node_bytes(file: &mut Cached) -> Result<Option<usize>, MediumError> {
    let mut best = (0, None);
    for node_bytes in NODE_SIZES {
        let mut leaves = 0_u64;
        for number in 1..(file.size() / node_bytes as u64).min(256) {
            let node = Node { piece: file.read(number * node_bytes as u64, node_bytes)? };
            leaves += u64::from(node.stands_as() == Stands::Leaf && node.offset(0) == Some(FIRST_RECORD));
        }
        // Bytes, so that small nodes do not win by their number.
        let covered = leaves * node_bytes as u64;
        if covered > best.0 {
            best = (covered, Some(node_bytes));
        }
    }
    Ok(best.1)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stands {
    Leaf,
    /// Its first bytes cannot be read.
    Unknown,
    /// An index, a map, the header, or nothing.
    Other,
}

/// One node, which may have holes.
pub(super) struct Node {
    piece: Piece,
}

impl Node {
    fn stands_as(&self) -> Stands {
        match self.piece.sound(0..FIRST_RECORD) {
            Some(head) if head.get(8..10) == Some(&[0xFF, 1]) && self.count() != Some(0) => Stands::Leaf,
            Some(_) => Stands::Other,
            None => Stands::Unknown,
        }
    }

    /// How many records it says it has.
    fn count(&self) -> Option<u16> {
        be16(self.piece.sound(0..FIRST_RECORD)?, 10)
    }

    /// Where a record begins; the free space behind the last one is told the same way.
    fn offset(&self, index: usize) -> Option<usize> {
        let at = self.piece.len().checked_sub(index.checked_add(1)?.checked_mul(2)?)?;
        let offset = usize::from(be16(self.piece.sound(at..at + 2)?, 0)?);
        (FIRST_RECORD..=at).contains(&offset).then_some(offset)
    }

    /// The records that can be read whole. `length` tells how long the record at the start of some bytes is, for where
    /// the table of their places is lost.
    pub(super) fn records(&self, length: fn(&[u8]) -> Option<usize>) -> Vec<&[u8]> {
        let count = self.count().map(usize::from);
        let most = count.unwrap_or(usize::MAX).min(self.piece.len() / 4);
        let mut records = Vec::new();
        let mut behind = Some(FIRST_RECORD);
        for index in 0..most {
            let start = self.offset(index).or(behind);
            let Some(start) = start else {
                if count.is_none() {
                    break;
                }
                continue;
            };
            let told = self.offset(index + 1).filter(|end| *end > start);
            let end = told.or_else(|| length(self.piece.sound_from(start))?.checked_add(start));
            records.extend(end.and_then(|end| self.piece.sound(start..end)));
            behind = end;
        }
        records
    }
}
