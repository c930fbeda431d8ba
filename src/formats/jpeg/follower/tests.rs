//! Whatever pieces a picture comes in, the follower and the validator say the same.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests say what they expected")]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::*;
use crate::formats::jpeg::{State, validate};

fn picture(style: u8) -> Vec<u8> {
    let mut pixels = Vec::new();
    let mut noise = 0x1234_5678_u32;
    for place in 0..120_u32 * 90 {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (x, y) = (place % 120, place / 120);
        pixels.extend([x + y, x * y / 40, noise >> 26].map(|sample| sample.to_le_bytes()[0]));
    }
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 88);
    encoder.set_sampling_factor(if style.is_multiple_of(2) {
        SamplingFactor::R_4_2_0
    } else {
        SamplingFactor::R_4_4_4
    });
    encoder.set_progressive(style >= 4);
    encoder.set_optimized_huffman_tables(style == 1);
    if style % 4 >= 2 {
        encoder.set_restart_interval(7);
    }
    encoder.encode(&pixels, 120, 90, ColorType::Rgb).expect("the picture encodes");
    out
}

fn fed(bytes: &[u8], step: usize) -> Advance {
    let mut follower = Follower::new();
    let mut last = Advance::More;
    for piece in bytes.chunks(step.max(1)) {
        last = follower.feed(piece);
    }
    last
}

#[test]
fn a_picture_is_whole_whatever_pieces_it_comes_in() {
    for style in 0..8 {
        let mut bytes = picture(style);
        let size = bytes.len() as u64;
        bytes.extend(b"what follows it");
        for step in [1, 2, 7, 512, 4096, 1 << 20] {
            assert_eq!(fed(&bytes, step), Advance::Whole(size), "style {style}, pieces of {step}");
        }
    }
}

#[test]
fn before_its_end_a_picture_goes_on() {
    for style in 0..8 {
        let bytes = picture(style);
        for end in (0..bytes.len()).step_by(97) {
            assert_eq!(fed(&bytes[..end], 64), Advance::More, "style {style}, {end}");
        }
    }
}

#[test]
fn a_copy_goes_its_own_way() {
    for style in 0..8 {
        let bytes = picture(style);
        let mut one = Follower::new();
        for piece in bytes[..bytes.len() / 2].chunks(100) {
            one.feed(piece);
        }
        let mut other = one.clone();
        assert!(matches!(other.feed(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 16]), Advance::Broken(..)));
        assert_eq!(one.feed(&bytes[bytes.len() / 2..]), Advance::Whole(bytes.len() as u64), "style {style}");
    }
}

#[test]
fn a_picture_that_is_shifted_tears() {
    let bytes = picture(0);
    let mut follower = Follower::new();
    let (mut good, mut bad) = ((0, 0), (0, 0));
    let half = bytes.len() / 2;
    for piece in bytes[..half].chunks(64) {
        follower.feed(piece);
        good = follower.tears();
    }
    for piece in bytes[half + 512..].chunks(64) {
        follower.feed(piece);
        bad = follower.tears();
    }
    let (bad, before) = ((bad.0 - good.0) / (bad.1 - good.1).max(1), good.0 / good.1.max(1));
    assert!(bad * 2 > before * 3, "{bad} against {before}");
}

proptest! {
    #[test]
    fn it_says_whole_of_what_the_validator_says(style in 0..8_u8, at in any::<prop::sample::Index>(),
                                                 bit in 0..8_u32, step in 1..2000_usize) {
        let mut bytes = picture(style);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let whole = match validate(&bytes) {
            verdict if verdict.state == State::Whole && verdict.followed => verdict.end.map(|end| end as u64),
            _ => None,
        };
        let found = match fed(&bytes, step) {
            Advance::Whole(size) => Some(size),
            Advance::More | Advance::Broken(..) => None,
        };
        prop_assert_eq!(found, whole);
    }
}
