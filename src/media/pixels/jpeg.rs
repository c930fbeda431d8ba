//! A JPEG's picture, made of the coefficients that the validator reads on its one way through the file.
//!
//! Each component is transformed at the smallest size that the largest preview can be made from. What could not be read
//! stays grey: half a photo is half a preview.

mod channel;

use crate::formats::jpeg::{Frame, Painter, Place, Process, Verdict, follow, segments};

use super::colour::{self, Model};
use super::{NotShown, Picture, Region, of_jpeg, worth_keeping};
use channel::Channel;

/// Pictures with more pixels are not painted. At an eighth of their size, these need 17 million samples for a channel.
const MOST_PIXELS: u64 = 1 << 30;

/// Follows a JPEG as [`crate::formats::jpeg::validate`] does, and makes its picture on the way: upright as stored, and at
/// least `long_side` pixels long where the file has as many.
pub(crate) fn read(bytes: &[u8], long_side: u32) -> (Verdict, Result<Picture, NotShown>) {
    let mut painting = Painting::new(adobe_transform(bytes), long_side);
    let verdict = follow(bytes, &mut painting);
    let picture = match &verdict.frame {
        Some(_) if !verdict.followed => Err(NotShown::new("is too large or too unusual to be shown")),
        Some(frame) => painting.finish(frame).map(|picture| {
            let profile = of_jpeg(bytes).and_then(|profile| worth_keeping(profile, picture.chroma.is_none()));
            Picture { profile, ..picture }
        }),
        None => Err(NotShown::new("holds no picture that could be shown")),
    };
    (verdict, picture)
}

/// How Adobe's segment says that colours are coded: 0 as they are, 1 as YCbCr, 2 as YCCK.
fn adobe_transform(bytes: &[u8]) -> Option<u8> {
    let mut adobe = segments(bytes).filter(|segment| segment.marker == 0xEE);
    adobe.find_map(|segment| segment.payload.strip_prefix(b"Adobe").and_then(|rest| rest.get(6).copied()))
}

struct Painting {
    adobe: Option<u8>,
    long_side: u32,
    model: Model,
    channels: Vec<Channel>,
    progressive: bool,
}

impl Painting {
    fn new(adobe: Option<u8>, long_side: u32) -> Self {
        Self { adobe, long_side, model: Model::Grey, channels: Vec::new(), progressive: false }
    }

    fn finish(self, frame: &Frame) -> Result<Picture, NotShown> {
        let first = self.channels.first().ok_or_else(|| NotShown::new("is too large to be shown"))?;
        if !first.shows_enough() {
            return Err(NotShown::new("has too little left of its picture to be shown"));
        }
        let mut planes = self.channels.into_iter().map(|channel| channel.into_plane(self.progressive));
        let (width, height) = (frame.width, frame.height);
        match (self.model, planes.next(), planes.next(), planes.next(), planes.next()) {
            (Model::Grey, Some(luma), ..) => Ok(Picture { width, height, luma, chroma: None, profile: None }),
            (Model::YCbCr, Some(luma), Some(blue), Some(red), _) => {
                Ok(Picture { width, height, luma, chroma: Some([blue, red]), profile: None })
            }
            (model, Some(one), Some(two), Some(three), four) => {
                let (luma, chroma) = colour::converted(model, [&one, &two, &three], four.as_ref());
                Ok(Picture { width, height, luma, chroma: Some(chroma), profile: None })
            }
            _ => Err(NotShown::new("has colours that are not understood")),
        }
    }
}

impl Painter for Painting {
    const LISTENS: bool = true;

    fn begin(&mut self, frame: &Frame) {
        if u64::from(frame.width) * u64::from(frame.height) > MOST_PIXELS || frame.precision != 8 {
            return;
        }
        self.progressive = frame.process == Process::Progressive;
        self.model = Model::of(frame, self.adobe);
        let long = frame.width.max(frame.height);
        let wanted = self.long_side.min(long);
        let largest = |of: fn(&crate::formats::jpeg::Component) -> u32| frame.components.iter().map(of).max();
        let (h_max, v_max) = (largest(|one| one.h).unwrap_or(1), largest(|one| one.v).unwrap_or(1));
        let (across, down) = frame.mcus();
        for (index, component) in frame.components.iter().enumerate() {
            let exact = |pixels: u32, own: u32, most: u32| f64::from(pixels) * f64::from(own) / f64::from(most);
            let width = exact(frame.width, component.h, h_max);
            let height = exact(frame.height, component.v, v_max);
            // Colours are kept at half the size of the brightness, as they are in the previews.
            let needed = if self.model == Model::YCbCr && index > 0 { wanted.div_ceil(2) } else { wanted };
            let size = if self.model.is_converted() {
                scale_for(f64::from(long), needed)
            } else {
                scale_for(width.max(height), needed)
            };
            let scale = f64::from(u32::try_from(size).unwrap_or(8)) / 8.0;
            let region = Region { width: width * scale, height: height * scale };
            self.channels.push(Channel::new(size, (across * component.h, down * component.v), region));
        }
    }

    fn quantizers(&mut self, component: usize, zigzag: &[u16; 64]) {
        if let Some(channel) = self.channels.get_mut(component) {
            channel.quantizers(zigzag);
        }
    }

    #[inline]
    fn block(&mut self, component: usize, place: Place, coefficients: &[i16; 64], last: u32) {
        if let Some(channel) = self.channels.get_mut(component) {
            channel.block(place, coefficients, last);
        }
    }

    fn set(&mut self, component: usize, place: Place, zigzag: u32, value: i32) {
        if let Some(channel) = self.channels.get_mut(component) {
            channel.set(place, zigzag, value);
        }
    }

    fn refine(&mut self, component: usize, place: Place, zigzag: u32, step: i32) {
        if let Some(channel) = self.channels.get_mut(component) {
            channel.refine(place, zigzag, step);
        }
    }
}

/// Samples across in a block, so that a side of `pixels` gives at least `wanted`.
fn scale_for(pixels: f64, wanted: u32) -> usize {
    let enough = |size: &u32| pixels * f64::from(*size) / 8.0 >= f64::from(wanted);
    [1, 2, 4].into_iter().find(enough).map_or(8, |size| size as usize)
}

#[cfg(test)]
mod tests;
