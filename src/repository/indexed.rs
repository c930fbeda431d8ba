//! A repository with its whole index in memory, and the parts of packs that were fetched ahead.

use std::sync::Arc;

use bytes::Bytes;
use rustic_core::repofile::{BlobType, Tree};
use rustic_core::{BlobId, DataId, FileType, Id, IndexedFullStatus, TreeId};
use sha2::{Digest, Sha256};

use super::Repository;
use super::backend::{Ahead, Backend, path_of};
use super::engine::{Engine, side_by_side};
use super::error::{EngineFault, RepositoryError};
use super::pieces::{Piece, Place, pieces};
use super::store::{Fault, FaultKind};

pub(super) struct Indexed {
    pub(super) engine: Engine<IndexedFullStatus>,
    backend: Arc<Backend>,
}

impl Indexed {
    /// The library gives up on all index files for one that is bad: then it is shown the others, which name most of
    /// the data.
    pub(super) fn of(repository: &Repository) -> Result<Self, RepositoryError> {
        match Self::through(repository, Backend::new(Arc::clone(&repository.store))) {
            Err(error) if error.is_of_one_file() => {
                let damaged = repository.damaged_indexes()?;
                Self::through(repository, Backend::without(Arc::clone(&repository.store), damaged))
            }
            other => other,
        }
    }

    fn through(repository: &Repository, backend: Backend) -> Result<Self, RepositoryError> {
        let backend = Arc::new(backend);
        let engine = repository.connect_through(Arc::clone(&backend))?.to_indexed();
        let engine =
            engine.map_err(|error| RepositoryError::from_reading(repository.location(), "the index", &error))?;
        Ok(Self { engine, backend })
    }

    /// Where a part of a file lies; `None`: no index names it, and reading it will tell.
    pub(super) fn place_of_data(&self, id: &DataId) -> Option<Place> {
        let entry = self.engine.get_index_entry(id).ok()?;
        Some(Place { pack: entry.pack.into_inner(), offset: entry.location.offset, length: entry.location.length })
    }

    pub(super) fn place_of_tree(&self, id: &TreeId) -> Option<Place> {
        let entry = self.engine.get_index_entry(id).ok()?;
        Some(Place { pack: entry.pack.into_inner(), offset: entry.location.offset, length: entry.location.length })
    }

    /// Fetches what lies at `places`, `at_once` pieces at a time, and keeps it in memory until the answer is dropped.
    ///
    /// A piece that cannot be had says nothing of each blob in it: those are asked for alone then. Only a store that
    /// does not answer is an error, so that not every file waits for it again.
    pub(super) fn fetch(
        &self,
        repository: &Repository,
        places: Vec<Place>,
        at_once: usize,
    ) -> Result<Ahead<'_>, Fault> {
        let mut ahead = Ahead::nothing(&self.backend);
        for some in pieces(places).chunks(at_once.max(1)) {
            if let [only] = some {
                ahead.keep(usable(only, repository)?);
                continue;
            }
            let work = |piece| Ok(usable(&piece, repository));
            // A thread that fell over leaves its blobs to be asked for alone, too.
            for fetched in side_by_side(repository.location(), "reading", some.to_vec(), work).into_iter().flatten() {
                ahead.keep(fetched?);
            }
        }
        Ok(ahead)
    }

    pub(super) fn tree(&self, repository: &Repository, path: &str, id: TreeId) -> Result<Tree, RepositoryError> {
        self.twice(repository, self.place_of_tree(&id), || {
            self.engine.get_tree(&id).map_err(|error| {
                let what =
                    if path.is_empty() { "the top folder".to_owned() } else { format!("the folder “{path}”") };
                RepositoryError::from_reading(repository.location(), what, &error)
            })
        })
    }

    /// Does again what came out damaged from afar, past what was fetched ahead: a byte may have changed on the way, and
    /// what is damaged where it lies stays so.
    fn twice<T>(
        &self,
        repository: &Repository,
        place: Option<Place>,
        work: impl Fn() -> Result<T, RepositoryError>,
    ) -> Result<T, RepositoryError> {
        match work() {
            Err(RepositoryError::Damaged { .. }) if repository.location().is_remote() => {
                if let Some(place) = place {
                    self.backend.distrust(&place);
                }
                work()
            }
            other => other,
        }
    }

    /// One part of the file at `path`: decrypted, authenticated, and compared with the hash it is named after.
    pub(super) fn blob(&self, repository: &Repository, path: &str, id: DataId) -> Result<Bytes, RepositoryError> {
        self.twice(repository, self.place_of_data(&id), || self.blob_once(repository, path, id))
    }

    fn blob_once(&self, repository: &Repository, path: &str, id: DataId) -> Result<Bytes, RepositoryError> {
        let what = || {
            let pack =
                self.engine.get_index_entry(&id).map(|entry| entry.pack.into_inner().to_hex().as_str().to_owned());
            let name = id.into_inner().to_hex();
            match pack {
                Ok(pack) => format!("“{path}” (blob {} in pack {pack})", name.as_str()),
                Err(_) => format!("“{path}” (blob {}, which no index names)", name.as_str()),
            }
        };
        let bytes = self
            .engine
            .get_blob_cached(&BlobId::from(id), BlobType::Data)
            .map_err(|error| RepositoryError::from_reading(repository.location(), what(), &error))?;
        // The library checks the encryption's authentication code, and not that this is the blob that was asked for.
        if Id::new(Sha256::digest(&bytes).into()) == id.into_inner() {
            Ok(bytes)
        } else {
            Err(repository.damaged(what(), "its bytes are not those it is named after"))
        }
    }
}

impl Repository {
    pub(super) fn damaged(&self, what: impl Into<String>, found: impl Into<String>) -> RepositoryError {
        RepositoryError::Damaged {
            location: self.location().clone(),
            what: what.into(),
            source: EngineFault::new(found),
        }
    }
}

/// A piece with its bytes; `None` where its blobs have to be asked for one by one.
fn usable(piece: &Piece, repository: &Repository) -> Result<Option<(Piece, Bytes)>, Fault> {
    let path = path_of(FileType::Pack, &piece.pack);
    match repository.store.read_range(&path, u64::from(piece.start), piece.length() as usize) {
        Ok(bytes) => Ok(Some((*piece, bytes))),
        // No other request would fare better.
        Err(fault) if matches!(fault.kind(), FaultKind::Unreachable | FaultKind::TimedOut) => Err(fault),
        Err(_) => Ok(None),
    }
}
