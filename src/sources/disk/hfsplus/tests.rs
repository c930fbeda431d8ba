//! A small volume made by hand, whole and damaged.

use super::*;
use crate::sources::medium::read_vec;
use jiff::tz::TimeZone;

const BLOCK: usize = 512;
const BLOCKS: usize = 256;
const NODE: usize = 1024;
const CATALOG: usize = 10;
const OVERFLOW: usize = 5;
const DATA: usize = 60;
/// 2022-01-14T07:19:46Z.
const TIME: u32 = 0xDE06_D492;

fn key(parent: u32, name: &str) -> Vec<u8> {
    let letters: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let length = u16::try_from(6 + letters.len()).unwrap();
    let count = u16::try_from(letters.len() / 2).unwrap();
    [length.to_be_bytes().as_slice(), &parent.to_be_bytes(), &count.to_be_bytes(), &letters].concat()
}

fn folder(parent: u32, name: &str, id: u32) -> Vec<u8> {
    let mut data = vec![0; 88];
    data[1] = 1;
    data[8..12].copy_from_slice(&id.to_be_bytes());
    [key(parent, name), data].concat()
}

fn fork(size: usize, runs: &[(u32, u32)]) -> Vec<u8> {
    let mut fork = vec![0; 80];
    fork[..8].copy_from_slice(&(size as u64).to_be_bytes());
    for (index, (start, count)) in runs.iter().enumerate() {
        fork[16 + index * 8..20 + index * 8].copy_from_slice(&start.to_be_bytes());
        fork[20 + index * 8..24 + index * 8].copy_from_slice(&count.to_be_bytes());
    }
    fork
}

fn file(parent: u32, name: &str, id: u32, size: usize, runs: &[(u32, u32)]) -> Vec<u8> {
    let mut data = vec![0; 248];
    data[1] = 2;
    data[8..12].copy_from_slice(&id.to_be_bytes());
    data[16..20].copy_from_slice(&TIME.to_be_bytes());
    data[42..44].copy_from_slice(&0o100_644_u16.to_be_bytes());
    data[88..168].copy_from_slice(&fork(size, runs));
    [key(parent, name), data].concat()
}

fn link(parent: u32, name: &str, id: u32, to: u32) -> Vec<u8> {
    let mut record = file(parent, name, id, 0, &[]);
    let data = record.len() - 248;
    record[data + 44..data + 48].copy_from_slice(&to.to_be_bytes());
    record[data + 48..data + 56].copy_from_slice(b"hlnkhfs+");
    record
}

fn leaf(next: u32, records: &[Vec<u8>]) -> Vec<u8> {
    let mut node = vec![0; NODE];
    node[..4].copy_from_slice(&next.to_be_bytes());
    node[8] = 0xFF;
    node[9] = 1;
    node[10..12].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
    let mut at = 14;
    for (index, record) in records.iter().enumerate() {
        node[NODE - 2 * (index + 1)..NODE - 2 * index].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
        node[at..at + record.len()].copy_from_slice(record);
        at += record.len();
    }
    let index = records.len();
    node[NODE - 2 * (index + 1)..NODE - 2 * index].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
    node
}

/// A header node, and the leaves in their order.
fn tree(leaves: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut header = vec![0; NODE];
    header[8] = 1;
    header[20..24].copy_from_slice(&u32::try_from(leaves.iter().map(Vec::len).sum::<usize>()).unwrap().to_be_bytes());
    header[24..28].copy_from_slice(&u32::from(!leaves.is_empty()).to_be_bytes());
    header[32..34].copy_from_slice(&u16::try_from(NODE).unwrap().to_be_bytes());
    for node in 0..=leaves.len() {
        header[248 + node / 8] |= 0x80 >> (node % 8);
    }
    let mut nodes = header;
    for (index, records) in leaves.iter().enumerate() {
        let next = if index + 1 == leaves.len() { 0 } else { u32::try_from(index + 2).unwrap() };
        nodes.extend(leaf(next, records));
    }
    nodes
}

fn volume_with(leaves: &[Vec<Vec<u8>>], overflow: &[Vec<u8>]) -> Vec<u8> {
    let mut image = vec![0; BLOCK * BLOCKS];
    let catalog = tree(leaves);
    let overflow = if overflow.is_empty() { tree(&[]) } else { tree(&[overflow.to_vec()]) };
    let mut header = vec![0; 512];
    header[..4].copy_from_slice(&[0x48, 0x2B, 0, 4]);
    header[6] = 1;
    header[40..44].copy_from_slice(&u32::try_from(BLOCK).unwrap().to_be_bytes());
    header[44..48].copy_from_slice(&u32::try_from(BLOCKS).unwrap().to_be_bytes());
    header[104..112].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    header[112..192].copy_from_slice(&fork(BLOCK, &[(4, 1)]));
    let run =
        |start: usize, bytes: usize| (u32::try_from(start).unwrap(), u32::try_from(bytes.div_ceil(BLOCK)).unwrap());
    header[192..272].copy_from_slice(&fork(overflow.len(), &[run(OVERFLOW, overflow.len())]));
    header[272..352].copy_from_slice(&fork(catalog.len(), &[run(CATALOG, catalog.len())]));
    image[1024..1536].copy_from_slice(&header);
    let end = image.len();
    image[end - 1024..end - 512].copy_from_slice(&header);
    image[OVERFLOW * BLOCK..OVERFLOW * BLOCK + overflow.len()].copy_from_slice(&overflow);
    image[CATALOG * BLOCK..CATALOG * BLOCK + catalog.len()].copy_from_slice(&catalog);
    // In use: up to block 70, and the last two.
    for block in (0..70).chain(BLOCKS - 2..BLOCKS) {
        image[4 * BLOCK + block / 8] |= 0x80 >> (block % 8);
    }
    for (index, byte) in image[DATA * BLOCK..(BLOCKS - 2) * BLOCK].iter_mut().enumerate() {
        *byte = u8::try_from(index / BLOCK).unwrap() ^ 0x5A;
    }
    image
}

/// Three leaves: the top with a folder, the folder with two files, and what is shared.
fn leaves() -> Vec<Vec<Vec<u8>>> {
    vec![
        vec![folder(1, "Old Mac", 2), folder(2, "Photos", 16), folder(2, "\0\0\0\0HFS+ Private Data", 18)],
        vec![
            file(16, "Rome/1.jpg", 20, 1000, &[(61, 1), (63, 1)]),
            file(16, "Rome 2.jpg", 21, 512, &[(64, 1)]),
            file(16, "Rome 3.jpg", 25, 9, &[(68, 1)]),
        ],
        vec![link(16, "twin.jpg", 22, 77), link(16, "twin again.jpg", 23, 77)],
        vec![file(18, "iNode77", 24, 300, &[(66, 1)])],
    ]
}

struct Answer {
    volume: Box<dyn FileSystem>,
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
    let volume = open(Arc::new((image.to_vec(), holes)), &reading).expect("memory is not gone")?;
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    let mut meet = |met| {
        match met {
            Met::File(file) => files.push(file),
            Met::Problem(problem) => problems.push(problem),
        }
        ControlFlow::Continue(())
    };
    volume.walk(&mut meet).expect("memory is not gone");
    Some(Answer { volume, files, problems })
}

fn content(image: &[u8], file: &DiskFile) -> Vec<u8> {
    let Content::Extents(extents) = &file.content else { panic!("{file:?}") };
    let medium: Arc<dyn Medium> = Arc::new((image.to_vec(), Ranges::new()));
    let whole = Scattered::new(medium, extents.clone(), file.size);
    read_vec(&whole, 0, usize::try_from(file.size).unwrap()).unwrap().0
}

fn sectors(first: usize, count: usize) -> Ranges {
    Ranges::one((first * BLOCK) as u64..((first + count) * BLOCK) as u64)
}

const ALL: [&str; 4] = ["Photos/Rome:1.jpg", "Photos/Rome 2.jpg", "Photos/Rome 3.jpg", "Photos/twin.jpg"];

#[test]
fn files_have_their_names_times_and_bytes() {
    let image = volume_with(&leaves(), &[]);
    let answer = read(&image, Ranges::new()).expect("it is HFS+");
    assert_eq!(answer.paths(), ALL);
    assert!(answer.problems.is_empty(), "{:?}", answer.problems);
    let first = &answer.files[0];
    assert_eq!(first.modified_at.expect("a time").to_string(), "2022-01-14T07:19:46Z");
    assert_eq!(
        content(&image, first),
        [image[61 * BLOCK..62 * BLOCK].to_vec(), image[63 * BLOCK..][..488].to_vec()].concat()
    );
    assert_eq!(content(&image, &answer.files[3]), image[66 * BLOCK..][..300]);
    assert_eq!((answer.volume.kind(), answer.volume.label().as_deref()), ("HFS+", Some("Old Mac")));
    assert_eq!(answer.volume.free().unwrap().unwrap().to_string(), format!("{}+{}", 70 * BLOCK, 184 * BLOCK));
}

#[test]
fn the_copy_of_the_header_serves_where_the_first_one_is_lost() {
    let image = volume_with(&leaves(), &[]);
    let answer = read(&image, sectors(2, 1)).expect("the copy says what it is");
    assert_eq!(answer.paths(), ALL);
    assert_eq!(answer.problems.len(), 1);
    // One that can be read, but leads to no catalog.
    let mut torn = image.clone();
    torn[1024 + 272 + 16..1024 + 352].fill(0);
    assert_eq!(read(&torn, Ranges::new()).expect("it is HFS+").paths(), ALL);
    // A volume that was formatted as something else is that.
    let mut other = image.clone();
    other[1024..1536].fill(0);
    other[510..512].copy_from_slice(&[0x55, 0xAA]);
    assert!(read(&other, Ranges::new()).is_none());
}

#[test]
fn a_lost_node_costs_only_what_it_lists() {
    let image = volume_with(&leaves(), &[]);
    // The leaf with the two links: the chain breaks there, the shared file is found, and has a name of its own.
    let answer = read(&image, sectors(CATALOG + 6, 2)).expect("it is HFS+");
    assert_eq!(answer.paths(), [ALL[0], ALL[1], ALL[2], "\u{2400}\u{2400}\u{2400}\u{2400}HFS+ Private Data/iNode77"]);
    assert_eq!(answer.problems.len(), 1);
    // The one with the folders: files are kept, under a number.
    let answer = read(&image, sectors(CATALOG + 2, 2)).expect("it is HFS+");
    assert_eq!(
        answer.paths(),
        [
            "[orphan]/folder-16/Rome:1.jpg",
            "[orphan]/folder-16/Rome 2.jpg",
            "[orphan]/folder-16/Rome 3.jpg",
            "[orphan]/folder-18/iNode77"
        ]
    );
    // What the lost files may own is free to be searched.
    let free = answer.volume.free().unwrap().unwrap();
    assert!(!free.meets(61 * 512..62 * 512) && !free.meets(63 * 512..64 * 512));
    assert!(free.contains(62 * 512) && free.contains(65 * 512));
}

#[test]
fn a_node_without_its_table_gives_the_records_before_the_hole() {
    let image = volume_with(&leaves(), &[]);
    // The second half of the leaf with the files has the table, and the end of the second file.
    let answer = read(&image, sectors(CATALOG + 5, 1)).expect("it is HFS+");
    assert_eq!(answer.paths(), [ALL[0], ALL[3]]);
    assert_eq!(answer.problems.len(), 1);
    // The first half has the head, the first file, and the beginning of the second.
    let answer = read(&image, sectors(CATALOG + 4, 1)).expect("it is HFS+");
    assert_eq!(answer.paths(), [ALL[2], ALL[3]]);
}

#[test]
fn a_catalog_without_its_header_is_read_node_by_node() {
    let image = volume_with(&leaves(), &[]);
    let answer = read(&image, sectors(CATALOG, 2)).expect("it is HFS+");
    assert_eq!(answer.paths(), ALL);
}

#[test]
fn a_chain_in_a_circle_ends() {
    let mut image = volume_with(&leaves(), &[]);
    // The second leaf leads back to the first.
    image[CATALOG * BLOCK + 2 * NODE..][..4].copy_from_slice(&1_u32.to_be_bytes());
    let answer = read(&image, Ranges::new()).expect("it is HFS+");
    assert_eq!(answer.paths(), ALL);
    assert_eq!(answer.problems.len(), 1);
}

#[test]
fn a_file_in_many_pieces_goes_on_in_the_overflow_tree() {
    let pieces: Vec<(u32, u32)> = (0..8).map(|piece| (60 + piece * 3, 1)).collect();
    let catalog = vec![vec![folder(1, "Old Mac", 2), file(2, "big.jpg", 20, 10 * BLOCK, &pieces)]];
    let record = |block: u32, runs: &[(u32, u32)]| {
        let key = [&[0, 10, 0, 0][..], &20_u32.to_be_bytes(), &block.to_be_bytes()].concat();
        [key, fork(0, runs)[16..].to_vec()].concat()
    };
    let image = volume_with(&catalog, &[record(8, &[(100, 1), (90, 1)])]);
    let answer = read(&image, Ranges::new()).expect("it is HFS+");
    let blocks = [60, 63, 66, 69, 72, 75, 78, 81, 100, 90];
    let expected: Vec<u8> = blocks.iter().flat_map(|block| image[block * BLOCK..][..BLOCK].to_vec()).collect();
    assert_eq!(content(&image, &answer.files[0]), expected);
    // Without that record the end is lost, and that is said.
    let answer = read(&image, sectors(OVERFLOW + 2, 2)).expect("it is HFS+");
    assert_eq!(content(&image, &answer.files[0])[..8 * BLOCK], expected[..8 * BLOCK]);
    let Content::Extents(extents) = &answer.files[0].content else { panic!("in extents") };
    assert_eq!(extents.iter().map(|extent| extent.length).sum::<u64>(), 8 * 512);
    assert_eq!(answer.problems.iter().filter(|problem| problem.kind == ProblemKind::Truncated).count(), 1);
}

#[test]
fn a_volume_in_a_wrapper_is_read_by_places_on_the_medium() {
    let inner = volume_with(&leaves(), &[]);
    let mut image = vec![0; 8 * 512];
    image[1024..1026].copy_from_slice(b"BD");
    image[1024 + 0x14..1024 + 0x18].copy_from_slice(&512_u32.to_be_bytes());
    image[1024 + 0x1C..1024 + 0x1E].copy_from_slice(&4_u16.to_be_bytes());
    image[1024 + 0x7C..1024 + 0x7E].copy_from_slice(b"H+");
    image[1024 + 0x7E..1024 + 0x80].copy_from_slice(&4_u16.to_be_bytes());
    image[1024 + 0x80..1024 + 0x82].copy_from_slice(&u16::try_from(BLOCKS).unwrap().to_be_bytes());
    image.extend(&inner);
    let answer = read(&image, Ranges::new()).expect("it is HFS+ inside");
    assert_eq!(answer.paths(), ALL);
    assert_eq!(content(&image, &answer.files[1]), inner[64 * BLOCK..][..512]);
    assert_eq!(answer.volume.first_cluster(), 8 * 512);
}

#[test]
fn a_folder_that_a_backup_shares_is_met_once_by_its_first_name() {
    let shared = |parent: u32, name: &str, id: u32| {
        let mut record = file(parent, name, id, 0, &[]);
        let data = record.len() - 248;
        record[data + 3] |= 0x20;
        record[data + 44..data + 48].copy_from_slice(&40_u32.to_be_bytes());
        record[data + 48..data + 56].copy_from_slice(b"fdrpMACS");
        record
    };
    let leaves = vec![
        vec![folder(1, "Backup", 2), folder(2, ".HFS+ Private Directory Data\r", 17), folder(2, "Monday", 18)],
        vec![folder(2, "Tuesday", 19), folder(17, "dir_40", 40), shared(18, "Photos", 50)],
        vec![shared(19, "Photos", 51), file(40, "a.jpg", 60, 10, &[(61, 1)])],
    ];
    let answer = read(&volume_with(&leaves, &[]), Ranges::new()).expect("it is HFS+");
    assert_eq!(answer.paths(), ["Monday/Photos/a.jpg"]);
    assert!(answer.problems.is_empty(), "{:?}", answer.problems);
}

/// Changes bytes and makes holes at random; whatever comes of it, it ends, and says only what can be.
#[test]
fn nothing_that_is_damaged_at_random_harms() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let whole = volume_with(&leaves(), &[]);
    for _ in 0..3000 {
        let mut image = whole.clone();
        for _ in 0..=random(6) {
            // Mostly where the structures are.
            let at = if random(4) == 0 { random(image.len()) } else { 1024 + random(11 * NODE) };
            image[at] = match random(3) {
                0 => 0xFF,
                1 => 0,
                _ => u8::try_from(random(256)).unwrap(),
            };
        }
        let mut holes = Ranges::new();
        for _ in 0..random(3) {
            let first = random(BLOCKS) as u64 * 512;
            holes.insert(first..first + 512 * (1 + random(4) as u64));
        }
        let Some(answer) = read(&image, holes) else { continue };
        for file in &answer.files {
            assert!(!file.path.as_bytes().is_empty());
            assert!(file.path.as_bytes().split(|byte| *byte == b'/').all(|part| !part.is_empty() && part != b".."));
        }
        answer.volume.free().expect("memory is not gone");
    }
}
