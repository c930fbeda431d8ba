//! The catalog as text that any version of the program can read, and a person too.
//!
//! Files of JSON lines; the first line says what the others are. Sorted, and the same bytes for the same meaning: equal
//! [`Catalog::generation`] and equal catalog, equal export. What changes often stands apart from what does not, so that
//! a night costs only the shards that changed: photos by the month they were taken, objects by the month they were
//! kept, sightings by the month they were first seen.

mod find;
pub(super) mod lines;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use super::columns;
use super::sources::SourceIdentity;
use super::{Catalog, CatalogError};
use crate::model::{RawPath, Sha1Digest};

pub use find::{ExportedAlbum, ExportedPhoto, exported_albums, exported_photos};
use lines::{
    AlbumLine, CompanionLine, Examined, Header, MemberLine, ObjectLine, PhotoLine, SaidLine, SightingLine, SourceLine,
    TombstoneLine, What, source_key, text_and_bytes,
};

/// A part of the export, under its name in `keepsake/` of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shard {
    /// `catalog/2014-08.jsonl`, `albums.jsonl`, …
    pub name: String,
    /// Lines of JSON, each ended by a line feed.
    pub bytes: Vec<u8>,
}

impl Catalog {
    /// Everything that has meaning, of one consistent moment, by name. Shards that would be empty are left out.
    pub fn export(&self) -> Result<Vec<Shard>, CatalogError> {
        shards(&*self.moment()?)
    }
}

pub(super) fn shards(moment: &Connection) -> Result<Vec<Shard>, CatalogError> {
    let mut shards = Shards::default();
    let keys = sources(moment, &mut shards)?;
    objects(moment, &mut shards)?;
    sightings(moment, &keys, &mut shards)?;
    photos(moment, &mut shards)?;
    tombstones(moment, &mut shards)?;
    albums(moment, &mut shards)?;
    Ok(shards.0.into_iter().map(|(name, bytes)| Shard { name, bytes }).collect())
}

#[derive(Default)]
struct Shards(BTreeMap<String, Vec<u8>>);

impl Shards {
    fn add(&mut self, name: &str, what: What, line: &impl Serialize) -> Result<(), CatalogError> {
        if !self.0.contains_key(name) {
            let mut bytes = Vec::new();
            append(&mut bytes, &Header::of(what))?;
            self.0.insert(name.to_owned(), bytes);
        }
        match self.0.get_mut(name) {
            Some(bytes) => append(bytes, line),
            None => Ok(()),
        }
    }
}

fn append(bytes: &mut Vec<u8>, line: &impl Serialize) -> Result<(), CatalogError> {
    serde_json::to_writer(&mut *bytes, line).map_err(|cause| CatalogError::Nonsense { what: cause.to_string() })?;
    bytes.push(b'\n');
    Ok(())
}

fn month(at: Timestamp) -> String {
    at.strftime("%Y-%m").to_string()
}

/// Adds the sources, and says by which key each is called in the export.
fn sources(moment: &Connection, shards: &mut Shards) -> Result<BTreeMap<i64, String>, CatalogError> {
    let mut statement =
        moment.prepare("SELECT id, kind, volume, root, name FROM source ORDER BY kind, ifnull(volume, ''), root")?;
    let mut rows = statement.query([])?;
    let mut keys = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let identity = SourceIdentity {
            kind: row.get(1)?,
            volume: row.get(2)?,
            root: RawPath::from_bytes(row.get(3)?),
            name: row.get(4)?,
        };
        let key = source_key(&identity);
        keys.insert(row.get(0)?, key.clone());
        let (root, root_bytes) = text_and_bytes(&identity.root);
        let SourceIdentity { kind, volume, root: _, name } = identity;
        shards.add(
            "sources.jsonl",
            What::Sources,
            &SourceLine { source: key, kind, volume, root, root_bytes, name },
        )?;
    }
    Ok(keys)
}

fn objects(moment: &Connection, shards: &mut Shards) -> Result<(), CatalogError> {
    let mut statement = moment.prepare(
        "SELECT id, sha1, size, kind, kept_at, examined_version, condition, depth, good_percent, finding, facts,
             payload, look
         FROM object ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let kept_at = columns::time(row, 4)?;
        let version: u32 = row.get(5)?;
        let examined = match version {
            0 => None,
            version => {
                let likeness = columns::likeness(row, 11, 12)?;
                Some(Examined {
                    version,
                    condition: columns::word(row, 6)?,
                    depth: columns::word(row, 7)?,
                    good_percent: row.get(8)?,
                    finding: row.get(9)?,
                    facts: columns::json(row, 10)?,
                    payload: likeness.payload,
                    look: likeness.look,
                })
            }
        };
        let line = ObjectLine {
            object: columns::object(row, 0)?,
            sha1: data_encoding::HEXLOWER.encode(&Sha1Digest(row.get(1)?).0),
            size: columns::size(row, 2)?,
            kind: columns::word(row, 3)?,
            kept_at,
            examined,
        };
        shards.add(&format!("objects/{}.jsonl", month(kept_at)), What::Objects, &line)?;
    }
    Ok(())
}

/// Adds the sightings, ignored files left out: they say nothing about a photo. The order by row keeps the newest
/// sighting of a path behind its older ones.
fn sightings(moment: &Connection, keys: &BTreeMap<i64, String>, shards: &mut Shards) -> Result<(), CatalogError> {
    let mut statement = moment.prepare(
        "SELECT folder.source, folder.path, sighting.name, owner, outcome, object.id, sighting.size, modified_at, reason,
             first_seen_at, found, lost
         FROM sighting JOIN folder ON folder.row = sighting.folder JOIN source ON source.id = folder.source
         LEFT JOIN object ON object.row = sighting.object
         WHERE outcome <> 'ignored'
         ORDER BY first_seen_at, source.kind, ifnull(volume, ''), root, folder.path, sighting.name, sighting.row",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (path, path_bytes) = text_and_bytes(&columns::path(row, 1, 2)?);
        let first_seen_at = columns::time(row, 9)?;
        let line = SightingLine {
            source: keys.get(&row.get(0)?).cloned().unwrap_or_default(),
            path,
            path_bytes,
            owner: row.get(3)?,
            outcome: columns::word(row, 4)?,
            object: columns::object_or_none(row, 5)?,
            size: columns::size(row, 6)?,
            modified_at: columns::time_or_none(row, 7)?,
            reason: row.get(8)?,
            first_seen_at,
            found: columns::word_or_none(row, 10)?,
            lost: row.get(11)?,
        };
        shards.add(&format!("sightings/{}.jsonl", month(first_seen_at)), What::Sightings, &line)?;
    }
    Ok(())
}

fn photos(moment: &Connection, shards: &mut Shards) -> Result<(), CatalogError> {
    let mut statement = moment.prepare(
        "SELECT photo.row, photo.id, owner, object.id, added_at, name, path, taken_at, deleted_at, description
         FROM photo JOIN object ON object.row = photo.object ORDER BY photo.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let photo_row: i64 = row.get(0)?;
        let taken_at: Option<String> = row.get(7)?;
        let line = PhotoLine {
            id: columns::photo(row, 1)?,
            owner: row.get(2)?,
            object: columns::object(row, 3)?,
            name: row.get(5)?,
            path: row.get(6)?,
            added_at: columns::time(row, 4)?,
            deleted_at: columns::time_or_none(row, 8)?,
            said: said(moment, photo_row)?,
            description: columns::json_or_none(row, 9)?,
            companions: companions(moment, photo_row)?,
        };
        let month = taken_at.as_deref().and_then(month_taken).unwrap_or("undated");
        shards.add(&format!("catalog/{month}.jsonl"), What::Photos, &line)?;
    }
    Ok(())
}

/// `2014-08` of `2014-08-03T14:22:33`.
fn month_taken(local: &str) -> Option<&str> {
    let month = local.get(..7)?;
    month.starts_with(|first: char| first.is_ascii_digit()).then_some(month)
}

fn said(moment: &Connection, photo: i64) -> Result<Vec<SaidLine>, CatalogError> {
    let mut statement = moment.prepare_cached("SELECT what, value, at FROM said WHERE photo = ?1 ORDER BY what")?;
    let rows = statement.query_map([photo], |row| {
        Ok(SaidLine { what: columns::word(row, 0)?, value: columns::json(row, 1)?, at: columns::time(row, 2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn companions(moment: &Connection, photo: i64) -> Result<Vec<CompanionLine>, CatalogError> {
    let mut statement = moment.prepare_cached(
        "SELECT object.id, role, name, path FROM companion JOIN object ON object.row = companion.object
         WHERE photo = ?1 ORDER BY object.id",
    )?;
    let rows = statement.query_map([photo], |row| {
        Ok(CompanionLine {
            object: columns::object(row, 0)?,
            role: columns::word(row, 1)?,
            name: row.get(2)?,
            path: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn tombstones(moment: &Connection, shards: &mut Shards) -> Result<(), CatalogError> {
    let mut statement =
        moment.prepare("SELECT owner, object, photo, deleted_at FROM tombstone ORDER BY owner, object")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line = TombstoneLine {
            owner: row.get(0)?,
            object: columns::object(row, 1)?,
            photo: columns::photo(row, 2)?,
            deleted_at: columns::time(row, 3)?,
        };
        shards.add("tombstones.jsonl", What::Tombstones, &line)?;
    }
    Ok(())
}

fn albums(moment: &Connection, shards: &mut Shards) -> Result<(), CatalogError> {
    let mut statement = moment.prepare("SELECT id, owner, name, folder, created_at FROM album ORDER BY owner, name")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut members = moment.prepare_cached(
            "SELECT photo.id, album_photo.added_at FROM album_photo JOIN photo ON photo.row = album_photo.photo
             WHERE album = ?1 ORDER BY position, photo.id",
        )?;
        let members = members.query_map([row.get::<_, i64>(0)?], |row| {
            Ok(MemberLine { photo: columns::photo(row, 0)?, added_at: columns::time(row, 1)? })
        })?;
        let line = AlbumLine {
            owner: row.get(1)?,
            name: columns::word(row, 2)?,
            folder: row.get(3)?,
            created_at: columns::time(row, 4)?,
            photos: members.collect::<Result<_, _>>()?,
        };
        shards.add("albums.jsonl", What::Albums, &line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
