//! One repository in a temporary folder, with objects to fill it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tempfile::TempDir;

use crate::events::Recorder;
use crate::model::ObjectId;
use crate::repository::{Access, BackedUp, Content, Key, Opener, Repository, RepositoryError, SnapshotStamp, TreeFile};

pub(super) const PASSWORD: &str = "correct horse battery staple";

/// A wall clock that a test moves on by hand.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(super) fn stamp(second: i64) -> SnapshotStamp {
    SnapshotStamp {
        archive_id: "0123456789abcdef".to_owned(),
        at: at(second),
        generation: second.unsigned_abs(),
        program: "keepsake test".to_owned(),
    }
}

pub(super) fn access_to(location: impl AsRef<Path>) -> Access {
    Access {
        location: location.as_ref().to_str().unwrap().parse().unwrap(),
        options: BTreeMap::new(),
        bucket_keys: None,
        key: Key::Password(PASSWORD.to_owned()),
    }
}

/// Objects in memory that count how often they are opened.
#[derive(Clone, Default)]
pub(super) struct Objects {
    bytes: Arc<Mutex<BTreeMap<ObjectId, Vec<u8>>>>,
    opened: Arc<AtomicU64>,
}

impl Objects {
    pub(super) fn file(&self, path: &str, bytes: &[u8]) -> TreeFile {
        let id = ObjectId::of(bytes);
        self.bytes.lock().unwrap().insert(id, bytes.to_vec());
        TreeFile {
            path: path.to_owned(),
            modified_at: at(-1_000_000),
            content: Content::Object { id, size: bytes.len() as u64, open: self.opener() },
            hard_links: 1,
        }
    }

    fn opener(&self) -> Opener {
        let objects = self.clone();
        Arc::new(move |id| {
            objects.opened.fetch_add(1, Ordering::Relaxed);
            match objects.bytes.lock().unwrap().get(id) {
                Some(bytes) => Ok(Box::new(io::Cursor::new(bytes.clone()))),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        })
    }

    pub(super) fn lose(&self, bytes: &[u8]) {
        self.bytes.lock().unwrap().remove(&ObjectId::of(bytes)).unwrap();
    }

    /// What a failing drive does: the same length, other bytes.
    pub(super) fn damage(&self, bytes: &[u8]) {
        let mut objects = self.bytes.lock().unwrap();
        let bytes = objects.get_mut(&ObjectId::of(bytes)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    }

    /// How often objects were opened since the last call.
    pub(super) fn opened(&self) -> u64 {
        self.opened.swap(0, Ordering::Relaxed)
    }
}

/// Bytes that do not compress, different for each seed.
pub(super) fn photo(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Three photos in two folders, an album and a catalog shard.
pub(super) fn small_tree(objects: &Objects) -> Vec<TreeFile> {
    let mut tree = vec![
        objects.file("photos/anna/2014/2014-08/a.jpg", &photo(1, 300_000)),
        objects.file("photos/anna/2014/2014-08/b.jpg", &photo(2, 70_000)),
        objects.file("photos/anna/2015/2015-01/c \"quoted\" ü.jpg", &photo(3, 3_000_000)),
    ];
    tree.push(TreeFile {
        path: "keepsake/catalog/2014-08.jsonl".to_owned(),
        modified_at: at(0),
        content: Content::Bytes(b"{\"photo\":1}\n".to_vec()),
        hard_links: 1,
    });
    tree
}

pub(super) struct Bench {
    pub(super) folder: TempDir,
    pub(super) objects: Objects,
    pub(super) repository: Repository,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::create(&access_to(folder.path().join("repo"))).unwrap();
        Self { folder, objects: Objects::default(), repository }
    }

    pub(super) fn access(&self) -> Access {
        access_to(self.root())
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    pub(super) fn back_up(&self, tree: Vec<TreeFile>, second: i64) -> Result<BackedUp, RepositoryError> {
        self.repository.back_up(tree, &stamp(second), &Recorder::default())
    }

    /// Every file below a folder of the repository.
    pub(super) fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.root().join(below)];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }

    /// Changes bytes of a file that nobody may write to.
    pub(super) fn tamper(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(path).unwrap();
        change(&mut bytes);
        std::fs::remove_file(path).unwrap();
        std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), &bytes).unwrap();
    }

    /// The pack that has the most bytes: data, not folders.
    pub(super) fn biggest_pack(&self) -> PathBuf {
        self.files("data").into_iter().max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
    }
}

/// Every file of a snapshot with its bytes, read back whole.
pub(super) fn read_back(repository: &Repository, backed_up: &BackedUp) -> BTreeMap<String, Vec<u8>> {
    let files = repository.files(&backed_up.snapshot.unwrap()).unwrap();
    files
        .iter()
        .map(|file| {
            let mut bytes = Vec::new();
            assert_eq!(repository.read(file, &mut bytes).unwrap(), file.size);
            (file.path.clone(), bytes)
        })
        .collect()
}
