//! Albums. Every change of one can be undone.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::columns::{self, from_ns, to_ns};
use super::operations::{OperationId, Undo, photos_in_words, record_operation};
use super::photos::{SUMMARY, known_photo_row, photo_row, summary};
use super::tree_path::with_suffix;
use super::{Catalog, CatalogError, words};
use crate::formats::file_name;
use crate::model::report::PhotoSummary;
use crate::model::{Album, AlbumId, AlbumName, ObjectId, PhotoId};

/// An album's own row, as an operation remembers it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct AlbumRow {
    pub(super) id: AlbumId,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) created_at: Timestamp,
}

/// A photo's place in an album, as an operation remembers it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) photo: PhotoId,
    pub(super) position: i64,
    pub(super) added_at: Timestamp,
}

impl Catalog {
    /// Makes an empty album.
    ///
    /// # Errors
    ///
    /// [`CatalogError::AlbumAlreadyExists`] when the owner has one of exactly this name.
    pub fn create_album(&mut self, owner: &str, name: &AlbumName, now: Timestamp) -> Result<AlbumId, CatalogError> {
        let change = self.change()?;
        let album = insert(&change, None, owner, name, now)?;
        let what = format!("made the album “{name}”");
        record_operation(&change, now, &what, &Undo::RemoveAlbum { album })?;
        change.commit()?;
        Ok(album)
    }

    /// The owner's album of this name; if there is none, the only one whose name differs in upper and lower case alone.
    pub fn find_album(&self, owner: &str, name: &str) -> Result<AlbumId, CatalogError> {
        let asked = name.trim();
        let exact = self
            .connection
            .prepare_cached("SELECT id FROM album WHERE owner = ?1 AND name = ?2")?
            .query_row([owner, asked], |row| row.get(0))
            .optional()?;
        if let Some(id) = exact {
            return Ok(AlbumId(id));
        }
        let mut statement = self.connection.prepare_cached("SELECT id, name FROM album WHERE owner = ?1")?;
        let rows = statement.query_map([owner], |row| Ok((AlbumId(row.get(0)?), row.get::<_, String>(1)?)))?;
        let key = file_name::fold_case(asked);
        let mut alike = Vec::new();
        for row in rows {
            let (id, name) = row?;
            if file_name::fold_case(&name) == key {
                alike.push(id);
            }
        }
        match alike.as_slice() {
            [only] => Ok(*only),
            _ => Err(CatalogError::AlbumNotFound { asked: asked.to_owned() }),
        }
    }

    /// Albums of one owner, or of all, by name.
    pub fn albums(&self, owner: Option<&str>) -> Result<Vec<Album>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT album.id, album.owner, album.name, count(photo.row),
                 substr(min(taken_at), 1, 10), substr(max(taken_at), 1, 10)
             FROM album LEFT JOIN album_photo ON album = album.id
             LEFT JOIN photo ON photo.row = album_photo.photo AND deleted_at IS NULL
             WHERE ?1 IS NULL OR album.owner = ?1 GROUP BY album.id ORDER BY album.name, album.owner",
        )?;
        let rows = statement.query_map([owner], |row| {
            Ok(Album {
                id: AlbumId(row.get(0)?),
                owner: row.get(1)?,
                name: columns::word(row, 2)?,
                photos: columns::size(row, 3)?,
                from: row.get(4)?,
                to: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The photos of an album in its order, those in the trash left out.
    pub fn album_photos(&self, album: AlbumId) -> Result<Vec<PhotoSummary>, CatalogError> {
        album_row(&self.connection, album)?;
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {SUMMARY} FROM album_photo JOIN photo ON photo.row = album_photo.photo
             JOIN object ON object.row = photo.object
             WHERE album = ?1 AND deleted_at IS NULL ORDER BY position, photo.id"
        ))?;
        Ok(statement.query_map([album.0], summary)?.collect::<Result<_, _>>()?)
    }

    /// Puts photos at the end of an album, in their order, and says how many were not in it before.
    pub fn add_to_album(&mut self, album: AlbumId, photos: &[PhotoId], now: Timestamp) -> Result<u64, CatalogError> {
        let change = self.change()?;
        let row = album_row(&change, album)?;
        let mut position: i64 = change.query_row(
            "SELECT ifnull(max(position), 0) FROM album_photo WHERE album = ?1",
            [album.0],
            |row| row.get(0),
        )?;
        let mut added = Vec::new();
        for photo in photos {
            let member = Member { photo: photo.clone(), position: position.saturating_add(1), added_at: now };
            if put_in(&change, album, photo_row(&change, photo)?, &member)? {
                position = member.position;
                added.push(photo.clone());
            }
        }
        let count = added.len();
        if count > 0 {
            let what = format!("added {} to the album “{}”", photos_in_words(count), row.name);
            record_operation(&change, now, &what, &Undo::TakeFromAlbum { album, photos: added })?;
        }
        change.commit()?;
        Ok(count as u64)
    }

    /// Takes photos out of an album, and says how many had been in it. The photos themselves stay.
    pub fn remove_from_album(
        &mut self,
        album: AlbumId,
        photos: &[PhotoId],
        now: Timestamp,
    ) -> Result<u64, CatalogError> {
        let change = self.change()?;
        let row = album_row(&change, album)?;
        let mut members = Vec::new();
        for photo in photos {
            photo_row(&change, photo)?;
            members.extend(take_out(&change, album, photo)?);
        }
        let count = members.len();
        if count > 0 {
            let what = format!("removed {} from the album “{}”", photos_in_words(count), row.name);
            record_operation(&change, now, &what, &Undo::PutIntoAlbum { album, members })?;
        }
        change.commit()?;
        Ok(count as u64)
    }

    /// Gives an album another name.
    pub fn rename_album(
        &mut self,
        album: AlbumId,
        name: &AlbumName,
        now: Timestamp,
    ) -> Result<OperationId, CatalogError> {
        let change = self.change()?;
        let row = album_row(&change, album)?;
        if row.name != name.as_str() && is_taken(&change, &row.owner, name.as_str())? {
            return Err(CatalogError::AlbumAlreadyExists { name: name.clone() });
        }
        set_name(&change, &row, name.as_str())?;
        let what = format!("renamed the album “{}” to “{name}”", row.name);
        let undo = Undo::RenameAlbum { album, before: row.name, after: name.as_str().to_owned() };
        let operation = record_operation(&change, now, &what, &undo)?;
        change.commit()?;
        Ok(operation)
    }

    /// Takes an album away. Its photos stay.
    pub fn delete_album(&mut self, album: AlbumId, now: Timestamp) -> Result<OperationId, CatalogError> {
        let change = self.change()?;
        let row = album_row(&change, album)?;
        let members = members(&change, album)?;
        for member in &members {
            take_out(&change, album, &member.photo)?;
        }
        change.execute("DELETE FROM album WHERE id = ?1", [album.0])?;
        let what = format!("deleted the album “{}”", row.name);
        let operation = record_operation(&change, now, &what, &Undo::RestoreAlbum { album: row, members })?;
        change.commit()?;
        Ok(operation)
    }
}

fn album_row(connection: &Connection, album: AlbumId) -> Result<AlbumRow, CatalogError> {
    connection
        .prepare_cached("SELECT owner, name, created_at FROM album WHERE id = ?1")?
        .query_row([album.0], |row| {
            Ok(AlbumRow { id: album, owner: row.get(0)?, name: row.get(1)?, created_at: from_ns(row.get(2)?) })
        })
        .optional()?
        .ok_or(CatalogError::AlbumGone { album })
}

fn is_taken(connection: &Connection, owner: &str, name: &str) -> Result<bool, CatalogError> {
    Ok(connection.prepare_cached("SELECT 1 FROM album WHERE owner = ?1 AND name = ?2")?.exists([owner, name])?)
}

/// Makes an album's row, under its old number where it had one.
pub(super) fn insert(
    change: &Connection,
    id: Option<AlbumId>,
    owner: &str,
    name: &AlbumName,
    created_at: Timestamp,
) -> Result<AlbumId, CatalogError> {
    if is_taken(change, owner, name.as_str())? {
        return Err(CatalogError::AlbumAlreadyExists { name: name.clone() });
    }
    let (folder, key) = free_folder(change, owner, name.as_str(), -1)?;
    change
        .prepare_cached(
            "INSERT INTO album (id, owner, name, folder, folder_key, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![id.map(|id| id.0), owner, name.as_str(), folder, key, to_ns(created_at)])?;
    Ok(AlbumId(change.last_insert_rowid()))
}

/// A folder name for an album that no other album below the same owner's folder has, whatever the case.
fn free_folder(connection: &Connection, owner: &str, name: &str, own: i64) -> Result<(String, String), CatalogError> {
    let safe = file_name::safe_within(name.as_bytes(), 180);
    let hash = ObjectId::of(name.as_bytes());
    for digits in [0, 8, 64] {
        let folder = with_suffix(&safe, &hash, digits);
        let key = file_name::fold_case(&folder);
        if is_folder_free(connection, owner, &key, own)? {
            return Ok((folder, key));
        }
    }
    // Another owner, whose folder is called the same, has an album of the very same name.
    let hash = ObjectId::of(format!("{owner}/{name}").as_bytes());
    let folder = with_suffix(&safe, &hash, 64);
    let key = file_name::fold_case(&folder);
    if is_folder_free(connection, owner, &key, own)? {
        Ok((folder, key))
    } else {
        Err(CatalogError::Nonsense { what: format!("two albums want to be called {name}") })
    }
}

/// Whether an album of this owner, or of one whose folder is called the same where case does not count, has the folder.
pub(super) fn is_folder_free(connection: &Connection, owner: &str, key: &str, own: i64) -> Result<bool, CatalogError> {
    let folder_of = |owner: &str| file_name::fold_case(&file_name::safe(owner.as_bytes()));
    let wanted = folder_of(owner);
    let mut statement = connection.prepare_cached("SELECT owner FROM album WHERE folder_key = ?1 AND id <> ?2")?;
    let mut rows = statement.query(params![key, own])?;
    while let Some(row) = rows.next()? {
        if folder_of(&row.get::<_, String>(0)?) == wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

fn set_name(change: &Connection, row: &AlbumRow, name: &str) -> Result<(), CatalogError> {
    let (folder, key) = free_folder(change, &row.owner, name, row.id.0)?;
    change.execute(
        "UPDATE album SET name = ?2, folder = ?3, folder_key = ?4 WHERE id = ?1",
        params![row.id.0, name, folder, key],
    )?;
    let photos = change
        .prepare("SELECT photo FROM album_photo WHERE album = ?1")?
        .query_map([row.id.0], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    photos.into_iter().try_for_each(|photo| words::refresh(change, photo))
}

fn members(connection: &Connection, album: AlbumId) -> Result<Vec<Member>, CatalogError> {
    let mut statement = connection.prepare_cached(
        "SELECT photo.id, position, album_photo.added_at FROM album_photo JOIN photo ON photo.row = album_photo.photo
         WHERE album = ?1 ORDER BY position, photo.id",
    )?;
    let rows = statement.query_map([album.0], |row| {
        Ok(Member { photo: columns::photo(row, 0)?, position: row.get(1)?, added_at: columns::time(row, 2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Puts a photo into an album; tells whether it was not in it before.
pub(super) fn put_in(change: &Connection, album: AlbumId, photo: i64, member: &Member) -> Result<bool, CatalogError> {
    let added = change
        .prepare_cached(
            "INSERT INTO album_photo (album, photo, position, added_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?
        .execute(params![album.0, photo, member.position, to_ns(member.added_at)])?;
    if added > 0 {
        words::refresh(change, photo)?;
    }
    Ok(added > 0)
}

/// Takes a photo out of an album, and says which place it had.
pub(super) fn take_out(change: &Connection, album: AlbumId, photo: &PhotoId) -> Result<Option<Member>, CatalogError> {
    let Some(row) = known_photo_row(change, photo)? else { return Ok(None) };
    let member = change
        .prepare_cached("DELETE FROM album_photo WHERE album = ?1 AND photo = ?2 RETURNING position, added_at")?
        .query_row([album.0, row], |row| {
            Ok(Member { photo: photo.clone(), position: row.get(0)?, added_at: columns::time(row, 1)? })
        })
        .optional()?;
    if member.is_some() {
        words::refresh(change, row)?;
    }
    Ok(member)
}

// The ways back. The inner error is what stands in the way, in words.

pub(super) fn remove_if_empty(change: &Connection, album: AlbumId) -> Result<Result<(), String>, CatalogError> {
    if !members(change, album)?.is_empty() {
        return Ok(Err("there are photos in the album now; delete it instead".to_owned()));
    }
    change.execute("DELETE FROM album WHERE id = ?1", [album.0])?;
    Ok(Ok(()))
}

pub(super) fn restore(
    change: &Connection,
    album: &AlbumRow,
    members: &[Member],
) -> Result<Result<(), String>, CatalogError> {
    let AlbumRow { id, owner, name, created_at } = album;
    let Ok(name) = name.parse::<AlbumName>() else { return Ok(Err(format!("“{name}” is no name for an album"))) };
    match insert(change, Some(*id), owner, &name, *created_at) {
        Ok(_) => put_back(change, *id, members),
        Err(CatalogError::AlbumAlreadyExists { name }) => {
            Ok(Err(format!("there is another album “{name}” by now; rename that one first")))
        }
        Err(error) => Err(error),
    }
}

pub(super) fn rename_back(
    change: &Connection,
    album: AlbumId,
    before: &str,
    after: &str,
) -> Result<Result<(), String>, CatalogError> {
    let row = match album_row(change, album) {
        Ok(row) => row,
        Err(CatalogError::AlbumGone { .. }) => return Ok(Err(format!("the album “{after}” is gone"))),
        Err(error) => return Err(error),
    };
    if row.name != after {
        return Ok(Err("it has been renamed again since; undo that first".to_owned()));
    }
    if before != after && is_taken(change, &row.owner, before)? {
        return Ok(Err(format!("there is another album “{before}” by now; rename that one first")));
    }
    set_name(change, &row, before).map(Ok)
}

pub(super) fn put_back(
    change: &Connection,
    album: AlbumId,
    members: &[Member],
) -> Result<Result<(), String>, CatalogError> {
    match album_row(change, album) {
        Ok(_) => {}
        Err(CatalogError::AlbumGone { .. }) => return Ok(Err("the album is gone".to_owned())),
        Err(error) => return Err(error),
    }
    for member in members {
        if let Some(photo) = known_photo_row(change, &member.photo)? {
            put_in(change, album, photo, member)?;
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, at, described};

    fn name(text: &str) -> AlbumName {
        text.parse().unwrap()
    }

    fn ids(sample: &Sample, album: AlbumId) -> Vec<PhotoId> {
        sample.catalog.album_photos(album).unwrap().into_iter().map(|photo| photo.id).collect()
    }

    #[test]
    fn an_album_holds_its_photos_in_the_order_in_which_they_came() {
        let mut sample = Sample::new();
        let photos = [sample.photo("c.jpg", "c"), sample.photo("a.jpg", "a"), sample.photo("b.jpg", "b")];
        let album = sample.catalog.create_album("anna", &name("Lisbon"), at(2)).unwrap();
        assert_eq!(sample.catalog.add_to_album(album, &photos[..2], at(3)).unwrap(), 2);
        assert_eq!(sample.catalog.add_to_album(album, &photos, at(4)).unwrap(), 1);
        assert_eq!(ids(&sample, album), photos);
        assert_eq!(sample.catalog.remove_from_album(album, &photos[..1], at(5)).unwrap(), 1);
        assert_eq!(ids(&sample, album), photos[1..]);
        sample.catalog.undo(None, at(6)).unwrap();
        assert_eq!(ids(&sample, album), photos, "back where it was");
        sample.catalog.undo(None, at(7)).unwrap();
        assert_eq!(ids(&sample, album), photos[..2]);
    }

    #[test]
    fn an_album_is_found_by_its_name_and_a_second_one_of_that_name_is_refused() {
        let mut sample = Sample::new();
        let album = sample.catalog.create_album("anna", &name("Lisbon"), at(2)).unwrap();
        assert!(matches!(
            sample.catalog.create_album("anna", &name("Lisbon"), at(3)),
            Err(CatalogError::AlbumAlreadyExists { .. })
        ));
        assert_eq!(sample.catalog.find_album("anna", "LISBON").unwrap(), album);
        let lower = sample.catalog.create_album("anna", &name("lisbon"), at(4)).unwrap();
        assert_eq!(sample.catalog.find_album("anna", "lisbon").unwrap(), lower);
        assert!(sample.catalog.find_album("anna", "LISBON").is_err(), "could mean either");
        assert!(matches!(sample.catalog.find_album("ben", "Lisbon"), Err(CatalogError::AlbumNotFound { .. })));
    }

    #[test]
    fn albums_whose_names_differ_in_case_alone_have_different_folders() {
        let mut sample = Sample::new();
        for text in ["Lisbon", "lisbon", "LISBON", "Lis/bon", "Lis:bon"] {
            sample.catalog.create_album("anna", &name(text), at(2)).unwrap();
        }
        let folders = sample.catalog.snapshot_plan().unwrap().albums;
        let keys: std::collections::BTreeSet<_> =
            folders.iter().map(|album| file_name::fold_case(&album.folder_name)).collect();
        assert_eq!(keys.len(), 5, "{folders:?}");
    }

    #[test]
    fn a_deleted_album_comes_back_with_its_photos_and_the_photos_never_went() {
        let mut sample = Sample::new();
        let photos = [sample.photo("a.jpg", "a"), sample.photo("b.jpg", "b")];
        let album = sample.catalog.create_album("anna", &name("Lisbon"), at(2)).unwrap();
        sample.catalog.add_to_album(album, &photos, at(3)).unwrap();
        let operation = sample.catalog.delete_album(album, at(4)).unwrap();
        assert_eq!(sample.catalog.photo_count().unwrap(), 2);
        assert!(matches!(sample.catalog.album_photos(album), Err(CatalogError::AlbumGone { .. })));
        sample.catalog.undo(Some(operation), at(5)).unwrap();
        assert_eq!(ids(&sample, album), photos);
    }

    #[test]
    fn an_album_that_has_photos_now_is_not_unmade() {
        let mut sample = Sample::new();
        let photo = sample.photo("a.jpg", "a");
        let album = sample.catalog.create_album("anna", &name("Lisbon"), at(2)).unwrap();
        let made = sample.catalog.operations(1).unwrap()[0].id;
        sample.catalog.add_to_album(album, &[photo], at(3)).unwrap();
        assert!(matches!(sample.catalog.undo(Some(made), at(4)), Err(CatalogError::CannotUndo { .. })));
        assert_eq!(sample.catalog.albums(Some("anna")).unwrap().len(), 1);
    }

    #[test]
    fn an_album_is_renamed_and_named_back() {
        let mut sample = Sample::new();
        let album = sample.catalog.create_album("anna", &name("Lisbon"), at(2)).unwrap();
        sample.catalog.create_album("anna", &name("Porto"), at(2)).unwrap();
        assert!(sample.catalog.rename_album(album, &name("Porto"), at(3)).is_err());
        let operation = sample.catalog.rename_album(album, &name("Lisboa"), at(3)).unwrap();
        assert_eq!(sample.catalog.find_album("anna", "Lisboa").unwrap(), album);
        sample.catalog.undo(Some(operation), at(4)).unwrap();
        assert_eq!(sample.catalog.find_album("anna", "Lisbon").unwrap(), album);
    }

    #[test]
    fn a_list_of_albums_counts_what_is_not_in_the_trash() {
        let mut sample = Sample::new();
        let photos = [sample.photo("a.jpg", "a"), sample.photo("b.jpg", "b"), sample.photo("c.jpg", "c")];
        sample.catalog.describe_photo(&photos[0], &described("a.jpg", "2014-08-03")).unwrap();
        sample.catalog.describe_photo(&photos[1], &described("b.jpg", "2014-08-09")).unwrap();
        sample.catalog.describe_photo(&photos[2], &described("c.jpg", "2019-01-01")).unwrap();
        let album = sample.catalog.create_album("anna", &name("Lisbon"), at(2)).unwrap();
        sample.catalog.add_to_album(album, &photos, at(3)).unwrap();
        sample.catalog.delete_photos(&photos[2..], at(4)).unwrap();
        let row = sample.catalog.albums(None).unwrap().remove(0);
        assert_eq!((row.photos, row.from.as_deref(), row.to.as_deref()), (2, Some("2014-08-03"), Some("2014-08-09")));
    }
}
