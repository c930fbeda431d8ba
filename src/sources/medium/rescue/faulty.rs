//! A drive in memory that fails where it is told to.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "only tests use it")]

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::model::Ranges;
use crate::sources::medium::raw::RawRead;

pub(super) struct Faulty {
    content: Vec<u8>,
    pub(super) bad: Ranges,
    /// Places that fail so many times and then come.
    pub(super) weak: Mutex<BTreeMap<u64, u32>>,
    pub(super) stalls: Ranges,
    pub(super) stall: Duration,
    /// What kind of failure everything is from now on.
    pub(super) lost: AtomicBool,
    pub(super) lost_as: rustix::io::Errno,
    pub(super) is_listed: AtomicBool,
    pub(super) reads: AtomicU64,
    pub(super) asked: Mutex<Ranges>,
}

impl Faulty {
    pub(super) fn new(size: usize) -> Self {
        let content = (0..size).map(|at| u8::try_from((at / 512 * 7 + at) % 251).unwrap()).collect();
        Self {
            content,
            bad: Ranges::new(),
            weak: Mutex::default(),
            stalls: Ranges::new(),
            stall: Duration::from_millis(300),
            lost: AtomicBool::new(false),
            lost_as: rustix::io::Errno::IO,
            is_listed: AtomicBool::new(true),
            reads: AtomicU64::new(0),
            asked: Mutex::default(),
        }
    }

    /// As long as another one, with no byte the same.
    pub(super) fn shifted(size: usize) -> Self {
        let mut other = Self::new(size);
        other.content.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        other
    }

    pub(super) fn content(&self, range: Range<usize>) -> &[u8] {
        &self.content[range]
    }
}

impl RawRead for Faulty {
    fn size(&self) -> u64 {
        self.content.len() as u64
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let range = at..(at + into.len() as u64).min(self.size());
        self.asked.lock().unwrap().insert(range.clone());
        if self.lost.load(Ordering::SeqCst) {
            return Err(self.lost_as.into());
        }
        if self.stalls.meets(range.clone()) {
            std::thread::sleep(self.stall);
        }
        let mut failed = false;
        for (_, left) in self.weak.lock().unwrap().range_mut(range.clone()).filter(|(_, left)| **left > 0) {
            *left -= 1;
            failed = true;
        }
        // As the system does: what comes before the bad spot comes.
        let first_bad = self.bad.within(range.clone()).iter().next().map_or(range.end, |bad| bad.start / 512 * 512);
        if failed || (first_bad <= range.start && !range.is_empty()) {
            return Err(rustix::io::Errno::IO.into());
        }
        let length = usize::try_from(first_bad.saturating_sub(at)).unwrap();
        let start = usize::try_from(at).unwrap().min(self.content.len());
        into[..length].copy_from_slice(&self.content[start..start + length]);
        Ok(length)
    }

    fn is_there(&self) -> bool {
        self.is_listed.load(Ordering::SeqCst)
    }
}
