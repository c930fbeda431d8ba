//! Which volumes a drive has: partition tables and their copies, volumes put together from partitions, and partitions whose table is lost.
//!
//! At most 512 volumes; the tables are at most a few hundred KiB, whatever they say.

mod apple;
mod gpt;
mod lost;
mod lvm;
mod marks;
mod mbr;
mod raid;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::model::{Problem, ProblemKind, Ranges};
use crate::sources::medium::joined::{Joined, Piece};
use crate::sources::medium::{Medium, MediumError, Window, read_vec};
use marks::Mark;

/// A part of a drive that may hold a file system.
#[derive(Clone)]
pub struct Volume {
    /// Where it lies on the drive; from its first byte to its last where it is in pieces.
    pub range: Range<u64>,
    /// As the system counts partitions; 0 for a whole drive. What was put together or found is counted on.
    pub number: u32,
    /// `partition 2`, or the name that its table gives it.
    pub name: String,
    /// What it most likely is: by its first bytes, or by what the table says.
    pub hint: Option<&'static str>,
    /// Whether there is any use in looking for a file system.
    pub is: What,
    /// Its bytes.
    pub medium: Arc<dyn Medium>,
    /// Its pieces on the drive, in order.
    pieces: Vec<Range<u64>>,
}

impl Volume {
    /// Where the bytes at these positions of the volume lie on the drive.
    pub fn on_drive(&self, wanted: &Ranges) -> Ranges {
        let mut before = 0_u64;
        let mut found = Ranges::new();
        for piece in &self.pieces {
            let length = piece.end - piece.start;
            let here = |at: u64| piece.start + (at - before);
            let part = wanted.within(before..before.saturating_add(length));
            found.extend(part.iter().map(|range| here(range.start)..here(range.end)));
            before = before.saturating_add(length);
        }
        found
    }
}

/// What is known of a volume before anybody reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Nothing speaks against a file system.
    Unknown,
    /// It is encrypted, and says with what.
    Encrypted(&'static str),
    /// Its bytes are as even as chance: encrypted without a mark (`VeraCrypt`), or wiped.
    Noise,
    /// Memory that Linux had put aside; may hold pieces of pictures, and no files.
    Swap,
    /// A part of a group of LVM; its volumes that could be put together are listed by themselves.
    LvmMember {
        /// The group, where it can be told.
        group: Option<String>,
        /// What of it could not be put together, in words; empty when all could.
        lacks: String,
    },
    /// A part of a RAID that one member alone does not hold.
    RaidMember {
        /// `RAID 5`.
        level: String,
        /// How many members it has.
        disks: u32,
    },
    /// A mirror; what it holds is listed by itself.
    Mirror,
}

impl What {
    /// Whether other volumes of the same table give all that it holds: nothing need be looked for in it itself.
    pub fn is_given_by_others(&self) -> bool {
        match self {
            Self::Mirror => true,
            Self::LvmMember { lacks, .. } => lacks.is_empty(),
            Self::Unknown | Self::Encrypted(_) | Self::Noise | Self::Swap | Self::RaidMember { .. } => false,
        }
    }

    /// Whether pieces of pictures may lie in it as they are, though no file system can be read.
    pub fn may_hold_pictures(&self) -> bool {
        match self {
            Self::Swap | Self::LvmMember { .. } | Self::RaidMember { .. } => true,
            Self::Unknown | Self::Encrypted(_) | Self::Noise | Self::Mirror => false,
        }
    }

    /// What it is and what to do, where nothing can be read from it as it is.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Unknown | Self::Mirror => None,
            Self::Encrypted("LUKS") => Some(
                "It is encrypted with LUKS. Open it with `cryptsetup open --readonly` and give Keepsake what appears in /dev/mapper.".to_owned(),
            ),
            Self::Encrypted("BitLocker") => Some(
                "It is encrypted with BitLocker. Open it with its recovery key (`dislocker`, or `cryptsetup open --type bitlk --readonly`) and give Keepsake what appears.".to_owned(),
            ),
            Self::Encrypted(kind) => Some(format!("It is encrypted with {kind}. Unlock it with its password where it came from, and give Keepsake what appears.")),
            Self::Noise => Some("Its bytes look like chance: it is encrypted (VeraCrypt leaves no mark) or was wiped. Without a password nothing can be read from it.".to_owned()),
            Self::Swap => Some("It is memory that Linux had put aside, and holds no files.".to_owned()),
            Self::LvmMember { lacks, .. } if lacks.is_empty() => None,
            Self::LvmMember { group: Some(group), lacks } => Some(format!("It is a part of the volume group {group}: {lacks}.")),
            Self::LvmMember { group: None, lacks } => Some(format!("It is a part of a volume group: {lacks}.")),
            Self::RaidMember { level, disks } => Some(format!(
                "It is one of {disks} parts of a {level}. Put the drives together with `mdadm --assemble --readonly` and give Keepsake the array."
            )),
        }
    }
}

/// What a drive says of its volumes.
pub struct Table {
    /// What was gone by: `GPT`, `MBR`, `Apple partition map`, `none`, `lost`.
    pub kind: &'static str,
    /// By position; what was put together comes last.
    pub volumes: Vec<Volume>,
    /// What is not as it should be.
    pub problems: Vec<Problem>,
}

/// An entry of any table.
struct Slot {
    range: Range<u64>,
    number: u32,
    name: Option<String>,
    hint: Option<&'static str>,
}

const MOST_VOLUMES: usize = 512;

/// The volumes of a drive. There is always one: the whole drive, when nothing is found on it.
///
/// # Errors
/// Only what ends the whole run.
pub fn find(medium: &Arc<dyn Medium>) -> Result<Vec<Volume>, MediumError> {
    Ok(read(medium)?.volumes)
}

/// As [`find`], with how it was found and what is wrong.
///
/// # Errors
/// Only what ends the whole run.
pub fn read(medium: &Arc<dyn Medium>) -> Result<Table, MediumError> {
    let mut notes = Vec::new();
    let (kind, slots) = slots(medium, &mut notes)?;
    let mut volumes = Vec::new();
    for slot in cut(slots, medium.size(), &mut notes) {
        volumes.push(volume(medium, slot)?);
    }
    if volumes.is_empty() {
        volumes.push(volume(medium, whole(medium.as_ref()))?);
    }
    put_together(medium, &mut volumes, &mut notes)?;
    let problem = |note| Problem::new("partition table", ProblemKind::Damaged, note);
    Ok(Table { kind, volumes, problems: notes.into_iter().map(problem).collect() })
}

fn whole(medium: &dyn Medium) -> Slot {
    Slot { range: 0..medium.size(), number: 0, name: Some("whole drive".to_owned()), hint: None }
}

/// What the drive's tables list, whichever there are.
fn slots(medium: &Arc<dyn Medium>, notes: &mut Vec<String>) -> Result<(&'static str, Vec<Slot>), MediumError> {
    let whole = || whole(medium.as_ref());
    let (head, holes) = read_vec(medium.as_ref(), 0, marks::MARKED)?;
    let first_is_lost = holes.meets(0..512);
    if first_is_lost {
        notes.push("the first sector of the drive cannot be read".to_owned());
    }
    let mark = marks::find(&head).filter(|_| !first_is_lost);
    let entries = mbr::Entry::all(&head).filter(|_| !first_is_lost);
    let used: Vec<mbr::Entry> = entries.iter().flatten().copied().filter(|entry| !entry.is_empty()).collect();
    let sectors = medium.size() / 512;
    let is_protective = used.iter().any(|entry| entry.is_protective());
    let all_sane = !used.is_empty() && used.iter().all(|entry| entry.is_sane(sectors));
    let some_sane = used.iter().any(|entry| entry.is_sane(sectors) && !entry.is_protective());
    // A table of the one kind may be left over from before the drive was given one of the other: the first sector says which counts.
    if is_protective || (mark.is_none() && !some_sane) {
        if let Some(slots) = gpt::slots(medium.as_ref(), notes)?.filter(|slots| !slots.is_empty()) {
            return Ok(("GPT", slots));
        }
        if is_protective && used.len() == 1 {
            notes.push("the partition table is lost, and so is its copy at the end of the drive".to_owned());
        }
    }
    // Where a file system begins at the first byte as well, as on CDs that a PC or a Mac can start from, both are looked at.
    let beside_whole = |mut slots: Vec<Slot>| {
        if mark.is_some() {
            slots.retain(|slot| slot.range.start > 0);
            slots.insert(0, whole());
        }
        slots
    };
    if let Some(slots) = apple::slots(medium.as_ref(), notes)?.filter(|slots| !slots.is_empty()) {
        return Ok(("Apple partition map", beside_whole(slots)));
    }
    // What stands in the place of a table in a boot sector is program code, and makes no sense as one.
    if some_sane && (mark.is_none() || all_sane) {
        let unit = unit(medium.as_ref(), &used)?;
        // By their place in the table, empty ones included: that is their number.
        let slots = mbr::slots(medium.as_ref(), &entries.unwrap_or_default(), unit, notes)?;
        if !slots.is_empty() {
            return Ok(("MBR", beside_whole(slots)));
        }
    }
    if mark.is_some() || raid::read(medium.as_ref())?.is_some() {
        return Ok(("none", vec![whole()]));
    }
    let lost = lost::search(medium.as_ref())?;
    if lost.is_empty() {
        return Ok(("none", vec![whole()]));
    }
    notes.push("the drive has no partition table any more; its volumes were found by looking for them".to_owned());
    let slot = |(found, number): (lost::Found, u32)| Slot {
        name: Some(format!("found at {}", found.range.start)),
        range: found.range,
        number,
        hint: Some(found.kind),
    };
    Ok(("lost", lost.into_iter().zip(1..).map(slot).collect()))
}

/// Bytes that a table counts in. Some USB cases made drives look as if they had sectors of 4096 bytes, and their tables count so.
fn unit(medium: &dyn Medium, entries: &[mbr::Entry]) -> Result<u64, MediumError> {
    for unit in [512, 4096] {
        let starts = entries.iter().map(|entry| entry.slot(0, unit, 0).range.start);
        if any_begins(medium, starts)? {
            return Ok(unit);
        }
    }
    Ok(512)
}

fn any_begins(medium: &dyn Medium, starts: impl Iterator<Item = u64>) -> Result<bool, MediumError> {
    for start in starts.filter(|start| *start < medium.size()).take(64) {
        let (head, _) = read_vec(medium, start, marks::MARKED)?;
        if marks::find(&head).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps to the drive what reaches behind its end, and says what overlaps.
fn cut(mut slots: Vec<Slot>, size: u64, notes: &mut Vec<String>) -> Vec<Slot> {
    if slots.len() > MOST_VOLUMES {
        notes.push(format!("of {} partitions only the first {MOST_VOLUMES} are looked at", slots.len()));
        slots.truncate(MOST_VOLUMES);
    }
    slots.sort_by_key(|slot| (slot.range.start, slot.number));
    let mut kept: Vec<Slot> = Vec::new();
    for mut slot in slots {
        let number = slot.number;
        if slot.range.start >= size && number != 0 {
            notes.push(format!(
                "partition {number} lies behind the end of the drive: the drive or its image was cut off"
            ));
            continue;
        }
        if slot.range.end > size {
            let missing = slot.range.end - size;
            notes.push(format!(
                "partition {number} reaches {missing} bytes behind the end of the drive: they are missing"
            ));
            slot.range.end = size;
        }
        // The whole drive is listed beside its parts where both make sense.
        let before = kept
            .iter()
            .filter(|other| other.number != 0 && other.range.end > slot.range.start)
            .max_by_key(|other| other.range.end);
        if let Some(other) = before.filter(|_| number != 0) {
            notes.push(format!("partitions {} and {number} overlap; both are read as they are", other.number));
        }
        kept.push(slot);
    }
    kept
}

/// A partition, with what its first bytes say.
fn volume(medium: &Arc<dyn Medium>, slot: Slot) -> Result<Volume, MediumError> {
    let Slot { range, number, name, hint } = slot;
    let window: Arc<dyn Medium> = Arc::new(Window::new(Arc::clone(medium), range.clone()));
    let (found, is) = look(window.as_ref())?;
    Ok(Volume {
        pieces: vec![range.clone()],
        range,
        number,
        name: name.unwrap_or_else(|| format!("partition {number}")),
        hint: found.or(hint),
        is,
        medium: window,
    })
}

/// What the bytes of a volume say of it.
fn look(volume: &dyn Medium) -> Result<(Option<&'static str>, What), MediumError> {
    let length = usize::try_from(volume.size()).unwrap_or(usize::MAX).min(marks::MARKED);
    let (head, _) = read_vec(volume, 0, length)?;
    if let Some(member) = raid::read(volume)? {
        let is = if member.is_whole() {
            What::Mirror
        } else {
            What::RaidMember { level: member.level_in_words(), disks: member.disks }
        };
        return Ok((Some("RAID"), is));
    }
    Ok(match marks::find(&head) {
        Some(Mark::FileSystem(kind, _)) => (Some(kind), What::Unknown),
        Some(Mark::Encrypted(kind)) => (Some(kind), What::Encrypted(kind)),
        Some(Mark::Swap) => (Some("swap"), What::Swap),
        Some(Mark::Lvm) => (Some("LVM"), What::LvmMember { group: None, lacks: String::new() }),
        None if is_noise(volume)? => (None, What::Noise),
        None => (None, What::Unknown),
    })
}

/// Whether three samples are all noise.
fn is_noise(volume: &dyn Medium) -> Result<bool, MediumError> {
    const SAMPLE: usize = 1 << 16;
    for third in 0..3 {
        let at = volume.size() / 3 * third;
        let (bytes, holes) = read_vec(volume, at, SAMPLE)?;
        if !holes.is_empty() || !marks::is_noise(&bytes) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Adds what mirrors and groups of volumes hold.
fn put_together(
    medium: &Arc<dyn Medium>,
    volumes: &mut Vec<Volume>,
    notes: &mut Vec<String>,
) -> Result<(), MediumError> {
    let mut made = Vec::new();
    for mirror in volumes.iter().filter(|volume| volume.is == What::Mirror) {
        let Some(member) = raid::read(mirror.medium.as_ref())? else { continue };
        let name = if member.name.is_empty() {
            format!("mirror on {}", mirror.name)
        } else {
            format!("mirror {}", member.name)
        };
        made.push(part_of(medium, mirror, &member.data, name)?);
    }
    add(volumes, made);
    let mut physical = BTreeMap::new();
    for (index, volume) in volumes.iter().enumerate() {
        if let (What::LvmMember { .. }, Some(found)) = (&volume.is, lvm::read(volume.medium.as_ref())?) {
            physical.insert(found.id.clone(), (index, found));
        }
    }
    let mut groups: BTreeMap<&str, &lvm::Group> = BTreeMap::new();
    for group in physical.values().filter_map(|(_, found)| found.group.as_ref()) {
        let known = groups.entry(&group.name).or_insert(group);
        if group.number > known.number {
            *known = group;
        }
    }
    let mut made = Vec::new();
    let mut lacks = BTreeMap::new();
    for group in groups.values() {
        let here =
            physical.values().filter(|(_, found)| found.group.as_ref().is_some_and(|own| own.name == group.name));
        let missing = group.members.saturating_sub(here.count());
        let mut left_out = Vec::new();
        for logical in &group.volumes {
            match logical_volume(medium, volumes, &physical, group, logical)? {
                Some(volume) => made.push(volume),
                None => left_out.push(logical.name.clone()),
            }
        }
        lacks.insert(group.name.clone(), in_words(missing, &left_out));
    }
    let told: Vec<(usize, Option<String>)> = physical
        .values()
        .map(|(index, found)| (*index, found.group.as_ref().map(|group| group.name.clone())))
        .collect();
    for (index, group) in told {
        let Some(volume) = volumes.get_mut(index) else { continue };
        let lacks = match &group {
            Some(group) => lacks.get(group).cloned().unwrap_or_default(),
            None => "what it consists of is written on another part of the group, or cannot be read".to_owned(),
        };
        volume.is = What::LvmMember { group, lacks };
    }
    add(volumes, made);
    if volumes.len() > MOST_VOLUMES {
        notes.push(format!("of {} volumes only the first {MOST_VOLUMES} are looked at", volumes.len()));
        volumes.truncate(MOST_VOLUMES);
    }
    Ok(())
}

/// What a group lacks, in words that follow on its name.
fn in_words(missing: usize, left_out: &[String]) -> String {
    let mut words = Vec::new();
    if missing > 0 {
        words.push(format!("{missing} of its other parts are on other drives"));
    }
    if !left_out.is_empty() {
        let names = left_out.join(", ");
        words.push(format!("its volumes {names} cannot be put together here; activate the group (`vgchange --activate y`) and give Keepsake what appears in /dev/mapper"));
    }
    words.join("; ")
}

/// A part of a volume as one of its own.
fn part_of(drive: &Arc<dyn Medium>, volume: &Volume, part: &Range<u64>, name: String) -> Result<Volume, MediumError> {
    let pieces: Vec<Range<u64>> = volume.on_drive(&Ranges::one(part.clone())).iter().collect();
    from_pieces(drive, pieces, name)
}

fn logical_volume(
    drive: &Arc<dyn Medium>,
    volumes: &[Volume],
    physical: &BTreeMap<String, (usize, lvm::Physical)>,
    group: &lvm::Group,
    logical: &lvm::Logical,
) -> Result<Option<Volume>, MediumError> {
    let Some(pieces) = &logical.pieces else { return Ok(None) };
    let mut found = Vec::new();
    for piece in pieces {
        let on = physical.get(&piece.on).and_then(|(index, _)| volumes.get(*index));
        let Some(on) = on else { return Ok(None) };
        found.extend(on.on_drive(&Ranges::one(piece.range.clone())).iter());
    }
    let length: u64 = found.iter().map(|range| range.end - range.start).sum();
    let wanted: u64 = pieces.iter().map(|piece| piece.range.end - piece.range.start).sum();
    if length == 0 || length > wanted {
        return Ok(None);
    }
    from_pieces(drive, found, format!("{} of the volume group {}", logical.name, group.name)).map(Some)
}

fn from_pieces(drive: &Arc<dyn Medium>, pieces: Vec<Range<u64>>, name: String) -> Result<Volume, MediumError> {
    let of = |range: &Range<u64>| (range.end - range.start, Piece::Of(Arc::clone(drive), range.start));
    let medium: Arc<dyn Medium> = Arc::new(Joined::new(pieces.iter().map(of)));
    let start = pieces.iter().map(|piece| piece.start).min().unwrap_or(0);
    let end = pieces.iter().map(|piece| piece.end).max().unwrap_or(0);
    let (hint, is) = look(medium.as_ref())?;
    // A mirror inside a mirror is not taken apart once more.
    let is = if is == What::Mirror { What::Unknown } else { is };
    Ok(Volume { range: start..end, number: 0, name, hint, is, medium, pieces })
}

/// Adds volumes, and counts them on.
fn add(volumes: &mut Vec<Volume>, made: Vec<Volume>) {
    let last = volumes.iter().map(|volume| volume.number).max().unwrap_or(0);
    volumes.extend(made.into_iter().zip(last.saturating_add(1)..).map(|(volume, number)| Volume { number, ..volume }));
}
