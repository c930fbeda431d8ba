//! ISO 9660: the volume descriptors, and the trees of folders that they lead to.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::directory::{self, Record};
use super::rock_ridge::{self, Extras};
use super::{Budget, Found, Read, Way};
use crate::formats::numbers::{le16, le32};
use crate::model::{Problem, ProblemKind, RawPath};
use crate::sources::disk::file_system::{Content, DiskFile, Extent, Standing};
use crate::sources::disk::folder_tree::{FolderTree, from_utf16, part_of_path};
use crate::sources::disk::scattered::Piece;
use crate::sources::medium::{Medium, MediumError};

pub(super) const SECTOR: u64 = 2048;
/// Descriptors that are looked at.
const DESCRIPTORS: usize = 32;

/// How a tree writes names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Names {
    Joliet,
    /// So many bytes stand before the extras in each record.
    RockRidge(usize),
    Plain,
}

/// One tree of folders on a disc.
pub(super) struct Tree {
    medium: Arc<dyn Medium>,
    names: Names,
    block_bytes: u64,
    root: Folder,
    label: Option<String>,
    uuid: Option<String>,
}

#[derive(Clone, Copy)]
struct Folder {
    id: u64,
    block: u32,
    bytes: u32,
}

/// The trees whose descriptors stand from a sector on, the one with the richest names first; and how many sectors they
/// say that they have.
pub(super) fn trees(medium: &Arc<dyn Medium>, from: u64) -> Result<(Vec<Tree>, u32), MediumError> {
    let all = Piece::read(medium.as_ref(), from.saturating_mul(SECTOR), DESCRIPTORS * 2048)?;
    let (mut joliet, mut primary, mut sectors) = (None, None, 0);
    for index in 0..DESCRIPTORS {
        let start = index * 2048;
        let Some(descriptor) = all.sound(start..start + 2048) else { continue };
        if descriptor.get(1..6) != Some(b"CD001") {
            // A hole was passed by; anything else that is no descriptor is the end of them.
            break;
        }
        match descriptor.first() {
            Some(1) if primary.is_none() => primary = Tree::of(medium, descriptor, Names::Plain),
            Some(2) if joliet.is_none() && is_joliet(descriptor) => {
                joliet = Tree::of(medium, descriptor, Names::Joliet);
            }
            Some(255) => break,
            _ => continue,
        }
        sectors = sectors.max(le32(descriptor, 80).unwrap_or(0));
    }
    if let Some(tree) = &mut primary {
        tree.look_for_rock_ridge()?;
    }
    Ok((joliet.into_iter().chain(primary).collect(), sectors))
}

fn is_joliet(descriptor: &[u8]) -> bool {
    matches!(descriptor.get(88..91), Some(b"%/@" | b"%/C" | b"%/E"))
}

impl Tree {
    fn of(medium: &Arc<dyn Medium>, descriptor: &[u8], names: Names) -> Option<Self> {
        let block_bytes = u64::from(le16(descriptor, 128)?);
        let root = Record::parse(descriptor.get(156..190)?)?;
        if !matches!(block_bytes, 512 | 1024 | 2048) || !root.is_folder() {
            return None;
        }
        let label = descriptor.get(40..72)?;
        let label = match names {
            Names::Joliet => from_utf16(label),
            Names::RockRidge(_) | Names::Plain => String::from_utf8_lossy(label).into_owned(),
        };
        let label = label.trim_end_matches([' ', '\0']).to_owned();
        let root = Folder { id: 0, block: root.first_block(), bytes: root.bytes };
        let uuid = uuid(descriptor.get(830..846)?).or_else(|| uuid(descriptor.get(813..829)?));
        let label = Some(label).filter(|label| !label.is_empty());
        Some(Self { medium: medium.clone(), names, block_bytes, root, label, uuid })
    }

    fn look_for_rock_ridge(&mut self) -> Result<(), MediumError> {
        let first = Piece::read(self.medium.as_ref(), u64::from(self.root.block) * self.block_bytes, 2048)?;
        let record = first.sound(0..1).and_then(|length| first.sound(0..usize::from(*length.first()?)));
        if let Some(skip) =
            record.and_then(Record::parse).and_then(|record| rock_ridge::bytes_before(record.system_use))
        {
            self.names = Names::RockRidge(skip);
        }
        Ok(())
    }

    fn name(&self, record: &Record, extras: &Extras) -> Vec<u8> {
        let plain = match self.names {
            Names::Joliet => from_utf16(record.name).into_bytes(),
            Names::RockRidge(_) | Names::Plain => record.name.to_vec(),
        };
        let name = extras.name.clone().unwrap_or_else(|| without_version(&plain).to_vec());
        part_of_path(&name)
    }

    fn extras(&self, record: &Record) -> Result<Extras, MediumError> {
        match self.names {
            Names::RockRidge(skip) => {
                let area = record.system_use.get(skip..).unwrap_or_default();
                rock_ridge::read(self.medium.as_ref(), self.block_bytes, area)
            }
            Names::Joliet | Names::Plain => Ok(Extras::default()),
        }
    }

    /// How long a folder is that is only told by where it begins: its first record is itself.
    fn folder_at(&self, id: u64, block: u32) -> Result<Option<Folder>, MediumError> {
        let first = Piece::read(self.medium.as_ref(), u64::from(block) * self.block_bytes, 34)?;
        let record = first.sound(0..34).and_then(Record::parse);
        Ok(record.map(|record| Folder { id, block, bytes: record.bytes }))
    }

    fn extent(&self, record: &Record) -> Extent {
        let at = u64::from(record.first_block()) * self.block_bytes;
        Extent { at: Some(at), length: u64::from(record.bytes) }
    }
}

/// A file whose extents are not all met yet.
struct Unfinished {
    /// Its name as the records have it.
    name: Vec<u8>,
    file: DiskFile,
}

impl Unfinished {
    /// What there is of a file whose other records are lost.
    fn cut_short(self) -> [Found; 2] {
        let why = "this file goes on in a record that cannot be read; its end is missing";
        let problem = Problem::new(self.file.path.to_string(), ProblemKind::Truncated, why);
        [Found::File(self.file), Found::Problem(problem)]
    }
}

impl Way for Tree {
    fn kind(&self) -> &'static str {
        match self.names {
            Names::Joliet => "ISO 9660 with Joliet",
            Names::RockRidge(_) => "ISO 9660 with Rock Ridge",
            Names::Plain => "ISO 9660",
        }
    }

    fn label(&self) -> Option<String> {
        self.label.clone()
    }

    fn uuid(&self) -> Option<String> {
        self.uuid.clone()
    }

    fn walk(&self, meet: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<Read, MediumError> {
        let mut walk = Walk {
            tree: self,
            folders: FolderTree::below(0),
            seen: HashSet::from([self.root.block]),
            queue: VecDeque::from([self.root]),
            next_id: 1,
            read: Read::Whole,
        };
        let mut budget = Budget::of(self.medium.as_ref());
        while let Some(folder) = walk.queue.pop_front() {
            let path = walk.path_of(folder.id);
            if !budget.takes(u64::from(folder.bytes)) {
                walk.read = Read::InPart;
                let problem = Problem::new(path, ProblemKind::Damaged, "this folder is longer than it can be");
                if meet(Found::Problem(problem)).is_break() {
                    return Ok(Read::Stopped);
                }
                continue;
            }
            if walk.folder(folder, meet)?.is_break() {
                return Ok(Read::Stopped);
            }
        }
        Ok(walk.read)
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    folders: FolderTree,
    /// Where the folders begin that were met.
    seen: HashSet<u32>,
    queue: VecDeque<Folder>,
    next_id: u64,
    read: Read,
}

impl Walk<'_> {
    /// A folder as a person would look for it.
    fn path_of(&self, id: u64) -> String {
        let name = self.tree.label.clone().unwrap_or_else(|| self.tree.kind().to_owned());
        self.folders.parent(id).map_or(name, |_| {
            let path = RawPath::from_bytes(self.folders.path(id, b""));
            path.to_string().trim_end_matches('/').to_owned()
        })
    }

    fn folder(
        &mut self,
        folder: Folder,
        meet: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, MediumError> {
        let at = u64::from(folder.block) * self.tree.block_bytes;
        let length = usize::try_from(folder.bytes).unwrap_or(0);
        let piece = Piece::read(self.tree.medium.as_ref(), at, length)?;
        let mut found = vec![Found::Own(at..at.saturating_add(u64::from(folder.bytes)))];
        let mut unfinished: Option<Unfinished> = None;
        let records = directory::records(&piece);
        for record in &records.records {
            let extras = self.tree.extras(record)?;
            if record.is_folder() || extras.child.is_some() {
                found.extend(self.subfolder(folder.id, record, &extras)?);
            } else if record.is_file() && extras.mode.is_none_or(|mode| mode & 0o170_000 == 0o100_000) {
                self.file(folder.id, record, &extras, &mut unfinished, &mut found);
            }
        }
        found.extend(unfinished.into_iter().flat_map(Unfinished::cut_short));
        if records.is_damaged {
            self.read = Read::InPart;
            let why = "a part of this folder cannot be read; files in it may be missing";
            found.push(Found::Problem(Problem::new(self.path_of(folder.id), ProblemKind::Unreadable, why)));
        }
        Ok(found.into_iter().try_for_each(meet))
    }

    fn subfolder(&mut self, parent: u64, record: &Record, extras: &Extras) -> Result<Option<Found>, MediumError> {
        let id = self.next_id;
        let name = self.tree.name(record, extras);
        let folder = match extras.child {
            Some(block) => {
                let Some(folder) = self.tree.folder_at(id, block)? else {
                    self.read = Read::InPart;
                    let path = RawPath::from_bytes(self.folders.path(parent, &name)).to_string();
                    let why = "this folder cannot be read; the files in it are missing";
                    return Ok(Some(Found::Problem(Problem::new(path, ProblemKind::Unreadable, why))));
                };
                folder
            }
            // A folder that was moved up is listed where it belongs, by a link.
            None if extras.is_relocated => return Ok(None),
            None => Folder { id, block: record.first_block(), bytes: record.bytes },
        };
        if self.seen.insert(folder.block) {
            self.next_id += 1;
            self.folders.add(id, parent, name);
            self.queue.push_back(folder);
        }
        Ok(None)
    }

    fn file(
        &self,
        folder: u64,
        record: &Record,
        extras: &Extras,
        unfinished: &mut Option<Unfinished>,
        found: &mut Vec<Found>,
    ) {
        let extent = self.tree.extent(record);
        let begun = match unfinished.take() {
            Some(begun) if begun.name == record.name => Some(begun.file),
            Some(other) => {
                found.extend(other.cut_short());
                None
            }
            None => None,
        };
        let mut file = begun.unwrap_or_else(|| DiskFile {
            path: RawPath::from_bytes(self.folders.path(folder, &self.tree.name(record, extras))),
            size: 0,
            modified_at: extras.modified_at.or(record.recorded_at),
            inode: if extent.length == 0 { 0 } else { u64::from(record.first_block()) },
            standing: Standing::Living,
            content: Content::Extents(Vec::new()),
        });
        file.size = file.size.saturating_add(extent.length);
        if let Content::Extents(extents) = &mut file.content {
            extents.push(extent);
        }
        let unread = match (record.is_interleaved, extras.is_packed) {
            (true, _) => Some("this file is interleaved with others, which Keepsake does not read"),
            (_, true) => Some("this file is packed (zisofs), which Keepsake does not read"),
            (false, false) => None,
        };
        match unread {
            Some(why) => {
                let path = file.path.to_string();
                found.push(Found::Problem(Problem::new(path, ProblemKind::Unreadable, why)));
            }
            None if record.goes_on() => *unfinished = Some(Unfinished { name: record.name.to_vec(), file }),
            None => found.push(Found::File(file)),
        }
    }
}

/// `IMG_1.JPG;1` without the version, `README.;1` without the dot too.
fn without_version(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| *byte == b';').filter(|end| {
        let version = name.get(end + 1..).unwrap_or_default();
        !version.is_empty() && version.iter().all(u8::is_ascii_digit)
    });
    let Some(name) = end.and_then(|end| name.get(..end)) else { return name };
    name.strip_suffix(b".").filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// As udev writes it: the digits of a date and time.
fn uuid(digits: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    if text.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let pairs = (4..16).step_by(2).filter_map(|at| text.get(at..at + 2));
    Some(text.get(..4).into_iter().chain(pairs).collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_no_part_of_a_name() {
        assert_eq!(without_version(b"IMG_1.JPG;1"), b"IMG_1.JPG");
        assert_eq!(without_version(b"README.;1"), b"README");
        assert_eq!(without_version(b"a;b"), b"a;b");
        assert_eq!(without_version(b"a.;"), b"a.;");
    }

    #[test]
    fn a_disc_is_known_by_when_it_was_made() {
        assert_eq!(uuid(b"2004051312000099").as_deref(), Some("2004-05-13-12-00-00-99"));
        assert_eq!(uuid(b"0000000000000000"), None);
    }
}
