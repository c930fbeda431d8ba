//! Small drives are made here, with pictures in one piece and in several.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests say what they expected")]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::*;

/// Bytes that look like nothing.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// A picture with soft shapes and some grain, like a photo.
fn picture(seed: u32, width: u16, height: u16, progressive: bool) -> Vec<u8> {
    let grain = noise(usize::from(width) * usize::from(height), seed + 7);
    let mut pixels = Vec::new();
    for (place, grain) in (0_u32..).zip(grain) {
        let (x, y) = (place % u32::from(width), place / u32::from(width));
        let shape = (x * (seed % 5 + 1) / 7 + y * (seed % 3 + 1) / 5 + u32::from(grain) / 12) % 380;
        let level = if shape < 190 { shape } else { 379 - shape };
        pixels.extend([level, level / 2 + 40, 200 - level].map(|sample| sample.to_le_bytes()[0]));
    }
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 90);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_progressive(progressive);
    encoder.set_optimized_huffman_tables(seed.is_multiple_of(2));
    encoder.encode(&pixels, width, height, ColorType::Rgb).expect("the picture encodes");
    out
}

/// The same file with an EXIF segment that carries a thumbnail on the edge of a sector.
fn with_thumbnail(picture: &[u8], thumbnail: &[u8]) -> Vec<u8> {
    let mut payload = vec![b'E'; 512 - 6];
    payload.extend(thumbnail);
    let length = u16::try_from(payload.len() + 2).expect("short").to_be_bytes();
    [&picture[..2], &[0xFF, 0xE1], &length, &payload, &picture[2..]].concat()
}

const CLUSTER: usize = 4096;

/// Parts on a drive, each in clusters of its own, with slack behind it.
fn drive(parts: &[&[u8]]) -> Vec<u8> {
    let mut drive = Vec::new();
    for part in parts {
        drive.extend(*part);
        drive.resize(drive.len().next_multiple_of(CLUSTER), 0);
    }
    drive
}

fn carved(drive: Vec<u8>, cluster: Option<(u64, u64)>) -> Vec<(CarvedState, Vec<u8>)> {
    let space = Ranges::one(0..drive.len() as u64);
    carved_in(drive, &space, cluster)
}

fn carved_in(drive: Vec<u8>, space: &Ranges, cluster: Option<(u64, u64)>) -> Vec<(CarvedState, Vec<u8>)> {
    let medium = (drive, Ranges::new());
    let search = Search { medium: &medium, space, cluster, budget: Duration::from_secs(20), threads: 2 };
    let mut files = Vec::new();
    let mut found = |carved: Carved| {
        let mut bytes = Vec::new();
        for piece in &carved.pieces {
            let at = usize::try_from(piece.at.expect("a place")).expect("small");
            bytes.extend(&medium.0[at..at + usize::try_from(piece.length).expect("small")]);
        }
        assert_eq!(bytes.len() as u64, carved.size);
        files.push((carved.state, bytes));
        ControlFlow::Continue(())
    };
    carve(&search, &|| false, &|_| {}, &mut found).expect("it is searched");
    files
}

const KNOWN: Option<(u64, u64)> = Some((4096, 0));

#[test]
fn a_picture_in_one_piece_is_whole_and_its_thumbnail_is_no_photo() {
    let thumbnail = picture(3, 64, 48, false);
    for progressive in [false, true] {
        let photo = with_thumbnail(&picture(1, 320, 240, progressive), &thumbnail);
        let found = carved(drive(&[&noise(9000, 1), &photo, &noise(5000, 2)]), None);
        assert_eq!(found, [(CarvedState::Whole, photo)]);
    }
}

#[test]
fn a_lost_picture_leaves_its_thumbnail() {
    let thumbnail = picture(3, 64, 48, false);
    let photo = with_thumbnail(&picture(1, 320, 240, false), &thumbnail);
    let head = photo[..thumbnail.len() + 520].to_vec();
    let found = carved(drive(&[&[&head[..], &noise(20_000, 1)].concat()]), KNOWN);
    assert_eq!(found, [(CarvedState::PreviewOnly, thumbnail)]);
}

#[test]
fn a_picture_in_two_pieces_is_put_together_whatever_lies_between() {
    let other = picture(8, 300, 260, false);
    for (number, gap) in
        (0..).zip([noise(40_000, 5), vec![0; 30_000], b"words and words ".repeat(2000), other[5000..].to_vec()])
    {
        for progressive in [false, true] {
            let photo = picture(1, 400, 300, progressive);
            let cut = photo.len() / CLUSTER / 2 * CLUSTER;
            let found = carved(drive(&[&photo[..cut], &gap, &photo[cut..], &noise(9000, 6)]), KNOWN);
            assert!(found.contains(&(CarvedState::Reassembled, photo)), "gap {number}, progressive {progressive}");
        }
    }
}

#[test]
fn a_picture_around_a_whole_one_is_put_together() {
    let (photo, other) = (picture(1, 400, 300, false), picture(2, 420, 310, false));
    let cut = 3 * CLUSTER;
    let found = carved(drive(&[&photo[..cut], &other, &photo[cut..]]), KNOWN);
    assert_eq!(found, [(CarvedState::Whole, other), (CarvedState::Reassembled, photo)]);
}

#[test]
fn interleaved_and_turned_around_pieces_are_put_together() {
    let (one, two) = (picture(1, 400, 300, false), picture(4, 420, 310, false));
    let cut = 4 * CLUSTER;
    let found = carved(drive(&[&one[..cut], &two[..cut], &one[cut..], &two[cut..]]), KNOWN);
    assert!(found.contains(&(CarvedState::Reassembled, one.clone())), "the first");
    assert!(found.contains(&(CarvedState::Reassembled, two)), "the second");
    let found = carved(drive(&[&one[cut..], &noise(20_000, 3), &one[..cut], &noise(20_000, 4)]), KNOWN);
    assert!(found.contains(&(CarvedState::Reassembled, one)), "turned around");
}

#[test]
fn space_that_others_own_is_stepped_over() {
    let photo = picture(1, 400, 300, false);
    let cut = 3 * CLUSTER;
    let bytes = drive(&[&photo[..cut], &noise(3 * CLUSTER, 1), &photo[cut..]]);
    let mut space = Ranges::one(0..bytes.len() as u64);
    space.remove(cut as u64..(cut + 3 * CLUSTER) as u64);
    assert_eq!(carved_in(bytes, &space, KNOWN), [(CarvedState::Reassembled, photo)]);
}

#[test]
fn a_picture_whose_end_is_lost_is_partial_and_never_whole() {
    let photo = picture(1, 400, 300, false);
    let cut = photo.len() / CLUSTER / 2 * CLUSTER;
    let found = carved(drive(&[&photo[..cut], &noise(40_000, 5)]), KNOWN);
    let [(CarvedState::Partial { good_percent: Some(percent) }, bytes)] = found.as_slice() else {
        panic!("{}", found.len())
    };
    assert!((30..=60).contains(percent), "{percent}");
    assert!(photo.starts_with(&bytes[..cut.min(bytes.len())]));
}

#[test]
fn a_search_that_is_stopped_says_so() {
    let bytes = drive(&[&picture(1, 100, 100, false)]);
    let space = Ranges::one(0..bytes.len() as u64);
    let medium = (bytes, Ranges::new());
    let search = Search { medium: &medium, space: &space, cluster: None, budget: Duration::ZERO, threads: 1 };
    let stopped = carve(&search, &|| true, &|_| {}, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(stopped, Err(MediumError::Stopped)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_bytes_make_it_panic_or_call_a_changed_picture_whole(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = drive(&[&picture(1, 120, 90, false), &picture(2, 120, 90, true), &noise(5000, 1)]);
        for (at, to) in flips {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        for (state, file) in carved(bytes, KNOWN) {
            if matches!(state, CarvedState::Whole | CarvedState::Reassembled) {
                prop_assert!(crate::formats::jpeg::validate(&file).state == crate::formats::jpeg::State::Whole);
            }
        }
    }
}
