//! What stands in a folder, as both formats say it.

use jiff::Timestamp;

use crate::model::{Ranges, RawPath};
use crate::sources::medium::{Medium, MediumError, read_vec};

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
    /// Bytes of whole sectors of zeros, with more of the folder behind them.
    pub(super) blank_bytes: u64,
    /// Whether the mark was met behind which nothing is listed.
    pub(in crate::sources::disk) has_ended: bool,
    /// Whether the mark was met at the beginning of a sector, so that the sector may have been lost, and how much
    /// of the like has followed.
    blank_since: Option<u32>,
}

impl Listing {
    /// Whether the end was met, as far as one can tell.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended || self.blank_since.is_some()
    }
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

    /// Whether the bytes of `cluster` begin as the folder does or did that lies or lay there.
    fn begins_folder(&self, bytes: &[u8], cluster: u32) -> bool;

    /// The first cluster of the folder above the one that begins with these bytes; `None` where they do not tell.
    fn above(&self, bytes: &[u8]) -> Option<u32>;

    /// Whether bytes look as if they were the middle of a folder.
    fn continues_folder(&self, bytes: &[u8]) -> bool;

    /// No folder has more bytes.
    fn longest_folder(&self) -> u64;

    /// Whether deleting a file takes its links out of the table.
    fn deleting_unlinks(&self) -> bool;
}

/// As much of a folder is read at once, where its clusters follow one another.
pub(super) const PIECE: u64 = 64 << 10;

/// The least that a medium loses; images have zeros there.
const SECTOR: usize = 512;

/// Reads `length` bytes of a folder, and gives them to the lister slot by slot, until it has ended.
///
/// A folder ends with zeros, and a sector that could not be read into an image is zeros too: where a whole sector is
/// zeros and the next one is a folder's again, the folder goes on.
pub(super) fn feed(
    medium: &dyn Medium,
    format: &dyn Format,
    at: u64,
    length: u64,
    lister: &mut dyn Lister,
) -> Result<(), MediumError> {
    let end = at.saturating_add(length);
    let mut begin = at;
    // What lies behind the end of the medium is not worth a look at each of its slots.
    let there = end.min(medium.size());
    while begin < there && !lister.listing().has_ended {
        let size = PIECE.min(there - begin);
        let (bytes, holes) = read_vec(medium, begin, usize::try_from(size).unwrap_or(0))?;
        let mut place = begin;
        for sector in bytes.chunks(SECTOR) {
            let holes = holes.within(place..place.saturating_add(SECTOR as u64));
            feed_sector(sector, place, &holes, format, lister);
            if lister.listing().has_ended {
                break;
            }
            place = place.saturating_add(SECTOR as u64);
        }
        begin += size;
    }
    let lost = end.saturating_sub(there.max(at)) / SLOT as u64;
    let listing = lister.listing();
    if !listing.is_over() {
        listing.unreadable_slots = listing.unreadable_slots.saturating_add(u32::try_from(lost).unwrap_or(u32::MAX));
    }
    Ok(())
}

fn feed_sector(sector: &[u8], at: u64, holes: &Ranges, format: &dyn Format, lister: &mut dyn Lister) {
    let (slots, _) = sector.as_chunks::<SLOT>();
    let is_blank = holes.is_empty() && sector.iter().all(|byte| *byte == 0);
    let listing = lister.listing();
    if let Some(blank) = &mut listing.blank_since {
        if is_blank {
            *blank = blank.saturating_add(1);
            return;
        }
        if !holes.is_empty() || !format.continues_folder(sector) {
            listing.has_ended = true;
            return;
        }
        let bytes = u64::from(*blank) * SECTOR as u64;
        listing.blank_bytes = listing.blank_bytes.saturating_add(bytes);
        listing.blank_since = None;
    }
    for (index, slot) in slots.iter().enumerate() {
        let place = at.saturating_add((index * SLOT) as u64);
        let is_whole = !holes.meets(place..place.saturating_add(SLOT as u64));
        lister.slot(is_whole.then_some(slot), place);
        let listing = lister.listing();
        if listing.has_ended {
            if is_blank && index == 0 {
                listing.has_ended = false;
                listing.blank_since = Some(1);
            }
            return;
        }
    }
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

    /// The folder that begins in a cluster.
    pub(super) fn beginning_at(&self, first: u32) -> Option<usize> {
        self.0.iter().position(|folder| first != 0 && folder.first == first)
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
    fn no_folder_lies_deeper_than_a_path_can_tell() {
        let entry = |length| Entry {
            name: "d".repeat(length),
            is_folder: true,
            state: State::Living,
            first: 9,
            is_chained: true,
            size: 0,
            written: 0,
            modified_at: None,
            created_at: None,
            at: 0,
            doubt: None,
        };
        for (length, deepest) in [(1, 256), (255, 128)] {
            let mut folders = Folders::new();
            let mut above = TOP;
            let mut count = 0;
            while let Some(folder) = folders.add(above, &entry(length)) {
                above = folder;
                count += 1;
            }
            assert_eq!(count, deepest);
            assert_eq!(folders.shown(above).len(), deepest * (length + 1) - 1);
        }
    }

    #[test]
    fn a_name_never_leads_out_of_its_folder() {
        assert_eq!(part("a/../b").as_deref(), Some("a_.._b"));
        assert_eq!((part(".."), part("."), part("")), (None, None, None));
    }
}
