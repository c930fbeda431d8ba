//! From a copy to an object: durable before named.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Disk, Entry, Store, Verdict, error::ObjectsError, incoming::Staged};
use crate::model::{ObjectId, Sha1Digest};

/// An object that is durable under its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Its name.
    pub id: ObjectId,
    /// The SHA-1 of its bytes.
    pub sha1: Sha1Digest,
    /// Bytes.
    pub size: u64,
    /// Whether its bytes came in with this commit: `false` if the store had them.
    pub was_new: bool,
}

/// What makes an object that is there already as good as the copy that came in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// It has the right size.
    Size,
    /// Its bytes hash to its name.
    Content,
}

/// What becomes of one copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// The store has it: the copy goes.
    Discard,
    /// Nothing bears the name.
    Name,
    /// What bears the name is not the object.
    Replace,
}

/// Does `work` to every item, `at_once` at a time, and comes back when all is done or an item has failed.
fn together<T: Sync>(
    items: &[T],
    at_once: usize,
    work: impl Fn(&T) -> Result<(), ObjectsError> + Sync,
) -> Result<(), ObjectsError> {
    let next = AtomicUsize::new(0);
    let take_turns = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = work(item) {
                next.store(items.len(), Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let helpers = at_once.min(items.len()).saturating_sub(1);
        // A thread that cannot be had is no loss: the others do its share.
        let helpers: Vec<_> =
            (0..helpers).map_while(|_| thread::Builder::new().spawn_scoped(scope, take_turns).ok()).collect();
        let mut done = take_turns();
        for helper in helpers {
            done = done.and(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    })
}

impl<D: Disk> Store<D> {
    /// Makes the copies objects, and answers in their order.
    ///
    /// After Ok each of them survives a power loss under its name, the ones that were there before too: a run that
    /// died may have named them and synced nothing. After Err, and after a crash at any moment, every name in the
    /// store still stands for whole content; some of the copies may be objects already, the others are gone or will
    /// be swept. An object that is there is kept if its size is right, else the copy takes its place.
    ///
    /// Costs one sync per new copy, one per distinct folder and one for `objects/`: a bigger batch is cheaper.
    pub fn commit(&self, staged: Vec<Staged<D>>) -> Result<Vec<Committed>, ObjectsError> {
        self.settle(staged, Trust::Size)
    }

    /// Does what [`Store::commit`] does, but reads the objects that are there: an altered one of the right size is
    /// replaced too. For healing, and for reading a source again.
    pub fn heal(&self, staged: Vec<Staged<D>>) -> Result<Vec<Committed>, ObjectsError> {
        self.settle(staged, Trust::Content)
    }

    /// Makes the names of objects durable that are there already: a run that died may have named them and synced
    /// nothing.
    ///
    /// After Ok those of `ids` that are there survive a power loss.
    pub fn settle_names<'a>(&self, ids: impl IntoIterator<Item = &'a ObjectId>) -> Result<(), ObjectsError> {
        let folders: BTreeSet<_> = ids.into_iter().map(|id| self.folder(id)).collect();
        for folder in &folders {
            self.sync_folder(folder)?;
        }
        if folders.is_empty() { Ok(()) } else { self.sync_folder(&self.objects) }
    }

    fn settle(&self, staged: Vec<Staged<D>>, trust: Trust) -> Result<Vec<Committed>, ObjectsError> {
        if staged.is_empty() {
            return Ok(Vec::new());
        }
        let mut seen = HashSet::new();
        let mut plans = Vec::with_capacity(staged.len());
        for copy in &staged {
            plans.push(if seen.insert(copy.id) { self.plan(copy, trust)? } else { Plan::Discard });
        }
        let wanted = staged.iter().zip(&plans).filter(|(_, plan)| **plan != Plan::Discard);
        let wanted: Vec<&Staged<D>> = wanted.map(|(copy, _)| copy).collect();
        together(&wanted, self.disk.syncs_at_once(), |copy| copy.temp.sync())?;

        // All bytes are durable. Only now may names appear.
        let mut folders = BTreeSet::new();
        let mut committed = Vec::with_capacity(staged.len());
        for (copy, plan) in staged.into_iter().zip(plans) {
            let Staged { id, sha1, size, .. } = copy;
            folders.insert(self.folder(&id));
            let was_new = self.carry_out(plan, copy, trust)?;
            committed.push(Committed { id, sha1, size, was_new });
        }

        let folders = Vec::from_iter(folders);
        together(&folders, self.disk.syncs_at_once(), |folder| self.sync_folder(folder))?;
        self.sync_folder(&self.objects)?;
        Ok(committed)
    }

    fn plan(&self, copy: &Staged<D>, trust: Trust) -> Result<Plan, ObjectsError> {
        match self.entry(&copy.id)? {
            Entry::Nothing => Ok(Plan::Name),
            Entry::Folder => Err(ObjectsError::NotAFile { path: self.path(&copy.id) }),
            Entry::File { size } if size == copy.size => match trust {
                Trust::Size => Ok(Plan::Discard),
                Trust::Content => match self.verify(&copy.id)? {
                    Verdict::Whole { .. } => Ok(Plan::Discard),
                    Verdict::Missing | Verdict::Altered | Verdict::Unreadable(_) => Ok(Plan::Replace),
                },
            },
            Entry::File { .. } | Entry::Other => Ok(Plan::Replace),
        }
    }

    /// Whether the copy became the object.
    fn carry_out(&self, plan: Plan, copy: Staged<D>, trust: Trust) -> Result<bool, ObjectsError> {
        let path = self.path(&copy.id);
        let named = match plan {
            Plan::Discard => return Ok(false),
            Plan::Replace => self.disk.rename_over(&copy.temp.path, &path),
            Plan::Name => match self.disk.rename_new(&copy.temp.path, &path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.make_folder(&self.folder(&copy.id))?;
                    self.disk.rename_new(&copy.temp.path, &path)
                }
                named => named,
            },
        };
        match named {
            Ok(()) => {}
            // Another run was quicker since the plan was made.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && plan == Plan::Name => {
                if self.plan(&copy, trust)? == Plan::Discard {
                    return Ok(false);
                }
                self.disk
                    .rename_over(&copy.temp.path, &path)
                    .map_err(|source| ObjectsError::not_written(&path, source))?;
            }
            Err(source) => return Err(ObjectsError::not_written(&path, source)),
        }
        copy.temp.keep();
        Ok(true)
    }
}
