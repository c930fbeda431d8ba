//! Getting files out of a snapshot again.

use std::io::Write;

use jiff::Timestamp;
use rustic_core::repofile::{BlobType, NodeType, SnapshotFile as EngineSnapshot, Tree};
use rustic_core::{BlobId, DataId, Id, IndexedFullStatus, TreeId};
use sha2::{Digest, Sha256};

use super::Repository;
use super::engine::{Engine, side_by_side};
use super::error::{EngineFault, RepositoryError};
use super::snapshot::SnapshotId;

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
    content: Vec<DataId>,
}

/// Blobs and folders that are fetched at the same time: at most 8 MiB each, so 32 MiB in memory.
const AT_ONCE: usize = 4;

impl Repository {
    /// Every file of a snapshot, sorted by path. Folders and whatever is no plain file are left out.
    ///
    /// A name that could step out of a folder it is restored into is an error: no snapshot of ours has one.
    pub fn files(&self, snapshot: &SnapshotId) -> Result<Vec<SnapshotFile>, RepositoryError> {
        let engine = self.indexed()?;
        let file: EngineSnapshot = engine.get_file(&snapshot.id().into()).map_err(|error| {
            let error = RepositoryError::from_reading(self.location(), format!("the snapshot {snapshot}"), &error);
            if let RepositoryError::FileMissing { location, .. } = error {
                return RepositoryError::SnapshotNotFound { location, snapshot: snapshot.to_string() };
            }
            error
        })?;
        let mut files = Vec::new();
        let mut folders = vec![(String::new(), file.tree)];
        while !folders.is_empty() {
            let some = folders.split_off(folders.len().saturating_sub(AT_ONCE));
            let trees = side_by_side(self.location(), "reading the snapshot", some, |(path, id)| {
                Ok((self.tree(&engine, &path, id)?, path))
            });
            for tree in trees {
                let (tree, path) = tree?;
                self.sort_out(tree, &path, &mut files, &mut folders)?;
            }
        }
        files.sort_by(|left, right| left.path.split('/').cmp(right.path.split('/')));
        Ok(files)
    }

    fn tree(&self, engine: &Engine<IndexedFullStatus>, path: &str, id: TreeId) -> Result<Tree, RepositoryError> {
        engine.get_tree(&id).map_err(|error| {
            let what = if path.is_empty() { "the top folder".to_owned() } else { format!("the folder “{path}”") };
            RepositoryError::from_reading(self.location(), what, &error)
        })
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
        let engine = self.indexed()?;
        let mut written: u64 = 0;
        for some in file.content.chunks(AT_ONCE) {
            let blobs = side_by_side(self.location(), "reading", some.to_vec(), |id| self.blob(&engine, file, id));
            for blob in blobs {
                let blob = blob?;
                out.write_all(&blob).map_err(|source| RepositoryError::Output { path: file.path.clone(), source })?;
                written = written.saturating_add(blob.len() as u64);
            }
        }
        if written == file.size {
            Ok(written)
        } else {
            let found = format!("it should have {} bytes, and has {written}", file.size);
            Err(self.damaged(format!("“{}”", file.path), found))
        }
    }

    fn blob(
        &self,
        engine: &Engine<IndexedFullStatus>,
        file: &SnapshotFile,
        id: DataId,
    ) -> Result<bytes::Bytes, RepositoryError> {
        let what = || {
            let pack = engine.get_index_entry(&id).map(|entry| entry.pack.into_inner().to_hex().as_str().to_owned());
            let name = id.into_inner().to_hex();
            match pack {
                Ok(pack) => format!("“{}” (blob {} in pack {pack})", file.path, name.as_str()),
                Err(_) => format!("“{}” (blob {}, which no index names)", file.path, name.as_str()),
            }
        };
        let bytes = engine
            .get_blob_cached(&BlobId::from(id), BlobType::Data)
            .map_err(|error| RepositoryError::from_reading(self.location(), what(), &error))?;
        // The library checks the encryption's authentication code, and not that this is the blob that was asked for.
        if Id::new(Sha256::digest(&bytes).into()) == id.into_inner() {
            Ok(bytes)
        } else {
            Err(self.damaged(what(), "its bytes are not those it is named after"))
        }
    }

    fn damaged(&self, what: impl Into<String>, found: impl Into<String>) -> RepositoryError {
        RepositoryError::Damaged {
            location: self.location().clone(),
            what: what.into(),
            source: EngineFault::new(found),
        }
    }
}
