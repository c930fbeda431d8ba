//! How a picture looks from afar.
//!
//! To recompute it: take the brightness of the upright picture (BT.601, full range: the Y of a JPEG; of a colour,
//! 0.299 R + 0.587 G + 0.114 B), no larger than 512 pixels on its long side. Divide it into 9 columns and 8 rows of equal
//! size; each cell's level is the mean of what it covers, pixels on a border counted by their share. In each row, for
//! each of the 8 pairs of neighbours from the left, the sign is set where the right one is brighter by more than one level
//! of 255. The first sign of the first row is the highest bit. The finer one is the same with 17 columns and 16 rows.
//!
//! The level of difference that is asked for keeps the noise of skies and walls, which every encoder stores in another
//! way, from deciding.

use crate::model::Look;

use super::fitted::Fitted;

/// How much brighter the right neighbour must be, of 255.
const STEP: f32 = 1.0;

impl Fitted {
    /// How it looks.
    pub(crate) fn look(&self) -> Look {
        let coarse = signs::<9, 8>(self).iter().fold(0, |sum, row| sum << 8 | u64::from(row & 0xFF));
        let mut fine = [0; 4];
        for (home, rows) in fine.iter_mut().zip(signs::<17, 16>(self).as_chunks::<4>().0) {
            *home = rows.iter().fold(0, |sum, row| sum << 16 | u64::from(*row));
        }
        Look { coarse, fine }
    }
}

/// The signs of each row, the first of them highest.
fn signs<const COLUMNS: usize, const ROWS: usize>(picture: &Fitted) -> [u16; ROWS] {
    let mut cells = [[0.0_f32; COLUMNS]; ROWS];
    let (across, down) = (shares::<COLUMNS>(picture.width), shares::<ROWS>(picture.height));
    for (cells, row_shares) in cells.iter_mut().zip(&down) {
        for (y, row_share) in row_shares {
            let start = y * picture.width as usize;
            for (cell, column_shares) in cells.iter_mut().zip(&across) {
                let mut sum = 0.0;
                for (x, share) in column_shares {
                    sum += share * picture.luma.get(start + x).copied().map_or(0.0, f32::from);
                }
                *cell += sum * row_share;
            }
        }
    }
    cells.map(|row| {
        let pairs = row.iter().zip(row.iter().skip(1));
        pairs.fold(0, |signs, (left, right)| signs << 1 | u16::from(*right - *left > STEP))
    })
}

/// For each of `CELLS` equal parts of a side, which pixels it covers, and how large a share of the part each is.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a side has few pixels"
)]
fn shares<const CELLS: usize>(pixels: u32) -> [Vec<(usize, f32)>; CELLS] {
    let length = f64::from(pixels) / CELLS as f64;
    std::array::from_fn(|cell| {
        let (start, end) = (length * cell as f64, length * (cell + 1) as f64);
        let last = (end.ceil() as usize).min(pixels as usize);
        let covered = |pixel: usize| ((pixel + 1) as f64).min(end) - (pixel as f64).max(start);
        (start as usize..last).map(|pixel| (pixel, (covered(pixel) / length) as f32)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32, level: impl Fn(u32, u32) -> u32) -> Fitted {
        let mut luma = Vec::new();
        for y in 0..height {
            luma.extend((0..width).map(|x| u8::try_from(level(x, y)).unwrap()));
        }
        Fitted { width, height, luma, chroma: None, profile: None }
    }

    #[test]
    fn a_slope_to_the_right_is_all_ones_and_to_the_left_or_flat_none() {
        let ones = Look { coarse: u64::MAX, fine: [u64::MAX; 4] };
        let none = Look { coarse: 0, fine: [0; 4] };
        assert_eq!(grey(170, 100, |x, _| x).look(), ones);
        assert_eq!(grey(170, 100, |x, _| 200 - x).look(), none);
        assert_eq!(grey(170, 100, |x, y| 100 + (x + y) % 2).look(), none, "noise");
    }

    #[test]
    fn the_first_row_is_the_highest() {
        let top = grey(180, 160, |x, y| if y < 20 { x } else { 90 }).look();
        assert_eq!(top.coarse, 0xFF00_0000_0000_0000);
        assert_eq!(top.fine, [0xFFFF_FFFF_0000_0000, 0, 0, 0]);
        let left = grey(180, 160, |x, _| if x < 20 { 10 } else { 90 }).look();
        assert_eq!(left.coarse, 0x8080_8080_8080_8080);
    }

    #[test]
    fn the_smallest_pictures_look_like_something() {
        for (width, height) in [(1, 1), (1, 500), (500, 1), (9, 8), (8, 9)] {
            assert_eq!(grey(width, height, |_, _| 7).look(), Look { coarse: 0, fine: [0; 4] });
        }
    }
}
