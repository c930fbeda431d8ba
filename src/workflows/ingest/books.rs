//! The books of a run: which files are known, what waits to become durable, what has been counted.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::ahead::Ahead;
use super::copy_in::{Copied, Copy};
use super::store::Plan;
use super::tally::Tally;
use crate::catalog::{Catalog, FileOutcome, FileRecord, Recorded, Seen, SeenOutcome};
use crate::events::{Listener, Progress, Stage};
use crate::model::{Coming, FileStamp, Kind, ObjectId, Problem, ProblemKind, RawPath, in_words};
use crate::objects::{ObjectsError, Staged, Store};
use crate::sources::{FoundFile, Met, Source, SourceError, Unfollowed};
use crate::workflows::Error;

/// A batch shares its folder syncs and its transaction; it is committed when it has this many files or bytes, or is
/// this old.
const BATCH_FILES: usize = 256;
const BATCH_BYTES: u64 = 256 << 20;
const BATCH_AGE: Duration = Duration::from_secs(2);

/// This many files in a row that cannot be read are worth a look whether the drive is still there.
const DOUBTFUL: u32 = 8;

/// The walking thread's view of the run.
pub(super) struct Books<'a> {
    catalog: &'a mut Catalog,
    objects: &'a Store,
    source: &'a Source,
    plan: &'a Plan<'a>,
    tally: &'a mut Tally,
    listener: &'a dyn Listener,
    ahead: &'a Ahead,
    batch: Batch,
    /// Files that a dying drive gave with holes: read again with patience when all else is safe.
    put_off: Vec<PutOff>,
    /// Files that the readers have and did not hand in yet.
    under_way: u64,
    /// Bytes of the files that are settled, read or not.
    bytes_met: u64,
    /// Files in a row that could not be read.
    doubtful: u32,
    links: u64,
}

/// Files that wait to become durable together.
struct Batch {
    records: Vec<Pending>,
    bytes: u64,
    since: Instant,
}

/// A file that came with holes, and what came of it so far.
struct PutOff {
    found: FoundFile,
    had: Option<Had>,
}

/// The bytes of a file, with their holes.
struct Had {
    staged: Staged,
    kind: Kind,
    coming: Coming,
}

enum Pending {
    Staged {
        path: RawPath,
        stamp: FileStamp,
        had: Had,
    },
    /// Met and settled; `object` where its bytes are in the archive.
    Plain {
        record: FileRecord,
        object: Option<ObjectId>,
    },
}

impl Batch {
    fn new() -> Self {
        Self { records: Vec::new(), bytes: 0, since: Instant::now() }
    }

    fn is_due(&self) -> bool {
        let full = self.records.len() >= BATCH_FILES || self.bytes >= BATCH_BYTES;
        full || (!self.records.is_empty() && self.since.elapsed() >= BATCH_AGE)
    }
}

/// What a reader hands in.
pub(super) type Handed = (FoundFile, Result<Copy, ObjectsError>);

/// Each holds an open file, so there cannot be any number of them; what comes with holes after these is kept as it is.
const MOST_PUT_OFF: usize = 256;

impl<'a> Books<'a> {
    pub(super) fn new(
        catalog: &'a mut Catalog,
        objects: &'a Store,
        source: &'a Source,
        plan: &'a Plan<'a>,
        tally: &'a mut Tally,
        ahead: &'a Ahead,
        listener: &'a dyn Listener,
    ) -> Self {
        Self {
            catalog,
            objects,
            source,
            plan,
            tally,
            listener,
            ahead,
            batch: Batch::new(),
            put_off: Vec::new(),
            under_way: 0,
            bytes_met: 0,
            doubtful: 0,
            links: 0,
        }
    }

    /// Walks the source to its end, and goes back to what came with holes; false when the person asked to stop before.
    pub(super) fn walk(
        &mut self,
        to_read: &mpsc::SyncSender<FoundFile>,
        copies: &mpsc::Receiver<Handed>,
    ) -> Result<bool, Error> {
        let (source, listener) = (self.source, self.listener);
        let mut went_on = Ok(true);
        source.walk(&|| listener.stop_requested(), &mut |met| {
            went_on = self.meet(met, to_read, copies);
            if matches!(went_on, Ok(true)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if !went_on? || listener.stop_requested() {
            return Ok(false);
        }
        while self.under_way > 0 {
            let Ok(copy) = copies.recv() else { return Ok(false) };
            self.take(copy)?;
        }
        self.look_whether_the_source_is_there()?;
        self.go_back(to_read, copies)
    }

    fn meet(
        &mut self,
        met: Met,
        to_read: &mpsc::SyncSender<FoundFile>,
        copies: &mpsc::Receiver<Handed>,
    ) -> Result<bool, Error> {
        match met {
            Met::File(found) => {
                self.tally.report.files_seen += 1;
                if !self.is_known(&found)? {
                    if to_read.send(found).is_err() {
                        return Ok(false);
                    }
                    self.under_way += 1;
                }
            }
            Met::Problem(problem) => {
                self.look_whether_the_source_is_there()?;
                self.tally.problem(problem, self.listener);
            }
            Met::Unfollowed(Unfollowed::Archive, path) => {
                self.listener.note(&format!("{path} is a Keepsake archive itself and was passed by"));
            }
            Met::Unfollowed(Unfollowed::Link | Unfollowed::Special, _) => self.links += 1,
        }
        while let Ok(copy) = copies.try_recv() {
            self.take(copy)?;
        }
        Ok(true)
    }

    /// Reads what came with holes once more, with patience.
    fn go_back(
        &mut self,
        to_read: &mpsc::SyncSender<FoundFile>,
        copies: &mpsc::Receiver<Handed>,
    ) -> Result<bool, Error> {
        let put_off = std::mem::take(&mut self.put_off);
        if !put_off.is_empty() {
            let files = in_words::count(put_off.len() as u64, "file", "files");
            self.listener.note(&format!("going back to {files} with spots that did not read: this can take long"));
        }
        let mut left = put_off.into_iter();
        while let Some(PutOff { found, had }) = left.next() {
            // The first bytes stay in hand until better ones are.
            let (path, stamp) = (found.path.clone(), found.stamp.clone());
            if self.listener.stop_requested() || to_read.send(found.again()).is_err() {
                self.keep_had(path, stamp, had)?;
                for PutOff { found, had } in left {
                    self.keep_had(found.path, found.stamp, had)?;
                }
                return Ok(false);
            }
            self.under_way += 1;
            let Ok((found, copy)) = copies.recv() else {
                self.keep_had(path, stamp, had)?;
                return Ok(false);
            };
            self.take_better((found, copy), had)?;
        }
        self.look_whether_the_source_is_there()?;
        Ok(true)
    }

    /// Takes the second reading of a file, or the first where that one has more.
    fn take_better(&mut self, (found, copy): Handed, had: Option<Had>) -> Result<(), Error> {
        let is_better = match (&copy, &had) {
            (_, None) => true,
            (Ok(Copy { copied: Copied::Staged { coming, .. }, .. }), Some(had)) => {
                coming.lost.bytes() <= had.coming.lost.bytes()
            }
            (_, Some(_)) => false,
        };
        if is_better {
            return self.take((found, copy));
        }
        self.under_way -= 1;
        self.keep_had(found.path, found.stamp, had)?;
        copy.map(|_| ()).map_err(Error::from)
    }

    fn keep_had(&mut self, path: RawPath, stamp: FileStamp, had: Option<Had>) -> Result<(), Error> {
        if let Some(had) = had {
            return self.stage(path, stamp, had);
        }
        let message = "the source does not give it: its first bytes cannot be read".to_owned();
        self.tally.problem(Problem::new(path.to_string(), ProblemKind::Unreadable, message.clone()), self.listener);
        let record = FileRecord { path, stamp, outcome: FileOutcome::Unreadable(message) };
        self.add(Pending::Plain { record, object: None }, 0)
    }

    /// Lines up bytes to become durable, and says what of them is lost.
    fn stage(&mut self, path: RawPath, stamp: FileStamp, had: Had) -> Result<(), Error> {
        if !had.coming.lost.is_empty() {
            let message = lost(&had.coming, stamp.size);
            self.tally.problem(Problem::new(path.to_string(), ProblemKind::Unreadable, message), self.listener);
        }
        let bytes = had.staged.size;
        self.add(Pending::Staged { path, stamp, had }, bytes)
    }

    /// Takes and commits all that is still under way; the first error is passed on after that.
    pub(super) fn settle(&mut self, copies: &mpsc::Receiver<Handed>) -> Result<(), Error> {
        let mut first_error = None;
        for copy in copies {
            if let Err(error) = self.take(copy) {
                first_error.get_or_insert(error);
            }
        }
        for PutOff { found, had } in std::mem::take(&mut self.put_off) {
            self.keep_had(found.path, found.stamp, had)?;
        }
        self.commit()?;
        first_error.map_or(Ok(()), Err)
    }

    /// Whether an earlier run settled the file and it has not changed since; if so it is counted and not read.
    ///
    /// A run that was cut short settles what it recorded too: rows are written after their objects are durable. Only a
    /// file written so shortly before such a run that its time could hide a second change is read again.
    fn is_known(&mut self, found: &FoundFile) -> Result<bool, Error> {
        let Some((_, source)) = self.plan.booked.filter(|_| !self.plan.reread) else {
            return Ok(false);
        };
        let Some(seen) = self.catalog.seen_unchanged(source, &found.path, &found.stamp)? else {
            return Ok(false);
        };
        let old_enough = found
            .stamp
            .modified_at
            .is_some_and(|modified_at| modified_at.as_second().saturating_add(3) < seen.run_started_at.as_second());
        if !seen.run_complete && !old_enough {
            return Ok(false);
        }
        if !self.is_settled(&seen, found.stamp.size)? {
            return Ok(false);
        }
        let record =
            FileRecord { path: found.path.clone(), stamp: found.stamp.clone(), outcome: FileOutcome::Unchanged };
        self.add(Pending::Plain { record, object: seen.object }, 0)?;
        Ok(true)
    }

    /// What could not be read is tried again; so is an object that is not in its place any more, or was cut off: the source may heal it.
    fn is_settled(&self, seen: &Seen, size: u64) -> Result<bool, Error> {
        match (seen.outcome, seen.object) {
            (SeenOutcome::Unreadable, _) => Ok(false),
            (SeenOutcome::Kept, _) if seen.has_lost => Ok(false),
            (SeenOutcome::Kept, Some(object)) => Ok(self.objects.size(&object)? == Some(size)),
            (SeenOutcome::Kept | SeenOutcome::Ignored | SeenOutcome::Empty, _) => Ok(true),
        }
    }

    fn take(&mut self, (found, copy): Handed) -> Result<(), Error> {
        self.under_way = self.under_way.saturating_sub(1);
        let Copy { stamp, read_bytes, copied } = copy?;
        self.tally.report.read_bytes += read_bytes;
        let can_wait = found.can_try_harder() && self.put_off.len() < MOST_PUT_OFF;
        if can_wait && copied.lacks_bytes() {
            let had = match copied {
                Copied::Staged { staged, kind, coming, .. } => Some(Had { staged, kind, coming }),
                Copied::Hashed { .. }
                | Copied::Ignored
                | Copied::Empty { .. }
                | Copied::Unreadable { .. }
                | Copied::Stopped => None,
            };
            self.put_off.push(PutOff { found, had });
            return Ok(());
        }
        let path = found.path;
        self.doubtful = if matches!(copied, Copied::Unreadable { .. }) { self.doubtful + 1 } else { 0 };
        let outcome = match copied {
            Copied::Staged { staged, kind, coming, changed } => {
                if changed {
                    let message = "somebody wrote to the file while it was read; what was read is kept";
                    self.tally.problem(Problem::new(path.to_string(), ProblemKind::Changed, message), self.listener);
                }
                return self.stage(path, stamp, Had { staged, kind, coming });
            }
            Copied::Hashed { object, size } => return self.would_store(object, size),
            Copied::Ignored => FileOutcome::Ignored,
            Copied::Empty { media } => {
                if media {
                    let message = "the file is empty: the drive knows its name, and not one byte of it";
                    self.tally.problem(Problem::new(path.to_string(), ProblemKind::Empty, message), self.listener);
                }
                FileOutcome::Empty
            }
            Copied::Unreadable { after_bytes, cause } => {
                if self.doubtful >= DOUBTFUL {
                    self.look_whether_the_source_is_there()?;
                }
                let message = unreadable(after_bytes, &cause);
                self.tally
                    .problem(Problem::new(path.to_string(), ProblemKind::Unreadable, message.clone()), self.listener);
                FileOutcome::Unreadable(message)
            }
            Copied::Stopped => {
                self.tally.report.files_seen -= 1;
                return Ok(());
            }
        };
        self.add(Pending::Plain { record: FileRecord { path, stamp, outcome }, object: None }, 0)
    }

    fn would_store(&mut self, object: ObjectId, size: u64) -> Result<(), Error> {
        if self.objects.contains(&object)? || !self.tally.would_store.insert(object) {
            self.tally.report.duplicates += 1;
        } else {
            self.tally.report.stored += 1;
            self.tally.report.stored_bytes += size;
        }
        Ok(())
    }

    fn add(&mut self, pending: Pending, bytes: u64) -> Result<(), Error> {
        if self.batch.records.is_empty() {
            self.batch.since = Instant::now();
        }
        self.batch.records.push(pending);
        self.batch.bytes += bytes;
        if self.batch.is_due() { self.commit() } else { Ok(()) }
    }

    /// Objects first, rows after: an object without a row is litter, a row without an object is a lie.
    fn commit(&mut self) -> Result<(), Error> {
        let batch = std::mem::replace(&mut self.batch, Batch::new());
        let (mut staged, mut records, mut objects) = (Vec::new(), Vec::new(), Vec::new());
        for pending in batch.records {
            records.push(match pending {
                Pending::Plain { record, object } => {
                    objects.extend(object);
                    record
                }
                Pending::Staged { path, stamp, had: Had { staged: bytes, kind, coming } } => {
                    let Staged { id, sha1, size, .. } = bytes;
                    objects.push(id);
                    staged.push(bytes);
                    FileRecord { path, stamp, outcome: FileOutcome::Kept { object: id, sha1, size, kind, coming } }
                }
            });
        }
        self.bytes_met += records.iter().map(|record| record.stamp.size).sum::<u64>();
        let Some((run, source)) = self.plan.booked else {
            for record in &records {
                self.count_unkept(&record.outcome);
            }
            return Ok(());
        };
        let plan = self.plan;
        // Reading everything again is asked for when the archive's own copies are in doubt.
        let committed = if plan.reread { self.objects.heal(staged)? } else { self.objects.commit(staged)? };
        for committed in committed {
            if committed.was_new {
                self.tally.report.stored_bytes += committed.size;
            }
        }
        let recorded = self.catalog.commit_files(run, source, plan.owner, plan.now, &records)?;
        for (record, recorded) in records.iter().zip(recorded) {
            self.count(&record.outcome, &recorded);
        }
        self.tally.objects.extend(objects);
        self.tell_progress();
        Ok(())
    }

    fn count(&mut self, outcome: &FileOutcome, recorded: &Recorded) {
        let report = &mut self.tally.report;
        if let FileOutcome::Kept { coming, .. } = outcome {
            report.with_holes += u64::from(!coming.lost.is_empty());
            report.deleted += u64::from(coming.found.was_deleted());
            report.by_content += u64::from(coming.found.is_by_content());
        }
        match recorded {
            Recorded::New { .. } => report.stored += 1,
            Recorded::PreviouslyDeleted | Recorded::Unchanged { previously_deleted: true, .. } => {
                report.previously_deleted += 1;
            }
            Recorded::Duplicate | Recorded::Unchanged { outcome: SeenOutcome::Kept, .. } => report.duplicates += 1,
            Recorded::Unchanged { outcome: SeenOutcome::Unreadable, .. } => report.unreadable += 1,
            Recorded::Unchanged { outcome: SeenOutcome::Ignored | SeenOutcome::Empty, .. } => report.ignored += 1,
            Recorded::Other => self.count_unkept(outcome),
        }
    }

    fn count_unkept(&mut self, outcome: &FileOutcome) {
        match outcome {
            FileOutcome::Unreadable(_) => self.tally.report.unreadable += 1,
            FileOutcome::Ignored | FileOutcome::Empty => self.tally.report.ignored += 1,
            FileOutcome::Kept { .. } | FileOutcome::Unchanged => {}
        }
    }

    fn tell_progress(&self) {
        let report = &self.tally.report;
        self.listener.progress(Progress {
            stage: Stage::Storing,
            files_done: report.stored
                + report.duplicates
                + report.previously_deleted
                + report.unreadable
                + report.ignored,
            files_total: self.ahead.files(),
            bytes_done: self.bytes_met,
            bytes_total: self.ahead.bytes(),
        });
    }

    fn look_whether_the_source_is_there(&self) -> Result<(), Error> {
        if self.source.is_still_there() {
            Ok(())
        } else {
            Err(SourceError::Gone { path: self.source.path().to_owned() }.into())
        }
    }

    pub(super) fn say_what_was_passed_by(&self) {
        if self.links > 0 {
            let text =
                format!("{} links, pipes and the like were not followed: they hold no bytes of their own", self.links);
            self.listener.note(&text);
        }
    }
}

/// What is not there of a file, for a person.
fn lost(coming: &Coming, size: u64) -> String {
    /// More places than this nobody reads.
    const SHOWN: usize = 5;
    let lost = in_words::size(coming.lost.bytes());
    let places: Vec<String> = coming.lost.iter().take(SHOWN).map(|one| format!("{}–{}", one.start, one.end)).collect();
    let more = coming.lost.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "{lost} of its {} could not be read (bytes {}{more}); the rest is kept",
        in_words::size(size),
        places.join(", ")
    )
}

fn unreadable(after_bytes: u64, cause: &std::io::Error) -> String {
    if after_bytes == 0 {
        format!("the source does not give it: {cause}")
    } else {
        format!("the source gave {after_bytes} bytes and then failed: {cause}")
    }
}
