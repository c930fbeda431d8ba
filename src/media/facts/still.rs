//! A still picture: where its EXIF, XMP and IPTC lie in each container.

use memchr::memmem;

use crate::formats::exif_tags::{Table, Tags};
use crate::formats::isobmff::{atoms, child};
use crate::formats::numbers::be32;
use crate::formats::{ciff, headers, heif, iptc, jpeg, motion, photoshop, png_text, tiff, xmp};
use crate::media::facts::{Sources, exif_parsers, xmp_of, xmp_together};
use crate::model::{Facts, Kind, TimeSource};

/// EXIF without its container has no known end; it is not longer than this with its thumbnail.
const STRAY_BYTES: usize = 1024 * 1024;

/// Reads the first bytes of a still, or all of them.
pub(super) fn read(file: &[u8], kind: Kind) -> Facts {
    let mut tags = tags_of(file, kind);
    if tags.is_empty() {
        tags = stray_exif(file).map(exif_parsers::from_tiff).unwrap_or_default();
    }
    let (width, height) = size_of(file, kind, &tags).unzip();
    let of_jpeg = jpeg::head::photoshop_resources(file);
    let resources = photoshop::resources(file).unwrap_or(&of_jpeg);
    let iptc = photoshop::find(resources, photoshop::IPTC).map_or_else(|| tags.iptc(), iptc::read);
    let early = early_camera(file, kind);
    let container = Facts {
        width: width.or(early.width),
        height: height.or(early.height),
        camera: early.camera,
        caption: if kind == Kind::Png { exif_parsers::png_caption(file) } else { None },
        motion: if matches!(kind, Kind::Jpeg | Kind::Heic) { motion::find(file) } else { None },
        times: if kind == Kind::Png { png_text::times(file) } else { early.times },
        ..Facts::default()
    };
    Sources { exif: tags.facts(), xmp: xmp(file, kind), iptc, container }.together()
}

/// In a JPEG the segments say where XMP begins and ends, and what belongs to the picture; elsewhere, and where no segment
/// is what it should be, it is looked for.
fn xmp(file: &[u8], kind: Kind) -> Facts {
    let packets = if kind == Kind::Jpeg { xmp::extended::packets(file) } else { Vec::new() };
    if packets.is_empty() { xmp_of(file) } else { xmp_together(packets.iter().map(Vec::as_slice)) }
}

fn tags_of(file: &[u8], kind: Kind) -> Tags {
    match kind {
        Kind::Rw2 | Kind::Orf => exif_parsers::from_tiff(with_plain_magic(file)),
        Kind::Psd => {
            let exif = photoshop::resources(file).and_then(|resources| photoshop::find(resources, photoshop::EXIF));
            exif.map(|tiff| exif_parsers::from_tiff(tiff.to_vec())).unwrap_or_default()
        }
        Kind::Jxl => boxed_exif(file).map(|tiff| exif_parsers::from_tiff(tiff.to_vec())).unwrap_or_default(),
        Kind::Heic | Kind::Avif => {
            // The parsers take any picture's EXIF; only the primary one's is that of the photo.
            let mut tags = heif::primary_exif(file).map(exif_parsers::from_tiff).unwrap_or_default();
            if tags.is_empty() {
                tags = exif_parsers::from_container(file);
            }
            tags
        }
        Kind::Cr3 => {
            let mut tags = canon_directories(file);
            tags.add_missing(exif_parsers::from_container(file));
            tags
        }
        Kind::Raf => {
            let mut tags = raf_preview(file).map(exif_parsers::from_container).unwrap_or_default();
            tags.add_missing(exif_parsers::from_container(file));
            tags
        }
        Kind::Jpeg
        | Kind::Png
        | Kind::Gif
        | Kind::Webp
        | Kind::Bmp
        | Kind::Tiff
        | Kind::Cr2
        | Kind::Crw
        | Kind::Nef
        | Kind::Arw
        | Kind::Dng
        | Kind::Pef
        | Kind::X3f
        | Kind::Mp4
        | Kind::Mov
        | Kind::ThreeGp
        | Kind::Avi
        | Kind::Mkv
        | Kind::Mts
        | Kind::Mpg
        | Kind::Wmv
        | Kind::Xmp
        | Kind::Aae
        | Kind::Thumbnails
        | Kind::Unknown => exif_parsers::from_container(file),
    }
}

/// What cameras from before EXIF say.
fn early_camera(file: &[u8], kind: Kind) -> Facts {
    if kind == Kind::Crw {
        return ciff::read(file);
    }
    let ciff =
        jpeg::segments(file).find(|segment| segment.marker == 0xE0 && segment.payload.get(6..10) == Some(b"HEAP"));
    if let Some(segment) = ciff {
        return ciff::read(segment.payload);
    }
    let taken = jpeg::head::picture_info_time(file).map(|moment| moment.said_by(TimeSource::Exif));
    Facts { times: taken.into_iter().collect(), ..Facts::default() }
}

/// The container knows best. A raw file's first directory is often its thumbnail, so there only the camera's own
/// statement counts.
fn size_of(file: &[u8], kind: Kind, tags: &Tags) -> Option<(u32, u32)> {
    let from_tags = || if kind == Kind::Tiff { tags.image_size() } else { tags.pixel_size().filter(|_| kind.is_raw()) };
    headers::size(file).or_else(from_tags)
}

/// Panasonic and Olympus begin their TIFF with a magic number of their own.
fn with_plain_magic(file: &[u8]) -> Vec<u8> {
    let mut tiff = file.to_vec();
    if let Some(magic) = tiff.get_mut(2..4) {
        let little = file.starts_with(b"II");
        magic.copy_from_slice(if little { &[0x2A, 0x00] } else { &[0x00, 0x2A] });
    }
    tiff
}

/// The `Exif` box of a boxed JPEG XL file: an offset of four bytes, then TIFF (ISO/IEC 18181-2, 9.5).
fn boxed_exif(file: &[u8]) -> Option<&[u8]> {
    let exif = child(file, b"Exif")?;
    let offset = usize::try_from(be32(exif, 0)?).ok()?;
    exif.get(4..)?.get(offset..)
}

/// Canon's CR3 holds each directory of EXIF as a TIFF structure of its own, in boxes inside `moov`.
fn canon_directories(file: &[u8]) -> Tags {
    const CANON: [u8; 16] = *b"\x85\xC0\xB6\x87\x82\x0F\x11\xE0\x81\x11\xF4\xCE\x46\x2B\x6A\x48";
    let moov = child(file, b"moov").unwrap_or_default();
    let canon = atoms(moov).filter(|atom| atom.name == *b"uuid").find_map(|atom| atom.payload.strip_prefix(&CANON));
    let mut tags = Tags::default();
    for directory in atoms(canon.unwrap_or_default()) {
        let table = match &directory.name {
            b"CMT1" => Table::Image,
            b"CMT2" => Table::Exif,
            b"CMT4" => Table::Gps,
            _ => continue,
        };
        tags.add_missing(exif_parsers::from_lone_table(directory.payload.to_vec(), table));
    }
    tags
}

/// EXIF that no parser found, by what it begins with: containers break, and phones write them wrongly.
fn stray_exif(file: &[u8]) -> Option<Vec<u8>> {
    let mut stray = memmem::find_iter(file, b"Exif\0\0").filter_map(|at| file.get(at + 6..));
    let exif = stray.find(|bytes| tiff::begins(bytes))?;
    Some(exif.get(..STRAY_BYTES).unwrap_or(exif).to_vec())
}

/// Fujifilm puts a whole JPEG with all of its EXIF into the raw file; its place stands at byte 84.
fn raf_preview(file: &[u8]) -> Option<&[u8]> {
    file.get(usize::try_from(be32(file, 84)?).ok()?..).filter(|preview| preview.starts_with(&[0xFF, 0xD8]))
}
