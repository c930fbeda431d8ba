//! What can go wrong with a repository, told apart by what a person can do about it.

mod engine_fault;

use std::error::Error;

use jiff::Timestamp;
use rustic_core::RusticError;

pub use self::engine_fault::EngineFault;
use self::engine_fault::without_number;
use super::location::Location;
use super::store::{Fault, FaultKind};

/// What can go wrong with a repository.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// There is no repository at the place.
    #[error("there is no repository at {location}")]
    NotFound {
        /// Where it was looked for.
        location: Location,
    },
    /// A repository is already there; nothing was touched.
    #[error("there is a repository at {location} already")]
    AlreadyExists {
        /// Where.
        location: Location,
    },
    /// The folder holds other things; nothing was touched.
    #[error("the folder {location} is not empty, and what is in it is not a repository")]
    FolderInUse {
        /// Which folder.
        location: Location,
    },
    /// The key does not decrypt the repository.
    #[error("the key does not open the repository at {location}")]
    WrongKey {
        /// Which repository.
        location: Location,
    },
    /// The key is not even in the form of one.
    #[error("the key for {location} cannot be used: {why}")]
    UnusableKey {
        /// Which repository.
        location: Location,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An option that nobody knows.
    #[error("{location} has no option “{name}”{}", nearest.as_ref().map(|name| format!(": is it “{name}”?")).unwrap_or_default())]
    UnknownOption {
        /// Which repository.
        location: Location,
        /// The option.
        name: String,
        /// The known option that looks most like it.
        nearest: Option<String>,
    },
    /// An option with a value that it cannot have.
    #[error("the option “{name}” cannot be “{value}”: {why}")]
    BadOption {
        /// The option.
        name: String,
        /// Its value.
        value: String,
        /// What it can be.
        why: &'static str,
    },
    /// A bucket was given without the keys to it.
    #[error("{location} needs the keys of the bucket, and none were given")]
    NoBucketKeys {
        /// Which repository.
        location: Location,
    },
    /// Nothing answers at the address.
    #[error("{location} cannot be reached")]
    Unreachable {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// The server answers, and does not let us in.
    #[error("{location} does not accept these keys")]
    Refused {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// The server answers, and knows no such bucket.
    #[error("the bucket of {location} does not exist")]
    NoSuchBucket {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// The server took the request and did not finish in time.
    #[error("{location} did not answer in time")]
    TimedOut {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// The server has too much to do, and went on asking us to wait.
    #[error("{location} has too much to do now")]
    Overloaded {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// The server answers, with faults of its own.
    #[error("{location} answers with a fault of its own")]
    Failing {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// The server accepts no request from a computer whose clock is not its own.
    #[error("the clocks of this computer and of {location} differ too much")]
    WrongClock {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// There is no room left.
    #[error("{location} is full")]
    Full {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// The folder or its files belong to another user.
    #[error("this user may not use {location}")]
    NotPermitted {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// The drive does not take writes.
    #[error("{location} is on a drive that can only be read")]
    Unwritable {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// Something answers that does not speak as a store does.
    #[error("what answers at {location} does not behave like a store of files")]
    NotAStore {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// A file that must be there is not.
    #[error("the repository at {location} lacks a file that it names")]
    FileMissing {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// The store failed in another way.
    #[error("the store at {location} failed")]
    Store {
        /// Which repository.
        location: Location,
        /// The request that failed.
        #[source]
        source: Fault,
    },
    /// Another program has locked the repository for itself alone.
    #[error("{location} is locked since {since} by {by}")]
    Locked {
        /// Which repository.
        location: Location,
        /// When the lock was last renewed.
        since: Timestamp,
        /// Who holds it: user, host and process number, as the lock says.
        by: String,
    },
    /// A path that no snapshot can hold; nothing was written.
    #[error("“{path}” cannot stand in a snapshot: {why}")]
    InvalidTree {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The listener asked to stop. A backup that was stopped wrote no snapshot.
    #[error("the work on {location} was stopped before its end")]
    Interrupted {
        /// Which repository.
        location: Location,
    },
    /// There is no such snapshot.
    #[error("there is no snapshot {snapshot} at {location}")]
    SnapshotNotFound {
        /// Which repository.
        location: Location,
        /// The snapshot.
        snapshot: String,
    },
    /// A part of the repository is not what it was when it was written.
    #[error("{what} is damaged at {location}")]
    Damaged {
        /// Which repository.
        location: Location,
        /// Which part.
        what: String,
        /// What was found.
        #[source]
        source: EngineFault,
    },
    /// What was read could not be handed on.
    #[error("“{path}” was read, and could not be written on")]
    Output {
        /// The file of the snapshot.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The repository library failed in a way of its own.
    #[error("{doing} failed at {location}")]
    Engine {
        /// Which repository.
        location: Location,
        /// What was being done.
        doing: &'static str,
        /// What it said.
        #[source]
        source: EngineFault,
    },
}

impl RepositoryError {
    /// What a person can do about it, where there is one clear thing.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } => {
                Some("is its drive plugged in and mounted? keepsake repo list shows where it should be")
            }
            Self::AlreadyExists { .. } => Some("give its password with --password-file to join it"),
            Self::FolderInUse { .. } => Some("name a new folder inside it"),
            Self::WrongKey { .. } => Some("the recovery kit holds the right password"),
            Self::NoBucketKeys { .. } => {
                Some("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (for b2: B2_ACCOUNT_ID and B2_ACCOUNT_KEY)")
            }
            Self::Unreachable { .. } => Some("check the address in the location, and the network"),
            Self::Refused { .. } => {
                Some("check the bucket's key: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or secrets.toml")
            }
            Self::NoSuchBucket { .. } => Some("make the bucket first, or check how its name is written"),
            Self::TimedOut { .. } | Self::Overloaded { .. } | Self::Failing { .. } => {
                Some("try again later: the same command goes on from there")
            }
            Self::WrongClock { .. } => {
                Some("set this computer's clock: timedatectl set-ntp true does it on most Linux systems")
            }
            Self::Full { .. } => Some("make room there; what was sent is used by the next backup"),
            Self::Unwritable { .. } => Some(
                "mount the drive so that it can be written, or plug it in again: some drives lock themselves when they \
                 fail",
            ),
            Self::NotPermitted { .. } => {
                Some("run keepsake as the user whose folder it is, or give that folder to this user")
            }
            Self::Locked { .. } => Some("wait until the other program has finished"),
            Self::Interrupted { .. } => Some("run the same command again: it goes on from here"),
            Self::SnapshotNotFound { .. } => Some("keepsake snapshots lists them"),
            Self::Damaged { what, .. } => Some(after_damage(what)),
            Self::FileMissing { .. } => Some(after_damage("")),
            Self::UnusableKey { .. }
            | Self::UnknownOption { .. }
            | Self::BadOption { .. }
            | Self::NotAStore { .. }
            | Self::Store { .. }
            | Self::InvalidTree { .. }
            | Self::Output { .. }
            | Self::Engine { .. } => None,
        }
    }

    /// What was found where a part is damaged; else the whole error.
    pub(super) fn cause_in_words(&self) -> String {
        if let Self::Damaged { source, .. } = self { source.to_string() } else { self.to_string() }
    }

    /// Whether it says something of one file of the repository, and nothing of the others.
    pub fn is_of_one_file(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::FileMissing { .. })
    }

    /// As [`Self::is_of_one_file`], and with failures that only reading this part met: others may well be read.
    pub fn is_of_one_part(&self) -> bool {
        self.is_of_one_file() || matches!(self, Self::Engine { .. } | Self::Store { .. })
    }

    /// Sorts a failed request by what a person can do about it.
    pub(super) fn from_fault(location: &Location, source: Fault) -> Self {
        let location = location.clone();
        match source.kind() {
            FaultKind::Missing => Self::FileMissing { location, source },
            FaultKind::Spoiled => {
                let found = source.cause().map_or_else(
                    || "it cannot be read".to_owned(),
                    |cause| without_number(&cause.to_string()).to_owned(),
                );
                Self::Damaged { location, what: source.path().to_owned(), source: EngineFault::new(found) }
            }
            FaultKind::Refused => Self::Refused { location, source },
            FaultKind::NoSuchBucket => Self::NoSuchBucket { location, source },
            FaultKind::Unreachable => Self::Unreachable { location, source },
            FaultKind::TimedOut => Self::TimedOut { location, source },
            FaultKind::Overloaded => Self::Overloaded { location, source },
            FaultKind::Failing => Self::Failing { location, source },
            FaultKind::WrongClock => Self::WrongClock { location, source },
            FaultKind::Full => Self::Full { location, source },
            FaultKind::Unwritable => Self::Unwritable { location, source },
            FaultKind::NotPermitted => Self::NotPermitted { location, source },
            FaultKind::NotAStore => Self::NotAStore { location, source },
            FaultKind::Other => Self::Store { location, source },
        }
    }

    /// Finds the failed request under an error of the library, where there is one.
    pub(super) fn from_engine(location: &Location, doing: &'static str, error: &RusticError) -> Self {
        if error.is_incorrect_password() {
            return Self::WrongKey { location: location.clone() };
        }
        match fault_under(error) {
            Some(fault) => Self::from_fault(location, fault.clone()),
            None => Self::Engine { location: location.clone(), doing, source: EngineFault::from(error) },
        }
    }

    /// As [`Self::from_engine`], where a failure that is not the store's can only mean damage.
    pub(super) fn from_reading(location: &Location, what: impl Into<String>, error: &RusticError) -> Self {
        match fault_under(error) {
            Some(fault) if fault.kind() == FaultKind::Spoiled => {
                Self::Damaged { location: location.clone(), what: what.into(), source: EngineFault::told(fault) }
            }
            Some(fault) => Self::from_fault(location, fault.clone()),
            None => Self::Damaged { location: location.clone(), what: what.into(), source: EngineFault::from(error) },
        }
    }
}

/// What to do about a damaged part. Nothing in the archive is ever touched by it.
fn after_damage(what: &str) -> &'static str {
    match what {
        "the configuration" => {
            "nothing opens the repository without this file: put it back from any copy of it. Until then add another \
             repository (keepsake repo add), or restore from another one"
        }
        "every key file" => "the kit opens it all the same (--kit); keepsake repo password NAME writes a new key file",
        "the top folder" | "the index" => {
            "where the archive is there, keepsake backup sends again what is damaged. Else an older snapshot \
             (--snapshot ID) or another repository may be whole, and restic makes an index anew (restic rebuild-index)"
        }
        pack if pack.starts_with("data/") => {
            "move this one file out of the repository, run keepsake check, then keepsake backup: what was in it is read \
             from the archive, and nothing else is touched"
        }
        _ => {
            "keepsake restore --all brings back all that can be read; an older snapshot (--snapshot ID) or another \
             repository may be whole. keepsake check --read-data tells how far the damage goes"
        }
    }
}

fn fault_under(error: &RusticError) -> Option<&Fault> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(fault) = cause.downcast_ref::<Fault>() {
            return Some(fault);
        }
        next = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use rustic_core::ErrorKind;

    use super::*;

    #[test]
    fn the_failed_request_is_found_under_every_layer_of_the_library() {
        let location: Location = "/mnt/disk".parse().unwrap();
        let inner =
            RusticError::with_source(ErrorKind::Backend, "inner", Fault::new(FaultKind::Full, "write", "data/ab"));
        let outer = RusticError::with_source(ErrorKind::Internal, "outer", inner);
        let found = RepositoryError::from_engine(&location, "backing up", &outer);
        assert!(matches!(found, RepositoryError::Full { .. }), "{found:?}");
    }
}
