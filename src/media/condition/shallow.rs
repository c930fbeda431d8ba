//! Formats that nothing here knows further than their signature, and sidecars.

use std::io::{self, Read, Seek};

use quick_xml::events::Event;

use crate::formats::zeros::is_zero;
use crate::model::{Depth, Kind};

use super::{Tested, percent};
use crate::media::read_at::read_at;

/// Zeros at the end of a video that are too many for padding: what a copy leaves that was cut off after its space was
/// reserved.
const EMPTY_TAIL: u64 = 64 << 10;
const MAX_SIDECAR: usize = 16 << 20;

pub(super) fn test<R: Read + Seek>(input: &mut R, size: u64, kind: Kind) -> io::Result<Tested> {
    if kind == Kind::Mts {
        return transport_stream(input, size);
    }
    if matches!(kind, Kind::Mkv | Kind::Mpg | Kind::Wmv) && size > EMPTY_TAIL * 2 {
        let tail = read_at(input, size - EMPTY_TAIL, usize::try_from(EMPTY_TAIL).unwrap_or(0))?;
        if is_zero(&tail) {
            return Ok(Tested::damaged(Depth::Signature, None, "ends in zeros where video should be"));
        }
    }
    Ok(Tested::intact(Depth::Signature))
}

/// An MPEG transport stream (ISO/IEC 13818-1): packets of one size, each beginning with `0x47`.
fn transport_stream<R: Read + Seek>(input: &mut R, size: u64) -> io::Result<Tested> {
    let (first, step) = if read_at(input, 0, 1)? == [0x47] { (0, 188) } else { (4, 192) };
    let (mut at, mut packets, mut good) = (0, 0, 0);
    while at < size {
        let window = read_at(input, at, step << 12)?;
        if window.is_empty() {
            break;
        }
        for packet in window.chunks_exact(step) {
            packets += 1;
            good += u64::from(packet.get(first) == Some(&0x47));
        }
        at += window.len() as u64;
    }
    Ok(if good < packets {
        Tested::damaged(Depth::Structure, percent(good, packets), "holds bytes that do not belong to the video")
    } else {
        Tested::intact(Depth::Structure)
    })
}

/// A sidecar in XML: its elements open and close. Other forms (binary property lists) are taken as they are.
pub(super) fn test_sidecar<R: Read + Seek>(input: &mut R, size: u64) -> io::Result<Tested> {
    let bytes = read_at(input, 0, MAX_SIDECAR)?;
    let text = std::str::from_utf8(&bytes).ok().filter(|text| text.contains('<') && bytes.len() as u64 == size);
    let Some(text) = text else { return Ok(Tested::intact(Depth::Signature)) };
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open = 0_u32;
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => open += 1,
            Ok(Event::End(_)) => open = open.saturating_sub(1),
            Ok(Event::Eof) if open == 0 => return Ok(Tested::intact(Depth::Structure)),
            Ok(Event::Eof) | Err(quick_xml::Error::Syntax(_)) => {
                return Ok(Tested::truncated(Depth::Structure, None, "ends before its text does"));
            }
            Ok(_) => {}
            Err(_) => return Ok(Tested::damaged(Depth::Structure, None, "is not well-formed")),
        }
    }
}
