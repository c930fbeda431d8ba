#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on says so by panicking")]

use super::*;

const SECTOR: usize = 512;

/// A drive in memory, written in sectors.
struct Drive(Vec<u8>);

impl Drive {
    fn new(sectors: usize) -> Self {
        Self(vec![0; sectors * SECTOR])
    }

    fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Writes a table of entries into a sector: kind, start, count.
    fn table(self, sector: usize, entries: &[(u8, u32, u32)]) -> Self {
        let mut drive = self.put(sector * SECTOR + 510, &[0x55, 0xAA]);
        for (index, (kind, start, count)) in entries.iter().enumerate() {
            let at = sector * SECTOR + 446 + index * 16;
            drive = drive.put(at + 4, &[*kind]).put(at + 8, &start.to_le_bytes()).put(at + 12, &count.to_le_bytes());
        }
        drive
    }

    /// The least that passes for a file system: exFAT's name and length.
    fn file_system(self, sector: usize, sectors: u64) -> Self {
        let at = sector * SECTOR;
        self.put(at + 3, b"EXFAT   ").put(at + 72, &sectors.to_le_bytes()).put(at + 108, &[9])
    }

    fn read(self) -> Table {
        self.read_without(Ranges::new())
    }

    fn read_without(self, holes: Ranges) -> Table {
        let medium: Arc<dyn Medium> = Arc::new((self.0, holes));
        read(&medium).unwrap()
    }
}

fn told(table: &Table) -> Vec<(u32, u64, u64)> {
    let sectors = |at: u64| at / SECTOR as u64;
    table.volumes.iter().map(|one| (one.number, sectors(one.range.start), sectors(one.range.end))).collect()
}

#[test]
fn a_drive_without_anything_is_one_volume() {
    for drive in [Drive::new(4096), Drive::new(0), Drive::new(1), Drive::new(4096).put(510, &[0x55, 0xAA])] {
        let sectors = (drive.0.len() / SECTOR) as u64;
        let table = drive.read();
        assert_eq!((table.kind, told(&table)), ("none", vec![(0, 0, sectors)]));
        assert_eq!(table.volumes[0].is, What::Unknown);
    }
}

#[test]
fn a_table_that_leads_nowhere_leaves_the_whole_drive() {
    let table = Drive::new(1000).table(0, &[(7, 900, 0), (7, 999, 1)]).read();
    assert_eq!(told(&table), [(2, 999, 1000)]);
    let table = Drive::new(8000).table(0, &[(0x0F, 100, 3000)]).read();
    assert_eq!(told(&table), [(0, 0, 8000)]);
    assert_eq!(table.problems.len(), 1);
}

#[test]
fn logical_partitions_that_lead_back_to_themselves_end() {
    let table = Drive::new(4096)
        .table(0, &[(0x83, 10, 50), (0x0F, 100, 3000)])
        .table(100, &[(0x83, 1, 50), (0x05, 200, 100)])
        .table(300, &[(0x83, 2, 20), (0x05, 0, 100)])
        .read();
    assert_eq!(told(&table), [(1, 10, 60), (5, 101, 151), (6, 302, 322)]);
    assert_eq!(table.problems.len(), 1);
}

#[test]
fn a_break_in_the_list_of_logical_partitions_is_told() {
    let table = Drive::new(4096)
        .table(0, &[(0x05, 100, 3000)])
        .table(100, &[(0x83, 1, 50), (0x05, 200, 100)])
        .read_without(Ranges::one(300 * 512..301 * 512));
    assert_eq!(told(&table), [(5, 101, 151)]);
    assert_eq!(table.problems.len(), 1);
}

#[test]
fn what_reaches_behind_the_end_is_cut_and_what_overlaps_is_told() {
    let table = Drive::new(1000).table(0, &[(7, 10, 500), (7, 500, 900), (7, 5000, 10)]).read();
    assert_eq!(told(&table), [(1, 10, 510), (2, 500, 1000)]);
    let words: Vec<_> = table.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(words.len(), 3, "{words:?}");
    assert!(words.iter().any(|word| word.contains("overlap")));
    assert!(words.iter().any(|word| word.contains("204800 bytes behind the end")), "{words:?}");
}

#[test]
fn the_code_in_a_boot_sector_is_no_table() {
    // A floppy: a file system from the first sector on, with words where a table would be.
    let text = *b"Remove disks or other media.\xFF\r\nDisk error\xFF\r\nPress any key to re";
    let table = Drive::new(4096).file_system(0, 4096).put(446, &text).put(510, &[0x55, 0xAA]).read();
    assert_eq!((table.kind, told(&table)), ("none", vec![(0, 0, 4096)]));
    assert_eq!(table.volumes[0].hint, Some("exFAT"));
    // The same with a table that makes sense, as a drive has it that was one volume before: both are looked at.
    let table = Drive::new(4096).file_system(0, 4096).table(0, &[(7, 100, 200)]).read();
    assert_eq!(told(&table), [(0, 0, 4096), (1, 100, 300)]);
    assert_eq!(table.problems, []);
}

#[test]
fn a_table_that_counts_in_larger_sectors_is_understood() {
    let table = Drive::new(40_000).table(0, &[(7, 256, 1000)]).file_system(2048, 8000).read();
    assert_eq!(told(&table), [(1, 2048, 10_048)]);
}

#[test]
fn a_first_sector_that_cannot_be_read_does_not_hide_what_is_behind() {
    let drive = Drive::new(40_000).table(0, &[(7, 2048, 8000)]).file_system(2048, 8000);
    let table = drive.read_without(Ranges::one(0..4096));
    assert_eq!((table.kind, told(&table)), ("lost", vec![(1, 2048, 10_048)]));
    assert_eq!(table.volumes[0].name, "found at 1048576");
    assert_eq!(table.problems.len(), 2);
}

#[test]
fn an_old_macs_map_is_read() {
    let entry = |start: u32, count: u32, name: &str, kind: &str| {
        let mut bytes = vec![0; 80];
        bytes[..2].copy_from_slice(b"PM");
        bytes[4..8].copy_from_slice(&3_u32.to_be_bytes());
        bytes[8..12].copy_from_slice(&start.to_be_bytes());
        bytes[12..16].copy_from_slice(&count.to_be_bytes());
        bytes[16..16 + name.len()].copy_from_slice(name.as_bytes());
        bytes[48..48 + kind.len()].copy_from_slice(kind.as_bytes());
        bytes
    };
    let drive = Drive::new(4096)
        .put(0, b"ER\x02\x00")
        .put(512, &entry(1, 63, "Apple", "Apple_partition_map"))
        .put(1024, &entry(64, 1000, "Macintosh HD", "Apple_HFS"))
        .put(1536, &entry(1064, 3000, "", "Apple_Free"));
    let table = drive.read();
    assert_eq!((table.kind, told(&table)), ("Apple partition map", vec![(2, 64, 1064)]));
    assert_eq!((table.volumes[0].name.as_str(), table.volumes[0].hint), ("Macintosh HD", Some("HFS+")));
}

/// A member of a mirror as mdadm makes it by default, its data at sector 2048.
fn mirror(drive: Drive, start: usize, level: i32, disks: u32) -> Drive {
    let at = start * SECTOR + 4096;
    drive
        .put(at, &0xA92B_4EFC_u32.to_le_bytes())
        .put(at + 4, &1_u32.to_le_bytes())
        .put(at + 32, b"nas:photos")
        .put(at + 72, &level.to_le_bytes())
        .put(at + 92, &disks.to_le_bytes())
        .put(at + 128, &2048_u64.to_le_bytes())
        .put(at + 136, &4000_u64.to_le_bytes())
        .put(at + 144, &8_u64.to_le_bytes())
}

#[test]
fn half_of_a_mirror_is_the_whole_of_its_data() {
    let drive = Drive::new(20_000).table(0, &[(0xFD, 2048, 10_000)]).file_system(4096, 4000);
    let table = mirror(drive, 2048, 1, 2).read();
    assert_eq!(told(&table), [(1, 2048, 12_048), (2, 4096, 8096)]);
    assert_eq!(table.volumes[0].is, What::Mirror);
    assert!(table.volumes[0].is.is_given_by_others() && !table.volumes[1].is.is_given_by_others());
    assert_eq!((table.volumes[1].name.as_str(), table.volumes[1].hint), ("mirror nas:photos", Some("exFAT")));
    let drive = Drive::new(20_000).table(0, &[(0xFD, 2048, 10_000)]);
    let table = mirror(drive, 2048, 5, 3).read();
    assert_eq!(table.volumes[0].is, What::RaidMember { level: "RAID 5".to_owned(), disks: 3 });
    assert!(table.volumes[0].is.words().unwrap().contains("one of 3 parts of a RAID 5"));
}

#[test]
fn older_mirrors_have_their_marks_at_the_end() {
    // Version 1.0: eight KiB before the end, in whole four KiB.
    let at = (20_003 - 16) / 8 * 8;
    let drive = Drive::new(20_003).file_system(0, 4000);
    let sector = (at as u64).to_le_bytes();
    let drive = drive
        .put(at * SECTOR, &0xA92B_4EFC_u32.to_le_bytes())
        .put(at * SECTOR + 4, &1_u32.to_le_bytes())
        .put(at * SECTOR + 72, &1_u32.to_le_bytes())
        .put(at * SECTOR + 92, &2_u32.to_le_bytes())
        .put(at * SECTOR + 136, &4000_u64.to_le_bytes())
        .put(at * SECTOR + 144, &sector);
    let table = drive.read();
    assert_eq!(told(&table), [(0, 0, 20_003), (1, 0, 4000)]);
    assert_eq!((&table.volumes[0].is, table.volumes[1].hint), (&What::Mirror, Some("exFAT")));
    // Version 0.90: in the last whole 64 KiB.
    let at = (20_003 * SECTOR / 65_536 - 1) * 65_536;
    let drive = Drive::new(20_003)
        .file_system(0, 4000)
        .put(at, &0xA92B_4EFC_u32.to_le_bytes())
        .put(at + 8, &90_u32.to_le_bytes())
        .put(at + 28, &1_u32.to_le_bytes())
        .put(at + 32, &2000_u32.to_le_bytes())
        .put(at + 40, &2_u32.to_le_bytes());
    let table = drive.read();
    assert_eq!(told(&table), [(0, 0, 20_003), (1, 0, 4000)]);
    assert_eq!((table.volumes[1].hint, table.volumes[1].name.as_str()), (Some("exFAT"), "mirror on whole drive"));
}

#[test]
fn encryption_is_known_by_its_mark() {
    let marked = |at: usize, mark: &[u8]| Drive::new(4096).put(at, mark).read().volumes[0].is.clone();
    assert_eq!(marked(3, b"-FVE-FS-"), What::Encrypted("BitLocker"));
    let to_go = [0x3B, 0xD6, 0x67, 0x49, 0x29, 0x2E, 0xD8, 0x4A, 0x83, 0x99, 0xF6, 0xA3, 0x39, 0xE3, 0xD0, 0x01];
    assert_eq!(marked(0x1A8, &to_go), What::Encrypted("BitLocker"));
    assert_eq!(marked(0, b"LUKS\xBA\xBE\0\x02"), What::Encrypted("LUKS"));
    assert_eq!(marked(4086, b"SWAPSPACE2"), What::Swap);
    let core = Drive::new(4096).put(8, &[1, 0]).put(88, b"CS").read().volumes[0].is.clone();
    assert_eq!(core, What::Encrypted("FileVault (CoreStorage)"));
    for what in [core, What::Encrypted("BitLocker"), What::Swap, What::Noise] {
        assert!(what.words().is_some_and(|words| words.ends_with('.')));
    }
}

/// A physical volume from `start` on, with this text of its group.
fn physical(drive: Drive, start: usize, text: &str) -> Drive {
    let at = start * SECTOR;
    let ring = 1 << 20;
    // The text goes over the end of its ring.
    let offset = ring - 100;
    let (end, beginning) = text.as_bytes().split_at(100);
    drive
        .put(at + 512, b"LABELONE")
        .put(at + 512 + 20, &32_u32.to_le_bytes())
        .put(at + 512 + 24, b"LVM2 001")
        .put(at + 544, b"AAAAAABBBBCCCCDDDDEEEEFFFFGGGGGG")
        .put(at + 544 + 40, &(1_u64 << 21).to_le_bytes())
        .put(at + 544 + 72, &4096_u64.to_le_bytes())
        .put(at + 544 + 80, &(ring as u64).to_le_bytes())
        .put(at + 4096 + 4, b" LVM2 x[5A%r0N*>")
        .put(at + 4096 + 24, &4096_u64.to_le_bytes())
        .put(at + 4096 + 32, &(ring as u64).to_le_bytes())
        .put(at + 4096 + 40, &(offset as u64).to_le_bytes())
        .put(at + 4096 + 48, &(text.len() as u64).to_le_bytes())
        .put(at + 4096 + offset, end)
        .put(at + 4096 + 512, beginning)
}

const GROUP: &str = r#"attic { id = "x" seqno = 3 extent_size = 1024
physical_volumes { pv0 { id = "AAAAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGGGG" pe_start = 4096 }
 pv1 { id = "other" pe_start = 4096 } }
logical_volumes {
 photos { segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 1 stripes = ["pv0", 3] }
  segment2 { start_extent = 2 extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 0] } }
 away { segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 1 stripes = ["pv1", 3] } }
} }"#;

#[test]
fn a_logical_volume_in_pieces_is_put_together() {
    let drive = Drive::new(40_000).table(0, &[(0x8E, 2048, 30_000)]);
    let first = 2048 + 4096 + 3 * 1024;
    let second = 2048 + 4096;
    let drive = physical(drive, 2048, GROUP).file_system(first, 3072).put(second * SECTOR, b"third extent");
    let table = drive.read();
    assert_eq!(table.volumes.len(), 2);
    let volume = &table.volumes[1];
    assert_eq!(
        (volume.number, volume.name.as_str(), volume.hint),
        (2, "photos of the volume group attic", Some("exFAT"))
    );
    assert_eq!(volume.medium.size(), 3 * 1024 * 512);
    let (bytes, holes) = read_vec(volume.medium.as_ref(), 2 * 1024 * 512, 12).unwrap();
    assert!(holes.is_empty());
    assert_eq!(bytes, b"third extent");
    // Back to the drive, over the seam.
    let seam = 2 * 1024 * 512;
    let on_drive = volume.on_drive(&Ranges::one(seam - 512..seam + 512));
    let expected: Ranges =
        [second as u64 * 512..(second as u64 + 1) * 512, (first as u64 + 2047) * 512..(first as u64 + 2048) * 512]
            .into_iter()
            .collect();
    assert_eq!(on_drive, expected);
    let words = table.volumes[0].is.words().unwrap();
    assert!(words.contains("attic") && words.contains("away") && words.contains("1 of its other parts"), "{words}");
}

#[test]
fn a_drive_of_noise_is_told_so() {
    let mut state = 7_u64;
    let mut drive = Drive::new(2048);
    for byte in &mut drive.0 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = state.to_le_bytes()[7];
    }
    let medium: Arc<dyn Medium> = Arc::new((drive.0, Ranges::new()));
    let (hint, is) = look(medium.as_ref()).unwrap();
    assert_eq!((hint, is), (None, What::Noise));
}

/// A GUID table with one partition, of the sectors 40 to 900; no copy of it.
fn gpt(drive: Drive) -> Drive {
    let mut entry = vec![1; 16];
    entry.resize(32, 0);
    entry.extend(40_u64.to_le_bytes());
    entry.extend(900_u64.to_le_bytes());
    entry.resize(128 * 4, 0);
    let mut header = b"EFI PART\0\0\x01\0\x5C\0\0\0".to_vec();
    header.resize(92, 0);
    header[24..32].copy_from_slice(&1_u64.to_le_bytes());
    header[32..40].copy_from_slice(&1999_u64.to_le_bytes());
    header[72..80].copy_from_slice(&2_u64.to_le_bytes());
    header[80..84].copy_from_slice(&4_u32.to_le_bytes());
    header[84..88].copy_from_slice(&128_u32.to_le_bytes());
    let sum = gpt::crc32(&entry);
    header[88..92].copy_from_slice(&sum.to_le_bytes());
    let sum = gpt::crc32(&header);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    drive.put(512, &header).put(1024, &entry)
}

#[test]
fn a_table_that_is_left_over_from_before_does_not_count() {
    let table = gpt(Drive::new(2000).table(0, &[(0xEE, 1, 1999)])).read();
    assert_eq!((table.kind, told(&table)), ("GPT", vec![(1, 40, 901)]));
    let table = gpt(Drive::new(2000).table(0, &[(0x0C, 63, 1900)])).read();
    assert_eq!((table.kind, told(&table)), ("MBR", vec![(1, 63, 1963)]));
    // The first sector was wiped: then it is all there is.
    let table = gpt(Drive::new(2000)).read();
    assert_eq!((table.kind, told(&table)), ("GPT", vec![(1, 40, 901)]));
}

/// Drives of every kind, with bytes changed and places that cannot be read.
#[test]
fn no_change_of_a_drive_stops_the_reader() {
    let drives = [
        gpt(Drive::new(2000).table(0, &[(0xEE, 1, 1999)])),
        Drive::new(4096).table(0, &[(0x83, 10, 50), (0x0F, 100, 3000)]).table(100, &[(0x83, 1, 50), (0x05, 200, 100)]),
        mirror(Drive::new(20_000).table(0, &[(0xFD, 2048, 10_000)]), 2048, 1, 2),
        physical(Drive::new(20_000), 0, GROUP),
        Drive::new(2000).put(0, b"ER\x02\x00").put(512, b"PM\0\0\0\0\0\x09"),
    ];
    let mut state = 3_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    for drive in &drives {
        // What is not zero is where the structures are.
        let places: Vec<usize> = (0..drive.0.len()).filter(|at| drive.0[*at] != 0).collect();
        for _ in 0..150 {
            let mut bytes = drive.0.clone();
            for _ in 0..=random(4) {
                let at = places[random(places.len())];
                let value = [0, 0xFF, 0x7F, 0x80, 1][random(5)];
                let end = (at + [1, 1, 2, 4, 8][random(5)]).min(bytes.len());
                bytes[at..end].fill(value);
            }
            let hole = (places[random(places.len())] / 512 * 512) as u64;
            let holes = if random(3) == 0 { Ranges::one(hole..hole + 512) } else { Ranges::new() };
            let size = bytes.len() as u64;
            let medium: Arc<dyn Medium> = Arc::new((bytes, holes));
            let table = read(&medium).unwrap();
            assert!(!table.volumes.is_empty() || !table.problems.is_empty());
            assert!(table.volumes.len() <= MOST_VOLUMES);
            for volume in table.volumes {
                assert!(volume.range.end <= size && !volume.range.is_empty());
                let on_drive = volume.on_drive(&Ranges::one(0..u64::MAX));
                assert!(on_drive.iter().all(|range| range.end <= size));
            }
        }
    }
}
