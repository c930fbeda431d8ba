//! HEIC, decoded by a process of our own.
//!
//! The decoder is young and its input comes from anywhere: it may hang, or want any amount of memory. So this program
//! starts itself for each picture, and the child limits its own memory and time before it reads a byte.

use std::io::{self, Read, Write};
use std::process::Command;
use std::time::Duration;

use super::child::{self, Input};
use super::colour;
use super::{NotShown, Picture};
use crate::media::Helpers;

/// The hidden command that a child is started with.
pub const DECODE_HEIC: &str = "decode-heic";

/// More pixels are not decoded.
const MOST_PIXELS: u64 = 100_000_000;
/// What a child may take: a hundred million pixels in four channels, the codec's own planes, and room to spare.
const MOST_MEMORY: u64 = 2 << 30;
const MOST_CPU_SECONDS: u64 = 60;
/// A little longer, for a machine that has other things to do.
const LIMIT: Duration = Duration::from_mins(3);
/// How what a child writes begins; after it width and height, four bytes each, lowest first, and the rows.
const MAGIC: &[u8; 8] = b"keeprgb1";

pub(super) fn read(bytes: &[u8], helpers: &Helpers) -> Result<Picture, NotShown> {
    let own = helpers.own.as_ref().ok_or_else(|| NotShown::for_now("is HEIC, and its decoder cannot be started"))?;
    let mut command = Command::new(own);
    command.arg(DECODE_HEIC);
    child::picture(command, Input::Bytes(bytes), LIMIT, receive)
        .map_err(|_| NotShown::new("is HEIC of a sort that cannot be decoded here, or is broken"))
}

fn receive(from: &mut dyn Read) -> io::Result<Picture> {
    let mut head = [0; 16];
    from.read_exact(&mut head)?;
    let [magic, sizes] = head.as_chunks::<8>().0 else { return Err(io::ErrorKind::InvalidData.into()) };
    let &[width, height] = sizes.as_chunks::<4>().0 else { return Err(io::ErrorKind::InvalidData.into()) };
    let (width, height) = (u32::from_le_bytes(width), u32::from_le_bytes(height));
    let pixels = u64::from(width) * u64::from(height);
    if magic != MAGIC || !(1..=MOST_PIXELS).contains(&pixels) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    colour::from_rows(width, height, |row| from.read_exact(row))
}

/// What the child does: limits itself, decodes the HEIC that it reads, and writes its upright pixels.
///
/// # Errors
/// The picture is none, is too large, or cannot be decoded. What was written until then is no whole picture.
pub fn decode_heic(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<()> {
    limit_this_process()?;
    let mut bytes = Vec::new();
    from.take(256 << 20).read_to_end(&mut bytes)?;
    let (width, height, rgba) = decoded(&bytes)?;
    to.write_all(MAGIC)?;
    to.write_all(&width.to_le_bytes())?;
    to.write_all(&height.to_le_bytes())?;
    let mut row = Vec::new();
    for pixels in rgba.chunks_exact(width as usize * 4) {
        row.clear();
        row.extend(pixels.as_chunks::<4>().0.iter().flat_map(|pixel| colour::on_white(*pixel)));
        to.write_all(&row)?;
    }
    to.flush()
}

fn limit_this_process() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::As, limit(MOST_MEMORY))?;
    setrlimit(Resource::Cpu, limit(MOST_CPU_SECONDS))?;
    setrlimit(Resource::Core, limit(0))?;
    Ok(())
}

#[cfg(feature = "heic")]
fn decoded(bytes: &[u8]) -> io::Result<(u32, u32, Vec<u8>)> {
    let options = heifer::Options { max_threads: 1, max_pixels: MOST_PIXELS };
    // Colours that it cannot convert (those of HDR) are shown as they are stored.
    let image = match heifer::decode_srgb_rgba8(bytes, &options) {
        Err(heifer::Error::Unsupported(_)) => heifer::decode_rgba8(bytes, &options),
        decoded => decoded,
    };
    let image = image.map_err(io::Error::other)?;
    Ok((image.width, image.height, image.data))
}

#[cfg(not(feature = "heic"))]
fn decoded(_bytes: &[u8]) -> io::Result<(u32, u32, Vec<u8>)> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_writes_is_read_and_nonsense_is_refused() {
        let whole = [&MAGIC[..], &2_u32.to_le_bytes(), &1_u32.to_le_bytes(), &[255; 6]].concat();
        let picture = receive(&mut whole.as_slice()).unwrap();
        assert_eq!((picture.width, picture.height, picture.luma.samples.as_slice()), (2, 1, &[255, 255][..]));
        for cut in 0..whole.len() {
            receive(&mut &whole[..cut]).unwrap_err();
        }
        let giant = [&MAGIC[..], &[255; 8]].concat();
        receive(&mut giant.as_slice()).unwrap_err();
        let empty = [&MAGIC[..], &[0; 8]].concat();
        receive(&mut empty.as_slice()).unwrap_err();
    }

    #[test]
    fn without_the_program_it_is_said_why() {
        let why = read(&[], &Helpers::default()).unwrap_err();
        assert!(!why.is_lasting());
        assert_eq!(why.to_string(), "is HEIC, and its decoder cannot be started");
    }
}
