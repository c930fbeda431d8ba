use serde::Serialize;

use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::catalog::OperationId;
use crate::model::PhotoId;
use crate::model::report::PhotoSummary;
use crate::workflows::undo as undo_operation;

/// Put photos into the trash; `undo` takes them out again
///
/// No byte is removed. A deleted photo that is met again in a source stays deleted, and the run says so.
#[derive(clap::Args, Debug)]
pub(super) struct DeleteArgs {
    /// Ids of photos, or their beginnings
    #[arg(required = true, value_name = "PHOTO")]
    photos: Vec<String>,
}

/// List the deleted photos, or take some out of the trash
#[derive(clap::Args, Debug)]
pub(super) struct TrashArgs {
    /// Take this photo out of the trash; may be given several times
    #[arg(long, value_name = "PHOTO")]
    restore: Vec<String>,
}

/// Take back the last change to albums and photos, or the one of a number; --list shows them
#[derive(clap::Args, Debug)]
pub(super) struct UndoArgs {
    /// The number that the change was given
    operation: Option<i64>,
    /// List the changes that can be taken back, newest first
    #[arg(long, conflicts_with = "operation")]
    list: bool,
}

#[derive(Serialize)]
pub(super) struct Deleted {
    pub(super) operation: i64,
    pub(super) photos: Vec<PhotoId>,
}

#[derive(Serialize)]
pub(super) struct TrashReport {
    pub(super) photos: Vec<InTrash>,
}

#[derive(Serialize)]
pub(super) struct InTrash {
    #[serde(flatten)]
    pub(super) photo: PhotoSummary,
    pub(super) deleted_at: String,
}

#[derive(Serialize)]
pub(super) struct Change {
    pub(super) operation: i64,
    pub(super) at: String,
    pub(super) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) undone_at: Option<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct ChangeList(pub(super) Vec<Change>);

#[derive(Serialize)]
pub(super) struct Undone {
    pub(super) operation: i64,
    pub(super) what: String,
}

pub(super) fn delete(app: &App, args: DeleteArgs) -> Result<Exit, Failure> {
    let mut open = app.open()?;
    let photos: Vec<PhotoId> =
        args.photos.iter().map(|text| open.catalog.find_photo(text)).collect::<Result<_, _>>()?;
    let operation = open.catalog.delete_photos(&photos, app.around.now)?;
    app.output.report(&Deleted { operation: operation.0, photos }, Exit::Done)
}

pub(super) fn trash(app: &App, args: TrashArgs) -> Result<Exit, Failure> {
    let mut open = app.open()?;
    if !args.restore.is_empty() {
        let photos: Vec<PhotoId> =
            args.restore.iter().map(|text| open.catalog.find_photo(text)).collect::<Result<_, _>>()?;
        open.catalog.undelete_photos(&photos, app.around.now)?;
    }
    let trash = open.catalog.trash()?.into_iter();
    let photos = trash.map(|(photo, deleted_at)| InTrash { photo, deleted_at: deleted_at.to_string() }).collect();
    app.output.report(&TrashReport { photos }, Exit::Done)
}

/// As many changes as a screen holds.
const LISTED: usize = 50;

pub(super) fn undo(app: &App, args: UndoArgs) -> Result<Exit, Failure> {
    if args.list {
        let changes = app.open()?.catalog.operations(LISTED)?.into_iter().map(|row| Change {
            operation: row.id.0,
            at: row.at.to_string(),
            what: row.what,
            undone_at: row.undone_at.map(|at| at.to_string()),
        });
        return app.output.report(&ChangeList(changes.collect()), Exit::Done);
    }
    let undone = undo_operation(&mut app.open()?, args.operation.map(OperationId), &app.around)?;
    app.output.report(&Undone { operation: undone.id.0, what: undone.what }, Exit::Done)
}
