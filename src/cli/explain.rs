//! Why a command could not be done, in words: what, because of what, and what to do about it.

use std::io;

use serde::Serialize;

use super::Exit;
use crate::catalog::CatalogError;
use crate::config::ConfigError;
use crate::model::AlbumNameError;
use crate::objects::ObjectsError;
use crate::previews::PreviewsError;
use crate::recovery::RecoveryError;
use crate::repository::RepositoryError;
use crate::secrets::SecretsError;
use crate::sources::SourceError;
use crate::sources::medium::open::MediumOpenError;
use crate::workflows::Error;

/// Why a command could not be done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The verb failed.
    Workflow(Error),
    /// The arguments make no sense.
    Usage {
        /// What is wrong with them.
        message: String,
        /// What would be right.
        hint: String,
    },
    /// The program fell over; what it said, and where.
    Fault(String),
    /// A name that no album can have.
    AlbumName(AlbumNameError),
    /// The result cannot be printed or written.
    Output(io::Error),
    /// Something that the command needs cannot be read.
    Input {
        /// What.
        what: String,
        /// What the system said.
        cause: io::Error,
    },
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Workflow(error.into())
    }
}

/// What a person is told.
#[derive(Serialize)]
pub(super) struct Explained {
    pub(super) error: String,
    pub(super) because: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
    #[serde(skip)]
    pub(super) exit: Exit,
}

pub(super) fn explain(failure: &Failure) -> Explained {
    match failure {
        Failure::Workflow(error) => {
            let (exit, hint) = advice(error);
            Explained { error: error.to_string(), because: causes(error), hint, exit }
        }
        Failure::Usage { message, hint } => {
            Explained { error: message.clone(), because: Vec::new(), hint: Some(hint.clone()), exit: Exit::Usage }
        }
        Failure::Fault(told) => Explained {
            error: "keepsake met a fault of its own and stopped".to_owned(),
            because: vec![told.clone()],
            hint: hint("nothing that was stored is lost; please report these lines"),
            exit: Exit::Failed,
        },
        Failure::AlbumName(error) => {
            Explained { error: error.to_string(), because: Vec::new(), hint: None, exit: Exit::Usage }
        }
        Failure::Output(error) => Explained {
            error: "the result cannot be written".to_owned(),
            because: vec![error.to_string()],
            hint: None,
            exit: Exit::Failed,
        },
        Failure::Input { what, cause } => Explained {
            error: format!("{what} cannot be read"),
            because: vec![in_words(&cause.to_string())],
            hint: what.starts_with(RECOVERY_KIT).then(|| ANOTHER_KIT.to_owned()),
            exit: Exit::Failed,
        },
    }
}

/// How the file of a kit is called where it cannot be read.
pub(super) const RECOVERY_KIT: &str = "the recovery kit ";

const ANOTHER_KIT: &str = "another copy lies beside every repository, in its folder recovery/";

/// The causes of an error, the nearest first; a cause that only repeats the line above it is left out.
fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut told = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = in_words(&error.to_string());
        if told.last().is_none_or(|last| !last.contains(&text) && !text.contains(last.as_str())) {
            told.push(text);
        }
        cause = error.source();
    }
    told.split_off(1)
}

/// SQLite's “Error code 11: …” and the system's “… (os error 2)” without the numbers, which mean nothing to people.
fn in_words(text: &str) -> String {
    let rest = text.strip_prefix("Error code ").and_then(|rest| rest.split_once(": "));
    let text = rest.map_or(text, |(_, meaning)| meaning);
    text.split(" (os error ").next().unwrap_or(text).to_owned()
}

type Advice = (Exit, Option<String>);

#[allow(clippy::unnecessary_wraps, reason = "an advice may have no hint")]
fn hint(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn advice(error: &Error) -> Advice {
    match error {
        Error::Config(error) => config(error),
        Error::Catalog(error) => catalog(error),
        Error::Objects(error) => objects(error),
        Error::Previews(PreviewsError::NoSpace { .. }) => {
            (Exit::Failed, hint("make room: previews leave 256 MB of the drive free; photos are not touched by this"))
        }
        Error::Previews(PreviewsError::NotWritten { .. } | PreviewsError::NotRead { .. }) => {
            (Exit::Failed, hint("photos are not touched by this: the folder of previews may be deleted at any time"))
        }
        Error::Repository(error) => repository(error),
        Error::Recovery(error) => recovery(error),
        Error::Secrets(error) => secrets(error),
        Error::Source(error) => source(error),
        Error::Name(_) | Error::Location(_) => (Exit::Usage, None),
        Error::Settings(error) => (Exit::Failed, error.hint()),
        Error::TwoArchives { catalog, .. } => (
            Exit::Failed,
            Some(format!(
                "nothing was changed. If the file .keepsake-archive was damaged, its line is archive_id = \"{catalog}\""
            )),
        ),
        Error::SourceIsArchive { .. } => (Exit::Usage, hint("name the drive or folder that the photos come from")),
        Error::NoSuchRepository { known, .. } => (Exit::NotFound, known_names("repositories", known)),
        Error::NoRepositories => {
            (Exit::NotFound, hint("keepsake repo add NAME LOCATION makes one: a folder on another drive, or a bucket"))
        }
        Error::AnotherRepository { .. } => (
            Exit::Failed,
            hint("is the right drive plugged in? To use this one too: keepsake repo add with a new name"),
        ),
        Error::CatalogExportLost { .. } => (
            Exit::Unproven,
            hint(
                "an older snapshot may be whole (--snapshot ID); keepsake restore --all brings back what can be read of this one",
            ),
        ),
        Error::NoPassword { .. } => (
            Exit::WrongKey,
            hint("secrets.toml in the archive held it; keepsake kit show reads it out of the recovery kit"),
        ),
        Error::RepositoryNameTaken { .. } | Error::RepositoryLocationTaken { .. } => {
            (Exit::Usage, hint("keepsake repo list shows them"))
        }
        Error::RepositoryNameKept { .. } => {
            (Exit::Usage, hint("choose another name: the kept password may be the only one"))
        }
        Error::PasswordIsGiven { .. } => {
            (Exit::Usage, hint("unset it there, and write the old one into secrets.toml first"))
        }
        Error::NotAKitFile { .. } => (Exit::Usage, hint("name a new file")),
        Error::RepositoryInsideArchive { .. } => (Exit::Usage, hint("choose a folder on another drive")),
        Error::NoWayToSealKit => {
            (Exit::Failed, hint("name a recipient: [kit] recipients in keepsake.toml, or kit create --recipient"))
        }
        Error::NoCompleteSnapshot => (Exit::Failed, hint("keepsake backup makes one; keepsake snapshots lists all")),
        Error::NoSuchSnapshot { .. } | Error::AmbiguousSnapshot { .. } => {
            (Exit::Usage, hint("keepsake snapshots lists them"))
        }
        Error::NotOurSnapshot { .. } => (Exit::Failed, hint("stock restic restores it: restic restore")),
        Error::NoSuchAlbum { known, .. } => (Exit::Usage, known_names("albums", known)),
        Error::SeveralAlbums { known, .. } | Error::SeveralPhotos { known, .. } => {
            (Exit::Usage, Some(format!("say which: {}", known.join(", "))))
        }
        Error::NothingMatches { .. } | Error::BadPattern { .. } => (
            Exit::Usage,
            hint("paths look like photos/OWNER/2014/2014-08/NAME; keepsake show PHOTO tells a photo's own"),
        ),
        Error::RestoreDiskFull { .. } => {
            (Exit::Failed, hint("make room, or restore to another drive; the same command goes on from here"))
        }
        Error::ScratchFull { .. } => (
            Exit::Failed,
            hint("make room there, or name a folder on another drive in TMPDIR; --max-bytes restores less"),
        ),
        Error::AlreadyAnArchive { .. } => (
            Exit::Usage,
            hint(
                "if a recovery into it was cut short at its very end, it is whole: keepsake check tells; else recover into a new folder",
            ),
        ),
        Error::Interrupted => (Exit::Interrupted, hint("run the same command again: it goes on from here")),
        Error::CatalogExportAltered { .. } => {
            (Exit::Unproven, hint("try an older snapshot (--snapshot ID), or the other repository"))
        }
        Error::KitFile { .. } => (Exit::Failed, hint(ANOTHER_KIT)),
        Error::NotBack { .. } => (Exit::Unproven, None),
        Error::Examination { .. } | Error::ExaminationPanicked { .. } | Error::RestoreTo { .. } | Error::Report(_) => {
            (Exit::Failed, None)
        }
    }
}

fn known_names(what: &str, known: &[String]) -> Option<String> {
    (!known.is_empty()).then(|| format!("the {what} here: {}", known.join(", ")))
}

fn config(error: &ConfigError) -> Advice {
    let exit = match error {
        ConfigError::NotAnArchive { .. } | ConfigError::MarkerLost { .. } | ConfigError::Absent { .. } => {
            Exit::NotFound
        }
        ConfigError::Busy { .. } => Exit::Busy,
        ConfigError::AlreadyThere { .. } | ConfigError::NotEmpty { .. } => Exit::Usage,
        ConfigError::NewerFormat { .. }
        | ConfigError::SettingsLost { .. }
        | ConfigError::DamagedMarker { .. }
        | ConfigError::BadSettings { .. }
        | ConfigError::ChangedMeanwhile { .. }
        | ConfigError::BadId { .. }
        | ConfigError::Io { .. } => Exit::Failed,
    };
    (exit, error.hint())
}

fn objects(error: &ObjectsError) -> Advice {
    match error {
        ObjectsError::StoreMissing { .. } => (Exit::NotFound, hint("is the archive's drive plugged in and mounted?")),
        ObjectsError::NoSpace { .. } => (
            Exit::Failed,
            hint("make room on the archive's drive; what was stored is safe, and the same command goes on"),
        ),
        ObjectsError::Missing { .. } => (
            Exit::Unproven,
            hint("read the source again, or restore it from a repository: keepsake check says what is missing"),
        ),
        ObjectsError::NotAFile { .. } => (
            Exit::Failed,
            hint("move it away and run the same command again; keepsake check --objects tells whether more is wrong"),
        ),
        ObjectsError::NotWritten { .. } | ObjectsError::NotRead { .. } => (Exit::Failed, None),
    }
}

fn repository(error: &RepositoryError) -> Advice {
    let exit = match error {
        RepositoryError::NotFound { .. } | RepositoryError::NoSuchBucket { .. } => Exit::NotFound,
        RepositoryError::FolderInUse { .. }
        | RepositoryError::UnknownOption { .. }
        | RepositoryError::BadOption { .. }
        | RepositoryError::SnapshotNotFound { .. } => Exit::Usage,
        RepositoryError::WrongKey { .. } | RepositoryError::UnusableKey { .. } | RepositoryError::Refused { .. } => {
            Exit::WrongKey
        }
        RepositoryError::Locked { .. } => Exit::Busy,
        RepositoryError::Interrupted { .. } => Exit::Interrupted,
        RepositoryError::FileMissing { .. } | RepositoryError::Damaged { .. } => Exit::Unproven,
        RepositoryError::AlreadyExists { .. }
        | RepositoryError::NoBucketKeys { .. }
        | RepositoryError::Unreachable { .. }
        | RepositoryError::TimedOut { .. }
        | RepositoryError::Overloaded { .. }
        | RepositoryError::Failing { .. }
        | RepositoryError::WrongClock { .. }
        | RepositoryError::Full { .. }
        | RepositoryError::Unwritable { .. }
        | RepositoryError::NotPermitted { .. }
        | RepositoryError::NotAStore { .. }
        | RepositoryError::Store { .. }
        | RepositoryError::InvalidTree { .. }
        | RepositoryError::Output { .. }
        | RepositoryError::Engine { .. } => Exit::Failed,
    };
    (exit, error.hint().map(str::to_owned))
}

fn recovery(error: &RecoveryError) -> Advice {
    let exit = match error {
        RecoveryError::WrongKey { .. } => Exit::WrongKey,
        RecoveryError::NeedsIdentity
        | RecoveryError::NeedsPassphrase
        | RecoveryError::BadRecipient { .. }
        | RecoveryError::SecretKeyAsRecipient { .. }
        | RecoveryError::NoRecipient
        | RecoveryError::EmptyPassphrase => Exit::Usage,
        RecoveryError::NotSealed { .. }
        | RecoveryError::NotAKit { .. }
        | RecoveryError::NoIdentity
        | RecoveryError::BadIdentity { .. }
        | RecoveryError::LockedIdentity { .. }
        | RecoveryError::TooCostly
        | RecoveryError::Newer { .. }
        | RecoveryError::Damaged { .. } => Exit::Failed,
    };
    (exit, error.hint().map(str::to_owned))
}

fn secrets(error: &SecretsError) -> Advice {
    (Exit::Failed, error.hint())
}

fn source(error: &SourceError) -> Advice {
    match error {
        SourceError::Missing { .. } => (Exit::Failed, hint("is the drive plugged in and mounted?")),
        SourceError::NotAFolder { .. } => (Exit::Failed, hint("name the folder that the drive or card is mounted at")),
        SourceError::SingleFile { .. } => (Exit::Usage, hint("name the folder that it is in")),
        SourceError::NoImageOfAFolder { .. } => (
            Exit::Usage,
            hint("leave --image out, or name the drive itself: /dev/sdb instead of the folder it is mounted at"),
        ),
        SourceError::Disk(MediumOpenError::InUse { .. }) => {
            (Exit::Failed, hint("unmount it first (umount), or give the folder that it is mounted at instead"))
        }
        SourceError::Disk(MediumOpenError::Unreadable { .. }) => (
            Exit::Failed,
            hint(
                "a whole drive can be read by root only: sudo setfacl --modify u:$USER:r DRIVE lets you read it, until it is unplugged",
            ),
        ),
        SourceError::Unreadable { .. } | SourceError::Disk(_) => (Exit::Failed, None),
        SourceError::Gone { .. } => (
            Exit::Failed,
            hint("plug it in again and run the same command: what was stored is safe, and is not read again"),
        ),
    }
}

fn catalog(error: &CatalogError) -> Advice {
    match error {
        CatalogError::Missing { .. } => (
            Exit::NotFound,
            hint(
                "if this archive was being recovered, run the same recover command again; else recover it from a repository",
            ),
        ),
        CatalogError::Corrupt { .. } | CatalogError::Nonsense { .. } | CatalogError::NotACatalog { .. } => (
            Exit::Failed,
            hint(
                "the photos are not touched by this; keepsake recover makes a new archive with a whole catalog from a repository",
            ),
        ),
        CatalogError::ReadOnly { .. } => (
            Exit::Failed,
            hint(
                "is the archive's drive mounted read-only, or somebody else's? Linux does that to a drive that fails: \
                 copy it soon. keepsake restore --kit needs no archive",
            ),
        ),
        CatalogError::NewerVersion { .. } | CatalogError::NewerExport { .. } => {
            (Exit::Failed, hint("install the newest version of keepsake; nothing was changed"))
        }
        CatalogError::Busy => (Exit::Busy, hint("wait until it has finished, or add --wait")),
        CatalogError::DriveFull => (
            Exit::Failed,
            hint("make room on the archive's drive; what was stored is safe, and the same command goes on"),
        ),
        CatalogError::PhotoNotFound { .. }
        | CatalogError::PhotoAmbiguous { .. }
        | CatalogError::PhotoTooShort { .. } => (Exit::Usage, hint("keepsake search lists photos with their ids")),
        CatalogError::AlbumAlreadyExists { .. } => (Exit::Usage, hint("keepsake album add puts photos into it")),
        CatalogError::AlbumNotFound { .. } | CatalogError::AlbumGone { .. } => {
            (Exit::Usage, hint("keepsake album list shows them"))
        }
        CatalogError::RunNotFound { .. } => (Exit::Usage, hint("keepsake runs lists them")),
        CatalogError::OperationNotFound { .. }
        | CatalogError::NothingToUndo
        | CatalogError::AlreadyUndone { .. }
        | CatalogError::CannotUndo { .. } => (Exit::Usage, None),
        CatalogError::AlreadyExists { .. }
        | CatalogError::Unreadable { .. }
        | CatalogError::Unwritable { .. }
        | CatalogError::Database { .. }
        | CatalogError::ObjectNotFound { .. }
        | CatalogError::NotEmpty => (Exit::Failed, None),
    }
}
