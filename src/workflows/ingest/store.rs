//! The first stage: from the source's files to durable objects and rows.
//!
//! One thread walks and keeps the books; a few read, hash and write. Files in flight are bounded by the queue, bytes
//! in memory by one buffer for each reader.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use jiff::Timestamp;

use super::ahead::Ahead;
use super::books::{Books, Handed};
use super::copy_in::copy_in;
use super::tally::Tally;
use crate::catalog::{RunId, SourceId};
use crate::events::Listener;
use crate::sources::{FoundFile, Source};
use crate::workflows::{Error, OpenArchive};

/// One reads while another waits for its file to reach the disk.
const READERS: usize = 3;

/// How many files may wait for a reader.
const QUEUE: usize = 32;

/// What stays the same for the whole run.
pub(super) struct Plan<'a> {
    /// The run and its source; none for a dry run, which writes nothing down.
    pub(super) booked: Option<(RunId, SourceId)>,
    pub(super) owner: &'a str,
    pub(super) now: Timestamp,
    pub(super) reread: bool,
}

/// Stores every file of `source` that looks like a photo, a video or a sidecar, and records every file met.
pub(super) fn store_all(
    open: &mut OpenArchive,
    source: &Source,
    plan: &Plan<'_>,
    tally: &mut Tally,
    listener: &dyn Listener,
) -> Result<(), Error> {
    let (to_read, queue) = mpsc::sync_channel::<FoundFile>(QUEUE);
    let (done, copies) = mpsc::channel::<Handed>();
    // Owned by the readers alone: when the last one is gone, however it ended, the walker is told.
    let queue = Arc::new(Mutex::new(queue));
    let OpenArchive { catalog, objects, .. } = open;
    let objects = &*objects;
    let ahead = Ahead::default();
    thread::scope(|scope| {
        scope.spawn(|| ahead.count(source, &|| listener.stop_requested()));
        for _ in 0..READERS {
            let (queue, done) = (Arc::clone(&queue), done.clone());
            scope.spawn(move || {
                let mut buffer = Vec::new();
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(found) = next else { return };
                    let copy =
                        copy_in(&found, objects, plan.booked.is_none(), &mut buffer, &|| listener.stop_requested());
                    if done.send((found, copy)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((done, queue));
        let mut books = Books::new(catalog, objects, source, plan, tally, &ahead, listener);
        let walked = books.walk(&to_read, &copies);
        drop(to_read);
        ahead.end();
        // The readers end when the queue closes. What they still hand in is kept, whatever ended the walk.
        let settled = books.settle(&copies);
        let complete = walked?;
        settled?;
        books.say_what_was_passed_by();
        tally.report.complete = complete && !listener.stop_requested();
        Ok(())
    })
}
