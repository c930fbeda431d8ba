//! Why a verb could not be done at all.

use std::io;
use std::path::PathBuf;

use crate::catalog::CatalogError;
use crate::config::{BadName, BadSettings, ConfigError};
use crate::model::ObjectId;
use crate::objects::ObjectsError;
use crate::previews::PreviewsError;
use crate::recovery::RecoveryError;
use crate::repository::{ParseLocationError, RepositoryError};
use crate::secrets::SecretsError;
use crate::sources::SourceError;

/// Why a verb could not be done at all. What concerns single files is in the verb's report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive, its settings or its locks.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A name for a repository that is none.
    #[error(transparent)]
    Name(#[from] BadName),
    /// Settings that came with a snapshot.
    #[error("the settings in the snapshot cannot be understood")]
    Settings(#[from] BadSettings),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The originals.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// Previews.
    #[error(transparent)]
    Previews(#[from] PreviewsError),
    /// A repository.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A location that cannot be understood.
    #[error(transparent)]
    Location(#[from] ParseLocationError),
    /// A kit.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// Passwords and keys.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source is the archive itself.
    #[error("{} is inside the archive that the photos should go to", path.display())]
    SourceIsArchive {
        /// The source.
        path: PathBuf,
    },
    /// One stored object could not be read for examination.
    #[error("the object {object} cannot be read")]
    Examination {
        /// Which.
        object: ObjectId,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A decoder fell over; a fault of the program.
    #[error("the examination of the object {object} failed inside the program")]
    ExaminationPanicked {
        /// Which.
        object: ObjectId,
    },
    /// The marker is of one archive and the catalog of another.
    #[error("the marker and the catalog in {} are not of the same archive", folder.display())]
    TwoArchives {
        /// The folder.
        folder: PathBuf,
        /// The archive that the catalog is of.
        catalog: String,
    },
    /// A repository that is not in the settings.
    #[error("there is no repository called “{name}”")]
    NoSuchRepository {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Another repository stands where a known one should be.
    #[error("what is at {location} is another repository than the one that was added as “{name}”")]
    AnotherRepository {
        /// The name of the known one.
        name: String,
        /// The place.
        location: String,
    },
    /// There is nowhere to back up to.
    #[error("the archive has no repository yet")]
    NoRepositories,
    /// The password of a repository is nowhere to be found.
    #[error("the password of the repository “{repository}” is not known here")]
    NoPassword {
        /// Which repository.
        repository: String,
    },
    /// A repository of that name is in the settings.
    #[error("there is a repository called “{name}” already")]
    RepositoryNameTaken {
        /// The name.
        name: String,
    },
    /// The secrets still hold what opens another repository of that name.
    #[error("the password of an earlier repository called “{name}” is kept here")]
    RepositoryNameKept {
        /// The name.
        name: String,
    },
    /// A password that the environment or the service manager gives cannot be changed here.
    #[error("the password of “{repository}” comes from the environment or the service manager")]
    PasswordIsGiven {
        /// Which repository.
        repository: String,
    },
    /// A file that a kit must not be written over.
    #[error("{} is there already, and is no recovery kit", path.display())]
    NotAKitFile {
        /// Which file.
        path: PathBuf,
    },
    /// A repository at that place is in the settings.
    #[error("the repository “{name}” is at {location} already")]
    RepositoryLocationTaken {
        /// Its name.
        name: String,
        /// The place.
        location: String,
    },
    /// The repository would lie in the archive, or the archive in it.
    #[error("{location} and the archive lie inside each other: they would be lost together")]
    RepositoryInsideArchive {
        /// The place.
        location: String,
    },
    /// There are neither recipients nor words to seal a kit with.
    #[error("nothing is known here that the recovery kit could be sealed with")]
    NoWayToSealKit,
    /// A kit's file cannot be read or written.
    #[error("the recovery kit {} cannot be read or written", path.display())]
    KitFile {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The repository holds no snapshot that counts.
    #[error("the repository holds no complete snapshot")]
    NoCompleteSnapshot,
    /// No snapshot has that id.
    #[error("no snapshot's id begins with “{id}”")]
    NoSuchSnapshot {
        /// What was asked for.
        id: String,
    },
    /// Several snapshots have ids that begin so.
    #[error("several snapshots' ids begin with “{id}”")]
    AmbiguousSnapshot {
        /// What was asked for.
        id: String,
    },
    /// A snapshot that another program made.
    #[error("the snapshot {snapshot} was not made by Keepsake")]
    NotOurSnapshot {
        /// Which.
        snapshot: String,
    },
    /// No album has that name.
    #[error("there is no album called “{name}”")]
    NoSuchAlbum {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Two people have an album of that name.
    #[error("several albums are called “{name}”")]
    SeveralAlbums {
        /// What was asked for.
        name: String,
        /// Them, each with its owner.
        known: Vec<String>,
    },
    /// Several photos have ids that begin so.
    #[error("several photos' ids begin with “{id}”")]
    SeveralPhotos {
        /// What was asked for.
        id: String,
        /// Them.
        known: Vec<String>,
    },
    /// Nothing in the snapshot is what was asked for.
    #[error("nothing in the snapshot is {wanted}")]
    NothingMatches {
        /// What was asked for.
        wanted: String,
    },
    /// A pattern that cannot be understood.
    #[error("“{pattern}” is not a pattern for paths")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        #[source]
        cause: globset::Error,
    },
    /// The place to restore to is full.
    #[error("the drive of {} is full", to.display())]
    RestoreDiskFull {
        /// The place.
        to: PathBuf,
    },
    /// There is no room to try a restore.
    #[error("the drive of the scratch space {} is full", folder.display())]
    ScratchFull {
        /// The scratch space.
        folder: PathBuf,
    },
    /// The place to restore to cannot be written.
    #[error("{} cannot be written", path.display())]
    RestoreTo {
        /// The place.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The folder to recover into is an archive that lives.
    #[error("{} is an archive already", path.display())]
    AlreadyAnArchive {
        /// The folder.
        path: PathBuf,
    },
    /// A part of the catalog's export is not what the snapshot's checksums say.
    #[error("{path} came back altered")]
    CatalogExportAltered {
        /// Which part.
        path: String,
    },
    /// A folder of the snapshot with a part of the catalog in it cannot be read.
    #[error("the catalog in the snapshot is damaged: {path}: {why}")]
    CatalogExportLost {
        /// Which folder.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file that a kit was tried on did not come back.
    #[error("{path} did not come back: {why}")]
    NotBack {
        /// Its path in the snapshot.
        path: String,
        /// Why.
        why: String,
    },
    /// A report could not be written down; a fault of the program.
    #[error("the report of the run cannot be written down")]
    Report(#[source] serde_json::Error),
    /// The person asked to stop.
    #[error("stopped, as you asked")]
    Interrupted,
}

impl Error {
    /// Whether the person asked to stop, and nothing went wrong.
    pub(super) fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Repository(RepositoryError::Interrupted { .. }))
    }

    /// Whether another run holds what is needed.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Config(ConfigError::Busy { .. }))
    }

    /// What a person can do about what went wrong with one of several repositories, where there is one clear thing.
    pub(super) fn hint(&self) -> Option<String> {
        if let Self::Repository(error) = self {
            error.hint().map(str::to_owned)
        } else if let Self::Config(error) = self {
            error.hint()
        } else if let Self::NoPassword { repository } = self {
            Some(format!(
                "secrets.toml held it; keepsake kit show KIT prints it, and --kit or KEEPSAKE_PASSWORD_{} gives it",
                repository.to_uppercase().replace('-', "_")
            ))
        } else if let Self::ScratchFull { .. } = self {
            Some("make room there, or name a folder on another drive in TMPDIR; --max-bytes restores less".to_owned())
        } else if let Self::AnotherRepository { .. } = self {
            Some("is the right drive plugged in? To use this one too: keepsake repo add with a new name".to_owned())
        } else {
            None
        }
    }

    /// The error with all its causes, in one line.
    pub fn told(&self) -> String {
        Self::chain(self)
    }

    /// Any error with all its causes, in one line; what a cause repeats is said once.
    pub(crate) fn chain(error: &dyn std::error::Error) -> String {
        let mut told = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // “(os error 2)” means nothing to people.
            let text = text.split(" (os error ").next().unwrap_or(&text).to_owned();
            if !told.contains(&text) {
                told.push_str(": ");
                told.push_str(&text);
            }
            cause = error.source();
        }
        told
    }
}
