//! An image that was cut into parts: `card.001`, `card.002`; `card.aa`, `card.ab`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sources::medium::joined::{Joined, Piece};
use crate::sources::medium::raw::open_part;
use crate::sources::medium::rescue::{How, Rescuer};

/// A part of an image.
pub(super) struct Part {
    path: PathBuf,
    /// Bytes; `None` when it is not there.
    pub(super) length: Option<u64>,
}

impl Part {
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// No image was ever cut into more.
const MOST_PARTS: u64 = 20_000;

/// All parts, in order, of the image whose first one is at `path`; `None` when it is no part of one. Says why when it is a later part.
pub(super) fn parts(path: &Path) -> Result<Option<Vec<Part>>, String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((stem, ending)) = name.rsplit_once('.') else { return Ok(None) };
    let Some((scheme, number)) = Scheme::of(ending) else { return Ok(None) };
    let at = |number: u64| path.with_file_name(format!("{stem}.{}", scheme.ending(number)));
    let length = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len());
    let is_first = number == 0 || (number == 1 && scheme.has_digits() && length(&at(0)).is_none());
    if !is_first {
        // A single file may bear any number.
        let first = [at(0), at(1)].into_iter().find(|first| length(first).is_some() && first != path);
        return match first {
            Some(first) => Err(format!("it is a part of an image that begins with {}: name that one", first.display())),
            None => Ok(None),
        };
    }
    // A name far off belongs to something else: at least half of the parts are there.
    let mut found = numbers_beside(path, stem, scheme);
    found.retain(|found| (number..=MOST_PARTS).contains(found));
    found.sort_unstable();
    let counted = found.iter().zip(1_u64..).filter(|(last, count)| count * 2 > **last - number);
    let last = counted.map(|(last, _)| *last).max().unwrap_or(number);
    if last == number {
        return Ok(None);
    }
    let part = |number| {
        let path = at(number);
        Part { length: length(&path), path }
    };
    Ok(Some((number..=last).map(part).collect()))
}

/// The parts as one. What is missing counts as long as the first part, which is as long as each but the last.
pub(super) fn join(parts: &[Part], how: &How) -> io::Result<Joined> {
    let usual = parts.first().and_then(|first| first.length).unwrap_or(0);
    let mut pieces = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let Some(length) = part.length else {
            pieces.push((usual, Piece::Missing));
            continue;
        };
        let raw = open_part(&part.path, index)?;
        pieces.push((length, Piece::Of(Arc::new(Rescuer::new(raw, how.clone())), 0)));
        let is_last = parts.last().is_some_and(|last| last.path == part.path);
        if length < usual && !is_last {
            // It was cut off; those behind it keep their places.
            pieces.push((usual - length, Piece::Missing));
        }
    }
    Ok(Joined::new(pieces))
}

fn numbers_beside(path: &Path, stem: &str, scheme: Scheme) -> Vec<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let number = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let ending = name.to_str()?.strip_prefix(stem)?.strip_prefix('.')?;
        Scheme::of(ending).filter(|(found, _)| *found == scheme).map(|(_, number)| number)
    };
    entries.flatten().filter_map(number).collect()
}

/// How parts are numbered: digits or letters, and how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scheme {
    /// `001`.
    Digits(usize),
    /// `aa`, as split(1) does.
    Letters(usize),
}

impl Scheme {
    fn of(ending: &str) -> Option<(Self, u64)> {
        let length = ending.len();
        if (2..=5).contains(&length) && ending.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some((Self::Digits(length), ending.parse().ok()?));
        }
        if (2..=3).contains(&length) && ending.bytes().all(|byte| byte.is_ascii_lowercase()) {
            let number = ending.bytes().fold(0, |number, byte| number * 26 + u64::from(byte - b'a'));
            return Some((Self::Letters(length), number));
        }
        None
    }

    fn has_digits(self) -> bool {
        matches!(self, Self::Digits(_))
    }

    fn ending(self, number: u64) -> String {
        match self {
            Self::Digits(length) => format!("{number:0length$}"),
            Self::Letters(length) => {
                let digit = |place: usize| number / 26_u64.pow(u32::try_from(place).unwrap_or(0)) % 26;
                (0..length).rev().map(|place| char::from(b'a' + u8::try_from(digit(place)).unwrap_or(0))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::medium::{Medium as _, read_vec};

    fn folder(names: &[&str]) -> tempfile::TempDir {
        #[allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
        let folder = tempfile::tempdir().unwrap();
        for (index, name) in names.iter().enumerate() {
            #[allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test may lose it")]
            fs::write(folder.path().join(name), [u8::try_from(index).unwrap_or(0) + 1; 10]).unwrap();
        }
        folder
    }

    fn lengths(folder: &Path, name: &str) -> Option<Vec<Option<u64>>> {
        let parts = parts(&folder.join(name)).ok()??;
        Some(parts.iter().map(|part| part.length).collect())
    }

    #[test]
    fn parts_are_found_however_they_are_numbered() {
        for names in [
            ["a.000", "a.001", "a.002"],
            ["a.001", "a.002", "a.003"],
            ["a.aa", "a.ab", "a.ac"],
            ["a.00", "a.01", "a.02"],
        ] {
            let folder = folder(&names);
            assert_eq!(lengths(folder.path(), names[0]), Some(vec![Some(10); 3]));
            assert!(parts(&folder.path().join(names[2])).is_err());
        }
    }

    #[test]
    fn a_part_that_is_missing_is_a_hole_as_long_as_the_first() {
        let folder = folder(&["a.001", "a.002", "a.004"]);
        let parts = parts(&folder.path().join("a.001")).unwrap().unwrap();
        assert_eq!(parts[2].name(), "a.003");
        let joined = join(&parts, &How::default()).unwrap();
        assert_eq!(joined.size(), 40);
        let (bytes, holes) = read_vec(&joined, 5, 30).unwrap();
        assert_eq!(holes.to_string(), "20+10");
        assert_eq!((bytes[0], bytes[5], bytes[15], bytes[25]), (1, 2, 0, 3));
    }

    #[test]
    fn an_image_of_more_parts_than_may_be_open_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let open_files = || fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        for number in 0..600_u32 {
            #[allow(clippy::disallowed_methods, reason = "a test may lose it")]
            fs::write(folder.path().join(format!("a.{number:03}")), number.to_le_bytes()).unwrap();
        }
        let before = open_files();
        let parts = parts(&folder.path().join("a.000")).unwrap().unwrap();
        let joined = join(&parts, &How::default()).unwrap();
        let (bytes, holes) = read_vec(&joined, 0, 2400).unwrap();
        assert!(holes.is_empty());
        assert!(bytes.chunks_exact(4).zip(0_u32..).all(|(part, number)| part == number.to_le_bytes()));
        // Other tests open files at the same time, but not that many.
        assert!(open_files() < before + 400);
    }

    #[test]
    fn a_file_that_only_looks_like_a_part_is_one_by_itself() {
        let folder = folder(&["a.001", "b.img", "c.2003", "d.jpg", "e.ab", "f.aa", "f.zz", "f.txt"]);
        for name in ["a.001", "b.img", "c.2003", "d.jpg", "e.ab", "f.aa"] {
            assert_eq!(lengths(folder.path(), name), None, "{name}");
            assert!(parts(&folder.path().join(name)).is_ok());
        }
    }
}
