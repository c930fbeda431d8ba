//! JPEG (ITU-T T.81): the first picture of the file, up to its end mark.

use std::io::BufRead;

use memchr::memchr;

use super::bytes::{Stop, Walked, sound};
use super::parts::Parts;

const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const TEM: u8 = 0x01;
const ADOBE: u8 = 0xEE;

/// What belongs to a picture is a marker stream again, so it needs no frame: one part takes it all.
pub(super) fn add(mut stream: impl BufRead, parts: &mut Parts) -> Walked<()> {
    if take::<2>(&mut stream)? != [0xFF, 0xD8] {
        return Err(Stop::NotWhole);
    }
    let mut picture = blake3::Hasher::new();
    let (mut components, mut transform, mut has_scan) = (None, None, false);
    let mut marker = next_marker(&mut stream)?;
    loop {
        match marker {
            EOI => break,
            TEM => {}
            0x00 | 0xD0..=0xD8 => return Err(Stop::NotWhole),
            _ => {
                let length = take::<2>(&mut stream)?;
                let inside = sound(usize::from(u16::from_be_bytes(length)).checked_sub(2))?;
                let mut payload = vec![0; inside];
                stream.read_exact(&mut payload)?;
                if marker == ADOBE && payload.starts_with(b"Adobe") {
                    transform = payload.get(11).copied();
                }
                if is_frame(marker) {
                    components = payload.get(5).copied();
                }
                if !is_metadata(marker) {
                    picture.update(&[0xFF, marker]);
                    picture.update(&length);
                    picture.update(&payload);
                }
            }
        }
        marker = if marker == SOS {
            has_scan = true;
            scan(&mut stream, &mut picture)?
        } else {
            next_marker(&mut stream)?
        };
    }
    let components = sound(components.filter(|_| has_scan))?;
    parts.add_hash(*b"scan", picture.finalize());
    // Colours depend on it, and some programs throw the segment away where it says what is assumed without it.
    let assumed = u8::from(components == 3);
    parts.add(*b"colr", &[transform.unwrap_or(assumed)]);
    Ok(())
}

/// Application segments and comments.
fn is_metadata(marker: u8) -> bool {
    matches!(marker, 0xE0..=0xEF | 0xFE)
}

/// A start of frame: all of `C0` to `CF` but the tables among them.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

fn next_marker(stream: &mut impl BufRead) -> Walked<u8> {
    if take::<1>(stream)? == [0xFF] { after_fill(stream) } else { Err(Stop::NotWhole) }
}

/// The code behind an `FF`, however many fill bytes stand between.
fn after_fill(stream: &mut impl BufRead) -> Walked<u8> {
    loop {
        let [code] = take::<1>(stream)?;
        if code != 0xFF {
            return Ok(code);
        }
    }
}

/// Takes entropy-coded data, with its restart markers, up to the next marker; gives that.
fn scan(stream: &mut impl BufRead, picture: &mut blake3::Hasher) -> Walked<u8> {
    loop {
        let buffer = stream.fill_buf()?;
        if buffer.is_empty() {
            return Err(Stop::NotWhole);
        }
        let Some(at) = memchr(0xFF, buffer) else {
            let all = buffer.len();
            picture.update(buffer);
            stream.consume(all);
            continue;
        };
        picture.update(buffer.get(..at).unwrap_or_default());
        stream.consume(at + 1);
        match after_fill(stream)? {
            code @ (0x00 | 0xD0..=0xD7) => picture.update(&[0xFF, code]),
            marker => return Ok(marker),
        };
    }
}

fn take<const N: usize>(stream: &mut impl BufRead) -> Walked<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
