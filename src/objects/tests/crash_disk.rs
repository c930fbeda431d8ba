//! A disk in memory that can lose its power, its writer or one of its syncs at any operation.
//!
//! Every file and every folder has live contents, which programs see, and durable contents, which a power loss leaves
//! at least. A sync of a file makes its bytes durable and not its name, a sync of a folder its names and nothing else.

mod dice;
mod state;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dice::Dice;
pub(super) use dice::PowerLoss;
use state::{Inode, Node, ROOT, State, parts};

use crate::objects::{Disk, Entry, Opened};

/// How much one write takes at most: systems may take less than they are given.
const SHORT_WRITE_BYTES: usize = 600;

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
        let written = bytes.get(..SHORT_WRITE_BYTES).unwrap_or(bytes);
        live.extend_from_slice(written);
        Ok(written.len())
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
