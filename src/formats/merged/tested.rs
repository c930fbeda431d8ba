//! What a file's own format can say about it: is it whole, and if not, which bytes alone say so.

use std::io::Read as _;
use std::ops::Range;

use crate::formats::jpeg::{Fault, State, Step, next_segment, validate};
use crate::formats::numbers::be32;
use crate::formats::png::{Checksum, Header, SIGNATURE};
use crate::model::Ranges;

use super::Proof;
use super::compare::{Seen, wide};

/// Bytes behind a fault that may take part in it: a code, and the marker after it.
const AROUND: usize = 64;
/// Larger pictures are not inflated. Bounds time.
const MAX_INFLATED: u64 = 1 << 30;

/// How a file is tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Jpeg,
    Png,
    /// Not at all.
    Other,
}

/// What a test found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tested {
    pub(super) is_whole: bool,
    /// Bytes behind this one have no part in what is wrong.
    pub(super) decided_by: usize,
    /// Where the picture begins and ends, of a whole one: outside nothing was tested.
    pub(super) picture: (usize, usize),
}

const NOT_WHOLE: Tested = Tested { is_whole: false, decided_by: usize::MAX, picture: (0, 0) };

impl Format {
    /// What most of the copies begin like.
    pub(super) fn of(seen: &[Seen<'_>]) -> Self {
        let begins = |magic: &[u8]| seen.iter().filter(|copy| copy.bytes.starts_with(magic)).count();
        let (jpeg, png) = (begins(&[0xFF, 0xD8, 0xFF]), begins(SIGNATURE));
        match (jpeg, png) {
            (0, 0) => Self::Other,
            _ if png > jpeg => Self::Png,
            _ => Self::Jpeg,
        }
    }

    pub(super) fn proof(self) -> Proof {
        match self {
            Self::Jpeg => Proof::Decoded,
            Self::Png => Proof::Checksums,
            Self::Other => Proof::Agreement,
        }
    }

    /// Whether it is of a sort that cannot be tested, though nothing is wrong with it: lossless, or coded in a way that
    /// hardly anybody uses.
    pub(super) fn cannot_test(self, bytes: &[u8]) -> bool {
        match self {
            Self::Jpeg => {
                let verdict = validate(bytes);
                verdict.state == State::Whole && !verdict.followed
            }
            Self::Png => false,
            Self::Other => true,
        }
    }

    pub(super) fn test(self, bytes: &[u8]) -> Tested {
        match self {
            Self::Jpeg => jpeg(bytes),
            Self::Png => png(bytes).unwrap_or(NOT_WHOLE),
            Self::Other => NOT_WHOLE,
        }
    }
}

fn jpeg(bytes: &[u8]) -> Tested {
    let verdict = validate(bytes);
    let complete = verdict.mcus_expected > 0 && verdict.mcus_good == verdict.mcus_expected;
    match verdict.state {
        State::Whole if verdict.followed && complete => {
            let begin = scan_data(bytes).unwrap_or(usize::MAX);
            Tested { is_whole: true, decided_by: usize::MAX, picture: (begin, verdict.end.unwrap_or(bytes.len())) }
        }
        State::Broken { at, fault: Fault::BadCode | Fault::OutOfRange | Fault::TooFewBlocks | Fault::TooManyBytes } => {
            Tested { decided_by: at.saturating_add(AROUND), ..NOT_WHOLE }
        }
        // Whether a row of zeros is wrong may depend on what comes after it; so may the others.
        State::Broken {
            at: _,
            fault: Fault::Ended | Fault::Hole | Fault::BadScan | Fault::NoMarker | Fault::NoPicture,
        }
        | State::Whole
        | State::Truncated => NOT_WHOLE,
    }
}

/// Where the data of the first scan begins; `None` where the header is broken.
fn scan_data(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    // Each step is two bytes at least.
    while let Step::Segment(segment) = next_segment(bytes, at) {
        if segment.marker == 0xDA {
            return Some(segment.end);
        }
        at = segment.end;
    }
    None
}

/// Where the picture's own data begins; `None` where the header does not say so any more.
pub(super) fn body(bytes: &[u8], format: Format) -> Option<usize> {
    match format {
        Format::Jpeg => scan_data(bytes),
        Format::Png | Format::Other => Some(0),
    }
}

/// Walks the chunks, each of which must have its checksum, and inflates the picture, which must have its own.
fn png(bytes: &[u8]) -> Option<Tested> {
    let mut at = SIGNATURE.len();
    bytes.strip_prefix(SIGNATURE)?;
    let (mut header, mut picture) = (None, Vec::<Range<usize>>::new());
    loop {
        let length = usize::try_from(be32(bytes, at)?).ok()?;
        let data = at.checked_add(8)?..at.checked_add(8)?.checked_add(length)?;
        let name = bytes.get(at + 4..at + 8)?;
        let written = be32(bytes, data.end)?;
        let inside = bytes.get(data.clone())?;
        let mut checksum = Checksum::new();
        checksum.update(name);
        checksum.update(inside);
        let next = data.end + 4;
        if checksum.finish() != written {
            return Some(Tested { decided_by: next, ..NOT_WHOLE });
        }
        match name {
            b"IHDR" => header = header.or(Header::read(inside)),
            b"IDAT" => picture.push(data),
            b"IEND" => {
                let is_whole = inflates(bytes, &picture, header?)?;
                return Some(Tested { is_whole, decided_by: usize::MAX, picture: (0, next) });
            }
            _ => {}
        }
        at = next;
    }
}

fn inflates(bytes: &[u8], picture: &[Range<usize>], header: Header) -> Option<bool> {
    let wanted = header.inflated_bytes();
    if wanted > MAX_INFLATED {
        return None;
    }
    let data: Vec<u8> = picture.iter().filter_map(|part| bytes.get(part.clone())).flatten().copied().collect();
    let mut inflated = flate2::read::ZlibDecoder::new(data.as_slice()).take(wanted + 1);
    // The checksum at the end of the data is among what makes this fail.
    Some(std::io::copy(&mut inflated, &mut std::io::sink()).is_ok_and(|count| count == wanted))
}

/// How good a copy is, best last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Rank {
    pub(super) is_whole: bool,
    pub(super) good_percent: Option<u8>,
    good_bytes: u64,
}

impl Rank {
    pub(super) const WHOLE: Self = Self { is_whole: true, good_percent: Some(100), good_bytes: u64::MAX };
}

pub(super) fn rank(copy: &Seen<'_>, format: Format) -> Rank {
    let mut lost = copy.known_lost().clone();
    let has_known = !lost.is_empty();
    if copy.lost.is_none() {
        lost.extend(copy.fills.iter().map(wide));
    }
    let length = copy.bytes.len() as u64;
    let good_bytes = length.saturating_sub(lost.bytes());
    let share = good_bytes.saturating_mul(100).checked_div(length).and_then(|share| u8::try_from(share).ok());
    match format {
        Format::Jpeg => {
            let verdict = validate(copy.bytes);
            let is_whole = verdict.state == State::Whole && verdict.followed && !has_known;
            Rank { is_whole, good_percent: verdict.good_percent(), good_bytes }
        }
        Format::Png => {
            let is_whole = !has_known && format.test(copy.bytes).is_whole;
            let most = if is_whole { 100 } else { 99 };
            Rank { is_whole, good_percent: share.map(|share| if is_whole { 100 } else { share.min(most) }), good_bytes }
        }
        Format::Other => {
            let is_whole = copy.lost.as_ref().is_some_and(Ranges::is_empty);
            Rank { is_whole, good_percent: share, good_bytes }
        }
    }
}
