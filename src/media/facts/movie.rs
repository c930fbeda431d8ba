//! A video: only the boxes that describe it are read, whatever its length.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nom_exif::TrackInfoTag;

use crate::formats::isobmff::any_head;
use crate::formats::{asf, avchd, avi, moments, quicktime};
use crate::media::facts::{Sources, xmp_of};
use crate::media::read_at::read_at;
use crate::model::{Facts, Kind, TimeSource};

/// More than any movie header takes; the rest of a longer one is not read.
const MOVIE_HEADER_BYTES: u64 = 64 * 1024 * 1024;

/// Where the other containers describe themselves.
const HEAD_BYTES: usize = 1024 * 1024;

/// A fragmented file has thousands of boxes; what describes it stands among the first, or at the very end.
const MAX_BOXES: usize = 4096;

/// Adobe's name for a box with XMP (XMP specification, part 3, “MPEG-4”).
const XMP_BOX: [u8; 16] = *b"\xBE\x7A\xCF\xCB\x97\xA9\x42\xE8\x9C\x71\x99\x94\x91\xE3\xAF\xAC";

pub(super) fn read<R: Read + Seek>(input: &mut R, kind: Kind) -> io::Result<Facts> {
    match kind {
        Kind::Mp4 | Kind::Mov | Kind::ThreeGp => read_boxes(input),
        Kind::Mkv => Ok(matroska(&read_at(input, 0, HEAD_BYTES)?)),
        Kind::Avi => Ok(avi::read(&read_at(input, 0, HEAD_BYTES)?)),
        Kind::Mts => Ok(avchd::read(&read_at(input, 0, HEAD_BYTES)?)),
        Kind::Wmv => Ok(asf::read(&read_at(input, 0, HEAD_BYTES)?)),
        // A program stream says nothing about itself; the rest are no videos.
        Kind::Mpg
        | Kind::Jpeg
        | Kind::Png
        | Kind::Gif
        | Kind::Webp
        | Kind::Bmp
        | Kind::Tiff
        | Kind::Heic
        | Kind::Avif
        | Kind::Jxl
        | Kind::Psd
        | Kind::Cr2
        | Kind::Cr3
        | Kind::Crw
        | Kind::Nef
        | Kind::Arw
        | Kind::Dng
        | Kind::Raf
        | Kind::Rw2
        | Kind::Orf
        | Kind::Pef
        | Kind::X3f
        | Kind::Xmp
        | Kind::Aae
        | Kind::Thumbnails
        | Kind::Unknown => Ok(Facts::default()),
    }
}

/// Walks the boxes of the file itself by their sizes.
fn read_boxes<R: Read + Seek>(input: &mut R) -> io::Result<Facts> {
    let end = input.seek(SeekFrom::End(0))?;
    let mut found = Sources::default();
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        let Some(inside) = inside_of_box(&read_at(input, at, 16)?, at, end) else { break };
        match &inside.name {
            b"moov" => {
                let moov = inside.read(input)?;
                found.container = quicktime::read(&moov);
                if found.xmp == Facts::default() {
                    found.xmp = xmp_of(&moov);
                }
            }
            b"uuid" if inside.length() < MOVIE_HEADER_BYTES => {
                let bytes = inside.read(input)?;
                if let Some(packet) = bytes.strip_prefix(&XMP_BOX) {
                    found.xmp = xmp_of(packet);
                }
            }
            _ => {}
        }
        at = inside.end;
    }
    Ok(found.together())
}

/// The place of one box's inside, in bytes of the file.
struct Inside {
    name: [u8; 4],
    start: u64,
    end: u64,
}

impl Inside {
    fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    fn read<R: Read + Seek>(&self, input: &mut R) -> io::Result<Vec<u8>> {
        let wanted = self.length().min(MOVIE_HEADER_BYTES);
        read_at(input, self.start, usize::try_from(wanted).unwrap_or(0))
    }
}

/// What the head of the box at `at` says. `None` at the end of the file and where no box begins.
fn inside_of_box(head: &[u8], at: u64, end: u64) -> Option<Inside> {
    let head = any_head(head)?;
    let box_end = head.size.map_or(Some(end), |size| at.checked_add(size))?.min(end);
    Some(Inside { name: head.name, start: at + head.head, end: box_end })
}

fn matroska(head: &[u8]) -> Facts {
    let parse = || {
        let source = nom_exif::MediaSource::seekable(Cursor::new(head)).ok()?;
        let track = nom_exif::MediaParser::new().parse_track(source).ok()?;
        let pixels = |tag| track.get(tag).and_then(nom_exif::EntryValue::as_u32).filter(|pixels| *pixels > 0);
        let created = track.get(TrackInfoTag::CreateDate).and_then(nom_exif::EntryValue::as_datetime);
        // Matroska's date is UTC by its specification (RFC 9559, 5.1.2.11).
        let created = created.and_then(|time| moments::parse(&format!("{}Z", time.into_naive())));
        Some(Facts {
            width: pixels(TrackInfoTag::Width),
            height: pixels(TrackInfoTag::Height),
            duration_ms: track.get(TrackInfoTag::DurationMs).and_then(nom_exif::EntryValue::as_u64),
            times: created.map(|moment| moment.said_by(TimeSource::Quicktime)).into_iter().collect(),
            ..Facts::default()
        })
    };
    catch_unwind(AssertUnwindSafe(parse)).ok().flatten().unwrap_or_default()
}
