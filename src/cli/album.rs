use serde::Serialize;

use super::Exit;
use super::app::App;
use super::explain::Failure;
use super::search::{Filters, query};
use crate::catalog::CatalogError;
use crate::model::report::{AlbumReport, PhotoSummary};
use crate::model::{Album, AlbumName, PhotoId};
use crate::workflows::OpenArchive;

/// Put photos together under a name
#[derive(clap::Args, Debug)]
pub(super) struct AlbumArgs {
    #[command(subcommand)]
    command: AlbumCommand,
}

#[derive(clap::Subcommand, Debug)]
enum AlbumCommand {
    /// Make an album, empty or filled by --folder or by a search
    Create {
        /// What to call it
        name: String,
        #[command(flatten)]
        fill: Fill,
    },
    /// Add photos to an album
    Add {
        /// The album
        name: String,
        /// Ids of photos, or their beginnings
        photos: Vec<String>,
        #[command(flatten)]
        fill: Fill,
    },
    /// Take photos out of an album; they stay in the archive
    Remove {
        /// The album
        name: String,
        /// Ids of photos, or their beginnings
        #[arg(required = true)]
        photos: Vec<String>,
    },
    /// List the albums
    List,
    /// List the photos of an album
    Show {
        /// The album
        name: String,
    },
    /// Give an album another name
    Rename {
        /// The album
        name: String,
        /// Its new name
        new_name: String,
    },
    /// Delete an album; its photos stay in the archive
    Delete {
        /// The album
        name: String,
    },
}

/// Photos named by what they have in common.
#[derive(clap::Args, Debug)]
struct Fill {
    /// Every photo that was seen in a folder of this name, or of this path in its source
    #[arg(long, value_name = "FOLDER")]
    folder: Vec<String>,
    /// Every photo that `search` finds with these words
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    #[command(flatten)]
    filters: SearchFilters,
}

/// The dates of `search`, for albums of a journey.
#[derive(clap::Args, Debug)]
struct SearchFilters {
    /// Every photo taken on this day or later: 2014, 2014-08, 2014-08-03
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Every photo taken on this day or earlier
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
}

/// The albums, as JSON: a bare list.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct AlbumList(pub(super) Vec<AlbumReport>);

/// What became of an album.
#[derive(Serialize)]
pub(super) struct AlbumChange {
    pub(super) name: String,
    /// Photos added or taken out; 0 when only the album itself changed.
    pub(super) changed: u64,
    /// Photos in it now.
    pub(super) photos: u64,
    /// What was done, in words.
    pub(super) done: &'static str,
}

/// One album with its photos.
#[derive(Serialize)]
pub(super) struct AlbumContents {
    pub(super) name: String,
    pub(super) photos: Vec<PhotoSummary>,
}

pub(super) fn run(app: &App, args: AlbumArgs) -> Result<Exit, Failure> {
    let mut open = app.open()?;
    match args.command {
        AlbumCommand::Create { name, fill } => create(app, &mut open, &name, &fill),
        AlbumCommand::Add { name, photos, fill } => add(app, &mut open, &name, &photos, &fill),
        AlbumCommand::Remove { name, photos } => remove(app, &mut open, &name, &photos),
        AlbumCommand::List => {
            let albums = open.catalog.albums(None)?.into_iter().map(AlbumReport::from).collect();
            app.output.report(&AlbumList(albums), Exit::Done)
        }
        AlbumCommand::Show { name } => {
            let album = find(&open, &name)?;
            let photos = open.catalog.album_photos(album.id)?;
            app.output.report(&AlbumContents { name: album.name.to_string(), photos }, Exit::Done)
        }
        AlbumCommand::Rename { name, new_name } => {
            let album = find(&open, &name)?;
            let new_name = parse(&new_name)?;
            open.catalog.rename_album(album.id, &new_name, app.around.now)?;
            changed(app, &open, new_name.as_str(), 0, "renamed")
        }
        AlbumCommand::Delete { name } => {
            let album = find(&open, &name)?;
            open.catalog.delete_album(album.id, app.around.now)?;
            let report = AlbumChange { name: album.name.to_string(), changed: 0, photos: 0, done: "deleted" };
            app.output.report(&report, Exit::Done)
        }
    }
}

fn create(app: &App, open: &mut OpenArchive, name: &str, fill: &Fill) -> Result<Exit, Failure> {
    let name = parse(name)?;
    let photos = fill_with(open, fill)?;
    let album = open.catalog.create_album(&App::owner(open), &name, app.around.now)?;
    let added = open.catalog.add_to_album(album, &photos, app.around.now)?;
    changed(app, open, name.as_str(), added, "made")
}

fn add(app: &App, open: &mut OpenArchive, name: &str, photos: &[String], fill: &Fill) -> Result<Exit, Failure> {
    let album = find(open, name)?;
    let mut photos = ids(open, photos)?;
    photos.extend(fill_with(open, fill)?);
    if photos.is_empty() {
        return Err(Failure::Usage {
            message: "nothing was named that could be added".to_owned(),
            hint: "name photos, or --folder FOLDER, or --search WORDS".to_owned(),
        });
    }
    let added = open.catalog.add_to_album(album.id, &photos, app.around.now)?;
    changed(app, open, name, added, "added to")
}

fn remove(app: &App, open: &mut OpenArchive, name: &str, photos: &[String]) -> Result<Exit, Failure> {
    let album = find(open, name)?;
    let photos = ids(open, photos)?;
    let removed = open.catalog.remove_from_album(album.id, &photos, app.around.now)?;
    changed(app, open, name, removed, "taken out of")
}

fn changed(app: &App, open: &OpenArchive, name: &str, changed: u64, done: &'static str) -> Result<Exit, Failure> {
    let photos = find(open, name)?.photos;
    app.output.report(&AlbumChange { name: name.to_owned(), changed, photos, done }, Exit::Done)
}

fn fill_with(open: &OpenArchive, fill: &Fill) -> Result<Vec<PhotoId>, Failure> {
    let Fill { folder, search, filters } = fill;
    let mut photos = Vec::new();
    for folder in folder {
        let found = open.catalog.photos_of_folder(folder)?;
        if found.is_empty() {
            return Err(Failure::Usage {
                message: format!("no photo was seen in a folder called “{folder}”"),
                hint: "write it as it was called on the drive, or its path from the top of the source".to_owned(),
            });
        }
        photos.extend(found);
    }
    let SearchFilters { from, to } = filters;
    if search.is_some() || from.is_some() || to.is_some() {
        let words = search.iter().flat_map(|words| words.split_whitespace()).map(str::to_owned).collect();
        let filters = Filters::between(from.clone(), to.clone());
        let found = open.catalog.search(&query(words, filters, usize::MAX)?)?;
        photos.extend(found.photos.into_iter().map(|photo| photo.id));
    }
    Ok(photos)
}

fn ids(open: &OpenArchive, texts: &[String]) -> Result<Vec<PhotoId>, Failure> {
    Ok(texts.iter().map(|text| open.catalog.find_photo(text)).collect::<Result<_, _>>()?)
}

fn find(open: &OpenArchive, name: &str) -> Result<Album, Failure> {
    let id = open.catalog.find_album(&App::owner(open), name)?;
    let found = open.catalog.albums(None)?.into_iter().find(|album| album.id == id);
    Ok(found.ok_or(CatalogError::AlbumGone { album: id })?)
}

fn parse(name: &str) -> Result<AlbumName, Failure> {
    name.parse().map_err(Failure::AlbumName)
}
