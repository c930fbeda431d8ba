//! The catalog: which folders and files there are.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::fork::{Fork, Run};
use super::tree::{Damage, Tree};
use crate::formats::numbers::{be16, be32};
use crate::sources::disk::folder_tree::{FolderTree, from_utf16, part_of_path};
use crate::sources::medium::MediumError;

/// The number of the folder at the top.
const TOP: u32 = 2;
/// Seconds from 1904 to 1970.
const TO_1970: i64 = 2_082_844_800;
/// The folder at the top that has the content of files with several names.
const SHARED_FILES: &str = "\0\0\0\0HFS+ Private Data";
/// The one that has the content of folders with several names (Time Machine).
const SHARED_FOLDERS: &str = ".HFS+ Private Directory Data\r";

/// A file as the catalog lists it.
pub(super) struct Entry {
    pub(super) id: u32,
    parent: u32,
    name: Vec<u8>,
    pub(super) modified_at: Option<Timestamp>,
    pub(super) data: Fork,
    /// Whether its content is not in its data, but packed in an attribute or in the resource fork.
    pub(super) is_compressed: bool,
}

/// What the leaves of the catalog list.
pub(super) struct Catalog {
    folders: FolderTree,
    pub(super) files: Vec<Entry>,
    /// Where the resource forks lie, of all files together.
    pub(super) resource_runs: Vec<Run>,
    seen: HashSet<u32>,
    /// The first name that leads to a shared file or folder, by its number in the name of what is shared.
    file_names: HashMap<u32, (u32, Vec<u8>)>,
    folder_names: HashMap<u32, (u32, Vec<u8>)>,
    /// The folders that hold what is shared.
    shared_files: Option<u32>,
    shared_folders: Option<u32>,
    /// Folders that may be shared ones, with the number in their name.
    maybe_shared: Vec<(u32, u32)>,
}

/// How long the record at the start of `rest` is, by what it says it is.
pub(super) fn length(rest: &[u8]) -> Option<usize> {
    let data = data_at(rest)?;
    let bytes = match be16(rest, data)? {
        1 => 88,
        2 => 248,
        3 | 4 => 10 + 2 * usize::from(be16(rest, data + 8)?),
        _ => return None,
    };
    Some(data + bytes)
}

/// Where a record's data begins: behind its key, at an even place.
fn data_at(record: &[u8]) -> Option<usize> {
    let key = usize::from(be16(record, 0)?);
    // A parent and a name of at most 255 letters.
    (6..=516).contains(&key).then_some((2 + key).next_multiple_of(2))
}

impl Catalog {
    pub(super) fn new() -> Self {
        Self {
            folders: FolderTree::below(u64::from(TOP)),
            files: Vec::new(),
            resource_runs: Vec::new(),
            seen: HashSet::new(),
            file_names: HashMap::new(),
            folder_names: HashMap::new(),
            shared_files: None,
            shared_folders: None,
            maybe_shared: Vec::new(),
        }
    }

    /// Takes what all leaves list.
    pub(super) fn read(&mut self, tree: &mut Tree) -> Result<Damage, MediumError> {
        tree.leaves(&mut |node| {
            for record in node.records(length) {
                self.take(record);
            }
        })
    }

    fn take(&mut self, record: &[u8]) -> Option<()> {
        let at = data_at(record)?;
        let parent = be32(record, 2)?;
        let letters = usize::from(be16(record, 6)?);
        let name = from_utf16(record.get(8..8_usize.checked_add(letters * 2)?)?);
        let data = record.get(at..)?;
        match be16(data, 0)? {
            1 => self.take_folder(parent, &name, data),
            2 => self.take_file(parent, &name, data),
            // A thread tells the name of a number: what the record itself tells too.
            _ => None,
        }
    }

    fn take_folder(&mut self, parent: u32, name: &str, data: &[u8]) -> Option<()> {
        let id = be32(data, 8)?;
        if id == TOP {
            return None;
        }
        if parent == TOP && name == SHARED_FILES {
            self.shared_files = Some(id);
        }
        if parent == TOP && name == SHARED_FOLDERS {
            self.shared_folders = Some(id);
        }
        let part = part_of_path(name.as_bytes());
        if let Some(number) = name.strip_prefix("dir_").and_then(|number| number.parse().ok()) {
            self.maybe_shared.push((id, number));
        }
        self.folders.add(u64::from(id), u64::from(parent), part);
        Some(())
    }

    fn take_file(&mut self, parent: u32, name: &str, data: &[u8]) -> Option<()> {
        let id = be32(data, 8)?;
        let mode = be16(data, 42)?;
        let link = be32(data, 44)?;
        let part = part_of_path(name.as_bytes());
        match data.get(48..56)? {
            b"hlnkhfs+" => {
                self.file_names.entry(link).or_insert((parent, part));
                return Some(());
            }
            b"fdrpMACS" if be16(data, 2)? & 0x20 != 0 => {
                self.folder_names.entry(link).or_insert((parent, part));
                return Some(());
            }
            _ => {}
        }
        // 0 where nobody ever set it, as by systems before Mac OS X.
        if !matches!(mode & 0o170_000, 0 | 0o100_000) || !self.seen.insert(id) {
            return None;
        }
        self.resource_runs.extend(Fork::parse(data.get(168..)?)?.runs);
        self.files.push(Entry {
            id,
            parent,
            name: part,
            modified_at: time(be32(data, 16)?),
            data: Fork::parse(data.get(88..)?)?,
            is_compressed: *data.get(41)? & 0x20 != 0,
        });
        Some(())
    }

    /// Puts shared folders where their first name is.
    pub(super) fn settle(&mut self) {
        let Some(home) = self.shared_folders else { return };
        for (id, number) in std::mem::take(&mut self.maybe_shared) {
            let is_shared = self.folders.parent(u64::from(id)) == Some(u64::from(home));
            if let Some((parent, name)) = self.folder_names.get(&number).filter(|_| is_shared) {
                self.folders.put(u64::from(id), u64::from(*parent), name.clone());
            }
        }
    }

    /// The path of a file; of a shared one, by its first name.
    pub(super) fn path(&self, entry: &Entry) -> Vec<u8> {
        let number =
            entry.name.strip_prefix(b"iNode").and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
        let shared = number.filter(|_| Some(entry.parent) == self.shared_files);
        match shared.and_then(|number: u32| self.file_names.get(&number)) {
            Some((parent, name)) => self.folders.path(u64::from(*parent), name),
            None => self.folders.path(u64::from(entry.parent), &entry.name),
        }
    }
}

/// Seconds since 1904, UTC; 0 is no time.
fn time(seconds: u32) -> Option<Timestamp> {
    Timestamp::from_second(i64::from(seconds) - TO_1970).ok().filter(|_| seconds != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_1904_in_utc() {
        assert_eq!(time(0xDE06_D492).expect("a time").to_string(), "2022-01-14T07:19:46Z");
        assert_eq!(time(0), None);
    }

    #[test]
    fn a_key_that_no_name_fits_is_no_record() {
        assert_eq!(length(&[0, 3, 0, 0]), None);
        assert_eq!(length(&[0xFF, 0xFF, 0, 0]), None);
        assert_eq!(length(&[]), None);
    }
}
