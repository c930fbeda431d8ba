//! The walk over file systems that keep numbered records of files (inodes) apart from the folders that name them.
//!
//! Every folder is entered once, so that loops end; a name is read once in each folder. What no folder names although
//! its record is in use, because a folder is damaged, is found through the records, and stands under `[orphan]`.
//! Memory: a bit for each record that was met, the paths of the folders that wait, the names of one folder.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::model::in_words::count;
use crate::model::{Problem, ProblemKind, RawPath};
use crate::sources::disk::file_system::{Content, DiskFile, Met, Standing};
use crate::sources::medium::MediumError;

/// Bytes of a path at most; what lies deeper is found as an orphan. Keeps a chain of a million folders from taking
/// memory without end.
const LONGEST_PATH: usize = 16 << 10;

/// Names of one folder at most; what has more names is found by number. A folder whose blocks are all the same one
/// would have names without end.
pub(in crate::sources) const MOST_NAMES: usize = 1 << 20;

/// Where that stands which no folder names.
const ORPHANS: &[u8] = b"[orphan]";

/// What hears of each thing that is met.
pub(in crate::sources) type Meet<'a> = dyn FnMut(Met) -> ControlFlow<()> + 'a;

/// How a file system answers a walk.
pub(in crate::sources) trait Inodes {
    /// The number of the folder at the top.
    fn top(&self) -> u64;

    /// What the record of that number says.
    fn node(&mut self, number: u64) -> Result<Node, MediumError>;

    /// What a folder lists, without itself and its parent.
    fn list(&mut self, number: u64) -> Result<Listing, MediumError>;

    /// The next number above `after` whose record is in use and that a person may have made.
    fn next_in_use(&mut self, after: u64) -> Result<Option<u64>, MediumError>;

    /// The folder and the name that the record itself knows, where the file system keeps them there too.
    fn known_as(&mut self, _number: u64) -> Result<Option<(u64, Vec<u8>)>, MediumError> {
        Ok(None)
    }
}

/// What a record is.
pub(in crate::sources) enum Node {
    /// A folder.
    Folder,
    /// A regular file.
    File(Found),
    /// A file or folder that the file system encrypted.
    Locked,
    /// A link, a device, or something of the file system's own.
    Other,
    /// In nobody's use.
    Unused,
    /// On a spot that cannot be read.
    Unreadable,
}

/// What a record says of a file.
pub(in crate::sources) struct Found {
    /// Bytes.
    pub(in crate::sources) size: u64,
    /// When it was last written.
    pub(in crate::sources) modified_at: Option<Timestamp>,
    /// Where its bytes are.
    pub(in crate::sources) content: Content,
    /// What is wrong with it, in words for a person.
    pub(in crate::sources) flaw: Option<String>,
}

impl Found {
    /// The file under a path.
    pub(in crate::sources) fn at(self, path: RawPath, inode: u64, standing: Standing) -> DiskFile {
        let Self { size, modified_at, content, flaw: _ } = self;
        DiskFile { path, size, modified_at, inode, standing, content }
    }
}

/// What a folder lists.
#[derive(Default)]
pub(in crate::sources) struct Listing {
    /// Names with the numbers of their records.
    pub(in crate::sources) entries: Vec<(Vec<u8>, u64)>,
    /// The number of the folder that it lies in.
    pub(in crate::sources) parent: Option<u64>,
    /// What of it cannot be read, in words for a person.
    pub(in crate::sources) flaw: Option<String>,
}

/// Meets every file that a folder names, then those that none does.
///
/// # Errors
/// Only what ends the whole run.
pub(in crate::sources) fn walk(inodes: &mut dyn Inodes, meet: &mut Meet<'_>) -> Result<ControlFlow<()>, MediumError> {
    let mut walk = Walk { inodes, meet, seen: Numbers::default() };
    let top = walk.inodes.top();
    walk.seen.insert(top);
    if walk.tree(top, Vec::new())?.is_break() {
        return Ok(ControlFlow::Break(()));
    }
    walk.orphans()
}

struct Walk<'a, 'm> {
    inodes: &'a mut dyn Inodes,
    meet: &'a mut Meet<'m>,
    seen: Numbers,
}

impl Walk<'_, '_> {
    fn tree(&mut self, top: u64, path: Vec<u8>) -> Result<ControlFlow<()>, MediumError> {
        let mut waiting = vec![(top, path)];
        while let Some((folder, path)) = waiting.pop() {
            let Listing { mut entries, parent: _, flaw } = self.inodes.list(folder)?;
            if let Some(flaw) = flaw
                && self.problem(&path, ProblemKind::Unreadable, &flaw).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
            // Records lie in the order of their numbers: so the drive is read in one direction.
            entries.sort_by_key(|entry| entry.1);
            let mut folders = Vec::new();
            for (name, number) in entries {
                let path = joined(&path, &name);
                let met = self.entry(number, &path)?;
                match met {
                    Entered::Folder if path.len() > LONGEST_PATH => {}
                    Entered::Folder if self.seen.insert(number) => folders.push((number, path)),
                    Entered::Folder => {
                        let words = "is a folder that is listed in two places: it is read in the first one only";
                        if self.problem(&path, ProblemKind::Damaged, words).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    Entered::Done => {}
                    Entered::Stopped => return Ok(ControlFlow::Break(())),
                }
            }
            waiting.extend(folders.into_iter().rev());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn entry(&mut self, number: u64, path: &[u8]) -> Result<Entered, MediumError> {
        let node = self.inodes.node(number)?;
        if !matches!(node, Node::Folder) {
            self.seen.insert(number);
        }
        let met = match node {
            Node::Folder => return Ok(Entered::Folder),
            Node::File(found) => self.file(found, number, path),
            Node::Other => ControlFlow::Continue(()),
            Node::Locked => {
                let words = "is encrypted by its file system and cannot be read without its key: \
                             unlock it on the computer or phone that wrote it, and copy it there";
                self.problem(path, ProblemKind::Unreadable, words)
            }
            Node::Unused => {
                let words = "is listed in its folder, but the file system has no record of where it lies";
                self.problem(path, ProblemKind::Damaged, words)
            }
            Node::Unreadable => {
                let words = "cannot be found: the record of where it lies is on a spot that cannot be read";
                self.problem(path, ProblemKind::Unreadable, words)
            }
        };
        Ok(if met.is_break() { Entered::Stopped } else { Entered::Done })
    }

    fn file(&mut self, found: Found, number: u64, path: &[u8]) -> ControlFlow<()> {
        if let Some(flaw) = &found.flaw {
            self.problem(path, ProblemKind::Damaged, flaw)?;
        }
        (self.meet)(Met::File(found.at(RawPath::from_bytes(path.to_vec()), number, Standing::Living)))
    }

    /// Folders first, the uppermost ones before those that lie in them, so that as much of their tree as possible
    /// comes back; then single files.
    fn orphans(&mut self) -> Result<ControlFlow<()>, MediumError> {
        let (mut folders, mut others) = (Vec::new(), Vec::new());
        let mut after = 0;
        while let Some(number) = self.inodes.next_in_use(after)? {
            after = number;
            if self.seen.contains(number) {
                continue;
            }
            match self.inodes.node(number)? {
                Node::Folder => folders.push((number, self.inodes.list(number)?.parent)),
                Node::File(_) | Node::Locked | Node::Unreadable => others.push(number),
                Node::Other | Node::Unused => {}
            }
        }
        let numbers: HashSet<u64> = folders.iter().map(|(number, _)| *number).collect();
        let (inner, upper): (Vec<_>, Vec<_>) = folders
            .into_iter()
            .partition(|(number, parent)| parent.is_some_and(|up| up != *number && numbers.contains(&up)));
        let mut found = 0_u64;
        for (number, _) in upper.into_iter().chain(inner) {
            if self.seen.insert(number) {
                found += 1;
                if self.tree(number, orphan(number))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        let (mut locked, mut unreadable) = (0_u64, 0_u64);
        for number in others {
            if !self.seen.insert(number) {
                continue;
            }
            match self.inodes.node(number)? {
                Node::File(file) => {
                    found += 1;
                    let path = match self.inodes.known_as(number)? {
                        Some((folder, name)) => joined(&orphan(folder), &name),
                        None => orphan(number),
                    };
                    if self.file(file, number, &path).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Node::Locked => locked += 1,
                Node::Unreadable => unreadable += 1,
                Node::Folder | Node::Other | Node::Unused => {}
            }
        }
        Ok(self.sum_up(found, locked, unreadable))
    }

    fn sum_up(&mut self, found: u64, locked: u64, unreadable: u64) -> ControlFlow<()> {
        let sums = [
            (
                found,
                ProblemKind::Damaged,
                count(found, "file or folder is", "files or folders are"),
                "in no readable folder any more: what is in them is not lost, and is here by number",
            ),
            (
                locked,
                ProblemKind::Unreadable,
                count(locked, "encrypted file is", "encrypted files are"),
                "in folders that are encrypted themselves, or that cannot be read",
            ),
            (
                unreadable,
                ProblemKind::Unreadable,
                count(unreadable, "file at most is", "files at most are"),
                "in no readable folder, and the record of where it lies cannot be read either",
            ),
        ];
        for (number, kind, subject, words) in sums {
            if number > 0 {
                self.problem(ORPHANS, kind, &format!("{subject} {words}"))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn problem(&mut self, path: &[u8], kind: ProblemKind, words: &str) -> ControlFlow<()> {
        (self.meet)(Met::Problem(problem(path, kind, words)))
    }
}

enum Entered {
    Folder,
    Done,
    Stopped,
}

/// A problem under a path; the top of the volume is called so.
pub(in crate::sources) fn problem(path: &[u8], kind: ProblemKind, words: &str) -> Problem {
    let shown = RawPath::from_bytes(path.to_vec()).to_string();
    Problem::new(if shown.is_empty() { "the volume".to_owned() } else { shown }, kind, words)
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, name].join(&b'/') }
}

fn orphan(number: u64) -> Vec<u8> {
    [ORPHANS, format!("/inode-{number}").as_bytes()].concat()
}

/// Whether a name can stand in a path as it is.
pub(in crate::sources) fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

/// A set of numbers that lie close together: a bit for each.
#[derive(Default)]
pub(in crate::sources) struct Numbers(HashMap<u64, [u64; 8]>);

impl Numbers {
    /// Answers whether it was not yet in it.
    pub(in crate::sources) fn insert(&mut self, number: u64) -> bool {
        let (page, word, bit) = place(number);
        let Some(bits) = self.0.entry(page).or_default().get_mut(word) else { return false };
        let is_new = *bits & bit == 0;
        *bits |= bit;
        is_new
    }

    /// Whether it is in it.
    pub(in crate::sources) fn contains(&self, number: u64) -> bool {
        let (page, word, bit) = place(number);
        self.0.get(&page).and_then(|bits| bits.get(word)).is_some_and(|bits| bits & bit != 0)
    }
}

fn place(number: u64) -> (u64, usize, u64) {
    (number / 512, usize::from((number / 64 % 8) as u8), 1 << (number % 64))
}
