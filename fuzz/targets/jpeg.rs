//! Pictures that are whole, made by an encoder, and files that are anything.
#![no_main]

use std::panic::{AssertUnwindSafe, catch_unwind};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use keepsake::formats::jpeg::{Process, State, Verdict, head, segments, validate};
use keepsake::model::Kind;
use keepsake_fuzz::{examine, prepare};
use libfuzzer_sys::fuzz_target;
use zune_jpeg::zune_core::{bytestream::ZCursor, options::DecoderOptions};

fuzz_target!(init: prepare(), |input: &[u8]| {
    if input.starts_with(&[0xFF, 0xD8]) {
        any_file(input);
    } else {
        encoded(input);
    }
});

fn any_file(file: &[u8]) {
    let verdict = validate(file);
    hold(file, &verdict);
    let mut last = 0;
    for segment in segments(file) {
        assert!(segment.at >= last && segment.end > segment.at);
        last = segment.end;
    }
    let found = examine(file, Kind::Jpeg);
    if verdict.state == State::Whole {
        if is_common(&verdict) {
            assert!(decodes(file), "called whole, and does not decode: {verdict:?}");
        }
        // What follows the end mark is no part of the picture.
        let padded = [file, &[0; 600]].concat();
        assert_eq!(validate(&padded), verdict);
        if verdict.end == Some(file.len()) {
            let of_padded = examine(&padded, Kind::Jpeg);
            assert_eq!(of_padded.map(|found| found.facts), found.map(|found| found.facts));
        }
    }
}

fn hold(file: &[u8], verdict: &Verdict) {
    assert!(verdict.mcus_good <= verdict.mcus_expected, "{verdict:?}");
    assert!(verdict.good_end <= file.len() && verdict.end.is_none_or(|end| end <= file.len()), "{verdict:?}");
    match verdict.state {
        State::Whole => assert!(verdict.end.is_some() && verdict.frame.is_some(), "{verdict:?}"),
        State::Broken { at, .. } => assert!(at <= file.len() && verdict.good_percent() != Some(100), "{verdict:?}"),
        State::Truncated => {}
    }
    if let (Some(frame), Some(size)) = (&verdict.frame, head::size(file)) {
        assert!(frame.height == 0 || size.0 > 0);
    }
}

/// Baseline as cameras write it: what every decoder knows.
fn is_common(verdict: &Verdict) -> bool {
    verdict.followed
        && verdict.frame.as_ref().is_some_and(|frame| {
            let sampling: Vec<(u32, u32)> = frame.components.iter().map(|part| (part.h, part.v)).collect();
            frame.process == Process::Sequential
                && frame.precision == 8
                && frame.height > 0
                && frame.width * frame.height < 1 << 20
                && matches!(sampling.as_slice(), [(1, 1)] | [(1 | 2, 1 | 2), (1, 1), (1, 1)])
        })
}

fn decodes(file: &[u8]) -> bool {
    let options = DecoderOptions::default().set_max_width(1 << 16).set_max_height(1 << 16);
    zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(file), options).decode().is_ok()
}

/// A healthy picture, of any size and way of coding, is whole; cut anywhere, it is not.
fn encoded(recipe: &[u8]) {
    let Some((&[width, height, way, quality, restart, cut], noise)) = recipe.split_first_chunk::<6>() else { return };
    let (width, height) = (u16::from(width) + 1, u16::from(height) % 64 + 1);
    let (colour, channels) =
        [(ColorType::Luma, 1), (ColorType::Rgb, 3), (ColorType::Ycbcr, 3), (ColorType::Cmyk, 4)][usize::from(way & 3)];
    let sampling = [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
        SamplingFactor::F_4_2,
        SamplingFactor::F_1_4,
        SamplingFactor::F_2_4,
    ][usize::from(way >> 2 & 7)];
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality % 100 + 1);
    encoder.set_sampling_factor(sampling);
    encoder.set_progressive(way & 0x20 != 0);
    encoder.set_optimized_huffman_tables(way & 0x40 != 0);
    if restart & 1 == 1 {
        encoder.set_restart_interval(u16::from(restart >> 1) + 1);
    }
    let many = usize::from(width) * usize::from(height) * channels;
    let pixels: Vec<u8> =
        if noise.is_empty() { vec![0; many] } else { noise.iter().copied().cycle().take(many).collect() };
    // With checks for overflow the encoder panics on some recipes.
    let encode = || encoder.encode(&pixels, width, height, colour).expect("a picture of this size can be encoded");
    if catch_unwind(AssertUnwindSafe(encode)).is_err() {
        return;
    }
    let verdict = validate(&file);
    assert_eq!((verdict.state, verdict.end, verdict.followed), (State::Whole, Some(file.len()), true), "{verdict:?}");
    assert_eq!(verdict.good_percent(), Some(100));
    let end = file.len() * usize::from(cut) / 256;
    let part = validate(&file[..end]);
    hold(&file[..end], &part);
    assert_ne!(part.state, State::Whole, "cut to {end} of {} bytes", file.len());
}
