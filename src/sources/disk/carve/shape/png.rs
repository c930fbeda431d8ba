//! PNG: every chunk carries a checksum (PNG specification, 5.3).

use flate2::Crc;

use super::{Broken, Look, Shape, exactly};
use crate::formats::numbers::be32;
use crate::model::Kind;
use crate::sources::medium::MediumError;

/// More than any picture from a camera or a screen has. Bounds time.
const MAX_SIZE: u64 = 1 << 30;
const STEP: usize = 1 << 16;

pub(super) fn measure(look: &mut Look<'_>) -> Result<Shape, MediumError> {
    let mut at = 8;
    let mut has_data = false;
    while at < MAX_SIZE {
        let Some(next) = chunk(look, at)? else { break };
        at = next.end;
        has_data |= next.name == *b"IDAT";
        if next.name == *b"IEND" {
            return Ok(if has_data { Shape::Whole(at, Kind::Png) } else { Shape::Nothing });
        }
    }
    if at == 8 {
        return Ok(Shape::Nothing);
    }
    Ok(Shape::Broken(Broken { kind: Kind::Png, good: at, size: None, inside: Vec::new() }))
}

struct Chunk {
    name: [u8; 4],
    end: u64,
}

/// The chunk at `at`; `None` where its checksum does not agree.
fn chunk(look: &mut Look<'_>, at: u64) -> Result<Option<Chunk>, MediumError> {
    let Some(head) = exactly(look, at, 8)? else { return Ok(None) };
    let (length, name) = (be32(&head, 0).unwrap_or(u32::MAX), head.get(4..8).unwrap_or_default());
    let Ok(name) = <[u8; 4]>::try_from(name) else { return Ok(None) };
    if length > 1 << 31 || !name.iter().all(u8::is_ascii_alphabetic) {
        return Ok(None);
    }
    let mut sum = Crc::new();
    sum.update(&name);
    let (mut from, end) = (at + 8, at + 8 + u64::from(length));
    while from < end {
        let step = usize::try_from(end - from).unwrap_or(STEP).min(STEP);
        let Some(bytes) = exactly(look, from, step)? else { return Ok(None) };
        sum.update(&bytes);
        from += step as u64;
    }
    let agrees = exactly(look, end, 4)?.and_then(|bytes| be32(&bytes, 0)) == Some(sum.sum());
    Ok(agrees.then_some(Chunk { name, end: end + 4 }))
}
