//! Every file of a volume, its subvolumes and snapshots included.

use std::ops::ControlFlow;

use crate::formats::numbers::le16;
use crate::model::ProblemKind;
use crate::sources::disk::btrfs::superblock::Earlier;
use crate::sources::disk::btrfs::tree::{Key, Root, kind};
use crate::sources::disk::btrfs::{Btrfs, le64};
use crate::sources::disk::file_system::Met;
use crate::sources::disk::inodes::{Inodes, Listing, Meet, Node, is_name, problem, walk as walk_inodes};
use crate::sources::medium::MediumError;

/// The tree of the files outside every subvolume.
const TOP_TREE: u64 = 5;
/// The folder at the top of each tree; what is below is of the file system itself.
const TOP: u64 = 256;
/// Subvolumes that are read at most.
const MOST_TREES: usize = 1 << 16;
/// Bits of a number that are the inode; the others are the place of its tree.
const INODE_BITS: u32 = 48;

/// Meets every file.
pub(super) fn walk(btrfs: &Btrfs, meet: &mut Meet<'_>) -> Result<(), MediumError> {
    let superblock = &btrfs.superblock;
    let (trees, is_whole) = btrfs.trees()?;
    let remarks = [
        (superblock.is_copy, "its first superblock cannot be read: a copy was used, and every file is read as before"),
        (
            superblock.is_earlier,
            "its newest tables cannot be read, and those of the change before were taken: \
             what was written last may be missing",
        ),
        (
            superblock.has_log,
            "was not taken out cleanly: what was written in its last seconds stands in its log only, \
                              which is not read, and may be missing or old here",
        ),
        (
            superblock.drives > 1 && btrfs.map.has_strangers(),
            "is spread over several drives: what lies on the others is missing here",
        ),
        (
            !is_whole || !btrfs.is_map_whole,
            "parts of the tables that say where things lie cannot be read: folders may be missing",
        ),
    ];
    for (_, words) in remarks.iter().filter(|remark| remark.0) {
        if meet(Met::Problem(problem(b"", ProblemKind::Damaged, words))).is_break() {
            return Ok(());
        }
    }
    let mut reader = Walk { btrfs, trees };
    walk_inodes(&mut reader, meet).map(|_| ())
}

struct Walk<'a> {
    btrfs: &'a Btrfs,
    /// That of the top first.
    trees: Vec<Tree>,
}

/// A tree that holds files: a subvolume.
struct Tree {
    id: u64,
    root: Root,
    /// The tree with the folder that lists it. A snapshot of that one lists it too, where it is not.
    is_in: Option<u64>,
}

impl Inodes for Walk<'_> {
    fn top(&self) -> u64 {
        TOP
    }

    fn node(&mut self, number: u64) -> Result<Node, MediumError> {
        let (Some(tree), inode) = self.split(number) else { return Ok(Node::Unreadable) };
        let looked = self.btrfs.inode(tree, inode)?;
        Ok(match looked.inode {
            None if looked.is_whole => Node::Unused,
            None => Node::Unreadable,
            Some(found) if found.links == 0 => Node::Unused,
            Some(found) if found.kind == 0x4000 => Node::Folder,
            Some(found) if found.kind == 0x8000 => Node::File(self.btrfs.file(tree, inode, found)?),
            Some(_) => Node::Other,
        })
    }

    fn list(&mut self, number: u64) -> Result<Listing, MediumError> {
        let mut listing = Listing::default();
        let (Some(tree), inode) = self.split(number) else { return Ok(listing) };
        let base = number - inode;
        let (mut named, mut parent, mut is_sound) = (Vec::new(), None, true);
        let is_whole = self.btrfs.scan(tree, Key::all(inode, kind::INODE_REF..=kind::NAME), &mut |key, item| {
            if key.kind == kind::INODE_REF {
                parent = Some(key.offset);
            } else if key.kind == kind::NAME {
                match parse_name(item) {
                    Some(name) => named.push(name),
                    None => is_sound = false,
                }
            }
            ControlFlow::Continue(())
        })?;
        for (name, location) in named {
            let target = match location.kind {
                kind::ROOT => match self.trees.iter().position(|tree| tree.id == location.object) {
                    Some(found) if self.is_elsewhere(found, number) => continue,
                    found => found.map(|found| number_of(found, TOP)),
                },
                _ => Some(base | location.object).filter(|_| location.object >> INODE_BITS == 0),
            };
            match target {
                Some(target) => listing.entries.push((name, target)),
                None => is_sound = false,
            }
        }
        listing.parent = parent.filter(|_| inode != TOP).map(|parent| base | parent);
        if !is_whole || !is_sound {
            let flaw = "a part of this folder cannot be read: files whose names are lost are here by number";
            listing.flaw = Some(flaw.to_owned());
        }
        Ok(listing)
    }

    fn known_as(&mut self, number: u64) -> Result<Option<(u64, Vec<u8>)>, MediumError> {
        let (Some(tree), inode) = self.split(number) else { return Ok(None) };
        let mut known = None;
        self.btrfs.scan(tree, Key::all(inode, kind::INODE_REF..=kind::INODE_REF), &mut |key, item| {
            let name = le16(item, 8).and_then(|length| item.get(10..10 + usize::from(length)));
            known = name.filter(|name| is_name(name)).map(|name| ((number - inode) | key.offset, name.to_vec()));
            ControlFlow::Break(())
        })?;
        Ok(known)
    }

    fn next_in_use(&mut self, after: u64) -> Result<Option<u64>, MediumError> {
        let Some(next) = after.checked_add(1) else { return Ok(None) };
        let mut from = next & ((1 << INODE_BITS) - 1);
        let first = usize::try_from(next >> INODE_BITS).unwrap_or(usize::MAX);
        for (index, Tree { root, .. }) in self.trees.iter().enumerate().skip(first) {
            let mut found = None;
            let keys =
                Key { object: from.max(TOP), kind: 0, offset: 0 }..=Key { object: 1 << INODE_BITS, kind: 0, offset: 0 };
            self.btrfs.scan(*root, keys, &mut |key, _| match key.kind {
                kind::INODE => {
                    found = Some(key.object);
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            })?;
            if let Some(found) = found {
                return Ok(Some(number_of(index, found)));
            }
            from = 0;
        }
        Ok(None)
    }
}

impl Walk<'_> {
    /// Whether a subvolume is in another tree than the one of that number.
    fn is_elsewhere(&self, found: usize, number: u64) -> bool {
        let here = usize::try_from(number >> INODE_BITS).ok().and_then(|index| self.trees.get(index));
        let is_in = self.trees.get(found).and_then(|tree| tree.is_in);
        is_in.is_some_and(|is_in| here.is_none_or(|here| here.id != is_in))
    }

    fn split(&self, number: u64) -> (Option<Root>, u64) {
        let tree = usize::try_from(number >> INODE_BITS).ok().and_then(|index| self.trees.get(index));
        (tree.map(|tree| tree.root), number & ((1 << INODE_BITS) - 1))
    }
}

fn number_of(tree: usize, inode: u64) -> u64 {
    (tree as u64) << INODE_BITS | inode
}

/// A name, and the key of what it names.
fn parse_name(item: &[u8]) -> Option<(Vec<u8>, Key)> {
    let length = usize::from(le16(item, 27)?);
    let name = item.get(30..30 + length).filter(|name| is_name(name))?;
    Some((name.to_vec(), Key::parse(item)?))
}

impl Btrfs {
    /// The trees that hold files, that of the top first, and whether all could be read.
    fn trees(&self) -> Result<(Vec<Tree>, bool), MediumError> {
        let superblock = &self.superblock;
        let mut trees: Vec<Tree> = Vec::new();
        let keys = Key { object: TOP_TREE, kind: 0, offset: 0 }..=Key { object: u64::MAX - 256, kind: 0, offset: 0 };
        let is_whole = self.scan(superblock.roots, keys, &mut |key, item| {
            let is_of_files = key.object == TOP_TREE || key.object >= TOP;
            if key.kind == kind::ROOT
                && is_of_files
                && let Some(root) = parse_root(item)
            {
                trees.push(Tree { id: key.object, root, is_in: None });
            } else if key.kind == kind::ROOT_IS_IN
                && let Some(tree) = trees.last_mut().filter(|tree| tree.id == key.object)
            {
                tree.is_in = Some(key.offset);
            }
            if trees.len() < MOST_TREES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        // Where the tree of trees is an earlier one, the newest files outside every subvolume are known by another way.
        if superblock.is_earlier || !is_whole {
            for Earlier { files, .. } in &superblock.earlier {
                if self.can_read(*files)? {
                    trees.retain(|tree| tree.id != TOP_TREE);
                    trees.insert(0, Tree { id: TOP_TREE, root: *files, is_in: None });
                    break;
                }
            }
        }
        if trees.first().is_none_or(|tree| tree.id != TOP_TREE) {
            // Without it, the subvolumes are found as orphans.
            trees.insert(0, Tree { id: TOP_TREE, root: Root { at: 0, level: 0 }, is_in: None });
        }
        Ok((trees, is_whole))
    }

    /// The root of one of the file system's own trees.
    pub(super) fn own_tree(&self, id: u64) -> Result<Option<Root>, MediumError> {
        let mut found = None;
        self.scan(self.superblock.roots, Key::all(id, kind::ROOT..=kind::ROOT), &mut |_, item| {
            found = parse_root(item);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}

fn parse_root(item: &[u8]) -> Option<Root> {
    Some(Root { at: le64(item, 176)?, level: *item.get(238)? })
}
