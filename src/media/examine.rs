//! All that one look at an object's bytes tells.

use std::io::{self, Read, Seek};

use crate::formats::payload;
use crate::model::{Examination, Kind, Likeness};

use super::{condition, facts};

/// Examines an object: its condition, and what it says about itself. `size` is that of the whole object.
///
/// Width and height come from the picture itself where it was looked into, and from what is written about it otherwise.
///
/// # Errors
/// Only when `input` cannot be read: a damaged file is a result.
pub fn examine<R: Read + Seek>(input: &mut R, size: u64, kind: Kind) -> io::Result<Examination> {
    let tested = condition::test(input, size, kind)?;
    input.rewind()?;
    let mut facts = facts::read(input, kind)?;
    facts.width = tested.width.or(facts.width);
    facts.height = tested.height.or(facts.height);
    let likeness = Likeness { payload: payload::of(input, size, kind)?, look: None };
    let condition::Tested { condition, depth, good_percent, finding, .. } = tested;
    Ok(Examination { condition, depth, good_percent, finding, facts, likeness })
}
