use std::ops::Range;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;

/// Bytes that repeat nothing.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..length).map(|_| random.byte()).collect()
}

/// xorshift64*
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % end.max(1)
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// How a test photo is taken.
#[derive(Clone, Copy)]
struct Shot {
    /// What stands before the camera.
    scene: u64,
    /// What differs between two shots of it.
    grain: u64,
    width: u16,
    height: u16,
    quality: u8,
    restart: u16,
    progressive: bool,
    second: u8,
}

const SHOT: Shot =
    Shot { scene: 1, grain: 1, width: 480, height: 320, quality: 88, restart: 0, progressive: false, second: 33 };

fn pixels(shot: Shot) -> Vec<u8> {
    let (mut scene, mut grain) = (Random::new(shot.scene), Random::new(shot.scene << 20 | shot.grain));
    let (a, b, c) = (scene.below(200) + 20, scene.below(90) + 5, scene.below(60) + 3);
    let mut pixels = Vec::new();
    for y in 0..usize::from(shot.height) {
        for x in 0..usize::from(shot.width) {
            let light = (x * x / a + y * b / 7 + (x / c) * (y / c) * 5) % 200;
            for colour in 0..3 {
                pixels.push(u8::try_from((light + colour * 12 + grain.below(24)) % 256).unwrap());
            }
        }
    }
    pixels
}

fn taken(shot: Shot) -> Vec<u8> {
    encoded(&pixels(shot), shot)
}

fn encoded(pixels: &[u8], shot: Shot) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, shot.quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_progressive(shot.progressive);
    if shot.restart > 0 {
        encoder.set_restart_interval(shot.restart);
    }
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    exif.extend(format!("Canon EOS\x002014:08:03 14:22:{:02}\0", shot.second).bytes());
    exif.extend(noise(u64::from(shot.second), 1800));
    encoder.add_app_segment(1, exif).unwrap();
    // A colour profile, the same in every file of the camera.
    encoder.add_app_segment(2, noise(99, 3000)).unwrap();
    encoder.encode(pixels, shot.width, shot.height, ColorType::Rgb).unwrap();
    file
}

/// A photo like from a camera; the number tells which.
pub(super) fn photo(number: u64) -> Vec<u8> {
    taken(Shot { scene: number, second: u8::try_from(number % 60).unwrap(), ..SHOT })
}

/// A copy in which these bytes could not be read, as its map says.
fn mapped(file: &[u8], holes: &[Range<usize>]) -> (Vec<u8>, Option<Ranges>) {
    let (bytes, _) = unmapped(file, holes);
    (bytes, Some(holes.iter().map(compare::wide).collect()))
}

/// The same without a map.
fn unmapped(file: &[u8], holes: &[Range<usize>]) -> (Vec<u8>, Option<Ranges>) {
    let mut bytes = file.to_vec();
    for hole in holes {
        bytes[hole.clone()].fill(0);
    }
    (bytes, None)
}

fn merged(copies: &[(Vec<u8>, Option<Ranges>)]) -> Outcome {
    let copies: Vec<Copy<'_>> = copies.iter().map(|(bytes, lost)| Copy { bytes, lost: lost.clone() }).collect();
    let outcome = merge(&copies);
    if let Outcome::Whole { bytes, from, .. } = &outcome {
        hold(&copies, bytes, from);
    }
    outcome
}

/// Each byte is given once, by a copy that has it at the same offset.
fn hold(copies: &[Copy<'_>], bytes: &[u8], from: &[(usize, Ranges)]) {
    let mut all = Ranges::new();
    for (index, given) in from {
        for part in given.iter().map(|part| compare::narrow(&part)) {
            assert_eq!(bytes[part.clone()], copies[*index].bytes[part]);
        }
        all.extend(given.iter());
    }
    assert_eq!(all, Ranges::one(0..bytes.len() as u64));
    assert_eq!(from.iter().map(|(_, given)| given.bytes()).sum::<u64>(), bytes.len() as u64);
}

#[track_caller]
fn assert_whole(outcome: &Outcome, expected: &[u8], by: Proof) {
    match outcome {
        Outcome::Whole { bytes, proof, .. } => assert!(bytes == expected && *proof == by, "{proof:?}"),
        Outcome::Best { .. } | Outcome::NotOnePicture(_) => panic!("{outcome:?}"),
    }
}

#[track_caller]
fn assert_unproven(outcome: &Outcome, why: &Unproven) {
    match outcome {
        Outcome::Best { because, .. } => assert_eq!(because, why),
        Outcome::Whole { .. } => panic!("called whole"),
        Outcome::NotOnePicture(apart) => panic!("{apart:?}"),
    }
}

#[test]
fn two_copies_with_other_holes_make_a_whole_photo() {
    for (restart, progressive) in [(0, false), (7, false), (0, true)] {
        let whole = taken(Shot { restart, progressive, ..SHOT });
        for hole in [unmapped, mapped] {
            let copies = [hole(&whole, &[8192..12288, 20480..20992]), hole(&whole, &[16384..17408, 30720..34816])];
            assert_whole(&merged(&copies), &whole, Proof::Decoded);
        }
    }
}

#[test]
fn holes_need_not_be_aligned_nor_of_zeros() {
    let whole = photo(3);
    let (mut one, mut other) = (whole.clone(), whole.clone());
    one[9001..10_777].fill(0xFF);
    let fill: Vec<u8> = b"BAD SECTOR\n".iter().copied().cycle().take(3000).collect();
    other[22_222..25_222].copy_from_slice(&fill);
    assert_whole(&merged(&[(one, None), (other, None)]), &whole, Proof::Decoded);
}

#[test]
fn a_hole_in_the_header_is_filled_from_the_other_copy() {
    let whole = photo(4);
    let copies = [unmapped(&whole, &[0..2048]), unmapped(&whole, &[20_480..24_576])];
    assert_whole(&merged(&copies), &whole, Proof::Decoded);
    let copies = [unmapped(&whole, &[512..1024]), unmapped(&whole, &[4096..9216])];
    assert_whole(&merged(&copies), &whole, Proof::Decoded);
}

#[test]
fn holes_that_overlap_in_metadata_leave_a_hole() {
    let whole = photo(4);
    let copies = [unmapped(&whole, &[512..1536]), unmapped(&whole, &[1024..2048])];
    assert_unproven(&merged(&copies), &Unproven::Missing(Ranges::one(1024..1536)));
    let same = [unmapped(&whole, &[512..1536, 9216..10_240]), unmapped(&whole, &[512..1536, 20_480..21_504])];
    assert_unproven(&merged(&same), &Unproven::Missing(Ranges::one(512..1536)));
}

#[test]
fn a_row_in_metadata_without_the_edges_of_a_hole_is_not_decided_by_guessing() {
    let whole = photo(4);
    let copies = [unmapped(&whole, &[700..1500]), unmapped(&whole, &[20_480..24_576])];
    assert_unproven(&merged(&copies), &Unproven::Ambiguous);
    // With a map there is nothing to guess.
    let copies = [mapped(&whole, &[700..1500]), unmapped(&whole, &[20_480..24_576])];
    assert_whole(&merged(&copies), &whole, Proof::Decoded);
}

#[test]
fn holes_whose_edges_overlap_by_a_few_bytes_of_metadata_leave_a_hole() {
    let whole = photo(4);
    let body = tested::body(&whole, Format::Jpeg).unwrap();
    let copies = [unmapped(&whole, &[body - 500..body + 700]), unmapped(&whole, &[body - 1400..body - 496])];
    assert!(!matches!(merged(&copies), Outcome::Whole { .. }));
}

#[test]
fn zeros_through_which_the_codes_go_by_chance_are_no_picture() {
    let whole = photo(17);
    let elsewhere = whole.len() - 6000..whole.len() - 4000;
    let decodes = |at: &usize| Format::Jpeg.test(&unmapped(&whole, std::slice::from_ref(&(*at..*at + 530))).0).is_whole;
    let at = (8000..whole.len() - 16_000).step_by(3).find(decodes).expect("now and then it happens");
    let one = unmapped(&whole, &[at..at + 530, elsewhere]);
    let sector = at / 512 * 512;
    let outcome = merged(&[one.clone(), unmapped(&whole, &[sector..sector + 4096])]);
    assert!(!matches!(outcome, Outcome::Whole { .. }), "{at}");
    // Where the other has data, that is what counts.
    let outcome = merged(&[one, unmapped(&whole, &[sector + 2048..sector + 4096])]);
    assert_whole(&outcome, &whole, Proof::Decoded);
}

#[test]
fn holes_that_overlap_in_the_picture_leave_the_better_copy() {
    let whole = taken(Shot { restart: 4, ..SHOT });
    let copies = [unmapped(&whole, &[8192..12_288]), unmapped(&whole, &[10_240..40_960])];
    let Outcome::Best { index, good_percent, because } = merged(&copies) else { panic!() };
    assert_eq!((index, because), (0, Unproven::Missing(Ranges::one(10_240..12_288))));
    assert!(good_percent.is_some_and(|good| good < 100));
}

#[test]
fn three_copies_that_only_together_are_whole() {
    let whole = photo(6);
    let third = whole.len() / 3;
    let copies = [
        unmapped(&whole, &[third..third + 5000, third * 2..third * 2 + 512]),
        unmapped(&whole, &[third + 2000..third + 7000, 9000..9600]),
        (whole[..third * 2].to_vec(), None),
    ];
    let two = [copies[0].clone(), copies[1].clone()];
    assert!(!matches!(merged(&two), Outcome::Whole { .. }));
    assert_whole(&merged(&copies), &whole, Proof::Decoded);
}

#[test]
fn a_copy_cut_short_helps_one_with_a_hole() {
    let whole = photo(7);
    let copies = [(whole[..whole.len() * 2 / 3].to_vec(), None), unmapped(&whole, &[8192..20_480])];
    assert_whole(&merged(&copies), &whole, Proof::Decoded);
}

#[test]
fn where_bits_flipped_the_one_way_that_decodes_is_taken() {
    let (mut found, mut ambiguous) = (0, 0);
    for seed in 0..24 {
        let whole = photo(8);
        let mut random = Random::new(seed + 1);
        let mut flipped = whole.clone();
        flipped[8000 + random.below(30_000)] ^= 1 << random.below(8);
        let copies = [unmapped(&whole, &[40_960..45_056]), (flipped, None)];
        match merged(&copies) {
            Outcome::Whole { bytes, .. } => {
                assert_eq!(bytes, whole);
                found += 1;
            }
            // A bit of a number, not of a code: both decode.
            Outcome::Best { because: Unproven::Ambiguous, .. } => ambiguous += 1,
            other @ (Outcome::Best { .. } | Outcome::NotOnePicture(_)) => panic!("{other:?}"),
        }
    }
    assert!(found > 0 && ambiguous > 0, "{found} {ambiguous}");
}

#[test]
fn a_block_of_another_file_inside_is_not_taken() {
    let whole = photo(9);
    let other_photo = photo(10);
    let (mut one, mut other) = (whole.clone(), whole.clone());
    one[12_288..16_384].copy_from_slice(&other_photo[12_288..16_384]);
    other[24_576..28_672].copy_from_slice(&noise(5, 4096));
    assert_whole(&merged(&[(one, None), (other, None)]), &whole, Proof::Decoded);
}

#[test]
fn a_tail_of_noise_is_replaced_by_the_other_copys() {
    let whole = photo(9);
    let mut other = whole.clone();
    let tail = whole.len() / 4 * 3;
    other[tail..].copy_from_slice(&noise(6, whole.len() - tail));
    assert_whole(&merged(&[unmapped(&whole, &[8192..12_288]), (other, None)]), &whole, Proof::Decoded);
}

#[test]
fn a_copy_that_is_whole_needs_no_other() {
    let whole = photo(11);
    let copies = [unmapped(&whole, &[8192..12_288]), (whole.clone(), None)];
    let outcome = merged(&copies);
    assert_eq!(outcome, Outcome::Best { index: 1, good_percent: Some(100), because: Unproven::NotNeeded });
}

#[test]
fn files_of_other_lengths_that_both_hold_the_picture_are_not_merged() {
    let whole = photo(12);
    let longer = [whole.as_slice(), &noise(1, 5000)].concat();
    let copies = [unmapped(&whole, &[8192..12_288]), unmapped(&longer, &[20_480..24_576])];
    assert_unproven(&merged(&copies), &Unproven::OtherEnds);
}

#[test]
fn an_edited_header_of_other_length_is_named_and_not_merged() {
    let whole = photo(13);
    let comment = b"\xFF\xFE\x00\x0Bcomment 1";
    let edited = [&whole[..2], comment, &whole[2..]].concat();
    let by = i64::try_from(comment.len()).unwrap();
    let copies = [unmapped(&whole, &[8192..12_288]), unmapped(&edited, &[20_480..24_576])];
    assert_eq!(merged(&copies), Outcome::NotOnePicture(Apart::OtherHeader { by }));
}

#[test]
fn metadata_changed_in_place_is_not_decided_by_guessing() {
    let whole = photo(13);
    let mut edited = whole.clone();
    let date = edited.windows(4).position(|four| four == b"2014").unwrap();
    edited[date + 3] = b'5';
    let copies = [unmapped(&whole, &[8192..12_288]), unmapped(&edited, &[20_480..24_576])];
    assert_unproven(&merged(&copies), &Unproven::Ambiguous);
}

#[test]
fn stills_that_differ_in_one_unit_are_not_merged() {
    let shot = Shot { restart: 6, ..SHOT };
    let pixels = pixels(shot);
    let whole = encoded(&pixels, shot);
    let other = (1..200_u8).find_map(|delta| {
        let mut changed = pixels.clone();
        for at in (160 * 480 + 200..160 * 480 + 204).flat_map(|pixel| pixel * 3..pixel * 3 + 3) {
            changed[at] = changed[at].wrapping_add(delta);
        }
        let other = encoded(&changed, shot);
        (other.len() == whole.len() && other != whole).then_some(other)
    });
    let other = other.unwrap();
    let differing = whole.iter().zip(&other).filter(|(one, other)| one != other).count();
    assert!(differing < 2000, "{differing}");
    let copies = [unmapped(&whole, &[8192..10_240]), unmapped(&other, &[50_176..52_224])];
    assert_unproven(&merged(&copies), &Unproven::Ambiguous);
}

/// Two pictures, the second like the first down to some tenth of its height.
fn begin_alike(tenths: usize) -> (Vec<u8>, Vec<u8>) {
    let pixels = pixels(SHOT);
    let mut later = pixels.clone();
    let from = pixels.len() / 10 * tenths;
    let grain = noise(3, pixels.len() - from);
    for (pixel, grain) in later[from..].iter_mut().zip(grain) {
        *pixel = pixel.wrapping_add(grain % 16);
    }
    (encoded(&pixels, SHOT), encoded(&later, SHOT))
}

#[test]
fn pictures_that_begin_alike_and_go_on_differently_are_not_merged() {
    let (one, other) = begin_alike(6);
    for hole_of in [unmapped, mapped] {
        let cut = other[..other.len() - 9000].to_vec();
        assert_unproven(&merged(&[hole_of(&one, &[8192..10_240]), (cut, None)]), &Unproven::Ambiguous);
        let hole = other.len() - 9000..other.len() - 7000;
        let outcome = merged(&[hole_of(&one, &[8192..10_240]), hole_of(&other, std::slice::from_ref(&hole))]);
        assert!(!matches!(outcome, Outcome::Whole { .. }));
    }
}

#[test]
fn pictures_of_which_the_smaller_part_is_alike_are_no_copies() {
    let (one, other) = begin_alike(3);
    let outcome = merged(&[unmapped(&one, &[8192..10_240]), unmapped(&other, &[40_960..45_056])]);
    assert_eq!(outcome, Outcome::NotOnePicture(Apart::OtherContent));
}

#[test]
fn black_pictures_are_no_copies() {
    let black = vec![0; 480 * 320 * 3];
    let mut with_light = black.clone();
    with_light[240 * 480 * 3..240 * 480 * 3 + 60_000].copy_from_slice(&noise(1, 60_000));
    let (one, other) = (encoded(&black, SHOT), encoded(&with_light, SHOT));
    let outcome = merged(&[(one[..one.len() - 40].to_vec(), None), unmapped(&other, &[8192..10_240])]);
    assert!(matches!(outcome, Outcome::NotOnePicture(_)), "{outcome:?}");
}

fn png(seed: u64) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let pixels = noise(seed, 200 * 150 * 3);
    image::write_buffer_with_format(
        &mut out,
        &pixels,
        200,
        150,
        image::ExtendedColorType::Rgb8,
        image::ImageFormat::Png,
    )
    .unwrap();
    out.into_inner()
}

#[test]
fn a_png_is_proven_by_its_checksums() {
    let whole = png(1);
    let copies = [unmapped(&whole, &[10_240..14_336, 30_000..31_000]), unmapped(&whole, &[0..512, 50_000..50_900])];
    assert_whole(&merged(&copies), &whole, Proof::Checksums);
    let mut flipped = whole.clone();
    flipped[20_000] ^= 4;
    assert_whole(&merged(&[copies[0].clone(), (flipped, None)]), &whole, Proof::Checksums);
    let overlapping = [unmapped(&whole, &[10_240..14_336]), unmapped(&whole, &[12_288..16_384])];
    assert_unproven(&merged(&overlapping), &Unproven::Missing(Ranges::one(12_288..14_336)));
}

#[test]
fn what_cannot_test_itself_is_merged_by_maps_alone() {
    let film = [b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".as_slice(), &noise(8, 100_000)].concat();
    let holes = [8192..12_288, 20_480..20_992];
    let (one, other) = (&holes[..1], &holes[1..]);
    assert_whole(&merged(&[mapped(&film, one), mapped(&film, other)]), &film, Proof::Agreement);
    assert_unproven(&merged(&[unmapped(&film, one), unmapped(&film, other)]), &Unproven::NoMaps);
    assert_unproven(&merged(&[mapped(&film, one), unmapped(&film, other)]), &Unproven::NoMaps);
    let mut changed = film.clone();
    changed[50_000] ^= 1;
    assert_unproven(&merged(&[mapped(&film, one), mapped(&changed, other)]), &Unproven::Ambiguous);
    let cut = film[..90_000].to_vec();
    assert_unproven(&merged(&[mapped(&film, one), mapped(&cut, other)]), &Unproven::OtherEnds);
}

#[test]
fn a_map_is_not_believed_where_the_picture_itself_says_otherwise() {
    let whole = photo(18);
    let (mut changed, lost) = mapped(&whole, &[8192..12_288]);
    changed[24_576..25_600].copy_from_slice(&noise(2, 1024));
    let copies = [(changed, lost), mapped(&whole, &[24_576..28_672])];
    assert_unproven(&merged(&copies), &Unproven::Broken);
}

#[test]
fn a_jpeg_that_cannot_be_followed_is_merged_by_maps() {
    // Arithmetic coding: nothing in the data tells whether it is whole.
    let frame = [0xFF, 0xC9, 0, 11, 8, 1, 0, 1, 0, 1, 1, 0x11, 0];
    let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0];
    let data: Vec<u8> = noise(5, 40_000).into_iter().filter(|byte| *byte != 0xFF).collect();
    let whole = [&[0xFF, 0xD8], frame.as_slice(), &scan, &data, &[0xFF, 0xD9]].concat();
    let (one, other) = (&[8192..12_288], &[20_480..20_992]);
    assert_whole(&merged(&[mapped(&whole, one), mapped(&whole, other)]), &whole, Proof::Agreement);
    assert!(!matches!(merged(&[unmapped(&whole, one), unmapped(&whole, other)]), Outcome::Whole { .. }));
}

#[test]
fn a_photo_among_files_of_others_is_still_made_whole() {
    let (whole, other) = (photo(14), photo(15));
    let copies = [
        unmapped(&other, &[8192..9216]),
        unmapped(&whole, &[8192..12_288]),
        (noise(1, 60_000), None),
        (Vec::new(), None),
        unmapped(&whole, &[30_720..34_816]),
    ];
    assert_whole(&merged(&copies), &whole, Proof::Decoded);
}

/// Rounds of the tests with random holes. 3,000 have passed.
const ROUNDS: u64 = 160;

/// Random holes, in such a way that of each byte one copy is good.
fn holed(random: &mut Random, whole: &[u8], aligned: bool, is_mapped: bool) -> Vec<(Vec<u8>, Option<Ranges>)> {
    let count = 2 + random.below(3);
    let mut holes: Vec<Vec<Range<usize>>> = vec![Vec::new(); count];
    let unit = if aligned { 512 } else { 1 };
    let first = if aligned || is_mapped { 0 } else { 6000 };
    let mut at = first;
    while at < whole.len() {
        let length = (512 + random.below(6000)).next_multiple_of(unit);
        let end = (at + length).min(whole.len());
        if random.chance(3) && end - at >= 512 {
            let spared = random.below(count);
            for (index, holes) in holes.iter_mut().enumerate() {
                if index != spared && random.chance(2) {
                    holes.push(at..end);
                }
            }
        }
        at = end;
    }
    let fills: [&[u8]; 4] = [b"\0", b"\0", b"\xFF", b"BAD SECTOR "];
    let fill = fills[random.below(4)];
    let copy = |holes: &Vec<Range<usize>>| {
        let mut bytes = whole.to_vec();
        for hole in holes {
            for (byte, fill) in bytes[hole.clone()].iter_mut().zip(fill.iter().cycle()) {
                *byte = *fill;
            }
        }
        (bytes, is_mapped.then(|| holes.iter().map(compare::wide).collect()))
    };
    holes.iter().map(copy).collect()
}

#[test]
fn whatever_holes_there_are_a_union_that_covers_is_whole_and_what_is_whole_is_right() {
    let shots = [
        SHOT,
        Shot { scene: 2, restart: 5, ..SHOT },
        Shot { scene: 3, progressive: true, ..SHOT },
        Shot { scene: 4, quality: 60, ..SHOT },
    ];
    let photos: Vec<Vec<u8>> = shots.into_iter().map(taken).collect();
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed + 1000);
        let whole = &photos[random.below(photos.len())];
        let (aligned, is_mapped) = (random.chance(2), random.chance(2));
        let copies = holed(&mut random, whole, aligned, is_mapped);
        match merged(&copies) {
            Outcome::Whole { bytes, .. } => assert!(&bytes == whole, "{seed}: other bytes"),
            Outcome::Best { index, because: Unproven::NotNeeded, .. } => assert!(&copies[index].0 == whole, "{seed}"),
            other @ (Outcome::Best { .. } | Outcome::NotOnePicture(_)) => {
                panic!("{seed} {aligned} {is_mapped}: {other:?}")
            }
        }
    }
}

#[test]
fn whatever_holes_there_are_nothing_wrong_is_called_whole() {
    let photos: Vec<Vec<u8>> = [0, 5].map(|restart| taken(Shot { restart, ..SHOT })).to_vec();
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed + 5000);
        let whole = &photos[random.below(2)];
        let (aligned, is_mapped) = (random.chance(2), random.chance(2));
        let mut copies = holed(&mut random, whole, aligned, is_mapped);
        for (bytes, _) in &mut copies {
            // More damage that no map knows of: holes in all copies, foreign bytes, a cut. In metadata no test finds it
            // where a map says that it was read, nor finds foreign bytes.
            let what = random.below(5);
            let first = if is_mapped || what == 2 { 6000 } else { 0 };
            let at = first + random.below(bytes.len() - 4096 - first);
            match what {
                0 => bytes[at..at + 600].fill(0),
                1 => bytes[at.next_multiple_of(512)..at.next_multiple_of(512) + 1024].fill(0),
                2 => bytes[at..at + 2048].copy_from_slice(&noise(seed, 2048)),
                3 => bytes.truncate(at + 4096),
                _ => {}
            }
        }
        if let Outcome::Whole { bytes, from, proof } = merged(&copies) {
            let differing: Ranges = (0..whole.len())
                .filter(|at| bytes.get(*at) != whole.get(*at))
                .map(|at| compare::wide(&(at..at + 1)))
                .collect();
            assert!(
                &bytes == whole,
                "{seed}: other bytes {differing} of {}: {from:?} {proof:?} {aligned} {is_mapped}",
                bytes.len()
            );
        }
    }
}

#[test]
fn a_thousand_pairs_that_only_look_alike_never_merge() {
    let small = Shot { width: 240, height: 160, ..SHOT };
    let mut pairs = 0;
    for scene in 0..25 {
        let mut shots: Vec<Vec<u8>> = Vec::new();
        let restart = [0, 4][usize::try_from(scene % 2).unwrap()];
        for grain in 0..6 {
            // A burst: the same header, or only another second.
            shots.push(taken(Shot { scene, grain, restart, second: u8::try_from(30 + grain / 3).unwrap(), ..small }));
        }
        for quality in [70, 87, 89, 95] {
            shots.push(taken(Shot { scene, grain: 0, quality, restart, ..small }));
        }
        let mut random = Random::new(scene + 77);
        for one in 0..shots.len() {
            for other in one + 1..shots.len() {
                let mut hole = |file: &Vec<u8>| {
                    // Half of the file, so that often no byte of the picture is in both.
                    let half = file.len() / 2;
                    let start = if random.chance(2) { 0 } else { half };
                    let length = 512 + random.below(half);
                    let hole = start..(start + length).min(file.len());
                    if random.chance(2) { mapped(file, &[hole]) } else { unmapped(file, &[hole]) }
                };
                let pair = [hole(&shots[one]), hole(&shots[other])];
                pairs += 1;
                assert!(!matches!(merged(&pair), Outcome::Whole { .. }), "{scene} {one} {other}");
            }
        }
    }
    assert!(pairs > 1000, "{pairs}");
}

#[test]
fn bytes_of_any_kind_never_panic() {
    let whole = photo(16);
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let length = random.below(9000);
        let mut one = whole[..length].to_vec();
        for _ in 0..random.below(40) {
            let at = random.below(length);
            if let Some(byte) = one.get_mut(at) {
                *byte = random.byte();
            }
        }
        let cut = whole[..random.below(9000)].to_vec();
        let lost = Ranges::one(random.next()..random.next());
        merged(&[(one.clone(), None), (cut, Some(lost)), (one, Some(Ranges::one(0..u64::MAX)))]);
    }
    assert!(matches!(merge(&[]), Outcome::NotOnePicture(_)));
}
