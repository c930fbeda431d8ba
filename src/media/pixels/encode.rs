//! Previews as JPEGs.

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use crate::model::Look;

use super::fitted::Fitted;
use super::{LARGE, NotShown, Picture, SMALL};

/// Of a hundred. At 80 the larger preview of a photo takes 150 to 300 kB.
const QUALITY: u8 = 80;

/// A picture's two previews, and how it looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renditions {
    /// A JPEG with a long side of at most 512 pixels, upright.
    pub small: Vec<u8>,
    /// A JPEG with a long side of at most 1440 pixels, upright.
    pub large: Vec<u8>,
    /// How it looks.
    pub look: Look,
}

impl Picture {
    /// Makes the previews of a picture that is to be turned as EXIF's `orientation` says.
    pub(crate) fn renditions(self, orientation: u8) -> Result<Renditions, NotShown> {
        let large = self.fitted(LARGE)?.upright(orientation);
        let small = large.smaller(SMALL)?;
        let look = small.look();
        Ok(Renditions { small: small.jpeg()?, large: large.jpeg()?, look })
    }
}

impl Fitted {
    pub(crate) fn jpeg(&self) -> Result<Vec<u8>, NotShown> {
        let failed = |_| NotShown::new("could not be made a preview");
        let mut out = Vec::with_capacity(self.luma.len() / 4 + 1024);
        let mut encoder = Encoder::new(&mut out, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
        if let Some(profile) = &self.profile {
            encoder.add_icc_profile(profile).map_err(failed)?;
        }
        encoder.encode_image(Rows(self)).map_err(failed)?;
        Ok(out)
    }
}

struct Rows<'a>(&'a Fitted);

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.0.chroma.is_some() { JpegColorType::Ycbcr } else { JpegColorType::Luma }
    }

    fn width(&self) -> u16 {
        u16::try_from(self.0.width).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.0.height).unwrap_or(u16::MAX)
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let [luma, blue, red, _] = buffers;
        let width = self.0.width as usize;
        let at = usize::from(y);
        luma.extend_from_slice(self.0.luma.get(at * width..(at + 1) * width).unwrap_or_default());
        let Some(chroma) = &self.0.chroma else { return };
        let half = width.div_ceil(2);
        for (buffer, plane) in [blue, red].into_iter().zip(chroma) {
            let colours = plane.get(at / 2 * half..).unwrap_or_default().iter().take(half);
            // The encoder takes every second one of them back out.
            buffer.extend(colours.flat_map(|colour| [*colour, *colour]).take(width));
        }
    }
}
