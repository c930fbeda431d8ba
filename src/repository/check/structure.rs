//! Whether the files of a repository fit together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rustic_core::repofile::{BlobType, IndexFile, IndexPack, NodeType, SnapshotFile as EngineSnapshot};
use rustic_core::{FileType, Id, IndexedFullStatus, TreeId};
use sha2::{Digest, Sha256};

use super::affected::Affected;
use super::{CheckFinding, FindingKind, ReadData};
use crate::model::in_words::count;
use crate::repository::Repository;
use crate::repository::backend::{Backend, path_of};
use crate::repository::engine::{Engine, side_by_side, twice};
use crate::repository::error::RepositoryError;

/// Folders that are fetched at the same time.
const FOLDERS_AT_ONCE: usize = 4;

/// What is there, what should be, and what does not agree.
pub(super) struct Survey {
    engine: Engine<IndexedFullStatus>,
    /// Every pack that an intact index names.
    packs: BTreeMap<Id, IndexPack>,
    /// Every pack that is there, with its size.
    listed: HashMap<Id, u64>,
    snapshots: Vec<(Id, EngineSnapshot)>,
    /// Packs that are gone or altered.
    bad_packs: BTreeMap<Id, (FindingKind, String)>,
    /// Findings about other files than packs.
    others: Vec<CheckFinding>,
}

impl Survey {
    pub(super) fn of(repository: &Repository) -> Result<Self, RepositoryError> {
        let mut others = check_keys(repository)?;
        let backend = Arc::new(Backend::remembering(Arc::clone(&repository.store)));
        let engine = repository.connect_through(Arc::clone(&backend))?;
        let mut indexes = Vec::new();
        for (id, whole) in hash_all(repository, &backend, FileType::Index)? {
            match whole.then(|| engine.get_file::<IndexFile>(&id.into())) {
                Some(Ok(index)) => indexes.push(index),
                damaged => {
                    backend.hide(id);
                    let what = format!("the index file {} {}", hex(&id), wrongness(damaged.is_none()));
                    others.push(finding(FindingKind::IndexDamaged, what, Some(path_of(FileType::Index, &id))));
                }
            }
        }
        let mut snapshots = Vec::new();
        for (id, whole) in hash_all(repository, &backend, FileType::Snapshot)? {
            match whole.then(|| engine.get_file::<EngineSnapshot>(&id.into())) {
                Some(Ok(snapshot)) => snapshots.push((id, snapshot)),
                damaged => {
                    let what = format!("the snapshot {} {}", hex(&id), wrongness(damaged.is_none()));
                    others.push(finding(FindingKind::SnapshotDamaged, what, Some(path_of(FileType::Snapshot, &id))));
                }
            }
        }
        let mut packs = BTreeMap::new();
        for index in indexes {
            for pack in index.packs {
                if let Some(what) = disorder_in(&pack) {
                    others.push(finding(FindingKind::Structure, what, None));
                }
                packs.insert(pack.id.into_inner(), pack);
            }
        }
        let engine = engine
            .to_indexed()
            .map_err(|error| RepositoryError::from_reading(repository.location(), "the index", &error))?;
        let listed = repository.list(FileType::Pack)?.into_iter().collect();
        let bad_packs = compare(&packs, &listed);
        let gone = bad_packs.iter().filter(|(_, (kind, _))| *kind == FindingKind::PackMissing);
        repository.confirm_missing(gone.map(|(id, _)| id))?;
        Ok(Self { engine, packs, listed, snapshots, bad_packs, others })
    }

    /// The packs to read, with their sizes: all that an index names and that are there in their right size.
    pub(super) fn choose(&self, read: ReadData) -> Vec<(Id, u64)> {
        let mut packs: Vec<(Id, u64)> = self
            .packs
            .keys()
            .filter(|id| !self.bad_packs.contains_key(id))
            .filter_map(|id| Some((*id, *self.listed.get(id)?)))
            .collect();
        let percent = match read {
            ReadData::No => return Vec::new(),
            ReadData::All => return packs,
            ReadData::Percent(percent) => u64::from(percent.min(100)),
        };
        let total: u64 = packs.iter().map(|(_, size)| size).sum();
        shuffle(&mut packs);
        let mut wanted = total / 100 * percent + total % 100 * percent / 100;
        packs.retain(|(_, size)| {
            let chosen = wanted > 0;
            wanted = wanted.saturating_sub(*size);
            chosen
        });
        packs
    }

    /// Notes a pack whose bytes are not those it is named after.
    pub(super) fn altered(&mut self, id: Id) {
        let what = format!("the pack {} does not have the bytes it is named after", hex(&id));
        self.bad_packs.insert(id, (FindingKind::PackAltered, what));
    }

    /// Notes a pack that the drive does not give.
    pub(super) fn unreadable(&mut self, id: Id) {
        let what = format!("the pack {} is there, and cannot be read", hex(&id));
        self.bad_packs.insert(id, (FindingKind::PackAltered, what));
    }

    /// Walks every folder of every snapshot, and puts all findings together with the files that they touch.
    pub(super) fn findings(mut self, repository: &Repository) -> Result<Vec<CheckFinding>, RepositoryError> {
        self.walk(repository)?;
        if self.bad_packs.is_empty() && self.others.is_empty() {
            return Ok(Vec::new());
        }
        let newest = self.snapshots.iter().max_by_key(|(id, snapshot)| (snapshot.time.timestamp(), *id));
        let affected = match newest {
            Some((_, snapshot)) => {
                Affected::find(repository.location(), &self.engine, snapshot.tree, &self.packs, &self.bad_packs)?
            }
            None => Affected::default(),
        };
        let mut findings = self.others;
        for (id, (kind, what)) in self.bad_packs {
            let file = (kind != FindingKind::PackMissing).then(|| path_of(FileType::Pack, &id));
            findings.push(CheckFinding { kind, what, file, paths: affected.by_pack(&id) });
        }
        let unnamed = affected.unnamed();
        if !unnamed.is_empty() {
            let what = "files of the newest snapshot have parts that no index names".to_owned();
            findings.push(CheckFinding { kind: FindingKind::Structure, what, file: None, paths: unnamed });
        }
        findings.sort_by(|left, right| (left.kind, &left.what).cmp(&(right.kind, &right.what)));
        Ok(findings)
    }

    fn walk(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let named: HashSet<(BlobType, Id)> = self
            .packs
            .values()
            .flat_map(|pack| pack.blobs.iter().map(|blob| (blob.tpe, blob.id.into_inner())))
            .collect();
        let mut seen: HashSet<TreeId> = HashSet::new();
        let mut newest_seen: HashSet<&str> = HashSet::new();
        // The newest first: what it shares with older ones counts as its own.
        self.snapshots.sort_by_key(|(id, snapshot)| std::cmp::Reverse((snapshot.time.timestamp(), *id)));
        for (snapshot, file) in &self.snapshots {
            let kind = if newest_seen.insert(file.hostname.as_str()) {
                FindingKind::Structure
            } else {
                FindingKind::OldSnapshotIncomplete
            };
            let mut unnamed: BTreeSet<Id> = BTreeSet::new();
            let mut unreadable: BTreeSet<Id> = BTreeSet::new();
            let mut folders = vec![file.tree];
            while !folders.is_empty() {
                let mut some = folders.split_off(folders.len().saturating_sub(FOLDERS_AT_ONCE));
                some.retain(|tree| seen.insert(*tree));
                some.retain(|tree| {
                    named.contains(&(BlobType::Tree, tree.into_inner())) || {
                        unnamed.insert(tree.into_inner());
                        false
                    }
                });
                let trees = side_by_side(repository.location(), "checking", some.clone(), |id| {
                    twice(repository.location(), || {
                        let tree = self.engine.get_tree(&id);
                        tree.map_err(|error| RepositoryError::from_reading(repository.location(), "a folder", &error))
                    })
                });
                for (id, tree) in some.into_iter().zip(trees) {
                    let tree = match tree {
                        Ok(tree) => tree,
                        Err(error) if error.is_of_one_part() => {
                            unreadable.insert(id.into_inner());
                            continue;
                        }
                        Err(error) => return Err(error),
                    };
                    for node in tree.nodes {
                        if node.node_type == NodeType::Dir {
                            folders.extend(node.subtree);
                        }
                        let content = node.content.into_iter().flatten().map(rustic_core::DataId::into_inner);
                        unnamed.extend(content.filter(|id| !named.contains(&(BlobType::Data, *id))));
                    }
                }
            }
            for (missing, how) in [(unnamed, "gone, or named by no index"), (unreadable, "not to be read")] {
                if !missing.is_empty() {
                    let parts = count(missing.len() as u64, "part", "parts");
                    let what = format!("{parts} of the snapshot {}: {how}", hex(snapshot));
                    self.others.push(finding(kind, what, None));
                }
            }
        }
        Ok(())
    }
}

fn wrongness(misnamed: bool) -> &'static str {
    if misnamed { "does not give the bytes it is named after" } else { "cannot be read, although its bytes are right" }
}

fn finding(kind: FindingKind, what: String, file: Option<String>) -> CheckFinding {
    CheckFinding { kind, what, file, paths: Vec::new() }
}

fn hex(id: &Id) -> String {
    id.to_hex().as_str().to_owned()
}

fn check_keys(repository: &Repository) -> Result<Vec<CheckFinding>, RepositoryError> {
    let backend = Backend::new(Arc::clone(&repository.store));
    let keys = repository.list(FileType::Key)?;
    if keys.is_empty() {
        let what = "there is no key file: no password opens the repository, only its master key does".to_owned();
        return Ok(vec![finding(FindingKind::KeyDamaged, what, None)]);
    }
    let keys = hash_all(repository, &backend, FileType::Key)?;
    let damaged = keys.into_iter().filter(|(_, whole)| !whole);
    let finding = |id: Id| {
        let what = format!("the key file {} {}", hex(&id), wrongness(true));
        finding(FindingKind::KeyDamaged, what, Some(path_of(FileType::Key, &id)))
    };
    Ok(damaged.map(|(id, _)| finding(id)).collect())
}

/// Every file of a type, with whether its bytes have the SHA-256 hash that it is named after.
fn hash_all(repository: &Repository, backend: &Backend, kind: FileType) -> Result<Vec<(Id, bool)>, RepositoryError> {
    let mut all = Vec::new();
    for some in repository.list(kind)?.chunks(FOLDERS_AT_ONCE) {
        let hashes = side_by_side(repository.location(), "checking", some.to_vec(), |(id, _)| {
            let bytes = backend.file(kind, &id);
            match bytes.map_err(|fault| RepositoryError::from_fault(repository.location(), fault)) {
                Ok(bytes) => Ok((id, Id::new(Sha256::digest(&bytes).into()) == id)),
                Err(error) if error.is_of_one_file() => Ok((id, false)),
                Err(error) => Err(error),
            }
        });
        for hash in hashes {
            all.push(hash?);
        }
    }
    Ok(all)
}

/// Whether the blobs of a pack lie one behind the other.
fn disorder_in(pack: &IndexPack) -> Option<String> {
    let mut blobs: Vec<_> = pack.blobs.iter().map(|blob| (blob.location.offset, blob.location.length)).collect();
    blobs.sort_unstable();
    let mut end: u32 = 0;
    for (offset, length) in blobs {
        if offset != end {
            return Some(format!("the index of the pack {} has a gap or an overlap in it", hex(&pack.id.into_inner())));
        }
        end = end.saturating_add(length);
    }
    None
}

/// Packs that are gone, or not as long as the index says.
fn compare(packs: &BTreeMap<Id, IndexPack>, listed: &HashMap<Id, u64>) -> BTreeMap<Id, (FindingKind, String)> {
    let mut bad = BTreeMap::new();
    for (id, pack) in packs {
        let should = u64::from(pack.pack_size());
        match listed.get(id) {
            None => {
                bad.insert(*id, (FindingKind::PackMissing, format!("the pack {} is not there", hex(id))));
            }
            Some(size) if *size != should => {
                let what = format!("the pack {} has {size} bytes, and should have {should}", hex(id));
                bad.insert(*id, (FindingKind::PackAltered, what));
            }
            Some(_) => {}
        }
    }
    bad
}

/// Puts packs in an order that no earlier check has drawn.
fn shuffle(packs: &mut [(Id, u64)]) {
    let mut seed = [0; 32];
    // Without randomness the order of the names is a choice like any other.
    if getrandom::fill(&mut seed).is_ok() {
        packs.sort_by_cached_key(|(id, _)| {
            Sha256::new().chain_update(seed).chain_update(id.to_hex().as_str()).finalize().to_vec()
        });
    }
}
