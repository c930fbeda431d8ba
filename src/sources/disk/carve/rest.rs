//! What stays broken: as much of it as is good, or the small picture that it carries.

use std::ops::ControlFlow;

use memchr::memmem;

use super::space::Space;
use super::sweep::{Find, Lost};
use super::{Carved, CarvedState, Carving};
use crate::formats::jpeg::{Advance, Follower, validate};
use crate::model::Kind;
use crate::sources::medium::MediumError;

/// Bytes of a header that a thumbnail is looked for in.
const HEADER: usize = 1 << 18;
/// Larger than any picture. Bounds memory.
const MAX_SIZE: u64 = 128 << 20;

/// Gives what can be had of each lost file.
pub(super) fn give(
    carving: &Carving<'_>,
    space: &Space,
    lost: &[Lost],
    found: &mut dyn FnMut(Carved) -> ControlFlow<()>,
) -> Result<(), MediumError> {
    for one in lost {
        if (carving.stop)() {
            return Err(MediumError::Stopped);
        }
        let part = match part(carving, space, one)? {
            Some(part) => Some(part),
            None => preview(carving, space, one)?,
        };
        if part.is_some_and(|part| found(part).is_break()) {
            break;
        }
    }
    Ok(())
}

/// The beginning of the file, where something can be seen of it.
fn part(carving: &Carving<'_>, space: &Space, lost: &Lost) -> Result<Option<Carved>, MediumError> {
    let kind = lost.broken.kind;
    let size = lost.broken.good.min(MAX_SIZE);
    let mut good_percent = None;
    if kind == Kind::Jpeg {
        let bytes = carving.tape.read(space, lost.at, usize::try_from(size).unwrap_or(0))?;
        good_percent = validate(&bytes).good_percent();
        if good_percent == Some(0) {
            return Ok(None);
        }
    }
    // Its header alone is nothing to see.
    if size <= if kind == Kind::Jpeg { 128 } else { 4096 } {
        return Ok(None);
    }
    let state = CarvedState::Partial { good_percent };
    Ok(Some(Carved { pieces: space.pieces(lost.at, size), size, kind, state }))
}

/// The largest small picture in it.
fn preview(carving: &Carving<'_>, space: &Space, lost: &Lost) -> Result<Option<Carved>, MediumError> {
    let mut best: Option<Find> = lost.previews.iter().max_by_key(|find| find.size).cloned();
    let header = carving.tape.read(space, lost.at, HEADER)?;
    let reach = lost.broken.inside.iter().map(|range| range.end).max().unwrap_or(0);
    for at in memmem::find_iter(header.get(2..).unwrap_or_default(), b"\xFF\xD8\xFF") {
        let at = at + 2;
        if at as u64 >= reach {
            break;
        }
        if let Advance::Whole(size) = Follower::new().feed(header.get(at..).unwrap_or_default())
            && best.as_ref().is_none_or(|best| best.size < size)
        {
            best = Some(Find::proven(lost.at + at as u64, size, Kind::Jpeg));
        }
    }
    Ok(best.map(|find| Carved {
        pieces: space.pieces(find.at, find.size),
        size: find.size,
        kind: find.kind,
        state: CarvedState::PreviewOnly,
    }))
}
