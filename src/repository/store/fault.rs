//! A request to a store that failed for good.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What sort of failure it was, as far as it changes what a person does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// The file is not there.
    Missing,
    /// The file is there, and does not give its bytes: it was cut off, it is no file, or its part of the drive is bad.
    /// The other files are not touched by it.
    Spoiled,
    /// The keys are wrong, or lack the right.
    Refused,
    /// The bucket is not there.
    NoSuchBucket,
    /// Nothing answers: no network, wrong host, server down.
    Unreachable,
    /// It answers too slowly.
    TimedOut,
    /// It has too much to do, and asks us to wait.
    Overloaded,
    /// It answers with a fault of its own.
    Failing,
    /// Its clock and this computer's differ too much.
    WrongClock,
    /// No room.
    Full,
    /// The drive is read-only.
    Unwritable,
    /// The folder or file belongs to another user.
    NotPermitted,
    /// The answers are not those of a store.
    NotAStore,
    /// Anything else.
    Other,
}

/// A request to a store that failed for good: after all of its attempts.
#[derive(Clone, Debug)]
pub struct Fault(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    kind: FaultKind,
    doing: &'static str,
    path: String,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Fault {
    pub(in crate::repository) fn new(kind: FaultKind, doing: &'static str, path: impl Into<String>) -> Self {
        Self(Box::new(Parts { kind, doing, path: path.into(), cause: None }))
    }

    pub(in crate::repository) fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Arc::new(cause));
        self
    }

    /// The file that it was about.
    pub(in crate::repository) fn path(&self) -> &str {
        &self.0.path
    }

    /// What the system said.
    pub(in crate::repository) fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.0.cause.as_deref()
    }

    /// What sort of failure it was.
    pub fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// Sorts an error of this machine's file system.
    pub(in crate::repository) fn of_file(doing: &'static str, path: impl Into<String>, error: io::Error) -> Self {
        let kind = if error.kind() == io::ErrorKind::NotFound {
            FaultKind::Missing
        } else if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::IsADirectory) {
            FaultKind::Spoiled
        } else if matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ) {
            FaultKind::Full
        } else if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
            FaultKind::Unwritable
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            FaultKind::NotPermitted
        } else if error.kind() == io::ErrorKind::TimedOut {
            FaultKind::TimedOut
        } else {
            FaultKind::Other
        };
        Self::new(kind, doing, path).because(error)
    }

    /// The same, where it is known that the other files can be read.
    pub(in crate::repository) fn of_this_file_alone(mut self) -> Self {
        if matches!(self.0.kind, FaultKind::Other | FaultKind::NotPermitted) {
            self.0.kind = FaultKind::Spoiled;
        }
        self
    }

    /// The same, where it is known that no other file can be read either: nothing is said of this one.
    pub(in crate::repository) fn of_the_whole_drive(mut self) -> Self {
        if self.0.kind == FaultKind::Missing && self.0.path.starts_with("data/") {
            self.0.kind = FaultKind::Other;
        }
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {} {}", self.0.doing, self.0.path)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_a_read_only_and_a_forbidden_drive_are_told_apart() {
        let kind = |kind: io::ErrorKind| Fault::of_file("write", "config", kind.into()).kind();
        assert_eq!(kind(io::ErrorKind::StorageFull), FaultKind::Full);
        assert_eq!(kind(io::ErrorKind::QuotaExceeded), FaultKind::Full);
        assert_eq!(kind(io::ErrorKind::ReadOnlyFilesystem), FaultKind::Unwritable);
        assert_eq!(kind(io::ErrorKind::PermissionDenied), FaultKind::NotPermitted);
        assert_eq!(kind(io::ErrorKind::NotFound), FaultKind::Missing);
        assert_eq!(kind(io::ErrorKind::BrokenPipe), FaultKind::Other);
        assert_eq!(kind(io::ErrorKind::UnexpectedEof), FaultKind::Spoiled);
        assert_eq!(kind(io::ErrorKind::IsADirectory), FaultKind::Spoiled);
    }
}
