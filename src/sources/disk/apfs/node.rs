//! Blocks of a container, their checksums, and the nodes of B-trees in them.

use std::sync::Arc;

use crate::formats::numbers::{Order, le16, le32};
use crate::sources::disk::scattered::{Cached, Piece};
use crate::sources::medium::{Medium, MediumError};

/// Reads eight bytes, least significant first.
pub(super) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Order::Little.number(bytes.get(at..at.checked_add(8)?)?)
}

/// How large the blocks are, and how many there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    pub(super) block_bytes: u64,
    pub(super) count: u64,
}

impl Blocks {
    /// Where a block begins; `None` where there is none.
    pub(super) fn place(&self, block: u64) -> Option<u64> {
        block.checked_mul(self.block_bytes).filter(|_| block < self.count)
    }

    /// All of them.
    pub(super) fn bytes(&self) -> u64 {
        self.count.saturating_mul(self.block_bytes)
    }
}

/// Reads blocks one by one.
pub(super) struct Reader {
    cached: Cached,
    blocks: Blocks,
}

impl Reader {
    pub(super) fn new(medium: Arc<dyn Medium>, blocks: Blocks) -> Self {
        Self { cached: Cached::new(medium), blocks }
    }

    /// How many blocks the medium has.
    pub(super) fn blocks_there(&self) -> u64 {
        self.cached.size() / self.blocks.block_bytes
    }

    /// The block of that number; `None` where there is none.
    pub(super) fn block(&mut self, number: u64) -> Result<Option<Piece>, MediumError> {
        let Some(at) = self.blocks.place(number) else { return Ok(None) };
        let length = usize::try_from(self.blocks.block_bytes).unwrap_or(4096);
        self.cached.read(at, length).map(Some)
    }
}

/// Whether the checksum in front of an object is the one of its bytes (Fletcher's, over words of 32 bits).
pub(super) fn is_sound(object: &[u8]) -> bool {
    const MODULUS: u64 = u32::MAX as u64;
    let (mut first, mut second) = (0_u64, 0_u64);
    for word in object.get(8..).unwrap_or_default().chunks_exact(4) {
        first = (first + u64::from(le32(word, 0).unwrap_or(0))) % MODULUS;
        second = (second + first) % MODULUS;
    }
    let low = MODULUS - (first + second) % MODULUS;
    let high = MODULUS - (first + low) % MODULUS;
    le64(object, 0) == Some(high << 32 | low)
}

/// The kind of an object, without its flags.
pub(super) fn kind(object: &[u8]) -> Option<u16> {
    le16(object, 24)
}

/// A node of a B-tree, which may have holes.
pub(super) struct Node {
    piece: Piece,
    flags: u16,
    count: usize,
    /// Where the table of keys and values begins, where the keys do, and where the values end.
    table: usize,
    keys: usize,
    values_end: usize,
}

impl Node {
    /// Takes a block for a node, if its first bytes can be read and are those of one.
    pub(super) fn of(piece: Piece) -> Option<Self> {
        let head = piece.sound(0..56)?;
        // 2: a root; 3: any other node.
        if !matches!(kind(head)?, 2 | 3) {
            return None;
        }
        let flags = le16(head, 32)?;
        let table = 56 + usize::from(le16(head, 40)?);
        let keys = table + usize::from(le16(head, 42)?);
        // A root has a description of the tree at its end.
        let values_end = piece.len().checked_sub(if flags & 1 != 0 { 40 } else { 0 })?;
        let count = usize::try_from(le32(head, 36)?).ok()?.min(piece.len() / 4);
        (keys <= values_end).then_some(Self { piece, flags, count, table, keys, values_end })
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.flags & 2 != 0
    }

    /// What the object is for: 11 an object map, 14 a volume's files.
    pub(super) fn purpose(&self) -> Option<u32> {
        le32(self.piece.bytes(), 28)
    }

    /// The number that the object has.
    pub(super) fn id(&self) -> Option<u64> {
        le64(self.piece.bytes(), 8)
    }

    /// Whether all of it could be read and is what was written.
    pub(super) fn is_sound(&self) -> bool {
        self.piece.is_whole() && is_sound(self.piece.bytes())
    }

    /// The keys and values that can be read; `fixed` tells their lengths where the node does not.
    pub(super) fn records(&self, fixed: (usize, usize)) -> impl Iterator<Item = (&[u8], &[u8])> {
        let is_fixed = self.flags & 4 != 0;
        let step = if is_fixed { 4 } else { 8 };
        (0..self.count).filter_map(move |index| {
            let at = self.table + index * step;
            let entry = self.piece.sound(at..at + step).filter(|_| at + step <= self.keys)?;
            let number = |at: usize| le16(entry, at).map(usize::from);
            let (key, key_bytes, value, value_bytes) = if is_fixed {
                let value_bytes = if self.is_leaf() { fixed.1 } else { 8 };
                (number(0)?, fixed.0, number(2)?, value_bytes)
            } else {
                (number(0)?, number(2)?, number(4)?, number(6)?)
            };
            let key = self.keys + key;
            let value = self.values_end.checked_sub(value)?;
            Some((self.piece.sound(key..key + key_bytes)?, self.piece.sound(value..value + value_bytes)?))
        })
    }

    /// The numbers of the nodes below.
    pub(super) fn children(&self, fixed: (usize, usize)) -> Vec<u64> {
        self.records(fixed).filter_map(|(_, value)| le64(value, 0)).collect()
    }
}
