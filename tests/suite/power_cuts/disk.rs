//! A disk with what programs see and what a power cut leaves at least.
//!
//! POSIX promises no more than this: the bytes of a file are durable when the file was synced, its name when the folder
//! was. Nothing else is in order: of what was not synced, any part may be on the disk. Two things are taken to hold that
//! POSIX does not say and every journaling file system keeps: a name goes from one file to another in one step, and a
//! rename never loses both names.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::story::{Inode, Name, Step};
use super::worlds::Luck;

/// The folder that is the disk.
pub(super) const ROOT: Inode = 0;

/// What a file or folder is, beside its contents.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) is_folder: bool,
    pub(super) mode: u32,
}

#[derive(Clone, Default)]
pub(super) struct Disk {
    files: BTreeMap<Inode, File>,
    folders: BTreeMap<Inode, Folder>,
}

#[derive(Clone, Default)]
struct File {
    durable: Rc<Vec<u8>>,
    live: Rc<Vec<u8>>,
    pending: Vec<(usize, Change)>,
}

/// What was done to the bytes of a file.
#[derive(Clone)]
pub(super) enum Change {
    Write { at: usize, bytes: Rc<[u8]> },
    Length(usize),
}

#[derive(Clone, Default)]
struct Folder {
    durable: BTreeMap<String, Inode>,
    live: BTreeMap<String, Inode>,
    pending: Vec<Turn>,
}

/// A change of names in one folder.
#[derive(Clone)]
struct Turn {
    step: usize,
    goes: Option<String>,
    comes: Option<(String, Inode)>,
    /// The file is still there under its new name: the folder of that name.
    moved_to: Option<Inode>,
}

/// What stands on a disk: folders, and files with their bytes.
#[derive(Clone, Default)]
pub(super) struct World {
    pub(super) folders: BTreeMap<PathBuf, u32>,
    pub(super) files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

impl Disk {
    /// Puts a file or a folder there, durable.
    pub(super) fn plant(&mut self, inode: Inode, name: Option<Name>, bytes: Option<Vec<u8>>) {
        match bytes {
            Some(bytes) => {
                let bytes = Rc::new(bytes);
                let file = File { durable: Rc::clone(&bytes), live: bytes, pending: Vec::new() };
                self.files.insert(inode, file);
            }
            None => {
                self.folders.insert(inode, Folder::default());
            }
        }
        if let Some((folder, name)) = name {
            let folder = self.folders.get_mut(&folder).expect("the folder came first");
            folder.durable.insert(name.clone(), inode);
            folder.live.insert(name, inode);
        }
    }

    /// Every path that programs see.
    pub(super) fn live_names(&self) -> BTreeMap<PathBuf, Inode> {
        // The root's own path is put in front by whoever knows it.
        let mut found = BTreeMap::from([(PathBuf::new(), ROOT)]);
        let mut left = vec![(PathBuf::new(), ROOT)];
        while let Some((path, folder)) = left.pop() {
            for (name, inode) in self.folders.get(&folder).into_iter().flat_map(|folder| &folder.live) {
                let path = path.join(name);
                found.insert(path.clone(), *inode);
                left.push((path, *inode));
            }
        }
        found
    }

    pub(super) fn take(&mut self, number: usize, step: &Step) {
        match step {
            Step::Write { file, at, bytes } => {
                self.change(*file, number, Change::Write { at: *at, bytes: bytes.clone() });
            }
            Step::Length { file, bytes } => self.change(*file, number, Change::Length(*bytes)),
            Step::Link { name: (folder, name), to } => {
                self.turn(*folder, Turn { step: number, goes: None, comes: Some((name.clone(), *to)), moved_to: None });
            }
            Step::Unlink { name: (folder, name) } => {
                self.turn(*folder, Turn { step: number, goes: Some(name.clone()), comes: None, moved_to: None });
            }
            Step::Rename { from, to, file } if from.0 == to.0 => {
                let (goes, comes) = (Some(from.1.clone()), Some((to.1.clone(), *file)));
                self.turn(from.0, Turn { step: number, goes, comes, moved_to: None });
            }
            Step::Rename { from, to, file } => {
                let comes = Some((to.1.clone(), *file));
                self.turn(to.0, Turn { step: number, goes: None, comes, moved_to: None });
                self.turn(from.0, Turn { step: number, goes: Some(from.1.clone()), comes: None, moved_to: Some(to.0) });
            }
            Step::Sync { of, covers } => self.sync(*of, *covers),
            Step::Said | Step::Ended => {}
        }
    }

    fn change(&mut self, file: Inode, step: usize, change: Change) {
        let file = self.files.entry(file).or_default();
        change.apply(Rc::make_mut(&mut file.live));
        file.pending.push((step, change));
    }

    fn turn(&mut self, folder: Inode, turn: Turn) {
        let folder = self.folders.entry(folder).or_default();
        turn.apply(&mut folder.live);
        folder.pending.push(turn);
    }

    fn sync(&mut self, of: Inode, covers: usize) {
        if let Some(file) = self.files.get_mut(&of) {
            let durable = Rc::make_mut(&mut file.durable);
            for (_, change) in file.pending.extract_if(.., |(step, _)| *step < covers) {
                change.apply(durable);
            }
        }
        let Some(folder) = self.folders.get_mut(&of) else { return };
        let mut durable_elsewhere = Vec::new();
        for turn in folder.pending.extract_if(.., |turn| turn.step < covers) {
            turn.apply(&mut folder.durable);
            durable_elsewhere.extend(turn.moved_to.map(|folder| (folder, turn.step)));
        }
        for (folder, step) in durable_elsewhere {
            let folder = self.folders.get_mut(&folder).expect("a file was moved there");
            for turn in folder.pending.extract_if(.., |turn| turn.step == step) {
                turn.apply(&mut folder.durable);
            }
        }
    }

    /// The bytes that programs see in a file.
    pub(super) fn live_bytes(&self, file: Inode) -> Vec<u8> {
        self.files.get(&file).map(|file| file.live.to_vec()).unwrap_or_default()
    }

    /// What programs see.
    pub(super) fn live(&self, nodes: &[Node]) -> World {
        self.world(nodes, &mut Luck::all())
    }

    /// What a power cut leaves, if it has this luck with all that was not synced.
    pub(super) fn world(&self, nodes: &[Node], luck: &mut Luck) -> World {
        let names = self.names_left(luck);
        let mut world = World::default();
        let mut left = vec![(PathBuf::new(), ROOT)];
        while let Some((path, inode)) = left.pop() {
            if nodes[inode].is_folder {
                world.folders.insert(path.clone(), nodes[inode].mode);
                for (name, inode) in names.get(&inode).into_iter().flatten() {
                    left.push((path.join(name), *inode));
                }
            } else {
                let bytes = self.files.get(&inode).map(|file| file.left(luck)).unwrap_or_default();
                world.files.insert(path, (nodes[inode].mode, bytes));
            }
        }
        world
    }

    fn names_left(&self, luck: &mut Luck) -> HashMap<Inode, BTreeMap<String, Inode>> {
        // A name comes before it goes elsewhere: those that come are decided first.
        let newest = self.folders.values().flat_map(|folder| &folder.pending).map(|turn| turn.step).max();
        let mut keeps = |turn: &Turn| luck.keeps_name(Some(turn.step) == newest);
        let mut lost = HashSet::new();
        for (inode, folder) in &self.folders {
            for turn in folder.pending.iter().filter(|turn| turn.moved_to.is_none() && !keeps(turn)) {
                lost.insert((*inode, turn.step));
            }
        }
        for (inode, folder) in &self.folders {
            for turn in &folder.pending {
                let Some(there) = turn.moved_to else { continue };
                if lost.contains(&(there, turn.step)) || !keeps(turn) {
                    lost.insert((*inode, turn.step));
                }
            }
        }
        let left = |(inode, folder): (&Inode, &Folder)| {
            let mut names = folder.durable.clone();
            for turn in folder.pending.iter().filter(|turn| !lost.contains(&(*inode, turn.step))) {
                turn.apply(&mut names);
            }
            (*inode, names)
        };
        self.folders.iter().map(left).collect()
    }
}

impl File {
    fn left(&self, luck: &mut Luck) -> Vec<u8> {
        let mut bytes = self.durable.to_vec();
        for (_, change) in &self.pending {
            luck.of_change(change.parts(), &mut |part| part.apply(&mut bytes));
        }
        if luck.keeps_lengths() {
            bytes.resize(self.live.len(), 0);
        }
        bytes
    }
}

impl Change {
    pub(super) fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => to.resize(*length, 0),
        }
    }

    /// The pieces that reach a disk on their own: sectors.
    fn parts(&self) -> Vec<Self> {
        const SECTOR: usize = 512;
        match self {
            Self::Length(length) => vec![Self::Length(*length)],
            Self::Write { at, bytes } => {
                let mut parts = Vec::new();
                let mut from = 0;
                while from < bytes.len() {
                    let to = bytes.len().min((at + from) / SECTOR * SECTOR + SECTOR - at);
                    parts.push(Self::Write { at: at + from, bytes: bytes[from..to].into() });
                    from = to;
                }
                parts
            }
        }
    }
}

impl Turn {
    fn apply(&self, to: &mut BTreeMap<String, Inode>) {
        if let Some(name) = &self.goes {
            to.remove(name);
        }
        if let Some((name, inode)) = &self.comes {
            to.insert(name.clone(), *inode);
        }
    }
}

impl World {
    /// Makes the folder hold this and nothing else.
    pub(super) fn put(&self, root: &Path) {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        if root.exists() {
            std::fs::remove_dir_all(root).expect("a folder of our own can be removed");
        }
        for (path, mode) in &self.folders {
            let folder = root.join(path);
            std::fs::create_dir_all(&folder).expect("a folder can be made");
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(*mode)).expect("it is ours");
        }
        for (path, (mode, bytes)) in &self.files {
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(*mode).open(root.join(path));
            std::io::Write::write_all(&mut file.expect("a file can be made"), bytes).expect("it can be written");
        }
    }
}
