//! WebP and AVI: lists of chunks. Neither has a checksum.

use super::{Broken, Look, Shape, exactly, is_foreign};
use crate::formats::numbers::le32;
use crate::model::Kind;
use crate::sources::medium::MediumError;

const MAX_CHUNKS: u32 = 1 << 16;

pub(super) fn measure(kind: Kind, look: &mut Look<'_>) -> Result<Shape, MediumError> {
    let Some(head) = exactly(look, 0, 12)? else { return Ok(Shape::Nothing) };
    let size = 8 + u64::from(le32(&head, 4).unwrap_or(0));
    let broken = |good| Shape::Broken(Broken { kind, good, size: Some(size), inside: Vec::new() });
    let mut at = 12;
    for _ in 0..MAX_CHUNKS {
        if at >= size {
            break;
        }
        let Some(chunk) = exactly(look, at, 8)? else { return Ok(broken(at)) };
        let named = chunk.get(..4).is_some_and(|name| name.iter().all(|byte| (0x20..0x7F).contains(byte)));
        let length = u64::from(le32(&chunk, 4).unwrap_or(0));
        let end = at + 8 + length + length % 2;
        if !named || end > size {
            return Ok(if at == 12 { Shape::Nothing } else { broken(at) });
        }
        if chunk.starts_with(b"VP8 ") {
            let body = look(at + 8, usize::try_from(length).unwrap_or(0).min(64 << 20))?;
            if (body.len() as u64) < length || is_foreign(&body) {
                return Ok(broken(at));
            }
        }
        at = end;
    }
    // Nothing but lengths was checked.
    let there = exactly(look, size.saturating_sub(1), 1)?.is_some();
    Ok(if at == size && there { Shape::Unproven(size, kind) } else { broken(at) })
}
