//! What a file says about itself: EXIF, XMP, IPTC and the movie header, read by whoever reads each best, put together
//! by one rule.

mod exif_parsers;
mod movie;
mod still;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Seek};

use crate::formats::xmp;
use crate::media::read_at::read_at;
use crate::model::{Facts, Family, Kind};

/// Of a still, no more than this is read into memory; a larger one is read from its beginning.
const STILL_BYTES: usize = 64 * 1024 * 1024;

/// No sidecar is longer.
const SIDECAR_BYTES: usize = 16 * 1024 * 1024;

/// Reads what an object says about itself.
///
/// Nonsense in the file is no error: its field stays `None`. A parser of others' making that panics counts as one that
/// found nothing. Of a video only the boxes that describe it are read, whatever its length.
///
/// # Errors
///
/// Only those of `input` itself.
pub fn read<R: Read + Seek>(input: &mut R, kind: Kind) -> io::Result<Facts> {
    match kind.family() {
        Family::Still => Ok(still::read(&read_at(input, 0, STILL_BYTES)?, kind)),
        Family::Video => movie::read(input, kind),
        Family::Sidecar if kind == Kind::Xmp => Ok(read_sidecar(&read_at(input, 0, SIDECAR_BYTES)?)),
        Family::Sidecar | Family::Unknown => Ok(Facts::default()),
    }
}

/// Reads what a sidecar of another program says about its photo: stars, keywords, caption, times, place.
pub fn read_sidecar(packet: &[u8]) -> Facts {
    xmp::read(packet)
}

/// What each part of a file says.
#[derive(Default)]
struct Sources {
    exif: Facts,
    xmp: Facts,
    iptc: Facts,
    container: Facts,
}

impl Sources {
    /// Puts them together. What a camera knows comes from EXIF first; what a person writes from XMP first, where
    /// programs of today write it (Metadata Working Group, “Guidelines for Handling Metadata”, 2010).
    fn together(self) -> Facts {
        let Self { exif, xmp, iptc, container } = self;
        let keywords = [xmp.keywords, iptc.keywords, exif.keywords, container.keywords].concat();
        Facts {
            width: container.width.or(exif.width),
            height: container.height.or(exif.height),
            orientation: exif.orientation.or(container.orientation),
            camera: exif.camera.or(container.camera).or(xmp.camera),
            lens: exif.lens.or(xmp.lens),
            position: exif.position.or(container.position).or(xmp.position),
            rating: xmp.rating.or(exif.rating),
            caption: xmp.caption.or(iptc.caption).or(exif.caption).or(container.caption),
            keywords: xmp::without_doubles(&keywords),
            duration_ms: container.duration_ms,
            live_id: exif.live_id.or(container.live_id),
            motion: container.motion,
            times: [exif.times, xmp.times, iptc.times, container.times].concat(),
        }
    }
}

/// What the first packets of a file say, each filling in what those before it left open.
fn xmp_of(file: &[u8]) -> Facts {
    xmp_together(xmp::packets(file).into_iter().filter_map(|packet| file.get(packet)))
}

fn xmp_together<'a>(packets: impl Iterator<Item = &'a [u8]>) -> Facts {
    let mut together = Facts::default();
    for packet in packets {
        let facts = xmp::read(packet);
        together = Facts {
            camera: together.camera.or(facts.camera),
            lens: together.lens.or(facts.lens),
            position: together.position.or(facts.position),
            rating: together.rating.or(facts.rating),
            caption: together.caption.or(facts.caption),
            keywords: if together.keywords.is_empty() { facts.keywords } else { together.keywords },
            times: if together.times.is_empty() { facts.times } else { together.times },
            ..together
        };
    }
    together
}
