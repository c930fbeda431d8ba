//! What a person says about a photo, and taking it back.

use super::describe::describe;
use super::examine::{Broken, Described};
use super::{Circumstances, Error, OpenArchive};
use crate::catalog::{OperationId, Undone};
use crate::events::Recorder;
use crate::model::{CaptureTime, PhotoId};

/// What somebody says about a photo; what is `None` stays as it is.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Saying {
    /// A text below the picture; empty: there shall be none.
    pub caption: Option<String>,
    /// Stars, -1 to 5.
    pub stars: Option<i8>,
    /// When it was taken.
    pub taken_at: Option<CaptureTime>,
}

/// Writes down what a person says about some photos. It wins over every file and every machine; a corrected date moves
/// the photo to its new place in the next snapshot. Each statement can be undone by its number.
pub fn say(
    open: &mut OpenArchive,
    photos: &[PhotoId],
    saying: &Saying,
    around: &Circumstances,
) -> Result<Vec<OperationId>, Error> {
    let Saying { caption, stars, taken_at } = saying;
    let mut operations = Vec::new();
    for photo in photos {
        if let Some(caption) = caption {
            operations.push(open.catalog.set_caption(photo, Some(caption), around.now)?);
        }
        if let Some(stars) = stars {
            operations.push(open.catalog.set_rating(photo, Some(*stars), around.now)?);
        }
        if let Some(taken_at) = taken_at {
            operations.push(open.catalog.set_taken_at(photo, Some(taken_at.clone()), around.now)?);
        }
    }
    settle(open, around)?;
    Ok(operations)
}

/// Takes back a person's change: the given one, or the last.
pub fn undo(open: &mut OpenArchive, operation: Option<OperationId>, around: &Circumstances) -> Result<Undone, Error> {
    let undone = open.catalog.undo(operation, around.now)?;
    settle(open, around)?;
    Ok(undone)
}

/// Gives photos whose date changed their place in the tree.
fn settle(open: &mut OpenArchive, around: &Circumstances) -> Result<(), Error> {
    describe(open, &Broken::new(), around, &mut Described::default(), &Recorder::default())
}
