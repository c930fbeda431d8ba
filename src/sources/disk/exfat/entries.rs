//! The slots of an exFAT folder: a file is a set of slots that belong together (sections 6 and 7).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::clusters::{
    Entry, Format, Lister, Listing, SLOT, State, System, at_offset, in_zone, part, shown,
};

/// Set while the slot is in use.
const IN_USE: u8 = 0x80;
/// The kinds of slots, in use.
const BITMAP: u8 = 0x81;
const UPCASE: u8 = 0x82;
const LABEL: u8 = 0x83;
const FILE: u8 = 0x85;
const STREAM: u8 = 0xC0;
const NAME: u8 = 0xC1;
/// The kinds that belong to the slot before them.
const SECONDARY: u8 = 0x40;

const FOLDER: u16 = 0x10;
/// Letters of a name in one slot.
const LETTERS: usize = 15;

/// What exFAT folders look like.
pub(super) struct Sets {
    /// Of times that do not say how far they are from UTC.
    pub(super) zone: TimeZone,
}

impl Format for Sets {
    fn lister(&self) -> Box<dyn Lister + '_> {
        Box::new(Reader { zone: &self.zone, set: None, listing: Listing::default() })
    }

    /// No slot of a folder tells of the folder itself: one whole set of slots must be left.
    fn begins_folder(&self, bytes: &[u8], _cluster: u32) -> bool {
        let mut reader = Reader { zone: &self.zone, set: None, listing: Listing::default() };
        let (slots, _) = bytes.as_chunks::<SLOT>();
        for slot in slots {
            reader.slot(Some(slot), 0);
        }
        reader.listing.senseless_slots == 0 && reader.listing.entries.first().is_some_and(|entry| entry.doubt.is_none())
    }

    fn above(&self, _bytes: &[u8]) -> Option<u32> {
        None
    }

    fn continues_folder(&self, bytes: &[u8]) -> bool {
        let (slots, _) = bytes.as_chunks::<SLOT>();
        let mut used =
            slots.iter().map(|slot| slot.first().copied().unwrap_or(0)).take_while(|kind| *kind != 0).peekable();
        used.peek().is_some() && used.all(|kind| matches!(kind | IN_USE, FILE | STREAM | NAME | 0xA0 | 0xE0 | 0xE1))
    }

    /// As the specification allows.
    fn longest_folder(&self) -> u64 {
        256 << 20
    }

    fn deleting_unlinks(&self) -> bool {
        false
    }
}

struct Reader<'a> {
    zone: &'a TimeZone,
    set: Option<Set>,
    listing: Listing,
}

/// A file's slots so far.
struct Set {
    at: u64,
    lives: bool,
    /// `None` for one that cannot be read.
    slots: Vec<Option<[u8; SLOT]>>,
    /// How many are still to come.
    missing: usize,
}

impl Lister for Reader<'_> {
    fn slot(&mut self, slot: Option<&[u8; SLOT]>, at: u64) {
        let Some(slot) = slot else {
            self.listing.unreadable_slots = self.listing.unreadable_slots.saturating_add(1);
            self.add(None);
            return;
        };
        let [kind, ..] = *slot;
        if kind == 0 {
            self.abandon();
            self.listing.has_ended = true;
            return;
        }
        let lives = kind & IN_USE != 0;
        if kind & SECONDARY != 0 {
            if self.set.as_ref().is_some_and(|set| set.lives == lives) {
                self.add(Some(*slot));
            } else {
                self.abandon();
                if kind == STREAM {
                    self.headless(slot, at);
                } else if lives && kind != NAME {
                    self.listing.senseless_slots = self.listing.senseless_slots.saturating_add(1);
                }
            }
            return;
        }
        self.abandon();
        match kind | IN_USE {
            FILE => {
                let missing = usize::from(slot.get(1).copied().unwrap_or(0));
                if (2..=18).contains(&missing) {
                    self.set = Some(Set { at, lives, slots: vec![Some(*slot)], missing });
                } else if lives {
                    self.listing.senseless_slots = self.listing.senseless_slots.saturating_add(1);
                }
            }
            _ if !lives => {}
            BITMAP | UPCASE => {
                // Of two maps of the clusters in use, the first.
                let is_bitmap = kind == BITMAP && slot.get(1).is_some_and(|flags| flags & 1 == 0);
                let system = le32(slot, 20).zip(le64(slot, 24));
                self.listing.systems.extend(system.map(|(first, size)| System { first, size, is_bitmap }));
            }
            LABEL => {
                let letters = usize::from(slot.get(1).copied().unwrap_or(0)).min(11);
                let name = text(slot.get(2..24).unwrap_or_default(), letters);
                self.listing.label = (!name.trim().is_empty()).then_some(name);
            }
            // The volume's GUID, padding, and what others may have added.
            _ => {}
        }
    }

    fn listing(&mut self) -> &mut Listing {
        &mut self.listing
    }
}

impl Reader<'_> {
    /// Adds a slot to the set that is being read, and closes it with its last one.
    fn add(&mut self, slot: Option<[u8; SLOT]>) {
        let Some(set) = &mut self.set else { return };
        set.slots.push(slot);
        set.missing = set.missing.saturating_sub(1);
        if set.missing == 0
            && let Some(set) = self.set.take()
        {
            self.close(&set);
        }
    }

    /// Begins a set whose first slot could not be read: the file's name and place are in the others.
    fn headless(&mut self, stream: &[u8; SLOT], at: u64) {
        let letters = usize::from(stream.get(3).copied().unwrap_or(0));
        let missing = letters.div_ceil(LETTERS);
        if missing > 0 {
            self.set = Some(Set { at, lives: true, slots: vec![None, Some(*stream)], missing });
        }
    }

    /// Leaves a set that another began before it was whole.
    fn abandon(&mut self) {
        let Some(set) = self.set.take() else { return };
        if set.lives {
            let slots = u32::try_from(set.slots.len()).unwrap_or(1);
            self.listing.senseless_slots = self.listing.senseless_slots.saturating_add(slots);
            self.close(&set);
        }
    }

    fn close(&mut self, set: &Set) {
        let is_whole = set.missing == 0 && set.slots.iter().all(Option::is_some);
        let fits = is_whole && set.fits();
        // What is left of a deleted set is worth nothing unless all of it is.
        if !set.lives && !fits {
            return;
        }
        let entry = self.entry(set).map(|entry| Entry {
            doubt: match (is_whole, fits) {
                (_, true) => None,
                (true, false) => {
                    Some("its entry in the folder does not match its checksum: its name or place may be wrong")
                }
                (false, false) => Some("a part of its entry in the folder is lost: its name may be wrong"),
            },
            ..entry
        });
        match entry {
            Some(entry) => self.listing.entries.push(entry),
            None if set.lives && is_whole => {
                self.listing.senseless_slots = self.listing.senseless_slots.saturating_add(1);
            }
            None => {}
        }
    }

    fn entry(&self, set: &Set) -> Option<Entry> {
        let mut slots = set.slots.iter();
        let file = slots.next()?.as_ref();
        let stream = slots.next()?.as_ref().filter(|slot| slot.first().is_some_and(|kind| kind | IN_USE == STREAM))?;
        let letters = usize::from(*stream.get(3)?);
        let mut name = String::new();
        let mut units: Vec<u8> = Vec::new();
        for slot in slots.take(letters.div_ceil(LETTERS)) {
            match slot {
                Some(slot) if slot.first().is_some_and(|kind| kind | IN_USE == NAME) => {
                    units.extend(slot.get(2..SLOT).unwrap_or_default());
                }
                // Underscores stand for letters that cannot be read.
                Some(_) | None => units.extend([b'_', 0].repeat(LETTERS)),
            }
        }
        name.push_str(&text(&units, letters));
        let flags = *stream.get(1)?;
        let size = le64(stream, 24)?;
        let (modified_at, created_at) = match file {
            Some(file) => (
                self.moment(le32(file, 12)?, *file.get(21)?, *file.get(23)?),
                self.moment(le32(file, 8)?, *file.get(20)?, *file.get(22)?),
            ),
            None => (None, None),
        };
        Some(Entry {
            name: part(&name)?,
            is_folder: file.and_then(|file| le16(file, 4)).is_some_and(|attributes| attributes & FOLDER != 0),
            state: if set.lives { State::Living } else { State::Deleted },
            first: le32(stream, 20)?,
            is_chained: flags & 2 == 0,
            size,
            written: le64(stream, 8)?.min(size),
            modified_at,
            created_at,
            at: set.at,
            doubt: None,
        })
    }

    fn moment(&self, stamp: u32, hundredths: u8, offset: u8) -> Option<Timestamp> {
        let date = u16::try_from(stamp >> 16).ok()?;
        let time = u16::try_from(stamp & 0xFFFF).ok()?;
        let shown = shown(date, time, hundredths)?;
        if offset & 0x80 == 0 {
            return in_zone(shown, self.zone);
        }
        // Seven bits with a sign.
        let quarters = (offset << 1).cast_signed() >> 1;
        at_offset(shown, quarters)
    }
}

impl Set {
    /// Whether the slots are those of which the first has the checksum, as they were while they were in use.
    fn fits(&self) -> bool {
        let mut sum = 0_u16;
        for (index, slot) in self.slots.iter().flatten().enumerate() {
            for (at, byte) in slot.iter().enumerate() {
                let byte = if at == 0 { byte | IN_USE } else { *byte };
                if index > 0 || !matches!(at, 2 | 3) {
                    sum = sum.rotate_right(1).wrapping_add(u16::from(byte));
                }
            }
        }
        self.slots.first().is_some_and(|file| file.as_ref().and_then(|file| le16(file, 2)) == Some(sum))
    }
}

fn text(bytes: &[u8], letters: usize) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().take(letters).map(|pair| u16::from_le_bytes(*pair)).collect();
    String::from_utf16_lossy(&units)
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    let low = u64::from(le32(bytes, at)?);
    let high = u64::from(le32(bytes, at.checked_add(4)?)?);
    Some(high << 32 | low)
}
