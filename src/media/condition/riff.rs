//! AVI and WebP: chunks walked to the end; pictures decoded.
//!
//! The walk reads the heads of chunks by offset through the whole file, and goes into lists of frames; that of
//! [`crate::formats::avi`] goes over the first bytes, and into lists that describe: they share no step.

use std::io::{self, Read, Seek};

use image::ImageFormat;

use crate::formats::isobmff::Extent;
use crate::formats::numbers::le32;
use crate::model::{Depth, Kind};

use super::decode::{self, Decoded};
use super::holes::holes_in;
use super::{Shown, Tested, percent};
use crate::media::read_at::read_at;

pub(super) fn test<R: Read + Seek>(input: &mut R, size: u64, kind: Kind, shown: &mut Shown) -> io::Result<Tested> {
    let declared = u64::from(le32(&read_at(input, 4, 4)?, 0).unwrap_or(0)) + 8;
    if declared > size {
        let good = percent(size, declared);
        return Ok(Tested::truncated(Depth::Structure, good, cut(good)));
    }
    if kind == Kind::Avi { video(input, size) } else { picture(input, shown) }
}

fn cut(good: Option<u8>) -> String {
    format!("ends after {} % of its data", good.unwrap_or(0))
}

fn picture<R: Read + Seek>(input: &mut R, shown: &mut Shown) -> io::Result<Tested> {
    Ok(match decode::pixels(input, ImageFormat::WebP, shown)? {
        Decoded::Whole(width, height) => Tested::intact(Depth::Pixels).sized(width, height),
        Decoded::TooLarge(..) | Decoded::Unsupported => Tested {
            finding: Some("is too large or too unusual to decode: only its structure was tested".to_owned()),
            ..Tested::intact(Depth::Structure)
        },
        Decoded::Failed => {
            Tested::damaged(Depth::Pixels, None, "is broken inside: a part of its picture does not decode")
        }
    })
}

fn video<R: Read + Seek>(input: &mut R, size: u64) -> io::Result<Tested> {
    let mut pictures: Vec<Extent> = Vec::new();
    let (mut at, mut has_frames, mut has_index) = (0, false, false);
    while at + 8 <= size {
        let head = read_at(input, at, 12)?;
        let (Some(name), Some(length)) = (head.get(..4), le32(&head, 4).map(u64::from)) else { break };
        let form = head.get(8..12);
        let opens = name == b"RIFF" || name == b"LIST" && matches!(form, Some(b"movi" | b"rec "));
        if !name.iter().all(|byte| (0x20..0x7F).contains(byte)) {
            // Behind the index, cameras leave what they like.
            if has_index {
                break;
            }
            let good = percent(at, size);
            return Ok(Tested::damaged(
                Depth::Structure,
                good,
                "is broken inside: what should be a chunk of it is none",
            ));
        }
        has_index |= name == b"idx1";
        has_frames |= form == Some(b"movi");
        if name.ends_with(b"dc") {
            pictures.push(Extent { start: at + 8, length });
        }
        let next = if opens { at + 12 } else { at + 8 + length + length % 2 };
        if !opens && at + 8 + length > size {
            let good = percent(at, size);
            return Ok(Tested::truncated(Depth::Structure, good, "ends inside its last part"));
        }
        at = next;
    }
    if !has_frames {
        return Ok(Tested::damaged(Depth::Structure, Some(0), "holds no pictures"));
    }
    let total: u64 = pictures.iter().map(|extent| extent.length).sum();
    let (lost, first) = holes_in(input, &pictures)?;
    Ok(match first {
        Some(_) => {
            let good = percent(total - lost.min(total), total);
            Tested::damaged(Depth::Structure, good, "holds zeros where a part of the video should be")
        }
        None => Tested::intact(Depth::Structure),
    })
}
