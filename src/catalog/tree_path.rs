//! Paths in the tree of a snapshot: given once, valid on every file system, none twice even where case does not count.

use rusqlite::{Connection, params};

use super::error::CatalogError;
use crate::formats::file_name::{MAX_BYTES, fold_case, safe_within, split_ending};
use crate::model::ObjectId;

/// What a person's words about a photo are called: its path and this.
pub(super) const WORDS_ENDING: &str = ".xmp";

/// How many digits of the hash make a path different from another: as few as will do.
const SUFFIX_DIGITS: [usize; 4] = [0, 8, 16, 64];

/// The path below `photos/<owner>/` that was wanted, every part of it made safe.
pub(super) fn below_photos(owner: &str, wanted: &str) -> String {
    let owner = safe_part(owner);
    let mut parts: Vec<String> =
        wanted.split('/').filter(|part| !matches!(*part, "" | "." | "..")).map(safe_part).collect();
    if parts.first().is_none_or(|first| first != "photos") || parts.get(1).is_none_or(|second| *second != owner) {
        parts.splice(0..0, ["photos".to_owned(), owner]);
    }
    parts.join("/")
}

/// Whether a snapshot can hold a path that another catalog gave: below `photos/`, no part empty or leading elsewhere.
pub(super) fn is_possible(path: &str) -> bool {
    path.strip_prefix("photos/").is_some_and(|below| below.split('/').all(is_possible_part))
}

/// The same of one part.
pub(super) fn is_possible_part(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && !part.contains(['/', '\0'])
}

/// A part of a path that leaves room for [`WORDS_ENDING`].
fn safe_part(part: &str) -> String {
    safe_within(part.as_bytes(), MAX_BYTES - WORDS_ENDING.len())
}

/// The path that stands beside a photo: `20140803-142233_IMG_1234.CR2` for the raw file `IMG_1234.CR2` of the photo
/// `IMG_1234.JPG` at `…/20140803-142233_IMG_1234.JPG`.
pub(super) fn beside(photo_path: &str, photo_name: &str, companion_name: &str) -> String {
    let (folder, file) = photo_path.rsplit_once('/').unwrap_or(("", photo_path));
    let stem = split_ending(file).0;
    let named_alike = split_ending(photo_name).0;
    let rest = companion_name
        .get(..named_alike.len())
        .filter(|beginning| beginning.eq_ignore_ascii_case(named_alike))
        .and_then(|_| companion_name.get(named_alike.len()..))
        .filter(|rest| rest.starts_with(['.', '(', '_', '-', ' ']));
    let name = match rest {
        Some(rest) => format!("{stem}{rest}"),
        None => format!("{stem}_{companion_name}"),
    };
    format!("{folder}/{}", safe_part(&name))
}

/// The path with the beginning of a hash before its ending, its last part still short enough.
pub(super) fn with_suffix(path: &str, object: &ObjectId, digits: usize) -> String {
    if digits == 0 {
        return path.to_owned();
    }
    let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
    let (stem, ending) = split_ending(file);
    let room = MAX_BYTES - WORDS_ENDING.len() - ending.len() - digits - 1;
    let stem = stem.get(..stem.floor_char_boundary(room)).unwrap_or_default();
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{stem}_{}{ending}", object.short(digits))
}

/// The first form of `wanted` whose key nothing else in the tree has, and that key.
///
/// `photo` is the photo that the path is for; its own path is not in its way. The words about each photo keep their
/// path free, whether there are any yet or not.
pub(super) fn free(
    connection: &Connection,
    wanted: &str,
    object: &ObjectId,
    photo: i64,
    what: For,
) -> Result<(String, String), CatalogError> {
    let wanted = &around_files(connection, wanted)?;
    for digits in SUFFIX_DIGITS {
        let path = with_suffix(wanted, object, digits);
        let key = fold_case(&path);
        if is_free(connection, &key, photo, what)? {
            return Ok((path, key));
        }
    }
    Err(CatalogError::Nonsense { what: format!("two files want to be called {}", with_suffix(wanted, object, 64)) })
}

/// What a path is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// The photo itself, whose companions have no paths at this moment.
    Photo,
    /// A companion of the photo.
    Companion,
}

/// Whether nothing else in the tree is called so, or lies below it as in a folder.
pub(super) fn is_free(connection: &Connection, key: &str, photo: i64, what: For) -> Result<bool, CatalogError> {
    let own = match what {
        For::Photo => photo,
        For::Companion => -1,
    };
    let words_of = match what {
        For::Photo => format!("{key}{WORDS_ENDING}"),
        For::Companion => key.to_owned(),
    };
    let photo_with_these_words = key.strip_suffix(WORDS_ENDING).unwrap_or(key);
    let taken = connection
        .prepare_cached(
            "SELECT 1 FROM photo WHERE path_key IN (?1, ?2, ?3) AND row <> ?4
             UNION ALL SELECT 1 FROM companion WHERE path_key IN (?1, ?2)",
        )?
        .exists(params![key, words_of, photo_with_these_words, own])?;
    Ok(!taken && !is_a_folder(connection, key, own)?)
}

/// A photo called `2014-08`, of which only the year is known, wants to stand where the folder of August is.
fn is_a_folder(connection: &Connection, key: &str, own: i64) -> Result<bool, CatalogError> {
    // “0” comes after “/”.
    let found = connection
        .prepare_cached(
            "SELECT 1 FROM photo WHERE path_key > ?1 || '/' AND path_key < ?1 || '0' AND row <> ?2
             UNION ALL SELECT 1 FROM companion WHERE path_key > ?1 || '/' AND path_key < ?1 || '0'",
        )?
        .exists(params![key, own])?;
    Ok(found)
}

/// The path with another folder where a file has the name of one: `2014-08_` when a photo is called `2014-08`.
fn around_files(connection: &Connection, wanted: &str) -> Result<String, CatalogError> {
    let (folders, name) = wanted.rsplit_once('/').unwrap_or(("", wanted));
    let mut path = String::with_capacity(wanted.len());
    for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
        path.push_str(folder);
        while is_a_file(connection, &fold_case(&path))? {
            path.push('_');
        }
        path.push('/');
    }
    Ok(path + name)
}

/// Whether any folder of the path is a file.
pub(super) fn is_below_a_file(connection: &Connection, path: &str) -> Result<bool, CatalogError> {
    Ok(around_files(connection, path)? != path)
}

fn is_a_file(connection: &Connection, key: &str) -> Result<bool, CatalogError> {
    // The words about a photo are a file too.
    let photo_with_these_words = key.strip_suffix(WORDS_ENDING).unwrap_or(key);
    let found = connection
        .prepare_cached(
            "SELECT 1 FROM photo WHERE path_key IN (?1, ?2) UNION ALL SELECT 1 FROM companion WHERE path_key = ?1",
        )?
        .exists(params![key, photo_with_these_words])?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_path_is_put_below_its_owner_and_cannot_leave_the_tree() {
        let cases = [
            ("photos/anna/2014/2014-08/a.jpg", "photos/anna/2014/2014-08/a.jpg"),
            ("2014/2014-08/a.jpg", "photos/anna/2014/2014-08/a.jpg"),
            ("photos/ben/a.jpg", "photos/anna/photos/ben/a.jpg"),
            ("../../etc/passwd", "photos/anna/etc/passwd"),
            ("photos/anna/undated/con.jpg", "photos/anna/undated/_con.jpg"),
        ];
        for (wanted, given) in cases {
            assert_eq!(below_photos("anna", wanted), given);
        }
        assert_eq!(below_photos("a/b", "photos/a_b/x.jpg"), "photos/a_b/x.jpg");
    }

    #[test]
    fn a_companion_is_called_like_its_photo() {
        let photo = "photos/anna/2014/2014-08/20140803-142233_IMG_1234.JPG";
        let cases = [
            ("IMG_1234.CR2", "20140803-142233_IMG_1234.CR2"),
            ("img_1234.xmp", "20140803-142233_IMG_1234.xmp"),
            ("IMG_1234.JPG.xmp", "20140803-142233_IMG_1234.JPG.xmp"),
            ("IMG_E1234.MOV", "20140803-142233_IMG_1234_IMG_E1234.MOV"),
            ("IMG_12345.MOV", "20140803-142233_IMG_1234_IMG_12345.MOV"),
        ];
        for (name, wanted) in cases {
            assert_eq!(beside(photo, "IMG_1234.JPG", name), format!("photos/anna/2014/2014-08/{wanted}"));
        }
    }

    #[test]
    fn a_suffix_stands_before_the_ending_and_leaves_the_name_short_enough() {
        let object = ObjectId::of(b"x");
        assert_eq!(with_suffix("a/b.jpg", &object, 8), format!("a/b_{}.jpg", object.short(8)));
        let long = format!("a/{}.jpg", "ü".repeat(98));
        let name = with_suffix(&long, &object, 64);
        assert!(name.len() <= MAX_BYTES - 4 + 2 && name.ends_with(&format!("_{object}.jpg")), "{name}");
    }
}
