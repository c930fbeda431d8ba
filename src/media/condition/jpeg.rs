//! JPEG: every code followed, then what stands behind the picture.

use std::io::{self, Read, Seek};

use crate::formats::isobmff::box_head;
use crate::formats::jpeg::{Fault, Process, State, Step, Verdict, next_segment, validate};
use crate::model::{Condition, Depth};

use super::{Shown, Tested};
use crate::media::pixels::{self, LARGE, embedded};
use crate::media::read_at::read_at;

/// Larger than any camera's JPEG with its video; of larger files only the beginning is tested. Bounds memory.
const MAX_BYTES: usize = 256 << 20;

/// Follows every code once: for the verdict, and for the picture.
pub(super) fn test<R: Read + Seek>(input: &mut R, size: u64, shown: &mut Shown) -> io::Result<Tested> {
    let bytes = read_at(input, 0, MAX_BYTES)?;
    let is_all = bytes.len() as u64 >= size;
    let (verdict, picture) = pixels::jpeg::read(&bytes, LARGE);
    let mut tested = judge(&bytes, &verdict, is_all);
    if let Some(frame) = &verdict.frame {
        tested = tested.sized(frame.width, frame.height);
    }
    // Of a photo that lost its picture, the thumbnail in its metadata is shown.
    *shown = Some(picture.or_else(|why| embedded::largest(&bytes, 2).ok_or(why)));
    let lost = tested.condition.is_damage() && tested.good_percent == Some(0);
    if lost && holds_whole_thumbnail(&bytes) {
        tested.condition = Condition::PreviewOnly;
        tested.finding = Some("has lost its picture; only a small preview of it is left".to_owned());
    }
    Ok(tested)
}

fn judge(bytes: &[u8], verdict: &Verdict, is_all: bool) -> Tested {
    let depth = if verdict.followed { Depth::Pixels } else { Depth::Structure };
    let good = verdict.good_percent();
    match verdict.state {
        State::Whole => {
            let behind = verdict.end.and_then(|end| bytes.get(end..)).unwrap_or_default();
            if let Some(found) = trailing(bytes, behind, is_all) {
                return found;
            }
            let mut tested = Tested::intact(depth);
            if !verdict.followed {
                tested.finding =
                    Some("is too large or too unusual to decode: only its structure was tested".to_owned());
            }
            tested
        }
        State::Truncated if !is_all => {
            let mut tested = Tested::intact(Depth::Signature);
            tested.finding = Some("is too large to be tested".to_owned());
            tested
        }
        State::Truncated => {
            let process = verdict.frame.as_ref().map(|frame| frame.process);
            let finding = match (process, good) {
                (None, _) => "ends before its picture begins".to_owned(),
                // Which scan is the last is written nowhere but in the end mark.
                (Some(Process::Progressive), Some(100)) => {
                    "ends early: all of the picture is there, but maybe with less detail".to_owned()
                }
                (Some(_), Some(100)) => "lacks its end mark, with all of the picture there".to_owned(),
                (Some(_), Some(good)) => format!("ends after {good} % of the picture"),
                (Some(_), None) => "ends too early".to_owned(),
            };
            Tested::truncated(depth, good, finding)
        }
        State::Broken { fault, .. } => {
            let what = match fault {
                Fault::Hole => "holds zeros where a part of the picture should be",
                Fault::BadCode | Fault::OutOfRange | Fault::NoMarker => "holds bytes that do not belong to the picture",
                Fault::TooFewBlocks | Fault::Ended => "lacks a part of the picture inside",
                Fault::TooManyBytes => "holds more picture data than its size allows: some of it was replaced",
                Fault::BadScan => "is broken in the tables that its picture needs",
                Fault::NoPicture => "holds no picture",
            };
            let finding = good.map_or_else(|| what.to_owned(), |good| format!("{what}; {good} % of it is good"));
            Tested::damaged(depth, good, finding)
        }
    }
}

/// Tests what stands behind a whole picture, where the file says, or it shows, that it belongs there: further pictures
/// (CIPA DC-007, multi-picture format), and the video of a motion photo. `None` when nothing is wrong with it.
fn trailing(bytes: &[u8], behind: &[u8], is_all: bool) -> Option<Tested> {
    if !is_all {
        return None;
    }
    let whole = "is whole as a picture, but";
    if names_more_pictures(bytes) {
        let at = behind.windows(3).position(|window| window == [0xFF, 0xD8, 0xFF])?;
        return match validate(behind.get(at..)?).state {
            State::Whole => None,
            State::Truncated => {
                let finding = format!("{whole} a second picture stored behind it ends early");
                Some(Tested::truncated(Depth::Pixels, Some(100), finding))
            }
            State::Broken { .. } => {
                let finding = format!("{whole} a second picture stored behind it is damaged");
                Some(Tested::damaged(Depth::Pixels, Some(100), finding))
            }
        };
    }
    let at = behind.windows(4).take(4096).position(|window| window == b"ftyp")?.checked_sub(4)?;
    let mut rest = behind.get(at..)?;
    while let Some(head) = box_head(rest) {
        let size = usize::try_from(head.size.unwrap_or(rest.len() as u64)).unwrap_or(usize::MAX);
        let known = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"udta"].contains(&&head.name);
        if known && size > rest.len() {
            let finding = format!("{whole} the video stored behind it ends early");
            return Some(Tested::truncated(Depth::Pixels, Some(100), finding));
        }
        rest = rest.get(size..).unwrap_or_default();
    }
    None
}

/// The segments before the picture, up to the first byte that is out of place: unlike
/// [`segments`](crate::formats::jpeg::segments), which makes the best of a damaged file, this walk judges one.
fn sound_segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        let Step::Segment(segment) = next_segment(bytes, at) else { return None };
        at = segment.end;
        (segment.marker != 0xDA).then_some((segment.marker, segment.payload))
    })
}

fn names_more_pictures(bytes: &[u8]) -> bool {
    sound_segments(bytes).any(|(marker, payload)| marker == 0xE2 && payload.starts_with(b"MPF\0"))
}

fn holds_whole_thumbnail(bytes: &[u8]) -> bool {
    let exif = sound_segments(bytes).find(|(marker, payload)| *marker == 0xE1 && payload.starts_with(b"Exif\0"));
    let Some((_, exif)) = exif else { return false };
    let starts = exif.windows(3).enumerate().filter(|(_, window)| *window == [0xFF, 0xD8, 0xFF]).map(|(at, _)| at);
    starts.take(4).any(|at| validate(exif.get(at..).unwrap_or_default()).state == State::Whole)
}
