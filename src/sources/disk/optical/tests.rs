//! Small discs made by hand, whole and damaged.

use super::*;
use crate::model::ProblemKind;
use crate::sources::disk::scattered::Scattered;
use crate::sources::medium::read_vec;
use jiff::tz::TimeZone;

const SECTOR: usize = 2048;

fn both16(number: u16) -> Vec<u8> {
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

fn both32(number: u32) -> Vec<u8> {
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

/// A record of a folder; `flags` 2 is a folder, 0x80 goes on.
fn record(name: &[u8], block: u32, bytes: u32, flags: u8, system_use: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0];
    record.extend(both32(block));
    record.extend(both32(bytes));
    record.extend([104, 5, 13, 14, 30, 9, 8, flags, 0, 0]);
    record.extend(both16(1));
    record.push(u8::try_from(name.len()).unwrap());
    record.extend(name);
    if name.len().is_multiple_of(2) {
        record.push(0);
    }
    record.extend(system_use);
    if record.len() % 2 == 1 {
        record.push(0);
    }
    record[0] = u8::try_from(record.len()).unwrap();
    record
}

fn wide(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn descriptor(kind: u8, label: &[u8], root: u32) -> Vec<u8> {
    let mut descriptor = vec![0; SECTOR];
    descriptor[0] = kind;
    descriptor[1..6].copy_from_slice(b"CD001");
    descriptor[6] = 1;
    descriptor[40..40 + label.len()].copy_from_slice(label);
    descriptor[128..132].copy_from_slice(&both16(2048));
    descriptor[156..190].copy_from_slice(&record(&[0], root, 2048, 2, &[]));
    descriptor[813..829].copy_from_slice(b"2004051314300900");
    if kind == 2 {
        descriptor[88..91].copy_from_slice(b"%/E");
    }
    descriptor
}

fn put(image: &mut [u8], sector: usize, parts: &[Vec<u8>]) {
    let bytes = parts.concat();
    image[sector * SECTOR..sector * SECTOR + bytes.len()].copy_from_slice(&bytes);
}

fn entry(name: [u8; 2], data: &[u8]) -> Vec<u8> {
    [name.as_slice(), &[u8::try_from(data.len() + 4).unwrap(), 1], data].concat()
}

/// A disc with plain names (and Rock Ridge) from sector 20, Joliet ones from 22, and content from 30.
fn disc() -> Vec<u8> {
    let mut image = vec![0; 40 * SECTOR];
    put(&mut image, 16, &[descriptor(1, b"HOLIDAY", 20)]);
    put(&mut image, 17, &[descriptor(2, &wide("Holiday"), 22)]);
    put(&mut image, 18, &[descriptor(255, b"", 0)]);
    let dots = |own: u32, above: u32, first: &[u8]| {
        [record(&[0], own, 2048, 2, first), record(&[1], above, 2048, 2, &[])].concat()
    };
    let name = |name: &[u8]| entry(*b"NM", &[&[0][..], name].concat());
    let mode = |mode: u32| entry(*b"PX", &both32(mode).repeat(4));
    let sp = entry(*b"SP", &[0xBE, 0xEF, 0]);
    let link = [name(b"link"), mode(0o120_777)].concat();
    put(
        &mut image,
        20,
        &[
            dots(20, 20, &sp),
            record(b"DIR", 21, 2048, 2, &name(b"my pictures")),
            record(b"LINK.;1", 0, 0, 0, &link),
            record(b"A.JPG;1", 30, 3000, 0, &[name(b"a picture.jpg"), mode(0o100_644)].concat()),
        ],
    );
    put(
        &mut image,
        21,
        &[
            dots(21, 20, &[]),
            record(b"LONG.MOV;1", 32, 2048, 0x80, &name(b"long.mov")),
            record(b"LONG.MOV;1", 34, 100, 0, &name(b"long.mov")),
        ],
    );
    put(
        &mut image,
        22,
        &[
            dots(22, 22, &[]),
            record(&wide("Bilder €"), 23, 2048, 2, &[]),
            record(&wide("Ein Bild.jpg;1"), 30, 3000, 0, &[]),
        ],
    );
    put(
        &mut image,
        23,
        &[
            dots(23, 22, &[]),
            record(&wide("long.mov;1"), 32, 2048, 0x80, &[]),
            record(&wide("long.mov;1"), 34, 100, 0, &[]),
        ],
    );
    for (index, byte) in image[30 * SECTOR..].iter_mut().enumerate() {
        *byte = u8::try_from(index / SECTOR).unwrap() ^ 0xA5;
    }
    image
}

const BLOCK: usize = 512;
/// Where the partition of [`udf_disc`] begins.
const PARTITION: usize = 280;

fn tagged(kind: u16, bytes: usize) -> Vec<u8> {
    let mut descriptor = vec![0; bytes];
    descriptor[..2].copy_from_slice(&kind.to_le_bytes());
    descriptor[2] = 2;
    descriptor
}

fn sealed(mut descriptor: Vec<u8>) -> Vec<u8> {
    let sum = (0..16).filter(|at| *at != 4).fold(0_u8, |sum, at| sum.wrapping_add(descriptor[at]));
    descriptor[4] = sum;
    descriptor
}

fn long_ad(bytes: u32, block: u32) -> Vec<u8> {
    [bytes.to_le_bytes().as_slice(), &block.to_le_bytes(), &[0; 8]].concat()
}

/// A name in a folder; `flags` 2 is a folder, 8 the one above.
fn identifier(name: &str, flags: u8, block: u32) -> Vec<u8> {
    let name = if name.is_empty() { Vec::new() } else { [&[16], wide(name).as_slice()].concat() };
    let mut bytes = tagged(257, 38);
    bytes[18] = flags;
    bytes[19] = u8::try_from(name.len()).unwrap();
    bytes[20..36].copy_from_slice(&long_ad(512, block));
    bytes.extend(name);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    sealed(bytes)
}

/// The record of a file or folder with `form` 0 (short), 1 (long) or 3 (the list is the content).
fn file_entry(extended: bool, kind: u8, size: usize, form: u8, list: &[u8]) -> Vec<u8> {
    let (tag, time, lengths, start) = if extended { (266, 92, 208, 216) } else { (261, 84, 168, 176) };
    let mut bytes = tagged(tag, BLOCK);
    bytes[27] = kind;
    bytes[34] = form;
    bytes[56..64].copy_from_slice(&(size as u64).to_le_bytes());
    bytes[time..time + 12].copy_from_slice(&[0x78, 0x10, 0xD4, 0x07, 5, 13, 14, 30, 9, 50, 0, 0]);
    bytes[lengths + 4..lengths + 8].copy_from_slice(&u32::try_from(list.len()).unwrap().to_le_bytes());
    bytes[start..start + list.len()].copy_from_slice(list);
    sealed(bytes)
}

fn short_ad(bytes: u32, block: u32) -> Vec<u8> {
    [bytes.to_le_bytes(), block.to_le_bytes()].concat()
}

/// UDF in blocks of 512 bytes: a file in its record, one in two extents with a gap, one whose list goes on elsewhere.
fn udf_disc() -> Vec<u8> {
    let mut image = vec![0; 340 * BLOCK];
    let mut put = |block: usize, bytes: &[u8]| image[block * BLOCK..block * BLOCK + bytes.len()].copy_from_slice(bytes);
    let mut anchor = tagged(2, BLOCK);
    anchor[16..24].copy_from_slice(&short_ad(16 * 512, 260));
    anchor[24..32].copy_from_slice(&short_ad(16 * 512, 200));
    put(256, &sealed(anchor));
    let mut primary = tagged(1, BLOCK);
    primary[72..88].copy_from_slice(b"\x080123456789abcde");
    primary[88] = b'f';
    primary[199] = 17;
    let mut partition = tagged(5, BLOCK);
    partition[188..192].copy_from_slice(&u32::try_from(PARTITION).unwrap().to_le_bytes());
    partition[192..196].copy_from_slice(&60_u32.to_le_bytes());
    let mut logical = tagged(6, BLOCK);
    logical[84..92].copy_from_slice(b"\x08Holiday");
    logical[211] = 8;
    logical[212..216].copy_from_slice(&512_u32.to_le_bytes());
    logical[248..264].copy_from_slice(&long_ad(512, 0));
    logical[264..268].copy_from_slice(&6_u32.to_le_bytes());
    logical[268..272].copy_from_slice(&1_u32.to_le_bytes());
    logical[440..446].copy_from_slice(&[1, 6, 1, 0, 0, 0]);
    for start in [260, 200] {
        put(start, &sealed(primary.clone()));
        put(start + 1, &sealed(partition.clone()));
        put(start + 2, &sealed(logical.clone()));
        put(start + 3, &sealed(tagged(8, BLOCK)));
    }
    let mut set = tagged(256, BLOCK);
    set[400..416].copy_from_slice(&long_ad(512, 1));
    put(PARTITION, &sealed(set));
    let top = [identifier("", 10, 1), identifier("Bilder", 2, 2), identifier("tiny.jpg", 0, 4)].concat();
    put(PARTITION + 1, &file_entry(false, 4, top.len(), 3, &top));
    let inner = [identifier("", 10, 1), identifier("gap.jpg", 0, 5), identifier("long €.jpg", 0, 6)].concat();
    put(PARTITION + 2, &file_entry(false, 4, inner.len(), 0, &short_ad(u32::try_from(inner.len()).unwrap(), 3)));
    put(PARTITION + 3, &inner);
    put(PARTITION + 4, &file_entry(false, 5, 11, 3, b"tiny bytes!"));
    let gap = [short_ad(512, 20), short_ad(512 | 2 << 30, 0), short_ad(100, 22)].concat();
    put(PARTITION + 5, &file_entry(true, 5, 1124, 0, &gap));
    let long = [long_ad(512, 24), long_ad(512 | 3 << 30, 7)].concat();
    put(PARTITION + 6, &file_entry(true, 5, 612, 1, &long));
    let mut more = tagged(258, BLOCK);
    more[20..24].copy_from_slice(&16_u32.to_le_bytes());
    more[24..40].copy_from_slice(&long_ad(100, 26));
    put(PARTITION + 7, &sealed(more));
    for (index, byte) in image[(PARTITION + 20) * BLOCK..].iter_mut().enumerate() {
        *byte = u8::try_from(index / BLOCK).unwrap() ^ 0xA5;
    }
    image
}

struct Answer {
    disc: Box<dyn FileSystem>,
    files: Vec<DiskFile>,
    problems: Vec<Problem>,
}

impl Answer {
    fn paths(&self) -> Vec<String> {
        self.files.iter().map(|file| file.path.to_string()).collect()
    }
}

fn read(image: &[u8], holes: Ranges) -> Option<Answer> {
    let reading = Reading { zone: TimeZone::UTC };
    let disc = open(Arc::new((image.to_vec(), holes)), &reading).expect("memory is not gone")?;
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    let mut meet = |met| {
        match met {
            Met::File(file) => files.push(file),
            Met::Problem(problem) => problems.push(problem),
        }
        ControlFlow::Continue(())
    };
    disc.walk(&mut meet).expect("memory is not gone");
    Some(Answer { disc, files, problems })
}

fn content(image: &[u8], file: &DiskFile) -> Vec<u8> {
    match &file.content {
        Content::Extents(extents) => {
            let medium: Arc<dyn Medium> = Arc::new((image.to_vec(), Ranges::new()));
            let whole = Scattered::new(medium, extents.clone(), file.size);
            read_vec(&whole, 0, usize::try_from(file.size).unwrap()).unwrap().0
        }
        Content::Inline(bytes, _) => bytes.clone(),
        Content::Packed(_) => panic!("{file:?}"),
    }
}

fn hole(sector: usize) -> Ranges {
    Ranges::one((sector * SECTOR) as u64..((sector + 1) * SECTOR) as u64)
}

#[test]
fn a_disc_gives_its_richest_names() {
    let image = disc();
    let answer = read(&image, Ranges::new()).expect("it is a disc");
    assert_eq!(answer.paths(), ["Ein Bild.jpg", "Bilder €/long.mov"]);
    assert!(answer.problems.is_empty(), "{:?}", answer.problems);
    assert_eq!(content(&image, &answer.files[0]), image[30 * SECTOR..][..3000]);
    let long = [&image[32 * SECTOR..33 * SECTOR], &image[34 * SECTOR..][..100]].concat();
    assert_eq!(content(&image, &answer.files[1]), long);
    assert_eq!(answer.files[0].modified_at.expect("a time").to_string(), "2004-05-13T12:30:09Z");
    assert_eq!(answer.disc.label().as_deref(), Some("Holiday"));
    assert_eq!(answer.disc.uuid().as_deref(), Some("2004-05-13-14-30-09-00"));
    let free = answer.disc.free().unwrap().unwrap();
    assert!(!free.meets(30 * 2048..30 * 2048 + 3000) && !free.contains(32 * 2048));
    assert!(free.contains(33 * 2048));
}

#[test]
fn where_a_folder_is_lost_the_other_names_serve() {
    let image = disc();
    // The folder of the Joliet tree: its file comes by its Rock Ridge name, and the other does not come twice.
    let answer = read(&image, hole(23)).expect("it is a disc");
    assert_eq!(answer.paths(), ["Ein Bild.jpg", "my pictures/long.mov"]);
    assert_eq!(answer.problems.len(), 1);
    // The descriptor of Joliet.
    let answer = read(&image, hole(17)).expect("it is a disc");
    assert_eq!(answer.paths(), ["a picture.jpg", "my pictures/long.mov"]);
    // The primary one.
    let answer = read(&image, hole(16)).expect("it is a disc");
    assert_eq!(answer.paths(), ["Ein Bild.jpg", "Bilder €/long.mov"]);
}

#[test]
fn what_is_not_read_and_what_is_cut_short_is_named() {
    let mut image = disc();
    image[23 * SECTOR..24 * SECTOR].fill(0);
    let mut interleaved = record(&wide("mixed.mov"), 30, 3000, 0, &[]);
    interleaved[26] = 1;
    put(&mut image, 23, &[interleaved, record(&wide("begun.mov"), 30, 2048, 0x80, &[])]);
    let answer = read(&image, Ranges::new()).expect("it is a disc");
    assert_eq!(answer.paths(), ["Ein Bild.jpg", "Bilder €/begun.mov"]);
    let told: Vec<&str> = answer.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(told, ["Bilder €/mixed.mov", "Bilder €/begun.mov"]);
    assert_eq!(answer.problems[1].kind, ProblemKind::Truncated);
}

#[test]
fn a_folder_that_holds_itself_is_read_once() {
    let mut image = disc();
    image[23 * SECTOR..24 * SECTOR].fill(0);
    put(&mut image, 23, &[record(&wide("again"), 22, 2048, 2, &[]), record(&wide("again"), 23, 2048, 2, &[])]);
    let answer = read(&image, Ranges::new()).expect("it is a disc");
    assert_eq!(answer.paths(), ["Ein Bild.jpg"]);
}

#[test]
fn udf_gives_files_in_their_records_with_gaps_and_with_long_lists() {
    let image = udf_disc();
    let answer = read(&image, Ranges::new()).expect("it is UDF");
    assert_eq!(answer.paths(), ["tiny.jpg", "Bilder/gap.jpg", "Bilder/long €.jpg"]);
    assert!(answer.problems.is_empty(), "{:?}", answer.problems);
    assert_eq!(content(&image, &answer.files[0]), b"tiny bytes!");
    let block = |block: usize, bytes: usize| image[(PARTITION + block) * BLOCK..][..bytes].to_vec();
    assert_eq!(content(&image, &answer.files[1]), [block(20, 512), vec![0; 512], block(22, 100)].concat());
    assert_eq!(content(&image, &answer.files[2]), [block(24, 512), block(26, 100)].concat());
    assert_eq!(answer.files[1].modified_at.expect("a time").to_string(), "2004-05-13T12:30:09.5Z");
    assert_eq!((answer.disc.kind(), answer.disc.label().as_deref()), ("UDF", Some("Holiday")));
    assert_eq!(answer.disc.uuid().as_deref(), Some("0123456789abcdef"));
}

#[test]
fn udf_is_read_by_its_second_sequence_and_names_what_is_lost() {
    let image = udf_disc();
    let block = |block: usize| Ranges::one((block * BLOCK) as u64..((block + 1) * BLOCK) as u64);
    let answer = read(&image, block(262)).expect("it is UDF");
    assert_eq!(answer.paths().len(), 3);
    // The record of one file.
    let answer = read(&image, block(PARTITION + 5)).expect("it is UDF");
    assert_eq!(answer.paths(), ["tiny.jpg", "Bilder/long €.jpg"]);
    assert_eq!(answer.problems[0].path, "Bilder/gap.jpg");
    // Where the list of another goes on.
    let answer = read(&image, block(PARTITION + 7)).expect("it is UDF");
    assert_eq!(answer.paths().len(), 3);
    assert_eq!(answer.problems[0].kind, ProblemKind::Truncated);
}

/// Changes bytes and makes holes at random; whatever comes of it, it ends, and says only what can be.
#[test]
fn nothing_that_is_damaged_at_random_harms() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let discs = [(disc(), 16 * SECTOR, 8 * SECTOR), (udf_disc(), 256 * BLOCK, 32 * BLOCK)];
    for round in 0..4000 {
        let (whole, first, length) = &discs[round % 2];
        let mut image = whole.clone();
        for _ in 0..=random(6) {
            let at = first + random(*length);
            image[at] = match random(3) {
                0 => 0xFF,
                1 => 0,
                _ => u8::try_from(random(256)).unwrap(),
            };
        }
        if round % 4 == 1 {
            // What a tag says of itself is made true again, so that more than the tag is tried.
            for block in 256..PARTITION + 8 {
                let tag = image[block * BLOCK..(block + 1) * BLOCK].to_vec();
                image[block * BLOCK..(block + 1) * BLOCK].copy_from_slice(&sealed(tag));
            }
        }
        let mut holes = Ranges::new();
        for _ in 0..random(3) {
            let start = random(image.len() / 512) as u64 * 512;
            holes.insert(start..start + 512 * (1 + random(4) as u64));
        }
        let Some(answer) = read(&image, holes) else { continue };
        for file in &answer.files {
            assert!(file.path.as_bytes().split(|byte| *byte == b'/').all(|part| !part.is_empty() && part != b".."));
        }
        answer.disc.free().expect("memory is not gone");
    }
}
