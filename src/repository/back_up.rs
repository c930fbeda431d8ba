//! Writing one snapshot, and deciding whether it is whole.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustic_core::repofile::SnapshotFile as EngineSnapshot;
use rustic_core::{
    BackupOptions, FileType, Id, OpenStatus, ParentOptions, RepairIndexOptions, RepositoryBackends, TreeId,
    WriteBackend,
};
use sha2::{Digest, Sha256};

use super::Repository;
use super::backend::{Backend, path_of, read_named};
use super::engine::{Engine, isolated, options};
use super::error::{EngineFault, RepositoryError};
use super::snapshot::{PATHS, Snapshot, SnapshotId, SnapshotStamp, draft, mark_partial};
use super::source::{Bars, Run, Source};
use super::store::{Fault, FaultKind};
use super::tree::{Plan, TreeFile};
use crate::events::{Listener, Progress, Stage};
use crate::model::{Problem, ProblemKind};

/// What a backup did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackedUp {
    /// The snapshot that holds the tree: a new one, or the newest one where nothing changed. `None`: of a tree with
    /// files, not one could be read.
    pub snapshot: Option<SnapshotId>,
    /// Whether it holds every file of the tree.
    pub complete: bool,
    /// Whether the newest snapshot held the same tree already, and none was written.
    pub unchanged: bool,
    /// Files in the snapshot.
    pub files: u64,
    /// Files in it that the snapshot before did not have, or had with other content.
    pub files_new: u64,
    /// Bytes read from objects.
    pub read_bytes: u64,
    /// Bytes written to the repository.
    pub sent_bytes: u64,
    /// The files that could not be read, each with its path.
    pub problems: Vec<Problem>,
}

/// What is believed of the parts that are as they were in the newest snapshot.
#[derive(Clone, Copy)]
enum Unchanged {
    IsThere,
    MayBeLost,
}

/// Leftovers of writers that are older than this are swept; nothing takes that long to write one file.
const LEFTOVERS_AFTER: Duration = Duration::from_hours(24);

/// Bytes: the length of its header, and what encrypting one adds (restic design document, “Pack Format”).
const SHORTEST_PACK: u64 = 4 + 32;

/// How many missing packs are asked for by name before they are believed to be gone.
const CONFIRMED: usize = 20;

impl Repository {
    /// Writes a snapshot of `tree`, reading only what the newest snapshot of the same archive does not hold.
    ///
    /// After `Ok`, everything the snapshot needs was accepted by the store before the snapshot was; a snapshot that
    /// lacks files is marked as partial. After `Err`, no snapshot was written; what was sent already is taken up by
    /// the next call. A file that cannot be read, or whose bytes are not those it is named after, is a problem and
    /// not an error.
    ///
    /// Folders that are as they were in the newest snapshot are taken to be there: one that was lost with its pack is
    /// found by [`Self::check`] alone, and written by [`Self::back_up_anew`].
    pub fn back_up(
        &self,
        tree: Vec<TreeFile>,
        stamp: &SnapshotStamp,
        listener: &dyn Listener,
    ) -> Result<BackedUp, RepositoryError> {
        self.write(tree, stamp, Unchanged::IsThere, listener)
    }

    /// The same, but reads every file and looks for every part in the index: what the newest snapshot names and the
    /// repository has lost is written again.
    pub fn back_up_anew(
        &self,
        tree: Vec<TreeFile>,
        stamp: &SnapshotStamp,
        listener: &dyn Listener,
    ) -> Result<BackedUp, RepositoryError> {
        self.write(tree, stamp, Unchanged::MayBeLost, listener)
    }

    fn write(
        &self,
        tree: Vec<TreeFile>,
        stamp: &SnapshotStamp,
        unchanged_parts: Unchanged,
        listener: &dyn Listener,
    ) -> Result<BackedUp, RepositoryError> {
        let plan = Arc::new(Plan::new(tree)?);
        if listener.stop_requested() {
            return Err(self.interrupted());
        }
        self.store.mend();
        self.refuse_if_locked(stamp.at)?;
        let before = self.traffic();
        self.settle_names()?;
        self.sweep(stamp)?;
        let backend = Arc::new(Backend::remembering(Arc::clone(&self.store)));
        self.settle(&backend, listener)?;
        let parent = self.newest_of(&backend, &stamp.archive_id)?;
        let run = Arc::new(Run::new(Arc::clone(&self.store)));
        // The library writes no folder that the parent names, be it in the index or not.
        let parent_id = match unchanged_parts {
            Unchanged::IsThere => parent.as_ref().map(|(snapshot, _)| snapshot.id),
            Unchanged::MayBeLost => None,
        };
        let archived = self.archive(&backend, &plan, &run, draft(self.location(), stamp)?, parent_id, listener);
        // Whatever came of it: none of its packs may still be on the way when this returns.
        let arrived = backend.wait_for_uploads();
        self.forget_index();
        if run.stopped() || listener.stop_requested() {
            self.store.mend();
            return Err(self.interrupted());
        }
        let (engine, mut file) = archived?;
        arrived.map_err(|fault| RepositoryError::from_fault(self.location(), fault))?;
        if let Some(fault) = self.store.broken() {
            return Err(RepositoryError::from_fault(self.location(), fault));
        }
        let summary = file.summary.clone().unwrap_or_default();
        let files = summary.total_files_processed;
        let problems = self.all_problems(&run, plan.files.saturating_sub(files), listener);
        let complete = problems.is_empty() && files == plan.files && summary.total_bytes_processed == plan.bytes;
        let unchanged = parent.as_ref().is_some_and(|(snapshot, tree)| {
            // The library writes times in the zone of the machine, so the same tree has other names elsewhere. But
            // when every file was recognised by its path, and there are as many as before, they are the same.
            let same_files = summary.files_unmodified == files && snapshot.files == files;
            (*tree == file.tree || same_files) && snapshot.complete == complete
        });
        let snapshot = if unchanged {
            parent.map(|(snapshot, _)| snapshot.id)
        } else if files == 0 && plan.files > 0 {
            None
        } else {
            if !complete {
                mark_partial(&mut file);
            }
            Some(self.save(&backend, &engine, file)?)
        };
        Ok(BackedUp {
            snapshot,
            complete,
            unchanged,
            files,
            files_new: summary.files_new.saturating_add(summary.files_changed),
            read_bytes: run.read_bytes(),
            sent_bytes: self.traffic().sent_bytes.saturating_sub(before.sent_bytes),
            problems,
        })
    }

    /// The problems of the run, and one more if the snapshot lacks more files than they explain.
    fn all_problems(&self, run: &Run, short: u64, listener: &dyn Listener) -> Vec<Problem> {
        let mut problems = run.problems_since(0);
        let unexplained = short.saturating_sub(problems.len() as u64);
        if unexplained > 0 {
            // Counted, so that no way of losing a file has to be known beforehand.
            let message = format!("{unexplained} files did not get into the snapshot, and nothing says why");
            let problem = Problem::new(self.location().to_string(), ProblemKind::Unreadable, message);
            listener.problem(&problem);
            problems.push(problem);
        }
        problems
    }

    pub(super) fn interrupted(&self) -> RepositoryError {
        RepositoryError::Interrupted { location: self.location().clone() }
    }

    /// Makes durable what is there, before anybody says that it is: a run that died may have named files and synced no
    /// folder.
    ///
    /// After `Ok` every snapshot, index and key survives a power cut, and with them the packs that they name: those
    /// were durable before.
    pub fn settle_names(&self) -> Result<(), RepositoryError> {
        self.store.settle().map_err(|fault| RepositoryError::from_fault(self.location(), fault))
    }

    fn sweep(&self, stamp: &SnapshotStamp) -> Result<(), RepositoryError> {
        let before = SystemTime::from(stamp.at).checked_sub(LEFTOVERS_AFTER).unwrap_or(SystemTime::UNIX_EPOCH);
        self.store.sweep(before).map_err(|fault| RepositoryError::from_fault(self.location(), fault))
    }

    /// Brings index and packs together again where a run was cut off or packs were lost.
    ///
    /// Packs that no index names would be deduplicated against and never indexed: the snapshot would pass here and
    /// fail in restic. Packs that are gone would pass as there: once they are out of the index, their files are read
    /// again.
    fn settle(&self, backend: &Arc<Backend>, listener: &dyn Listener) -> Result<(), RepositoryError> {
        self.replace_damaged_indexes(listener)?;
        let engine = self.connect_through(Arc::clone(backend))?;
        let mut indexed: HashMap<Id, u64> = HashMap::new();
        for index in self.index_files(&engine)? {
            for pack in index.packs.iter().chain(&index.packs_to_delete) {
                indexed.insert(pack.id.into_inner(), u64::from(pack.pack_size()));
            }
        }
        let listed: HashMap<Id, u64> = self.list(FileType::Pack)?.into_iter().collect();
        if listed == indexed {
            return Ok(());
        }
        self.refuse_cut_off(&listed, &indexed)?;
        // The index will name what a run left that died; it may have synced nothing.
        for id in listed.keys().filter(|id| !indexed.contains_key(id)) {
            let settled = self.store.settle_file(&path_of(FileType::Pack, id));
            settled.map_err(|fault| RepositoryError::from_fault(self.location(), fault))?;
        }
        self.confirm_missing(indexed.keys().filter(|id| !listed.contains_key(id)))?;
        listener.note(&format!(
            "{}: an earlier run was cut off, or files are missing; the index is brought up to date first",
            self.location()
        ));
        isolated(
            self.location(),
            "bringing the index up to date",
            || {
                engine.repair_index(&RepairIndexOptions::default(), false).map_err(|error| {
                    RepositoryError::from_engine(self.location(), "bringing the index up to date", &error)
                })
            },
            || {},
        )
    }

    /// Takes index files away that are no index any more: all that they said stands in the packs, and is read from there.
    fn replace_damaged_indexes(&self, listener: &dyn Listener) -> Result<(), RepositoryError> {
        let damaged = self.damaged_indexes()?;
        if !damaged.is_empty() {
            listener.note(&format!("{}: the index is damaged; it is made anew from the data", self.location()));
        }
        for id in damaged {
            let removed = self.store.remove(&path_of(FileType::Index, &id));
            removed.map_err(|fault| RepositoryError::from_fault(self.location(), fault))?;
        }
        Ok(())
    }

    /// Refuses to go on over a pack that lost bytes: the library reads where its header should be, and falls over.
    fn refuse_cut_off(&self, listed: &HashMap<Id, u64>, indexed: &HashMap<Id, u64>) -> Result<(), RepositoryError> {
        let expected = |id| indexed.get(id).copied().unwrap_or(SHORTEST_PACK);
        match listed.iter().find(|(id, size)| **size < expected(id)) {
            None => Ok(()),
            Some((id, size)) => Err(RepositoryError::Damaged {
                location: self.location().clone(),
                what: path_of(FileType::Pack, id),
                source: EngineFault::new(format!("{size} bytes are left of it, of at least {}", expected(id))),
            }),
        }
    }

    /// Asks for some packs by name that a listing did not have: a listing that was wrong would empty the index.
    pub(super) fn confirm_missing<'a>(&self, missing: impl Iterator<Item = &'a Id>) -> Result<(), RepositoryError> {
        let failed = |fault| RepositoryError::from_fault(self.location(), fault);
        for id in missing.take(CONFIRMED) {
            let path = path_of(FileType::Pack, id);
            if self.store.size(&path).map_err(failed)?.is_some() {
                let cause = std::io::Error::other("the list lacks a file that is there");
                return Err(failed(Fault::new(FaultKind::NotAStore, "list", path).because(cause)));
            }
        }
        Ok(())
    }

    /// The newest snapshot of this archive, with its tree.
    fn newest_of(
        &self,
        backend: &Arc<Backend>,
        archive_id: &str,
    ) -> Result<Option<(Snapshot, TreeId)>, RepositoryError> {
        let engine = self.connect_through(Arc::clone(backend))?;
        let files = self.snapshot_files(&engine)?;
        let ours = files
            .iter()
            .map(|(id, file)| (Snapshot::of(*id, file), file.tree))
            .filter(|(snapshot, _)| snapshot.ours && snapshot.archive_id == archive_id);
        Ok(ours.max_by_key(|(snapshot, _)| (snapshot.at, snapshot.id)))
    }

    /// Reads the plan into the repository. The snapshot that comes back is not written yet.
    fn archive(
        &self,
        backend: &Arc<Backend>,
        plan: &Arc<Plan>,
        run: &Arc<Run>,
        draft: EngineSnapshot,
        parent: Option<SnapshotId>,
        listener: &dyn Listener,
    ) -> Result<(Engine<OpenStatus>, EngineSnapshot), RepositoryError> {
        let location = self.location();
        let failed = |error: Box<rustic_core::RusticError>| {
            // The failed write says more than the broken pipe behind it.
            match self.store.broken() {
                Some(fault) => RepositoryError::from_fault(location, fault),
                None => RepositoryError::from_engine(location, "backing up", &error),
            }
        };
        backend.hold_snapshots();
        let backends = RepositoryBackends::new(Arc::clone(backend) as Arc<dyn WriteBackend>, None);
        let parents = match parent {
            Some(id) => ParentOptions::default().parents(vec![id.to_string()]),
            None => ParentOptions::default().force(true),
        };
        let backup = BackupOptions::default().parent_opts(parents).no_scan(true);
        let source = Source::new(Arc::clone(plan), Arc::clone(run));
        let credentials = rustic_core::Credentials::Masterkey(self.master.clone());
        let mut told = 0;
        isolated(
            location,
            "backing up",
            || {
                let engine = Engine::new_with_progress(&options(), &backends, Bars(Arc::clone(run))).map_err(failed)?;
                let engine = engine.open(&credentials).map_err(failed)?;
                let indexed = engine
                    .to_indexed_ids()
                    .map_err(|error| RepositoryError::from_reading(location, "the index", &error))?;
                let file = indexed.archive(&backup, &source, draft, &[PathBuf::from(PATHS)]).map_err(failed)?;
                Ok((indexed.drop_index(), file))
            },
            || told = watch(run, plan, told, listener),
        )
        .inspect(|_| {
            watch(run, plan, told, listener);
        })
    }

    fn save(
        &self,
        backend: &Backend,
        engine: &Engine<OpenStatus>,
        file: EngineSnapshot,
    ) -> Result<SnapshotId, RepositoryError> {
        backend.release_snapshots();
        let failed = |error: &rustic_core::RusticError| {
            RepositoryError::from_engine(self.location(), "writing the snapshot", error)
        };
        engine.save_snapshots(vec![file]).map_err(|error| failed(&error))?;
        let written = backend.written_snapshot().ok_or_else(|| RepositoryError::Engine {
            location: self.location().clone(),
            doing: "writing the snapshot",
            source: EngineFault::new("the library wrote none"),
        })?;
        self.must_be_there(&written)?;
        Ok(SnapshotId::new(written))
    }

    /// Reads back the snapshot that was just written: all that it names can be found again through nothing else, and
    /// a store that lost it would pass every check that begins with a list.
    fn must_be_there(&self, snapshot: &Id) -> Result<(), RepositoryError> {
        let path = path_of(FileType::Snapshot, snapshot);
        let bytes = read_named(&self.store, FileType::Snapshot, &path, snapshot)
            .map_err(|fault| RepositoryError::from_fault(self.location(), fault))?;
        if Id::new(Sha256::digest(&bytes).into()) == *snapshot {
            return Ok(());
        }
        Err(RepositoryError::Damaged {
            location: self.location().clone(),
            what: "the snapshot that was just written".to_owned(),
            source: EngineFault::new("the place says that it kept it, and gives other bytes back"),
        })
    }
}

/// Tells the listener what is new since problem number `told`, and asks it whether to stop.
fn watch(run: &Run, plan: &Plan, told: usize, listener: &dyn Listener) -> usize {
    if listener.stop_requested() {
        run.stop();
    }
    let problems = run.problems_since(told);
    for problem in &problems {
        listener.problem(problem);
    }
    listener.progress(Progress {
        stage: Stage::BackingUp,
        files_done: run.files_met(),
        files_total: plan.files,
        bytes_done: run.bytes_done(),
        bytes_total: plan.bytes,
    });
    told + problems.len()
}
