//! Making and opening repositories, and their passwords.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex};

use rustic_core::repofile::{Chunker, MasterKey};
use rustic_core::{ConfigOptions, Credentials, FileType, Id, KeyOptions, OpenStatus, RepositoryBackends, RusticError};
use sha2::{Digest, Sha256};

use super::Repository;
use super::access::{Access, Key};
use super::backend::{self, Backend, path_of};
use super::engine::{Engine, connect, isolated, options, twice};
use super::error::{EngineFault, RepositoryError};
use super::location::Location;
use super::store::{Fault, FaultKind, Store};

/// How a new repository is set up; fixed for its life. Decision 12 has the measurements.
///
/// Files are cut every mebibyte. restic's content-defined chunker took two fifths of the processor time of a first
/// backup, and earns little here: objects never change inside, and equal ones are found by their name. What it would
/// save is the second copy of a photo whose metadata was rewritten, which the archive holds twice as well.
///
/// zstd's level 1: photos do not shrink at any level, the catalog's text and the trees shrink at this one already.
/// The library's extra verification stays on: it is what notices a bit that flips in memory between hashing and
/// encrypting, days before a drill would. Packs do not grow with the repository: up to six are in memory at once, each
/// more than once on its way to a bucket.
fn config() -> ConfigOptions {
    let mut config =
        ConfigOptions::default().set_chunker(Chunker::FixedSize).set_compression(1).set_datapack_growfactor(0_u32);
    // A size that cannot be read would leave the library's own, twice as large.
    config.set_datapack_size = PACK.parse().ok();
    config
}

/// The size of a pack: as large as restic's own.
const PACK: &str = "16MiB";

impl Repository {
    /// Makes a new repository, and the folder for it where it is a folder.
    ///
    /// After `Err` there is no repository; a folder that was empty may hold a key file, which the next call clears.
    pub fn create(access: &Access) -> Result<Self, RepositoryError> {
        let location = &access.location;
        let Key::Password(password) = &access.key else {
            let why = "a new repository is made with a password";
            return Err(RepositoryError::UnusableKey { location: location.clone(), why });
        };
        let store = Arc::new(Store::new(access)?);
        let failed = |fault| RepositoryError::from_fault(location, fault);
        if has_config(&store).map_err(failed)? {
            return Err(RepositoryError::AlreadyExists { location: location.clone() });
        }
        clear_unborn(&store)?;
        store.create().map_err(failed)?;
        let backends = RepositoryBackends::new(Arc::new(Backend::new(Arc::clone(&store))), None);
        let engine = isolated(
            location,
            "making the repository",
            || {
                Engine::new(&options(), &backends)
                    .and_then(|engine| engine.init(&Credentials::password(password), &KeyOptions::default(), &config()))
                    .map_err(|error| RepositoryError::from_engine(location, "making the repository", &error))
            },
            || {},
        )?;
        Ok(Self::opened(store, &engine))
    }

    /// Opens the repository that is there.
    pub fn open(access: &Access) -> Result<Self, RepositoryError> {
        let location = &access.location;
        let store = Arc::new(Store::new(access)?);
        let failed = |fault| RepositoryError::from_fault(location, fault);
        if !has_config(&store).map_err(failed)? {
            if !store.list("snapshots", 0).map_err(failed)?.is_empty() {
                let source = EngineFault::new("its file “config” is gone, and the rest of the repository is there");
                let what = "the configuration".to_owned();
                return Err(RepositoryError::Damaged { location: location.clone(), what, source });
            }
            return Err(RepositoryError::NotFound { location: location.clone() });
        }
        let engine = match &access.key {
            Key::Master(json) => {
                let master = parse_master(location, json)?;
                let credentials = Credentials::Masterkey(master);
                twice(location, || unlock(location, Backend::new(Arc::clone(&store)), &credentials))?
            }
            Key::Password(password) => {
                // One damaged key file would make the library give up before it tries the others.
                let (keys, damaged) = key_files(&store)?;
                if keys == damaged.len() {
                    let source =
                        EngineFault::new("no key file is left that is whole; the master key in the kit opens it");
                    let what = "every key file".to_owned();
                    return Err(RepositoryError::Damaged { location: location.clone(), what, source });
                }
                let credentials = Credentials::password(password);
                twice(location, || {
                    unlock(location, Backend::without(Arc::clone(&store), damaged.clone()), &credentials)
                })?
            }
        };
        Ok(Self::opened(store, &engine))
    }

    fn opened(store: Arc<Store>, engine: &Engine<OpenStatus>) -> Self {
        Self {
            store,
            master: engine.key(),
            id: engine.config().id.into_inner().to_hex().as_str().to_owned(),
            indexed: Mutex::new(None),
        }
    }

    /// Lets one more password open the repository.
    pub fn add_password(&self, password: &str) -> Result<(), RepositoryError> {
        self.store.mend();
        self.add_key(password).map(|_| ())
    }

    /// Makes `password` the only one that opens the repository.
    ///
    /// The new one is tried before the first old one goes; after `Err` at least one of them opens it. Data is not
    /// encrypted anew: whoever has had the master key can still read it.
    pub fn change_password(&self, password: &str) -> Result<(), RepositoryError> {
        self.store.mend();
        let kept = self.add_key(password)?;
        unlock(self.location(), Backend::new(Arc::clone(&self.store)), &Credentials::password(password))?;
        for (id, _) in self.list(FileType::Key)? {
            if id != kept {
                let removed = self.store.remove(&path_of(FileType::Key, &id));
                removed.map_err(|fault| RepositoryError::from_fault(self.location(), fault))?;
            }
        }
        Ok(())
    }

    fn add_key(&self, password: &str) -> Result<Id, RepositoryError> {
        let engine = connect(self.location(), Arc::new(Backend::new(Arc::clone(&self.store))), &self.master)?;
        let added = engine.add_key(password, &KeyOptions::default());
        added
            .map(rustic_core::repofile::KeyId::into_inner)
            .map_err(|error| RepositoryError::from_engine(self.location(), "adding the password", &error))
    }
}

/// Whether there is a repository.
fn has_config(store: &Store) -> Result<bool, Fault> {
    // First a listing: asked for one file, a bucket that does not exist answers as one that lacks the file.
    store.list("keys", 0)?;
    if store.size("config")?.is_none() {
        return Ok(false);
    }
    // A web server or a hotel's login page may answer that it has whatever it is asked for.
    if store.location().is_remote() && store.size("keys/no-file-has-this-name")?.is_some() {
        let what = std::io::Error::other("it says that it has a file that cannot be there");
        return Err(Fault::new(FaultKind::NotAStore, "look at", "keys").because(what));
    }
    Ok(true)
}

/// Refuses a place that holds anything; takes away the key files of a creation that was cut off before the
/// configuration was written, since the same password would find their master key first.
fn clear_unborn(store: &Store) -> Result<(), RepositoryError> {
    let failed = |fault| RepositoryError::from_fault(store.location(), fault);
    for folder in ["snapshots", "index"] {
        if !store.list(folder, 0).map_err(failed)?.is_empty() {
            let what = "the configuration".to_owned();
            let source =
                EngineFault::new("it is gone, and there are snapshots or an index that cannot be read without it");
            return Err(RepositoryError::Damaged { location: store.location().clone(), what, source });
        }
    }
    if !store.is_unborn().map_err(failed)? {
        return Err(RepositoryError::FolderInUse { location: store.location().clone() });
    }
    for (path, _) in store.list("keys", 0).map_err(failed)? {
        store.remove(&path).map_err(failed)?;
    }
    Ok(())
}

fn unlock(
    location: &Location,
    backend: Backend,
    credentials: &Credentials,
) -> Result<Engine<OpenStatus>, RepositoryError> {
    let backends = RepositoryBackends::new(Arc::new(backend), None);
    isolated(
        location,
        "opening",
        || {
            let engine = Engine::new(&options(), &backends).and_then(|engine| engine.open(credentials));
            engine.map_err(|error| {
                // Under a password, the key was proven by its key file before the configuration is read.
                if matches!(credentials, Credentials::Masterkey(_)) && is_wrong_mac(&error) {
                    return RepositoryError::WrongKey { location: location.clone() };
                }
                if error.is_incorrect_password() {
                    return RepositoryError::WrongKey { location: location.clone() };
                }
                RepositoryError::from_reading(location, "the configuration", &error)
            })
        },
        || {},
    )
}

/// Whether decryption failed somewhere below: the library's code for it is C001.
fn is_wrong_mac(error: &RusticError) -> bool {
    if error.is_code("C001") {
        return true;
    }
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.downcast_ref::<Box<RusticError>>().is_some_and(|inner| inner.is_code("C001")) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// How many key files there are, and which of them are not what they are named after.
fn key_files(store: &Store) -> Result<(usize, HashSet<Id>), RepositoryError> {
    let failed = |fault| RepositoryError::from_fault(store.location(), fault);
    let keys = backend::list(store, FileType::Key).map_err(failed)?;
    let mut damaged = HashSet::new();
    for (id, _) in &keys {
        let path = path_of(FileType::Key, id);
        match backend::read_named(store, FileType::Key, &path, id).map_err(failed) {
            Ok(bytes) if Id::new(Sha256::digest(&bytes).into()) == *id => {}
            Err(error) if !error.is_of_one_file() => return Err(error),
            Ok(_) | Err(_) => {
                damaged.insert(*id);
            }
        }
    }
    Ok((keys.len(), damaged))
}

/// The library panics on keys of other lengths.
fn parse_master(location: &Location, json: &str) -> Result<MasterKey, RepositoryError> {
    let unusable = |why| RepositoryError::UnusableKey { location: location.clone(), why };
    // The parser's own words may quote the secret.
    let master: MasterKey = serde_json::from_str(json).map_err(|_| unusable("it is not a master key in JSON"))?;
    if (master.encrypt.len(), master.mac.k.len(), master.mac.r.len()) == (32, 16, 16) {
        Ok(master)
    } else {
        Err(unusable("its parts do not have the lengths of a master key"))
    }
}
