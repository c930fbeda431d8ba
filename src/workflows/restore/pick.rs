//! Which files of a snapshot somebody wants back.

use globset::{GlobBuilder, GlobMatcher};

use crate::formats::file_name;
use crate::repository::Repository;
use crate::workflows::Error;
use crate::workflows::contents::{Contents, exported, read_whole};

/// What somebody wants back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// An album, by its name.
    Album(String),
    /// One photo with all that stands beside it, by its id or the beginning of it.
    Photo(String),
    /// What a pattern matches: `photos/*/2014/**`, `*.cr2`.
    Path(String),
    /// Every photo, album and kept file.
    All,
}

/// The paths of the snapshot that are wanted, sorted: originals and their `.xmp`, never Keepsake's own files.
pub(super) fn paths(wanted: &Wanted, repository: &Repository, contents: &mut Contents) -> Result<Vec<String>, Error> {
    let picked: Vec<String> = match wanted {
        Wanted::All => originals(contents).cloned().collect(),
        Wanted::Album(name) => album(name, contents)?,
        Wanted::Path(pattern) => {
            let matcher = matcher(pattern)?;
            originals(contents).filter(|path| matcher.is_match(path.as_str())).cloned().collect()
        }
        Wanted::Photo(id) => photo(id, repository, contents)?,
    };
    if picked.is_empty() && *wanted != Wanted::All {
        return Err(Error::NothingMatches { wanted: wanted.to_string() });
    }
    Ok(picked)
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Album(name) => write!(f, "the album “{name}”"),
            Self::Photo(id) => write!(f, "the photo {id}"),
            Self::Path(pattern) => write!(f, "files like {pattern}"),
            Self::All => f.write_str("everything"),
        }
    }
}

fn originals(contents: &Contents) -> impl Iterator<Item = &String> {
    contents.files.keys().filter(|path| !path.starts_with("keepsake/"))
}

/// Album folders are `albums/<owner>/<name>/`, the name made safe for every file system.
fn album(name: &str, contents: &Contents) -> Result<Vec<String>, Error> {
    let wanted = file_name::safe(name.trim().as_bytes()).to_lowercase();
    let of_album = |path: &&String| {
        let mut parts = path.split('/');
        parts.next() == Some("albums") && parts.nth(1).is_some_and(|folder| folder.to_lowercase() == wanted)
    };
    let picked: Vec<String> = originals(contents).filter(of_album).cloned().collect();
    if picked.is_empty() {
        let mut known: Vec<String> = originals(contents)
            .filter(|path| path.starts_with("albums/"))
            .filter_map(|path| path.split('/').nth(2).map(str::to_owned))
            .collect();
        known.dedup();
        return Err(Error::NoSuchAlbum { name: name.to_owned(), known });
    }
    Ok(picked)
}

/// A pattern without a slash is meant for file names, one with a slash for whole paths.
fn matcher(pattern: &str) -> Result<GlobMatcher, Error> {
    let whole =
        if pattern.contains('/') { pattern.trim_start_matches('/').to_owned() } else { format!("**/{pattern}") };
    let glob = GlobBuilder::new(&whole).literal_separator(true).case_insensitive(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|cause| Error::BadPattern { pattern: pattern.to_owned(), cause })
}

/// Finds the photo in the catalog's own export: one JSON line for each photo, its id and its path in it.
fn photo(id: &str, repository: &Repository, contents: &mut Contents) -> Result<Vec<String>, Error> {
    let shards: Vec<_> =
        contents.files.iter().filter(|(path, _)| exported(path).is_some()).map(|(_, file)| file.clone()).collect();
    for shard in shards {
        let bytes = read_whole(repository, &shard)?;
        if let Some(path) = crate::catalog::path_of_exported_photo(&bytes, id) {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let stem = path.rsplit_once('.').map_or(path.as_str(), |(stem, _)| stem);
            let beside = |other: &&String| {
                other.rsplit_once('/').is_some_and(|(parent, _)| parent == folder)
                    && (other.strip_prefix(stem)).is_some_and(|rest| rest.starts_with('.'))
            };
            return Ok(originals(contents).filter(beside).cloned().collect());
        }
    }
    Ok(Vec::new())
}
