//! WebP and AVI: lists of chunks. Neither has a checksum.

use super::{Broken, Look, Shape, exactly};
use crate::formats::numbers::le32;
use crate::formats::zeros::is_zero;
use crate::model::Kind;
use crate::sources::medium::MediumError;

const MAX_CHUNKS: u32 = 1 << 18;

pub(super) fn measure(kind: Kind, look: &mut Look<'_>) -> Result<Shape, MediumError> {
    let Some(head) = exactly(look, 0, 12)? else { return Ok(Shape::Nothing) };
    let size = 8 + u64::from(le32(&head, 4).unwrap_or(0));
    let broken = |good| Shape::Broken(Broken { kind, good, size: Some(size), inside: Vec::new() });
    let (mut at, mut frames) = (12, 0_u32);
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
        // A film's frames stand in a list of their own.
        if chunk.starts_with(b"LIST") && exactly(look, at + 8, 4)?.as_deref() == Some(b"movi") {
            frames += 1;
            at += 12;
            continue;
        }
        if frames > 0 {
            frames += 1;
        }
        if chunk.starts_with(b"VP8 ") {
            let body = look(at + 8, usize::try_from(length).unwrap_or(0).min(64 << 20))?;
            if (body.len() as u64) < length || body.chunks_exact(512).any(is_zero) {
                return Ok(broken(at));
            }
        }
        at = end;
    }
    let there = exactly(look, size.saturating_sub(1), 1)?.is_some();
    Ok(match frames {
        _ if at != size || !there => broken(at),
        // A chain of many frames does not come about by chance.
        16.. => Shape::Sound(size, kind, std::iter::once(0..size).collect()),
        _ => Shape::Unproven(size, kind, Vec::new()),
    })
}
