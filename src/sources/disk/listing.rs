//! All that the file systems of a disk tell, before anything else of it is read.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::contents::{OnDisk, found, places};
use super::file_system::{DiskFile, FileSystem, Met, Reading, Standing};
use super::partitions::{self, What};
use super::{apfs, btrfs, exfat, ext, fat, hfsplus, ntfs, optical, order, xfs};
use crate::model::{Problem, ProblemKind, Ranges, RawPath, in_words};
use crate::sources::medium::{Medium, MediumError};

/// What a disk holds, as far as its file systems say.
pub(super) struct Listing {
    pub(super) volumes: Vec<Volume>,
    /// In the order in which they are to be read.
    pub(super) files: Vec<Arc<OnDisk>>,
    pub(super) problems: Vec<Problem>,
    /// Space that no living file owns, as positions on the disk.
    pub(super) unowned: Vec<Unowned>,
    /// Where photos and videos that folders list lie on the disk.
    pub(super) photos: Ranges,
    /// Why the listing ended early; what it holds is true nevertheless.
    pub(super) ended_by: Option<MediumError>,
}

/// A partition, or the whole disk, with what is in it.
pub(super) struct Volume {
    /// As a person counts it: “partition 2”; empty where the disk holds nothing else.
    name: String,
    bytes: u64,
    system: Option<Box<dyn FileSystem>>,
    /// What is said of it where no file system was found.
    words: String,
    living: u64,
    deleted: u64,
}

/// Space to be searched by content.
pub(super) struct Unowned {
    pub(super) ranges: Ranges,
    /// Bytes of a cluster, and where the first one begins on the disk.
    pub(super) cluster: Option<(u64, u64)>,
}

type Open = fn(Arc<dyn Medium>, &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError>;

/// Each is asked in turn: those whose marks cannot be mistaken come first, and FAT, which has hardly any, last.
const READERS: [Open; 9] =
    [ntfs::open, exfat::open, ext::open, xfs::open, btrfs::open, apfs::open, hfsplus::open, optical::open, fat::open];

impl Volume {
    /// What tells its file system from others.
    pub(super) fn identity(&self) -> Option<String> {
        let system = self.system.as_ref()?;
        let name = system.uuid().or_else(|| system.label())?;
        Some(format!("{} {name}", system.kind()))
    }

    fn described(&self) -> String {
        let size = in_words::size(self.bytes);
        let name = if self.name.is_empty() { String::new() } else { format!("{}: ", self.name) };
        match &self.system {
            Some(system) => {
                let label = system.label().filter(|label| !label.is_empty());
                let label = label.map_or(String::new(), |label| format!(" “{label}”"));
                let kind = system.kind();
                let living = in_words::count(self.living, "file", "files");
                let trace = if self.deleted == 0 {
                    String::new()
                } else {
                    format!(", and traces of {}", in_words::count(self.deleted, "deleted one", "deleted ones"))
                };
                format!("{name}{kind}{label}, {size}: {living}{trace}")
            }
            None => format!("{name}{}, {size}", self.words),
        }
    }
}

impl Listing {
    pub(super) fn of(disk: &Arc<dyn Medium>, reading: &Reading) -> Self {
        let mut listing = Self {
            volumes: Vec::new(),
            files: Vec::new(),
            problems: Vec::new(),
            unowned: Vec::new(),
            photos: Ranges::new(),
            ended_by: None,
        };
        listing.ended_by = listing.fill(disk, reading).err();
        listing
    }

    pub(super) fn described(&self) -> Vec<String> {
        self.volumes.iter().map(Volume::described).collect()
    }

    fn fill(&mut self, disk: &Arc<dyn Medium>, reading: &Reading) -> Result<(), MediumError> {
        let table = partitions::read(disk)?;
        self.problems.extend(table.problems);
        // Parts of what lies over several partitions are listed beside what was put together of them.
        let many = table.volumes.iter().filter(|part| part.is == What::Unknown).count() > 1;
        let mut ranked = Vec::new();
        let mut between = Ranges::one(0..disk.size());
        for part in &table.volumes {
            between.remove(part.range.clone());
            if part.is.is_given_by_others() {
                continue;
            }
            let name = if many { part.name.clone() } else { String::new() };
            let bytes = part.medium.size();
            let mut volume = Volume { name, bytes, system: None, words: String::new(), living: 0, deleted: 0 };
            match part.is.words() {
                None => self.read_volume(&mut volume, part, reading, &mut ranked)?,
                Some(words) => {
                    self.problems.push(Problem::new(part.name.clone(), ProblemKind::Unreadable, words.clone()));
                    volume.words = words;
                    if part.is.may_hold_pictures() {
                        let ranges = part.on_drive(&Ranges::one(0..bytes));
                        self.unowned.push(Unowned { ranges, cluster: None });
                    }
                }
            }
            self.volumes.push(volume);
        }
        // Between partitions, and where one was before the disk was cut up anew.
        self.unowned.push(Unowned { ranges: between, cluster: None });
        ranked.sort_by_key(|(rank, _)| *rank);
        self.files = ranked.into_iter().map(|(_, on_disk)| Arc::new(on_disk)).collect();
        Ok(())
    }

    fn read_volume(
        &mut self,
        volume: &mut Volume,
        part: &partitions::Volume,
        reading: &Reading,
        ranked: &mut Vec<((order::Worth, u64), OnDisk)>,
    ) -> Result<(), MediumError> {
        let medium = &part.medium;
        let whole = 0..medium.size();
        let mut system = None;
        for open in READERS {
            system = open(Arc::clone(medium), reading)?;
            if system.is_some() {
                break;
            }
        }
        let Some(system) = system else {
            "no file system that can be read; it is searched by content".clone_into(&mut volume.words);
            self.unowned.push(Unowned { ranges: part.on_drive(&Ranges::one(whole)), cluster: None });
            return Ok(());
        };
        let mut owned = Ranges::new();
        system.walk(&mut |met| {
            match met {
                Met::Problem(problem) => {
                    let path = below(&volume.name, problem.path.as_bytes());
                    let path = RawPath::from_bytes(path).to_string();
                    self.problems.push(Problem { path, ..problem });
                }
                Met::File(file) => {
                    if file.standing == Standing::Living {
                        volume.living += 1;
                        owned.extend(places(&file.content).iter());
                    } else {
                        volume.deleted += 1;
                    }
                    let rank = order::rank(&file, part.range.start);
                    if rank.0 < order::Worth::Rest {
                        self.photos.extend(part.on_drive(&places(&file.content)).iter());
                    }
                    ranked.push((rank, on_disk(&volume.name, medium, file)));
                }
            }
            ControlFlow::Continue(())
        })?;
        // Too damaged to tell what is free: all that no file was found to own.
        let free = system.free()?.unwrap_or_else(|| owned.complement(whole));
        let cluster = Some((system.cluster_bytes(), part.range.start + system.first_cluster()));
        self.unowned.push(Unowned { ranges: part.on_drive(&free), cluster });
        volume.system = Some(system);
        Ok(())
    }
}

fn on_disk(volume: &str, medium: &Arc<dyn Medium>, file: DiskFile) -> OnDisk {
    let path = match file.standing {
        Standing::Living => file.path.as_bytes().to_vec(),
        Standing::Deleted | Standing::DeletedAssumed | Standing::DeletedReused => {
            [b"[deleted]/", file.path.as_bytes()].concat()
        }
    };
    let path = RawPath::from_bytes(below(volume, &path));
    let found = found(file.standing);
    OnDisk { medium: Arc::clone(medium), file: DiskFile { path, ..file }, found, patient: false }
}

fn below(volume: &str, path: &[u8]) -> Vec<u8> {
    if volume.is_empty() { path.to_vec() } else { [volume.as_bytes(), b"/", path].concat() }
}
