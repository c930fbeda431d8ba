//! How much there is to read, counted while it is read: a bar can say how long it will take.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::sources::Source;

/// What a walk ahead of the real one has met so far. It opens no file; what it lists, the real walk finds in memory.
#[derive(Default)]
pub(super) struct Ahead {
    files: AtomicU64,
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl Ahead {
    /// Walks the source to its end, or until `stop`.
    pub(super) fn count(&self, source: &Source, stop: &dyn Fn() -> bool) {
        let stop = || stop() || self.ended.load(Ordering::Relaxed);
        source.count(&stop, &mut |files, bytes| {
            self.files.fetch_add(files, Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        });
    }

    /// The real walk is over, however it ended: there is nothing left to count for.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
