//! XMP that is too long for one segment of a JPEG (XMP specification, part 3, 1.1.3.1): the rest follows in pieces under
//! the name that the first packet gives.

use md5::{Digest as _, Md5};

use crate::formats::jpeg;

const PACKET: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENSION: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

/// More than the lists of edits that fill such extensions come to. Bounds memory.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The packets of a JPEG, the first one first, then the extension that it names, put together.
///
/// An extension counts only whole: every byte is there once, and all together have the checksum that is its name.
/// Pieces that are missing, overlap or disagree leave the first packet alone.
pub fn packets(file: &[u8]) -> Vec<Vec<u8>> {
    let segments = || jpeg::segments(file).filter(|segment| segment.marker == 0xE1).map(|segment| segment.payload);
    let mut found: Vec<Vec<u8>> =
        segments().filter_map(|payload| payload.strip_prefix(PACKET)).map(<[u8]>::to_vec).collect();
    let pieces = || segments().filter_map(|payload| payload.strip_prefix(EXTENSION)).filter_map(Piece::read);
    let named = pieces().map(|piece| piece.name).find(|name| found.iter().any(|packet| holds(packet, name)));
    found.extend(named.and_then(|name| put_together(&name, pieces().filter(|piece| piece.name == name))));
    found
}

struct Piece<'a> {
    /// The checksum of the whole as 32 hex digits.
    name: [u8; 32],
    whole: usize,
    at: usize,
    bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    fn read(payload: &'a [u8]) -> Option<Self> {
        let (name, rest) = payload.split_first_chunk::<32>()?;
        let (whole, rest) = rest.split_first_chunk::<4>()?;
        let (at, bytes) = rest.split_first_chunk::<4>()?;
        let number = |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).ok();
        Some(Self { name: *name, whole: number(whole)?, at: number(at)?, bytes })
    }
}

fn holds(packet: &[u8], name: &[u8; 32]) -> bool {
    memchr::memmem::find(packet, name).is_some()
}

fn put_together<'a>(name: &[u8; 32], pieces: impl Iterator<Item = Piece<'a>>) -> Option<Vec<u8>> {
    let mut pieces: Vec<Piece<'a>> = pieces.collect();
    let length = pieces.first()?.whole;
    if length > MAX_BYTES || pieces.iter().any(|piece| piece.whole != length) {
        return None;
    }
    pieces.sort_by_key(|piece| piece.at);
    let mut whole = Vec::new();
    for piece in pieces {
        if piece.at != whole.len() || piece.bytes.len() > length - whole.len() {
            return None;
        }
        whole.extend_from_slice(piece.bytes);
    }
    let sum = data_encoding::HEXUPPER.encode(&Md5::digest(&whole));
    (whole.len() == length && sum.as_bytes().eq_ignore_ascii_case(name)).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &[u8] = b"<rdf:RDF>the rest of what was said</rdf:RDF>";

    fn segment(payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 2).expect("short").to_be_bytes();
        [b"\xFF\xE1", &length[..], payload].concat()
    }

    fn name() -> String {
        data_encoding::HEXUPPER.encode(&Md5::digest(REST))
    }

    fn piece(name: &str, whole: usize, at: usize, bytes: &[u8]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).expect("short").to_be_bytes();
        segment(&[EXTENSION, name.as_bytes(), &number(whole), &number(at), bytes].concat())
    }

    fn read(pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let first = segment(&[PACKET, b"first, of ", name().as_bytes()].concat());
        packets(&[b"\xFF\xD8", &first[..], &pieces.concat()].concat())
    }

    #[test]
    fn pieces_in_any_order_are_put_together() {
        let (one, two) = (piece(&name(), REST.len(), 0, &REST[..10]), piece(&name(), REST.len(), 10, &REST[10..]));
        assert_eq!(read(&[one.clone(), two.clone()]).last().expect("two"), REST);
        assert_eq!(read(&[two, one]).last().expect("two"), REST);
    }

    #[test]
    fn pieces_that_are_missing_overlap_or_disagree_are_left_out() {
        let all = REST.len();
        let whole = || piece(&name(), all, 0, REST);
        let cases: [Vec<Vec<u8>>; 8] = [
            vec![piece(&name(), all, 0, &REST[..10])],
            vec![piece(&name(), all, 10, &REST[10..])],
            vec![piece(&name(), all, 0, &REST[..12]), piece(&name(), all, 10, &REST[10..])],
            vec![whole(), whole()],
            vec![whole(), piece(&name(), all + 1, all, b"x")],
            vec![piece(&name(), usize::from(u16::MAX) << 15, 0, REST)],
            vec![piece(&name(), all, 0, &[b"X", &REST[1..]].concat())],
            vec![piece(&"0".repeat(32), all, 0, REST)],
        ];
        for (number, pieces) in cases.iter().enumerate() {
            assert_eq!(read(pieces).len(), 1, "case {number}");
        }
        assert_eq!(read(&[whole()]).len(), 2);
    }
}
