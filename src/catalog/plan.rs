//! What a snapshot is made of.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use super::columns::{self, from_ns};
use super::description::believed;
use super::export::{Shard, shards};
use super::tree_path::{WORDS_ENDING, with_suffix};
use super::{Catalog, CatalogError};
use crate::formats::file_name;
use crate::formats::sidecar::Words;
use crate::model::{AlbumName, ObjectId, PhotoId};

/// How many digits of its hash an object below `kept/` is told apart by.
const KEPT_DIGITS: usize = 16;

/// Everything that one snapshot holds, of one consistent moment. Every object of the catalog stands in it at least once,
/// and no path twice, not even where upper and lower case are the same.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The generation of the catalog at that moment.
    pub generation: u64,
    /// The photos that have a path, by path; those in the trash too.
    pub photos: Vec<PlanPhoto>,
    /// The albums, by owner and name.
    pub albums: Vec<PlanAlbum>,
    /// Every object that stands nowhere else in the tree, by path: `kept/anna/3f/IMG_1234_3f9c….xmp`.
    pub kept: Vec<PlanFile>,
}

/// A photo in a snapshot.
#[derive(Clone, PartialEq, Debug)]
pub struct PlanPhoto {
    /// Which photo.
    pub id: PhotoId,
    /// Whose.
    pub owner: String,
    /// `photos/anna/2014/2014-08/20140803-142233_IMG_1234.JPG`; below `trash/` instead of `photos/` when deleted.
    pub path: String,
    /// Its original.
    pub object: ObjectId,
    /// Bytes of the original.
    pub size: u64,
    /// The file's time: when it was taken, as if the clock on the wall were UTC; when the file was last written, where
    /// that is not known; else when it came into the archive.
    pub modified_at: Timestamp,
    /// The files beside it.
    pub companions: Vec<PlanFile>,
    /// What to write into `path` + `.xmp`; `None` when nobody said anything. That path is kept free.
    pub words: Option<Words>,
}

/// A file in a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanFile {
    /// Its path.
    pub path: String,
    /// Its bytes.
    pub object: ObjectId,
    /// Their number.
    pub size: u64,
    /// The file's time.
    pub modified_at: Timestamp,
}

/// An album in a snapshot.
#[derive(Clone, PartialEq, Debug)]
pub struct PlanAlbum {
    /// Whose.
    pub owner: String,
    /// What it is called.
    pub name: AlbumName,
    /// The folder below `albums/<owner>/`.
    pub folder_name: String,
    /// Its files in its order, each photo followed by its companions; photos in the trash left out.
    pub files: Vec<PlanAlbumFile>,
}

/// A file of an album: one more link to a file that stands below `photos/` already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanAlbumFile {
    /// Its name in the album's folder.
    pub file_name: String,
    /// Its bytes.
    pub object: ObjectId,
    /// Their number.
    pub size: u64,
    /// The photo that it is, or belongs to.
    pub photo: PhotoId,
    /// The file's time, the same as below `photos/`.
    pub modified_at: Timestamp,
}

impl PlanAlbum {
    /// The path of one of its files in the snapshot.
    pub fn path(&self, file: &PlanAlbumFile) -> String {
        format!("albums/{}/{}/{}", file_name::safe(self.owner.as_bytes()), self.folder_name, file.file_name)
    }
}

impl Catalog {
    /// What a snapshot of this moment is made of.
    pub fn snapshot_plan(&self) -> Result<Plan, CatalogError> {
        plan(&*self.moment()?)
    }

    /// The plan and the export of one and the same moment.
    pub fn snapshot_contents(&self) -> Result<(Plan, Vec<Shard>), CatalogError> {
        let moment = self.moment()?;
        Ok((plan(&moment)?, shards(&moment)?))
    }
}

fn plan(moment: &Connection) -> Result<Plan, CatalogError> {
    let generation = moment.query_row("SELECT generation FROM archive", [], |row| columns::size(row, 0))?;
    let mut companions = companions(moment)?;
    let mut photos = Vec::new();
    let mut place_of_row = BTreeMap::new();
    {
        let mut statement = moment.prepare(
            "SELECT photo.row, photo.id, owner, path, object.id, size, taken_at, added_at, deleted_at IS NOT NULL,
                 CASE WHEN taken_at IS NULL THEN (SELECT modified_at FROM sighting WHERE object = photo.object
                     AND modified_at IS NOT NULL ORDER BY sighting.row LIMIT 1) END
             FROM photo JOIN object ON object.row = photo.object WHERE path IS NOT NULL ORDER BY path",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let photo_row: i64 = row.get(0)?;
            let is_deleted: bool = row.get(8)?;
            let modified_at = modified_at(row)?;
            let beside = companions.remove(&photo_row).unwrap_or_default();
            place_of_row.insert(photo_row, photos.len());
            photos.push(PlanPhoto {
                id: columns::photo(row, 1)?,
                owner: row.get(2)?,
                path: in_tree(row.get(3)?, is_deleted),
                object: columns::object(row, 4)?,
                size: columns::size(row, 5)?,
                modified_at,
                companions: beside
                    .into_iter()
                    .map(|(path, object, size)| PlanFile { path: in_tree(path, is_deleted), object, size, modified_at })
                    .collect(),
                words: None,
            });
        }
    }
    for (photo_row, words) in all_words(moment)? {
        if let Some(photo) = place_of_row.get(&photo_row).and_then(|place| photos.get_mut(*place)) {
            photo.words = Some(words);
        }
    }
    let albums = albums(moment, &photos, &place_of_row)?;
    photos.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(Plan { generation, photos, albums, kept: kept(moment)? })
}

fn modified_at(row: &Row<'_>) -> rusqlite::Result<Timestamp> {
    let taken_at: Option<String> = row.get(6)?;
    let Some(taken_at) = taken_at else {
        return Ok(from_ns(row.get::<_, Option<i64>>(9)?.map_or_else(|| row.get(7), Ok)?));
    };
    let conversion = |cause| rusqlite::Error::FromSqlConversionFailure(6, Type::Text, Box::new(cause));
    let local: DateTime = taken_at.parse().map_err(conversion)?;
    // The calendar has two days more, at each end, than moments can be told by.
    let nearest = if local.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    Ok(Offset::UTC.to_timestamp(local).unwrap_or(nearest))
}

fn in_tree(path: String, is_deleted: bool) -> String {
    match path.strip_prefix("photos/") {
        Some(below) if is_deleted => format!("trash/{below}"),
        Some(_) | None => path,
    }
}

/// Path, object and size of companions, by the row of their photo.
type CompanionsOfPhoto = BTreeMap<i64, Vec<(String, ObjectId, u64)>>;

/// Every companion that has a path.
fn companions(moment: &Connection) -> Result<CompanionsOfPhoto, CatalogError> {
    let mut statement = moment.prepare(
        "SELECT photo, path, object.id, size FROM companion JOIN object ON object.row = companion.object
         WHERE path IS NOT NULL ORDER BY photo, path",
    )?;
    let mut rows = statement.query([])?;
    let mut found = CompanionsOfPhoto::new();
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().push((row.get(1)?, columns::object(row, 2)?, columns::size(row, 3)?));
    }
    Ok(found)
}

/// The words of every photo that somebody said something about, or put into an album.
fn all_words(moment: &Connection) -> Result<BTreeMap<i64, Words>, CatalogError> {
    let mut all: BTreeMap<i64, Words> = BTreeMap::new();
    {
        let mut statement = moment.prepare(
            "SELECT photo, name FROM album_photo JOIN album ON album.id = album_photo.album ORDER BY name, album.id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            all.entry(row.get(0)?).or_default().albums.push(row.get(1)?);
        }
    }
    let mut statement = moment.prepare("SELECT DISTINCT photo FROM said")?;
    for row in statement.query_map([], |row| row.get(0))? {
        all.entry(row?).or_default();
    }
    for (photo, words) in &mut all {
        let (believed, said) = believed(moment, *photo)?;
        words.caption = believed.caption;
        words.rating = believed.rating;
        words.keywords = believed.keywords;
        words.taken_at = said.taken_at;
    }
    Ok(all)
}

fn albums(
    moment: &Connection,
    photos: &[PlanPhoto],
    place_of_row: &BTreeMap<i64, usize>,
) -> Result<Vec<PlanAlbum>, CatalogError> {
    let mut statement = moment.prepare("SELECT id, owner, name, folder FROM album ORDER BY owner, name")?;
    let mut members = moment.prepare(
        "SELECT photo FROM album_photo JOIN photo ON photo.row = album_photo.photo
         WHERE album = ?1 AND deleted_at IS NULL ORDER BY position, photo.id",
    )?;
    let mut rows = statement.query([])?;
    let mut albums = Vec::new();
    while let Some(row) = rows.next()? {
        let mut taken = BTreeSet::new();
        let mut files = Vec::new();
        for member in members.query_map([row.get::<_, i64>(0)?], |row| row.get::<_, i64>(0))? {
            let Some(photo) = place_of_row.get(&member?).and_then(|place| photos.get(*place)) else { continue };
            files.extend(link(&mut taken, &photo.path, photo.object, photo.size, photo));
            for PlanFile { path, object, size, modified_at: _ } in &photo.companions {
                files.extend(link(&mut taken, path, *object, *size, photo));
            }
        }
        albums.push(PlanAlbum { owner: row.get(1)?, name: columns::word(row, 2)?, folder_name: row.get(3)?, files });
    }
    Ok(albums)
}

/// `None` where the album has the same bytes under the same name already.
fn link(
    taken: &mut BTreeSet<String>,
    path: &str,
    object: ObjectId,
    size: u64,
    photo: &PlanPhoto,
) -> Option<PlanAlbumFile> {
    let name = path.rsplit('/').next().unwrap_or(path);
    // The words about a photo stand beside it here too.
    let words_ending = (path == photo.path).then_some(WORDS_ENDING);
    let file_name = free_name(taken, words_ending, |digits| with_suffix(name, &object, digits))?;
    Some(PlanAlbumFile { file_name, object, size, photo: photo.id.clone(), modified_at: photo.modified_at })
}

/// The first form of a name whose key is not taken; takes it, and with `beside` also the name with that behind it. `None`
/// where all are taken: with 64 digits of the hash a name can only meet the same object under the same name.
fn free_name(taken: &mut BTreeSet<String>, beside: Option<&str>, name: impl Fn(usize) -> String) -> Option<String> {
    let form = [0, 8, 16, 64].into_iter().map(name).find(|form| {
        let beside = beside.map(|ending| file_name::fold_case(&format!("{form}{ending}")));
        !taken.contains(&file_name::fold_case(form)) && beside.is_none_or(|beside| !taken.contains(&beside))
    })?;
    taken.extend(beside.map(|ending| file_name::fold_case(&format!("{form}{ending}"))));
    taken.insert(file_name::fold_case(&form));
    Some(form)
}

/// Every object that no photo with a path has.
fn kept(moment: &Connection) -> Result<Vec<PlanFile>, CatalogError> {
    let mut statement = moment.prepare(
        "SELECT object.id, object.size, kept_at, first.owner, first.name, first.modified_at FROM object
         LEFT JOIN sighting AS first
             ON first.row = (SELECT min(row) FROM sighting WHERE sighting.object = object.row)
         WHERE NOT EXISTS (SELECT 1 FROM photo WHERE photo.object = object.row AND path IS NOT NULL)
             AND NOT EXISTS (SELECT 1 FROM companion WHERE companion.object = object.row AND path IS NOT NULL)
         ORDER BY object.id",
    )?;
    let mut rows = statement.query([])?;
    let mut taken = BTreeSet::new();
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        let object = columns::object(row, 0)?;
        let owner: Option<String> = row.get(3)?;
        let name: Option<Vec<u8>> = row.get(4)?;
        let owner = file_name::safe(owner.as_deref().unwrap_or("nobody").as_bytes());
        let name = file_name::safe_within(&name.unwrap_or_default(), 160);
        let named = |digits: usize| {
            let name = with_suffix(&name, &object, digits.max(KEPT_DIGITS));
            format!("kept/{owner}/{}/{name}", object.short(2))
        };
        // The name with the whole hash is always free: no object comes twice.
        let path = free_name(&mut taken, None, named).unwrap_or_else(|| named(64));
        files.push(PlanFile {
            path,
            object,
            size: columns::size(row, 1)?,
            modified_at: from_ns(row.get::<_, Option<i64>>(5)?.map_or_else(|| row.get(2), Ok)?),
        });
    }
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

#[cfg(test)]
mod tests;
