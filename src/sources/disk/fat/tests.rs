//! Volumes that are made in memory, and what is read of them.

#![allow(clippy::cast_possible_truncation, reason = "the volumes are small")]

use super::*;
use crate::model::{ProblemKind, Ranges};
use crate::sources::disk::clusters::tests::{Walked, berlin, content, hold, walked};
use crate::sources::disk::file_system::Standing;
use proptest::prelude::*;

const SECTOR: usize = 512;
/// 2014-08-03 14:22:32 and 2014-08-03 16:00:00, as a wall clock.
const EARLY: (u16, u16) = (34 << 9 | 8 << 5 | 3, 14 << 11 | 22 << 5 | 16);
const LATE: (u16, u16) = (34 << 9 | 8 << 5 | 3, 16 << 11);

#[derive(Clone)]
struct Card {
    bytes: Vec<u8>,
    kind: u8,
    table_at: usize,
    table_bytes: usize,
    heap_at: usize,
    bad: Ranges,
}

/// A slot of a file; `when` is when it was written.
fn slot(name: &[u8; 11], attributes: u8, first: u32, size: u32, when: (u16, u16)) -> Vec<u8> {
    let mut slot = vec![0; 32];
    slot[..11].copy_from_slice(name);
    slot[11] = attributes;
    slot[20..22].copy_from_slice(&((first >> 16) as u16).to_le_bytes());
    slot[22..24].copy_from_slice(&when.1.to_le_bytes());
    slot[24..26].copy_from_slice(&when.0.to_le_bytes());
    slot[26..28].copy_from_slice(&(first as u16).to_le_bytes());
    slot[28..].copy_from_slice(&size.to_le_bytes());
    slot
}

/// The slots of a long name and of its short one.
fn long(name: &str, short: &[u8; 11], first: u32, size: u32) -> Vec<u8> {
    let mut units: Vec<u16> = name.encode_utf16().collect();
    let count = units.len().div_ceil(13);
    if !units.len().is_multiple_of(13) {
        units.push(0);
    }
    units.resize(count * 13, 0xFFFF);
    let mut slots = Vec::new();
    for (index, part) in units.chunks(13).enumerate().rev() {
        let mut slot = vec![0; 32];
        slot[0] = index as u8 + 1 + if index + 1 == count { 0x40 } else { 0 };
        slot[11] = 0x0F;
        slot[13] = names::checksum(short);
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        for (place, unit) in places.zip(part) {
            slot[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
        slots.extend(slot);
    }
    slots.extend(self::slot(short, 0x20, first, size, EARLY));
    slots
}

fn dead(mut slots: Vec<u8>) -> Vec<u8> {
    slots.chunks_mut(32).for_each(|slot| slot[0] = 0xE5);
    slots
}

fn pattern(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7) as u8 ^ seed).collect()
}

impl Card {
    /// One sector to a cluster; of FAT32, the top folder is cluster 2.
    fn new(kind: u8, clusters: usize) -> Self {
        let is_32 = kind == 32;
        let reserved = if is_32 { 32 } else { 1 };
        let table_bytes = ((clusters + 2) * usize::from(kind)).div_ceil(8).div_ceil(SECTOR) * SECTOR;
        let root_slots: usize = if is_32 { 0 } else { 64 };
        let heap_at = reserved * SECTOR + 2 * table_bytes + root_slots * 32;
        let mut bytes = vec![0; heap_at + clusters * SECTOR];
        let sectors = (bytes.len() / SECTOR) as u32;
        let boot = &mut bytes[..SECTOR];
        boot[..3].copy_from_slice(b"\xEB\x3C\x90");
        boot[11..13].copy_from_slice(&512_u16.to_le_bytes());
        boot[13] = 1;
        boot[14] = reserved as u8;
        boot[16] = 2;
        boot[17..19].copy_from_slice(&(root_slots as u16).to_le_bytes());
        boot[21] = 0xF8;
        boot[32..36].copy_from_slice(&sectors.to_le_bytes());
        let extended = if is_32 {
            boot[36..40].copy_from_slice(&((table_bytes / SECTOR) as u32).to_le_bytes());
            boot[44] = 2;
            boot[50] = 6;
            66
        } else {
            boot[22..24].copy_from_slice(&((table_bytes / SECTOR) as u16).to_le_bytes());
            38
        };
        boot[extended] = 0x29;
        boot[extended + 1..extended + 5].copy_from_slice(&0x1A2B_3C4D_u32.to_le_bytes());
        boot[extended + 5..extended + 16].copy_from_slice(b"NO NAME    ");
        boot[510..].copy_from_slice(&[0x55, 0xAA]);
        let boot = boot.to_vec();
        let mut card = Self { bytes, kind, table_at: reserved * SECTOR, table_bytes, heap_at, bad: Ranges::new() };
        if is_32 {
            card.bytes[6 * SECTOR..7 * SECTOR].copy_from_slice(&boot);
            card.link(2, u32::MAX);
        }
        card.link(0, 0xFFFF_FFF8);
        card.link(1, u32::MAX);
        card
    }

    fn link_in(&mut self, copy: usize, cluster: u32, next: u32) {
        let table = self.table_at + copy * self.table_bytes;
        let at = table + cluster as usize * usize::from(self.kind) / 8;
        match self.kind {
            12 => {
                let pair = u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]);
                let next = (next & 0xFFF) as u16;
                let pair = if cluster.is_multiple_of(2) { pair & 0xF000 | next } else { pair & 0xF | next << 4 };
                self.bytes[at..at + 2].copy_from_slice(&pair.to_le_bytes());
            }
            16 => self.bytes[at..at + 2].copy_from_slice(&(next as u16).to_le_bytes()),
            _ => self.bytes[at..at + 4].copy_from_slice(&(next & 0x0FFF_FFFF).to_le_bytes()),
        }
    }

    fn link(&mut self, cluster: u32, next: u32) {
        self.link_in(0, cluster, next);
        self.link_in(1, cluster, next);
    }

    fn at(&self, cluster: u32) -> usize {
        self.heap_at + (cluster as usize - 2) * SECTOR
    }

    fn put(&mut self, cluster: u32, bytes: &[u8]) {
        let at = self.at(cluster);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Writes a file's bytes into these clusters, and links them.
    fn file(&mut self, clusters: &[u32], bytes: &[u8]) {
        for (index, (cluster, piece)) in clusters.iter().zip(bytes.chunks(SECTOR)).enumerate() {
            self.put(*cluster, piece);
            self.link(*cluster, clusters.get(index + 1).copied().unwrap_or(u32::MAX));
        }
    }

    /// The same, as it is after it was deleted.
    fn deleted(&mut self, clusters: &[u32], bytes: &[u8]) {
        self.file(clusters, bytes);
        for cluster in clusters {
            self.link(*cluster, 0);
        }
    }

    fn root(&mut self, slots: &[Vec<u8>]) {
        let at = if self.kind == 32 { self.heap_at } else { self.heap_at - 64 * 32 };
        let slots = slots.concat();
        self.bytes[at..at + slots.len()].copy_from_slice(&slots);
    }

    fn folder(&mut self, cluster: u32, above: u32, slots: &[Vec<u8>]) {
        let dots = [slot(b".          ", 0x10, cluster, 0, EARLY), slot(b"..         ", 0x10, above, 0, EARLY)];
        self.put(cluster, &[dots.concat(), slots.concat()].concat());
        self.link(cluster, u32::MAX);
    }

    /// Makes the sector at a place unreadable.
    fn spoil(&mut self, at: usize) {
        let at = (at / SECTOR * SECTOR) as u64;
        self.bad.insert(at..at + SECTOR as u64);
    }

    fn open(&self) -> Option<(Box<dyn FileSystem>, Arc<dyn Medium>)> {
        let medium: Arc<dyn Medium> = Arc::new((self.bytes.clone(), self.bad.clone()));
        let volume = open(Arc::clone(&medium), &berlin()).expect("nobody stops it")?;
        Some((volume, medium))
    }

    fn walk(&self) -> Walked {
        let (volume, medium) = self.open().expect("it is recognised");
        let walked = walked(volume.as_ref(), medium);
        hold(&walked);
        walked
    }
}

#[test]
fn a_file_in_pieces_is_read_from_tables_of_every_width() {
    for (kind, clusters, name) in [(12, 100, "FAT12"), (16, 5000, "FAT16"), (32, 100, "FAT32"), (32, 66_000, "FAT32")] {
        let mut card = Card::new(kind, clusters);
        let bytes = pattern(kind, 1500);
        card.file(&[9, 5, 6], &bytes);
        card.root(&[
            slot(b"CARD       ", 0x08, 0, 0, EARLY),
            slot(b"PHOTO   JPG", 0x20, 9, 1500, EARLY),
            slot(b"EMPTY      ", 0x20, 0, 0, EARLY),
        ]);
        let (volume, _) = card.open().unwrap();
        assert_eq!((volume.kind(), volume.label().as_deref()), (name, Some("CARD")));
        assert_eq!(volume.uuid().as_deref(), Some("1A2B-3C4D"));
        assert_eq!((volume.cluster_bytes(), volume.first_cluster()), (512, card.heap_at as u64));
        let walked = card.walk();
        assert_eq!(walked.content("PHOTO.JPG"), bytes);
        assert_eq!(walked.file("PHOTO.JPG").modified_at.unwrap().to_string(), "2014-08-03T12:22:32Z");
        assert_eq!(walked.file("EMPTY").size, 0);
        assert_eq!(walked.told(), Vec::<String>::new());
    }
}

#[test]
fn a_bad_sector_of_the_first_table_is_read_from_the_second() {
    let mut card = Card::new(32, 1000);
    let bytes = pattern(1, 2000);
    card.file(&[200, 150, 300, 10], &bytes);
    card.root(&[slot(b"PHOTO   JPG", 0x20, 200, 2000, EARLY)]);
    card.spoil(card.table_at + 200 * 4);
    card.spoil(card.table_at + card.table_bytes + 300 * 4);
    let walked = card.walk();
    assert_eq!(walked.content("PHOTO.JPG"), bytes);
    assert_eq!(walked.told(), Vec::<String>::new());
}

#[test]
fn a_table_that_calls_a_living_file_free_is_not_believed_where_the_other_knows_better() {
    let mut card = Card::new(16, 5000);
    let bytes = pattern(1, 2000);
    card.file(&[200, 150, 300, 10], &bytes);
    card.link_in(0, 150, 0);
    card.root(&[slot(b"PHOTO   JPG", 0x20, 200, 2000, EARLY)]);
    assert_eq!(card.walk().content("PHOTO.JPG"), bytes);
}

#[test]
fn where_both_tables_are_bad_a_file_is_assumed_to_be_in_one_piece_and_that_is_said() {
    let mut card = Card::new(32, 1000);
    let bytes = pattern(1, 2000);
    card.file(&[130, 131, 132, 133], &bytes);
    card.file(&[140, 500, 501], &pattern(2, 1500));
    card.root(&[slot(b"PHOTO   JPG", 0x20, 130, 2000, EARLY), slot(b"OTHER   JPG", 0x20, 140, 1500, EARLY)]);
    card.spoil(card.table_at + 130 * 4);
    card.spoil(card.table_at + card.table_bytes + 130 * 4);
    let walked = card.walk();
    assert_eq!(walked.content("PHOTO.JPG"), bytes);
    let problem = &walked.problems[0];
    assert_eq!((problem.path.as_str(), problem.kind), ("PHOTO.JPG", ProblemKind::Unproven));
    assert!(problem.message.contains("assumed to go on in one piece"), "{}", problem.message);
    assert_eq!(walked.problems.len(), 2);
    // What is known to be free, or to be another's, is not the next piece.
    card.file(&[255, 400], &bytes[..1000]);
    card.file(&[136], b"another");
    card.file(&[135, 401], &bytes[..1000]);
    card.root(&[
        slot(b"ANOTHER JPG", 0x20, 136, 7, EARLY),
        slot(b"FREE    JPG", 0x20, 255, 1000, EARLY),
        slot(b"TAKEN   JPG", 0x20, 135, 1000, EARLY),
    ]);
    let walked = card.walk();
    assert_eq!([walked.content("FREE.JPG").len(), walked.content("TAKEN.JPG").len()], [512, 512]);
}

#[test]
fn a_chain_that_ends_early_leads_out_or_loops_gives_what_it_has_and_says_so() {
    let mut card = Card::new(16, 5000);
    let bytes = pattern(3, 2000);
    for (first, last) in [(10, 0xFFFF), (20, 0), (30, 6000), (40, 40), (50, 50)] {
        card.file(&[first, first + 1], &bytes[..1024]);
        card.link(first + 1, last);
    }
    card.link(20, 0xFFF7);
    card.root(&[
        slot(b"SHORT      ", 0x20, 10, 2000, EARLY),
        slot(b"BROKEN     ", 0x20, 20, 2000, EARLY),
        slot(b"OUT        ", 0x20, 30, 2000, EARLY),
        slot(b"LOOP       ", 0x20, 40, 2000, EARLY),
        slot(b"NOWHERE    ", 0x20, 1, 2000, EARLY),
        slot(b"BEHIND     ", 0x20, 5002, 2000, EARLY),
    ]);
    let walked = card.walk();
    let found = ["SHORT", "BROKEN", "OUT", "LOOP", "NOWHERE", "BEHIND"].map(|name| walked.content(name).len());
    assert_eq!(found, [1024, 512, 1024, 1024, 0, 0]);
    let told: Vec<bool> = walked.problems.iter().map(|problem| problem.kind == ProblemKind::Truncated).collect();
    assert_eq!(told, [true; 6], "{:?}", walked.told());
    assert!(walked.told()[3].contains("back to itself"), "{:?}", walked.told());
}

#[test]
fn files_that_share_clusters_are_both_read_and_the_later_is_doubted() {
    let mut card = Card::new(16, 5000);
    card.file(&[10, 11, 12], &pattern(3, 1500));
    card.file(&[20], &pattern(4, 500));
    card.link(20, 11);
    card.root(&[slot(b"ONE        ", 0x20, 10, 1500, EARLY), slot(b"TWO        ", 0x20, 20, 1500, EARLY)]);
    let walked = card.walk();
    assert_eq!(walked.content("TWO").len(), 1500);
    assert_eq!(walked.content("ONE"), pattern(3, 1500));
    assert_eq!(walked.problems.len(), 1, "{:?}", walked.told());
    assert!(walked.told()[0].starts_with("TWO: it shares parts"));
}

#[test]
fn files_that_share_the_whole_volume_do_not_keep_a_walk_from_its_end() {
    let mut card = Card::new(12, 4000);
    let all: Vec<u32> = (100..4000).collect();
    card.file(&all, &pattern(1, 3900 * SECTOR));
    let entries: Vec<Vec<u8>> = (0..60).map(|_| slot(b"A          ", 0x20, 100, 3900 * 512, EARLY)).collect();
    card.root(&entries);
    let walked = card.walk();
    assert_eq!(walked.files.len(), 60);
    assert_eq!(walked.content("A").len(), 3900 * SECTOR);
    assert!(walked.told().iter().any(|told| told.contains("too many files share their parts")));
    // Deleted files that all may have had everything.
    card.root(&entries.iter().map(|entry| dead(entry.clone())).collect::<Vec<_>>());
    (100..4000).for_each(|cluster| card.link(cluster, 0));
    let walked = card.walk();
    assert_eq!((walked.files.len(), walked.standing("_")), (60, Standing::DeletedAssumed));
    let lengths = walked.files.iter().filter(|file| content(walked.medium.as_ref(), file).len() == 3900 * SECTOR);
    assert_eq!(lengths.count(), 8, "eight times the volume is looked at");
}

#[test]
fn the_table_in_use_is_the_one_that_the_flags_name() {
    let mut card = Card::new(32, 1000);
    card.file(&[10, 20], &pattern(1, 1000));
    card.link_in(0, 10, 30);
    card.bytes[40] = 0x81;
    card.root(&[slot(b"A       JPG", 0x20, 10, 1000, EARLY)]);
    assert_eq!(card.walk().content("A.JPG"), pattern(1, 1000));
}

#[test]
fn folders_that_lead_back_to_themselves_are_listed_once() {
    let mut card = Card::new(16, 5000);
    card.file(&[30], b"photo");
    card.folder(10, 0, &[slot(b"INNER      ", 0x10, 11, 0, EARLY), slot(b"A       JPG", 0x20, 30, 5, EARLY)]);
    card.folder(11, 10, &[slot(b"AGAIN      ", 0x10, 10, 0, EARLY)]);
    card.root(&[slot(b"DCIM       ", 0x10, 10, 0, EARLY), slot(b"GONE       ", 0x10, 9999, 0, EARLY)]);
    let walked = card.walk();
    assert_eq!(walked.paths(), ["DCIM/A.JPG"]);
    assert!(walked.told()[0].starts_with("GONE: the place of this folder"), "{:?}", walked.told());
    assert!(walked.told()[1].starts_with("DCIM/INNER/AGAIN: this folder leads back"), "{:?}", walked.told());
    // The chain of a folder loops.
    card.put(11, &slot(b"B       JPG", 0x20, 30, 5, EARLY).repeat(16));
    card.link(11, 11);
    let walked = card.walk();
    assert!(walked.told()[1].contains("leads back to itself"), "{:?}", walked.told());
}

#[test]
fn a_bad_sector_of_a_folder_costs_the_entries_that_stood_there_and_no_others() {
    let mut card = Card::new(16, 5000);
    let slots: Vec<Vec<u8>> = (0..48_u8)
        .map(|number| {
            card.file(&[100 + u32::from(number)], &[number; 9]);
            let name = format!("P{number:02}     JPG");
            slot(name.as_bytes().try_into().unwrap(), 0x20, 100 + u32::from(number), 9, EARLY)
        })
        .collect();
    card.folder(10, 0, &slots[..14]);
    card.put(11, &slots[14..30].concat());
    card.put(12, &slots[30..40].concat());
    card.link(10, 11);
    card.link(11, 12);
    card.link(12, u32::MAX);
    card.root(&[slot(b"DCIM       ", 0x10, 10, 0, EARLY)]);
    card.spoil(card.at(11));
    let walked = card.walk();
    assert_eq!(walked.files.len(), 24);
    assert_eq!(walked.content("DCIM/P39.JPG"), [39; 9]);
    assert_eq!(walked.problems.len(), 1);
    assert_eq!((walked.problems[0].path.as_str(), walked.problems[0].kind), ("DCIM", ProblemKind::Unreadable));
    assert!(walked.free.contains(card.at(120) as u64), "what nobody lists can be searched");
    assert!(!walked.free.contains(card.at(105) as u64));
}

#[test]
fn folders_below_a_part_that_is_lost_are_found_by_their_beginning() {
    let mut card = Card::new(16, 5000);
    card.file(&[30], b"photo");
    card.file(&[31], b"other");
    card.folder(10, 0, &[slot(b"100CANON   ", 0x10, 11, 0, EARLY)]);
    card.folder(11, 10, &[slot(b"A       JPG", 0x20, 30, 5, EARLY)]);
    card.folder(12, 0, &[slot(b"B       JPG", 0x20, 31, 5, EARLY)]);
    card.root(&[slot(b"DCIM       ", 0x10, 10, 0, EARLY), slot(b"TRIP       ", 0x10, 12, 0, EARLY)]);
    assert_eq!(card.walk().paths(), ["TRIP/B.JPG", "DCIM/100CANON/A.JPG"]);
    let mut top = card.clone();
    top.spoil(card.heap_at - 64 * 32);
    let walked = top.walk();
    assert_eq!(walked.paths(), ["lost folder 12/B.JPG", "lost folder 10/100CANON/A.JPG"]);
    assert!(walked.told()[1].contains("the name of this folder is lost"), "{:?}", walked.told());
    assert!(!walked.free.contains(card.at(30) as u64), "it lives");
    let mut inner = card.clone();
    inner.spoil(card.at(10));
    assert_eq!(inner.walk().paths(), ["TRIP/B.JPG", "DCIM/lost folder 11/A.JPG"]);
}

#[test]
fn a_sector_of_zeros_inside_a_folder_is_not_its_end() {
    let mut card = Card::new(16, 5000);
    card.file(&[200], b"photo");
    let name = |number: u8| format!("P{number:02}     JPG");
    let slots: Vec<Vec<u8>> =
        (0..46).map(|number| slot(name(number).as_bytes().try_into().unwrap(), 0x20, 200, 5, EARLY)).collect();
    card.folder(10, 0, &slots[..14]);
    card.put(12, &slots[30..].concat());
    for (cluster, next) in [(10, 11), (11, 12), (12, 13), (13, u32::MAX)] {
        card.link(cluster, next);
    }
    card.root(&[slot(b"DCIM       ", 0x10, 10, 0, EARLY)]);
    let walked = card.walk();
    assert_eq!(walked.files.len(), 30);
    assert!(walked.told().iter().any(|told| told.contains("512 bytes of the list of this folder are empty")));
    // What an older file left behind the end is none.
    card.put(12, &pattern(1, 512));
    let walked = card.walk();
    assert_eq!(walked.files.len(), 14);
    assert!(!walked.told().iter().any(|told| told.contains("are empty")), "{:?}", walked.told());
}

#[test]
fn a_folder_whose_links_cannot_be_read_goes_on_while_it_looks_like_one() {
    let mut card = Card::new(32, 1000);
    let name = |number: u8| format!("P{number:02}     JPG");
    let slots: Vec<Vec<u8>> =
        (0..40).map(|number| slot(name(number).as_bytes().try_into().unwrap(), 0x20, 0, 0, EARLY)).collect();
    card.folder(130, 0, &slots[..14]);
    card.put(131, &slots[14..30].concat());
    card.put(132, &[0xFF; 512]);
    card.root(&[slot(b"DCIM       ", 0x10, 130, 0, EARLY)]);
    card.spoil(card.table_at + 130 * 4);
    card.spoil(card.table_at + card.table_bytes + 130 * 4);
    let walked = card.walk();
    assert_eq!(walked.files.len(), 30);
    assert!(walked.told()[0].contains("ends before its time"), "{:?}", walked.told());
}

#[test]
fn the_copy_of_the_boot_sector_serves_where_the_first_is_lost() {
    let mut card = Card::new(32, 1000);
    card.file(&[10], b"photo");
    card.root(&[slot(b"A       JPG", 0x20, 10, 5, EARLY)]);
    let mut unreadable = card.clone();
    unreadable.spoil(0);
    assert_eq!(unreadable.walk().content("A.JPG"), b"photo");
    assert!(unreadable.walk().told()[0].contains("cannot be read: its copy was used"));
    let mut overwritten = card.clone();
    overwritten.bytes[..SECTOR].fill(0);
    assert_eq!(overwritten.walk().content("A.JPG"), b"photo");
    // What is left of an older volume below another's is none.
    card.bytes[..SECTOR].fill(0);
    card.bytes[3..11].copy_from_slice(b"NTFS    ");
    assert!(card.open().is_none());
    overwritten.bytes[32 * SECTOR] = 0;
    assert!(overwritten.open().is_none(), "no table begins there");
}

#[test]
fn a_layout_is_worked_out_where_no_boot_sector_is_left() {
    for kind in [16, 32] {
        let mut card = Card::new(kind, if kind == 16 { 5000 } else { 1000 });
        let bytes = pattern(1, 1500);
        card.file(&[30, 40, 31], &bytes);
        card.folder(20, 0, &[slot(b"PHOTO   JPG", 0x20, 30, 1500, EARLY)]);
        card.root(&[slot(b"DCIM       ", 0x10, 20, 0, EARLY)]);
        // The usual number of slots for the top folder.
        if kind == 16 {
            let at = card.heap_at;
            card.bytes.splice(at..at, vec![0; (512 - 64) * 32]);
            card.heap_at += (512 - 64) * 32;
        }
        (0..card.table_at).step_by(SECTOR).for_each(|at| card.spoil(at));
        let walked = card.walk();
        assert_eq!(walked.content("DCIM/PHOTO.JPG"), bytes);
        assert!(walked.told()[0].contains("its layout was worked out"), "{:?}", walked.told());
        let (volume, _) = card.open().unwrap();
        assert_eq!((volume.uuid(), volume.cluster_bytes()), (None, 512));
        // Without anything that proves the size of a cluster there is no volume.
        card.put(20, &[1; 512]);
        assert!(card.open().is_none());
    }
}

#[test]
fn long_names_are_taken_only_with_their_own_short_ones() {
    let mut card = Card::new(16, 5000);
    card.file(&[10], b"photo");
    let mut wrong = long("Somebody else's name.jpg", b"SOMEBO~1JPG", 10, 5);
    let end = wrong.len();
    wrong[end - 32..end - 21].copy_from_slice(b"MINE    JPG");
    let theirs = dead(long("Gone before.jpg", b"GONEBE~1JPG", 12, 5));
    let mine = [theirs[..theirs.len() - 32].to_vec(), dead(slot(b"YOURS   JPG", 0x20, 13, 5, EARLY))].concat();
    let orphan = long("Orphan of a long name.jpg", b"ORPHAN~1JPG", 10, 5)[32..].to_vec();
    let hostile = long("../../etc/x.jpg", b"ETCX~1  JPG", 10, 5);
    card.root(&[long("Strand Ω und Dünen 2014.jpeg", b"STRAND~1JPE", 10, 5), wrong, orphan, hostile, mine]);
    assert_eq!(
        card.walk().paths(),
        ["Strand Ω und Dünen 2014.jpeg", "MINE.JPG", "ORPHAN~1.JPG", ".._.._etc_x.jpg", "_OURS.JPG"]
    );
}

#[test]
fn a_deleted_file_in_one_piece_is_found_with_its_long_name() {
    let mut card = Card::new(16, 5000);
    let (bytes, small) = (pattern(1, 2000), pattern(2, 400));
    card.deleted(&[10, 11, 12, 13], &bytes);
    card.deleted(&[20], &small);
    card.root(&[
        dead(long("Summer at the sea 2014.jpg", b"SUMMER~1JPG", 10, 2000)),
        dead(slot(b"IMG_0002JPG", 0x20, 20, 400, EARLY)),
        dead(slot(b"NOWHERE JPG", 0x20, 0, 400, EARLY)),
    ]);
    let walked = card.walk();
    assert_eq!(walked.paths(), ["Summer at the sea 2014.jpg", "_MG_0002.JPG", "_OWHERE.JPG"]);
    assert_eq!(walked.standing("Summer at the sea 2014.jpg"), Standing::DeletedAssumed);
    assert_eq!(walked.content("Summer at the sea 2014.jpg"), bytes);
    assert_eq!((walked.standing("_MG_0002.JPG"), walked.content("_MG_0002.JPG")), (Standing::Deleted, small));
    assert_eq!(walked.standing("_OWHERE.JPG"), Standing::DeletedAssumed);
    assert!(walked.free.contains(card.at(11) as u64), "what it had is free");
}

#[test]
fn a_deleted_file_is_read_around_what_is_older_and_yields_to_what_is_younger() {
    let mut card = Card::new(16, 5000);
    let bytes = pattern(1, 2000);
    card.deleted(&[10, 11, 13, 14], &bytes);
    card.file(&[12], b"older");
    card.deleted(&[20, 21, 22, 23], &bytes);
    card.file(&[22], b"younger");
    card.deleted(&[30, 31], &bytes[..1024]);
    card.file(&[30, 90], &pattern(7, 700));
    card.deleted(&[40, 41, 42], &bytes[..1500]);
    card.link(41, 0xFFFF);
    let deleted = |name, first, size, when| dead(slot(name, 0x20, first, size, when));
    card.root(&[
        slot(b"OLDER      ", 0x20, 12, 5, EARLY),
        slot(b"YOUNGER    ", 0x20, 22, 7, LATE),
        slot(b"YOUNGER2   ", 0x20, 30, 700, LATE),
        deleted(b"AROUND  JPG", 10, 2000, LATE),
        deleted(b"OVER    JPG", 20, 2000, EARLY),
        deleted(b"BEGUN   JPG", 30, 1024, EARLY),
        deleted(b"UNKNOWN JPG", 40, 1500, EARLY),
    ]);
    let walked = card.walk();
    assert_eq!(
        (walked.standing("_ROUND.JPG"), walked.content("_ROUND.JPG")),
        (Standing::DeletedAssumed, bytes.clone())
    );
    assert_eq!(walked.standing("_VER.JPG"), Standing::DeletedReused);
    assert_eq!(walked.content("_VER.JPG")[1536..], bytes[1536..], "what is left of it stands where it stood");
    assert_eq!(walked.standing("_EGUN.JPG"), Standing::DeletedReused);
    assert_eq!(walked.content("_EGUN.JPG")[512..], bytes[512..1024], "the younger one's links are its own");
    assert_eq!(walked.standing("_NKNOWN.JPG"), Standing::DeletedReused);
}

#[test]
fn deleted_files_that_claim_one_cluster_are_both_in_doubt() {
    let mut card = Card::new(16, 5000);
    card.deleted(&[10], b"photo");
    card.deleted(&[20], b"other");
    card.root(&[
        dead(slot(b"ONE     JPG", 0x20, 10, 5, EARLY)),
        dead(slot(b"TWO     JPG", 0x20, 10, 400, LATE)),
        dead(slot(b"THREE   JPG", 0x20, 20, 5, LATE)),
    ]);
    let walked = card.walk();
    let standings = walked.files.iter().map(|file| file.standing).collect::<Vec<_>>();
    assert_eq!(standings, [Standing::DeletedAssumed, Standing::DeletedAssumed, Standing::Deleted]);
}

#[test]
fn what_was_only_renamed_or_moved_is_not_deleted() {
    let mut card = Card::new(16, 5000);
    card.file(&[10], b"photo");
    card.folder(11, 0, &[slot(b"NEW     JPG", 0x20, 10, 5, EARLY)]);
    card.root(&[
        dead(slot(b"OLD     JPG", 0x20, 10, 5, EARLY)),
        dead(slot(b"BEFORE     ", 0x10, 11, 0, EARLY)),
        slot(b"NOW        ", 0x10, 11, 0, EARLY),
    ]);
    assert_eq!(card.walk().paths(), ["NOW/NEW.JPG"]);
}

#[test]
fn the_files_of_deleted_folders_are_found_below_them() {
    let mut card = Card::new(16, 5000);
    card.deleted(&[20], b"first");
    card.file(&[21, 25, 22], &pattern(1, 1500));
    card.deleted(&[23], b"third");
    card.folder(10, 0, &[dead(long("Beach.jpeg", b"BEACH~1 JPE", 20, 5)), slot(b"KEPT    JPG", 0x20, 21, 1500, EARLY)]);
    card.put(10, &{
        let at = card.at(10);
        let mut whole = card.bytes[at..at + 512].to_vec();
        let used = whole.iter().rposition(|byte| *byte != 0).unwrap() / 32 + 1;
        let more: Vec<Vec<u8>> = (used..16).map(|_| dead(slot(b"FILL       ", 0x20, 0, 0, EARLY))).collect();
        whole.truncate(used * 32);
        [whole, more.concat()].concat()
    });
    card.put(11, &dead(slot(b"INNER      ", 0x10, 12, 0, EARLY)));
    card.folder(12, 10, &[dead(slot(b"DEEP    JPG", 0x20, 23, 5, EARLY))]);
    card.folder(14, 0, &[dead(slot(b"LOST    JPG", 0x20, 23, 5, EARLY))]);
    card.put(14, &[7; 512]);
    (10..15).for_each(|cluster| card.link(cluster, 0));
    // Another deleted folder lies there by now, or a living file that looks like one.
    card.folder(15, 0, &[dead(slot(b"LOST    JPG", 0x20, 23, 5, EARLY))]);
    card.link(15, 0);
    let (from, to) = (card.at(15), card.at(16));
    card.bytes.copy_within(from..to, to);
    card.folder(17, 0, &[dead(slot(b"INSIDE  JPG", 0x20, 24, 5, EARLY))]);
    card.root(&[
        dead(slot(b"TRIP       ", 0x10, 10, 0, EARLY)),
        dead(slot(b"REUSED     ", 0x10, 14, 0, EARLY)),
        dead(slot(b"ANOTHERS   ", 0x10, 16, 0, EARLY)),
        dead(slot(b"FILES      ", 0x10, 17, 0, EARLY)),
        slot(b"CARD    IMG", 0x20, 17, 512, EARLY),
    ]);
    let walked = card.walk();
    let paths: Vec<String> = walked.paths().into_iter().filter(|path| !path.ends_with("_ILL")).collect();
    assert_eq!(paths, ["CARD.IMG", "_RIP/Beach.jpeg", "_RIP/KEPT.JPG", "_RIP/_NNER/_EEP.JPG"]);
    assert_eq!(walked.standing("_RIP/Beach.jpeg"), Standing::Deleted);
    assert_eq!(walked.standing("_RIP/KEPT.JPG"), Standing::Deleted, "the table still links it");
    assert_eq!(walked.content("_RIP/KEPT.JPG"), pattern(1, 1500));
    assert_eq!(walked.content("_RIP/_NNER/_EEP.JPG"), b"third");
}

#[test]
fn a_deleted_folder_that_grew_is_followed_to_where_its_last_file_ends() {
    let mut card = Card::new(16, 5000);
    let name = |number: u32| format!("P{number:02}     JPG");
    let slots: Vec<Vec<u8>> = (0..20)
        .map(|number| {
            let first = 100 + number * 2 + u32::from(number >= 14);
            card.deleted(&[first, first + 1], &pattern(number as u8, 1000));
            dead(slot(name(number).as_bytes().try_into().unwrap(), 0x20, first, 1000, EARLY))
        })
        .collect();
    card.folder(10, 0, &slots[..14]);
    card.put(11, &pattern(1, 512));
    card.put(128, &slots[14..].concat());
    card.deleted(&[127, 129], &pattern(99, 1000));
    card.link(10, 0);
    card.root(&[dead(slot(b"DCIM       ", 0x10, 10, 0, EARLY)), dead(slot(b"AROUND  JPG", 0x20, 127, 1000, EARLY))]);
    let walked = card.walk();
    assert_eq!(walked.files.len(), 21);
    assert_eq!(walked.content("_CIM/_19.JPG"), pattern(19, 1000));
    assert_eq!(walked.content("_ROUND.JPG"), pattern(99, 1000), "no file was where a folder still is");
}

#[test]
fn a_wiped_upper_half_is_taken_from_the_neighbours_where_the_content_fits() {
    let mut card = Card::new(32, 200_000);
    let bytes = [b"\xFF\xD8\xFF".to_vec(), pattern(1, 1000)].concat();
    let first = (2 << 16) + 100;
    card.deleted(&[first, first + 1], &bytes);
    card.file(&[2 << 16 | 7], b"neighbour");
    card.root(&[
        slot(b"IMG_0001JPG", 0x20, 2 << 16 | 7, 9, EARLY),
        dead(slot(b"IMG_0002JPG", 0x20, 100, 1003, EARLY)),
        dead(slot(b"IMG_0003JPG", 0x20, 101, 5, EARLY)),
    ]);
    let walked = card.walk();
    assert_eq!((walked.standing("_MG_0002.JPG"), walked.content("_MG_0002.JPG")), (Standing::DeletedAssumed, bytes));
    assert_eq!(walked.standing("_MG_0003.JPG"), Standing::DeletedAssumed, "its place is a guess");
}

#[test]
fn free_space_is_what_no_living_file_or_folder_has() {
    let mut card = Card::new(32, 1000);
    card.file(&[10, 12], &pattern(1, 1000));
    card.deleted(&[14], b"gone");
    card.file(&[16], b"lost");
    card.root(&[slot(b"A       JPG", 0x20, 10, 1000, EARLY), dead(slot(b"B       JPG", 0x20, 14, 4, EARLY))]);
    let (volume, _) = card.open().unwrap();
    let free = volume.free().unwrap().unwrap();
    let at = |cluster| card.at(cluster) as u64;
    let expected: Ranges = [at(3)..at(10), at(11)..at(12), at(13)..card.bytes.len() as u64].into_iter().collect();
    assert_eq!(free, expected);
    assert_eq!(card.walk().free, expected, "and it is the same after a walk");
}

/// A medium of zeros with a few sectors that are none; counts the bytes that are asked for.
struct Huge {
    size: u64,
    sectors: std::collections::BTreeMap<u64, Vec<u8>>,
    asked: std::sync::atomic::AtomicU64,
}

impl Medium for Huge {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        self.asked.fetch_add(into.len() as u64, std::sync::atomic::Ordering::Relaxed);
        into.fill(0);
        for (place, bytes) in self.sectors.range(at.saturating_sub(511)..at + into.len() as u64) {
            for (byte, place) in bytes.iter().zip(*place..) {
                if let Some(into) = place.checked_sub(at).and_then(|at| into.get_mut(at as usize)) {
                    *into = *byte;
                }
            }
        }
        Ok(Ranges::new())
    }
}

#[test]
fn a_volume_of_two_terabytes_is_read_by_its_metadata_alone() {
    let mut boot = Card::new(32, 100).bytes[..SECTOR].to_vec();
    boot[13] = 64;
    boot[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    let table_sectors: u32 = (1 << 26) * 4 / 512;
    boot[36..40].copy_from_slice(&table_sectors.to_le_bytes());
    let heap_at = (32 + 2 * u64::from(table_sectors)) * 512;
    let mut root = dead(slot(b"FILM    MOV", 0x20, 0x0102_0304, u32::MAX, EARLY));
    root.extend(slot(b"PHOTO   JPG", 0x20, 9, 5, EARLY));
    let mut table = vec![0; SECTOR];
    table[8..12].fill(0xFF);
    table[36..40].fill(0xFF);
    let sectors = [(0, boot), (32 * 512, table), (heap_at, root)].into();
    let huge = Arc::new(Huge { size: 2 << 40, sectors, asked: 0.into() });
    let medium: Arc<dyn Medium> = Arc::<Huge>::clone(&huge);
    let volume = open(Arc::clone(&medium), &berlin()).unwrap().unwrap();
    let walked = walked(volume.as_ref(), medium);
    assert_eq!(walked.paths(), ["PHOTO.JPG", "_ILM.MOV"]);
    assert_eq!(walked.free.len(), 2, "around the photo");
    let asked = huge.asked.load(std::sync::atomic::Ordering::Relaxed);
    assert!(asked < 4 << 20, "{asked} bytes were read");
}

#[test]
fn other_things_are_no_fat() {
    for bytes in [vec![], vec![0; 100], vec![0; 1 << 20], vec![0xFF; 1 << 20]] {
        let medium: Arc<dyn Medium> = Arc::new((bytes, Ranges::new()));
        assert!(open(medium, &berlin()).unwrap().is_none());
    }
    let mut card = Card::new(16, 5000);
    card.bad.insert(0..1 << 30);
    assert!(card.open().is_none());
}

fn lively(kind: u8) -> Card {
    let mut card = Card::new(kind, if kind == 16 { 4200 } else { 300 });
    card.file(&[30, 40, 31], &pattern(1, 1500));
    card.file(&[33], b"x");
    card.deleted(&[50, 51, 53], &pattern(2, 1500));
    card.folder(20, 0, &[long("A long name in a folder.jpg", b"ALONGN~1JPG", 33, 1)]);
    card.folder(22, 20, &[dead(slot(b"C       JPG", 0x20, 60, 600, EARLY))]);
    card.link(22, 0);
    card.root(&[
        long("A photo.jpg", b"APHOTO~1JPG", 30, 1500),
        slot(b"DCIM       ", 0x10, 20, 0, EARLY),
        dead(long("Another photo.jpg", b"ANOTHE~1JPG", 50, 1500)),
        dead(slot(b"TRIP       ", 0x10, 22, 0, EARLY)),
    ]);
    card
}

proptest! {
    /// As many as `PROPTEST_CASES` says.
    #[test]
    fn whatever_is_changed_or_lost_a_walk_ends_and_holds(
        kind in prop_oneof![Just(12_u8), Just(16), Just(32)],
        places in prop::collection::vec((0..5_u8, any::<prop::sample::Index>(), prop_oneof![
            any::<u8>(), Just(0_u8), Just(0xFF), Just(0xE5), 2..64_u8
        ]), 0..24),
        holes in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        length in prop_oneof![4 => Just(1.0), 1 => 0.0..1.0],
    ) {
        let mut card = lively(kind);
        for (part, index, byte) in places {
            let root = card.heap_at - if kind == 32 { 0 } else { 64 * 32 };
            let (at, size) = match part {
                0 => (11, 60),
                1 => (card.table_at, 300),
                2 => (root, 11 * 32),
                3 => (card.at(20), 4 * 512),
                _ => (0, card.bytes.len()),
            };
            card.bytes[at + index.index(size)] = byte;
        }
        for hole in holes {
            let at = hole.index(card.heap_at + 60 * SECTOR);
            card.spoil(at);
        }
        #[allow(clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of it")]
        card.bytes.truncate((card.bytes.len() as f64 * length) as usize);
        if let Some((volume, medium)) = card.open() {
            hold(&walked(volume.as_ref(), medium));
        }
    }
}
