//! A disk in memory that can lose its power, its writer or one of its syncs at any operation.
//!
//! Every file and every folder has live contents, which programs see, and durable contents, which a power loss leaves
//! at least. A sync of a file makes its bytes durable and not its name, a sync of a folder its names and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::objects::{Disk, Entry, Opened};

/// The number of a file or folder. Never used again after it is removed.
type Inode = usize;

type Names = BTreeMap<OsString, Inode>;

const ROOT: Inode = 0;

#[derive(Clone, Default)]
pub(super) struct CrashDisk(Arc<Mutex<State>>);

/// What goes wrong.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Faults {
    /// From this operation on nothing happens any more: the process is dead.
    pub(super) dies_at: Option<usize>,
    /// This operation alone fails: the disk is full.
    pub(super) full_at: Option<usize>,
    /// This sync, counted among those that have something to make durable, says Ok and does nothing.
    pub(super) ignored_sync: Option<usize>,
}

/// What a power loss takes of the contents that were not synced.
#[derive(Clone, Copy, Debug)]
pub(super) enum PowerLoss {
    /// Everything.
    Everything,
    /// All bytes and no names: some file systems write names ahead of data.
    Bytes,
    /// Each name, and a part of the bytes of each file, as the dice of this seed fall.
    AsDiceFall(u64),
}

#[derive(Clone)]
struct State {
    nodes: Vec<Node>,
    locked: BTreeSet<Inode>,
    faults: Faults,
    operations: usize,
    effective_syncs: usize,
}

#[derive(Clone)]
enum Node {
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

impl CrashDisk {
    pub(super) fn with(faults: Faults) -> Self {
        let disk = Self::default();
        disk.state().faults = faults;
        disk
    }

    /// How many operations were asked for.
    pub(super) fn operations(&self) -> usize {
        self.state().operations
    }

    /// How many syncs had something to make durable.
    pub(super) fn effective_syncs(&self) -> usize {
        self.state().effective_syncs
    }

    /// The disk as the next process finds it: the last one died, the power stayed on.
    pub(super) fn after_death(&self) -> Self {
        let mut state = self.state().clone();
        state.locked.clear();
        state.faults = Faults::default();
        Self(Arc::new(Mutex::new(state)))
    }

    /// The disk as the next process finds it after the power was lost.
    pub(super) fn after(&self, loss: PowerLoss) -> Self {
        let found = self.after_death();
        let mut dice = Dice::new(loss);
        for node in &mut found.state().nodes {
            node.lose_power(&mut dice);
        }
        found
    }

    /// Puts a file there, durable, whatever it is.
    pub(super) fn plant(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let inode = state.add(Node::File { live: bytes.to_vec(), durable: bytes.to_vec() });
        let mut at = ROOT;
        let mut parts: Vec<OsString> = parts(path);
        let name = parts.pop().unwrap_or_default();
        for part in parts {
            let found = state.names(at).ok().and_then(|names| names.get(&part)).copied();
            at = found.unwrap_or_else(|| {
                let folder = state.add(Node::empty_folder());
                state.link_durably(at, part, folder);
                folder
            });
        }
        state.link_durably(at, name, inode);
    }

    /// Every file below `folder`, with its live bytes; nothing if there is no such folder.
    pub(super) fn files(&self, folder: &Path) -> Vec<(String, Vec<u8>)> {
        let state = self.state();
        let mut found = Vec::new();
        let mut pending = Vec::from_iter(state.find(folder).map(|inode| (String::new(), inode)));
        while let Some((name, inode)) = pending.pop() {
            match state.nodes.get(inode) {
                Some(Node::File { live, .. }) => found.push((name, live.clone())),
                Some(Node::Folder { live, .. }) => {
                    pending.extend(live.iter().map(|(name, inode)| (name.to_string_lossy().into_owned(), *inode)));
                }
                None => {}
            }
        }
        found
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next operation, unless something goes wrong.
    fn operate(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        let number = state.operations;
        state.operations += 1;
        if state.faults.dies_at.is_some_and(|last| number >= last) {
            return Err(io::Error::other("the process is dead"));
        }
        if state.faults.full_at == Some(number) {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(state)
    }
}

impl State {
    fn add(&mut self, node: Node) -> Inode {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn names(&self, folder: Inode) -> io::Result<&Names> {
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

    fn link_durably(&mut self, folder: Inode, name: OsString, inode: Inode) {
        if let Some(Node::Folder { live, durable }) = self.nodes.get_mut(folder) {
            live.insert(name.clone(), inode);
            durable.insert(name, inode);
        }
    }

    fn find(&self, path: &Path) -> io::Result<Inode> {
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

    fn add_at(&mut self, path: &Path, node: Node) -> io::Result<Inode> {
        let (folder, name) = self.place(path)?;
        if self.names(folder)?.contains_key(&name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = self.add(node);
        self.names_mut(folder)?.insert(name, inode);
        Ok(inode)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
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

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.place(path)?;
        self.names_mut(folder)?.remove(&name).ok_or(ErrorKind::NotFound)?;
        Ok(())
    }

    fn sync(&mut self, inode: Inode) -> io::Result<()> {
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
    fn empty_folder() -> Self {
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

    fn lose_power(&mut self, dice: &mut Dice) {
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

/// Decides what survives. The numbers are xorshift64 (Marsaglia 2003).
struct Dice {
    loss: PowerLoss,
    state: u64,
}

impl Dice {
    fn new(loss: PowerLoss) -> Self {
        let seed = if let PowerLoss::AsDiceFall(seed) = loss { seed } else { 0 };
        Self { loss, state: seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    fn keeps_name(&mut self) -> bool {
        match self.loss {
            PowerLoss::Everything => false,
            PowerLoss::Bytes => true,
            PowerLoss::AsDiceFall(_) => self.roll().is_multiple_of(2),
        }
    }

    fn part_of(&mut self, bytes: usize) -> usize {
        match self.loss {
            PowerLoss::Everything | PowerLoss::Bytes => 0,
            PowerLoss::AsDiceFall(_) => usize::try_from(self.roll() % (bytes as u64 + 1)).unwrap_or(0),
        }
    }

    fn roll(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 8
    }
}

/// A file that is open on a [`CrashDisk`].
pub(super) struct CrashFile {
    disk: CrashDisk,
    inode: Inode,
    at: usize,
    is_locked: bool,
}

impl Drop for CrashFile {
    fn drop(&mut self) {
        if self.is_locked {
            self.disk.state().locked.remove(&self.inode);
        }
    }
}

impl Read for CrashFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.operate()?;
        let Some(Node::File { live, .. }) = state.nodes.get(self.inode) else { return Ok(0) };
        let read = live.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

impl Write for CrashFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.operate()?;
        let Some(Node::File { live, .. }) = state.nodes.get_mut(self.inode) else { return Ok(0) };
        live.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for CrashDisk {
    type File = CrashFile;

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.operate()?.add_at(path, Node::empty_folder()).map(|_| ())
    }

    fn create_new(&self, path: &Path) -> io::Result<CrashFile> {
        let mut state = self.operate()?;
        let inode = state.add_at(path, Node::File { live: Vec::new(), durable: Vec::new() })?;
        state.locked.insert(inode);
        Ok(CrashFile { disk: self.clone(), inode, at: 0, is_locked: true })
    }

    fn sync_file(&self, file: &CrashFile) -> io::Result<()> {
        self.operate()?.sync(file.inode)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.operate()?;
        let inode = state.find(path)?;
        state.sync(inode)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.operate()?;
        match state.find(to) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => state.rename(from, to),
        }
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate()?.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate()?.remove(path)
    }

    fn remove_abandoned(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.operate()?;
        match state.find(path) {
            Ok(inode)
                if !state.locked.contains(&inode) && matches!(state.nodes.get(inode), Some(Node::File { .. })) =>
            {
                state.remove(path).map(|()| true)
            }
            Ok(_) | Err(_) => Ok(false),
        }
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let state = self.operate()?;
        let inode = state.find(path).ok();
        Ok(match inode.and_then(|inode| state.nodes.get(inode)) {
            Some(Node::File { live, .. }) => Entry::File { size: live.len() as u64 },
            Some(Node::Folder { .. }) => Entry::Folder,
            None => Entry::Nothing,
        })
    }

    fn open(&self, path: &Path) -> io::Result<Opened<CrashFile>> {
        let state = self.operate()?;
        let Ok(inode) = state.find(path) else { return Ok(Opened::Nothing) };
        Ok(match state.nodes.get(inode) {
            Some(Node::File { live, .. }) => {
                let file = CrashFile { disk: self.clone(), inode, at: 0, is_locked: false };
                Opened::File { file, size: live.len() as u64 }
            }
            Some(Node::Folder { .. }) | None => Opened::Other,
        })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let state = self.operate()?;
        let inode = state.find(folder)?;
        Ok(state.names(inode)?.keys().cloned().collect())
    }
}

fn parts(path: &Path) -> Vec<OsString> {
    path.components()
        .filter_map(|part| if let Component::Normal(name) = part { Some(name.to_owned()) } else { None })
        .collect()
}
