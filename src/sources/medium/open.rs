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
use super::raw::{RawFile, RawRead};
use super::rescue::{How, ImageError, Rescuer};
use super::system::{Make, System};
use super::{Medium, MediumError, ewf, qcow2, read_vec, vhd, vmdk};

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
            notes.push(format!("parts of the image are missing: {}", missing.join(", ")));
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
        let beside = |name: &str| open_beside(&path.with_file_name(name), how);
        return Ok(Some(("VMDK image", vmdk::open_text(file.as_ref(), &beside)?)));
    }
    for (mark, why) in UNREAD {
        if head.starts_with(mark) {
            return Err(Refusal::Unsupported(why));
        }
    }
    let (tail, _) = read_vec(file.as_ref(), file.size().saturating_sub(512), 512)?;
    if vhd::is_footer(&head) || vhd::is_footer(&tail) {
        return Ok(Some(("VHD image", vhd::open(Arc::clone(file))?)));
    }
    if tail.starts_with(b"koly") {
        return Err(Refusal::Unsupported(
            "it is an Apple disk image: `dmg2img` or `hdiutil convert -format UDTO` makes a plain image of it",
        ));
    }
    Ok(None)
}

/// What is known and not read, by how it begins.
const UNREAD: [(&[u8], &str); 6] = [
    (b"EVF2\x0D\x0A\x81", "it is an Ex01 image: `ewfexport` makes a plain one of it"),
    (b"LVF\x09\x0D\x0A\xFF\x00", "it is an L01 file: it holds chosen files, and no drive"),
    (b"vhdxfile", "it is a VHDX image: `qemu-img convert -O raw` makes a plain one of it"),
    (b"COWD", "it is an old VMDK image: `qemu-img convert -O raw` makes a plain one of it"),
    (b"AFF10\x0D\x0A\x00", "it is an AFF image: `affconvert -r` makes a plain one of it"),
    (
        b"<<< Oracle VM VirtualBox Disk Image >>>",
        "it is a VDI image: `qemu-img convert -O raw` makes a plain one of it",
    ),
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
        let Some(part) = open_beside(&next, how) else {
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
fn open_beside(path: &Path, how: &How) -> Option<Arc<dyn Medium>> {
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let raw = RawFile::open(path).ok().filter(|_| is_file)?;
    Some(Arc::new(Rescuer::new(Arc::new(raw), how.clone())))
}

fn refused(path: &Path, refusal: Refusal) -> MediumOpenError {
    let path = path.to_owned();
    match refusal {
        Refusal::Unsupported(why) => MediumOpenError::Unsupported { path, why: why.to_owned() },
        Refusal::Damaged(why) => MediumOpenError::Damaged { path, why: why.to_owned() },
        Refusal::Medium(cause) => MediumOpenError::Gone { path, cause },
    }
}
