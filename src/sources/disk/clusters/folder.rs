//! What stands in a folder, as both formats say it.

use jiff::Timestamp;

use crate::model::RawPath;

/// Bytes of a slot: a folder is a row of them.
pub(in crate::sources::disk) const SLOT: usize = 32;

/// No folder lies deeper; Windows takes paths of no more than 260 letters by default.
const DEEPEST: u16 = 256;
/// No path is longer than Windows can write it.
const LONGEST_PATH: usize = 32 << 10;

/// Whether an entry counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sources::disk) enum State {
    /// It does.
    Living,
    /// It was deleted, and says what it said.
    Deleted,
    /// It was deleted, and the upper half of its first cluster's number may have been wiped.
    HalfKnown,
}

/// A file or folder as its folder describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::sources::disk) struct Entry {
    pub(in crate::sources::disk) name: String,
    pub(in crate::sources::disk) is_folder: bool,
    pub(in crate::sources::disk) state: State,
    /// The first cluster; 0 for none.
    pub(in crate::sources::disk) first: u32,
    /// Whether the table links its clusters; if not, they follow one another.
    pub(in crate::sources::disk) is_chained: bool,
    /// Bytes; of a folder, 0 where only its chain tells.
    pub(in crate::sources::disk) size: u64,
    /// How many of them were ever written; the rest reads as zeros.
    pub(in crate::sources::disk) written: u64,
    pub(in crate::sources::disk) modified_at: Option<Timestamp>,
    pub(in crate::sources::disk) created_at: Option<Timestamp>,
    /// Where the entry lies on the medium.
    pub(in crate::sources::disk) at: u64,
    /// What is doubtful about the entry itself, in words for a person.
    pub(in crate::sources::disk) doubt: Option<&'static str>,
}

/// Clusters that are the file system's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sources::disk) struct System {
    pub(in crate::sources::disk) first: u32,
    pub(in crate::sources::disk) size: u64,
    /// Whether it says which clusters are in use, one bit each.
    pub(in crate::sources::disk) is_bitmap: bool,
}

/// What was found in a folder.
#[derive(Default, Debug)]
pub(in crate::sources::disk) struct Listing {
    pub(in crate::sources::disk) entries: Vec<Entry>,
    pub(in crate::sources::disk) systems: Vec<System>,
    pub(in crate::sources::disk) label: Option<String>,
    /// Slots that could not be read.
    pub(in crate::sources::disk) unreadable_slots: u32,
    /// Slots in use that make no sense.
    pub(in crate::sources::disk) senseless_slots: u32,
    /// Whether the mark was met behind which nothing is listed.
    pub(in crate::sources::disk) has_ended: bool,
}

/// Makes sense of the slots of one folder, given one after the other.
pub(in crate::sources::disk) trait Lister {
    /// Takes the next slot, which lies at `at` on the medium; `None` for one that cannot be read.
    fn slot(&mut self, slot: Option<&[u8; SLOT]>, at: u64);

    /// What was found so far.
    fn listing(&mut self) -> &mut Listing;
}

/// What differs between the formats.
pub(in crate::sources::disk) trait Format: Send + Sync {
    /// Begins with a folder.
    fn lister(&self) -> Box<dyn Lister + '_>;

    /// Whether the bytes of `cluster` still begin as the deleted folder did that lay there.
    fn begins_folder(&self, bytes: &[u8], cluster: u32) -> bool;

    /// Whether bytes look as if they were the middle of a folder.
    fn continues_folder(&self, bytes: &[u8]) -> bool;

    /// No folder has more bytes.
    fn longest_folder(&self) -> u64;

    /// Whether deleting a file takes its links out of the table.
    fn deleting_unlinks(&self) -> bool;
}

/// All folders that were met, each below another.
pub(super) struct Folders(Vec<Folder>);

struct Folder {
    parent: usize,
    name: String,
    depth: u16,
    path_bytes: usize,
    first: u32,
}

/// The top folder.
pub(super) const TOP: usize = 0;

impl Folders {
    pub(super) fn new() -> Self {
        Self(vec![Folder { parent: TOP, name: String::new(), depth: 0, path_bytes: 0, first: 0 }])
    }

    /// Adds a folder; `None` where it would lie too deep.
    pub(super) fn add(&mut self, parent: usize, entry: &Entry) -> Option<usize> {
        let above = self.0.get(parent)?;
        let depth = above.depth + 1;
        let path_bytes = above.path_bytes + 1 + entry.name.len();
        if depth > DEEPEST || path_bytes > LONGEST_PATH {
            return None;
        }
        self.0.push(Folder { parent, name: entry.name.clone(), depth, path_bytes, first: entry.first });
        Some(self.0.len() - 1)
    }

    /// The first cluster of a folder; 0 for the top one.
    pub(super) fn first_cluster(&self, folder: usize) -> u32 {
        self.0.get(folder).map_or(0, |folder| folder.first)
    }

    /// The path of something in a folder.
    pub(super) fn path(&self, mut folder: usize, name: &str) -> RawPath {
        let mut parts = vec![name];
        while folder != TOP
            && let Some(above) = self.0.get(folder)
        {
            parts.push(&above.name);
            folder = above.parent;
        }
        parts.reverse();
        RawPath::from_bytes(parts.join("/").into_bytes())
    }

    /// A folder as a person would look for it.
    pub(super) fn shown(&self, folder: usize) -> String {
        match self.0.get(folder) {
            Some(it) if folder != TOP => self.path(it.parent, &it.name).to_string(),
            Some(_) | None => "the top folder".into(),
        }
    }
}

/// A name that can be a part of a path; `None` where it is none.
pub(in crate::sources::disk) fn part(name: &str) -> Option<String> {
    let part: String = name.chars().map(|letter| if matches!(letter, '/' | '\0') { '_' } else { letter }).collect();
    (!matches!(part.as_str(), "" | "." | "..")).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_out_of_its_folder() {
        assert_eq!(part("a/../b").as_deref(), Some("a_.._b"));
        assert_eq!((part(".."), part("."), part("")), (None, None, None));
    }
}
