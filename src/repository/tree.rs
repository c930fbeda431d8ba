//! The tree that a snapshot shall hold, checked and in the order the format wants.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};

use super::error::RepositoryError;
use crate::model::ObjectId;

/// Opens the bytes of an object.
pub type Opener = Arc<dyn Fn(&ObjectId) -> std::io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// One file that a snapshot shall hold.
#[derive(Clone, Debug)]
pub struct TreeFile {
    /// Relative, with `/` between its parts: `photos/anna/2014/2014-08/x.jpg`. No part is empty, `.` or `..`.
    pub path: String,
    /// The time a restored file gets.
    pub modified_at: Timestamp,
    /// Its bytes.
    pub content: Content,
    /// How many paths of the tree are this same file: 1 for a plain one. Entries above 1 with equal content are
    /// restored as hard links of each other.
    pub hard_links: u32,
}

/// Where the bytes of a file come from.
#[derive(Clone)]
pub enum Content {
    /// An object: opened only when no earlier snapshot holds it under the same path, and hashed while it is read.
    Object {
        /// Its name, which its bytes must match.
        id: ObjectId,
        /// Its size, which its bytes must match.
        size: u64,
        /// What opens it.
        open: Opener,
    },
    /// Bytes made for the snapshot: catalog export, checksums.
    Bytes(Vec<u8>),
}

impl TreeFile {
    /// The bytes of the file.
    pub fn size(&self) -> u64 {
        self.content.size()
    }
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Self::Object { size, .. } => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    pub(super) fn id(&self) -> ObjectId {
        match self {
            Self::Object { id, .. } => *id,
            Self::Bytes(bytes) => ObjectId::of(bytes),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object { id, size, .. } => write!(f, "Object({id}, {size} bytes)"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

/// A tree that is valid, sorted, and has every folder spelled out before what is in it.
pub(super) struct Plan {
    pub(super) entries: Vec<Entry>,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

pub(super) struct Entry {
    pub(super) path: String,
    pub(super) node: Node,
    /// `None` for a folder.
    pub(super) content: Option<Leaf>,
}

pub(super) struct Leaf {
    pub(super) id: ObjectId,
    pub(super) size: u64,
    pub(super) content: Content,
}

impl Entry {
    pub(super) fn path_buf(&self) -> PathBuf {
        PathBuf::from(&self.path)
    }
}

impl Plan {
    /// Fails on the first path that no snapshot can hold; then nothing has happened yet.
    pub(super) fn new(mut tree: Vec<TreeFile>) -> Result<Self, RepositoryError> {
        for file in &tree {
            check_path(&file.path).map_err(|why| invalid(&file.path, why))?;
        }
        // By parts, not by text: everything in “a” comes before “a.txt”. The library closes a folder when it sees a
        // path outside, and would otherwise open it twice.
        tree.sort_by(|left, right| left.path.split('/').cmp(right.path.split('/')));
        for (first, second) in tree.iter().zip(tree.iter().skip(1)) {
            let rest = second.path.strip_prefix(first.path.as_str());
            if rest == Some("") {
                return Err(invalid(&second.path, "it is there twice"));
            }
            if rest.is_some_and(|rest| rest.starts_with('/')) {
                return Err(invalid(&first.path, "it is both a file and a folder"));
            }
        }
        let times = folder_times(&tree);
        let mut plan = Self { entries: Vec::with_capacity(tree.len()), files: 0, bytes: 0 };
        let mut open = String::new();
        for file in tree {
            for folder in folders_of(&file.path) {
                if !is_inside(&open, folder) {
                    let modified_at = times.get(folder).copied().unwrap_or(file.modified_at);
                    plan.entries.push(Entry {
                        path: folder.to_owned(),
                        node: folder_node(folder, modified_at),
                        content: None,
                    });
                }
            }
            file.path.rsplit_once('/').map_or("", |(folder, _)| folder).clone_into(&mut open);
            plan.files += 1;
            plan.bytes = plan.bytes.saturating_add(file.content.size());
            plan.entries.push(file_entry(file));
        }
        Ok(plan)
    }
}

fn invalid(path: &str, why: &'static str) -> RepositoryError {
    RepositoryError::InvalidTree { path: path.to_owned(), why }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.contains('\0') {
        return Err("it has a zero byte in it");
    }
    for part in path.split('/') {
        match part {
            "" => return Err("it has an empty part"),
            "." | ".." => return Err("it has a part that is “.” or “..”"),
            _ => {}
        }
    }
    Ok(())
}

/// Every folder above a path, outermost first.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

/// Whether `open` is `folder` or lies in it.
fn is_inside(open: &str, folder: &str) -> bool {
    open.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A folder is as old as the newest file in it: a time that follows from the tree alone, so that an unchanged tree
/// gets an unchanged name.
fn folder_times(tree: &[TreeFile]) -> BTreeMap<String, Timestamp> {
    let mut times: BTreeMap<String, Timestamp> = BTreeMap::new();
    for file in tree {
        for folder in folders_of(&file.path) {
            match times.get_mut(folder) {
                Some(time) => *time = (*time).max(file.modified_at),
                None => {
                    times.insert(folder.to_owned(), file.modified_at);
                }
            }
        }
    }
    times
}

/// Permission bits of a restored file.
const FILE_MODE: u32 = 0o644;

/// Permission bits of a restored folder, with the bit by which Go's `os.FileMode`, and so restic, marks a folder.
const FOLDER_MODE: u32 = 0x8000_0000 | 0o755;

fn folder_node(path: &str, modified_at: Timestamp) -> Node {
    node(path, NodeType::Dir, times(modified_at, FOLDER_MODE))
}

fn file_entry(file: TreeFile) -> Entry {
    let TreeFile { path, modified_at, content, hard_links } = file;
    let (id, size) = (content.id(), content.size());
    let mut meta = times(modified_at, FILE_MODE);
    meta.size = size;
    meta.ctime = Some(identity(&id));
    if hard_links > 1 {
        // restic links files of equal inode, equal device and more than one link; the library compares none of
        // the three. Equal content means equal inode, in every run and on every machine.
        meta.inode = inode(&id);
        meta.links = u64::from(hard_links);
    }
    let node = node(&path, NodeType::File, meta);
    Entry { path, node, content: Some(Leaf { id, size, content }) }
}

fn node(path: &str, kind: NodeType, meta: Metadata) -> Node {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    Node::new_node(name.as_ref(), kind, meta)
}

fn times(modified_at: Timestamp, mode: u32) -> Metadata {
    let time = modified_at.clamp(EARLIEST, LATEST);
    // Without an access time restic restores the year 1.
    Metadata { mode: Some(mode), mtime: Some(time), atime: Some(time), ..Metadata::default() }
}

/// The years that Go, and so restic, reads from JSON are 0 to 9999 in any time zone: these leave a day on both sides.
const EARLIEST: Timestamp = Timestamp::constant(-62_135_510_400, 0);
const LATEST: Timestamp = Timestamp::constant(253_402_127_999, 0);

/// The content's hash in the clothes of a change time.
///
/// The library takes a file as unchanged when path, size, modification time and change time are equal. A change time
/// is compared and never restored, so it carries the first 60 bits of what really tells contents apart.
fn identity(id: &ObjectId) -> Timestamp {
    let bits = leading_bits(id);
    let seconds = i64::try_from(bits >> 33).unwrap_or_default();
    let nanoseconds = i32::try_from((bits & 0x1_ffff_ffff) % 1_000_000_000).unwrap_or_default();
    // 31 bits of seconds and less than a second: always within jiff's range.
    Timestamp::new(seconds, nanoseconds).unwrap_or_default()
}

/// Never 0, which would mean that there is none.
fn inode(id: &ObjectId) -> u64 {
    leading_bits(id).max(1)
}

fn leading_bits(id: &ObjectId) -> u64 {
    id.as_bytes().iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, second: i64) -> TreeFile {
        TreeFile {
            path: path.to_owned(),
            modified_at: Timestamp::constant(second, 0),
            content: Content::Bytes(path.as_bytes().to_vec()),
            hard_links: 1,
        }
    }

    fn paths(plan: &Plan) -> Vec<&str> {
        plan.entries.iter().map(|entry| entry.path.as_str()).collect()
    }

    #[test]
    fn entries_come_folder_first_and_sorted_by_parts() {
        let plan =
            Plan::new(vec![file("a.txt", 1), file("b/y", 4), file("a/c/x", 2), file("a/b", 3), file("a-b/z", 1)])
                .unwrap();
        assert_eq!(paths(&plan), ["a", "a/b", "a/c", "a/c/x", "a-b", "a-b/z", "a.txt", "b", "b/y"]);
        assert_eq!((plan.files, plan.bytes), (5, 5 + 3 + 5 + 3 + 5));
    }

    #[test]
    fn a_folder_is_as_old_as_the_newest_file_below_it() {
        let plan = Plan::new(vec![file("a/b/x", 10), file("a/y", 5)]).unwrap();
        let times: Vec<_> = plan.entries.iter().map(|entry| entry.node.meta.mtime.unwrap().as_second()).collect();
        assert_eq!(times, [10, 10, 10, 5]);
    }

    #[test]
    fn paths_that_no_snapshot_can_hold_are_refused() {
        for path in ["", "/a", "a//b", "a/", "a/../b", "./a", "a\0b"] {
            assert!(matches!(Plan::new(vec![file(path, 1)]), Err(RepositoryError::InvalidTree { .. })), "{path:?}");
        }
        assert!(Plan::new(vec![file("a", 1), file("a", 2)]).is_err());
        assert!(Plan::new(vec![file("a", 1), file("a.b", 1), file("a/b", 2)]).is_err());
    }

    #[test]
    fn equal_size_and_equal_time_never_hide_a_changed_content() {
        let stamp = |byte: u8| identity(&ObjectId::of(&[byte]));
        let mut seen: Vec<_> = (0..=255).map(stamp).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 256);
    }

    #[test]
    fn times_that_go_cannot_read_are_moved_to_the_nearest_it_can() {
        let years = |time: Timestamp| times(time, 0).mtime.unwrap().to_zoned(jiff::tz::TimeZone::UTC).year();
        assert_eq!(years(Timestamp::MIN), 1);
        assert_eq!(years(Timestamp::MAX), 9999);
        assert_eq!(years(Timestamp::constant(-3_000_000_000, 0)), 1874);
    }
}
