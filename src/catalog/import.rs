//! The way back from an export to a catalog.

use rusqlite::{Connection, ErrorCode, params};
use serde::de::DeserializeOwned;

use super::albums::{self, Member};
use super::columns::{split, to_i64, to_json, to_ns};
use super::description::settle;
use super::export::Shard;
use super::export::lines::{
    AlbumLine, Header, ObjectLine, PhotoLine, SCHEMA, SightingLine, SourceLine, TombstoneLine, What, exact_path,
};
use super::photos::known_photo_row;
use super::said;
use super::sightings::object_row;
use super::sources::{self, SourceIdentity};
use super::tree_path::{self, For};
use super::{Catalog, CatalogError};
use crate::formats::file_name::fold_case;
use crate::model::{Found, Look, ObjectId, Payload, Problem, ProblemKind};

/// What came out of an export.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Imported {
    /// Photos, those in the trash included.
    pub photos: u64,
    /// Albums.
    pub albums: u64,
    /// Objects.
    pub objects: u64,
    /// Sightings.
    pub sightings: u64,
    /// Lines that could not be read, or that name something that no line before them brought.
    pub problems: Vec<Problem>,
}

impl Catalog {
    /// Reads an export into this catalog, which must know nothing yet, in one transaction. Afterwards
    /// [`Catalog::export`] gives the same bytes, if there were no problems.
    ///
    /// No run has read anything in this catalog then, so that [`Catalog::seen_unchanged`] has every file read once more.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NotEmpty`] and [`CatalogError::NewerExport`]; nothing has changed then.
    pub fn import(&mut self, shards: &[Shard]) -> Result<Imported, CatalogError> {
        let change = self.change()?;
        let known: bool = change.query_row(
            "SELECT EXISTS (SELECT 1 FROM source UNION ALL SELECT 1 FROM object UNION ALL SELECT 1 FROM album
                 UNION ALL SELECT 1 FROM tombstone)",
            [],
            |row| row.get(0),
        )?;
        if known {
            return Err(CatalogError::NotEmpty);
        }
        let mut imported = Imported::default();
        let shards = read_headers(shards, &mut imported)?;
        let mut sources = Sources::default();
        for what in What::ALL {
            for (shard, _) in shards.iter().filter(|(_, found)| *found == what) {
                read_shard(&change, what, shard, &mut sources, &mut imported)?;
            }
        }
        change.commit()?;
        Ok(imported)
    }
}

/// The row of each source, by what the export calls it.
type Sources = std::collections::BTreeMap<String, i64>;

/// What each shard holds, in the order of their names: sightings must come in the order of their months.
fn read_headers<'a>(shards: &'a [Shard], imported: &mut Imported) -> Result<Vec<(&'a Shard, What)>, CatalogError> {
    let mut found = Vec::new();
    for shard in shards {
        let first = shard.bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Ok(Header { schema, what }) = serde_json::from_slice(first) else {
            imported.problems.push(problem(shard, 1, "it does not say what is in it"));
            continue;
        };
        if schema > SCHEMA {
            return Err(CatalogError::NewerExport { shard: shard.name.clone(), found: schema, known: SCHEMA });
        }
        match What::named(&what) {
            Some(what) => found.push((shard, what)),
            None => imported.problems.push(problem(shard, 1, "this program does not know what is in it")),
        }
    }
    found.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    Ok(found)
}

fn problem(shard: &Shard, line: usize, message: impl Into<String>) -> Problem {
    Problem::new(format!("{}, line {line}", shard.name), ProblemKind::Damaged, message)
}

fn read_shard(
    change: &Connection,
    what: What,
    shard: &Shard,
    sources: &mut Sources,
    imported: &mut Imported,
) -> Result<(), CatalogError> {
    let lines = shard.bytes.split(|byte| *byte == b'\n').enumerate().skip(1);
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        // A line that fails half-way must leave nothing behind.
        change.execute_batch("SAVEPOINT line")?;
        let outcome = read_line(change, what, line, sources);
        if let Ok(Some(note)) = outcome {
            imported.problems.push(problem(shard, number + 1, note));
        }
        match refusal(outcome)? {
            None => {
                change.execute_batch("RELEASE line")?;
                match what {
                    What::Objects => imported.objects += 1,
                    What::Sightings => imported.sightings += 1,
                    What::Photos => imported.photos += 1,
                    What::Albums => imported.albums += 1,
                    What::Sources | What::Tombstones => {}
                }
            }
            Some(why) => {
                change.execute_batch("ROLLBACK TO line; RELEASE line")?;
                imported.problems.push(problem(shard, number + 1, why));
            }
        }
    }
    Ok(())
}

/// Why a line was not taken over, in words; what says that is nothing about the line goes on as an error.
fn refusal(outcome: Result<Note, LineError>) -> Result<Option<String>, CatalogError> {
    match outcome {
        Ok(_) => Ok(None),
        Err(LineError::Line(why)) => Ok(Some(why)),
        Err(LineError::Catalog(CatalogError::Database { cause }))
            if cause.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) =>
        {
            Ok(Some(format!("it contradicts a line before it ({cause})")))
        }
        Err(LineError::Catalog(CatalogError::Nonsense { what })) => Ok(Some(format!("it makes no sense: {what}"))),
        Err(LineError::Catalog(CatalogError::AlbumAlreadyExists { name })) => {
            Ok(Some(format!("there is a line about the album “{name}” before it")))
        }
        Err(LineError::Catalog(error)) => Err(error),
    }
}

/// What was left out of a line that was taken over.
type Note = Option<&'static str>;

enum LineError {
    /// Something is wrong with the line.
    Line(String),
    /// Something is wrong with the catalog.
    Catalog(CatalogError),
}

impl From<CatalogError> for LineError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<rusqlite::Error> for LineError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Catalog(error.into())
    }
}

fn read_line(change: &Connection, what: What, line: &[u8], sources: &mut Sources) -> Result<Note, LineError> {
    match what {
        What::Sources => source(change, parsed(line)?, sources).map(|()| None),
        What::Objects => object(change, &parsed(line)?).map(|()| None),
        What::Sightings => sighting(change, &parsed(line)?, sources).map(|()| None),
        What::Photos => photo(change, parsed(line)?),
        What::Tombstones => tombstone(change, &parsed(line)?).map(|()| None),
        What::Albums => album(change, &parsed(line)?),
    }
}

fn parsed<T: DeserializeOwned>(line: &[u8]) -> Result<T, LineError> {
    serde_json::from_slice(line).map_err(|cause| LineError::Line(format!("it cannot be read: {cause}")))
}

fn known_object(change: &Connection, object: &ObjectId) -> Result<i64, LineError> {
    object_row(change, object)?.ok_or_else(|| LineError::Line(format!("no line tells of the object {object}")))
}

fn source(change: &Connection, line: SourceLine, sources: &mut Sources) -> Result<(), LineError> {
    let SourceLine { source, kind, volume, root, root_bytes, name } = line;
    let root = exact_path(&root, root_bytes.as_deref())
        .ok_or_else(|| LineError::Line("the bytes of its root cannot be read".to_owned()))?;
    let id = sources::upsert(change, &SourceIdentity { kind, volume, root, name })?;
    sources.insert(source, id.0);
    Ok(())
}

fn object(change: &Connection, line: &ObjectLine) -> Result<(), LineError> {
    let ObjectLine { object, sha1, size, kind, kept_at, examined } = line;
    let sha1 = data_encoding::HEXLOWER
        .decode(sha1.as_bytes())
        .map_err(|cause| LineError::Line(format!("its SHA-1 cannot be read: {cause}")))?;
    change
        .prepare_cached("INSERT INTO object (id, sha1, size, kind, kept_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![object.as_bytes(), sha1, to_i64(*size), kind.as_str(), to_ns(*kept_at)])?;
    if let Some(examined) = examined {
        change
            .prepare_cached(
                "UPDATE object SET examined_version = ?2, condition = ?3, depth = ?4, good_percent = ?5, finding = ?6,
                     facts = ?7, payload = ?8, look = ?9 WHERE row = ?1",
            )?
            .execute(params![
                change.last_insert_rowid(),
                examined.version,
                examined.condition.as_str(),
                examined.depth.as_str(),
                examined.good_percent,
                examined.finding,
                to_json(&examined.facts)?,
                examined.payload.as_ref().map(Payload::as_bytes),
                examined.look.map(Look::to_bytes),
            ])?;
    }
    Ok(())
}

fn sighting(change: &Connection, line: &SightingLine, sources: &Sources) -> Result<(), LineError> {
    let source = sources
        .get(&line.source)
        .ok_or_else(|| LineError::Line(format!("no line tells of the source {}", line.source)))?;
    let path = exact_path(&line.path, line.path_bytes.as_deref())
        .ok_or_else(|| LineError::Line("the bytes of its path cannot be read".to_owned()))?;
    let object = match &line.object {
        Some(object) => Some(known_object(change, object)?),
        None => None,
    };
    let (folder, name) = split(&path);
    change
        .prepare_cached("INSERT INTO folder (source, path, needs_grouping) VALUES (?1, ?2, 1) ON CONFLICT DO NOTHING")?
        .execute(params![source, folder])?;
    change
        .prepare_cached(
            "INSERT INTO sighting (folder, name, owner, outcome, object, size, modified_at, inode, reason, first_seen_at,
                 found, lost)
             VALUES ((SELECT row FROM folder WHERE source = ?1 AND path = ?2), ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10,
                 ?11, ?12)",
        )?
        .execute(params![
            source,
            folder,
            name,
            line.owner,
            line.outcome.as_str(),
            object,
            to_i64(line.size),
            line.modified_at.map(to_ns),
            line.reason,
            to_ns(line.first_seen_at),
            line.found.map(Found::as_str),
            line.lost,
        ])?;
    Ok(())
}

/// A path that no snapshot can hold, or that something else has, would make every backup fail: it is given anew.
fn photo(change: &Connection, line: PhotoLine) -> Result<Note, LineError> {
    let PhotoLine { id, owner, object, name, path, added_at, deleted_at, said, description, companions } = line;
    let description_json = description.as_ref().map(to_json).transpose()?;
    let given = free_path(change, path, For::Photo)?;
    let mut note = given.note;
    let has_path = given.path.is_some();
    change
        .prepare_cached(
            "INSERT INTO photo (id, owner, object, added_at, path, path_key, description, name, needs_describing,
                 deleted_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            id.as_str(),
            owner,
            known_object(change, &object)?,
            to_ns(added_at),
            given.path,
            given.key,
            description_json,
            name,
            description.is_none() || note.is_some(),
            deleted_at.map(to_ns),
        ])?;
    let row = change.last_insert_rowid();
    for companion in companions {
        // It stands beside the photo, or nowhere.
        let given = free_path(change, companion.path.filter(|_| has_path), For::Companion)?;
        note = note.or(given.note);
        change
            .prepare_cached(
                "INSERT INTO companion (photo, object, role, name, path, path_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                row,
                known_object(change, &companion.object)?,
                companion.role.as_str(),
                companion.name,
                given.path,
                given.key,
            ])?;
    }
    for statement in said {
        said::insert(change, row, statement.what, &statement.value, statement.at)?;
    }
    settle(change, row)?;
    change.prepare_cached("UPDATE photo SET needs_path = (path IS NULL) WHERE row = ?1")?.execute([row])?;
    Ok(note)
}

struct GivenPath {
    path: Option<String>,
    key: Option<String>,
    note: Note,
}

fn free_path(change: &Connection, path: Option<String>, what: For) -> Result<GivenPath, LineError> {
    let nothing = |note| GivenPath { path: None, key: None, note };
    let Some(path) = path else { return Ok(nothing(None)) };
    let key = fold_case(&path);
    let possible = tree_path::is_possible(&path) && !tree_path::is_below_a_file(change, &path)?;
    if possible && tree_path::is_free(change, &key, -1, what)? {
        Ok(GivenPath { path: Some(path), key: Some(key), note: None })
    } else {
        Ok(nothing(Some("its path cannot stand in a snapshot, and will be given anew")))
    }
}

fn tombstone(change: &Connection, line: &TombstoneLine) -> Result<(), LineError> {
    let TombstoneLine { owner, object, photo, deleted_at } = line;
    change
        .prepare_cached("INSERT INTO tombstone (owner, object, photo, deleted_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![owner, object.as_bytes(), photo.as_str(), to_ns(*deleted_at)])?;
    Ok(())
}

fn album(change: &Connection, line: &AlbumLine) -> Result<Note, LineError> {
    let AlbumLine { owner, name, folder, created_at, photos } = line;
    let album = albums::insert(change, None, owner, name, *created_at)?;
    let key = fold_case(folder);
    let usable = tree_path::is_possible_part(folder) && albums::is_folder_free(change, owner, &key, album.0)?;
    if usable {
        change
            .prepare_cached("UPDATE album SET folder = ?2, folder_key = ?3 WHERE id = ?1")?
            .execute(params![album.0, folder, key])?;
    }
    for (position, member) in (1_i64..).zip(photos) {
        let row = known_photo_row(change, &member.photo)?
            .ok_or_else(|| LineError::Line(format!("no line tells of the photo {}", member.photo)))?;
        let member = Member { photo: member.photo.clone(), position, added_at: member.added_at };
        albums::put_in(change, album, row, &member)?;
    }
    Ok((!usable).then_some("its folder cannot stand in a snapshot, and got another name"))
}

#[cfg(test)]
mod tests;
