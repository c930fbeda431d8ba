//! Locks of an archive: who is at work in it, for programs and for people.
//!
//! A lock is flock(2) on `locks/NAME.lock`: the system releases it when the holder ends, however it ends. Beside
//! it each holder keeps a note (`locks/NAME.xxxx.holder`: since when, and who), locked too, so that the note of
//! a holder that died is told from the note of one that lives.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::durable::create_folder;

use super::archive::Archive;
use super::error::ConfigError;
use super::settings::RepositoryName;

/// What can be locked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lock {
    /// Adding photos.
    Ingest,
    /// Writing to one repository.
    Repository(RepositoryName),
    /// Shared by everybody who has the archive open; held alone to migrate, and by later work that must be alone.
    Maintenance,
}

impl Lock {
    fn file_name(&self) -> String {
        match self {
            Self::Ingest => "ingest".to_owned(),
            Self::Repository(name) => format!("repository-{name}"),
            Self::Maintenance => "maintenance".to_owned(),
        }
    }
}

/// Whether others may hold the lock at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    /// Others may hold it too, if they share it as well.
    Shared,
    /// Nobody else may hold it.
    Exclusive,
}

/// A lock that is held until this is dropped, or until the process ends.
#[derive(Debug)]
pub struct Held {
    /// Closing it releases it.
    _lock: File,
    #[allow(dead_code, reason = "it is there to be dropped")]
    note: Option<Note>,
}

/// Who holds a lock, for people; gone when dropped.
#[derive(Debug)]
struct Note {
    /// Closing it releases it.
    locked: File,
    path: PathBuf,
}

impl Drop for Note {
    fn drop(&mut self) {
        if fs::remove_file(&self.path).is_err() {
            // A note that stays is not locked any more: it counts as the note of nobody, and the next one who
            // takes this lock takes it away.
        }
    }
}

impl Archive {
    /// Takes a lock, or says at once who holds it. `who` is shown to people: `backup run 411`.
    ///
    /// A process that takes the same lock twice waits for itself: it is told that it is busy.
    pub fn lock(&self, what: &Lock, sharing: Sharing, who: &str, now: Timestamp) -> Result<Held, ConfigError> {
        let folder = self.locks_folder();
        create_folder(&folder).map_err(|source| failed(&folder, source))?;
        let path = folder.join(format!("{}.lock", what.file_name()));
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| failed(&path, source))?;
        let taken = match sharing {
            Sharing::Shared => lock.try_lock_shared(),
            Sharing::Exclusive => lock.try_lock(),
        };
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(&folder, what)),
            Err(TryLockError::Error(source)) => return Err(failed(&path, source)),
        }
        remove_dead_notes(&folder, what, sharing);
        let note = match write_note(&folder, what, who, now) {
            Ok(note) => Some(note),
            // A drive that is full can still be looked at; whoever is kept out meanwhile is not told by whom.
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => None,
            Err(source) => return Err(failed(&folder, source)),
        };
        Ok(Held { _lock: lock, note })
    }
}

/// The note is locked before it says anything: one that says something and is not locked has no holder any more.
fn write_note(folder: &Path, what: &Lock, who: &str, now: Timestamp) -> io::Result<Note> {
    let (locked, path) = tempfile::Builder::new()
        .prefix(&format!("{}.", what.file_name()))
        .suffix(".holder")
        .tempfile_in(folder)?
        .keep()
        .map_err(|error| error.error)?;
    let mut note = Note { locked, path };
    note.locked.lock()?;
    note.locked.write_all(format!("{now}\n{}\n", who.replace(char::is_control, " ")).as_bytes())?;
    Ok(note)
}

/// Who has held the lock longest.
fn busy(folder: &Path, what: &Lock) -> ConfigError {
    let oldest = notes(folder, what).iter().filter_map(|note| read_living(note)).min();
    match oldest {
        Some((since, what)) => ConfigError::Busy { what, since: Some(since) },
        None => ConfigError::Busy { what: "another run has just begun".to_owned(), since: None },
    }
}

/// What a note says, if its holder lives. One that cannot be read names nobody; the lock is held all the same.
fn read_living(path: &Path) -> Option<(Timestamp, String)> {
    let note = File::open(path).ok()?;
    if note.try_lock_shared().is_ok() {
        return None;
    }
    let mut text = String::new();
    note.take(4096).read_to_string(&mut text).ok()?;
    let (since, who) = text.split_once('\n')?;
    Some((since.parse().ok()?, who.trim_end().to_owned()))
}

/// Takes away the notes that crashes left. For the only holder there is these are all; beside others, those that say
/// something and are not locked: one that says nothing may be about to.
fn remove_dead_notes(folder: &Path, what: &Lock, sharing: Sharing) {
    for note in notes(folder, what) {
        let is_dead = sharing == Sharing::Exclusive || has_died(&note);
        if is_dead && fs::remove_file(note).is_err() {
            // It does no harm: it is not locked.
        }
    }
}

/// Whether a note says something, and its holder is gone.
fn has_died(note: &Path) -> bool {
    let Ok(note) = File::open(note) else { return false };
    note.metadata().is_ok_and(|note| note.len() > 0) && note.try_lock_shared().is_ok()
}

fn notes(folder: &Path, what: &Lock) -> Vec<PathBuf> {
    let prefix = format!("{}.", what.file_name());
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(&prefix) && name.ends_with(".holder")
        })
        .map(|entry| entry.path())
        .collect()
}

fn failed(path: &Path, source: io::Error) -> ConfigError {
    ConfigError::Io { path: path.to_owned(), doing: "locked", source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "helpers of tests")]
mod tests {
    use super::*;

    fn archive() -> (tempfile::TempDir, Archive) {
        let place = tempfile::tempdir().unwrap();
        let archive = Archive::create(&place.path().join("a"), "anna", "a1").unwrap();
        (place, archive)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const TWO: &str = "2026-01-02T02:03:00Z";

    #[test]
    fn a_lock_that_is_held_says_who_holds_it_and_since_when() {
        let (_place, archive) = archive();
        let held = archive.lock(&Lock::Ingest, Sharing::Exclusive, "ingest run 7", at(TWO)).unwrap();
        let error = archive.lock(&Lock::Ingest, Sharing::Exclusive, "second", at("2026-01-02T05:00:00Z")).unwrap_err();
        let ConfigError::Busy { what, since } = &error else { panic!("{error}") };
        assert_eq!((what.as_str(), *since), ("ingest run 7", Some(at(TWO))));
        assert_eq!(error.to_string(), "the archive is busy: ingest run 7, since 2026-01-02T02:03:00Z");
        drop(held);
        archive.lock(&Lock::Ingest, Sharing::Exclusive, "third", at(TWO)).unwrap();
    }

    #[test]
    fn locks_of_different_things_do_not_meet_each_other() {
        let (_place, archive) = archive();
        let first = Lock::Repository("b2".parse().unwrap());
        let second = Lock::Repository("b2-old".parse().unwrap());
        let _first = archive.lock(&first, Sharing::Exclusive, "x", at(TWO)).unwrap();
        let _second = archive.lock(&second, Sharing::Exclusive, "y", at(TWO)).unwrap();
        assert_eq!(fs::read_dir(archive.locks_folder()).unwrap().count(), 4);
    }

    #[test]
    fn of_several_who_share_a_lock_the_longest_is_named_and_only_the_living() {
        let (_place, archive) = archive();
        let share = |who, when| archive.lock(&Lock::Maintenance, Sharing::Shared, who, at(when)).unwrap();
        let first = share("backup run 1", "2026-01-02T01:00:00Z");
        let second = share("ingest run 2", "2026-01-02T03:00:00Z");
        // A holder that died leaves a note that is not locked.
        let dead = archive.locks_folder().join("maintenance.dead.holder");
        crate::durable::replace_file(&dead, b"2020-01-01T00:00:00Z\nold\n", crate::durable::Readers::Anyone).unwrap();
        let named = || match archive.lock(&Lock::Maintenance, Sharing::Exclusive, "sweep", at(TWO)) {
            Err(ConfigError::Busy { what, .. }) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(named(), "backup run 1");
        drop(first);
        assert_eq!(named(), "ingest run 2");
        drop(second);
        let _alone = archive.lock(&Lock::Maintenance, Sharing::Exclusive, "sweep", at(TWO)).unwrap();
        assert!(!dead.exists());
    }

    #[test]
    fn who_shares_a_lock_clears_away_the_notes_of_the_dead_and_no_other() {
        let (_place, archive) = archive();
        let share = |who| archive.lock(&Lock::Maintenance, Sharing::Shared, who, at(TWO)).unwrap();
        let living = share("status");
        let put = |name: &str, text: &[u8]| {
            let path = archive.locks_folder().join(name);
            crate::durable::replace_file(&path, text, crate::durable::Readers::Anyone).unwrap();
            path
        };
        let dead = put("maintenance.dead.holder", b"2020-01-01T00:00:00Z\nold\n");
        let about_to_speak = put("maintenance.new.holder", b"");
        let _second = share("search");
        assert!(!dead.exists() && about_to_speak.exists());
        assert!(living.note.as_ref().unwrap().path.exists());
    }
}
