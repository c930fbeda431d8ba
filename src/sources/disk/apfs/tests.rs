//! A small container made by hand, whole and damaged.

use super::*;
use crate::sources::disk::file_system::{Content, DiskFile};
use crate::sources::disk::scattered::Scattered;
use crate::sources::medium::read_vec;
use jiff::tz::TimeZone;

const BLOCK: usize = 4096;
const BLOCKS: usize = 40;
/// 2022-01-14T07:19:46Z.
const TIME: u64 = 1_642_144_786 * 1_000_000_000;

/// An object with its checksum: number, transaction 9, kind, purpose, and what stands behind the head.
fn object(id: u64, kind: u32, purpose: u32, body: &[u8]) -> Vec<u8> {
    let mut object = [&[0; 8], id.to_le_bytes().as_slice(), &9_u64.to_le_bytes()].concat();
    object.extend(kind.to_le_bytes());
    object.extend(purpose.to_le_bytes());
    object.extend(body);
    object.resize(BLOCK, 0);
    seal(&mut object);
    object
}

fn seal(object: &mut [u8]) {
    let modulus = u64::from(u32::MAX);
    let (mut first, mut second) = (0_u64, 0_u64);
    for word in object[8..].chunks_exact(4) {
        first = (first + u64::from(u32::from_le_bytes(word.try_into().unwrap()))) % modulus;
        second = (second + first) % modulus;
    }
    let low = modulus - (first + second) % modulus;
    let high = modulus - (first + low) % modulus;
    object[..8].copy_from_slice(&(high << 32 | low).to_le_bytes());
}

/// A node: `flags` 1 a root, 2 a leaf, 4 with records of fixed lengths.
fn node(id: u64, flags: u16, purpose: u32, records: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let is_fixed = flags & 4 != 0;
    let table_bytes = records.len() * if is_fixed { 4 } else { 8 };
    let mut body = vec![0; BLOCK - 32];
    body[..2].copy_from_slice(&flags.to_le_bytes());
    body[4..8].copy_from_slice(&u32::try_from(records.len()).unwrap().to_le_bytes());
    body[10..12].copy_from_slice(&u16::try_from(table_bytes).unwrap().to_le_bytes());
    let values_end = body.len() - if flags & 1 != 0 { 40 } else { 0 };
    let keys_start = 24 + table_bytes;
    let (mut key_at, mut value_back) = (0, 0);
    for (index, (key, value)) in records.iter().enumerate() {
        body[keys_start + key_at..keys_start + key_at + key.len()].copy_from_slice(key);
        value_back += value.len();
        body[values_end - value_back..values_end - value_back + value.len()].copy_from_slice(value);
        let numbers =
            if is_fixed { vec![key_at, value_back] } else { vec![key_at, key.len(), value_back, value.len()] };
        let table: Vec<u8> =
            numbers.into_iter().flat_map(|number| u16::try_from(number).unwrap().to_le_bytes()).collect();
        body[24 + index * table.len()..24 + (index + 1) * table.len()].copy_from_slice(&table);
        key_at += key.len();
    }
    object(id, if flags & 1 != 0 { 2 } else { 3 }, purpose, &body)
}

fn words(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn object_map(block: u64, objects: &[(u64, u64)]) -> (Vec<u8>, Vec<u8>) {
    let mut body = vec![0; 24];
    body[16..24].copy_from_slice(&(block + 1).to_le_bytes());
    let records: Vec<(Vec<u8>, Vec<u8>)> =
        objects.iter().map(|(id, at)| (words(&[*id, 5]), words(&[4096 << 32, *at]))).collect();
    (object(block, 11, 0, &body), node(block + 1, 7, 11, &records))
}

fn key(kind: u64, id: u64) -> Vec<u8> {
    words(&[kind << 60 | id])
}

fn inode(id: u64, parent: u64, mode: u16, size: Option<u64>, name: &str) -> (Vec<u8>, Vec<u8>) {
    let mut value = words(&[parent, id, TIME, TIME, TIME, TIME, 0]);
    value.resize(92, 0);
    value[80..82].copy_from_slice(&mode.to_le_bytes());
    let name = [name.as_bytes(), &[0]].concat();
    let mut fields = vec![(4_u8, name)];
    fields.extend(size.map(|size| (8, words(&[size, size, 0, 0, 0]))));
    value.extend(u16::try_from(fields.len()).unwrap().to_le_bytes());
    value.extend([0, 0]);
    for (kind, data) in &fields {
        value.extend([*kind, 0]);
        value.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
    }
    for (_, data) in fields {
        value.extend(&data);
        value.resize(value.len() + (data.len().next_multiple_of(8) - data.len()), 0);
    }
    (key(3, id), value)
}

fn name(parent: u64, name: &str, id: u64, kind: u16) -> (Vec<u8>, Vec<u8>) {
    let bytes = [name.as_bytes(), &[0]].concat();
    let length = u32::try_from(bytes.len()).unwrap() | 0xABCD << 10;
    let value = [words(&[id, TIME]), kind.to_le_bytes().to_vec()].concat();
    ([key(9, parent), length.to_le_bytes().to_vec(), bytes].concat(), value)
}

fn run(id: u64, from: u64, length: u64, block: u64) -> (Vec<u8>, Vec<u8>) {
    ([key(8, id), words(&[from])].concat(), words(&[length, block, 0]))
}

fn superblock(transaction: u64) -> Vec<u8> {
    superblock_with(transaction, 6)
}

fn superblock_with(transaction: u64, object_map: u64) -> Vec<u8> {
    let mut body = vec![0; 4096 - 32];
    body[..4].copy_from_slice(b"NXSB");
    body[4..8].copy_from_slice(&4096_u32.to_le_bytes());
    body[8..16].copy_from_slice(&(BLOCKS as u64).to_le_bytes());
    body[40..56].copy_from_slice(&[7; 16]);
    body[72..76].copy_from_slice(&4_u32.to_le_bytes());
    body[80..88].copy_from_slice(&1_u64.to_le_bytes());
    body[128..136].copy_from_slice(&object_map.to_le_bytes());
    body[148..152].copy_from_slice(&1_u32.to_le_bytes());
    body[152..160].copy_from_slice(&100_u64.to_le_bytes());
    let mut object = object(1, 1, 0, &body);
    object[16..24].copy_from_slice(&transaction.to_le_bytes());
    seal(&mut object);
    object
}

fn volume() -> Vec<u8> {
    volume_with(9)
}

fn volume_with(object_map: u64) -> Vec<u8> {
    let mut body = vec![0; 4096 - 32];
    body[..4].copy_from_slice(b"APSB");
    body[24..32].copy_from_slice(&1_u64.to_le_bytes());
    body[96..104].copy_from_slice(&object_map.to_le_bytes());
    body[104..112].copy_from_slice(&200_u64.to_le_bytes());
    body[232..240].copy_from_slice(&1_u64.to_le_bytes());
    body[672..680].copy_from_slice(b"Old Mac\0");
    object(100, 13, 0, &body)
}

fn container() -> Vec<u8> {
    let mut image = vec![0; BLOCK * BLOCKS];
    let mut put = |block: usize, bytes: &[u8]| image[block * BLOCK..block * BLOCK + bytes.len()].copy_from_slice(bytes);
    put(0, &superblock(8));
    put(2, &superblock(9));
    let (map, tree) = object_map(6, &[(100, 8)]);
    put(6, &map);
    put(7, &tree);
    put(8, &volume());
    let (map, tree) = object_map(9, &[(200, 11), (201, 12), (202, 13)]);
    put(9, &map);
    put(10, &tree);
    put(11, &node(200, 1, 14, &[(key(3, 2), words(&[201])), (key(3, 20), words(&[202]))]));
    put(
        12,
        &node(
            201,
            2,
            14,
            &[
                inode(2, 1, 0o040_755, None, "root"),
                name(2, "Photos", 16, 4),
                name(2, "top.jpg", 22, 8),
                inode(16, 2, 0o040_755, None, "Photos"),
                name(16, "a.jpg", 20, 8),
                name(16, "gap.jpg", 21, 8),
                name(16, "to a", 23, 10),
            ],
        ),
    );
    put(
        13,
        &node(
            202,
            2,
            14,
            &[
                inode(20, 16, 0o100_644, Some(5000), "a.jpg"),
                run(20, 0, 4096, 20),
                run(20, 4096, 4096, 22),
                inode(21, 16, 0o100_644, Some(9000), "gap.jpg"),
                run(21, 0, 4096, 24),
                run(21, 8192, 4096, 25),
                inode(22, 2, 0o100_644, Some(100), "top.jpg"),
                run(22, 0, 4096, 26),
                inode(23, 16, 0o120_755, None, "to a"),
            ],
        ),
    );
    for (index, byte) in image[20 * BLOCK..].iter_mut().enumerate() {
        *byte = u8::try_from(index / BLOCK).unwrap() ^ 0x5A;
    }
    image
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

fn hole(block: usize) -> Ranges {
    Ranges::one((block * BLOCK) as u64..((block + 1) * BLOCK) as u64)
}

const ALL: [&str; 3] = ["Photos/a.jpg", "Photos/gap.jpg", "top.jpg"];

#[test]
fn files_have_their_names_times_and_bytes() {
    let image = container();
    let answer = read(&image, Ranges::new()).expect("it is APFS");
    assert_eq!(answer.paths(), ALL);
    assert!(answer.problems.is_empty(), "{:?}", answer.problems);
    let block = |block: usize, bytes: usize| image[block * BLOCK..][..bytes].to_vec();
    assert_eq!(content(&image, &answer.files[0]), [block(20, 4096), block(22, 904)].concat());
    assert_eq!(content(&image, &answer.files[1]), [block(24, 4096), vec![0; 4096], block(25, 808)].concat());
    assert_eq!(answer.files[0].modified_at.expect("a time").to_string(), "2022-01-14T07:19:46Z");
    assert_eq!(answer.volume.label().as_deref(), Some("Old Mac"));
    let free = answer.volume.free().unwrap().unwrap();
    assert!(free.contains(21 * 4096) && !free.meets(22 * 4096..23 * 4096));
}

#[test]
fn the_ring_of_checkpoints_serves_where_the_first_block_is_lost() {
    let image = container();
    let answer = read(&image, hole(0)).expect("it is APFS");
    assert_eq!(answer.paths(), ALL);
    assert_eq!(answer.problems.len(), 1);
    // And the first block where the ring is lost.
    assert_eq!(read(&image, hole(2)).expect("it is APFS").paths(), ALL);
}

#[test]
fn a_lost_node_costs_only_what_it_lists() {
    let image = container();
    // The root: the leaves are found by the object map.
    assert_eq!(read(&image, hole(11)).expect("it is APFS").paths(), ALL);
    // The leaf with the names: files have the names in their records.
    let answer = read(&image, hole(12)).expect("it is APFS");
    assert_eq!(answer.paths(), ["[orphan]/folder-16/a.jpg", "[orphan]/folder-16/gap.jpg", "top.jpg"]);
    // The leaf with the records: names without them are told.
    let answer = read(&image, hole(13)).expect("it is APFS");
    assert!(answer.paths().is_empty());
    let lost: Vec<&str> = answer.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(lost, ["Old Mac", ALL[0], ALL[1], ALL[2]]);
}

#[test]
fn a_lost_map_is_made_again_from_the_nodes_around_it() {
    let image = container();
    for block in [9, 10] {
        let answer = read(&image, hole(block)).expect("it is APFS");
        assert_eq!(answer.paths(), ALL);
        // A gap may now be one in the list, or in the file.
        let told: Vec<&str> = answer.problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(told, ["Old Mac", ALL[1]]);
        assert_eq!(content(&image, &answer.files[0])[..4096], image[20 * BLOCK..21 * BLOCK]);
    }
}

#[test]
fn what_the_newest_state_lost_is_taken_from_an_older_one() {
    let mut image = container();
    let mut put = |block: usize, bytes: &[u8]| image[block * BLOCK..block * BLOCK + bytes.len()].copy_from_slice(bytes);
    put(3, &superblock_with(7, 30));
    let (map, tree) = object_map(30, &[(100, 32)]);
    put(30, &map);
    put(31, &tree);
    put(32, &volume_with(33));
    let (map, tree) = object_map(33, &[(202, 35)]);
    put(33, &map);
    put(34, &tree);
    put(35, &node(202, 2, 14, &[inode(20, 16, 0o100_644, Some(100), "a.jpg"), run(20, 0, 4096, 27)]));
    // As long as the newest state can be read, nothing of the older one is taken.
    let answer = read(&image, Ranges::new()).expect("it is APFS");
    assert_eq!((answer.paths(), answer.files[0].size), (ALL.map(str::to_owned).to_vec(), 5000));
    let answer = read(&image, hole(13)).expect("it is APFS");
    assert_eq!(answer.paths(), [ALL[0]]);
    assert_eq!(content(&image, &answer.files[0]), image[27 * BLOCK..][..100]);
    let told: Vec<&str> = answer.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(told, ["Old Mac", ALL[1], ALL[2]]);
}

#[test]
fn an_encrypted_volume_is_named_and_what_to_do() {
    let mut image = container();
    image[8 * BLOCK + 264] = 0;
    let answer = read(&image, Ranges::new()).expect("it is APFS");
    assert!(answer.files.is_empty());
    assert!(answer.problems[0].message.contains("encrypted"));
    assert_eq!(answer.volume.free().unwrap(), None);
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
    let whole = container();
    for _ in 0..3000 {
        let mut image = whole.clone();
        for _ in 0..=random(6) {
            // Where the nodes are not empty.
            let at = [0, 2, 6, 7, 8, 9, 10, 11, 12, 13][random(10)] * BLOCK;
            let at = at + if random(2) == 0 { random(400) } else { BLOCK - 1 - random(700) };
            image[at] = match random(3) {
                0 => 0xFF,
                1 => 0,
                _ => u8::try_from(random(256)).unwrap(),
            };
        }
        for block in [0, 2] {
            seal(&mut image[block * BLOCK..(block + 1) * BLOCK]);
        }
        let mut holes = Ranges::new();
        for _ in 0..random(3) {
            let start = random(BLOCKS * 8) as u64 * 512;
            holes.insert(start..start + 512 * (1 + random(4) as u64));
        }
        let Some(answer) = read(&image, holes) else { continue };
        for file in &answer.files {
            assert!(file.path.as_bytes().split(|byte| *byte == b'/').all(|part| !part.is_empty() && part != b".."));
        }
        answer.volume.free().expect("memory is not gone");
    }
}
