//! The tree of a backup as the library reads it: nothing is staged, objects are opened one by one.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustic_core::{Progress, ProgressBars, ProgressType, ReadSource, ReadSourceEntry, RusticProgress, RusticResult};

use super::store::Store;
use super::tree::{Content, Leaf, Plan};
use crate::model::{Problem, ProblemKind};

/// What a running backup and the thread that watches it tell each other.
#[derive(Debug)]
pub(super) struct Run {
    store: Arc<Store>,
    stop: AtomicBool,
    files_met: AtomicU64,
    bytes_done: AtomicU64,
    read_bytes: AtomicU64,
    problems: Mutex<Vec<Problem>>,
}

impl Run {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            stop: AtomicBool::default(),
            files_met: AtomicU64::default(),
            bytes_done: AtomicU64::default(),
            read_bytes: AtomicU64::default(),
            problems: Mutex::default(),
        }
    }

    /// Makes every reader fail from now on, and every write soon.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.store.abandon();
    }

    /// Whether it was stopped: what it has read is not all there is.
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether reading on is pointless: somebody asked to stop, or a write failed for good.
    fn is_over(&self) -> bool {
        self.stopped() || self.store.broken().is_some()
    }

    pub(super) fn files_met(&self) -> u64 {
        self.files_met.load(Ordering::Relaxed)
    }

    pub(super) fn bytes_done(&self) -> u64 {
        self.bytes_done.load(Ordering::Relaxed)
    }

    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// The problems met since position `from`.
    pub(super) fn problems_since(&self, from: usize) -> Vec<Problem> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).get(from..).unwrap_or_default().to_vec()
    }

    fn note(&self, problem: Problem) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
    }
}

/// A planned tree, ready to be read.
pub(super) struct Source {
    plan: Arc<Plan>,
    run: Arc<Run>,
}

impl Source {
    pub(super) fn new(plan: Arc<Plan>, run: Arc<Run>) -> Self {
        Self { plan, run }
    }
}

impl ReadSource for Source {
    type Open = ContentReader;
    type Iter = Entries;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(Some(self.plan.bytes))
    }

    fn entries(&self) -> Entries {
        Entries { plan: Arc::clone(&self.plan), run: Arc::clone(&self.run), next: 0 }
    }
}

/// The entries of the tree in their order; ends early when the run is over.
pub(super) struct Entries {
    plan: Arc<Plan>,
    run: Arc<Run>,
    next: usize,
}

impl Iterator for Entries {
    type Item = RusticResult<ReadSourceEntry<ContentReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.run.is_over() {
            return None;
        }
        let entry = self.plan.entries.get(self.next)?;
        let open = entry.content.is_some().then(|| ContentReader::new(&self.plan, self.next, &self.run));
        if open.is_some() {
            self.run.files_met.fetch_add(1, Ordering::Relaxed);
        }
        self.next += 1;
        Some(Ok(ReadSourceEntry { path: entry.path_buf(), node: entry.node.clone(), open }))
    }
}

/// The bytes of one file. Opens at the first read; fails, and notes a problem, unless they are exactly those that
/// the file is named after.
pub(super) struct ContentReader {
    plan: Arc<Plan>,
    index: usize,
    run: Arc<Run>,
    state: State,
    hasher: blake3::Hasher,
    seen: u64,
    /// Bytes that were read and hashed, and not given out yet: the chunker asks for 4 KiB at a time, too few for a
    /// disk and for BLAKE3.
    ahead: Vec<u8>,
    given: usize,
}

/// How much is read at once for a caller that asks for less: as much as keeps BLAKE3's widest SIMD busy.
const AHEAD: usize = 256 * 1024;

enum State {
    Unopened,
    Open(Box<dyn Read + Send>),
    /// The bytes are in the plan itself.
    Inline,
    Finished,
}

impl ContentReader {
    fn new(plan: &Arc<Plan>, index: usize, run: &Arc<Run>) -> Self {
        Self {
            plan: Arc::clone(plan),
            index,
            run: Arc::clone(run),
            state: State::Unopened,
            hasher: blake3::Hasher::new(),
            seen: 0,
            ahead: Vec::new(),
            given: 0,
        }
    }

    fn fail(&mut self, kind: ProblemKind, message: String) -> io::Error {
        self.state = State::Finished;
        if let Some(entry) = self.plan.entries.get(self.index) {
            self.run.note(Problem::new(entry.path.clone(), kind, message.clone()));
        }
        io::Error::other(message)
    }

    fn open(leaf: &Leaf) -> io::Result<State> {
        match &leaf.content {
            Content::Object { id, open, .. } => open(id).map(State::Open),
            Content::Bytes(_) => Ok(State::Inline),
        }
    }

    /// Gives out what was read ahead, or reads on: past it where the caller takes as much at once.
    fn serve(&mut self, leaf: &Leaf, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ahead.len() {
            let left = usize::try_from(leaf.size.saturating_sub(self.seen)).unwrap_or(usize::MAX);
            if buffer.len() >= left.min(AHEAD) {
                return self.step(leaf, buffer);
            }
            let mut ahead = std::mem::take(&mut self.ahead);
            ahead.resize(left.min(AHEAD), 0);
            self.given = 0;
            let read = self.step(leaf, &mut ahead)?;
            ahead.truncate(read);
            self.ahead = ahead;
        }
        let read = self.ahead.get(self.given..).unwrap_or_default().read(buffer)?;
        self.given += read;
        Ok(read)
    }

    fn step(&mut self, leaf: &Leaf, buffer: &mut [u8]) -> io::Result<usize> {
        if let State::Unopened = self.state {
            self.state = match Self::open(leaf) {
                Ok(state) => state,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(self.fail(ProblemKind::Missing, "its object is not in the archive".to_owned()));
                }
                Err(error) => return Err(self.fail(ProblemKind::Unreadable, format!("it cannot be opened: {error}"))),
            };
        }
        let read = match (&mut self.state, &leaf.content) {
            (State::Open(reader), _) => reader.read(buffer),
            (State::Inline, Content::Bytes(bytes)) => {
                let at = usize::try_from(self.seen).unwrap_or(usize::MAX);
                bytes.get(at..).unwrap_or_default().read(buffer)
            }
            (State::Inline | State::Unopened | State::Finished, _) => Ok(0),
        };
        let read = match read {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            // So say readers that hold the bytes against the name themselves.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.fail(ProblemKind::Altered, error.to_string()));
            }
            Err(error) => return Err(self.fail(ProblemKind::Unreadable, format!("it cannot be read: {error}"))),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        self.hasher.update(bytes);
        self.seen += read as u64;
        self.run.read_bytes.fetch_add(read as u64, Ordering::Relaxed);
        // The hash is asked with the last byte: nobody promises that the library reads up to the end a second time.
        let altered = match self.seen.cmp(&leaf.size) {
            std::cmp::Ordering::Less => read == 0,
            std::cmp::Ordering::Equal => self.hasher.finalize().as_bytes() != leaf.id.as_bytes(),
            std::cmp::Ordering::Greater => true,
        };
        if altered {
            return Err(self.fail(
                ProblemKind::Altered,
                "the archive's copy is altered: its bytes are not the ones it was stored with".to_owned(),
            ));
        }
        Ok(read)
    }
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.run.is_over() {
            // Not ErrorKind::Interrupted: whoever reads to the end would try again for ever.
            return Err(io::Error::other("the run is over"));
        }
        let plan = Arc::clone(&self.plan);
        match plan.entries.get(self.index).and_then(|entry| entry.content.as_ref()) {
            Some(leaf) => self.serve(leaf, buffer),
            None => Ok(0),
        }
    }
}

/// Counts the bytes that the library has dealt with, read or recognised.
#[derive(Debug)]
pub(super) struct Bars(pub(super) Arc<Run>);

impl ProgressBars for Bars {
    fn progress(&self, kind: ProgressType, _prefix: &str) -> Progress {
        match kind {
            ProgressType::Bytes => Progress::new(ByteCount(Arc::clone(&self.0))),
            ProgressType::Spinner | ProgressType::Counter => Progress::hidden(),
        }
    }
}

#[derive(Debug)]
struct ByteCount(Arc<Run>);

impl RusticProgress for ByteCount {
    fn is_hidden(&self) -> bool {
        true
    }

    fn set_length(&self, _length: u64) {}

    fn set_title(&self, _title: &str) {}

    fn inc(&self, bytes: u64) {
        self.0.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn finish(&self) {}
}
