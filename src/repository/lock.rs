//! restic's own locks: honoured, so that nothing is written while another program rearranges the repository.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustic_core::FileType;
use serde::Deserialize;

use super::Repository;
use super::backend::{Backend, LOCKS};
use super::error::RepositoryError;

/// A lock this old belongs to a process that died: restic renews its own every 5 minutes (restic design document,
/// “Locks”).
const STALE_AFTER: Duration = Duration::from_mins(30);

/// What a lock file says (restic design document, “Locks”).
#[derive(Deserialize)]
struct Lock {
    time: Timestamp,
    #[serde(default)]
    exclusive: bool,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    pid: u64,
}

impl Repository {
    /// Fails while somebody holds the repository for himself alone: `restic prune` would take packs away that no
    /// index names yet, and those of a running backup are such.
    ///
    /// Locks that cannot be read are passed over, as restic does.
    pub(super) fn refuse_if_locked(&self, now: Timestamp) -> Result<(), RepositoryError> {
        let failed = |fault| RepositoryError::from_fault(self.location(), fault);
        let files = self.store.list(LOCKS, 0).map_err(failed)?;
        if files.is_empty() {
            return Ok(());
        }
        let engine = self.connect_through(Arc::new(Backend::of_locks(Arc::clone(&self.store))))?;
        for (path, _) in files {
            let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
            let text = match engine.cat_file(FileType::Snapshot, name) {
                Ok(text) => text,
                Err(error) => {
                    let error = RepositoryError::from_reading(self.location(), "a lock", &error);
                    if error.is_of_one_file() {
                        continue;
                    }
                    return Err(error);
                }
            };
            let Ok(lock) = serde_json::from_slice::<Lock>(&text) else { continue };
            let renewed_for = now.duration_since(lock.time);
            if lock.exclusive && renewed_for.unsigned_abs() < STALE_AFTER {
                let Lock { time: since, hostname, username, pid, .. } = lock;
                let by = format!("{username}@{hostname} (process {pid})");
                return Err(RepositoryError::Locked { location: self.location().clone(), since, by });
            }
        }
        Ok(())
    }
}
