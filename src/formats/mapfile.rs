//! GNU ddrescue's mapfile: which bytes of a drive have been read, and which could not be (its manual, "Mapfile structure").
//!
//! Memory is proportional to the number of lines; one change costs the logarithm of that.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::model::Ranges;

/// What is known of a run of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// Nobody has asked for them yet.
    Untried,
    /// A large read of them failed; their edges have not been looked for.
    NonTrimmed,
    /// They lie between two bad sectors; not read sector by sector yet.
    NonScraped,
    /// Read sector by sector, and failed.
    Bad,
    /// Read.
    Finished,
}

impl Status {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Untried, Self::NonTrimmed, Self::NonScraped, Self::Bad, Self::Finished];

    fn letter(self) -> char {
        match self {
            Self::Untried => '?',
            Self::NonTrimmed => '*',
            Self::NonScraped => '/',
            Self::Bad => '-',
            Self::Finished => '+',
        }
    }

    fn of(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| letter.chars().eq([status.letter()]))
    }
}

/// What was being done when the map was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// Reading what nobody has asked for yet.
    Copying,
    /// Looking for the edges of what failed.
    Trimming,
    /// Reading sector by sector.
    Scraping,
    /// Trying bad sectors again.
    Retrying,
    /// Writing into the holes (`ddrescue --fill-mode`).
    Filling,
    /// Making up a map from an image (`ddrescue --generate-mode`).
    Generating,
    /// All done.
    Finished,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::Copying,
        Self::Trimming,
        Self::Scraping,
        Self::Retrying,
        Self::Filling,
        Self::Generating,
        Self::Finished,
    ];

    fn letter(self) -> char {
        match self {
            Self::Copying => '?',
            Self::Trimming => '*',
            Self::Scraping => '/',
            Self::Retrying => '-',
            Self::Filling => 'F',
            Self::Generating => 'G',
            Self::Finished => '+',
        }
    }
}

/// Where the work stood when the map was written: the line before the blocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Current {
    /// The byte that was next.
    pub at: u64,
    /// What was being done.
    pub phase: Phase,
    /// For which time, counted from 1.
    pub pass: u32,
}

/// What is known of every byte of a drive: runs that cover all of it, in order, no two neighbours alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Map {
    /// Where the work stands.
    pub current: Current,
    /// Where each run begins; it reaches to the next one, the last to `size`.
    starts: BTreeMap<u64, Status>,
    size: u64,
}

/// Why a text is no mapfile.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct MapError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: &'static str,
}

impl Map {
    /// A drive of `size` bytes that nobody has read from yet.
    pub fn new(size: u64) -> Self {
        let current = Current { at: 0, phase: Phase::Copying, pass: 1 };
        Self { current, starts: BTreeMap::from([(0, Status::Untried)]), size }
    }

    /// The map by which ddrescue reads `extents` and nothing else (`--domain-mapfile`).
    pub fn domain(extents: &Ranges) -> Self {
        let mut map = Self::new(extents.iter().next_back().map_or(0, |last| last.end));
        for extent in extents.iter() {
            map.set(extent, Status::Finished);
        }
        map.current.phase = Phase::Finished;
        map
    }

    /// Reads a mapfile. Comments are left out; what lies between two blocks counts as untried (`ddrescue --loose-domain`); a missing
    /// number of the pass counts as 1, as in the maps of ddrescue before 1.20.
    ///
    /// # Errors
    /// On the first line that is neither; on blocks that are not in order.
    pub fn parse(text: &str) -> Result<Self, MapError> {
        let mut current = None;
        let mut map = Self { starts: BTreeMap::new(), ..Self::new(0) };
        for (index, content) in text.lines().enumerate() {
            let wrong = |why| MapError { line: index + 1, why };
            let words: Vec<&str> = content.split('#').next().unwrap_or_default().split_whitespace().take(4).collect();
            match (&current, words.as_slice()) {
                (_, []) => {}
                (None, [at, phase, pass @ ..]) if pass.len() <= 1 => {
                    let phase = Phase::ALL.into_iter().find(|one| phase.chars().eq([one.letter()]));
                    current = Some(Current {
                        at: number(at).ok_or_else(|| wrong("no number stands where the current position should be"))?,
                        phase: phase.ok_or_else(|| wrong("the current status is none that there is"))?,
                        pass: pass
                            .first()
                            .map_or(Some(1), |pass| u32::try_from(number(pass)?).ok())
                            .ok_or_else(|| wrong("no number stands where the current pass should be"))?,
                    });
                }
                (Some(_), [at, length, status]) => {
                    let start = number(at).ok_or_else(|| wrong("no number stands where the position should be"))?;
                    let length = number(length).ok_or_else(|| wrong("no number stands where the size should be"))?;
                    let status = Status::of(status).ok_or_else(|| wrong("the status is none that there is"))?;
                    let end = start.checked_add(length).filter(|end| i64::try_from(*end).is_ok());
                    let end = end.ok_or_else(|| wrong("the block ends behind the largest drive there can be"))?;
                    if length == 0 {
                        return Err(wrong("the block is empty"));
                    }
                    if start < map.size {
                        return Err(wrong("the block overlaps the one before it"));
                    }
                    if start > map.size {
                        map.append(start, Status::Untried);
                    }
                    map.append(end, status);
                }
                (None, _) => return Err(wrong("this should be the current position, status and pass")),
                (Some(_), _) => return Err(wrong("this should be a position, a size and a status")),
            }
        }
        map.current = current.ok_or(MapError { line: text.lines().count().max(1), why: "the map has no blocks" })?;
        map.starts.entry(0).or_insert(Status::Untried);
        Ok(map)
    }

    /// Bytes of the drive that it is the map of.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Makes it the map of a drive of `size` bytes: what is new is untried, what lies behind is forgotten.
    pub fn resize(&mut self, size: u64) {
        if size > self.size {
            self.append(size, Status::Untried);
        } else {
            self.starts.split_off(&size.max(1));
            self.size = size;
        }
    }

    /// Notes what is known of `range` now; what of it lies behind the end is left out.
    pub fn set(&mut self, range: Range<u64>, status: Status) {
        let range = range.start..range.end.min(self.size);
        if range.is_empty() {
            return;
        }
        let after = self.at(range.end);
        let before = range.start.checked_sub(1).and_then(|before| self.at(before));
        let inside: Vec<u64> = self.starts.range(range.clone()).map(|(start, _)| *start).collect();
        for start in inside {
            self.starts.remove(&start);
        }
        if before != Some(status) {
            self.starts.insert(range.start, status);
        }
        match after {
            Some(after) if after == status => {
                self.starts.remove(&range.end);
            }
            Some(after) => {
                self.starts.insert(range.end, after);
            }
            None => {}
        }
    }

    /// What is known of the byte at `at`; `None` behind the end.
    pub fn at(&self, at: u64) -> Option<Status> {
        let (_, status) = self.starts.range(..=at).next_back().filter(|_| at < self.size)?;
        Some(*status)
    }

    /// The runs, in order.
    pub fn runs(&self) -> impl Iterator<Item = (Range<u64>, Status)> + '_ {
        self.within(0..self.size)
    }

    /// The parts of `range` with what is known of each, in order.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, Status)> + '_ {
        let range = range.start..range.end.min(self.size).max(range.start);
        let first = self.starts.range(..=range.start).next_back().map_or(0, |(start, _)| *start);
        let from = if range.is_empty() { range.end } else { first };
        let ends = self.starts.range(from.saturating_add(1)..).map(|(start, _)| *start).chain([self.size]);
        self.starts.range(from..range.end).zip(ends).map(move |((start, status), end)| {
            let (start, end) = ((*start).max(range.start), end.min(range.end));
            (start..end, *status)
        })
    }

    /// All bytes of which this is known.
    pub fn ranges(&self, status: Status) -> Ranges {
        self.runs().filter(|(_, known)| *known == status).map(|(range, _)| range).collect()
    }

    /// Adds a run at the end.
    fn append(&mut self, end: u64, status: Status) {
        let alike = self.starts.last_key_value().is_some_and(|(_, last)| *last == status) && self.size > 0;
        if !alike {
            self.starts.insert(self.size, status);
        }
        self.size = end;
    }
}

/// Writes what ddrescue reads.
impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Current { at, phase, pass } = self.current;
        writeln!(f, "# Mapfile. Created by Keepsake")?;
        writeln!(f, "# current_pos  current_status  current_pass")?;
        writeln!(f, "{at:#010x}     {}               {pass}", phase.letter())?;
        writeln!(f, "#      pos        size  status")?;
        for (range, status) in self.runs() {
            writeln!(f, "{:#010x}  {:#010x}  {}", range.start, range.end - range.start, status.letter())?;
        }
        Ok(())
    }
}

/// A number as C writes it: decimal, `0x…`, octal with a zero in front.
fn number(word: &str) -> Option<u64> {
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if word.len() > 1 && word.starts_with('0') => (word, 8),
        None => (word, 10),
    };
    // The sign that from_str_radix takes is none of a position.
    u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As ddrescue 1.27 wrote it.
    const STOCK: &str = "\
# Mapfile. Created by GNU ddrescue version 1.27
# Command line: ddrescue -n /dev/sdz image map
# Start time:   2026-11-22 09:37:44
# current_pos  current_status  current_pass
0x00120000     *               2
#      pos        size  status
0x00000000  0x00117000  +
0x00117000  0x00000200  -
0x00117200  0x00001000  /
0x00118200  0x00007E00  *
0x00120000  0x00048000  ?
";

    #[test]
    fn a_map_of_ddrescue_is_read() {
        let map = Map::parse(STOCK).unwrap();
        assert_eq!(map.current, Current { at: 0x12_0000, phase: Phase::Trimming, pass: 2 });
        assert_eq!(map.size(), 0x16_8000);
        assert_eq!(map.at(0x11_7000), Some(Status::Bad));
        assert_eq!(map.at(0x11_71ff), Some(Status::Bad));
        assert_eq!(map.at(0x11_7200), Some(Status::NonScraped));
        assert_eq!(map.at(0x16_8000), None);
        let lengths: Vec<u64> = Status::ALL.iter().map(|status| map.ranges(*status).bytes()).collect();
        assert_eq!(lengths, [0x4_8000, 0x7e00, 0x1000, 0x200, 0x11_7000]);
        assert_eq!(Map::parse(&map.to_string()), Ok(map));
    }

    #[test]
    fn old_and_loose_maps_are_read_and_what_is_missing_is_untried() {
        let map = Map::parse("# nothing\n010 ?\n\n  512 0512 +  # here\n0x600 0x10 -\n").unwrap();
        assert_eq!(map.current, Current { at: 8, phase: Phase::Copying, pass: 1 });
        let runs: Vec<_> = map.runs().collect();
        assert_eq!(
            runs,
            [
                (0..512, Status::Untried),
                (512..842, Status::Finished),
                (842..0x600, Status::Untried),
                (0x600..0x610, Status::Bad)
            ]
        );
    }

    #[test]
    fn what_is_no_map_is_refused_with_its_line() {
        let line = |text: &str| Map::parse(text).unwrap_err().line;
        assert_eq!(line(""), 1);
        assert_eq!(line("# only\n# comments\n"), 2);
        assert_eq!(line("0 ? 1\n0 0x200 +\n0x100 0x200 -\n"), 3);
        assert_eq!(line("0 ? 1\n0 0x200 x\n"), 2);
        assert_eq!(line("0 ? 1\n0 0x200 ++\n"), 2);
        assert_eq!(line("0 ? 1\n0 0x0 +\n"), 2);
        assert_eq!(line("0 ? 1\n-1 0x10 +\n"), 2);
        assert_eq!(line("0 ? 1\n0x7fffffffffffffff 0x10 +\n"), 2);
        assert_eq!(line("0 ? 1\n0x10 0xffffffffffffffff +\n"), 2);
        assert_eq!(line("0 ? 1\n0 0x10\n"), 2);
        assert_eq!(line("0x0 0x200 +\n"), 1);
        assert_eq!(line("\u{0}\u{1}PNG"), 1);
    }

    #[test]
    fn a_map_takes_the_size_of_its_drive() {
        let mut map = Map::parse("0 ? 1\n0 100 +\n").unwrap();
        map.resize(150);
        assert_eq!(map.ranges(Status::Untried).to_string(), "100+50");
        map.resize(40);
        assert_eq!(map.ranges(Status::Finished).to_string(), "0+40");
        assert_eq!(map.size(), 40);
        map.resize(0);
        assert_eq!(map.runs().count(), 0);
        map.resize(9);
        map.set(0..9, Status::Bad);
        assert_eq!(map.runs().collect::<Vec<_>>(), [(0..9, Status::Bad)]);
    }

    #[test]
    fn a_domain_names_what_is_wanted_and_nothing_else() {
        let map = Map::domain(&[512..1024, 4096..8192].into_iter().collect());
        assert_eq!(map.ranges(Status::Finished).to_string(), "512+512, 4096+4096");
        assert_eq!(map.size(), 8192);
        assert_eq!(Map::domain(&Ranges::new()).size(), 0);
    }

    /// One status for each of 48 bytes, and the map that says the same.
    fn agree(map: &Map, bytes: &[Status]) -> Result<(), TestCaseError> {
        let told: Vec<Status> = (0..bytes.len() as u64).filter_map(|at| map.at(at)).collect();
        prop_assert_eq!(&told, bytes);
        let runs: Vec<_> = map.runs().collect();
        prop_assert_eq!(runs.iter().map(|(range, _)| range.end - range.start).sum::<u64>(), bytes.len() as u64);
        for (one, next) in runs.iter().zip(runs.iter().skip(1)) {
            prop_assert!(one.0.end == next.0.start && one.1 != next.1, "{:?}", runs);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_map_knows_each_byte_as_a_list_of_bytes_would(steps in prop::collection::vec((0..5_usize, 0..48_u64, 0..30_u64), 0..40)) {
            let mut map = Map::new(48);
            let mut bytes = vec![Status::Untried; 48];
            for (status, start, length) in steps {
                map.set(start..start + length, Status::ALL[status]);
                for at in start..(start + length).min(48) {
                    bytes[usize::try_from(at).unwrap()] = Status::ALL[status];
                }
                agree(&map, &bytes)?;
                let part: Vec<_> = map.within(start..start + length).collect();
                prop_assert_eq!(part.iter().map(|(range, _)| range.end - range.start).sum::<u64>(), length.min(48 - start));
                prop_assert!(part.iter().all(|(range, status)| range.clone().all(|at| map.at(at) == Some(*status))));
            }
            prop_assert_eq!(Map::parse(&map.to_string()), Ok(map));
        }

        #[test]
        fn no_text_stops_the_reader(text in "([0-9x?*/+# -]{0,12}[ \n]){0,20}") {
            if let Ok(map) = Map::parse(&text) {
                prop_assert_eq!(Map::parse(&map.to_string()).map(|again| again.size()), Ok(map.size()));
            }
        }
    }
}
