//! The slots of a FAT folder.

use jiff::tz::TimeZone;

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::clusters::{Entry, Format, Lister, Listing, SLOT, State, in_zone, part, shown};

use super::names::{self, Part};

const DELETED: u8 = 0xE5;
const VOLUME: u8 = 0x08;
const FOLDER: u8 = 0x10;
const LONG_NAME: u8 = 0x0F;

/// What FAT folders look like on this volume.
pub(super) struct Slots {
    pub(super) zone: TimeZone,
    /// Whether first clusters have an upper half.
    pub(super) is_32: bool,
    pub(super) clusters: u32,
}

impl Format for Slots {
    fn lister(&self) -> Box<dyn Lister + '_> {
        Box::new(Reader { slots: self, parts: Vec::new(), listing: Listing::default() })
    }

    /// A folder but the top one begins with `.`, which leads to itself, and `..`.
    fn begins_folder(&self, bytes: &[u8], cluster: u32) -> bool {
        let (slots, _) = bytes.as_chunks::<SLOT>();
        let [itself, above, ..] = slots else { return false };
        let is_folder = |slot: &[u8; SLOT], name: &[u8]| {
            slot.get(..11) == Some(name) && slot.get(11).is_some_and(|attributes| attributes & FOLDER != 0)
        };
        is_folder(itself, b".          ") && is_folder(above, b"..         ") && self.first(itself) == cluster
    }

    fn above(&self, bytes: &[u8]) -> Option<u32> {
        let (slots, _) = bytes.as_chunks::<SLOT>();
        slots.get(1).map(|above| self.first(above))
    }

    fn continues_folder(&self, bytes: &[u8]) -> bool {
        let (slots, _) = bytes.as_chunks::<SLOT>();
        let mut used = slots.iter().take_while(|slot| slot.first() != Some(&0)).peekable();
        used.peek().is_some() && used.all(|slot| is_long(slot) || (is_sensible(slot) && has_times(slot)))
    }

    /// Eight times what the specification allows.
    fn longest_folder(&self) -> u64 {
        16 << 20
    }

    fn deleting_unlinks(&self) -> bool {
        true
    }
}

impl Slots {
    /// The first clusters of the first eight folders that are listed here.
    pub(super) fn folders(&self, bytes: &[u8]) -> Vec<u32> {
        let (slots, _) = bytes.as_chunks::<SLOT>();
        let used = slots.iter().take_while(|slot| slot.first() != Some(&0));
        let folders = used.filter(|slot| {
            let attributes = slot.get(11).copied().unwrap_or(0);
            let is_listed = !matches!(slot.first(), Some(&DELETED | b'.'));
            is_listed && is_sensible(slot) && attributes & (FOLDER | VOLUME) == FOLDER
        });
        folders.take(8).map(|slot| self.first(slot)).collect()
    }

    fn first(&self, slot: &[u8]) -> u32 {
        let low = u32::from(le16(slot, 26).unwrap_or(0));
        let high = if self.is_32 { u32::from(le16(slot, 20).unwrap_or(0)) } else { 0 };
        high << 16 | low
    }
}

struct Reader<'a> {
    slots: &'a Slots,
    /// Slots of a long name whose short one has not come yet.
    parts: Vec<Part>,
    listing: Listing,
}

impl Lister for Reader<'_> {
    fn slot(&mut self, slot: Option<&[u8; SLOT]>, at: u64) {
        let Some(slot) = slot else {
            self.parts.clear();
            self.listing.unreadable_slots = self.listing.unreadable_slots.saturating_add(1);
            return;
        };
        let [first, ..] = *slot;
        if first == 0 {
            self.parts.clear();
            self.listing.has_ended = true;
            return;
        }
        if is_long(slot) {
            // No name has more than twenty; what is left over from others falls out in front.
            if self.parts.len() >= 64 {
                self.parts.remove(0);
            }
            self.parts.extend(Part::parse(slot));
            return;
        }
        let parts = std::mem::take(&mut self.parts);
        let attributes = slot.get(11).copied().unwrap_or(0);
        if !is_sensible(slot) {
            // Deleted slots may hold anything.
            if first != DELETED {
                self.listing.senseless_slots = self.listing.senseless_slots.saturating_add(1);
            }
        } else if attributes & VOLUME != 0 {
            if first != DELETED && self.listing.label.is_none() {
                self.listing.label = slot.get(..11).and_then(names::label);
            }
        } else if first != b'.' {
            self.listing.entries.extend(self.entry(slot, &parts, at));
        }
    }

    fn listing(&mut self) -> &mut Listing {
        &mut self.listing
    }
}

impl Reader<'_> {
    fn entry(&self, slot: &[u8; SLOT], parts: &[Part], at: u64) -> Option<Entry> {
        let [first, ..] = *slot;
        let lives = first != DELETED;
        let name = if lives {
            let shown = if first == 0x05 { DELETED } else { first };
            let long = names::long(parts, names::checksum(slot)).and_then(|name| part(&name));
            long.or_else(|| names::short(slot, shown).and_then(|name| part(&name)))?
        } else {
            match names::long_deleted(parts, slot.get(..11)?) {
                Some((name, _)) => part(&name)?,
                // The letter that nothing tells any more.
                None => names::short(slot, b'_').and_then(|name| part(&name))?,
            }
        };
        let is_folder = slot.get(11)? & FOLDER != 0;
        let zone = &self.slots.zone;
        let modified = shown(le16(slot, 24)?, le16(slot, 22)?, 0);
        let created = shown(le16(slot, 16)?, le16(slot, 14)?, *slot.get(13)?);
        let size = if is_folder { 0 } else { u64::from(le32(slot, 28)?) };
        let first = self.slots.first(slot);
        // Windows wipes the upper half when it deletes.
        let may_be_wiped = first >> 16 == 0 && self.slots.is_32 && self.slots.clusters > 0xFFFF;
        let state = match (lives, may_be_wiped) {
            (true, _) => State::Living,
            (false, true) => State::HalfKnown,
            (false, false) => State::Deleted,
        };
        Some(Entry {
            name,
            is_folder,
            state,
            first,
            is_chained: true,
            size,
            written: size,
            modified_at: modified.and_then(|shown| in_zone(shown, zone)),
            created_at: created.and_then(|shown| in_zone(shown, zone)),
            at,
            doubt: None,
        })
    }
}

fn is_long(slot: &[u8; SLOT]) -> bool {
    slot.get(11).is_some_and(|attributes| attributes & 0x3F == LONG_NAME) && le16(slot, 26) == Some(0)
}

/// Whether the times of a slot are none or exist, which those of other bytes hardly ever do.
fn has_times(slot: &[u8; SLOT]) -> bool {
    let [modified, created] = [(24, 22), (16, 14)].map(|(date, time)| le16(slot, date).zip(le16(slot, time)));
    [modified, created].into_iter().flatten().all(|(date, time)| date == 0 || shown(date, time, 0).is_some())
}

/// Whether a slot is one that a file system wrote, and not what something else left there.
fn is_sensible(slot: &[u8; SLOT]) -> bool {
    let [first, second, rest @ ..] = slot;
    let (name, after) = rest.split_at(9);
    if after.first().is_none_or(|attributes| attributes & 0xC0 != 0 || attributes & LONG_NAME == LONG_NAME) {
        return false;
    }
    // The name of a volume may hold more than that of a file.
    let is_label = after.first().is_some_and(|attributes| attributes & VOLUME != 0);
    let is_letter = |byte: &u8| is_label || names::is_short_letter(*byte) || *byte == b'.';
    let is_dots = *first == b'.' && (*second == b' ' || *second == b'.');
    (is_dots || matches!(*first, 0x05 | DELETED) || (*first != b' ' && is_letter(first)))
        && std::iter::once(second).chain(name).all(|byte| is_letter(byte) && *byte >= b' ')
}
