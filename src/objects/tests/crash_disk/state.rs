//! Live and durable contents of a [`CrashDisk`](super::CrashDisk).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

use super::Faults;
use super::dice::Dice;

/// The number of a file or folder. Never used again after it is removed.
pub(super) type Inode = usize;

pub(super) type Names = BTreeMap<OsString, Inode>;

pub(super) const ROOT: Inode = 0;

#[derive(Clone)]
pub(super) struct State {
    pub(super) nodes: Vec<Node>,
    pub(super) locked: BTreeSet<Inode>,
    pub(super) faults: Faults,
    pub(super) operations: usize,
    pub(super) effective_syncs: usize,
}

#[derive(Clone)]
pub(super) enum Node {
    File { live: Vec<u8>, durable: Vec<u8> },
    Folder { live: Names, durable: Names },
}

impl Default for State {
    fn default() -> Self {
        Self {
            nodes: vec![Node::empty_folder()],
            locked: BTreeSet::new(),
            faults: Faults::default(),
            operations: 0,
            effective_syncs: 0,
        }
    }
}

impl State {
    pub(super) fn add(&mut self, node: Node) -> Inode {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(super) fn names(&self, folder: Inode) -> io::Result<&Names> {
        match self.nodes.get(folder) {
            Some(Node::Folder { live, .. }) => Ok(live),
            Some(Node::File { .. }) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn names_mut(&mut self, folder: Inode) -> io::Result<&mut Names> {
        match self.nodes.get_mut(folder) {
            Some(Node::Folder { live, .. }) => Ok(live),
            Some(Node::File { .. }) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn link_durably(&mut self, folder: Inode, name: OsString, inode: Inode) {
        if let Some(Node::Folder { live, durable }) = self.nodes.get_mut(folder) {
            live.insert(name.clone(), inode);
            durable.insert(name, inode);
        }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Inode> {
        let mut at = ROOT;
        for part in parts(path) {
            at = *self.names(at)?.get(&part).ok_or(ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    /// The folder that holds the last part of a path, and that part.
    fn place(&self, path: &Path) -> io::Result<(Inode, OsString)> {
        let folder = self.find(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
        self.names(folder)?;
        Ok((folder, path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned()))
    }

    pub(super) fn add_at(&mut self, path: &Path, node: Node) -> io::Result<Inode> {
        let (folder, name) = self.place(path)?;
        if self.names(folder)?.contains_key(&name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = self.add(node);
        self.names_mut(folder)?.insert(name, inode);
        Ok(inode)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (to_folder, to_name) = self.place(to)?;
        if let Some(Node::Folder { .. }) = self.names(to_folder)?.get(&to_name).and_then(|inode| self.nodes.get(*inode))
        {
            return Err(ErrorKind::IsADirectory.into());
        }
        let (from_folder, from_name) = self.place(from)?;
        let inode = self.names_mut(from_folder)?.remove(&from_name).ok_or(ErrorKind::NotFound)?;
        self.names_mut(to_folder)?.insert(to_name, inode);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.place(path)?;
        self.names_mut(folder)?.remove(&name).ok_or(ErrorKind::NotFound)?;
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: Inode) -> io::Result<()> {
        let number = self.effective_syncs;
        let ignored = self.faults.ignored_sync == Some(number);
        let node = self.nodes.get_mut(inode).ok_or(ErrorKind::NotFound)?;
        if node.is_pending() {
            self.effective_syncs += 1;
            if !ignored {
                node.sync();
            }
        }
        Ok(())
    }
}

impl Node {
    pub(super) fn empty_folder() -> Self {
        Self::Folder { live: Names::new(), durable: Names::new() }
    }

    fn is_pending(&self) -> bool {
        match self {
            Self::File { live, durable } => live != durable,
            Self::Folder { live, durable } => live != durable,
        }
    }

    fn sync(&mut self) {
        match self {
            Self::File { live, durable } => durable.clone_from(live),
            Self::Folder { live, durable } => durable.clone_from(live),
        }
    }

    pub(super) fn lose_power(&mut self, dice: &mut Dice) {
        match self {
            Self::File { live, durable } => {
                // Files only grow here, so what survives is at least the durable part.
                let kept = durable.len() + dice.part_of(live.len().saturating_sub(durable.len()));
                live.truncate(kept);
                durable.clone_from(live);
            }
            Self::Folder { live, durable } => {
                let names: BTreeSet<&OsString> = live.keys().chain(durable.keys()).collect();
                let mut kept = durable.clone();
                for name in names.into_iter().filter(|name| live.get(*name) != durable.get(*name)) {
                    if dice.keeps_name() {
                        match live.get(name) {
                            Some(inode) => kept.insert(name.clone(), *inode),
                            None => kept.remove(name),
                        };
                    }
                }
                *durable = kept;
                live.clone_from(durable);
            }
        }
    }
}

pub(super) fn parts(path: &Path) -> Vec<OsString> {
    path.components()
        .filter_map(|part| if let Component::Normal(name) = part { Some(name.to_owned()) } else { None })
        .collect()
}
