//! An archive with all that the verbs need of it, opened once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};

use super::Error;
use crate::catalog::Catalog;
use crate::config::{Archive, ConfigError, Held, Lock, Sharing};
use crate::events::Listener;
use crate::media::Helpers;
use crate::model::ObjectId;
use crate::objects::Store;
use crate::secrets::Secrets;

/// What a verb is told about the world around it, so that it asks neither clock nor environment.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The moment at which the person, or the timer, asked.
    pub now: Timestamp,
    /// When that was by the clock that only counts; [`Circumstances::moment`] goes on from there.
    pub began: Instant,
    /// The zone that times without one are read in.
    pub zone: TimeZone,
    /// The login of whoever asks: the first owner of a new archive.
    pub login: String,
    /// The variables that may hold passwords and bucket keys.
    pub environment: BTreeMap<String, String>,
    /// Where systemd put this unit's credentials.
    pub credentials_directory: Option<PathBuf>,
    /// A folder for scratch files, on any drive.
    pub scratch: PathBuf,
    /// Whether to wait for a lock that somebody else holds.
    pub wait: bool,
    /// The programs that make previews of what no library here decodes.
    pub helpers: Helpers,
    /// How the program calls itself: “keepsake 0.1.0”.
    pub program: String,
}

impl Circumstances {
    /// The moment that it is by now.
    pub fn moment(&self) -> Timestamp {
        self.now.checked_add(self.began.elapsed()).unwrap_or(self.now)
    }
}

/// An archive that is there and of a version that this program knows.
pub struct OpenArchive {
    /// Its folder, marker and settings.
    pub archive: Archive,
    /// What is known about every photo.
    pub catalog: Catalog,
    /// The originals.
    pub objects: Store,
    /// Passwords and bucket keys.
    pub secrets: Secrets,
    /// Keeps out whoever must be alone in the archive.
    pub(super) presence: Held,
}

impl OpenArchive {
    /// Opens the archive in `folder`. A catalog of an older version is brought to this one first, while nobody else has
    /// the archive open.
    ///
    /// # Errors
    ///
    /// A folder that is missing, empty or not mounted is an error, never an empty archive.
    pub fn open(folder: &Path, around: &Circumstances, listener: &dyn Listener) -> Result<Self, Error> {
        let archive = Archive::open(folder)?;
        let secrets = Secrets::load(folder, &around.environment, around.credentials_directory.as_deref())?;
        let objects = Store::open(folder)?;
        let file = archive.catalog_file();
        if Catalog::is_older(&file)? {
            let who = "bringing the catalog to a newer version";
            let _alone = hold(&archive, &Lock::Maintenance, Sharing::Exclusive, who, around, listener)?;
            Catalog::open(&file)?.close()?;
        }
        let presence = be_present(&archive, around, listener)?;
        let catalog = Catalog::open(&file)?;
        if catalog.archive_id() != archive.marker.archive_id {
            return Err(Error::TwoArchives { folder: folder.to_owned(), catalog: catalog.archive_id().to_owned() });
        }
        Ok(Self { archive, catalog, objects, secrets, presence })
    }
}

/// Says that somebody has the archive open.
pub(super) fn be_present(archive: &Archive, around: &Circumstances, listener: &dyn Listener) -> Result<Held, Error> {
    hold(archive, &Lock::Maintenance, Sharing::Shared, "another command", around, listener)
}

/// Objects asked of the catalog at a time.
const PAGE: usize = 4096;

impl OpenArchive {
    /// Every object that the archive must hold, by id, with its size: 40 bytes of memory for each.
    pub(super) fn every_object(&self) -> Result<Vec<(ObjectId, u64)>, Error> {
        let mut all: Vec<(ObjectId, u64)> = Vec::new();
        loop {
            let page = self.catalog.objects(all.last().map(|(id, _)| *id), PAGE)?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page.into_iter().map(|(id, size, ..)| (id, size)));
        }
    }
}

/// How often somebody who waits for a lock looks whether it is free, or whether the person gave up.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Takes a lock of the archive; waits for it where that was asked for. `who` is shown to people: “backup to b2”.
pub(super) fn hold(
    archive: &Archive,
    what: &Lock,
    sharing: Sharing,
    who: &str,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<Held, Error> {
    let mut told = false;
    loop {
        match archive.lock(what, sharing, who, around.now) {
            Err(busy @ ConfigError::Busy { .. }) if around.wait => {
                if listener.stop_requested() {
                    return Err(Error::Interrupted);
                }
                if !told {
                    listener.note(&format!("waiting: {busy}"));
                    told = true;
                }
                thread::sleep(LOOK_EVERY);
            }
            other => return Ok(other?),
        }
    }
}
