//! Getting files out of a snapshot again.

use std::io::Write;

use jiff::Timestamp;
use rustic_core::repofile::{NodeType, SnapshotFile as EngineSnapshot, Tree};
use rustic_core::{DataId, TreeId};

use super::Repository;
use super::engine::side_by_side;
use super::error::{EngineFault, RepositoryError};
use super::indexed::Indexed;
use super::snapshot::SnapshotId;
use super::store::Fault;

/// One file of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotFile {
    /// Its path in the snapshot, `/` between the parts, none in front.
    pub path: String,
    /// Its size.
    pub size: u64,
    /// The time it carries; 1970 where the snapshot has none.
    pub modified_at: Timestamp,
    /// Files of one snapshot with more than one link and an equal inode are one file.
    pub inode: u64,
    /// How many paths are this file; 0 and 1 both mean that this is the only one.
    pub links: u64,
    pub(super) content: Vec<DataId>,
}

/// What a snapshot lists, and the folders of it that cannot be read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Listing {
    /// Every file, sorted by path.
    pub files: Vec<SnapshotFile>,
    /// The folders whose files nobody can name, each with why.
    pub lost: Vec<LostFolder>,
}

/// A folder of a snapshot that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostFolder {
    /// Its path in the snapshot.
    pub path: String,
    /// Why it cannot be read.
    pub why: String,
}

/// Requests, and folders taken apart, at the same time.
const AT_ONCE: usize = 4;

/// Folders that are fetched together.
const FOLDERS_TOGETHER: usize = 256;

/// Bytes of one large file that are fetched together: as much again they are once decrypted.
const TOGETHER: u64 = 16 * 1024 * 1024;

impl Repository {
    /// Every file of a snapshot, sorted by path. Folders and whatever is no plain file are left out.
    ///
    /// A name that could step out of a folder it is restored into is an error: no snapshot of ours has one.
    pub fn files(&self, snapshot: &SnapshotId) -> Result<Vec<SnapshotFile>, RepositoryError> {
        let Listing { files, lost } = self.listing(snapshot)?;
        match lost.into_iter().next() {
            Some(LostFolder { path, why }) => Err(self.damaged(format!("the folder “{path}”"), why)),
            None => Ok(files),
        }
    }

    /// As [`Self::files`], but a damaged folder below the top one hides no other.
    pub fn listing(&self, snapshot: &SnapshotId) -> Result<Listing, RepositoryError> {
        let indexed = self.indexed()?;
        let file: EngineSnapshot = indexed.engine.get_file(&snapshot.id().into()).map_err(|error| {
            let error = RepositoryError::from_reading(self.location(), format!("the snapshot {snapshot}"), &error);
            if let RepositoryError::FileMissing { location, .. } = error {
                return RepositoryError::SnapshotNotFound { location, snapshot: snapshot.to_string() };
            }
            error
        })?;
        let (mut files, mut lost) = (Vec::new(), Vec::new());
        let mut folders = vec![(String::new(), file.tree)];
        while !folders.is_empty() {
            let some = folders.split_off(folders.len().saturating_sub(FOLDERS_TOGETHER));
            let places = some.iter().filter_map(|(_, id)| indexed.place_of_tree(id)).collect();
            let _ahead = indexed.fetch(self, places, AT_ONCE).map_err(|fault| self.failed(fault))?;
            for some in some.chunks(AT_ONCE) {
                let trees = side_by_side(self.location(), "reading the snapshot", some.to_vec(), |(path, id)| {
                    Ok((indexed.tree(self, &path, id), path))
                });
                for tree in trees {
                    match tree? {
                        (Ok(tree), path) => self.sort_out(tree, &path, &mut files, &mut folders)?,
                        (Err(error), path) if error.is_of_one_file() && !path.is_empty() => {
                            lost.push(LostFolder { path, why: error.cause_in_words() });
                        }
                        (Err(error), _) => return Err(error),
                    }
                }
            }
        }
        files.sort_by(|left, right| left.path.split('/').cmp(right.path.split('/')));
        Ok(Listing { files, lost })
    }

    fn sort_out(
        &self,
        tree: Tree,
        folder: &str,
        files: &mut Vec<SnapshotFile>,
        folders: &mut Vec<(String, TreeId)>,
    ) -> Result<(), RepositoryError> {
        for node in tree.nodes {
            let name = node.name().to_string_lossy().into_owned();
            if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
                let source =
                    EngineFault::new(format!("the name “{}” is none that a file can have", name.escape_debug()));
                let what = format!("the folder “{folder}”");
                return Err(RepositoryError::Damaged { location: self.location().clone(), what, source });
            }
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            match (node.node_type, node.subtree) {
                (NodeType::Dir, Some(tree)) => folders.push((path, tree)),
                (NodeType::File, _) => files.push(SnapshotFile {
                    path,
                    size: node.meta.size,
                    modified_at: node.meta.mtime.unwrap_or_default(),
                    inode: node.meta.inode,
                    links: node.meta.links,
                    content: node.content.unwrap_or_default(),
                }),
                (
                    NodeType::Dir
                    | NodeType::Symlink { .. }
                    | NodeType::Dev { .. }
                    | NodeType::Chardev { .. }
                    | NodeType::Fifo
                    | NodeType::Socket,
                    _,
                ) => {}
            }
        }
        Ok(())
    }

    /// Streams a file's bytes to `out`, and returns their number.
    ///
    /// Every part is decrypted, authenticated, and compared with the SHA-256 hash it is named after before it is
    /// written out: after `Ok` the bytes are those that were backed up. After `Err` some of them may be written
    /// already. Takes at most 32 MiB of memory.
    pub fn read(&self, file: &SnapshotFile, out: &mut dyn Write) -> Result<u64, RepositoryError> {
        let indexed = self.indexed()?;
        let mut written: u64 = 0;
        for some in batches(&indexed, &file.content) {
            let places = some.iter().filter_map(|id| indexed.place_of_data(id)).collect();
            let _ahead = indexed.fetch(self, places, AT_ONCE).map_err(|fault| self.failed(fault))?;
            let blobs = side_by_side(self.location(), "reading", vec![some], |some| {
                some.iter().map(|id| indexed.blob(self, &file.path, *id)).collect::<Result<Vec<_>, _>>()
            });
            for blob in blobs.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
                write(file, &blob, out, &mut written)?;
            }
        }
        self.whole(file, written)
    }

    /// As [`Self::read`], of a file whose parts are in memory already, on this very thread.
    pub(super) fn read_ahead(
        &self,
        indexed: &Indexed,
        file: &SnapshotFile,
        out: &mut dyn Write,
    ) -> Result<u64, RepositoryError> {
        let mut written: u64 = 0;
        for id in &file.content {
            write(file, &indexed.blob(self, &file.path, *id)?, out, &mut written)?;
        }
        self.whole(file, written)
    }

    pub(super) fn failed(&self, fault: Fault) -> RepositoryError {
        RepositoryError::from_fault(self.location(), fault)
    }

    fn whole(&self, file: &SnapshotFile, written: u64) -> Result<u64, RepositoryError> {
        if written == file.size {
            Ok(written)
        } else {
            let found = format!("it should have {} bytes, and has {written}", file.size);
            Err(self.damaged(format!("“{}”", file.path), found))
        }
    }
}

fn write(file: &SnapshotFile, blob: &[u8], out: &mut dyn Write, written: &mut u64) -> Result<(), RepositoryError> {
    out.write_all(blob).map_err(|source| RepositoryError::Output { path: file.path.clone(), source })?;
    *written = written.saturating_add(blob.len() as u64);
    Ok(())
}

/// The parts of a file in their order, so many at a time that they fit in memory.
fn batches<'a>(indexed: &Indexed, content: &'a [DataId]) -> Vec<&'a [DataId]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes): (usize, u64) = (0, 0);
    for (at, id) in content.iter().enumerate() {
        let length = indexed.place_of_data(id).map_or(0, |place| u64::from(place.length));
        if at > start && bytes + length > TOGETHER {
            batches.extend(content.get(start..at));
            (start, bytes) = (at, 0);
        }
        bytes += length;
    }
    batches.extend(content.get(start..).filter(|rest| !rest.is_empty()));
    batches
}
