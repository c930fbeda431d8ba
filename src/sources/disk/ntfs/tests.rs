//! Volumes that were written by hand, sound ones and others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it expected")]

mod volume;

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::boot::LOST;
use crate::model::Ranges;
use crate::sources::disk::file_system::{Content, Extent, Standing};
use volume::{
    BITMAP, CLUSTER, CLUSTERS, FILES, MIRROR, Made, TABLE, Volume, Walked, content_of, data, information, name,
    name_of, part, reference, resident, times,
};

const TOP: (u64, u16) = (5, 5);

/// A folder with a photo in two pieces, a note in its record, and a file that is mostly zeros.
fn small() -> Volume {
    let mut volume = Volume::new();
    volume.record(30, Made::folder(vec![name(TOP, "Fotos")]));
    let pieces = [(Some(FILES + 50), 2), (Some(FILES), 3)];
    volume.fill(FILES..FILES + 3);
    volume.fill(FILES + 50..FILES + 52);
    let times = times("2014-08-03T14:22:33Z", "2014-08-04T00:00:00Z");
    volume.record(31, Made::file(vec![times, name((30, 1), "Straße.jpg"), data(&pieces, 4900)]));
    volume.record(32, Made::file(vec![name((30, 1), "note.txt"), resident(0x80, b"Lisbon")]));
    volume.fill(FILES + 10..FILES + 14);
    let sparse = [(None, 4), (Some(FILES + 10), 4), (None, 2)];
    volume.record(33, Made::file(vec![name(TOP, "sparse.bin"), part(&sparse, 0, [10_000, 6_000], 0x8000, 0)]));
    volume
}

#[test]
fn a_sound_volume_gives_all_that_it_has() {
    let walked = small().walked(Ranges::new());
    assert_eq!(walked.problems, Vec::<String>::new());
    assert_eq!(walked.paths(), ["Fotos/Straße.jpg", "Fotos/note.txt", "sparse.bin"]);
    let photo = walked.file("Fotos/Straße.jpg");
    assert_eq!(photo.modified_at, Some("2014-08-03T14:22:33Z".parse().unwrap()));
    assert_eq!((photo.inode, photo.standing, photo.size), (31, Standing::Living, 4900));
    let all: Vec<u8> = [250, 251, 200, 201, 202].into_iter().flat_map(content_of).take(4900).collect();
    assert_eq!(walked.whole("Fotos/Straße.jpg"), all);
    assert_eq!(walked.whole("Fotos/note.txt"), b"Lisbon");
    let mut sparse = vec![0; 10_000];
    sparse[4096..6000].copy_from_slice(&(210..212).flat_map(content_of).collect::<Vec<_>>()[..1904]);
    assert_eq!(walked.whole("sparse.bin"), sparse, "behind what was written there are zeros");
    assert_eq!(walked.system.label().as_deref(), Some("Ferien ä"));
    assert_eq!(walked.system.uuid().as_deref(), Some("0123456789ABCDEF"));
    assert_eq!((walked.system.kind(), walked.system.cluster_bytes()), ("NTFS", 1024));
    let free = walked.system.free().unwrap().unwrap();
    let clusters: Vec<_> = free.iter().map(|range| range.start / 1024..range.end / 1024).collect();
    assert_eq!(clusters, [101..200, 203..210, 214..250, 252..2048]);
}

#[test]
fn one_bad_sector_in_the_table_costs_one_file() {
    let place = Volume::place(32);
    let walked = small().walked(Ranges::one(place.start..place.start + 512));
    assert_eq!(walked.paths(), ["Fotos/Straße.jpg", "sparse.bin"]);
    assert_eq!(
        walked.problems,
        ["(the whole volume): one entry in the list of files cannot be read: a file or a folder may be missing here"]
    );
}

#[test]
fn a_record_that_was_written_half_is_whole_as_far_as_it_goes() {
    let mut volume = small();
    let place = usize::try_from(Volume::place(31).start).unwrap();
    volume.bytes[place + 1022] ^= 1;
    let walked = volume.walked(Ranges::new());
    assert_eq!(walked.problems, Vec::<String>::new());
    assert_eq!(walked.whole("Fotos/Straße.jpg").len(), 4900);
    let free = walked.system.free().unwrap().unwrap();
    assert!(
        free.meets(80 * 1024..100 * 1024),
        "taken and claimed by nobody: what the rest of the record told of may lie there"
    );
    volume.bytes[place + 510] ^= 1;
    assert_eq!(volume.walked(Ranges::new()).paths(), ["Fotos/note.txt", "sparse.bin"]);
}

#[test]
fn a_file_whose_entry_ends_before_its_content_is_named() {
    let mut volume = small();
    let long = name(TOP, &"x".repeat(200));
    volume.record(34, Made::file(vec![long, data(&[(Some(FILES), 3)], 3000)]));
    let place = Volume::place(34);
    let walked = volume.walked(Ranges::one(place.start + 512..place.end));
    assert_eq!(walked.files.len(), 3, "its name is cut off too");
    let mut volume = small();
    let big = resident(0x80, &[7; 500]);
    volume.record(34, Made::file(vec![name(TOP, "cut.jpg"), big]));
    let walked = volume.walked(Ranges::one(place.start + 512..place.end));
    assert_eq!(walked.problems, ["cut.jpg: the part of the drive that says where its content lies cannot be read"]);
}

#[test]
fn files_of_a_lost_folder_stay_together() {
    let place = Volume::place(30);
    let walked = small().walked(Ranges::one(place));
    assert_eq!(walked.paths(), ["[orphan]/folder 30/Straße.jpg", "[orphan]/folder 30/note.txt", "sparse.bin"]);
}

#[test]
fn a_table_whose_beginning_is_lost_is_found_by_its_copy() {
    let volume = small();
    let first = Volume::place(0);
    let walked = volume.walked(Ranges::one(first.start..first.start + 4096));
    assert_eq!(walked.paths().len(), 3);
    assert_eq!(walked.system.label().as_deref(), Some("Ferien ä"));
    assert!(walked.problems[0].contains("the copy of it was used"), "{:?}", walked.problems);
    let copy = (MIRROR * CLUSTER) as u64;
    let both = [first.start..first.start + 4096, copy..copy + 4096].into_iter().collect();
    let walked = volume.walked(both);
    assert_eq!(walked.paths().len(), 3, "by its place");
    assert_eq!(walked.problems.len(), 1, "{:?}", walked.problems);
    assert_eq!(walked.system.label(), None);
}

#[test]
fn the_last_sector_stands_in_for_the_first_unless_something_else_began_there() {
    let mut volume = small();
    let walked = volume.walked(Ranges::one(0..512));
    assert_eq!((walked.paths().len(), walked.problems.len()), (3, 1), "{:?}", walked.problems);
    volume.bytes[..512].fill(0);
    assert_eq!(volume.walked(Ranges::new()).paths().len(), 3);
    volume.bytes[3..11].copy_from_slice(b"EXFAT   ");
    volume.bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
    assert!(Walked::of((volume.bytes.clone(), Ranges::new())).is_none(), "formatted anew");
    volume.bytes[3..11].copy_from_slice(b"-FVE-FS-");
    assert!(Walked::of((volume.bytes.clone(), Ranges::new())).is_none(), "BitLocker");
    let size = volume.bytes.len();
    volume.bytes.copy_within(size - 512.., 0);
    volume.bytes[0x30] ^= 0xFF;
    volume.bytes[0x38] ^= 0xFF;
    let walked = volume.walked(Ranges::new());
    assert_eq!(
        (walked.paths().len(), walked.problems.len()),
        (3, 1),
        "places that are not true: {:?}",
        walked.problems
    );
    volume.bytes[..512].fill(0);
    volume.bytes[1080..1082].copy_from_slice(&[0x53, 0xEF]);
    assert!(Walked::of((volume.bytes.clone(), Ranges::new())).is_none(), "ext, which leaves the first sector empty");
    volume.bytes[1080..1082].fill(0);
    assert!(Walked::of((volume.bytes.clone(), Ranges::new())).is_some());
    let table = TABLE * CLUSTER;
    volume.bytes[table..table + 4].fill(0);
    volume.bytes[MIRROR * CLUSTER..MIRROR * CLUSTER + 4].fill(0);
    assert!(Walked::of((volume.bytes, Ranges::new())).is_none(), "an old copy, and nothing else left");
}

#[test]
fn a_file_of_many_pieces_goes_on_in_other_records_and_a_lost_one_is_a_hole() {
    let mut volume = small();
    volume.fill(FILES + 20..FILES + 26);
    let of = |at: usize, vcn: u64| part(&[(Some(FILES + at), 2)], vcn, [6 * 1024, 6 * 1024], 0, 0);
    let further = |attribute| Made { base: reference(35, 1), ..Made::file(vec![attribute]) };
    // The name is elsewhere too, and in front; no list is needed to find any of it.
    volume.record(34, further(name(TOP, "pieces.jpg")));
    volume.record(35, Made::file(vec![of(24, 0)]));
    volume.record(36, further(of(22, 4)));
    volume.record(37, further(of(20, 2)));
    let stranger = Made { base: reference(35, 2), ..Made::file(vec![of(0, 2)]) };
    volume.record(38, stranger);
    let all: Vec<u8> = [224, 225, 220, 221, 222, 223].into_iter().flat_map(content_of).collect();
    assert_eq!(volume.walked(Ranges::new()).whole("pieces.jpg"), all);
    let walked = volume.walked(Ranges::one(Volume::place(37)));
    let (bytes, holes) = walked.read("pieces.jpg");
    assert_eq!(holes.to_string(), "2048+2048");
    assert_eq!(bytes[4096..], all[4096..]);
    let walked = volume.walked(Ranges::one(Volume::place(36)));
    assert_eq!(walked.read("pieces.jpg").0, all[..4096], "the rest is lost");
    let walked = volume.walked(Ranges::one(Volume::place(35)));
    assert_eq!(walked.paths().len(), 3);
    let free = walked.system.free().unwrap().unwrap();
    assert!(free.meets(224 * 1024..225 * 1024), "space of a lost file can be searched");
    assert!(!free.meets(200 * 1024..203 * 1024), "and no other's");
}

#[test]
fn a_table_in_pieces_is_found_through_its_list_wherever_that_lies() {
    // What a list says of a part: its sort, the length of what is said, its first cluster, and its record.
    let entry = |sort: u32, vcn: u64, at: u64| {
        let mut entry = vec![0; 32];
        entry[..4].copy_from_slice(&sort.to_le_bytes());
        entry[4] = 32;
        entry[8..16].copy_from_slice(&vcn.to_le_bytes());
        entry[16..24].copy_from_slice(&at.to_le_bytes());
        entry
    };
    let list =
        [entry(0x10, 0, reference(0, 1)), entry(0x80, 0, reference(0, 1)), entry(0x80, 40, reference(15, 1))].concat();
    let mut outside = data(&[(Some(FILES + 99), 1)], list.len() as u64);
    outside[0] = 0x20;
    for list_at in [resident(0x20, &list), outside] {
        let mut volume = small();
        volume.bytes[(FILES + 99) * CLUSTER..][..list.len()].copy_from_slice(&list);
        let late = Made::file(vec![name(TOP, "late.jpg"), resident(0x80, b"late")]);
        volume.record(50, late);
        // The last 24 records move, and zeros come where they were.
        let (from, to) = ((TABLE + 40) * CLUSTER, (FILES + 300) * CLUSTER);
        volume.bytes.copy_within(from..from + 24 * CLUSTER, to);
        volume.bytes[from..from + 24 * CLUSTER].fill(0);
        let head = part(&[(Some(TABLE), 40)], 0, [64 * 1024, 64 * 1024], 0, 0);
        volume.record(0, Made::file(vec![list_at, head]));
        let rest = part(&[(Some(FILES + 300), 24)], 40, [0, 0], 0, 0);
        volume.record(15, Made { base: reference(0, 1), ..Made::file(vec![rest]) });
        let walked = volume.walked(Ranges::new());
        assert_eq!(walked.problems, Vec::<String>::new());
        assert_eq!(walked.paths()[3..], ["late.jpg"]);
    }
}

#[test]
fn zeros_where_a_record_was_in_use_are_a_lost_record() {
    let mut volume = small();
    let mut bits = data(&[(Some(FILES + 99), 1)], 8);
    bits[0] = 0xB0;
    volume.bytes[(FILES + 99) * CLUSTER..][..8].copy_from_slice(&0x0000_0003_C000_00FF_u64.to_le_bytes());
    volume.record(0, Made::file(vec![data(&[(Some(TABLE), 64)], 64 * 1024), bits]));
    for number in [32, 60] {
        let at = usize::try_from(Volume::place(number).start).unwrap();
        volume.bytes[at..at + 1024].fill(0);
    }
    let walked = volume.walked(Ranges::new());
    assert_eq!(walked.paths(), ["Fotos/Straße.jpg", "sparse.bin"]);
    assert_eq!(walked.problems.len(), 1, "{:?}", walked.problems);
    assert!(walked.problems[0].contains("one entry"), "{:?}", walked.problems);
}

#[test]
fn packed_files_have_their_units() {
    let mut volume = small();
    let plain: Vec<u8> = (0..40 * 1024_usize).map(|at| u8::try_from(at / 4096).unwrap()).collect();
    // Sixteen clusters in four, sixteen as they are, and zeros.
    let mut packed: Vec<u8> =
        plain[..16 * 1024].chunks(4096).flat_map(|chunk| [0x03, 0xB0, 0b10, chunk[0], 0xFC, 0x0F]).collect();
    packed.resize(1024, 0);
    volume.take(FILES + 30..FILES + 50);
    volume.bytes[(FILES + 30) * CLUSTER..][..1024].copy_from_slice(&packed);
    volume.bytes[(FILES + 32) * CLUSTER..][..16 * 1024].copy_from_slice(&plain[16 * 1024..32 * 1024]);
    let runs = [(Some(FILES + 30), 1), (None, 15), (Some(FILES + 32), 16), (None, 16)];
    let of = part(&runs, 0, [40 * 1024, 32 * 1024], 1, 4);
    volume.record(34, Made::file(vec![name(TOP, "packed.bmp"), of]));
    let walked = volume.walked(Ranges::new());
    let mut expected = plain;
    expected[32 * 1024..].fill(0);
    assert!(walked.whole("packed.bmp") == expected, "it is unpacked");
    let Content::Packed(content) = &walked.file("packed.bmp").content else { panic!("it is packed") };
    let extent =
        |cluster: usize, clusters: u64| Extent { at: Some((cluster * CLUSTER) as u64), length: clusters * 1024 };
    assert_eq!(content.units, [vec![extent(230, 1)], vec![extent(232, 16)], vec![]]);
    assert_eq!(content.unit, 16 * 1024);
}

#[test]
fn a_unit_that_no_record_tells_of_is_lost_and_no_zeros() {
    let mut volume = small();
    let of = part(&[(Some(FILES), 16)], 0, [48 * 1024, 48 * 1024], 1, 4);
    let further = part(&[(Some(FILES + 16), 16)], 32, [0, 0], 1, 4);
    volume.record(34, Made::file(vec![name(TOP, "packed.bmp"), of]));
    volume.record(35, Made { base: reference(34, 1), ..Made::file(vec![further]) });
    let walked = volume.walked(Ranges::new());
    let (_, holes) = walked.read("packed.bmp");
    assert_eq!(holes.to_string(), "16384+16384");
    let Content::Packed(content) = &walked.file("packed.bmp").content else { panic!("it is packed") };
    assert!(content.units[1].iter().all(|extent| extent.at >= Some(LOST)));
}

#[test]
fn what_cannot_be_had_is_said_by_name() {
    let mut volume = small();
    let zeros = |flags| part(&[(None, 4)], 0, [4000, 4000], flags, 0);
    let tag = |tag: u32| resident(0xC0, &tag.to_le_bytes());
    let away = information("2014-08-03T14:22:33Z", "2014-08-03T14:22:33Z", 0x40_0000);
    volume.record(34, Made::file(vec![name(TOP, "secret.jpg"), zeros(0x4000)]));
    volume.record(35, Made::file(vec![name(TOP, "system.dll"), zeros(0x8000), tag(0x8000_0017)]));
    volume.record(36, Made::file(vec![away, name(TOP, "cloud.jpg"), zeros(0x8000), tag(0x9000_601A)]));
    volume.record(37, Made::file(vec![name(TOP, "fetched.jpg"), data(&[(Some(FILES), 1)], 9), tag(0x9000_601A)]));
    volume.record(38, Made::file(vec![name(TOP, "link"), resident(0x80, b""), tag(0xA000_000C)]));
    volume.record(39, Made::file(vec![name(TOP, "endless"), data(&[(Some(FILES), 1)], u64::MAX)]));
    let walked = volume.walked(Ranges::new());
    let named: Vec<&str> = walked.problems.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    assert_eq!(named, ["secret.jpg", "system.dll", "cloud.jpg", "endless"]);
    assert_eq!(walked.paths()[3..], ["fetched.jpg"]);
}

#[test]
fn the_long_name_is_the_name() {
    let mut volume = small();
    let names = vec![name_of(2, TOP, "FERIEN~1.JPG"), name(TOP, "Ferien am Meer.jpg"), name((30, 1), "again.jpg")];
    volume.record(34, Made::file(names.into_iter().chain([resident(0x80, b"1")]).collect()));
    volume.record(35, Made::file(vec![name_of(2, TOP, "SHORT.JPG"), resident(0x80, b"1")]));
    let walked = volume.walked(Ranges::new());
    assert_eq!(walked.paths()[3..], ["Ferien am Meer.jpg", "SHORT.JPG"]);
}

fn deleted(at: usize, text: &str, changed: &str, runs: volume::Runs<'_>) -> (usize, Made) {
    let size = runs.iter().map(|(_, count)| *count as u64 * 1024).sum();
    let times = times("2010-01-01T00:00:00Z", changed);
    (at, Made::file(vec![times, name((40, 1), text), data(runs, size)]).deleted())
}

#[test]
fn deleted_files_are_as_sure_as_their_space() {
    let mut volume = small();
    volume.record(40, Made::folder(vec![name(TOP, "Alt")]).deleted());
    volume.write(FILES + 60..FILES + 80);
    for (at, made) in [
        deleted(41, "whole.jpg", "2015-01-01T00:00:00Z", &[(Some(FILES + 60), 2)]),
        deleted(42, "taken.jpg", "2015-01-01T00:00:00Z", &[(Some(FILES + 62), 1), (Some(FILES + 2), 2)]),
        deleted(43, "older.jpg", "2015-01-01T00:00:00Z", &[(Some(FILES + 64), 4)]),
        deleted(44, "newer.jpg", "2016-01-01T00:00:00Z", &[(Some(FILES + 66), 4)]),
        deleted(45, "beyond.jpg", "2015-01-01T00:00:00Z", &[(Some(CLUSTERS * 2), 4)]),
        deleted(46, "empty.jpg", "2015-01-01T00:00:00Z", &[]),
    ] {
        volume.record(at, made);
    }
    let note = Made::file(vec![name((40, 1), "note.txt"), resident(0x80, b"gone")]).deleted();
    volume.record(47, note);
    let walked = volume.walked(Ranges::new());
    assert_eq!(walked.problems, Vec::<String>::new());
    let found: Vec<_> = walked.files[3..].iter().map(|file| (file.path.to_string(), file.standing)).collect();
    let expected = [
        ("Alt/whole.jpg", Standing::Deleted),
        ("Alt/taken.jpg", Standing::DeletedReused),
        ("Alt/older.jpg", Standing::DeletedAssumed),
        ("Alt/newer.jpg", Standing::Deleted),
        ("Alt/beyond.jpg", Standing::DeletedAssumed),
        ("Alt/note.txt", Standing::Deleted),
    ];
    assert_eq!(found, expected.map(|(path, standing)| (path.to_owned(), standing)));
    assert_eq!(walked.whole("Alt/whole.jpg"), (260..262).flat_map(content_of).collect::<Vec<_>>());
}

#[test]
fn without_the_map_of_free_space_living_files_tell_what_is_taken() {
    let mut volume = small();
    volume.record(40, Made::folder(vec![name(TOP, "Alt")]).deleted());
    for (at, made) in [
        deleted(41, "unsure.jpg", "2015-01-01T00:00:00Z", &[(Some(FILES + 60), 2)]),
        deleted(42, "taken.jpg", "2015-01-01T00:00:00Z", &[(Some(FILES + 2), 2)]),
    ] {
        volume.record(at, made);
    }
    let whole = volume.walked(Ranges::new()).system.free().unwrap().unwrap();
    for hole in [((BITMAP * CLUSTER) as u64)..((BITMAP * CLUSTER) as u64 + 512), Volume::place(6)] {
        let is_record = hole.start < (BITMAP * CLUSTER) as u64;
        let walked = volume.walked(Ranges::one(hole));
        assert_eq!(walked.file("Alt/unsure.jpg").standing, Standing::DeletedAssumed);
        assert_eq!(walked.file("Alt/taken.jpg").standing, Standing::DeletedReused);
        assert!(
            walked.problems.iter().any(|problem| problem.contains("the map of free space")),
            "{:?}",
            walked.problems
        );
        // Nobody claims what lies between the table and the map; and nobody the map, once its record is gone.
        let mut expected = whole.clone();
        expected.insert(((TABLE + 64) * CLUSTER) as u64..((BITMAP + usize::from(is_record)) * CLUSTER) as u64);
        assert_eq!(walked.system.free().unwrap(), Some(expected));
    }
}

#[test]
fn a_walk_ends_when_it_is_told_to() {
    let volume = small();
    let walked = volume.walked(Ranges::new());
    let mut met = 0;
    walked
        .system
        .walk(&mut |_| {
            met += 1;
            std::ops::ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!(met, 1);
}

/// A volume with some of everything.
fn rich() -> Volume {
    let mut volume = small();
    volume.record(40, Made::folder(vec![name((41, 1), "Alt")]).deleted());
    volume.record(41, Made::folder(vec![name((42, 1), "loop")]));
    volume.record(42, Made::folder(vec![name((41, 1), "loop")]));
    let (at, made) = deleted(43, "gone.jpg", "2015-01-01T00:00:00Z", &[(Some(FILES + 60), 2)]);
    volume.record(at, made);
    let (at, made) = deleted(44, "gone.jpg", "2016-01-01T00:00:00Z", &[(Some(FILES + 61), 2)]);
    volume.record(at, made);
    let runs = [(Some(FILES + 30), 1), (None, 15), (Some(FILES + 32), 16), (None, 16)];
    volume.record(45, Made::file(vec![name((42, 1), "packed.bmp"), part(&runs, 0, [40 * 1024, 32 * 1024], 1, 4)]));
    let further = part(&[(Some(FILES + 16), 16)], 48, [0, 0], 1, 4);
    volume.record(46, Made { base: reference(45, 1), ..Made::file(vec![further]) });
    volume
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_a_volume_says_reading_it_ends(
        changes in prop::collection::vec((0..120_usize * CLUSTER, prop_oneof![Just(0xFF), Just(0), Just(0x7F), any::<u8>()]), 1..40),
        inside in prop::collection::vec((0..48_usize, 0..1024_usize, any::<u8>()), 0..40),
        hole in 0..2_000_000_u64,
        cut in 0..3 * CLUSTERS * CLUSTER,
    ) {
        let mut volume = rich();
        for (at, byte) in changes.iter().take(changes.len() / 4) {
            volume.bytes[*at] = *byte;
        }
        // Where it hurts: in the records, beside their guards.
        for (number, at, byte) in inside.iter().filter(|(_, at, _)| ![510, 511, 1022, 1023].contains(at)) {
            volume.bytes[(TABLE + number) * CLUSTER + at] = *byte;
        }
        volume.bytes.truncate(cut.max(4096));
        let begun = Instant::now();
        if let Some(walked) = Walked::of((volume.bytes, Ranges::one(hole..hole + 3000))) {
            let free = walked.system.free().unwrap();
            for file in &walked.files {
                prop_assert!(file.size < LOST);
                prop_assert!(!file.path.as_bytes().is_empty());
                if let (Standing::Living, Some(free), Content::Extents(extents)) = (file.standing, &free, &file.content) {
                    for extent in extents.iter().filter(|extent| extent.at.is_some_and(|at| at < LOST)) {
                        let at = extent.at.unwrap();
                        prop_assert!(!free.meets(at..at.saturating_add(extent.length)), "what lives is not free");
                    }
                }
            }
        }
        prop_assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
