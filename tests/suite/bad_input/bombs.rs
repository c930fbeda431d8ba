//! Files that promise more than any memory holds: kept, listed, and never unpacked.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::calm;
use crate::support::cut_short::Running;
use crate::support::fixtures::picture;
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

/// Far below what the pictures claim (7 GB and more), far above what the program needs.
const MOST_KIB: u64 = 512 * 1024;

fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    let mut checksum = flate2::Crc::new();
    checksum.update(name);
    checksum.update(data);
    let length = u32::try_from(data.len()).expect("small").to_be_bytes();
    [&length[..], name, data, &checksum.sum().to_be_bytes()].concat()
}

/// A PNG of that size whose picture is `rows` lines of nothing.
fn png(width: u32, height: u32, depth_and_colour: [u8; 2], interlaced: u8, rows: usize, line: usize) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &depth_and_colour, &[0, 0, interlaced]].concat();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let empty = vec![0; line];
    for _ in 0..rows {
        packed.write_all(&empty).expect("memory takes it");
    }
    let packed = packed.finish().expect("memory takes it");
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", &packed), &chunk(b"IEND", b"")].concat()
}

/// A JPEG that says it has that size.
fn jpeg(width: u16, height: u16, frame: u8) -> Vec<u8> {
    let mut file = picture(1).size(64, 48).jpeg();
    let at = file.windows(2).position(|two| two == [0xff, 0xc0]).expect("a frame header");
    file[at + 1] = frame;
    file[at + 5..at + 9].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat());
    file
}

/// A TIFF that says it has that size; its list of pictures leads back to itself.
fn tiff(width: u32, height: u32, compression: u32) -> Vec<u8> {
    let entries = [
        (256, width),
        (257, height),
        (258, 8),
        (259, compression),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, width.wrapping_mul(height)),
    ];
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend(u16::try_from(entries.len()).expect("few").to_le_bytes());
    for (tag, value) in entries {
        file.extend(u16::to_le_bytes(tag));
        file.extend(4u16.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend(u32::to_le_bytes(value));
    }
    file.extend(8u32.to_le_bytes());
    file.resize(2000, 0);
    file
}

fn boxed(name: &[u8], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len() + 8).expect("small").to_be_bytes()[..], name, content].concat()
}

fn nested(name: &[u8], levels: u32) -> Vec<u8> {
    (0..levels).fold(Vec::new(), |inner, _| boxed(name, &[&[0; 4], inner.as_slice()].concat()))
}

fn heic(size: u32) -> Vec<u8> {
    let size = boxed(b"ispe", &[&[0; 4][..], &size.to_be_bytes(), &size.to_be_bytes()].concat());
    let properties = boxed(b"iprp", &boxed(b"ipco", &size));
    // It says that there are 65,535 items, and names none.
    let items = boxed(b"iloc", &[&[0, 0, 0, 0, 0x44, 0x40, 0xff, 0xff][..], &[0; 20]].concat());
    let primary = boxed(b"pitm", &[0, 0, 0, 0, 0, 1]);
    let meta = boxed(b"meta", &[&[0; 4][..], &primary, &items, &properties].concat());
    [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), meta, boxed(b"mdat", &[0; 500])].concat()
}

fn bombs(folder: &Path) -> usize {
    let quicktime = boxed(b"ftyp", b"qt  \0\0\0\0qt  ");
    let endless = [&1u32.to_be_bytes()[..], b"moov", &u64::MAX.to_be_bytes(), &[0; 100]].concat();
    let packet = [
        br#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><x:xmpmeta xmlns:x="adobe:ns:meta/">"#.as_slice(),
        &b"<a>".repeat(100_000),
    ]
    .concat();
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("50000x50000, little of it.png", png(50_000, 50_000, [8, 2], 0, 5, 150_001)),
        ("50000x50000, a lot of it.png", png(50_000, 50_000, [8, 0], 0, 4_000, 50_001)),
        ("as large as a PNG can say.png", png(0x7fff_ffff, 0x7fff_ffff, [16, 6], 0, 1, 9)),
        ("larger, and interlaced.png", png(u32::MAX, u32::MAX, [16, 6], 1, 1, 9)),
        ("65500x65500.jpg", jpeg(65_500, 65_500, 0xc0)),
        ("65500x65500 progressive.jpg", jpeg(65_500, 65_500, 0xc2)),
        ("0x0.jpg", jpeg(0, 0, 0xc0)),
        ("50000x50000.tif", tiff(50_000, 50_000, 1)),
        ("as large as a TIFF can say.tif", tiff(u32::MAX, u32::MAX, 1)),
        ("deflated.tif", tiff(50_000, 50_000, 8)),
        ("lzw.tif", tiff(50_000, 50_000, 5)),
        ("as large as a HEIC can say.heic", heic(u32::MAX)),
        ("boxes in boxes.heic", [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), nested(b"meta", 3_000)].concat()),
        ("boxes in boxes.mov", [quicktime.clone(), nested(b"moov", 3_000)].concat()),
        ("endless.mov", [quicktime, endless].concat()),
        ("65535x65535.gif", [
            &b"GIF89a\xff\xff\xff\xff\xf7\0\0"[..], &[0; 768], b",\0\0\0\0\xff\xff\xff\xff\0\x08\x02\0\x01\0;",
        ].concat()),
        ("50000x50000.bmp", [
            &b"BM\xe8\x03\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x50\xc3\0\0\x50\xc3\0\0\x01\0\x18\0"[..], &[0; 1000],
        ].concat()),
        ("16383x16383.webp", [
            &b"RIFF\x64\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xffVP8L\x14\0\0\0\x2f\xff\xff\xff\x0f"[..],
            &[0; 40],
        ].concat()),
        ("words in words.xmp", packet),
    ];
    for (name, bytes) in &files {
        write(&folder.join(name), bytes);
    }
    // An honest photo among them must not suffer.
    write(&folder.join("honest.jpg"), &picture(2).size(64, 48).jpeg());
    files.len() + 1
}

/// The most memory that the program has used so far (proc(5): `VmHWM`), in KiB; `None` when it is gone.
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[test]
fn a_picture_larger_than_any_memory_is_kept_and_never_unpacked() {
    let sandbox = Sandbox::new();
    let drive = sandbox.path("drive");
    let files = bombs(&drive);
    sandbox.keepsake(&["init"]).expect_code(0);
    let archive = sandbox.archive().display().to_string();
    let source = drive.display().to_string();
    let command: Command = sandbox.command(["--json", "--archive", &archive, "ingest", &source]);
    let mut running = Running::start(command);
    let (process, mut peak) = (running.id(), 0);
    running.until(|| {
        peak = peak.max(peak_memory(process).unwrap_or(0));
        false
    });
    let ended = running.end().expect_code(3);
    calm(&ended);
    assert!(peak > 0 && peak < MOST_KIB, "{peak} KiB");
    println!("bombs: at most {} MiB of memory", peak / 1024);

    let report = ended.json();
    assert_eq!(report["complete"], true);
    assert_eq!(report["files_seen"], files);
    assert_eq!(files_below(&sandbox.archive().join("objects")).len(), files, "every one of them is kept");
    for problem in report["problems"].as_array().unwrap() {
        let message = problem["message"].as_str().unwrap();
        assert!(!message.contains("inside the program"), "{problem}");
    }
    let photos = sandbox.json(&["search", "--limit", "100"]);
    let honest = photos["photos"].as_array().unwrap().iter().find(|photo| photo["name"] == "honest.jpg").unwrap();
    assert_eq!(honest["condition"], "intact");
}
