//! Which files of a snapshot somebody wants back.

use globset::{GlobBuilder, GlobMatcher};

use crate::catalog::{ExportedAlbum, exported_albums, exported_photos};
use crate::formats::file_name::{self, fold_case};
use crate::repository::{Repository, SnapshotFile};
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

impl Wanted {
    /// The top folder of the snapshot that it lies in, where that is one alone.
    pub(super) fn top_folder(&self) -> Option<&'static str> {
        match self {
            Self::Album(_) => Some("albums"),
            Self::Photo(_) | Self::Path(_) | Self::All => None,
        }
    }
}

/// The paths of the snapshot that are wanted, sorted: originals and their `.xmp`, never Keepsake's own files.
pub(super) fn paths(wanted: &Wanted, repository: &Repository, contents: &Contents) -> Result<Vec<String>, Error> {
    let picked: Vec<String> = match wanted {
        Wanted::All => originals(contents).cloned().collect(),
        Wanted::Album(name) => album(name, repository, contents)?,
        Wanted::Path(pattern) => {
            let matcher = matcher(pattern)?;
            // Our own files are left out unless they are asked for by name: the settings can be brought back alone.
            let ours = pattern.starts_with("keepsake/");
            let files = contents.files.keys().filter(|path| path.starts_with("keepsake/") == ours);
            files.filter(|path| matcher.is_match(path.as_str())).cloned().collect()
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

/// The folder of the album is looked up in the snapshot's own list of albums: a name made safe can belong to two.
fn album(name: &str, repository: &Repository, contents: &Contents) -> Result<Vec<String>, Error> {
    let mut albums = Vec::new();
    for shard in shards(contents) {
        albums.extend(exported_albums(&read_whole(repository, &shard)?));
    }
    let wanted = name.trim();
    let exact: Vec<&ExportedAlbum> = albums.iter().filter(|album| is_called(album, wanted)).collect();
    let alike = || albums.iter().filter(|album| fold_case(&album.name) == fold_case(wanted)).collect();
    let found: Vec<&ExportedAlbum> = if exact.is_empty() { alike() } else { exact };
    let full_name = |album: &ExportedAlbum| format!("{}/{}", album.owner, album.name);
    match found.as_slice() {
        [] => {
            let known = albums.iter().map(|album| album.name.clone()).collect();
            Err(Error::NoSuchAlbum { name: name.to_owned(), known })
        }
        [only] => {
            let folder = format!("albums/{}/{}/", file_name::safe(only.owner.as_bytes()), only.folder);
            Ok(originals(contents).filter(|path| path.starts_with(&folder)).cloned().collect())
        }
        several => Err(Error::SeveralAlbums {
            name: name.to_owned(),
            known: several.iter().map(|album| full_name(album)).collect(),
        }),
    }
}

/// By its name, or by owner and name where two people have one of that name.
fn is_called(album: &ExportedAlbum, wanted: &str) -> bool {
    album.name == wanted
        || wanted.split_once('/').is_some_and(|(owner, name)| album.owner == owner && album.name == name)
}

fn shards(contents: &Contents) -> Vec<SnapshotFile> {
    contents.files.iter().filter(|(path, _)| exported(path).is_some()).map(|(_, file)| file.clone()).collect()
}

/// A pattern without a slash is meant for file names, one with a slash for whole paths.
fn matcher(pattern: &str) -> Result<GlobMatcher, Error> {
    let whole =
        if pattern.contains('/') { pattern.trim_start_matches('/').to_owned() } else { format!("**/{pattern}") };
    let glob = GlobBuilder::new(&whole).literal_separator(true).case_insensitive(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|cause| Error::BadPattern { pattern: pattern.to_owned(), cause })
}

/// Finds the photo in the snapshot's own list of photos, and takes what stands beside it under the same stem.
fn photo(id: &str, repository: &Repository, contents: &Contents) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for shard in shards(contents) {
        found.extend(exported_photos(&read_whole(repository, &shard)?, id));
    }
    let only = match found.as_slice() {
        [] => return Ok(Vec::new()),
        [only] => only,
        several => {
            let known = several.iter().map(|photo| photo.id.to_string()).collect();
            return Err(Error::SeveralPhotos { id: id.to_owned(), known });
        }
    };
    let deleted = only.path.strip_prefix("photos/").map(|rest| format!("trash/{rest}"));
    let path = deleted.filter(|path| contents.files.contains_key(path)).unwrap_or_else(|| only.path.clone());
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let beside = |other: &&String| {
        let (parent, name) = other.rsplit_once('/').unwrap_or(("", other));
        parent == folder && name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
    };
    Ok(originals(contents).filter(|other| **other == path || beside(other)).cloned().collect())
}
