//! The last word on a picture before it is called whole: the validator's, over all of its bytes.

use super::shape::Look;
use crate::formats::jpeg::{State, Verdict, validate};
use crate::sources::medium::MediumError;

/// Larger than any JPEG from a camera. Bounds memory.
const MAX_SIZE: u64 = 128 << 20;

/// Whether the validator finds the JPEG of `size` bytes whole.
pub(super) fn is_whole(size: u64, look: &mut Look<'_>) -> Result<bool, MediumError> {
    let Some(length) = usize::try_from(size).ok().filter(|_| size <= MAX_SIZE) else { return Ok(false) };
    let bytes = look(0, length)?;
    Ok(proves(&validate(&bytes), size))
}

/// Whether this is the verdict on a picture that is whole and ends there.
pub(super) fn proves(verdict: &Verdict, size: u64) -> bool {
    verdict.state == State::Whole && verdict.followed && verdict.end.map(|end| end as u64) == Some(size)
}
