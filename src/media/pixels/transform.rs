//! The inverse cosine transform (T.81, A.3.3) at full size, a half, a quarter and an eighth.
//!
//! A block of 8 by 8 samples becomes one of 4, 2 or 1 by leaving its higher frequencies away: the orthonormal transform of
//! that length on what remains, which is a picture of the same contents, made smaller with a good filter, for less work
//! than the whole one. All scaling (T.81's `C(u)/2`, which is the same for every length) is in the quantizers that
//! [`steps`] prepares.
//!
//! Blocks are kept column by column, so that each pass works on whole rows and one turn of the block stands between them.

use std::f32::consts::FRAC_1_SQRT_2;

use crate::formats::jpeg::COLUMNS;

/// cos(kπ/16).
const C1: f32 = 0.980_785_25;
const C2: f32 = 0.923_879_5;
const C3: f32 = 0.831_469_6;
const C5: f32 = 0.555_570_24;
const C6: f32 = 0.382_683_43;
const C7: f32 = 0.195_090_32;

/// What each coefficient is multiplied by, column by column.
pub(super) fn steps(zigzag: &[u16; 64]) -> [f32; 64] {
    let mut steps = [0.0; 64];
    for (quantizer, place) in zigzag.iter().zip(COLUMNS) {
        let (across, down) = (place / 8, place % 8);
        let of = |frequency: u8| if frequency == 0 { FRAC_1_SQRT_2 / 2.0 } else { 0.5 };
        if let Some(step) = steps.get_mut(usize::from(place)) {
            *step = f32::from(*quantizer) * of(across) * of(down);
        }
    }
    steps
}

/// A sample from its value around zero.
#[inline]
pub(super) fn sample(value: f32) -> u8 {
    // Adding 2^23 leaves the rounded number in the lowest bits: cheaper than a cast, and done for four at a time.
    let whole = ((value + 128.0).clamp(0.0, 255.0) + 8_388_608.0).to_bits();
    whole.to_le_bytes()[0]
}

/// The samples of a block, row by row, from its coefficients column by column.
#[inline]
pub(super) fn whole(coefficients: &[i16; 64], steps: &[f32; 64]) -> [[u8; 8]; 8] {
    let mut rows = [[0.0_f32; 8]; 8];
    let both = coefficients.as_chunks::<8>().0.iter().zip(steps.as_chunks::<8>().0);
    for (row, (coefficients, steps)) in rows.iter_mut().zip(both) {
        for ((home, coefficient), step) in row.iter_mut().zip(coefficients).zip(steps) {
            *home = f32::from(*coefficient) * step;
        }
    }
    finish(turned(eight(rows)), eight)
}

/// The samples of a block at half its size.
#[inline]
pub(super) fn half(coefficients: &[i16; 64], steps: &[f32; 64]) -> [[u8; 4]; 4] {
    finish(turned(four(corner(coefficients, steps))), four)
}

/// The samples of a block at a quarter of its size.
#[inline]
pub(super) fn quarter(coefficients: &[i16; 64], steps: &[f32; 64]) -> [[u8; 2]; 2] {
    finish(turned(two(corner(coefficients, steps))), two)
}

/// The one sample that a block becomes at an eighth of its size: its mean.
#[inline]
pub(super) fn mean(coefficient: i16, steps: &[f32; 64]) -> u8 {
    sample(f32::from(coefficient) * steps[0])
}

#[inline]
fn corner<const N: usize>(coefficients: &[i16; 64], steps: &[f32; 64]) -> [[f32; N]; N] {
    let mut rows = [[0.0; N]; N];
    let both = coefficients.as_chunks::<8>().0.iter().zip(steps.as_chunks::<8>().0);
    for (row, (coefficients, steps)) in rows.iter_mut().zip(both) {
        for ((home, coefficient), step) in row.iter_mut().zip(coefficients).zip(steps) {
            *home = f32::from(*coefficient) * step;
        }
    }
    rows
}

#[inline]
#[allow(clippy::indexing_slicing, reason = "both sides are N by N")]
fn turned<const N: usize>(rows: [[f32; N]; N]) -> [[f32; N]; N] {
    let mut turned = [[0.0; N]; N];
    for across in 0..N {
        for down in 0..N {
            turned[across][down] = rows[down][across];
        }
    }
    turned
}

#[inline]
fn finish<const N: usize>(rows: [[f32; N]; N], pass: impl Fn([[f32; N]; N]) -> [[f32; N]; N]) -> [[u8; N]; N] {
    pass(rows).map(|row| row.map(sample))
}

/// `a[i] * x + b[i] * y` for a whole row.
#[inline]
fn mix<const N: usize>(a: [f32; N], x: f32, b: [f32; N], y: f32) -> [f32; N] {
    let mut out = a;
    for (home, other) in out.iter_mut().zip(b) {
        *home = *home * x + other * y;
    }
    out
}

#[inline]
fn two(rows: [[f32; 2]; 2]) -> [[f32; 2]; 2] {
    let [x0, x1] = rows;
    [mix(x0, 1.0, x1, FRAC_1_SQRT_2), mix(x0, 1.0, x1, -FRAC_1_SQRT_2)]
}

#[inline]
fn four<const N: usize>(rows: [[f32; N]; 4]) -> [[f32; N]; 4] {
    let [x0, x1, x2, x3] = rows;
    let (e0, e1) = (mix(x0, 1.0, x2, FRAC_1_SQRT_2), mix(x0, 1.0, x2, -FRAC_1_SQRT_2));
    let (o0, o1) = (mix(x1, C2, x3, C6), mix(x1, C6, x3, -C2));
    [mix(e0, 1.0, o0, 1.0), mix(e1, 1.0, o1, 1.0), mix(e1, 1.0, o1, -1.0), mix(e0, 1.0, o0, -1.0)]
}

#[inline]
fn eight(rows: [[f32; 8]; 8]) -> [[f32; 8]; 8] {
    let [x0, x1, x2, x3, x4, x5, x6, x7] = rows;
    let even = four([x0, x2, x4, x6]);
    let odd = [
        mix(mix(x1, C1, x3, C3), 1.0, mix(x5, C5, x7, C7), 1.0),
        mix(mix(x1, C3, x3, -C7), 1.0, mix(x5, -C1, x7, -C5), 1.0),
        mix(mix(x1, C5, x3, -C1), 1.0, mix(x5, C7, x7, C3), 1.0),
        mix(mix(x1, C7, x3, -C5), 1.0, mix(x5, C3, x7, -C1), 1.0),
    ];
    let [e0, e1, e2, e3] = even;
    let [o0, o1, o2, o3] = odd;
    [
        mix(e0, 1.0, o0, 1.0),
        mix(e1, 1.0, o1, 1.0),
        mix(e2, 1.0, o2, 1.0),
        mix(e3, 1.0, o3, 1.0),
        mix(e3, 1.0, o3, -1.0),
        mix(e2, 1.0, o2, -1.0),
        mix(e1, 1.0, o1, -1.0),
        mix(e0, 1.0, o0, -1.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T.81, A.3.3, word for word.
    fn by_the_book(coefficients: &[i16; 64]) -> [[f64; 8]; 8] {
        let of = |frequency: usize| if frequency == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
        let wave = |at: usize, frequency: usize| {
            let turns = u32::try_from((2 * at + 1) * frequency).unwrap();
            (f64::from(turns) * std::f64::consts::PI / 16.0).cos()
        };
        let mut out = [[0.0; 8]; 8];
        for (y, row) in out.iter_mut().enumerate() {
            for (x, sum) in row.iter_mut().enumerate() {
                for across in 0..8 {
                    for down in 0..8 {
                        let value = f64::from(coefficients[across * 8 + down]);
                        *sum += of(across) * of(down) / 4.0 * value * wave(x, across) * wave(y, down);
                    }
                }
            }
        }
        out
    }

    fn noise(seed: u32, scale: i32) -> [i16; 64] {
        let mut state = seed;
        std::array::from_fn(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let size = scale / (1 + i32::try_from(at).unwrap() / 2);
            i16::try_from(i32::try_from(state >> 16).unwrap() % (2 * size + 1) - size).unwrap()
        })
    }

    #[test]
    fn the_whole_transform_is_that_of_the_standard() {
        for seed in 0..200 {
            let coefficients = noise(seed, 200);
            let ours = whole(&coefficients, &steps(&[1; 64]));
            for (ours, book) in ours.iter().flatten().zip(by_the_book(&coefficients).iter().flatten()) {
                let book = (book + 128.0).clamp(0.0, 255.0);
                assert!((f64::from(*ours) - book).abs() <= 0.51, "{ours} {book}");
            }
        }
    }

    #[test]
    fn smaller_ones_are_the_mean_of_what_they_stand_for_where_the_picture_is_smooth() {
        // A slope across and one down: little of them is in the high frequencies.
        let mut coefficients = [0; 64];
        (coefficients[0], coefficients[1], coefficients[8], coefficients[9]) = (80, -90, 130, 12);
        let full = by_the_book(&coefficients);
        let steps = steps(&[1; 64]);
        let close = |ours: u8, x: usize, y: usize, size: usize| {
            let mut sum = 0.0;
            for row in full.iter().skip(y * size).take(size) {
                sum += row.iter().skip(x * size).take(size).sum::<f64>();
            }
            let mean = sum / f64::from(u32::try_from(size * size).unwrap()) + 128.0;
            assert!((f64::from(ours) - mean).abs() < 4.0, "{ours} {mean} at {x} {y} of {size}");
        };
        for (y, row) in half(&coefficients, &steps).iter().enumerate() {
            row.iter().enumerate().for_each(|(x, ours)| close(*ours, x, y, 2));
        }
        for (y, row) in quarter(&coefficients, &steps).iter().enumerate() {
            row.iter().enumerate().for_each(|(x, ours)| close(*ours, x, y, 4));
        }
        close(mean(coefficients[0], &steps), 0, 0, 8);
    }

    #[test]
    fn no_coefficient_is_too_large_for_it() {
        let steps = steps(&[u16::MAX; 64]);
        let wild: [i16; 64] = std::array::from_fn(|at| if at % 3 == 0 { i16::MIN } else { i16::MAX });
        assert_eq!(mean(i16::MIN, &steps), 0);
        assert_eq!((whole(&wild, &steps).len(), half(&wild, &steps).len(), quarter(&wild, &steps).len()), (8, 4, 2));
    }
}
