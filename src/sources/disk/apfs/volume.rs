//! The files of a volume: names, inodes and extents, as records of one tree.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use jiff::Timestamp;

use super::container::{Container, VolumeHead};
use super::node::{Blocks, Node, Reader, le64};
use super::object_map::ObjectMap;
use crate::formats::numbers::{le16, le32};
use crate::model::{Problem, ProblemKind, Ranges, RawPath};
use crate::sources::disk::decmpfs;
use crate::sources::disk::file_system::{Content, DiskFile, Extent, Met, Standing};
use crate::sources::disk::folder_tree::{FolderTree, part_of_path};
use crate::sources::medium::{Medium, MediumError};

/// The number of the folder at the top.
const TOP: u64 = 2;
/// What a tree of files says that it is for.
const FILES: u32 = 14;
/// A short attribute with packed content.
const PACKED: &[u8] = b"com.apple.decmpfs\0";

/// Runs that are handed out on one volume, those that files share counted for each.
const MOST_RUNS: usize = 1 << 26;

/// A file's record.
struct Inode {
    parent: u64,
    /// By this number its extents are known.
    data: u64,
    modified_at: Option<Timestamp>,
    size: u64,
    is_packed: bool,
    /// What it was called first; for where its name is lost.
    name: Option<Box<[u8]>>,
}

#[derive(Clone, Copy)]
struct Run {
    /// In the file.
    from: u64,
    length: u64,
    block: u64,
}

/// What is listed on a volume.
pub(super) struct Volume {
    name: String,
    blocks: Blocks,
    has_hashed_names: bool,
    folders: FolderTree,
    /// Regular files, by number.
    inodes: BTreeMap<u64, Inode>,
    /// What is no regular file.
    others: HashSet<u64>,
    /// The first name of each file.
    names: HashMap<u64, (u64, Box<[u8]>)>,
    runs: HashMap<u64, Vec<Run>>,
    packed: HashMap<u64, Vec<u8>>,
    /// How many runs were handed out.
    runs_told: usize,
    /// Nodes that could not be read, or are not as they were written.
    bad_nodes: u64,
    is_map_damaged: bool,
}

impl Volume {
    /// Reads the tree of files from its root; where a node of it is lost, all nodes that the object map knows, and
    /// what older states have in its place.
    pub(super) fn read(
        medium: &Arc<dyn Medium>,
        container: &Container,
        head: &VolumeHead,
    ) -> Result<Self, MediumError> {
        let mut reader = Reader::new(medium.clone(), container.blocks);
        let map = ObjectMap::read(&mut reader, head.object_map, head.transaction)?;
        let mut volume = Self {
            name: head.name.clone(),
            blocks: container.blocks,
            has_hashed_names: head.has_hashed_names,
            folders: FolderTree::below(TOP),
            inodes: BTreeMap::new(),
            others: HashSet::new(),
            names: HashMap::new(),
            runs: HashMap::new(),
            packed: HashMap::new(),
            runs_told: 0,
            bad_nodes: 0,
            is_map_damaged: map.is_damaged,
        };
        let mut seen = HashSet::new();
        let mut todo = vec![head.root];
        let mut lost = Vec::new();
        let mut is_index_lost = false;
        while let Some(id) = todo.pop() {
            let node = match map.block(id) {
                Some(block) if !seen.insert(block) => continue,
                Some(block) => reader.block(block)?.and_then(Node::of),
                None => None,
            };
            let node = node.filter(|node| node.id() == Some(id));
            todo.extend(node.as_ref().map(|node| volume.take_node(node)).unwrap_or_default());
            if !node.as_ref().is_some_and(Node::is_sound) {
                is_index_lost |= node.is_none_or(|node| !node.is_leaf());
                lost.push(id);
            }
        }
        volume.bad_nodes = lost.len() as u64;
        if is_index_lost {
            for block in map.blocks().into_iter().filter(|block| seen.insert(*block)) {
                let node = reader.block(block)?.and_then(Node::of);
                if let Some(node) = node.filter(|node| node.purpose() == Some(FILES) && node.is_leaf()) {
                    volume.take_node(&node);
                }
            }
        }
        if !lost.is_empty() {
            let mut maps = if map.is_damaged { vec![ObjectMap::search(&mut reader, head)?] } else { Vec::new() };
            maps.extend(container.older_maps(&mut reader, head)?);
            maps.insert(0, map);
            volume.take_lost(&mut reader, &maps, lost, seen)?;
        }
        Ok(volume)
    }

    /// Adds what other maps lead to in place of lost nodes. What was read stays.
    fn take_lost(
        &mut self,
        reader: &mut Reader,
        maps: &[ObjectMap],
        lost: Vec<u64>,
        mut seen: HashSet<u64>,
    ) -> Result<(), MediumError> {
        let mut todo = lost;
        while let Some(id) = todo.pop() {
            for block in maps.iter().filter_map(|map| map.block(id)) {
                if !seen.insert(block) {
                    continue;
                }
                let node = reader.block(block)?.and_then(Node::of);
                let is_it = |node: &Node| node.id() == Some(id) && node.purpose() == Some(FILES) && node.is_sound();
                if let Some(node) = node.filter(is_it) {
                    todo.extend(self.take_node(&node));
                    break;
                }
            }
        }
        Ok(())
    }

    /// Takes the records of a leaf; answers the nodes below any other.
    fn take_node(&mut self, node: &Node) -> Vec<u64> {
        if !node.is_leaf() {
            // From the first child on, in the order of the keys.
            return node.children((8, 8)).into_iter().rev().collect();
        }
        self.take_leaf(node);
        Vec::new()
    }

    fn take_leaf(&mut self, node: &Node) {
        for (key, value) in node.records((8, 8)) {
            self.take(key, value);
        }
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let head = le64(key, 0)?;
        let id = head & ((1 << 60) - 1);
        match head >> 60 {
            3 => self.take_inode(id, value),
            4 => {
                let name = key.get(10..10 + usize::from(le16(key, 8)?))?;
                // 2: the content stands here.
                if name == PACKED && le16(value, 0)? & 2 != 0 {
                    let bytes = value.get(4..4 + usize::from(le16(value, 2)?))?;
                    self.packed.entry(id).or_insert_with(|| bytes.to_vec());
                }
                Some(())
            }
            8 => {
                let (from, length, block) = (le64(key, 8)?, le64(value, 0)? & ((1 << 56) - 1), le64(value, 8)?);
                self.runs.entry(id).or_default().push(Run { from, length, block });
                Some(())
            }
            9 => self.take_name(id, key, value),
            _ => None,
        }
    }

    fn take_inode(&mut self, id: u64, value: &[u8]) -> Option<()> {
        let mode = le16(value, 80)?;
        let fields = fields(value.get(92..).unwrap_or_default());
        let parent = le64(value, 0)?;
        match mode & 0o170_000 {
            0o100_000 => {
                let size = fields.stream.and_then(|stream| le64(stream, 0)).unwrap_or(0);
                let modified_at = Timestamp::from_nanosecond(i128::from(le64(value, 24)?.cast_signed())).ok();
                let is_packed = le32(value, 68)? & 0x20 != 0;
                let (data, name) = (le64(value, 8)?, fields.name.map(Box::from));
                self.inodes.entry(id).or_insert(Inode { parent, data, modified_at, size, is_packed, name });
            }
            0o040_000 => {
                self.others.insert(id);
                // A name that was met before stays.
                if let Some(name) = fields.name.filter(|_| id != TOP) {
                    self.folders.add(id, parent, part_of_path(name));
                }
            }
            _ => {
                self.others.insert(id);
            }
        }
        Some(())
    }

    fn take_name(&mut self, parent: u64, key: &[u8], value: &[u8]) -> Option<()> {
        let (start, length) = if self.has_hashed_names {
            (12, usize::try_from(le32(key, 8)? & 0x3FF).ok()?)
        } else {
            (10, usize::from(le16(key, 8)?))
        };
        let name = key.get(start..start + length)?;
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        let id = le64(value, 0)?;
        match le16(value, 16)? & 15 {
            4 => self.folders.put(id, parent, part_of_path(name)),
            8 => {
                self.names.entry(id).or_insert_with(|| (parent, name.into()));
            }
            _ => {}
        }
        Some(())
    }

    /// Where all that is listed lies.
    pub(super) fn owned(&self) -> Vec<Range<u64>> {
        let runs = self.runs.values().flatten().filter(|run| run.block != 0);
        let places = runs.filter_map(|run| {
            let start = self.blocks.place(run.block)?;
            Some(start..start.saturating_add(run.length))
        });
        places.collect()
    }

    /// Meets every file, by its first name; `prefix` is the folder in which the volume is shown.
    pub(super) fn meet(mut self, prefix: &[u8], meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> ControlFlow<()> {
        let damage = match (self.is_map_damaged, self.bad_nodes) {
            (false, 0) => None,
            (true, _) => {
                Some("a part of the table that leads to this volume's files cannot be read; files may be missing")
            }
            (false, _) => Some(
                "parts of this volume's list of files cannot be read; where an older state of them was found it was taken, and files may be missing",
            ),
        };
        let problem = damage.map(|why| Met::Problem(Problem::new(self.name.clone(), ProblemKind::Unreadable, why)));
        if problem.is_some_and(|problem| meet(problem).is_break()) {
            return ControlFlow::Break(());
        }
        let path =
            |path: Vec<u8>| RawPath::from_bytes(if prefix.is_empty() { path } else { [prefix, &path].join(&b'/') });
        for (id, inode) in std::mem::take(&mut self.inodes) {
            let named = self.names.remove(&id);
            let inode_name = inode.name.as_deref().map(|name| (inode.parent, Box::from(name)));
            let (parent, name) = named
                .or(inode_name)
                .unwrap_or_else(|| (u64::MAX, format!("inode-{id}").into_bytes().into_boxed_slice()));
            let path = path(self.folders.path(parent, &part_of_path(&name)));
            for met in self.file(id, &inode, path) {
                if meet(met).is_break() {
                    return ControlFlow::Break(());
                }
            }
        }
        // Names that are left lead to records that are lost.
        let lost = self.names.iter().filter(|(id, _)| !self.others.contains(id));
        let mut lost: Vec<(u64, Vec<u8>)> =
            lost.map(|(id, (parent, name))| (*id, self.folders.path(*parent, &part_of_path(name)))).collect();
        lost.sort_unstable();
        for (_, name) in lost {
            let why = "the record of this file cannot be read; where it lies is lost";
            let problem = Problem::new(path(name).to_string(), ProblemKind::Unreadable, why);
            if meet(Met::Problem(problem)).is_break() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn file(&mut self, id: u64, inode: &Inode, path: RawPath) -> Vec<Met> {
        let mut met = Vec::new();
        let (size, content) = if inode.is_packed {
            let packed = self.packed.get(&id).map(Vec::as_slice);
            let lost = "this file is packed by the system, and how cannot be read";
            match packed.ok_or(lost).and_then(decmpfs::unpack) {
                Ok(bytes) => (bytes.len() as u64, Content::Inline(bytes, Ranges::new())),
                Err(why) => {
                    return vec![Met::Problem(Problem::new(path.to_string(), ProblemKind::Unreadable, why))];
                }
            }
        } else {
            let (pieces, is_cut) = self.lay_out(inode);
            if is_cut {
                let why = "where the rest of this file lies cannot be told; its end is missing";
                met.push(Met::Problem(Problem::new(path.to_string(), ProblemKind::Truncated, why)));
            }
            (inode.size, Content::Extents(pieces))
        };
        let modified_at = inode.modified_at;
        met.insert(0, Met::File(DiskFile { path, size, modified_at, inode: id, standing: Standing::Living, content }));
        met
    }

    /// The extents of a file, and whether they end too early. Copies that a Mac made share them.
    fn lay_out(&mut self, inode: &Inode) -> (Vec<Extent>, bool) {
        let mut runs = self.runs.get(&inode.data).cloned().unwrap_or_default();
        self.runs_told = self.runs_told.saturating_add(runs.len());
        if self.runs_told > MOST_RUNS {
            runs.clear();
        }
        runs.sort_by_key(|run| run.from);
        runs.dedup_by_key(|run| run.from);
        let mut pieces: Vec<Extent> = Vec::new();
        let mut have = 0;
        for run in runs {
            if have >= inode.size {
                break;
            }
            if run.from > have && self.bad_nodes == 0 && !self.is_map_damaged {
                // Nothing was ever written there.
                pieces.push(Extent { at: None, length: run.from - have });
                have = run.from;
            }
            let at = if run.block == 0 { None } else { self.blocks.place(run.block) };
            let Some(end) = run.from.checked_add(run.length).filter(|_| run.from == have) else { break };
            if run.block != 0 && at.is_none() {
                break;
            }
            pieces.push(Extent { at, length: run.length });
            have = end;
        }
        (pieces, have < inode.size)
    }
}

/// What stands behind an inode.
#[derive(Default)]
struct Fields<'a> {
    name: Option<&'a [u8]>,
    stream: Option<&'a [u8]>,
}

/// Reads the extended fields: their kinds and lengths stand first, then their bytes, each at a multiple of eight.
fn fields(bytes: &[u8]) -> Fields<'_> {
    let mut found = Fields::default();
    let count = le16(bytes, 0).map_or(0, usize::from);
    let Some(table) = bytes.get(4..4 + count * 4) else { return found };
    let mut rest = bytes.get(4 + count * 4..).unwrap_or_default();
    for field in table.chunks_exact(4) {
        let length = le16(field, 2).map_or(0, usize::from);
        let Some(data) = rest.get(..length) else { break };
        rest = rest.get(length.next_multiple_of(8)..).unwrap_or_default();
        match field.first() {
            Some(4) => found.name = Some(data.strip_suffix(b"\0").unwrap_or(data)),
            Some(8) => found.stream = Some(data),
            _ => {}
        }
    }
    found
}
