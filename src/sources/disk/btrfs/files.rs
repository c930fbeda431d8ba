//! What the items of a file say: size, time, where its content lies.

use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::formats::numbers::le32;
use crate::model::Ranges;
use crate::sources::disk::btrfs::tree::{Key, Root, kind};
use crate::sources::disk::btrfs::{Btrfs, le64};
use crate::sources::disk::file_system::Content;
use crate::sources::disk::inodes::Found;
use crate::sources::disk::layout::Layout;
use crate::sources::medium::MediumError;

/// The item of an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Inode {
    pub(super) size: u64,
    pub(super) links: u32,
    /// The type bits of its mode.
    pub(super) kind: u32,
    pub(super) modified_at: Option<Timestamp>,
}

impl Inode {
    fn parse(item: &[u8]) -> Option<Self> {
        let seconds = le64(item, 136)?.cast_signed();
        let nanoseconds = i32::try_from(le32(item, 144)?).ok().filter(|below| *below < 1_000_000_000).unwrap_or(0);
        Some(Self {
            size: le64(item, 16)?,
            links: le32(item, 40)?,
            kind: le32(item, 52)? & 0xF000,
            modified_at: Timestamp::new(seconds, nanoseconds).ok(),
        })
    }
}

/// An inode, and whether the place where it would stand could be read.
pub(super) struct Looked {
    pub(super) inode: Option<Inode>,
    pub(super) is_whole: bool,
}

/// One item about a part of a file.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    /// 0 none, 1 zlib, 2 LZO, 3 zstd.
    compression: u8,
    is_encrypted: bool,
    place: Where<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Where<'a> {
    Inline(&'a [u8]),
    /// Zeros.
    Nowhere(u64),
    At {
        address: u64,
        length: u64,
    },
}

impl Btrfs {
    /// The inode of a number in a tree.
    pub(super) fn inode(&self, tree: Root, number: u64) -> Result<Looked, MediumError> {
        let mut inode = None;
        let is_whole = self.scan(tree, Key::all(number, kind::INODE..=kind::INODE), &mut |_, item| {
            inode = Inode::parse(item);
            ControlFlow::Break(())
        })?;
        Ok(Looked { inode, is_whole })
    }

    /// A file: where its content lies, as far as that can be read.
    pub(super) fn file(&self, tree: Root, number: u64, inode: Inode) -> Result<Found, MediumError> {
        // The largest file that the kernel can hold.
        let size = inode.size.min((1 << 63) - 1);
        let mut file = Parts { btrfs: self, layout: Layout::new(self.chunks.size()), inline: None, packed: None, size };
        let is_whole = self
            .scan(tree, Key::all(number, kind::EXTENT..=kind::EXTENT), &mut |key, item| file.take(key.offset, item))?;
        Ok(file.found(inode.modified_at, is_whole))
    }
}

struct Parts<'a> {
    btrfs: &'a Btrfs,
    layout: Layout,
    inline: Option<Vec<u8>>,
    /// What some of it is compressed with, or encrypted.
    packed: Option<&'static str>,
    size: u64,
}

impl Parts<'_> {
    fn take(&mut self, offset: u64, item: &[u8]) -> ControlFlow<()> {
        if offset < self.layout.end() || offset >= self.size || self.layout.is_full() {
            // Kept for later behind the end, or a part that is told of twice.
            return ControlFlow::Continue(());
        }
        self.layout.zeros_until(offset);
        let Some(part) = parse(item) else {
            self.layout.lose(self.btrfs.superblock.sector_bytes);
            return ControlFlow::Continue(());
        };
        let packed = match part.compression {
            _ if part.is_encrypted => Some("encrypted"),
            0 => None,
            1 => Some("compressed with zlib"),
            2 => Some("compressed with LZO"),
            3 => Some("compressed with zstd"),
            _ => Some("compressed in an unknown way"),
        };
        match part.place {
            Where::Nowhere(length) => self.layout.put(None, length),
            Where::Inline(_) | Where::At { .. } if packed.is_some() => {
                self.packed = packed;
                let length = match part.place {
                    Where::At { length, .. } => length,
                    Where::Inline(_) | Where::Nowhere(_) => self.size - offset,
                };
                self.layout.lose(length);
            }
            Where::Inline(bytes) => {
                self.layout.lose(bytes.len() as u64);
                self.inline = Some(bytes.to_vec()).filter(|_| offset == 0);
            }
            Where::At { address, length } => self.put(address, length),
        }
        ControlFlow::Continue(())
    }

    /// Adds what lies at an address, in as many pieces as there are chunks.
    fn put(&mut self, mut address: u64, mut length: u64) {
        while length > 0 {
            let place = self.btrfs.map.place(address);
            let first = place.as_ref().and_then(|place| place.copies.first().copied());
            // Of an unknown address nobody knows either where a known one follows.
            let here = place.map_or(length, |place| place.length).min(length);
            match first {
                Some(at) => self.layout.put(Some(at), here),
                None => self.layout.lose(here),
            }
            address = address.saturating_add(here);
            length -= here;
        }
    }

    fn found(self, modified_at: Option<Timestamp>, is_whole: bool) -> Found {
        let Self { btrfs: _, mut layout, inline, packed, size } = self;
        if let Some(mut bytes) = inline {
            let there = bytes.len() as u64;
            let length = usize::try_from(size.min(1 << 16)).unwrap_or(0);
            bytes.resize(length, 0);
            let missing = if is_whole { Ranges::new() } else { Ranges::one(there..length as u64) };
            return Found { size: length as u64, modified_at, content: Content::Inline(bytes, missing), flaw: None };
        }
        if !is_whole {
            layout.lose(size.saturating_sub(layout.end()));
        }
        let flaw = match (packed, layout.lost().min(size)) {
            (Some(packed), _) => {
                Some(format!("is {packed}, which is not read: copy it on a computer that can mount the drive"))
            }
            (None, _) if !is_whole => {
                Some("a record of where it lies cannot be read: parts of it may be missing".to_owned())
            }
            (None, 0) => None,
            (None, lost) => {
                Some(format!("{lost} of its {size} bytes are not on this drive alone, or where they lie is lost"))
            }
        };
        Found { size, modified_at, content: layout.content(size), flaw }
    }
}

fn parse(item: &[u8]) -> Option<Part<'_>> {
    let (compression, encryption, kind) = (*item.get(16)?, *item.get(17)?, *item.get(20)?);
    let place = match kind {
        0 => Where::Inline(item.get(21..)?),
        1 | 2 => {
            let (address, within, length) = (le64(item, 21)?, le64(item, 37)?, le64(item, 45)?);
            match address {
                0 => Where::Nowhere(length),
                // Kept for content that was never written.
                _ if kind == 2 => Where::Nowhere(length),
                _ => Where::At {
                    address: address.checked_add(within).filter(|_| compression == 0).unwrap_or(address),
                    length,
                },
            }
        }
        _ => return None,
    };
    Some(Part { compression, is_encrypted: encryption != 0, place })
}
