//! The words that a photo is found by.

use rusqlite::{Connection, params};

use super::columns;
use super::error::CatalogError;

/// Brings the words of a photo up to what is said of it now: its name, caption, keywords, albums, camera, and the
/// folders and sources that it was seen in.
pub(super) fn refresh(change: &Connection, photo: i64) -> Result<(), CatalogError> {
    let (believed, _) = super::description::believed(change, photo)?;
    let (name, object): (String, i64) = change
        .prepare_cached("SELECT name, object FROM photo WHERE row = ?1")?
        .query_row([photo], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut albums = change.prepare_cached(
        "SELECT name FROM album_photo JOIN album ON album.id = album WHERE photo = ?1 ORDER BY album.id",
    )?;
    let albums = albums.query_map([photo], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let mut folders = change.prepare_cached(
        "SELECT DISTINCT folder.path, x'', source.name FROM sighting JOIN folder ON folder.row = sighting.folder
         JOIN source ON source.id = folder.source WHERE object = ?1",
    )?;
    let folders = folders
        .query_map([object], |row| Ok(format!("{} {}", columns::path(row, 0, 1)?, row.get::<_, String>(2)?)))?
        .collect::<Result<Vec<String>, _>>()?;
    change
        .prepare_cached(
            "INSERT OR REPLACE INTO words (rowid, name, caption, tags, albums, camera, folders)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            photo,
            name,
            believed.caption,
            believed.keywords.join("\n"),
            albums.join("\n"),
            believed.camera,
            folders.join("\n"),
        ])?;
    Ok(())
}
