//! All names in the store.

use std::ffi::{OsStr, OsString};
use std::{io, vec};

use super::{Disk, LocalDisk, Store, error::ObjectsError};
use crate::model::ObjectId;

/// Every name in the store, in ascending order, one folder at a time.
///
/// A name is no proof: [`Store::verify`] says whether it stands for whole content. A folder that cannot be read is an
/// error item, and the others follow.
#[derive(Debug)]
pub struct Listing<'store, D: Disk = LocalDisk> {
    store: &'store Store<D>,
    folders: vec::IntoIter<OsString>,
    names: vec::IntoIter<ObjectId>,
    foreign: u64,
}

impl<D: Disk> Store<D> {
    /// Lists the names of all objects.
    pub fn list(&self) -> Result<Listing<'_, D>, ObjectsError> {
        let found = match self.disk.list(&self.objects) {
            Ok(found) => found,
            Err(error) if is_absence(&error) => {
                return Err(ObjectsError::StoreMissing { path: self.objects.clone() });
            }
            Err(source) => return Err(ObjectsError::not_read(&self.objects, source)),
        };
        let all = found.len() as u64;
        let mut folders: Vec<OsString> = found.into_iter().filter(|name| is_fan_out(name)).collect();
        let foreign = all.saturating_sub(folders.len() as u64);
        folders.sort_unstable();
        Ok(Listing { store: self, folders: folders.into_iter(), names: Vec::new().into_iter(), foreign })
    }
}

impl<D: Disk> Listing<'_, D> {
    /// How many things were skipped so far because they have no name of an object; all, once the listing has ended.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    fn enter(&mut self, folder: &OsStr) -> Result<(), ObjectsError> {
        let path = self.store.objects.join(folder);
        let found = match self.store.disk.list(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                self.foreign = self.foreign.saturating_add(1);
                return Ok(());
            }
            Err(source) => return Err(ObjectsError::not_read(&path, source)),
        };
        let mut names: Vec<ObjectId> = found
            .iter()
            .filter_map(|name| name.to_str()?.parse().ok())
            .filter(|id: &ObjectId| OsStr::new(&id.short(2)) == folder)
            .collect();
        self.foreign = self.foreign.saturating_add((found.len() as u64).saturating_sub(names.len() as u64));
        names.sort_unstable();
        self.names = names.into_iter();
        Ok(())
    }
}

impl<D: Disk> Iterator for Listing<'_, D> {
    type Item = Result<ObjectId, ObjectsError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(id) = self.names.next() {
                return Some(Ok(id));
            }
            let folder = self.folders.next()?;
            if let Err(error) = self.enter(&folder) {
                return Some(Err(error));
            }
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_fan_out(name: &OsStr) -> bool {
    name.len() == 2 && name.as_encoded_bytes().iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
