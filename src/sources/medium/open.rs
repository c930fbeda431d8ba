//! What a path leads to: a drive, or an image of one in any of the usual wrappings, told by its content.
//!
//! Opened for reading only, never for writing.

mod split;

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::blocks::Refusal;
use super::raw::{RawFile, RawRead, open_part};
use super::rescue::{How, ImageError, Rescuer};
use super::system::{Make, System};
use super::{Medium, MediumError, dmg, ewf, qcow2, read_vec, vhd, vmdk};

/// A drive or an image, open.
pub struct Opened {
    /// Its bytes.
    pub medium: Arc<dyn Medium>,
    /// The same, with what is known of its failures; `None` where the bytes do not lie in one file as they are.
    pub rescuer: Option<Arc<Rescuer>>,
    /// What it is, as people say: `drive`, `disk image`, `split disk image`, `E01 image`.
    pub kind: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is a real drive.
    pub is_device: bool,
    /// Which drive it is, as far as the system knows.
    pub make: Make,
    /// What is not as it should be, in words for a person.
    pub notes: Vec<String>,
}

/// How to open.
#[derive(Clone, Default, Debug)]
pub struct Opening {
    /// Where to keep what is read, with its map beside it.
    pub image: Option<PathBuf>,
    /// Ends every reading.
    pub stop: Arc<AtomicBool>,
}

/// Why a path is not read as a drive.
#[derive(Debug, thiserror::Error)]
pub enum MediumOpenError {
    /// Nothing is there.
    #[error("there is nothing at {}", path.display())]
    Missing {
        /// What was asked for.
        path: PathBuf,
    },
    /// A folder, a pipe.
    #[error("{} is neither a drive nor an image of one", path.display())]
    NotADrive {
        /// What was asked for.
        path: PathBuf,
    },
    /// Somebody may write to it while it is read: half of it would be old, half new.
    #[error("{} is in use: {why}", path.display())]
    InUse {
        /// What was asked for.
        path: PathBuf,
        /// By what.
        why: String,
    },
    /// The system refused to open it.
    #[error("{} cannot be opened", path.display())]
    Unreadable {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// An image of a kind that is not read, or only in part.
    #[error("{} cannot be read as an image: {why}", path.display())]
    Unsupported {
        /// What was asked for.
        path: PathBuf,
        /// What it is, and what to do.
        why: String,
    },
    /// An image that is too damaged to say where its bytes are.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// What was asked for.
        path: PathBuf,
        /// What of it.
        why: String,
    },
    /// What is read cannot be kept where it should be.
    #[error("what is read from {} cannot be kept", path.display())]
    Image {
        /// What was asked for.
        path: PathBuf,
        /// Why.
        #[source]
        cause: ImageError,
    },
    /// It was there, and is not any more.
    #[error("{} cannot be read", path.display())]
    Gone {
        /// What was asked for.
        path: PathBuf,
        /// What happened.
        #[source]
        cause: MediumError,
    },
}

/// Opens what is at `path`, and keeps nothing of it.
pub fn open(path: &Path) -> Result<Opened, MediumOpenError> {
    open_with(path, &Opening::default())
}

/// Opens what is at `path`.
///
/// A drive is refused while anything on it is mounted for writing.
pub fn open_with(path: &Path, opening: &Opening) -> Result<Opened, MediumOpenError> {
    let file_type = match path.metadata() {
        Ok(metadata) => metadata,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return Err(MediumOpenError::Missing { path: path.to_owned() });
        }
        Err(cause) => return Err(MediumOpenError::Unreadable { path: path.to_owned(), cause }),
    };
    if file_type.file_type().is_block_device() {
        let number = (rustix::fs::major(file_type.rdev()), rustix::fs::minor(file_type.rdev()));
        open_device(path, number, &System::here(), opening)
    } else if file_type.is_file() {
        open_file(path, &System::here(), opening)
    } else {
        Err(MediumOpenError::NotADrive { path: path.to_owned() })
    }
}

fn open_device(path: &Path, number: (u32, u32), system: &System, opening: &Opening) -> Result<Opened, MediumOpenError> {
    if let Some(why) = system.written_to(number) {
        return Err(MediumOpenError::InUse { path: path.to_owned(), why });
    }
    let raw = RawFile::open_device(path, system.sector(number), system.presence(number))
        .map_err(|cause| MediumOpenError::Unreadable { path: path.to_owned(), cause })?;
    let how = How { stall: Some(How::STALL), stop: Arc::clone(&opening.stop) };
    let rescuer = rescuer(path, raw, how, opening)?;
    Ok(Opened {
        medium: Arc::clone(&rescuer) as Arc<dyn Medium>,
        rescuer: Some(rescuer),
        kind: "drive",
        path: path.to_owned(),
        is_device: true,
        make: system.make(number),
        notes: Vec::new(),
    })
}

fn open_file(path: &Path, system: &System, opening: &Opening) -> Result<Opened, MediumOpenError> {
    let unreadable = |cause| MediumOpenError::Unreadable { path: path.to_owned(), cause };
    let real = path.canonicalize().map_err(unreadable)?;
    if let Some(why) = system.file_written_to(&real) {
        return Err(MediumOpenError::InUse { path: path.to_owned(), why });
    }
    let split = split::parts(path).map_err(|why| MediumOpenError::Unsupported { path: path.to_owned(), why })?;
    let how = How { stall: None, stop: Arc::clone(&opening.stop) };
    let mut notes = Vec::new();
    let (file, plain): (Arc<dyn Medium>, _) = if let Some(parts) = split {
        let joined = split::join(&parts, &how).map_err(unreadable)?;
        let missing: Vec<String> = parts.iter().filter(|part| part.length.is_none()).map(split::Part::name).collect();
        if !missing.is_empty() {
            let shown = missing.get(..missing.len().min(5)).unwrap_or_default().join(", ");
            let more = missing.len().saturating_sub(5);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            notes.push(format!("parts of the image are missing: {shown}{more}"));
        }
        (Arc::new(joined), None)
    } else {
        let raw = RawFile::open(path).map_err(unreadable)?;
        let rescuer = Arc::new(Rescuer::new(Arc::new(raw), how.clone()));
        (Arc::clone(&rescuer) as Arc<dyn Medium>, Some(rescuer))
    };
    let opened = |medium, rescuer, kind, notes| Opened {
        medium,
        rescuer,
        kind,
        path: path.to_owned(),
        is_device: false,
        make: Make::default(),
        notes,
    };
    let refused = |refusal| refused(path, refusal);
    if let Some((kind, medium)) = unwrap(path, &file, &how, &mut notes).map_err(refused)? {
        return Ok(opened(medium, None, kind, notes));
    }
    match plain {
        None => Ok(opened(file, None, "split disk image", notes)),
        Some(_) if opening.image.is_some() => {
            let raw = RawFile::open(path).map_err(unreadable)?;
            let rescuer = rescuer(path, raw, how, opening)?;
            Ok(opened(Arc::clone(&rescuer) as Arc<dyn Medium>, Some(rescuer), "disk image", notes))
        }
        Some(rescuer) => Ok(opened(file, Some(rescuer), "disk image", notes)),
    }
}

fn rescuer(path: &Path, raw: RawFile, how: How, opening: &Opening) -> Result<Arc<Rescuer>, MediumOpenError> {
    let raw: Arc<dyn RawRead> = Arc::new(raw);
    Ok(Arc::new(match &opening.image {
        None => Rescuer::new(raw, how),
        Some(image) => {
            let is_itself = match (path.canonicalize(), image.canonicalize()) {
                (Ok(path), Ok(image)) => path == image,
                _ => false,
            };
            if is_itself {
                let why = "the image of a drive cannot be kept in that drive itself".to_owned();
                return Err(MediumOpenError::Unsupported { path: path.to_owned(), why });
            }
            Rescuer::with_image(raw, how, image)
                .map_err(|cause| MediumOpenError::Image { path: path.to_owned(), cause })?
        }
    }))
}

/// What it is wrapped in, and the drive inside.
type Wrapped = (&'static str, Arc<dyn Medium>);

/// The drive inside a file that is more than its bytes.
fn unwrap(path: &Path, file: &Arc<dyn Medium>, how: &How, notes: &mut Vec<String>) -> Result<Option<Wrapped>, Refusal> {
    let (head, _) = read_vec(file.as_ref(), 0, 512)?;
    if ewf::begins(&head) {
        return Ok(Some(("E01 image", ewf::open(evidence_parts(path, file, how, notes))?)));
    }
    if qcow2::begins(&head) {
        return Ok(Some(("qcow2 image", qcow2::open(Arc::clone(file))?)));
    }
    if vmdk::begins(&head) {
        return Ok(Some(("VMDK image", vmdk::open(Arc::clone(file))?)));
    }
    if vmdk::begins_as_text(&head) {
        let beside = |name: &str| open_beside(&path.with_file_name(name), 0, how);
        return Ok(Some(("VMDK image", vmdk::open_text(file.as_ref(), &beside)?)));
    }
    for (mark, why) in UNREAD {
        if head.starts_with(mark) {
            return Err(Refusal::Unsupported(why));
        }
    }
    if head.get(64..68) == Some(&[0x7F, 0x10, 0xDA, 0xBE]) {
        return Err(Refusal::Unsupported("it is a VDI image: `qemu-img convert -O raw` makes a plain one of it"));
    }
    let (tail, _) = read_vec(file.as_ref(), file.size().saturating_sub(512), 512)?;
    if vhd::is_footer(&head) || vhd::is_footer(&tail) {
        return Ok(Some(("VHD image", vhd::open(Arc::clone(file))?)));
    }
    if dmg::is_trailer(&tail) {
        let (medium, note) = dmg::open(Arc::clone(file))?;
        notes.extend(note);
        return Ok(Some(("Mac disk image", medium)));
    }
    Ok(None)
}

/// The drive inside a file of these bytes.
#[cfg(fuzzing)]
pub fn inside(bytes: Vec<u8>) -> Option<Arc<dyn Medium>> {
    let file: Arc<dyn Medium> = Arc::new((bytes, crate::model::Ranges::new()));
    unwrap(Path::new("x"), &file, &How::default(), &mut Vec::new()).ok()?.map(|(_, medium)| medium)
}

/// What is known and not read, by how it begins.
const UNREAD: [(&[u8], &str); 5] = [
    (b"EVF2\x0D\x0A\x81", "it is an Ex01 image: `ewfexport` makes a plain one of it"),
    (b"LVF\x09\x0D\x0A\xFF\x00", "it is an L01 file: it holds chosen files, and no drive"),
    (b"vhdxfile", "it is a VHDX image: `qemu-img convert -O raw` makes a plain one of it"),
    (b"COWD", "it is an old VMDK image: `qemu-img convert -O raw` makes a plain one of it"),
    (b"AFF10\x0D\x0A\x00", "it is an AFF image: `affconvert -r` makes a plain one of it"),
];

/// All parts of an E01 image, by their names; they end with the first that is not there.
fn evidence_parts(path: &Path, first: &Arc<dyn Medium>, how: &How, notes: &mut Vec<String>) -> Vec<Arc<dyn Medium>> {
    let mut parts = vec![Arc::clone(first)];
    let first_ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_owned();
    if first_ending.get(1..) != Some("01") {
        if !first_ending.is_empty() {
            notes.push(
                "an E01 image begins with its part .E01; this part alone holds only a piece of the drive".to_owned(),
            );
        }
        return parts;
    }
    let named = |number| Some(path.with_extension(ewf::ending(&first_ending, number)?));
    for number in 2.. {
        let Some(next) = named(number) else { break };
        let Some(part) = open_beside(&next, parts.len(), how) else {
            if named(number + 1).is_some_and(|after| after.exists()) {
                notes.push(format!("{} is missing: what follows it cannot be read", next.display()));
            }
            break;
        };
        parts.push(part);
    }
    parts
}

/// Another file of the same image; `None` where it is not there, or cannot be opened.
fn open_beside(path: &Path, index: usize, how: &How) -> Option<Arc<dyn Medium>> {
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let raw = open_part(path, index).ok().filter(|_| is_file)?;
    Some(Arc::new(Rescuer::new(raw, how.clone())))
}

fn refused(path: &Path, refusal: Refusal) -> MediumOpenError {
    let path = path.to_owned();
    match refusal {
        Refusal::Unsupported(why) => MediumOpenError::Unsupported { path, why: why.to_owned() },
        Refusal::Damaged(why) => MediumOpenError::Damaged { path, why: why.to_owned() },
        Refusal::Medium(cause) => MediumOpenError::Gone { path, cause },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ranges;

    /// Images whose every number may be anything: they are refused, or read in bounded time.
    #[test]
    fn no_change_of_an_image_stops_the_reader() {
        let mut state = 5_u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below.max(1)
        };
        for seed in seeds() {
            assert!(wrapped(seed.clone()).is_some(), "a seed is refused as it is");
            let places: Vec<usize> = (0..seed.len()).filter(|at| seed[*at] != 0).collect();
            for _ in 0..400 {
                let mut bytes = seed.clone();
                for _ in 0..=random(3) {
                    let at = places[random(places.len())];
                    let end = (at + [1, 1, 2, 4, 8][random(5)]).min(bytes.len());
                    bytes[at..end].fill([0, 0xFF, 0x7F, 0x80, 1, 9][random(6)]);
                }
                bytes.truncate(if random(6) == 0 { random(bytes.len()) } else { bytes.len() });
                let Some(medium) = wrapped(bytes) else { continue };
                for at in [0, 1000, 65_000, medium.size().saturating_sub(100), u64::MAX - 50] {
                    let (_, holes) = read_vec(medium.as_ref(), at, 2000).unwrap();
                    assert!(holes.iter().all(|hole| hole.start >= at));
                }
            }
        }
    }

    fn wrapped(bytes: Vec<u8>) -> Option<Arc<dyn Medium>> {
        let file: Arc<dyn Medium> = Arc::new((bytes, Ranges::new()));
        unwrap(Path::new("x"), &file, &How::default(), &mut Vec::new()).ok()?.map(|(_, medium)| medium)
    }

    #[test]
    fn a_damaged_table_of_an_e01_image_is_read_from_its_copy() {
        let ewf = seeds().pop().unwrap();
        let section = |kind: &[u8]| memchr::memmem::find(&ewf, kind).unwrap();
        let (table, copy) = (section(b"table\0"), section(b"table2\0"));
        let read = |bytes: Vec<u8>| read_vec(wrapped(bytes).unwrap().as_ref(), 0, 65_536).unwrap();
        let mut damaged = ewf.clone();
        damaged[table + 76 + 24] ^= 0x40;
        let (bytes, holes) = read(damaged.clone());
        assert!(holes.is_empty() && bytes.iter().all(|byte| *byte == 7), "{holes}");
        // With both damaged a chunk is not found where they say, and its sum tells so.
        damaged[copy + 76 + 24] ^= 0x40;
        assert_eq!(read(damaged).1.to_string(), "0+32768");
    }

    #[test]
    fn what_could_not_be_read_when_an_e01_image_was_made_is_a_hole() {
        let mut ewf = seeds().pop().unwrap();
        let done = memchr::memmem::find(&ewf, b"done\0").unwrap();
        let mut body = vec![0; 520];
        body[0] = 1;
        body.extend([3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        ewf.truncate(done);
        ewf.extend(section(b"error2", done, &body));
        let (bytes, holes) = read_vec(wrapped(ewf).unwrap().as_ref(), 0, 65_536).unwrap();
        assert_eq!(holes.to_string(), "1536+1024");
        assert!(bytes[1536..2560].iter().all(|byte| *byte == 0) && bytes[2560] == 7);
    }

    /// A section of an E01 image that stands at `at`.
    #[allow(clippy::indexing_slicing, reason = "a test that cannot go on says so by panicking")]
    fn section(kind: &[u8], at: usize, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 76];
        bytes[..kind.len()].copy_from_slice(kind);
        let next = if kind == b"done" { at } else { at + 76 + body.len() };
        bytes[16..24].copy_from_slice(&(next as u64).to_le_bytes());
        bytes[24..32].copy_from_slice(&(76 + body.len() as u64).to_le_bytes());
        let sum = crate::sources::medium::blocks::adler32(&bytes[..72]);
        bytes[72..].copy_from_slice(&sum.to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// The least of each kind.
    #[allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
    fn seeds() -> Vec<Vec<u8>> {
        let put = |bytes: &mut Vec<u8>, at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
        let mut qcow2 = vec![0; 0x5_0000];
        put(&mut qcow2, 0, b"QFI\xFB\0\0\0\x03");
        put(&mut qcow2, 20, &16_u32.to_be_bytes());
        put(&mut qcow2, 24, &(4_u64 << 20).to_be_bytes());
        put(&mut qcow2, 36, &1_u32.to_be_bytes());
        put(&mut qcow2, 40, &0x3_0000_u64.to_be_bytes());
        put(&mut qcow2, 0x3_0000, &(0x4_0000_u64 | 1 << 63).to_be_bytes());
        put(&mut qcow2, 0x4_0000, &(0x2_0000_u64 | 1 << 63).to_be_bytes());
        put(&mut qcow2, 0x4_0008, &(0x1_0000_u64 | 1 << 62 | 3 << 54).to_be_bytes());

        let mut vmdk = vec![0; 0x3_0000];
        put(&mut vmdk, 0, b"KDMV\x01\0\0\0\x03\0\0\0");
        for (at, number) in [(12, 8192_u64), (20, 128), (28, 20), (36, 1), (48, 21), (56, 26)] {
            put(&mut vmdk, at, &number.to_le_bytes());
        }
        put(&mut vmdk, 44, &512_u32.to_le_bytes());
        put(&mut vmdk, 26 * 512, &30_u32.to_le_bytes());
        put(&mut vmdk, 30 * 512, &[128, 0, 0, 0, 1, 0, 0, 0]);

        let mut vhd = vec![0; 0x1_0000];
        let mut footer = vec![0; 512];
        put(&mut footer, 0, b"conectix");
        put(&mut footer, 16, &512_u64.to_be_bytes());
        put(&mut footer, 48, &(4_u64 << 20).to_be_bytes());
        put(&mut footer, 60, &3_u32.to_be_bytes());
        let sum = !footer.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        put(&mut footer, 64, &sum.to_be_bytes());
        put(&mut vhd, 0, &footer);
        put(&mut vhd, 512, b"cxsparse");
        put(&mut vhd, 528, &2048_u64.to_be_bytes());
        put(&mut vhd, 540, &8_u32.to_be_bytes());
        put(&mut vhd, 544, &(2_u32 << 20).to_be_bytes());
        put(&mut vhd, 2048, &[0, 0, 0, 8, 0xFF, 0xFF, 0xFF, 0xFF]);

        let mut ewf = b"EVF\x09\x0D\x0A\xFF\0\x01\x01\0\0\0".to_vec();
        let mut volume = vec![0; 1052];
        for (at, number) in [(4, 2_u32), (8, 64), (12, 512), (16, 128)] {
            put(&mut volume, at, &number.to_le_bytes());
        }
        ewf.extend(section(b"volume", ewf.len(), &volume));
        let data = ewf.len() as u64 + 76;
        let chunk = [vec![7; 32_768], crate::sources::medium::blocks::adler32(&vec![7; 32_768]).to_le_bytes().to_vec()]
            .concat();
        ewf.extend(section(b"sectors", ewf.len(), &[chunk.clone(), chunk].concat()));
        let mut table = vec![0; 24];
        put(&mut table, 0, &2_u32.to_le_bytes());
        put(&mut table, 8, &data.to_le_bytes());
        let entries = [0_u32.to_le_bytes(), 32_772_u32.to_le_bytes()].concat();
        table.extend(&entries);
        table.extend(crate::sources::medium::blocks::adler32(&entries).to_le_bytes());
        ewf.extend(section(b"table", ewf.len(), &table));
        ewf.extend(section(b"table2", ewf.len(), &table));
        ewf.extend(section(b"done", ewf.len(), &[]));
        let medium = wrapped(ewf.clone()).unwrap();
        let (bytes, holes) = read_vec(medium.as_ref(), 0, 65_536).unwrap();
        assert!(holes.is_empty() && bytes.iter().all(|byte| *byte == 7), "{holes}");
        let mut table = b"mish\0\0\0\x01".to_vec();
        table.resize(204, 0);
        // One chunk as it is, one of zeros, one packed.
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &[9; 2048]).unwrap();
        let packed = packed.finish().unwrap();
        let chunk = |kind: u32, first: u64, count: u64, at: u64, length: u64| {
            let numbers = [first, count, at, length].map(u64::to_be_bytes).concat();
            [&kind.to_be_bytes()[..], &[0; 4], &numbers].concat()
        };
        table.extend(chunk(1, 0, 2, 0, 1024));
        table.extend(chunk(0, 2, 6, 0, 0));
        table.extend(chunk(0x8000_0005, 8, 4, 1024, packed.len() as u64));
        table.extend(chunk(0x8000_0006, 12, 4, 1024, 9));
        table.extend(chunk(0xFFFF_FFFF, 16, 0, 0, 0));
        let list = format!("<key>blkx</key><array><data>\n{}</data></array>", data_encoding::BASE64.encode(&table));
        let mut dmg = [vec![5; 1024], packed, list.clone().into_bytes()].concat();
        let mut trailer = b"koly\0\0\0\x04".to_vec();
        trailer.resize(512, 0);
        put(&mut trailer, 216, &((dmg.len() - list.len()) as u64).to_be_bytes());
        put(&mut trailer, 224, &(list.len() as u64).to_be_bytes());
        put(&mut trailer, 492, &18_u64.to_be_bytes());
        dmg.extend(trailer);
        let (bytes, holes) = read_vec(wrapped(dmg.clone()).unwrap().as_ref(), 0, 9216).unwrap();
        // What is packed with bzip2, and what no chunk speaks of.
        assert_eq!(holes.to_string(), "6144+3072");
        assert_eq!((bytes[1023], bytes[1024], bytes[4095], bytes[4096], bytes[6143]), (5, 0, 0, 9, 9));
        vec![qcow2, vmdk, vhd, dmg, ewf]
    }
}
