//! Volumes that are made in memory, and what is read of them.

#![allow(clippy::cast_possible_truncation, reason = "the volumes are small")]

use super::*;
use crate::model::{ProblemKind, Ranges};
use crate::sources::disk::clusters::tests::{Walked, berlin, hold, walked};
use crate::sources::disk::file_system::{Content, Extent, Standing};
use proptest::prelude::*;

const SECTOR: usize = 512;
const CLUSTERS: usize = 400;
const TABLE: usize = 24 * SECTOR;
const HEAP: usize = 28 * SECTOR;
/// The map of clusters in use, and the top folder; the folder has two clusters.
const BITMAP: u32 = 2;
const ROOT: u32 = 3;
/// 2014-08-03 14:22:32 as a wall clock.
const WHEN: u32 = (34 << 9 | 8 << 5 | 3) << 16 | (14 << 11 | 22 << 5 | 16);

#[derive(Clone)]
struct Stick {
    bytes: Vec<u8>,
    bad: Ranges,
}

/// How a file is described.
#[derive(Clone, Copy)]
struct About {
    first: u32,
    size: u64,
    written: u64,
    is_chained: bool,
    is_folder: bool,
    offset: u8,
    when: u32,
}

const PLAIN: About =
    About { first: 0, size: 0, written: u64::MAX, is_chained: false, is_folder: false, offset: 0x80 | 8, when: WHEN };

fn set(name: &str, about: About) -> Vec<u8> {
    let units: Vec<u16> = name.encode_utf16().collect();
    let names = units.len().div_ceil(15);
    let mut slots = vec![0; 32 * (2 + names)];
    slots[0] = 0x85;
    slots[1] = 1 + names as u8;
    slots[4] = if about.is_folder { 0x10 } else { 0x20 };
    slots[8..12].copy_from_slice(&about.when.to_le_bytes());
    slots[12..16].copy_from_slice(&about.when.to_le_bytes());
    slots[21] = 150;
    slots[23] = about.offset;
    slots[32] = 0xC0;
    slots[33] = if about.is_chained { 1 } else { 3 };
    slots[35] = units.len() as u8;
    slots[40..48].copy_from_slice(&about.written.min(about.size).to_le_bytes());
    slots[52..56].copy_from_slice(&about.first.to_le_bytes());
    slots[56..64].copy_from_slice(&about.size.to_le_bytes());
    for (index, part) in units.chunks(15).enumerate() {
        let at = 64 + index * 32;
        slots[at] = 0xC1;
        for (place, unit) in (at + 2..).step_by(2).zip(part) {
            slots[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
    }
    let mut sum = 0_u16;
    for (at, byte) in slots.iter().enumerate() {
        if !matches!(at, 2 | 3) {
            sum = sum.rotate_right(1).wrapping_add(u16::from(*byte));
        }
    }
    slots[2..4].copy_from_slice(&sum.to_le_bytes());
    slots
}

fn dead(mut slots: Vec<u8>) -> Vec<u8> {
    slots.chunks_mut(32).for_each(|slot| slot[0] &= 0x7F);
    slots
}

fn pattern(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7) as u8 ^ seed).collect()
}

impl Stick {
    fn new() -> Self {
        let mut bytes = vec![0; HEAP + CLUSTERS * SECTOR];
        let sectors = (bytes.len() / SECTOR) as u64;
        let boot = &mut bytes[..SECTOR];
        boot[..11].copy_from_slice(b"\xEB\x76\x90EXFAT   ");
        boot[72..80].copy_from_slice(&sectors.to_le_bytes());
        let fields = [(80, 24), (84, 4), (88, 28), (92, CLUSTERS as u32), (96, ROOT), (100, 0x1A2B_3C4D)];
        for (at, value) in fields {
            boot[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        }
        boot[108] = 9;
        boot[110] = 1;
        boot[510..].copy_from_slice(&[0x55, 0xAA]);
        let sum = boot::checksum(&bytes[..11 * SECTOR]).to_le_bytes();
        bytes[11 * SECTOR..12 * SECTOR].copy_from_slice(&sum.repeat(SECTOR / 4));
        bytes.copy_within(..12 * SECTOR, 12 * SECTOR);
        let mut stick = Self { bytes, bad: Ranges::new() };
        stick.link(BITMAP, u32::MAX);
        stick.link(ROOT, ROOT + 1);
        stick.link(ROOT + 1, u32::MAX);
        for cluster in [BITMAP, ROOT, ROOT + 1] {
            stick.mark(cluster, true);
        }
        stick
    }

    fn link(&mut self, cluster: u32, next: u32) {
        let at = TABLE + cluster as usize * 4;
        self.bytes[at..at + 4].copy_from_slice(&next.to_le_bytes());
    }

    fn mark(&mut self, cluster: u32, is_used: bool) {
        let index = cluster as usize - 2;
        let byte = &mut self.bytes[HEAP + index / 8];
        *byte = *byte & !(1 << (index % 8)) | u8::from(is_used) << (index % 8);
    }

    fn at(cluster: u32) -> usize {
        HEAP + (cluster as usize - 2) * SECTOR
    }

    fn put(&mut self, cluster: u32, bytes: &[u8]) {
        let at = Self::at(cluster);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn file(&mut self, clusters: &[u32], bytes: &[u8], lives: bool) {
        for (cluster, piece) in clusters.iter().zip(bytes.chunks(SECTOR)) {
            self.put(*cluster, piece);
            self.mark(*cluster, lives);
        }
    }

    fn chain(&mut self, clusters: &[u32]) {
        for (index, cluster) in clusters.iter().enumerate() {
            self.link(*cluster, clusters.get(index + 1).copied().unwrap_or(u32::MAX));
        }
    }

    fn root(&mut self, slots: &[Vec<u8>]) {
        let mut system = vec![0; 64];
        system[0] = 0x81;
        system[20] = BITMAP as u8;
        system[24..32].copy_from_slice(&(CLUSTERS as u64).div_ceil(8).to_le_bytes());
        system[32] = 0x83;
        system[33] = 5;
        system[34..44].copy_from_slice(b"S\0t\0i\0c\0k\0");
        self.put(ROOT, &[system, slots.concat()].concat());
    }

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
fn files_with_and_without_a_chain_are_read() {
    let mut stick = Stick::new();
    let (whole, pieces) = (pattern(1, 1400), pattern(2, 1400));
    stick.file(&[10, 11, 12], &whole, true);
    stick.file(&[20, 30, 21], &pieces, true);
    stick.chain(&[20, 30, 21]);
    let name = "Ein Strand Ω im Sommer 2014 mit Düne.jpeg";
    let west = About { offset: 0x80 | (0x80 - 16), ..PLAIN };
    stick.root(&[
        set(name, About { first: 10, size: 1400, ..PLAIN }),
        set("PIECES.JPG", About { first: 20, size: 1400, is_chained: true, offset: 0, ..PLAIN }),
        set("EMPTY", west),
    ]);
    let (volume, _) = stick.open().unwrap();
    assert_eq!((volume.kind(), volume.label().as_deref()), ("exFAT", Some("Stick")));
    assert_eq!(volume.uuid().as_deref(), Some("1A2B-3C4D"));
    assert_eq!((volume.cluster_bytes(), volume.first_cluster()), (512, HEAP as u64));
    let walked = stick.walk();
    assert_eq!(walked.content(name), whole);
    assert_eq!(walked.content("PIECES.JPG"), pieces);
    assert_eq!(walked.told(), Vec::<String>::new());
    let when = |name| walked.file(name).modified_at.unwrap().to_string();
    assert_eq!(when(name), "2014-08-03T12:22:33.5Z");
    assert_eq!(when("PIECES.JPG"), "2014-08-03T12:22:33.5Z", "without an offset: the zone it was given");
    assert_eq!(when("EMPTY"), "2014-08-03T18:22:33.5Z");
}

#[test]
fn what_was_never_written_reads_as_zeros() {
    let mut stick = Stick::new();
    stick.file(&[10, 11, 12], &pattern(1, 1400), true);
    stick.root(&[set("A.MOV", About { first: 10, size: 1400, written: 600, ..PLAIN })]);
    let walked = stick.walk();
    let at = Some(Stick::at(10) as u64);
    let expected = vec![Extent { at, length: 600 }, Extent { at: None, length: 800 }];
    assert_eq!(walked.file("A.MOV").content, Content::Extents(expected));
    assert!(!walked.free.contains(Stick::at(12) as u64));
}

#[test]
fn the_copy_of_the_boot_region_serves_where_the_first_is_lost() {
    let mut stick = Stick::new();
    stick.file(&[10], b"photo", true);
    stick.root(&[set("A.JPG", About { first: 10, size: 5, ..PLAIN })]);
    let mut unreadable = stick.clone();
    unreadable.spoil(0);
    assert_eq!(unreadable.walk().content("A.JPG"), b"photo");
    assert!(unreadable.walk().told()[0].contains("their copy was"));
    let mut altered = stick.clone();
    altered.bytes[96] = 77;
    assert_eq!(altered.walk().content("A.JPG"), b"photo", "the checksum tells which is right");
    let mut without_checksum = stick.clone();
    without_checksum.spoil(11 * SECTOR);
    without_checksum.spoil(12 * SECTOR);
    assert_eq!(without_checksum.walk().content("A.JPG"), b"photo");
    // Another's boot sector, and a copy that is left over but not whole.
    stick.bytes[..SECTOR].fill(0);
    stick.bytes[20 * SECTOR] = 1;
    assert!(stick.open().is_none());
}

#[test]
fn a_chain_that_cannot_be_read_is_assumed_to_go_on_in_one_piece() {
    let mut stick = Stick::new();
    let bytes = pattern(1, 1400);
    stick.file(&[200, 201, 202], &bytes, true);
    stick.chain(&[200, 201, 202]);
    stick.root(&[set("A.JPG", About { first: 200, size: 1400, is_chained: true, ..PLAIN })]);
    stick.spoil(TABLE + 200 * 4);
    let walked = stick.walk();
    assert_eq!(walked.content("A.JPG"), bytes);
    assert_eq!(walked.problems[0].kind, ProblemKind::Unproven);
}

#[test]
fn a_file_larger_than_the_volume_gives_what_there_is() {
    let mut stick = Stick::new();
    stick.root(&[
        set("HUGE.MOV", About { first: 395, size: u64::MAX, ..PLAIN }),
        set("AGAIN.MOV", About { first: 395, size: 1 << 50, ..PLAIN }),
        set("NOWHERE.MOV", About { first: 0, size: 99, ..PLAIN }),
    ]);
    let walked = stick.walk();
    assert_eq!(walked.content("AGAIN.MOV").len(), 7 * SECTOR);
    assert_eq!(walked.problems.iter().filter(|problem| problem.kind == ProblemKind::Truncated).count(), 3);
}

#[test]
fn a_bad_sector_of_a_folder_costs_what_stood_there_and_names_only_where_they_straddle_it() {
    let mut stick = Stick::new();
    stick.file(&[10], b"photo", true);
    // Two system slots, then sets of four slots: the fourth set straddles the end of the first sector.
    let name = |number: u8| format!("A photo with a name {number:02}.jpg");
    let sets: Vec<Vec<u8>> = (0..7).map(|number| set(&name(number), About { first: 10, size: 5, ..PLAIN })).collect();
    stick.root(&sets);
    assert_eq!(stick.walk().files.len(), 7);
    let mut first = stick.clone();
    first.spoil(Stick::at(ROOT));
    let walked = first.walk();
    assert_eq!(walked.paths(), (4..7).map(name).collect::<Vec<_>>());
    let mut second = stick.clone();
    second.spoil(Stick::at(ROOT + 1));
    let walked = second.walk();
    assert_eq!(walked.paths()[..3], (0..3).map(name).collect::<Vec<_>>());
    assert_eq!(walked.content(&walked.paths()[3]), b"photo", "it is there, but its name is not whole");
    assert!(walked.told().iter().any(|told| told.contains("its name may be wrong")), "{:?}", walked.told());
}

#[test]
fn folders_below_a_part_that_is_lost_are_found_by_their_beginning() {
    let mut stick = Stick::new();
    stick.file(&[20], b"photo", true);
    stick.file(&[10], &set("A.JPG", About { first: 20, size: 5, ..PLAIN }), true);
    stick.root(&[set("DCIM", About { first: 10, size: 512, is_folder: true, ..PLAIN })]);
    assert_eq!(stick.walk().paths(), ["DCIM/A.JPG"]);
    stick.spoil(Stick::at(ROOT));
    // Without the map of clusters in use, which the top folder leads to, only the table tells.
    stick.chain(&[10]);
    let walked = stick.walk();
    assert_eq!(walked.paths(), ["lost folder 10/A.JPG"]);
    assert_eq!(walked.content("lost folder 10/A.JPG"), b"photo");
    // Of one that has two clusters, the second is no folder of its own.
    let many: Vec<Vec<u8>> = (0..8).map(|number| set(&format!("{number}.JPG"), PLAIN)).collect();
    let many = many.concat();
    stick.file(&[10], &many[..480], true);
    stick.bytes[Stick::at(10) + 480] = 0x41;
    stick.file(&[13], &many[480..], true);
    stick.chain(&[10, 13]);
    let paths = stick.walk().paths();
    assert_eq!(paths.len(), 8);
    assert!(paths.iter().all(|path| path.starts_with("lost folder 10/")), "{paths:?}");
}

#[test]
fn a_set_that_does_not_match_its_checksum_is_read_and_doubted() {
    let mut stick = Stick::new();
    stick.file(&[10], b"photo", true);
    let mut altered = set("A.JPG", About { first: 10, size: 5, ..PLAIN });
    altered[66] = b'B';
    let mut gone = set("A.JPG", About { first: 11, size: 5, ..PLAIN });
    gone[66] = b'B';
    stick.root(&[altered, dead(gone)]);
    let walked = stick.walk();
    assert_eq!(walked.paths(), ["B.JPG"]);
    assert!(walked.told()[0].contains("does not match its checksum"), "{:?}", walked.told());
}

#[test]
fn a_deleted_file_keeps_its_place_while_nobody_takes_it() {
    let mut stick = Stick::new();
    let bytes = pattern(1, 1400);
    stick.file(&[10, 11, 12], &bytes, false);
    stick.file(&[20, 30, 21], &bytes, false);
    stick.chain(&[20, 30, 21]);
    stick.file(&[40, 41, 42], &bytes, false);
    stick.file(&[51, 52, 53], &bytes, false);
    stick.file(&[52], b"new", true);
    stick.file(&[60, 61, 62], &bytes, false);
    stick.mark(61, true);
    // Its chain leads to what another has now.
    stick.file(&[80, 82, 81], &bytes, false);
    stick.chain(&[80, 52, 81]);
    let chained = About { size: 1400, is_chained: true, ..PLAIN };
    stick.root(&[
        dead(set("WHOLE.JPG", About { first: 10, size: 1400, ..PLAIN })),
        dead(set("CHAIN.JPG", About { first: 20, ..chained })),
        dead(set("BROKEN.JPG", About { first: 40, ..chained })),
        dead(set("TAKEN.JPG", About { first: 51, size: 1400, ..PLAIN })),
        set("NEW.JPG", About { first: 52, size: 3, ..PLAIN }),
        dead(set("LED.JPG", About { first: 80, ..chained })),
    ]);
    stick.link(ROOT + 1, 70);
    stick.file(&[70], &dead(set("MARKED.JPG", About { first: 60, size: 1400, ..PLAIN })), true);
    stick.chain(&[70]);
    // The first folder's clusters are full to their end, or the last would not be met.
    let at = Stick::at(ROOT);
    let used = stick.bytes[at..at + 2 * SECTOR].iter().rposition(|byte| *byte != 0).unwrap() / 32 + 1;
    for slot in used..32 {
        stick.bytes[at + slot * 32] = 0x41;
    }
    let walked = stick.walk();
    let found = ["WHOLE.JPG", "CHAIN.JPG", "BROKEN.JPG", "TAKEN.JPG", "MARKED.JPG", "LED.JPG"]
        .map(|name| walked.standing(name));
    let (sure, assumed, reused) = (Standing::Deleted, Standing::DeletedAssumed, Standing::DeletedReused);
    assert_eq!(found, [sure, sure, assumed, reused, reused, reused]);
    let contents = ["WHOLE.JPG", "CHAIN.JPG", "BROKEN.JPG", "MARKED.JPG"].map(|name| walked.content(name) == bytes);
    assert_eq!(contents, [true; 4]);
}

#[test]
fn the_files_of_deleted_folders_are_found_below_them() {
    let mut stick = Stick::new();
    stick.file(&[20], b"photo", false);
    stick.file(&[21], b"inner", false);
    stick.file(
        &[10],
        &[
            dead(set("A.JPG", About { first: 20, size: 5, ..PLAIN })),
            dead(set("Inner", About { first: 11, size: 512, is_folder: true, ..PLAIN })),
        ]
        .concat(),
        false,
    );
    stick.file(&[11], &set("B.JPG", About { first: 21, size: 5, ..PLAIN }), false);
    stick.file(&[12], &[9; 512], false);
    let folder = About { size: 512, is_folder: true, ..PLAIN };
    stick.root(&[
        dead(set("Trip", About { first: 10, ..folder })),
        dead(set("Overwritten", About { first: 12, ..folder })),
    ]);
    let walked = stick.walk();
    assert_eq!(walked.paths(), ["Trip/A.JPG", "Trip/Inner/B.JPG"]);
    assert_eq!(walked.standing("Trip/Inner/B.JPG"), Standing::Deleted);
    assert_eq!(walked.content("Trip/Inner/B.JPG"), b"inner");
}

#[test]
fn folders_that_lead_back_to_themselves_are_listed_once() {
    let mut stick = Stick::new();
    let folder = About { first: 10, size: 512, is_folder: true, ..PLAIN };
    stick.file(&[10], &set("Again", folder), true);
    stick.root(&[set("DCIM", folder), set("Top", About { first: ROOT, ..folder })]);
    let walked = stick.walk();
    assert!(walked.files.is_empty());
    assert_eq!(walked.problems.len(), 2, "{:?}", walked.told());
}

#[test]
fn free_space_is_what_no_living_file_or_folder_has() {
    let mut stick = Stick::new();
    stick.file(&[10, 11], &pattern(1, 1000), true);
    stick.file(&[14], b"lost", true);
    stick.root(&[set("A.JPG", About { first: 10, size: 1000, ..PLAIN })]);
    let (volume, _) = stick.open().unwrap();
    let at = |cluster| Stick::at(cluster) as u64;
    let expected: Ranges = [at(5)..at(10), at(12)..stick.bytes.len() as u64].into_iter().collect();
    assert_eq!(volume.free().unwrap().unwrap(), expected);
    assert_eq!(stick.walk().free, expected);
}

proptest! {
    /// As many as `PROPTEST_CASES` says.
    #[test]
    fn whatever_is_changed_or_lost_a_walk_ends_and_holds(
        places in prop::collection::vec((0..5_u8, any::<prop::sample::Index>(), prop_oneof![
            any::<u8>(), Just(0_u8), Just(0xFF), Just(0x85), Just(0xC0), 2..64_u8
        ]), 0..24),
        holes in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        length in prop_oneof![4 => Just(1.0), 1 => 0.0..1.0],
    ) {
        let mut stick = Stick::new();
        stick.file(&[30, 40, 31], &pattern(1, 1400), true);
        stick.chain(&[30, 40, 31]);
        stick.file(&[20], &set("B.JPG", About { first: 21, size: 5, ..PLAIN }), true);
        stick.file(&[22], &set("C.JPG", About { first: 23, size: 5, ..PLAIN }), false);
        let folder = About { size: 512, is_folder: true, ..PLAIN };
        stick.root(&[
            set("A photo in pieces.jpg", About { first: 30, size: 1400, is_chained: true, ..PLAIN }),
            set("DCIM", About { first: 20, ..folder }),
            dead(set("Trip", About { first: 22, ..folder })),
            dead(set("Gone.jpg", About { first: 50, size: 5000, ..PLAIN })),
        ]);
        for (part, index, byte) in places {
            let (at, size) = match part {
                0 => (64, 56),
                1 => (TABLE, 300),
                2 => (Stick::at(ROOT), 16 * 32),
                3 => (Stick::at(20), 3 * 512),
                _ => (0, stick.bytes.len()),
            };
            stick.bytes[at + index.index(size)] = byte;
        }
        for hole in holes {
            stick.spoil(hole.index(HEAP + 60 * SECTOR));
        }
        #[allow(clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of it")]
        stick.bytes.truncate((stick.bytes.len() as f64 * length) as usize);
        if let Some((volume, medium)) = stick.open() {
            hold(&walked(volume.as_ref(), medium));
        }
    }
}
