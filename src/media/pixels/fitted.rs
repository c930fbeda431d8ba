//! A picture at the size of a preview.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::{NotShown, Picture, Plane, Region};

/// A picture of a known size, without padding; colours at half of it, rounded up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fitted {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// `width` times `height` samples.
    pub(crate) luma: Vec<u8>,
    pub(crate) chroma: Option<[Vec<u8>; 2]>,
    pub(crate) profile: Option<Vec<u8>>,
}

impl Picture {
    /// Makes it so small that its long side has at most `long_side` pixels; never larger than it is.
    pub(crate) fn fitted(self, long_side: u32) -> Result<Fitted, NotShown> {
        let Self { width, height, luma, chroma, profile } = self;
        let (small_width, small_height) = inside(width, height, long_side);
        let (half_width, half_height) = (small_width.div_ceil(2), small_height.div_ceil(2));
        let small = resized(&luma, luma.region, small_width, small_height, FilterType::Lanczos3)?;
        let chroma = match chroma {
            None => None,
            Some(planes) => {
                let mut small = Vec::new();
                for plane in planes {
                    // Of an odd number of pixels the last colour stands for one only.
                    let region = Region {
                        width: plane.region.width * f64::from(half_width * 2) / f64::from(small_width),
                        height: plane.region.height * f64::from(half_height * 2) / f64::from(small_height),
                    };
                    small.push(resized(&plane, region, half_width, half_height, FilterType::CatmullRom)?);
                }
                <[Vec<u8>; 2]>::try_from(small).ok()
            }
        };
        Ok(Fitted { width: small_width, height: small_height, luma: small, chroma, profile })
    }
}

impl Fitted {
    /// The same, smaller still.
    pub(crate) fn smaller(&self, long_side: u32) -> Result<Self, NotShown> {
        let plane = |samples: &Vec<u8>, width: u32, height: u32, scale: f64| Plane {
            samples: samples.clone(),
            across: width as usize,
            down: height as usize,
            region: Region { width: f64::from(self.width) * scale, height: f64::from(self.height) * scale },
        };
        let (half_width, half_height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let picture = Picture {
            width: self.width,
            height: self.height,
            luma: plane(&self.luma, self.width, self.height, 1.0),
            chroma: self.chroma.as_ref().map(|[blue, red]| {
                [plane(blue, half_width, half_height, 0.5), plane(red, half_width, half_height, 0.5)]
            }),
            profile: self.profile.clone(),
        };
        picture.fitted(long_side)
    }
}

/// The size of the same shape with a long side of at most `long_side`.
fn inside(width: u32, height: u32, long_side: u32) -> (u32, u32) {
    let long = width.max(height);
    if long <= long_side {
        return (width, height);
    }
    let side = |pixels: u32| {
        let scaled = (u64::from(pixels) * u64::from(long_side) + u64::from(long) / 2) / u64::from(long);
        u32::try_from(scaled).unwrap_or(long_side).max(1)
    };
    (side(width), side(height))
}

fn resized(plane: &Plane, region: Region, width: u32, height: u32, filter: FilterType) -> Result<Vec<u8>, NotShown> {
    let exact = |length: f64, pixels: u32| (length - f64::from(pixels)).abs() < 0.01;
    if exact(region.width, width) && exact(region.height, height) {
        let rows = plane.samples.chunks(plane.across.max(1)).take(height as usize);
        let cut: Vec<u8> = rows.flat_map(|row| row.iter().take(width as usize)).copied().collect();
        if cut.len() == width as usize * height as usize {
            return Ok(cut);
        }
    }
    let failed = || NotShown::new("could not be made smaller");
    let side = |samples: usize| u32::try_from(samples).unwrap_or(0);
    let (across, down) = (side(plane.across), side(plane.down));
    let source = TypedImageRef::<U8>::from_buffer(across, down, &plane.samples).map_err(|_| failed())?;
    let mut samples = vec![0; width as usize * height as usize];
    let mut target = TypedImage::<U8>::from_buffer(width, height, &mut samples).map_err(|_| failed())?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false).crop(
        0.0,
        0.0,
        region.width.min(f64::from(across)),
        region.height.min(f64::from(down)),
    );
    Resizer::new().resize_typed(&source, &mut target, &options).map_err(|_| failed())?;
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_stays_and_nothing_is_made_larger() {
        assert_eq!(inside(4000, 3000, 1440), (1440, 1080));
        assert_eq!(inside(3000, 4000, 512), (384, 512));
        assert_eq!(inside(300, 200, 512), (300, 200));
        assert_eq!(inside(1, 65_535, 512), (1, 512));
        assert_eq!(inside(1, 1, 512), (1, 1));
    }

    #[test]
    fn a_small_picture_is_cut_out_of_its_padding_and_else_left_alone() {
        let samples: Vec<u8> = (0..16 * 8).collect();
        let plane = |samples: &[u8]| Plane {
            samples: samples.to_vec(),
            across: 16,
            down: 8,
            region: Region { width: 5.0, height: 3.0 },
        };
        let half = Plane { samples: vec![9; 64], across: 8, down: 8, region: Region { width: 2.5, height: 1.5 } };
        let chroma = Some([half.clone(), half]);
        let picture = Picture { width: 5, height: 3, luma: plane(&samples), chroma, profile: None };
        let fitted = picture.fitted(1440).unwrap();
        assert_eq!((fitted.width, fitted.height), (5, 3));
        assert_eq!(fitted.luma, [0, 1, 2, 3, 4, 16, 17, 18, 19, 20, 32, 33, 34, 35, 36]);
        assert_eq!(fitted.chroma.unwrap(), [[9; 6], [9; 6]]);
    }
}
