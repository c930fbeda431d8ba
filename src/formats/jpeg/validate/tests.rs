//! Pictures are made here, then cut, holed and flipped.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests say what they expected")]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;

/// A picture with something in every block: waves of several lengths and a pseudo-random grain.
fn pixels(width: u16, height: u16) -> Vec<u8> {
    let mut noise = 0x1234_5678_u32;
    let mut out = Vec::new();
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = noise >> 27;
            out.push(((x * 3 + y) % 200 + grain).to_le_bytes()[0]);
            out.push((((x / 9) * (y / 7)) % 220 + grain).to_le_bytes()[0]);
            out.push(((x + y * 2) % 150 + grain * 2).to_le_bytes()[0]);
        }
    }
    out
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Baseline,
    Optimized,
    Restarts,
    Progressive,
    ProgressiveRestarts,
}

const STYLES: [Style; 5] =
    [Style::Baseline, Style::Optimized, Style::Restarts, Style::Progressive, Style::ProgressiveRestarts];

fn encode(style: Style, width: u16, height: u16, pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 85);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    match style {
        Style::Baseline => {}
        Style::Optimized => encoder.set_optimized_huffman_tables(true),
        Style::Restarts => encoder.set_restart_interval(5),
        Style::Progressive => encoder.set_progressive(true),
        Style::ProgressiveRestarts => {
            encoder.set_progressive(true);
            encoder.set_restart_interval(7);
        }
    }
    encoder.encode(pixels, width, height, ColorType::Rgb).expect("the picture encodes");
    out
}

fn picture(style: Style) -> Vec<u8> {
    encode(style, 203, 171, &pixels(203, 171))
}

/// Where the data of the first scan begins.
fn data_start(bytes: &[u8]) -> usize {
    let mut at = 2;
    loop {
        let Step::Segment(segment) = next_segment(bytes, at) else { panic!("no scan") };
        if segment.marker == SOS {
            return segment.end;
        }
        at = segment.end;
    }
}

#[test]
fn whole_pictures_are_whole() {
    for style in STYLES {
        let bytes = picture(style);
        let verdict = validate(&bytes);
        assert_eq!(verdict.state, State::Whole, "{style:?}");
        assert_eq!(verdict.good_end, bytes.len());
        assert_eq!(verdict.end, Some(bytes.len()));
        assert_eq!(verdict.good_percent(), Some(100));
        assert!(verdict.followed && verdict.mcus_good > 0);
        let frame = verdict.frame.expect("a frame");
        assert_eq!((frame.width, frame.height), (203, 171));
    }
}

#[test]
fn a_cut_at_any_byte_is_found() {
    for style in STYLES {
        let bytes = encode(style, 77, 53, &pixels(77, 53));
        let mut last = 0;
        for length in 0..bytes.len() {
            let verdict = validate(&bytes[..length]);
            assert_eq!(verdict.state, State::Truncated, "{style:?} cut at {length}");
            assert!(verdict.good_end <= length);
            assert!(verdict.mcus_good >= last, "{style:?}: more bytes, less picture at {length}");
            last = verdict.mcus_good;
        }
    }
}

#[test]
fn the_good_share_of_a_cut_picture_follows_the_cut() {
    for style in [Style::Baseline, Style::Restarts] {
        let bytes = picture(style);
        let start = data_start(&bytes);
        let half = start + (bytes.len() - start) / 2;
        let percent = validate(&bytes[..half]).good_percent().expect("measured");
        assert!((40..=60).contains(&percent), "{style:?}: {percent}");
    }
}

#[test]
fn trailing_bytes_are_reported_and_do_no_harm() {
    for style in STYLES {
        let mut bytes = picture(style);
        let end = bytes.len();
        bytes.extend_from_slice(&[0; 5000]);
        let verdict = validate(&bytes);
        assert_eq!((verdict.state, verdict.end), (State::Whole, Some(end)), "{style:?}");
    }
}

#[test]
fn a_hole_of_one_sector_anywhere_is_found() {
    for style in STYLES {
        let bytes = picture(style);
        let start = data_start(&bytes);
        for hole in (start.div_ceil(512)..bytes.len() / 512).map(|sector| sector * 512) {
            let mut holed = bytes.clone();
            holed[hole..hole + 512].fill(0);
            let verdict = validate(&holed);
            assert!(matches!(verdict.state, State::Broken { .. }), "{style:?}: hole at {hole} not found: {verdict:?}");
            assert!(verdict.good_end <= hole + 16, "{style:?}: hole at {hole}: good to {}", verdict.good_end);
            let percent = verdict.good_percent().unwrap_or(0);
            assert!(percent < 100, "{style:?}: hole at {hole}");
        }
    }
}

#[test]
fn restart_markers_save_what_follows_a_hole() {
    let bytes = picture(Style::Restarts);
    let hole = (bytes.len() / 4).next_multiple_of(512);
    let mut holed = bytes;
    holed[hole..hole + 512].fill(0);
    let verdict = validate(&holed);
    let percent = verdict.good_percent().expect("measured");
    assert!((85..100).contains(&percent), "{percent}: {verdict:?}");
    assert!(matches!(verdict.state, State::Broken { fault: Fault::Hole, .. }));
}

#[test]
fn restart_intervals_that_are_gone_are_counted() {
    let bytes = picture(Style::Restarts);
    let restart = |number: u8| bytes.windows(2).position(|pair| pair == [0xFF, 0xD0 + number]).expect("a restart");
    let (from, to) = (restart(1), restart(4));
    let shorter = [&bytes[..from], &bytes[to..]].concat();
    let verdict = validate(&shorter);
    assert_eq!(verdict.state, State::Broken { at: from, fault: Fault::TooFewBlocks });
    assert_eq!(verdict.mcus_expected - verdict.mcus_good, 3 * 5);
}

#[test]
fn a_restart_marker_after_a_picture_smaller_than_one_interval_is_told() {
    let mut bytes = encode(Style::Restarts, 16, 16, &pixels(16, 16));
    assert_eq!(validate(&bytes).state, State::Whole);
    let end = bytes.len() - 2;
    bytes.splice(end..end, [0xFF, 0xD0]);
    assert!(
        matches!(validate(&bytes).state, State::Broken { fault: Fault::TooManyBytes, .. }),
        "{:?}",
        validate(&bytes)
    );
}

#[test]
fn a_picture_whose_quantization_table_is_lost_is_broken() {
    for style in STYLES {
        let mut bytes = picture(style);
        let table = bytes.windows(2).rposition(|pair| pair == [0xFF, DQT]).expect("a table");
        bytes[table + 1] = 0xDF;
        let verdict = validate(&bytes);
        assert!(matches!(verdict.state, State::Broken { fault: Fault::BadScan, .. }), "{style:?}: {verdict:?}");
    }
}

#[test]
fn a_flat_picture_is_no_hole() {
    for style in STYLES {
        for level in [0, 128, 255] {
            let bytes = encode(style, 2048, 1024, &vec![level; 2048 * 1024 * 3]);
            assert_eq!(validate(&bytes).state, State::Whole, "{style:?} {level}");
        }
    }
}

#[test]
fn a_hole_in_a_flat_picture_is_found_by_its_surplus_of_blocks() {
    let (width, height) = (512, 512);
    let mut pixels = pixels(width, height);
    let flat = pixels.len() / 2;
    pixels[flat..].fill(200);
    let bytes = encode(Style::Optimized, width, height, &pixels);
    let hole = (bytes.len() / 4).next_multiple_of(512);
    let mut holed = bytes;
    holed[hole..hole + 512].fill(0);
    assert!(matches!(validate(&holed).state, State::Broken { .. }));
}

#[test]
fn foreign_bytes_inside_are_found() {
    let foreign = b"Dear diary, today the drive made a strange noise again. ".repeat(20);
    let (mut found, mut tried) = (0, 0);
    for style in STYLES {
        let bytes = picture(style);
        let start = data_start(&bytes);
        for at in (start..bytes.len() - foreign.len() - 2).step_by(769) {
            let mut torn = bytes.clone();
            torn[at..at + foreign.len()].copy_from_slice(&foreign);
            tried += 1;
            found += usize::from(validate(&torn).state != State::Whole);
        }
    }
    // Text in place of picture data can decode by chance, to the right number of blocks.
    assert!(found * 100 >= tried * 95, "{found} of {tried}");
}

#[test]
fn flipped_bits_never_panic_and_some_are_found() {
    for style in STYLES {
        let bytes = picture(style);
        let start = data_start(&bytes);
        let (mut found, mut tried) = (0, 0);
        for at in (0..bytes.len()).step_by(31) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let verdict = validate(&flipped);
            assert!(verdict.good_end <= flipped.len());
            if at >= start {
                tried += 1;
                found += usize::from(verdict.state != State::Whole);
            }
        }
        assert!(found * 100 >= tried * 15, "{style:?}: {found} of {tried}");
    }
}

#[test]
fn a_picture_followed_by_the_head_of_another_is_broken() {
    let bytes = picture(Style::Baseline);
    let cut = bytes.len() / 2;
    let joined = [&bytes[..cut], &bytes[..]].concat();
    let State::Broken { at, .. } = validate(&joined).state else { panic!("not found") };
    assert!(at.abs_diff(cut) < 16, "{at} {cut}");
}

#[test]
fn a_missing_end_mark_is_a_cut_with_the_whole_picture() {
    let bytes = picture(Style::Baseline);
    let verdict = validate(&bytes[..bytes.len() - 2]);
    assert_eq!((verdict.state, verdict.good_percent()), (State::Truncated, Some(100)));
}

#[test]
fn the_height_may_stand_after_the_first_scan() {
    let mut bytes = picture(Style::Baseline);
    let sof = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame header");
    let lines = [bytes[sof + 5], bytes[sof + 6]];
    bytes[sof + 5..sof + 7].fill(0);
    assert_ne!(validate(&bytes).state, State::Whole, "a height of nothing");
    let end = bytes.len() - 2;
    bytes.splice(end..end, [0xFF, 0xDC, 0, 4, lines[0], lines[1]]);
    let verdict = validate(&bytes);
    assert_eq!((verdict.state, verdict.frame.map(|frame| frame.height)), (State::Whole, Some(171)));
}

#[test]
fn a_segment_of_impossible_length_ends_no_loop() {
    let mut bytes = picture(Style::Baseline);
    let end = bytes.len() - 2;
    bytes.splice(end..end, [0xFF, 0xE1, 0, 1]);
    assert!(matches!(validate(&bytes).state, State::Broken { fault: Fault::NoMarker, .. }));
}

#[test]
fn stray_bytes_in_the_header_are_told_and_the_picture_is_still_measured() {
    let mut bytes = picture(Style::Baseline);
    bytes.splice(2..2, [1, 2, 3, 4, 5, 6, 7]);
    let verdict = validate(&bytes);
    assert_eq!(verdict.state, State::Broken { at: 2, fault: Fault::NoMarker });
    assert_eq!(verdict.mcus_good, verdict.mcus_expected);
    assert_eq!(verdict.good_percent(), Some(99), "what is broken is never wholly good");
}

#[test]
fn a_giant_that_is_only_a_header_costs_nothing() {
    let mut bytes = picture(Style::Progressive);
    let sof = bytes.windows(2).position(|pair| pair == [0xFF, 0xC2]).expect("a frame header");
    bytes[sof + 5..sof + 9].fill(0xFF);
    let verdict = validate(&bytes);
    assert!(!verdict.followed);
}

#[test]
fn no_bytes_at_all_and_other_formats_are_no_picture() {
    assert_eq!(validate(&[]).state, State::Truncated);
    let verdict = validate(b"\x89PNG\r\n\x1a\n");
    assert_eq!(verdict.state, State::Broken { at: 0, fault: Fault::NoPicture });
    assert_eq!(verdict.good_percent(), Some(0));
    assert!(matches!(validate(&[0xFF, 0xD8, 0xFF, 0xD9]).state, State::Broken { fault: Fault::NoPicture, .. }));
}
