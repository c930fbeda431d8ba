//! Files made here, byte by byte, read as a whole.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it expected")]

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use jiff::civil::date;

use super::{read, read_sidecar};
use crate::model::{Certainty, Facts, Kind, TimeSource, UtcOffset};

/// A directory entry: number, type, count, value bytes.
struct Entry(u16, u16, u32, Vec<u8>);

fn ascii(number: u16, text: &[u8]) -> Entry {
    let bytes = [text, b"\0"].concat();
    Entry(number, 2, u32::try_from(bytes.len()).expect("short"), bytes)
}

fn short(number: u16, value: u16) -> Entry {
    Entry(number, 3, 1, value.to_be_bytes().to_vec())
}

/// Fractions of the given type: 5 unsigned, 10 signed.
fn fractions(number: u16, kind: u16, parts: &[(u32, u32)]) -> Entry {
    let bytes = parts.iter().flat_map(|(upper, lower)| [upper.to_be_bytes(), lower.to_be_bytes()]).flatten().collect();
    Entry(number, kind, u32::try_from(parts.len()).expect("few"), bytes)
}

/// One directory and its values, as they stand at `at`.
fn directory(at: usize, entries: Vec<Entry>) -> Vec<u8> {
    let count = u16::try_from(entries.len()).expect("few");
    let mut table = count.to_be_bytes().to_vec();
    let mut values = Vec::new();
    let values_at = at + 2 + entries.len() * 12 + 4;
    for Entry(number, kind, count, bytes) in entries {
        table.extend(number.to_be_bytes());
        table.extend(kind.to_be_bytes());
        table.extend(count.to_be_bytes());
        if bytes.len() <= 4 {
            table.extend([bytes, vec![0; 4]].concat().iter().take(4));
        } else {
            table.extend(u32::try_from(values_at + values.len()).expect("small").to_be_bytes());
            values.extend(bytes);
        }
    }
    table.extend([0; 4]);
    [table, values].concat()
}

fn pointer(number: u16, to: usize) -> Entry {
    Entry(number, 4, 1, u32::try_from(to).expect("small").to_be_bytes().to_vec())
}

/// A TIFF structure with the three directories.
fn tiff(mut image: Vec<Entry>, exif: Vec<Entry>, gps: Vec<Entry>) -> Vec<u8> {
    const ROOM: usize = 1024;
    image.extend([pointer(0x8769, 8 + ROOM), pointer(0x8825, 8 + 2 * ROOM)]);
    image.sort_by_key(|entry| entry.0);
    let padded = |at: usize, entries| {
        let mut bytes = directory(at, entries);
        assert!(bytes.len() <= ROOM);
        bytes.resize(ROOM, 0);
        bytes
    };
    [b"MM\0*\0\0\0\x08".to_vec(), padded(8, image), padded(8 + ROOM, exif), padded(8 + 2 * ROOM, gps)].concat()
}

fn jpeg(tiff: &[u8], after: &[u8]) -> Vec<u8> {
    let length = u16::try_from(tiff.len() + 8).expect("short").to_be_bytes();
    let frame = b"\xFF\xC0\x00\x0B\x08\x0C\x00\x10\x00\x01\x01\x11\x00";
    [b"\xFF\xD8\xFF\xE1".as_slice(), &length, b"Exif\0\0", tiff, after, frame, b"\xFF\xDA\x00\x02\xFF\xD9"].concat()
}

fn photo() -> Vec<u8> {
    jpeg(&photo_tiff(), b"")
}

fn photo_tiff() -> Vec<u8> {
    let lisbon = [(38, 1), (42, 1), (30, 1)];
    tiff(
        vec![
            ascii(0x010E, b"F\xfcr Oma"),
            ascii(0x010F, b"NIKON CORPORATION"),
            ascii(0x0110, b"NIKON D70"),
            short(0x0112, 6),
            ascii(0x0132, b"2016:01:01 10:00:00"),
        ],
        vec![ascii(0x9003, b"2014:08:03 14:22:33"), ascii(0x9010, b"-08:00"), ascii(0x9011, b"+01:00")],
        // Signed fractions, as vivo and Nokia write them.
        vec![ascii(1, b"n"), fractions(2, 10, &lisbon), ascii(3, b"W"), fractions(4, 10, &[(9, 1), (8, 1), (24, 1)])],
    )
}

fn facts(file: &[u8], kind: Kind) -> Facts {
    read(&mut Cursor::new(file), kind).expect("memory has no I/O errors")
}

#[test]
fn a_cameras_jpeg_is_read_whole() {
    let facts = facts(&photo(), Kind::Jpeg);
    assert_eq!((facts.width, facts.height, facts.orientation), (Some(4096), Some(3072), Some(6)));
    assert_eq!(facts.camera.as_deref(), Some("NIKON D70"));
    assert_eq!(facts.caption.as_deref(), Some("Für Oma"));
    assert_eq!(facts.times[0].local, date(2014, 8, 3).at(14, 22, 33, 0));
    assert_eq!(facts.times[0].offset, UtcOffset::from_minutes(60));
    assert_eq!(facts.times[1].source, TimeSource::ExifModified);
}

#[test]
fn it_does_not_matter_how_far_the_file_was_read_before() {
    let whole = photo();
    let mut input = Cursor::new(&whole);
    input.set_position(whole.len() as u64);
    assert_eq!(read(&mut input, Kind::Jpeg).expect("no I/O error"), facts(&whole, Kind::Jpeg));
}

#[test]
fn a_place_in_signed_fractions_is_not_lost() {
    // A JPEG has two readers, an Olympus raw file only one.
    let raw = [b"MMOR", &photo_tiff()[4..]].concat();
    for place in [facts(&photo(), Kind::Jpeg).position, facts(&raw, Kind::Orf).position] {
        let place = place.expect("a place");
        assert!((place.latitude() - 38.708_333).abs() < 1e-5, "{place:?}");
        assert!((place.longitude() + 9.14).abs() < 1e-5, "{place:?}");
    }
}

#[test]
fn a_place_of_nothing_over_nothing_is_none() {
    let nothing = [(0, 0), (0, 0), (0, 0)];
    let lisbon = [(38, 1), (42, 1), (30, 1)];
    for (north, east) in [(nothing, nothing), (lisbon, nothing), (nothing, lisbon)] {
        let gps = vec![ascii(1, b"N"), fractions(2, 5, &north), ascii(3, b"E"), fractions(4, 5, &east)];
        assert_eq!(facts(&jpeg(&tiff(vec![], vec![], gps), b""), Kind::Jpeg).position, None);
    }
}

#[test]
fn what_a_person_wrote_is_taken_from_xmp_and_what_a_camera_knows_from_exif() {
    let xmp = br#"http://ns.adobe.com/xap/1.0/\0<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmp:Rating="5" xmp:CreateDate="2020-02-02T02:02:02" tiff:Model="Scanner"><dc:title><rdf:Alt><rdf:li>On the tram</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF>"#;
    let length = u16::try_from(xmp.len() + 2).expect("short").to_be_bytes();
    let original = photo();
    let frame_at = original.len() - 19;
    let file = [&original[..frame_at], b"\xFF\xE1", &length, xmp, &original[frame_at..]].concat();
    let facts = facts(&file, Kind::Jpeg);
    assert_eq!(facts.rating, Some(5));
    assert_eq!(facts.caption.as_deref(), Some("On the tram"));
    assert_eq!(facts.camera.as_deref(), Some("NIKON D70"));
    assert_eq!(facts.times.last().map(|said| said.source), Some(TimeSource::Xmp));
    assert_eq!(facts.times[0].source, TimeSource::Exif);
}

#[test]
fn a_photo_cut_anywhere_is_read_as_far_as_it_goes() {
    let whole = photo();
    for end in 0..whole.len() {
        let facts = facts(&whole[..end], Kind::Jpeg);
        assert!(facts.times.len() <= 2);
    }
    // The entropy-coded rest is gone, the metadata is not.
    assert_eq!(facts(&whole[..whole.len() - 30], Kind::Jpeg).camera.as_deref(), Some("NIKON D70"));
}

#[test]
fn a_byte_changed_anywhere_is_no_error() {
    let whole = photo();
    for at in 0..whole.len() {
        for value in [0x00, 0xFF, 0x80] {
            let mut changed = whole.clone();
            changed[at] = value;
            for said in facts(&changed, Kind::Jpeg).times {
                assert!(said.certainty > Certainty::Guess);
            }
        }
    }
}

#[test]
fn panasonic_and_olympus_are_read_in_spite_of_their_magic() {
    let plain = tiff(vec![ascii(0x0110, b"DMC-LX3")], vec![ascii(0x9003, b"2014:08:03 14:22:33")], vec![]);
    let with_magic = |magic: &[u8]| [magic, &plain[4..]].concat();
    for (file, kind) in [(with_magic(b"MMOR"), Kind::Orf), (with_magic(b"MM\0\x55"), Kind::Rw2)] {
        let facts = facts(&file, kind);
        assert_eq!(facts.camera.as_deref(), Some("DMC-LX3"), "{kind}");
        assert_eq!(facts.times.len(), 1, "{kind}");
    }
}

#[test]
fn a_raw_file_may_keep_exifs_tags_in_its_first_directory() {
    let raw = tiff(vec![ascii(0x9003, b"2014:08:03 14:22:33")], vec![], vec![]);
    let olympus = [b"MMOR", &raw[4..]].concat();
    for (file, kind) in [(raw, Kind::Dng), (olympus, Kind::Orf)] {
        assert_eq!(facts(&file, kind).times[0].local, date(2014, 8, 3).at(14, 22, 33, 0), "{kind}");
    }
}

#[test]
fn a_canon_raw_of_boxes_is_read_directory_by_directory() {
    let atom = |name: &[u8], inside: &[u8]| {
        let size = u32::try_from(inside.len() + 8).expect("small").to_be_bytes();
        [size.as_slice(), name, inside].concat()
    };
    let alone = |entries| [b"MM\0*\0\0\0\x08".to_vec(), directory(8, entries)].concat();
    let boxes = [
        b"\x85\xC0\xB6\x87\x82\x0F\x11\xE0\x81\x11\xF4\xCE\x46\x2B\x6A\x48".to_vec(),
        atom(b"CMT1", &alone(vec![ascii(0x0110, b"Canon EOS R6"), ascii(0x0132, b"2016:01:01 10:00:00")])),
        atom(b"CMT2", &alone(vec![ascii(0x9003, b"2014:08:03 14:22:33"), ascii(0x9011, b"+01:00")])),
        atom(
            b"CMT4",
            &alone(vec![ascii(1, b"S"), fractions(2, 5, &[(33, 1)]), ascii(3, b"E"), fractions(4, 5, &[(18, 1)])]),
        ),
    ];
    let file = [atom(b"ftyp", b"crx "), atom(b"moov", &atom(b"uuid", &boxes.concat()))].concat();
    let facts = facts(&file, Kind::Cr3);
    assert_eq!(facts.camera.as_deref(), Some("Canon EOS R6"));
    assert_eq!((facts.times[0].source, facts.times[0].offset), (TimeSource::Exif, UtcOffset::from_minutes(60)));
    assert_eq!(facts.position.map(crate::model::Position::latitude), Some(-33.0));
}

#[test]
fn the_description_of_a_png_is_its_caption() {
    let chunk = |name: &[u8], data: &[u8]| {
        let length = u32::try_from(data.len()).expect("short").to_be_bytes();
        [length.as_slice(), name, data, &[0; 4]].concat()
    };
    let header = chunk(b"IHDR", b"\0\0\0\x10\0\0\0\x20\x08\0\0\0\0");
    let text = chunk(b"tEXt", b"Description\0Oma on the tram");
    let file = [b"\x89PNG\r\n\x1a\n".to_vec(), header, text, chunk(b"IDAT", &[0; 64]), chunk(b"IEND", b"")].concat();
    let facts = facts(&file, Kind::Png);
    assert_eq!((facts.width, facts.height), (Some(16), Some(32)));
    assert_eq!(facts.caption.as_deref(), Some("Oma on the tram"));
}

#[test]
fn exif_that_lost_its_container_is_found() {
    let lost =
        [b"\0\0\0\x14ftypheic".as_slice(), &[0; 40], b"Exif\0\0", &tiff(vec![ascii(0x0110, b"M2012")], vec![], vec![])];
    assert_eq!(facts(&lost.concat(), Kind::Heic).camera.as_deref(), Some("M2012"));
}

#[test]
fn every_kind_takes_nonsense_and_nothing_in_its_stride() {
    for (kind, _) in Kind::ALL {
        for nonsense in [
            b"".as_slice(),
            b"\0",
            &[0; 4096],
            &[0xFF; 4096],
            b"MM\0*\0\0\0\x08",
            b"\0\0\0\x01moov\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        ] {
            assert_eq!(facts(nonsense, kind), Facts::default(), "{kind}");
        }
    }
}

#[test]
fn a_sidecar_of_another_program_is_read() {
    let sidecar =
        br#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3"/></rdf:RDF></x:xmpmeta>"#;
    assert_eq!(read_sidecar(sidecar).rating, Some(3));
    assert_eq!(facts(sidecar, Kind::Xmp).rating, Some(3));
}

/// Counts what is read, and pretends that everything after the movie header is picture.
struct Endless {
    head: Vec<u8>,
    length: u64,
    at: u64,
    read: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let start = usize::try_from(self.at).unwrap_or(usize::MAX);
        for (offset, byte) in buffer.iter_mut().take(wanted).enumerate() {
            *byte = self.head.get(start.saturating_add(offset)).copied().unwrap_or(0);
        }
        self.at += wanted as u64;
        self.read += wanted as u64;
        Ok(wanted)
    }
}

impl Seek for Endless {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.length.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

#[test]
fn of_a_long_video_only_the_description_is_read() {
    let mut header = vec![0; 100];
    header[4..8].copy_from_slice(&3_789_705_600_u32.to_be_bytes());
    let mvhd = [b"\0\0\0\x6cmvhd".as_slice(), &header].concat();
    let moov = [b"\0\0\0\x74moov".as_slice(), &mvhd].concat();
    let length: u64 = 40 * 1024 * 1024 * 1024;
    let mdat = [b"\0\0\0\x01mdat".as_slice(), &(length - moov.len() as u64).to_be_bytes()].concat();
    let mut video = Endless { head: [moov, mdat].concat(), length, at: 0, read: 0 };
    let facts = read(&mut video, Kind::Mp4).expect("no I/O error");
    assert_eq!(facts.times[0].local, date(2024, 2, 2).at(8, 0, 0, 0));
    assert_eq!(facts.times[0].offset, UtcOffset::from_minutes(0));
    assert!(video.read < 4096, "{} bytes were read", video.read);
}

#[test]
fn a_box_that_is_shorter_than_its_header_ends_the_walk() {
    let mut video = Endless { head: b"\0\0\0\x01free\0\0\0\0\0\0\0\0".to_vec(), length: 1 << 40, at: 0, read: 0 };
    assert_eq!(read(&mut video, Kind::Mp4).expect("no I/O error"), Facts::default());
    assert!(video.read < 64, "{} bytes were read", video.read);
}

/// Fails when it is read.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the drive is gone"))
    }
}

impl Seek for Broken {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(100)
    }
}

#[test]
fn a_drive_that_fails_is_an_error_and_not_a_file_without_facts() {
    for kind in [Kind::Jpeg, Kind::Mp4, Kind::Avi, Kind::Mkv, Kind::Xmp] {
        assert!(read(&mut Broken, kind).is_err(), "{kind}");
    }
}

const PACKET: &[u8] =
    br#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmp:Rating="4" photoshop:DateCreated="2014-08-03T14:22:33+01:00"/></rdf:RDF></x:xmpmeta>"#;

fn long(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("short").to_be_bytes()
}

fn segment(parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let length = u16::try_from(payload.len() + 2).expect("short").to_be_bytes();
    [b"\xFF\xE1".as_slice(), &length, &payload].concat()
}

#[test]
fn xmp_is_read_in_every_container() {
    let length = PACKET.len();
    let gif = [b"GIF89a\x01\0\x01\0\0\0\0\x21\xFF\x0BXMP DataXMP".as_slice(), PACKET, b"\x01\0\0;"].concat();
    let itxt = [b"XML:com.adobe.xmp\0\0\0\0\0".as_slice(), PACKET].concat();
    let png = [b"\x89PNG\r\n\x1a\n", &long(itxt.len())[..], b"iTXt", &itxt, &[0; 4]].concat();
    let webp = [b"RIFF\0\x10\0\0WEBPXMP ", &u32::try_from(length).expect("short").to_le_bytes()[..], PACKET].concat();
    let xmp = Entry(0x02BC, 1, u32::try_from(length).expect("short"), PACKET.to_vec());
    let resource = [b"8BIM\x04\x24\0\0", &long(length)[..], PACKET].concat();
    let psd = [b"8BPS\0\x01", &[0; 20][..], &long(0), &long(resource.len()), &resource].concat();
    let uuid = b"\xBE\x7A\xCF\xCB\x97\xA9\x42\xE8\x9C\x71\x99\x94\x91\xE3\xAF\xAC";
    let mp4 = [&long(length + 24)[..], b"uuid", uuid, PACKET].concat();
    let jpeg = jpeg(&[], &segment(&[b"http://ns.adobe.com/xap/1.0/\0", PACKET]));
    for (kind, file) in [
        (Kind::Gif, gif),
        (Kind::Png, png),
        (Kind::Webp, webp),
        (Kind::Tiff, tiff(vec![xmp], Vec::new(), Vec::new())),
        (Kind::Psd, psd),
        (Kind::Mp4, mp4),
        (Kind::Jpeg, jpeg),
    ] {
        let facts = facts(&file, kind);
        assert_eq!(facts.rating, Some(4), "{kind}");
        assert_eq!(facts.times[0].local, date(2014, 8, 3).at(14, 22, 33, 0), "{kind}");
    }
}

#[test]
fn what_an_extension_of_xmp_says_is_read_with_what_the_first_packet_says() {
    use md5::{Digest as _, Md5};
    let rest = br#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>Oma</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>"#;
    let name = data_encoding::HEXUPPER.encode(&Md5::digest(rest));
    let first =
        segment(&[b"http://ns.adobe.com/xap/1.0/\0", PACKET, b"<!-- HasExtendedXMP ", name.as_bytes(), b" -->"]);
    let piece = |at: usize, bytes: &[u8]| {
        let extension = b"http://ns.adobe.com/xmp/extension/\0";
        segment(&[extension, name.as_bytes(), &long(rest.len()), &long(at), bytes])
    };
    let file = |pieces: &[Vec<u8>]| jpeg(&photo_tiff(), &[&first[..], &pieces.concat()].concat());
    let whole = facts(&file(&[piece(100, &rest[100..]), piece(0, &rest[..100])]), Kind::Jpeg);
    assert_eq!((whole.rating, whole.keywords), (Some(4), vec!["Oma".to_owned()]));
    let missing = facts(&file(&[piece(100, &rest[100..])]), Kind::Jpeg);
    assert_eq!((missing.rating, missing.keywords), (Some(4), Vec::new()));
}

#[test]
fn a_photoshop_document_says_what_its_resources_say() {
    let iptc = b"\x1C\x02\x19\0\x03Oma\x1C\x02\x37\0\x0820140803";
    let resource = |id: &[u8; 2], inside: &[u8]| {
        [b"8BIM", &id[..], b"\0\0", &long(inside.len()), inside, &vec![0; inside.len() % 2]].concat()
    };
    let exif = photo_tiff();
    let resources = [resource(b"\x04\x04", iptc), resource(b"\x04\x22", &exif)].concat();
    let psd = [b"8BPS\0\x01", &[0; 20][..], &long(0), &long(resources.len()), &resources].concat();
    let facts = facts(&psd, Kind::Psd);
    assert_eq!(facts.keywords, ["Oma"]);
    assert_eq!(facts.camera.as_deref(), Some("NIKON D70"));
    assert!(facts.times.iter().any(|time| time.source == TimeSource::Iptc && time.certainty == Certainty::Day));
}

#[test]
fn a_motion_photo_says_where_its_film_is() {
    let film = b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\0\x0Cmdatabcd\0\0\0\x0Cmoovabcd";
    let picture = photo();
    let facts = facts(&[&picture[..], film].concat(), Kind::Jpeg);
    let motion = facts.motion.expect("a film");
    assert_eq!((motion.offset, motion.length), (picture.len() as u64, film.len() as u64));
    assert_eq!(facts.camera.as_deref(), Some("NIKON D70"));
}
