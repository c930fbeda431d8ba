//! Reading many files: in the order in which they lie, what lies together at once, several at a time.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use super::Repository;
use super::engine::panicked;
use super::error::RepositoryError;
use super::indexed::Indexed;
use super::pieces::Place;
use super::read::SnapshotFile;

/// Streams one file's bytes, each compared as [`Repository::read`] says, and returns their number.
pub type ReadOne<'a> = &'a dyn Fn(&mut dyn Write) -> Result<u64, RepositoryError>;

/// Bytes that are fetched together; a larger file is read alone.
const TOGETHER: u64 = 8 * 1024 * 1024;

/// Groups of files at a time, from a bucket: each waits for its own answers.
const AT_ONCE_FROM_A_BUCKET: usize = 6;

/// The same from a disk: two keep two cores busy, and a third reads while they do.
const AT_ONCE_FROM_A_DISK: usize = 3;

/// Results that may wait to be taken: as many as come in while a batch before them is put on the disk.
const UNTAKEN: usize = 256;

impl Repository {
    /// Reads many files: calls `work` for each of them on one of a few threads, and hands what it returns to `take` on
    /// this one, in no order.
    ///
    /// Once `take` breaks, no other file is begun, and the results that were not taken are dropped. Takes at most
    /// 200 MiB of memory for a bucket, and 100 for a disk; less where the files are small.
    ///
    /// # Errors
    ///
    /// The index cannot be read, or the library fell over. What concerns one file, `work` is told.
    pub fn read_each<'f, T: Send>(
        &self,
        files: Vec<&'f SnapshotFile>,
        work: impl Fn(&'f SnapshotFile, ReadOne<'_>) -> T + Sync,
        mut take: impl FnMut(&'f SnapshotFile, T) -> ControlFlow<()>,
    ) -> Result<(), RepositoryError> {
        let indexed = self.indexed()?;
        let groups = Mutex::new(groups(&indexed, files));
        let stop = AtomicBool::new(false);
        let at_once = if self.location().is_remote() { AT_ONCE_FROM_A_BUCKET } else { AT_ONCE_FROM_A_DISK };
        thread::scope(|scope| {
            let (done, results) = mpsc::sync_channel(UNTAKEN);
            let workers: Vec<_> = (0..at_once)
                .map(|_| {
                    let (indexed, groups, stop, work, done) = (&indexed, &groups, &stop, &work, done.clone());
                    scope.spawn(move || {
                        let next = || groups.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        while let Some(group) = next().filter(|_| !stop.load(Ordering::Relaxed)) {
                            if self.read_group(indexed, group, work, |result| done.send(result).is_ok()).is_break() {
                                return;
                            }
                        }
                    })
                })
                .collect();
            drop(done);
            for (file, result) in results {
                if take(file, result).is_break() {
                    // The receiver is gone with the loop: whoever still has a result finds nobody to give it to.
                    stop.store(true, Ordering::Relaxed);
                    break;
                }
            }
            let mut outcome = Ok(());
            for worker in workers {
                if let Err(panic) = worker.join() {
                    outcome = Err(panicked(self.location(), "reading", panic.as_ref()));
                }
            }
            outcome
        })
    }

    fn read_group<'f, T>(
        &self,
        indexed: &Indexed,
        group: Group<'f>,
        work: &impl Fn(&'f SnapshotFile, ReadOne<'_>) -> T,
        give: impl Fn((&'f SnapshotFile, T)) -> bool,
    ) -> ControlFlow<()> {
        let fetched = if group.is_one_large() { None } else { Some(indexed.fetch(self, group.places, 1)) };
        for file in group.files {
            let result = match &fetched {
                None => work(file, &|out| self.read(file, out)),
                Some(Ok(_)) => work(file, &|out| self.read_ahead(indexed, file, out)),
                // The store does not answer, and each of them would wait for it anew.
                Some(Err(fault)) => work(file, &|_| Err(self.failed(fault.clone()))),
            };
            if !give((file, result)) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// Files that are fetched together.
#[derive(Default)]
struct Group<'f> {
    files: Vec<&'f SnapshotFile>,
    places: Vec<Place>,
    bytes: u64,
}

impl Group<'_> {
    fn is_one_large(&self) -> bool {
        self.bytes > TOGETHER
    }
}

fn groups<'f>(indexed: &Indexed, files: Vec<&'f SnapshotFile>) -> VecDeque<Group<'f>> {
    let place = |file: &SnapshotFile| file.content.first().and_then(|id| indexed.place_of_data(id));
    let mut in_order: Vec<_> = files.into_iter().map(|file| (place(file), file)).collect();
    in_order.sort_by_key(|(place, _)| *place);
    let mut groups = VecDeque::new();
    let mut group = Group::default();
    for (_, file) in in_order {
        let places: Vec<Place> = file.content.iter().filter_map(|id| indexed.place_of_data(id)).collect();
        let bytes: u64 = places.iter().map(|place| u64::from(place.length)).sum();
        if !group.files.is_empty() && group.bytes + bytes > TOGETHER {
            groups.push_back(std::mem::take(&mut group));
        }
        group.files.push(file);
        group.places.extend(places);
        group.bytes += bytes;
    }
    if !group.files.is_empty() {
        groups.push_back(group);
    }
    groups
}
