//! From the colours that files store to brightness and two planes of colour (JFIF 1.02: BT.601, full range).

use std::io;

use crate::formats::jpeg::Frame;

use super::{LARGE, Picture, Plane, Region};

/// What the components of a JPEG stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Model {
    Grey,
    YCbCr,
    Rgb,
    /// Ink, 255 for all of it.
    Cmyk,
    /// Ink as Adobe stores it: 255 for none.
    InvertedCmyk,
    /// The same, its first three components turned into brightness and colour.
    Ycck,
}

impl Model {
    /// By the number of components, Adobe's segment, and the names of the components.
    pub(super) fn of(frame: &Frame, adobe: Option<u8>) -> Self {
        let names: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        match (names.as_slice(), adobe) {
            ([_, _, _], Some(0)) | (b"RGB", None) => Self::Rgb,
            ([_, _, _], _) => Self::YCbCr,
            ([_, _, _, _], Some(2)) => Self::Ycck,
            ([_, _, _, _], Some(_)) => Self::InvertedCmyk,
            ([_, _, _, _], None) => Self::Cmyk,
            _ => Self::Grey,
        }
    }

    /// Whether its components have to be put together sample by sample.
    pub(super) fn is_converted(self) -> bool {
        match self {
            Self::Grey | Self::YCbCr => false,
            Self::Rgb | Self::Cmyk | Self::InvertedCmyk | Self::Ycck => true,
        }
    }

    fn to_rgb(self, [one, two, three]: [u8; 3], black: u8) -> [u8; 3] {
        let inked = |light: u8, key: u8| {
            let product = u16::from(light) * u16::from(key) + 127;
            u8::try_from(product / 255).unwrap_or(u8::MAX)
        };
        match self {
            Self::Rgb | Self::Grey => [one, two, three],
            Self::YCbCr => rgb(one, two, three),
            Self::Cmyk => [one, two, three].map(|ink| inked(255 - ink, 255 - black)),
            Self::InvertedCmyk => [one, two, three].map(|light| inked(light, black)),
            Self::Ycck => rgb(one, two, three).map(|ink| inked(255 - ink, black)),
        }
    }
}

/// Puts the components of a picture together, at the size of the largest of them.
pub(super) fn converted(model: Model, colours: [&Plane; 3], black: Option<&Plane>) -> (Plane, [Plane; 2]) {
    let all = colours.into_iter().chain(black);
    let largest = all.max_by_key(|plane| plane.samples.len()).unwrap_or(colours[0]);
    let (across, down) = (largest.across, largest.down);
    let at = |plane: &Plane, x: usize, y: usize| {
        let (x, y) = (x * plane.across / across.max(1), y * plane.down / down.max(1));
        plane.samples.get(y * plane.across + x).copied().unwrap_or(0)
    };
    let mut planes = [(); 3].map(|()| Vec::with_capacity(across * down));
    for y in 0..down {
        for x in 0..across {
            let key = black.map_or(255, |plane| at(plane, x, y));
            let colour = ycbcr(model.to_rgb(colours.map(|plane| at(plane, x, y)), key));
            planes.iter_mut().zip(colour).for_each(|(plane, sample)| plane.push(sample));
        }
    }
    let [luma, blue, red] = planes.map(|samples| Plane { samples, across, down, region: largest.region });
    (luma, [blue, red])
}

/// Makes a picture of rows of red, green and blue: `next_row` fills one, `3 * width` bytes, at a time.
///
/// Where the picture is much larger than the largest preview, whole squares of pixels become one on the way, so that a
/// picture of any size takes the memory of a small one.
pub(crate) fn from_rows(
    width: u32,
    height: u32,
    mut next_row: impl FnMut(&mut [u8]) -> io::Result<()>,
) -> io::Result<Picture> {
    let square = (width.max(height) / (2 * LARGE)).max(1);
    let (across, down) = (width.div_ceil(square) as usize, height.div_ceil(square) as usize);
    let mut planes = [(); 3].map(|()| Vec::with_capacity(across * down));
    let mut row = vec![0; width as usize * 3];
    let mut sums = vec![[0_u32; 3]; across];
    let mut left = height;
    while left > 0 {
        let rows = left.min(square);
        left -= rows;
        sums.fill([0; 3]);
        for _ in 0..rows {
            next_row(&mut row)?;
            for (sum, pixels) in sums.iter_mut().zip(row.chunks(square as usize * 3)) {
                for pixel in pixels.as_chunks::<3>().0 {
                    sum.iter_mut().zip(pixel).for_each(|(sum, level)| *sum += u32::from(*level));
                }
            }
        }
        for (index, sum) in sums.iter().enumerate() {
            let columns = width.saturating_sub(u32::try_from(index).unwrap_or(0) * square).min(square);
            let count = (columns * rows).max(1);
            let colour = ycbcr(sum.map(|sum| u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX)));
            planes.iter_mut().zip(colour).for_each(|(plane, sample)| plane.push(sample));
        }
    }
    let exact = |pixels: u32| f64::from(pixels) / f64::from(square);
    let region = Region { width: exact(width), height: exact(height) };
    let [luma, blue, red] = planes.map(|samples| Plane { samples, across, down, region });
    Ok(Picture { width, height, luma, chroma: Some([blue, red]), profile: None })
}

/// What a pixel with its opaqueness looks like on white paper.
pub(crate) fn on_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    let seen = |level: u8| {
        let sum = u16::from(level) * u16::from(alpha) + 255 * u16::from(255 - alpha) + 127;
        u8::try_from(sum / 255).unwrap_or(u8::MAX)
    };
    [seen(red), seen(green), seen(blue)]
}

/// Brightness, blueness, redness.
fn ycbcr([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let (r, g, b) = (i32::from(red), i32::from(green), i32::from(blue));
    // Sixteen bits behind the point, and half of one to round.
    let sample = |sum: i32| u8::try_from(((sum + 0x8000) >> 16).clamp(0, 255)).unwrap_or(0);
    [
        sample(19_595 * r + 38_470 * g + 7_471 * b),
        sample(-11_059 * r - 21_709 * g + 32_768 * b + (128 << 16)),
        sample(32_768 * r - 27_439 * g - 5_329 * b + (128 << 16)),
    ]
}

/// Red, green, blue.
pub(super) fn rgb(luma: u8, blueness: u8, redness: u8) -> [u8; 3] {
    let (y, b, r) = (i32::from(luma) << 16, i32::from(blueness) - 128, i32::from(redness) - 128);
    let sample = |sum: i32| u8::try_from(((sum + 0x8000) >> 16).clamp(0, 255)).unwrap_or(0);
    [sample(y + 91_881 * r), sample(y - 22_554 * b - 46_802 * r), sample(y + 116_130 * b)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_back_from_brightness_and_colour() {
        for colour in [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [12, 200, 99]] {
            let [luma, blue, red] = ycbcr(colour);
            for (ours, theirs) in rgb(luma, blue, red).iter().zip(colour) {
                assert!(ours.abs_diff(theirs) <= 2, "{colour:?}");
            }
        }
        assert_eq!(ycbcr([255, 0, 0]), [76, 85, 255], "JFIF 1.02");
    }

    #[test]
    fn what_is_transparent_is_white() {
        assert_eq!(on_white([10, 20, 30, 255]), [10, 20, 30]);
        assert_eq!(on_white([10, 20, 30, 0]), [255, 255, 255]);
        assert_eq!(on_white([0, 0, 0, 128]), [127, 127, 127]);
    }

    #[test]
    fn ink_is_taken_from_white() {
        assert_eq!(Model::Cmyk.to_rgb([0, 255, 255], 0), [255, 0, 0]);
        assert_eq!(Model::InvertedCmyk.to_rgb([255, 0, 0], 255), [255, 0, 0]);
        assert_eq!(Model::InvertedCmyk.to_rgb([255, 255, 255], 0), [0, 0, 0], "nothing but black");
    }

    #[test]
    fn a_picture_far_too_large_is_gathered_row_by_row() {
        let mut row_number = 0_u32;
        let picture = from_rows(9_000, 300, |row| {
            row.fill(if row_number < 150 { 200 } else { 40 });
            row_number += 1;
            Ok(())
        });
        let picture = picture.unwrap();
        assert_eq!((picture.luma.across, picture.luma.down), (3_000, 100));
        assert_eq!((picture.luma.samples[0], picture.luma.samples[299_999]), (200, 40));
        assert_eq!((picture.width, picture.height, row_number), (9_000, 300, 300));
    }

    #[test]
    fn a_row_that_does_not_come_is_an_error() {
        assert!(from_rows(10, 10, |_| Err(io::ErrorKind::UnexpectedEof.into())).is_err());
    }
}
