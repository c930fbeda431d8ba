//! One frame of a video, and pictures that only ffmpeg decodes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::child::{self, Input};
use super::{LARGE, NotShown, Picture, colour};

/// A frame of a video of an hour over a slow drive comes in seconds.
const LIMIT: Duration = Duration::from_mins(1);

/// The frame at `at`, or the first one where the file ends before it.
///
/// ffmpeg is started without a shell, may open files and pipes only, and reads the file at its standard input: the file's
/// name is nothing to it.
pub(super) fn frame(file: &File, at: Duration, ffmpeg: &Path) -> Result<Picture, NotShown> {
    let attempts = [at, Duration::ZERO];
    let from = usize::from(at.is_zero());
    let mut frames = attempts.iter().skip(from).map(|at| one_frame(file, *at, ffmpeg));
    let failed = || NotShown::new("gives no picture to ffmpeg: it is broken, or of a sort that it does not know");
    frames.find_map(Result::ok).ok_or_else(failed)
}

fn one_frame(file: &File, at: Duration, ffmpeg: &Path) -> io::Result<Picture> {
    let mut stdin = file.try_clone()?;
    stdin.rewind()?;
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-v", "quiet", "-protocol_whitelist", "file,pipe", "-threads", "1"]);
    if !at.is_zero() {
        command.args(["-ss", &format!("{:.3}", at.as_secs_f64())]);
    }
    let size = format!("scale=w='min({LARGE},iw)':h='min({LARGE},ih)':force_original_aspect_ratio=decrease");
    command.args(["-i", "file:/dev/stdin", "-map", "0:v:0", "-frames:v", "1", "-vf", &size]);
    command.args(["-f", "image2pipe", "-c:v", "ppm", "pipe:1"]);
    child::picture(command, Input::File(stdin), LIMIT, |from| portable_pixmap(&mut BufReader::new(from)))
}

/// Netpbm's P6 with 255 levels.
fn portable_pixmap(from: &mut dyn BufRead) -> io::Result<Picture> {
    let nonsense = || io::Error::from(io::ErrorKind::InvalidData);
    let mut head = Vec::new();
    for _ in 0..3 {
        from.take(64).read_until(b'\n', &mut head)?;
    }
    let head = String::from_utf8(head).map_err(|_| nonsense())?;
    let mut words = head.split_ascii_whitespace();
    if words.next() != Some("P6") {
        return Err(nonsense());
    }
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).ok_or_else(nonsense);
    let (width, height, levels) = (number()?, number()?, number()?);
    let sound = (1..=1 << 14).contains(&width) && (1..=1 << 14).contains(&height) && levels == 255;
    if !sound {
        return Err(nonsense());
    }
    colour::from_rows(width, height, |row| from.read_exact(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixmap_is_read_and_a_broken_one_refused() {
        let whole = [&b"P6\n2 1\n255\n"[..], &[255; 6]].concat();
        let picture = portable_pixmap(&mut whole.as_slice()).unwrap();
        assert_eq!((picture.width, picture.height), (2, 1));
        for cut in 0..whole.len() {
            assert!(portable_pixmap(&mut &whole[..cut]).is_err(), "{cut}");
        }
        assert!(portable_pixmap(&mut &b"P6\n99999 99999\n255\n"[..]).is_err());
    }
}
