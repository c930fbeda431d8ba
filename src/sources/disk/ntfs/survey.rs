//! The first reading of the table of files: what is needed to make sense of each record later.
//!
//! Memory: the folders, the attributes of files that have several records (as many bytes as they have in the table),
//! and 16 bytes for each stretch of taken clusters.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use super::FIRST_FILE;
use super::attribute::{Attribute, DATA, FILE_NAME, Name, REPARSE_POINT, Reference, STANDARD_INFORMATION};
use super::bitmap::Bitmap;
use super::boot::LOST;
use super::content::pieces;
use super::folders::{Folders, after};
use super::record::{NoRecord, Record};
use super::table::Table;
use crate::model::Ranges;
use crate::sources::medium::MediumError;

/// What is known of a volume once its table has been read from end to end.
pub(super) struct Survey {
    pub(super) folders: Folders,
    pub(super) bitmap: Bitmap,
    /// What living records say is theirs, whatever the bitmap says; positions on the medium.
    pub(super) claimed: Ranges,
    /// Records that cannot be read, and were in use as far as can be told; by their numbers.
    pub(super) lost: Ranges,
    pub(super) lost_files: u64,
    /// Whether all that living records say is known: none is lost, and none ends before its time.
    pub(super) is_complete: bool,
    outside: HashMap<u64, Vec<Outside>>,
}

/// An attribute of a file that lies in another record than the file's own.
struct Outside {
    base_sequence: u16,
    is_living: bool,
    bytes: Box<[u8]>,
}

impl Survey {
    /// Reads the whole table, and the bitmap.
    pub(super) fn take(table: &Table) -> Result<Self, MediumError> {
        let mut outside: HashMap<u64, Vec<Outside>> = HashMap::new();
        let mut folders = Folders::default();
        // Folders whose name is in another record, which may come later.
        let mut nameless: Vec<(Reference, bool)> = Vec::new();
        let mut claims = Claims::default();
        let mut is_complete = true;
        let (mut lost, mut blank) = (Ranges::new(), Ranges::new());
        let done = table.each(0..u64::MAX, |number, record| {
            match record {
                // The volume's own books: whatever is needed of them is looked for by itself.
                Err(_) if number < FIRST_FILE => {}
                Err(NoRecord::Lost) => lost.insert(number..number + 1),
                Err(NoRecord::Blank) => blank.insert(number..number + 1),
                Ok(record) => {
                    if record.is_in_use() {
                        claims.add(&record, table);
                        is_complete &= !record.is_torn;
                    }
                    if let Some(base) = record.base() {
                        keep_outside(&mut outside, base, &record);
                    } else if record.is_folder() {
                        let at = Reference { number, sequence: record.sequence() };
                        match best_name(record.attributes()) {
                            Some(name) => folders.insert(at, record.is_in_use(), name),
                            None => nameless.push((at, record.is_in_use())),
                        }
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        // Nothing here ends the reading early.
        debug_assert!(done.is_continue());
        let bitmap = Bitmap::read(table)?;
        let mut survey = Self { folders, bitmap, claimed: claims.finish(), lost, lost_files: 0, is_complete, outside };
        for (at, is_living) in nameless {
            if let Some(name) = best_name(survey.outside(at, is_living)) {
                survey.folders.insert(at, is_living, name);
            }
        }
        survey.count_lost(table, &blank)?;
        survey.is_complete &= survey.lost_files == 0;
        Ok(survey)
    }

    /// Attributes of a file that are in other records than its own.
    pub(super) fn outside(&self, at: Reference, is_living: bool) -> impl Iterator<Item = Attribute<'_>> {
        let all = self.outside.get(&at.number).map(Vec::as_slice).unwrap_or_default();
        let mine = all.iter().filter(move |one| {
            // Freeing a record counts it on by one, and leaves the others that named it as they were.
            let answers = one.base_sequence == at.sequence || !is_living && after(one.base_sequence) == at.sequence;
            answers && one.is_living == is_living
        });
        mine.filter_map(|one| Attribute::read(&one.bytes))
    }

    /// Whether a living file has any of `range`, as far as anything tells.
    pub(super) fn is_taken(&self, range: Range<u64>) -> bool {
        let inside = range.start..range.end.min(self.bitmap.end);
        let not_taken =
            self.bitmap.free.within(inside.clone()).bytes() + self.bitmap.unknown.within(inside.clone()).bytes();
        self.claimed.meets(range) || not_taken < inside.end.saturating_sub(inside.start)
    }

    /// Records that are nothing but zeros have been lost where they were in use: an image has zeros where the drive
    /// could not be read.
    fn count_lost(&mut self, table: &Table, blank: &Ranges) -> Result<(), MediumError> {
        for range in blank.iter() {
            let in_use = table.in_use(range.clone())?.unwrap_or(0);
            if in_use > 0 {
                self.lost.insert(range);
                self.lost_files += in_use;
            }
        }
        let unreadable: Vec<_> = self.lost.iter().filter(|range| !blank.meets(range.clone())).collect();
        for range in unreadable {
            self.lost_files += table.in_use(range.clone())?.unwrap_or(range.end - range.start);
        }
        Ok(())
    }
}

/// The name of a file: the first long one, else a short one.
pub(super) fn best_name<'a>(attributes: impl Iterator<Item = Attribute<'a>>) -> Option<Name> {
    let mut best = None;
    for attribute in attributes.filter(|attribute| attribute.kind == FILE_NAME) {
        let Some(name) = attribute.value().and_then(Name::read) else { continue };
        if !name.is_short {
            return Some(name);
        }
        best.get_or_insert(name);
    }
    best
}

fn keep_outside(outside: &mut HashMap<u64, Vec<Outside>>, base: Reference, record: &Record<'_>) {
    for attribute in record.attributes() {
        let is_ours = matches!(attribute.kind, STANDARD_INFORMATION | FILE_NAME | REPARSE_POINT)
            || attribute.kind == DATA && !attribute.is_named;
        if is_ours {
            let kept =
                Outside { base_sequence: base.sequence, is_living: record.is_in_use(), bytes: attribute.bytes.into() };
            outside.entry(base.number).or_default().push(kept);
        }
    }
}

/// Stretches of taken clusters, gathered in any order.
#[derive(Default)]
struct Claims {
    stretches: Vec<Range<u64>>,
    put_together: usize,
}

impl Claims {
    /// How many stretches are gathered before neighbours are put together.
    const ENOUGH: usize = 1 << 16;

    fn add(&mut self, record: &Record<'_>, table: &Table) {
        for attribute in record.attributes() {
            for piece in pieces(attribute.part().into_iter(), &table.geometry) {
                if let Some(at) = piece.at.filter(|at| *at < LOST) {
                    self.stretches.push(at..at.saturating_add(piece.end - piece.start));
                }
            }
        }
        if self.stretches.len() >= Self::ENOUGH.max(self.put_together * 2) {
            self.put_together();
        }
    }

    fn put_together(&mut self) {
        self.stretches.sort_unstable_by_key(|stretch| stretch.start);
        self.stretches.dedup_by(|next, before| {
            let touches = next.start <= before.end;
            if touches {
                before.end = before.end.max(next.end);
            }
            touches
        });
        self.put_together = self.stretches.len();
    }

    fn finish(mut self) -> Ranges {
        self.put_together();
        self.stretches.into_iter().collect()
    }
}
