//! Small pictures, and the photos that they were made of.

use rusqlite::params;

use super::columns;
use super::sources::SourceId;
use super::{Catalog, CatalogError};
use crate::model::{Kind, Look, ObjectId, PhotoId, RawPath};

/// A file with small pictures inside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThumbnailStore {
    /// Its bytes.
    pub object: ObjectId,
    /// Their number.
    pub size: u64,
    /// Where it was seen.
    pub source: SourceId,
    /// Its path there.
    pub path: RawPath,
}

/// A photo by its looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Which photo.
    pub photo: PhotoId,
    /// Its original.
    pub object: ObjectId,
    /// Bytes of that.
    pub size: u64,
    /// How it looks.
    pub look: Look,
    /// What it is called.
    pub name: String,
    /// Whether it lies in a folder of small pictures everywhere, or was taken out of a store of them.
    pub is_small: bool,
}

impl Catalog {
    /// The stores of small pictures that nothing has been taken out of yet, each at the place where it was seen first.
    pub fn unopened_stores(&self) -> Result<Vec<ThumbnailStore>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT object.id, object.size, folder.source, folder.path, sighting.name FROM object
             JOIN sighting ON sighting.object = object.row JOIN folder ON folder.row = sighting.folder
             WHERE object.kind = ?1 AND sighting.row = (SELECT min(row) FROM sighting WHERE object = object.row)
                 AND NOT EXISTS (SELECT 1 FROM source WHERE kind = 'small-pictures' AND root = object.id)
             ORDER BY object.id",
        )?;
        let rows = statement.query_map([Kind::Thumbnails.as_str()], |row| {
            Ok(ThumbnailStore {
                object: columns::object(row, 0)?,
                size: columns::size(row, 1)?,
                source: SourceId(row.get(2)?),
                path: columns::path(row, 3, 4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether any folder that something was kept from is one of small pictures, or a store of them has been opened.
    pub fn has_small_pictures(&self, is_small: impl Fn(&RawPath) -> bool) -> Result<bool, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT folder.path, source.kind = 'small-pictures' FROM folder JOIN source ON source.id = source",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut path: Vec<u8> = row.get(0)?;
            path.extend_from_slice(b"any.jpg");
            if row.get(1)? || is_small(&RawPath::from_bytes(path)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The owner's photos that have a look and are intact or small, those in the trash left out. `is_small` asks the paths
    /// at which a photo was seen.
    pub fn looks(&self, owner: &str, is_small: impl Fn(&RawPath) -> bool) -> Result<Vec<Seen>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT photo.id, object.id, object.size, look, photo.name, condition = 'intact', object.row FROM photo
             JOIN object ON object.row = photo.object
             WHERE owner = ?1 AND look IS NOT NULL AND deleted_at IS NULL",
        )?;
        let mut places = self.connection.prepare_cached(
            "SELECT folder.path, sighting.name, source.kind = 'small-pictures' FROM sighting
             JOIN folder ON folder.row = folder JOIN source ON source.id = source WHERE object = ?1",
        )?;
        let mut rows = statement.query(params![owner])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let places = places.query_map([row.get::<_, i64>(6)?], |place| {
                Ok(place.get::<_, bool>(2)? || is_small(&columns::path(place, 0, 1)?))
            })?;
            let is_small = places.collect::<Result<Vec<bool>, _>>()?.into_iter().all(|small| small);
            let bytes: [u8; 40] = row.get(3)?;
            if is_small || row.get(5)? {
                found.push(Seen {
                    photo: columns::photo(row, 0)?,
                    object: columns::object(row, 1)?,
                    size: columns::size(row, 2)?,
                    look: Look::from_bytes(&bytes),
                    name: row.get(4)?,
                    is_small,
                });
            }
        }
        Ok(found)
    }
}
