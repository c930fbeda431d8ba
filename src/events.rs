//! How the core talks to people: it calls a [`Listener`], and prints nothing itself.

use std::sync::Mutex;

use crate::model::Problem;

/// What a piece of work is doing, for one line of progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Reading files from a source into the archive.
    Storing,
    /// Reading facts and condition out of stored objects.
    Examining,
    /// Making previews of stored objects.
    Previewing,
    /// Sending a snapshot to a repository.
    BackingUp,
    /// Checking a repository, or the objects.
    Checking,
    /// Restoring into scratch space and comparing.
    Drilling,
    /// Restoring.
    Restoring,
}

/// How far a stage is. Totals are what is known so far, and may grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// Files done.
    pub files_done: u64,
    /// Files in all; 0 when not known.
    pub files_total: u64,
    /// Bytes done.
    pub bytes_done: u64,
    /// Bytes in all; 0 when not known.
    pub bytes_total: u64,
}

/// Hears what the core is doing. Called from several threads; must not block for long.
pub trait Listener: Sync {
    /// A stage went on. Called often: a listener that draws decides itself when.
    fn progress(&self, progress: Progress);

    /// Something could not be done to one file. The same problem also stands in the run's report.
    fn problem(&self, problem: &Problem);

    /// Something a person should read while it happens: what kind a source is, what is skipped and why.
    fn note(&self, text: &str);

    /// Whether to stop at the next safe point. Asked between files and between chunks of a file.
    fn stop_requested(&self) -> bool {
        false
    }
}

/// A listener that remembers all it hears, for tests and for callers that show things later.
#[derive(Default, Debug)]
pub struct Recorder {
    problems: Mutex<Vec<Problem>>,
    notes: Mutex<Vec<String>>,
}

impl Recorder {
    /// The problems heard so far, in their order.
    pub fn problems(&self) -> Vec<Problem> {
        self.problems.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The notes heard so far, in their order.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Listener for Recorder {
    fn progress(&self, _progress: Progress) {}

    fn problem(&self, problem: &Problem) {
        self.problems.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(problem.clone());
    }

    fn note(&self, text: &str) {
        self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text.to_owned());
    }
}
