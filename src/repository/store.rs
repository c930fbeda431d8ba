//! Files by name, in a folder or in a bucket: what a repository is made of.

mod bucket;
mod fault;
mod local;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use self::bucket::BucketStore;
pub use self::fault::{Fault, FaultKind};
use self::local::LocalStore;
use super::access::{Access, check_options};
use super::error::RepositoryError;
use super::location::Location;

/// What went over the wire, or to and from the disk, since the repository was opened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Bytes of the files written. What a failed attempt sent is not in it.
    pub sent_bytes: u64,
    /// Bytes of the files read.
    pub fetched_bytes: u64,
    /// Requests made, each attempt counted.
    pub requests: u64,
}

/// One store, shared by every thread that works on its repository.
#[derive(Debug)]
pub(super) struct Store {
    place: Place,
    location: Location,
    sent: AtomicU64,
    fetched: AtomicU64,
    requests: AtomicU64,
    /// The first write that failed for good. While it stands, every further write fails at once: the library
    /// goes on reading all sources after a failed write, and each would pay for all attempts again.
    broken: Mutex<Option<Fault>>,
}

#[derive(Debug)]
enum Place {
    Local(LocalStore),
    Bucket(BucketStore),
}

impl Store {
    /// Prepares to talk to the place. Only a `b2:` location makes a request already now, to learn its server.
    pub(super) fn new(access: &Access) -> Result<Self, RepositoryError> {
        check_options(access)?;
        let location = access.location.clone();
        let place = match location.local_path() {
            Some(path) => Place::Local(LocalStore::new(path.to_owned())),
            None => Place::Bucket(BucketStore::new(access)?),
        };
        Ok(Self {
            place,
            location,
            sent: AtomicU64::default(),
            fetched: AtomicU64::default(),
            requests: AtomicU64::default(),
            broken: Mutex::default(),
        })
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    /// Makes the folder of a new repository; a bucket has nothing to make.
    pub(super) fn create(&self) -> Result<(), Fault> {
        match &self.place {
            Place::Local(local) => local.create().map_err(|error| Fault::of_file("make", "the folder", error)),
            Place::Bucket(_) => Ok(()),
        }
    }

    /// Whether the folder holds nothing but what making a repository leaves when it is cut off early. A bucket's
    /// prefix may be shared with other things.
    pub(super) fn is_unborn(&self) -> Result<bool, Fault> {
        match &self.place {
            Place::Local(local) => local.is_unborn().map_err(|error| Fault::of_file("list", "the folder", error)),
            Place::Bucket(_) => Ok(true),
        }
    }

    pub(super) fn read(&self, path: &str) -> Result<Bytes, Fault> {
        let bytes = match &self.place {
            Place::Local(local) => {
                self.count_request();
                local.read(path).map_err(|error| unread(local, path, error))?
            }
            Place::Bucket(bucket) => bucket.read(path, || self.count_request())?,
        };
        self.fetched.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    /// Exactly `length` bytes from `offset`; fewer are an error.
    pub(super) fn read_range(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, Fault> {
        let bytes = match &self.place {
            Place::Local(local) => {
                self.count_request();
                local.read_range(path, offset, length).map_err(|error| unread(local, path, error))?
            }
            Place::Bucket(bucket) => bucket.read_range(path, offset, length, || self.count_request())?,
        };
        self.fetched.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    /// Puts a whole file under its name; after `Ok` it is durable.
    pub(super) fn write(&self, path: &str, parts: &[Bytes]) -> Result<(), Fault> {
        if let Some(fault) = self.broken() {
            return Err(fault);
        }
        let size: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let written = match &self.place {
            Place::Local(local) => {
                self.count_request();
                local.write(path, parts).map_err(|error| Fault::of_file("write", path, error))
            }
            Place::Bucket(bucket) => bucket.write(path, parts, || self.count_request()),
        };
        match written {
            Ok(()) => {
                self.sent.fetch_add(size, Ordering::Relaxed);
                Ok(())
            }
            Err(fault) => {
                self.lock_broken().get_or_insert_with(|| fault.clone());
                Err(fault)
            }
        }
    }

    pub(super) fn remove(&self, path: &str) -> Result<(), Fault> {
        match &self.place {
            Place::Local(local) => {
                self.count_request();
                local.remove(path).map_err(|error| Fault::of_file("remove", path, error))
            }
            Place::Bucket(bucket) => bucket.remove(path, || self.count_request()),
        }
    }

    /// Size of a file; `None` when it is not there.
    pub(super) fn size(&self, path: &str) -> Result<Option<u64>, Fault> {
        match &self.place {
            Place::Local(local) => {
                self.count_request();
                local.size(path).map_err(|error| Fault::of_file("look at", path, error))
            }
            Place::Bucket(bucket) => bucket.size(path, || self.count_request()),
        }
    }

    /// Every file below `folder`, at most `depth` folders down, with its size: all of them, or an error.
    pub(super) fn list(&self, folder: &str, depth: usize) -> Result<Vec<(String, u64)>, Fault> {
        match &self.place {
            Place::Local(local) => {
                self.count_request();
                local.list(folder, depth).map_err(|error| Fault::of_file("list", folder, error))
            }
            Place::Bucket(bucket) => bucket.list(folder, || self.count_request()),
        }
    }

    /// Makes the names of what a run left that died durable, save those of packs.
    pub(super) fn settle(&self) -> Result<(), Fault> {
        match &self.place {
            Place::Local(local) => local.settle().map_err(|error| Fault::of_file("sync", "the folder", error)),
            // What a bucket has accepted is durable.
            Place::Bucket(_) => Ok(()),
        }
    }

    /// The same for one file.
    pub(super) fn settle_file(&self, path: &str) -> Result<(), Fault> {
        match &self.place {
            Place::Local(local) => local.settle_file(path).map_err(|error| Fault::of_file("sync", path, error)),
            Place::Bucket(_) => Ok(()),
        }
    }

    /// Removes what crashed writers left behind before `before`.
    pub(super) fn sweep(&self, before: SystemTime) -> Result<(), Fault> {
        match &self.place {
            Place::Local(local) => local.sweep(before).map_err(|error| Fault::of_file("sweep", "incoming", error)),
            // An upload to a bucket is whole or not there.
            Place::Bucket(_) => Ok(()),
        }
    }

    /// The first write that failed for good since [`Self::mend`].
    pub(super) fn broken(&self) -> Option<Fault> {
        self.lock_broken().clone()
    }

    /// Gives up what is under way: somebody asked to stop, and a pack on a slow line would keep him waiting.
    pub(super) fn abandon(&self) {
        if let Place::Bucket(bucket) = &self.place {
            bucket.abandon(true);
        }
    }

    /// Gives requests another chance: at the start of a run.
    pub(super) fn mend(&self) {
        *self.lock_broken() = None;
        if let Place::Bucket(bucket) = &self.place {
            bucket.abandon(false);
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            sent_bytes: self.sent.load(Ordering::Relaxed),
            fetched_bytes: self.fetched.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
        }
    }

    fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn lock_broken(&self) -> std::sync::MutexGuard<'_, Option<Fault>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A drive that was pulled out fails at every file. Where the configuration can still be read, it is this one file.
fn unread(local: &LocalStore, path: &str, error: std::io::Error) -> Fault {
    let fault = Fault::of_file("read", path, error);
    match (path, local.read(CONFIG).is_ok()) {
        (CONFIG, _) => fault,
        (_, true) => fault.of_this_file_alone(),
        (_, false) => fault.of_the_whole_drive(),
    }
}

/// The file that every repository has.
const CONFIG: &str = "config";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::repository::Key;

    #[test]
    fn one_bad_file_is_told_from_a_drive_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalStore::new(folder.path().to_owned());
        let bad_sector = || std::io::Error::from_raw_os_error(5);
        let kind = |error| unread(&local, "data/ab/abcd", error).kind();
        assert_eq!(kind(bad_sector()), FaultKind::Other);
        assert_eq!(kind(std::io::ErrorKind::NotFound.into()), FaultKind::Other);
        local.write(CONFIG, &[Bytes::from_static(b"here")]).unwrap();
        assert_eq!(kind(bad_sector()), FaultKind::Spoiled);
        assert_eq!(kind(std::io::ErrorKind::PermissionDenied.into()), FaultKind::Spoiled);
        assert_eq!(kind(std::io::ErrorKind::NotFound.into()), FaultKind::Missing);
    }

    #[test]
    fn after_a_write_that_failed_for_good_every_other_fails_at_once_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let access = Access {
            location: folder.path().to_str().unwrap().parse().unwrap(),
            options: BTreeMap::new(),
            bucket_keys: None,
            key: Key::Password(String::new()),
        };
        let store = Store::new(&access).unwrap();
        store.write("in-the-way", &[]).unwrap();
        let first = store.write("in-the-way/pack", &[]).unwrap_err().to_string();
        let requests = store.traffic().requests;
        assert_eq!(store.write("index", &[]).unwrap_err().to_string(), first, "it says what failed first");
        assert_eq!(store.traffic().requests, requests, "nothing was tried");
        store.mend();
        store.write("index", &[Bytes::from_static(b"12")]).unwrap();
        assert_eq!(store.traffic().sent_bytes, 2);
    }
}
