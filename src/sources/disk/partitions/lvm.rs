//! LVM2: what a physical volume says of its group, and the volumes of it that lie in one piece after the other (lvm.conf's language;
//! `lib/format_text` in LVM2's source names the fields).
//!
//! The text is at most 1 MiB long and eight groups deep.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::formats::numbers::{le32, le64};
use crate::sources::medium::{Medium, MediumError, read_vec};

/// A physical volume, as far as it can be read.
pub(super) struct Physical {
    /// Without the dashes.
    pub(super) id: String,
    /// What all volumes of the group are, where the volume has the text that says so.
    pub(super) group: Option<Group>,
}

/// A group of volumes.
pub(super) struct Group {
    pub(super) name: String,
    /// Grows with each change: the highest counts.
    pub(super) number: u64,
    /// How many physical volumes it consists of.
    pub(super) members: usize,
    pub(super) volumes: Vec<Logical>,
}

/// A logical volume.
pub(super) struct Logical {
    pub(super) name: String,
    /// Its pieces in order; `None` where they are striped, mirrored or otherwise not one after the other.
    pub(super) pieces: Option<Vec<Piece>>,
}

/// A piece of a logical volume; bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// The physical volume that it lies on.
    pub(super) on: String,
    pub(super) range: Range<u64>,
}

const SECTOR: u64 = 512;
const LONGEST_TEXT: u64 = 1 << 20;
const DEEPEST: usize = 8;
const MOST_VOLUMES: usize = 256;
const MOST_PIECES: usize = 10_000;

/// Reads the label of a physical volume and the text that it leads to.
pub(super) fn read(medium: &dyn Medium) -> Result<Option<Physical>, MediumError> {
    let (head, _) = read_vec(medium, 0, 2048)?;
    let found = head.chunks_exact(512).zip(0_u64..).find(|(sector, _)| sector.starts_with(b"LABELONE"));
    let Some((label, index)) = found else { return Ok(None) };
    let at = index * SECTOR + u64::from(le32(label, 20).unwrap_or(32).min(480));
    let (volume, holes) = read_vec(medium, at, 512)?;
    let Some(id) = volume.get(..32).filter(|_| holes.is_empty()) else { return Ok(None) };
    let id = String::from_utf8_lossy(id).into_owned();
    // Where data lies, then a zero; where texts lie, then a zero.
    let pairs: Vec<(u64, u64)> =
        (0..26).map_while(|pair| le64(&volume, 40 + pair * 16).zip(le64(&volume, 48 + pair * 16))).collect();
    let mut lists = pairs.split(|(start, _)| *start == 0);
    let texts = lists.nth(1).unwrap_or_default();
    let mut group: Option<Group> = None;
    for (start, _) in texts {
        let newer = text(medium, *start)?.and_then(|text| understand(&text));
        if newer.as_ref().is_some_and(|newer| group.as_ref().is_none_or(|group| newer.number > group.number)) {
            group = newer;
        }
    }
    Ok(Some(Physical { id, group }))
}

/// The text of the group in force, out of the ring that begins at `start`.
fn text(medium: &dyn Medium, start: u64) -> Result<Option<String>, MediumError> {
    let (head, holes) = read_vec(medium, start, 512)?;
    if !holes.is_empty() || head.get(4..20) != Some(b" LVM2 x[5A%r0N*>") {
        return Ok(None);
    }
    let (Some(ring), Some(offset), Some(length)) = (le64(&head, 32), le64(&head, 40), le64(&head, 48)) else {
        return Ok(None);
    };
    if offset < SECTOR || offset >= ring || length == 0 || length > LONGEST_TEXT || length > ring {
        return Ok(None);
    }
    let first = length.min(ring - offset);
    let (mut bytes, mut holes) = read_vec(medium, start.saturating_add(offset), usize::try_from(first).unwrap_or(0))?;
    if first < length {
        let (rest, more) =
            read_vec(medium, start.saturating_add(SECTOR), usize::try_from(length - first).unwrap_or(0))?;
        bytes.extend(rest);
        holes.extend(more.iter());
    }
    Ok(holes.is_empty().then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

fn understand(text: &str) -> Option<Group> {
    let mut words = Words(text);
    let top = Section::read(&mut words, 0)?;
    let (name, group) = top.sections.iter().next()?;
    let extent = group.number("extent_size")?.checked_mul(SECTOR)?;
    let mut volumes = BTreeMap::new();
    let physical = group.sections.get("physical_volumes")?;
    for (name, volume) in &physical.sections {
        let id = volume.texts("id").next()?.replace('-', "");
        volumes.insert(name.as_str(), (id, volume.number("pe_start")?.checked_mul(SECTOR)?));
    }
    let none = Section::default();
    let logical = group.sections.get("logical_volumes").unwrap_or(&none);
    let volumes = logical
        .sections
        .iter()
        .take(MOST_VOLUMES)
        .map(|(name, volume)| Logical { name: name.clone(), pieces: pieces(volume, extent, &volumes) });
    Some(Group {
        name: name.clone(),
        number: group.number("seqno").unwrap_or(0),
        members: physical.sections.len(),
        volumes: volumes.collect(),
    })
}

fn pieces(volume: &Section, extent: u64, physical: &BTreeMap<&str, (String, u64)>) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    for segment in volume.sections.values().take(MOST_PIECES) {
        // Linear is written as striped over one.
        let is_plain = segment.texts("type").eq(["striped"]) && segment.number("stripe_count") == Some(1);
        let (first, count) = (segment.number("start_extent")?, segment.number("extent_count")?);
        let on = segment.texts("stripes").next().filter(|_| is_plain)?;
        let (id, data_at) = physical.get(on)?;
        let from = data_at.checked_add(segment.number("stripes")?.checked_mul(extent)?)?;
        let range = from..from.checked_add(count.checked_mul(extent)?)?;
        pieces.push((first, Piece { on: id.clone(), range }));
    }
    pieces.sort_by_key(|(first, _)| *first);
    let mut next = 0;
    for (first, piece) in &pieces {
        if first.checked_mul(extent)? != next {
            return None;
        }
        next = next.checked_add(piece.range.end - piece.range.start)?;
    }
    (next > 0).then(|| pieces.into_iter().map(|(_, piece)| piece).collect())
}

/// `name { … }` and `name = value`.
#[derive(Default)]
struct Section {
    sections: BTreeMap<String, Section>,
    values: BTreeMap<String, Vec<Word>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Word {
    Name(String),
    Text(String),
    Number(u64),
    Sign(char),
}

impl Section {
    fn read(words: &mut Words<'_>, depth: usize) -> Option<Self> {
        let mut section = Self::default();
        loop {
            let name = match words.next() {
                None => return Some(section).filter(|_| depth == 0),
                Some(Word::Sign('}')) => return Some(section).filter(|_| depth > 0),
                Some(Word::Name(name)) => name,
                Some(Word::Text(_) | Word::Number(_) | Word::Sign(_)) => return None,
            };
            match words.next()? {
                Word::Sign('{') if depth < DEEPEST => {
                    section.sections.insert(name, Self::read(words, depth + 1)?);
                }
                Word::Sign('=') => {
                    section.values.insert(name, value(words)?);
                }
                Word::Sign(_) | Word::Name(_) | Word::Text(_) | Word::Number(_) => return None,
            }
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.values
            .get(name)?
            .iter()
            .find_map(|word| if let Word::Number(number) = word { Some(*number) } else { None })
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let words = self.values.get(name).map(Vec::as_slice).unwrap_or_default();
        words.iter().filter_map(|word| if let Word::Text(text) = word { Some(text.as_str()) } else { None })
    }
}

/// A single word, or what stands between brackets.
fn value(words: &mut Words<'_>) -> Option<Vec<Word>> {
    match words.next()? {
        Word::Sign('[') => {
            let mut list = Vec::new();
            loop {
                match words.next()? {
                    Word::Sign(']') => return Some(list),
                    Word::Sign(',') => {}
                    word @ (Word::Name(_) | Word::Text(_) | Word::Number(_)) => list.push(word),
                    Word::Sign(_) => return None,
                }
            }
        }
        Word::Sign(_) => None,
        word @ (Word::Name(_) | Word::Text(_) | Word::Number(_)) => Some(vec![word]),
    }
}

struct Words<'a>(&'a str);

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        loop {
            self.0 = self.0.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\0');
            match self.0.strip_prefix('#') {
                Some(comment) => self.0 = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => break,
            }
        }
        let first = self.0.chars().next()?;
        if first == '"' {
            let text = self.0.get(1..)?;
            // A quote inside a text has a backslash before it.
            let is_end = |at: &usize| !text.get(..*at).is_some_and(|before| before.ends_with('\\'));
            let end = text.match_indices('"').map(|(at, _)| at).find(is_end)?;
            self.0 = text.get(end + 1..)?;
            return Some(Word::Text(text.get(..end)?.to_owned()));
        }
        let is_letter = |letter: char| letter.is_alphanumeric() || "_-.+".contains(letter);
        let end = self.0.find(|letter| !is_letter(letter)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(if end == 0 { first.len_utf8() } else { end });
        self.0 = rest;
        Some(match word.parse() {
            Ok(number) => Word::Number(number),
            Err(_) if end == 0 => Word::Sign(first),
            Err(_) => Word::Name(word.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
old-disk {
id = "abc-def"
seqno = 7
description = "lvcreate -n \"a b\" {"
status = ["RESIZEABLE", "READ", "WRITE"]
extent_size = 8192 # 4 Megabytes
physical_volumes {
pv0 {
id = "Zq6nmc-k4Bp-NfFC"
pe_start = 2048
pe_count = 100
}
}
logical_volumes {
photos {
id = "x"
segment_count = 2
segment2 {
start_extent = 10
extent_count = 5
type = "striped"
stripe_count = 1 # linear
stripes = [
"pv0", 40
]
}
segment1 {
start_extent = 0
extent_count = 10
type = "striped"
stripe_count = 1
stripes = ["pv0", 3]
}
}
fast {
segment1 {
start_extent = 0
extent_count = 10
type = "striped"
stripe_count = 2
stripes = ["pv0", 3, "pv1", 4]
}
}
}
}
# Generated by LVM2
contents = "Text Format Volume Group"
version = 1
"#;

    #[test]
    fn the_pieces_of_a_plain_volume_are_put_in_order() {
        let group = understand(TEXT).unwrap();
        assert_eq!((group.name.as_str(), group.number, group.members), ("old-disk", 7, 1));
        let (fast, photos) = (&group.volumes[0], &group.volumes[1]);
        assert_eq!(fast.pieces, None);
        let extent = 8192 * 512;
        let at = |first: u64, count: u64| 1_048_576 + first * extent..1_048_576 + (first + count) * extent;
        let on = || "Zq6nmck4BpNfFC".to_owned();
        let pieces = [Piece { on: on(), range: at(3, 10) }, Piece { on: on(), range: at(40, 5) }];
        assert_eq!(photos.pieces.as_deref(), Some(&pieces[..]));
    }

    #[test]
    fn no_text_stops_the_reader() {
        for end in 0..TEXT.len() {
            let _group = understand(&TEXT[..end]);
            let _group = understand(&TEXT.replacen(char::is_numeric, "99999999999999999999", end / 20));
        }
        assert!(understand(&"a {".repeat(100_000)).is_none());
        assert!(understand("a = [ [ [").is_none());
    }
}
