//! Pictures are drawn here, encoded, and looked at again: by us and by another decoder.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expected")]
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "painting")]
#![allow(clippy::many_single_char_names, reason = "places and colours")]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use zune_jpeg::zune_core::bytestream::ZCursor;

use super::*;
use crate::media::pixels::fitted::Fitted;
use crate::model::Look;

type Pixel = [u8; 3];

/// Hills, a sun in one corner, a house in another, and some grain: no two corners are alike.
fn scene(x: f64, y: f64, seed: f64) -> Pixel {
    let hills = 0.55 + 0.12 * (x * 7.0 + seed).sin() + 0.05 * (x * 23.0 + seed * 3.0).cos();
    let sun = (x - 0.82).hypot(y - 0.18) < 0.12;
    let house = (0.1..0.3).contains(&x) && (0.5..0.8).contains(&y);
    let grain = ((x * 911.0).sin() * (y * 787.0).cos() * 6.0) as i32;
    let [r, g, b] = if sun {
        [250, 230, 90]
    } else if house {
        [150, 60, 50]
    } else if y > hills {
        [60, 120 + (80.0 * (y - hills)) as i32, 50]
    } else {
        [90 + (100.0 * y) as i32, 140 + (60.0 * y) as i32, 220]
    };
    [r, g, b].map(|level| (level + grain).clamp(0, 255) as u8)
}

fn pixels(width: u16, height: u16, seed: f64) -> Vec<u8> {
    let at = |x: u16, y: u16| scene(f64::from(x) / f64::from(width), f64::from(y) / f64::from(height), seed);
    (0..height).flat_map(|y| (0..width).flat_map(move |x| at(x, y))).collect()
}

fn encoded(
    pixels: &[u8],
    width: u16,
    height: u16,
    colours: ColorType,
    set: impl Fn(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 92);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    set(&mut encoder);
    encoder.encode(pixels, width, height, colours).unwrap();
    out
}

fn drawn(width: u16, height: u16) -> Vec<u8> {
    encoded(&pixels(width, height, 0.0), width, height, ColorType::Rgb, |_| {})
}

fn shown(bytes: &[u8], long_side: u32) -> Fitted {
    let (_, picture) = read(bytes, long_side);
    picture.unwrap().fitted(long_side).unwrap()
}

/// As viewers show it: three quarters of a pixel's colour come from the nearest sample, one from the next (in each direction).
fn rgb(picture: &Fitted) -> Vec<u8> {
    let (width, half) = (picture.width as usize, picture.width.div_ceil(2) as usize);
    let rows = picture.height.div_ceil(2) as usize;
    let next = |at: usize, count: usize| {
        if at.is_multiple_of(2) { (at / 2).saturating_sub(1) } else { (at / 2 + 1).min(count - 1) }
    };
    let colour = |plane: usize, at: usize| {
        let Some(chroma) = &picture.chroma else { return 128 };
        let (x, y) = (at % width, at / width);
        let row = |y: usize| {
            let sample = |x: usize| u32::from(chroma[plane][y * half + x]);
            sample(x / 2) * 3 + sample(next(x, half))
        };
        ((row(y / 2) * 3 + row(next(y, rows)) + 8) / 16) as u8
    };
    let pixel = |(at, luma): (usize, &u8)| colour::rgb(*luma, colour(0, at), colour(1, at));
    picture.luma.iter().enumerate().flat_map(pixel).collect()
}

/// Peak signal to noise, in decibels.
fn likeness(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let error: f64 = one.iter().zip(other).map(|(one, other)| f64::from(one.abs_diff(*other)).powi(2)).sum();
    10.0 * (255.0_f64.powi(2) / (error / one.len() as f64).max(1e-9)).log10()
}

fn by_another_decoder(bytes: &[u8]) -> Vec<u8> {
    zune_jpeg::JpegDecoder::new(ZCursor::new(bytes)).decode().unwrap()
}

/// The mean of each square of `by` pixels.
fn smaller(pixels: &[u8], width: usize, by: usize) -> Vec<u8> {
    let (across, down) = (width / by, pixels.len() / 3 / width / by);
    let mut out = Vec::new();
    for at in 0..across * down * 3 {
        let (x, y, channel) = (at / 3 % across, at / 3 / across, at % 3);
        let square =
            (0..by * by).map(|i| u32::from(pixels[((y * by + i / by) * width + x * by + i % by) * 3 + channel]));
        out.push((square.sum::<u32>() / (by * by) as u32) as u8);
    }
    out
}

#[test]
fn pictures_of_every_sort_look_as_another_decoder_shows_them() {
    let plain = pixels(403, 301, 0.0);
    let whole = |set: fn(&mut Encoder<&mut Vec<u8>>)| encoded(&plain, 403, 301, ColorType::Rgb, set);
    let files = [
        whole(|_| {}),
        whole(|encoder| encoder.set_sampling_factor(SamplingFactor::R_4_4_4)),
        whole(|encoder| encoder.set_sampling_factor(SamplingFactor::R_4_2_2)),
        whole(|encoder| encoder.set_sampling_factor(SamplingFactor::R_4_4_0)),
        whole(|encoder| encoder.set_sampling_factor(SamplingFactor::R_4_1_1)),
        whole(|encoder| encoder.set_restart_interval(3)),
        whole(|encoder| encoder.set_progressive(true)),
        whole(|encoder| {
            encoder.set_progressive(true);
            encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
            encoder.set_restart_interval(7);
        }),
    ];
    for (index, file) in files.iter().enumerate() {
        let same = likeness(&rgb(&shown(file, 1440)), &by_another_decoder(file));
        assert!(same >= 35.0, "{index}: {same:.1} dB");
    }
}

/// The other decoder shows noise here (zune-jpeg 0.5.15), so the same picture in one scan is the judge.
#[test]
fn components_in_scans_of_their_own_make_the_same_picture() {
    let plain = pixels(403, 301, 0.0);
    let apart = encoded(&plain, 403, 301, ColorType::Rgb, |encoder| encoder.set_optimized_huffman_tables(true));
    assert_eq!(apart.windows(2).filter(|two| *two == [0xFF, 0xDA]).count(), 3);
    assert_eq!(shown(&apart, 1440), shown(&drawn(403, 301), 1440));
}

#[test]
fn smaller_pictures_look_like_the_large_one_made_smaller() {
    for progressive in [false, true] {
        let file = encoded(&pixels(1600, 1200, 0.0), 1600, 1200, ColorType::Rgb, |encoder| {
            encoder.set_progressive(progressive);
        });
        let full = by_another_decoder(&file);
        for by in [2, 4, 8] {
            let long_side = 1600 / by;
            let same = likeness(&rgb(&shown(&file, long_side)), &smaller(&full, 1600, by as usize));
            assert!(same >= 35.0, "one in {by}, progressive: {progressive}: {same:.1} dB");
        }
    }
}

#[test]
fn grey_stays_grey() {
    let grey: Vec<u8> = pixels(90, 70, 0.0).chunks(3).map(|pixel| pixel[1]).collect();
    let file = encoded(&grey, 90, 70, ColorType::Luma, |_| {});
    let picture = shown(&file, 1440);
    assert!(picture.chroma.is_none());
    assert!(likeness(&picture.luma, &grey) >= 35.0);
}

#[test]
fn ink_is_shown_as_light() {
    for colours in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        // Left magenta and yellow ink, which is red; right black alone.
        let ink: Vec<u8> =
            (0..64 * 32).flat_map(|at| if at % 64 < 32 { [0, 255, 255, 0] } else { [0, 0, 0, 255] }).collect();
        let file = encoded(&ink, 64, 32, colours, |encoder| encoder.set_sampling_factor(SamplingFactor::R_4_4_4));
        let seen = rgb(&shown(&file, 1440));
        let at = |x: usize, y: usize| [0, 1, 2].map(|channel| seen[(y * 64 + x) * 3 + channel]);
        let close = |seen: Pixel, wanted: Pixel| seen.iter().zip(wanted).all(|(one, other)| one.abs_diff(other) < 12);
        assert!(close(at(8, 16), [255, 0, 0]), "{colours:?} {:?}", at(8, 16));
        assert!(close(at(56, 16), [0, 0, 0]), "{colours:?} {:?}", at(56, 16));
    }
}

#[test]
fn of_half_a_photo_half_is_shown_and_the_rest_is_grey() {
    let whole = drawn(640, 480);
    let cut = &whole[..whole.len() / 2];
    let (verdict, picture) = read(cut, 1440);
    assert!(verdict.good_percent().unwrap() < 90);
    let (half, full) = (picture.unwrap().fitted(1440).unwrap(), shown(&whole, 1440));
    assert_eq!(half.luma[..640 * 100], full.luma[..640 * 100], "what is there is shown as it is");
    assert!(half.luma[640 * 470..].iter().all(|level| *level == 128));
}

#[test]
fn next_to_nothing_is_not_shown() {
    let whole = drawn(640, 480);
    for cut in [0, 2, 20, 700] {
        let why = read(&whole[..cut], 1440).1.unwrap_err();
        assert!(why.is_lasting(), "{why}");
    }
    assert!(read(b"nothing like a JPEG", 1440).1.is_err());
}

#[test]
fn what_a_header_promises_takes_no_memory() {
    let mut file = drawn(64, 48);
    let sof = file.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
    for side in [[0xFF, 0xFF, 0xFF, 0xFF], [0x40, 0, 0x40, 0]] {
        file[sof + 5..sof + 9].copy_from_slice(&side);
        let (verdict, picture) = read(&file, 1440);
        assert!(picture.is_err() && verdict.good_percent() == Some(0));
    }
}

#[test]
fn a_picture_of_any_shape_is_shown() {
    for (width, height) in [(1, 1), (1, 900), (900, 1), (8, 8), (9, 17), (3000, 3), (15, 16)] {
        let picture = shown(&drawn(width, height), 512);
        assert_eq!(picture.width.max(picture.height), u32::from(width.max(height)).min(512));
        picture.clone().upright(6).jpeg().unwrap();
        picture.smaller(100).unwrap().look();
    }
}

#[test]
fn garbage_never_panics() {
    let whole = encoded(&pixels(120, 90, 0.0), 120, 90, ColorType::Rgb, |encoder| encoder.set_progressive(true));
    for file in [whole, drawn(120, 90)] {
        for at in (0..file.len()).step_by(13) {
            let mut flipped = file.clone();
            flipped[at] ^= 1 << (at % 8);
            if let Ok(picture) = read(&flipped, 1440).1 {
                assert!(picture.renditions(3).is_ok());
            }
        }
    }
}

#[test]
fn the_preview_of_every_orientation_is_upright() {
    let picture = || read(&drawn(320, 240), 1440).1.unwrap();
    let straight = shown(&picture().renditions(1).unwrap().large, 1440);
    assert_eq!((straight.width, straight.height), (320, 240));
    // Where the sun, which stands in the upper right corner as stored, has to be (Exif 2.32, 4.6.4 A).
    let expected = [
        (0.82, 0.18),
        (0.18, 0.18),
        (0.18, 0.82),
        (0.82, 0.82),
        (0.18, 0.82),
        (0.82, 0.82),
        (0.82, 0.18),
        (0.18, 0.18),
    ];
    for (orientation, (x, y)) in (1..).zip(expected) {
        let made = shown(&picture().renditions(orientation).unwrap().large, 1440);
        let at = (y * f64::from(made.height)) as usize * made.width as usize + (x * f64::from(made.width)) as usize;
        let colour = &rgb(&made)[at * 3..at * 3 + 3];
        assert!(colour[0] > 225 && colour[2] < 130, "{orientation}: {colour:?}");
        assert_eq!(made.width > made.height, orientation < 5);
    }
}

fn look(file: &[u8], orientation: u8) -> Look {
    read(file, 1440).1.unwrap().renditions(orientation).unwrap().look
}

#[test]
fn the_same_picture_looks_the_same_however_it_is_stored() {
    let original = drawn(1600, 1200);
    let first = look(&original, 1);
    let again = by_another_decoder(&original);
    let worse = encoded(&again, 1600, 1200, ColorType::Rgb, |encoder| encoder.set_quality(45));
    let half = encoded(&smaller(&again, 1600, 2), 800, 600, ColorType::Rgb, |_| {});
    let tiny = encoded(&smaller(&again, 1600, 5), 320, 240, ColorType::Rgb, |encoder| encoder.set_quality(70));
    // Turned by a quarter, and marked to be turned back: orientation 6 turns clockwise.
    let lying: Vec<u8> = (0..1600 * 1200)
        .flat_map(|at| {
            let (x, y) = (at % 1200, at / 1200);
            let from = x * 1600 + (1599 - y);
            [again[from * 3], again[from * 3 + 1], again[from * 3 + 2]]
        })
        .collect();
    let lying = encoded(&lying, 1200, 1600, ColorType::Rgb, |_| {});
    for (name, other) in
        [("worse", look(&worse, 1)), ("half", look(&half, 1)), ("tiny", look(&tiny, 1)), ("lying", look(&lying, 6))]
    {
        let (coarse, fine) = first.distance(&other);
        assert!(coarse <= 4 && fine <= 16, "{name}: {coarse} and {fine}");
    }
}
