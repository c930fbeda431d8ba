//! HFS+ and HFSX (Apple Technical Note TN1150).
//!
//! What bounds what: a tree is read up to 4 GiB, each node once; folders, files and runs are kept in memory, about 200
//! bytes for a file; each file number is met once, so that no run is handed out for two files; a path has at most 256
//! folders; of the free space, the first four million runs are told.

mod catalog;
mod compressed;
mod fork;
mod header;
mod overflow;
mod tree;

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, OnceLock};

use self::catalog::{Catalog, Entry};
use self::fork::{Fork, Space};
use self::header::Header;
use self::overflow::Overflow;
use self::tree::{Damage, Tree};
use super::file_system::{Content, DiskFile, FileSystem, Met, Reading, Standing};
use super::folder_tree;
use super::scattered::{Piece, Scattered};
use crate::formats::numbers::{be16, be32};
use crate::model::{Problem, ProblemKind, Ranges, RawPath};
use crate::sources::medium::{Medium, MediumError};

/// What is read of the bitmap at once.
const BITMAP_STEP: usize = 1 << 20;
/// Runs of free space that are told.
const FREE_RUNS: usize = 4 << 20;

/// Recognises HFS+ or HFSX, also inside an HFS wrapper, and by the copy of its header at the end.
///
/// # Errors
/// Only what ends the whole run.
pub fn open(medium: Arc<dyn Medium>, _reading: &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError> {
    let Some(header) = Header::find(medium.as_ref())? else { return Ok(None) };
    let mut volume = Volume { medium, header, label: None, damage_owned: OnceLock::new() };
    if !volume.leads_to_a_catalog()?
        && let Some(copy) = Header::find_copy(volume.medium.as_ref(), volume.header.space.base, volume.medium.size())?
    {
        volume.header = copy;
    }
    volume.label = volume.read_label()?;
    Ok(Some(Box::new(volume)))
}

struct Volume {
    medium: Arc<dyn Medium>,
    header: Header,
    label: Option<String>,
    /// Set by the first walk: where the catalog is damaged, all that the files own which it still lists.
    damage_owned: OnceLock<Option<Ranges>>,
}

/// Everything the trees say.
struct Listing {
    catalog: Catalog,
    overflow: Overflow,
    problems: Vec<Problem>,
}

impl FileSystem for Volume {
    fn kind(&self) -> &'static str {
        if self.header.is_hfsx { "HFSX" } else { "HFS+" }
    }

    fn label(&self) -> Option<String> {
        self.label.clone()
    }

    fn uuid(&self) -> Option<String> {
        self.header.uuid()
    }

    fn cluster_bytes(&self) -> u64 {
        self.header.space.block_bytes
    }

    fn first_cluster(&self) -> u64 {
        self.header.space.base
    }

    fn walk(&self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<(), MediumError> {
        let Listing { mut catalog, mut overflow, problems } = self.list()?;
        for problem in problems {
            if meet(Met::Problem(problem)).is_break() {
                return Ok(());
            }
        }
        let compressed = self.compressed(&catalog)?;
        for entry in std::mem::take(&mut catalog.files) {
            let path = RawPath::from_bytes(catalog.path(&entry));
            for met in self.file(&entry, path, &mut overflow, &compressed) {
                if meet(met).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn free(&self) -> Result<Option<Ranges>, MediumError> {
        if self.damage_owned.get().is_none() {
            self.list()?;
        }
        if let Some(Some(owned)) = self.damage_owned.get() {
            // Files are missing in the catalog: what no listed file owns may be theirs.
            return Ok(Some(owned.complement(self.header.space.range())));
        }
        self.free_by_bitmap()
    }
}

impl Volume {
    /// The file system's own file in `fork`, with the runs that the overflow tree has for it.
    fn special(&self, fork: &Fork, id: u32, overflow: &mut Overflow) -> Scattered {
        let (pieces, _) = self.header.space.lay_out(fork, overflow.take_data(id));
        let there = pieces.iter().fold(0, |sum: u64, piece| sum.saturating_add(piece.length));
        Scattered::new(self.medium.clone(), pieces, fork.size.min(there).min(self.medium.size()))
    }

    fn leads_to_a_catalog(&self) -> Result<bool, MediumError> {
        Ok(Tree::open(self.special(&self.header.catalog, 4, &mut Overflow::default()))?.is_some())
    }

    fn overflow(&self) -> Result<(Overflow, Damage), MediumError> {
        let file = self.special(&self.header.extents, 3, &mut Overflow::default());
        match Tree::open(file)? {
            Some(mut tree) => overflow::read(&mut tree),
            None => {
                Ok((Overflow::default(), if self.header.extents.size == 0 { Damage::None } else { Damage::Unreadable }))
            }
        }
    }

    fn list(&self) -> Result<Listing, MediumError> {
        let mut problems = Vec::new();
        let mut problem = |kind, message: &str| problems.push(Problem::new(self.name(), kind, message));
        if self.header.is_copy {
            problem(ProblemKind::Damaged, "the first block of this volume is damaged; the copy at its end was used");
        }
        if self.header.is_dirty {
            problem(
                ProblemKind::Damaged,
                "this volume was not ejected before it was unplugged; what was written last may be missing",
            );
        }
        let (mut overflow, overflow_damage) = self.overflow()?;
        if overflow_damage != Damage::None {
            problem(
                ProblemKind::Unreadable,
                "a part of the list of fragments of this volume cannot be read; files in many pieces may lack their ends",
            );
        }
        let mut catalog = Catalog::new();
        let damage = match Tree::open(self.special(&self.header.catalog, 4, &mut overflow))? {
            Some(mut tree) => catalog.read(&mut tree)?,
            None => Damage::Unreadable,
        };
        match damage {
            Damage::None => {}
            Damage::Nodes(count) => problem(
                ProblemKind::Unreadable,
                &format!(
                    "{count} parts of this volume's list of files cannot be read; what they listed has no name any more"
                ),
            ),
            Damage::Chain => problem(
                ProblemKind::Damaged,
                "the list of files of this volume is out of order; everything that could be found in it was taken",
            ),
            Damage::Unreadable => {
                problem(ProblemKind::Unreadable, "the list of files of this volume cannot be read at all");
            }
        }
        catalog.settle();
        let owned = match damage {
            Damage::None => None,
            Damage::Nodes(_) | Damage::Chain | Damage::Unreadable => Some(self.owned(&catalog, &overflow)),
        };
        // An earlier walk may have said the same.
        self.damage_owned.get_or_init(|| owned);
        Ok(Listing { catalog, overflow, problems })
    }

    /// Where the listed files and the file system's own files lie.
    fn owned(&self, catalog: &Catalog, overflow: &Overflow) -> Ranges {
        let space = &self.header.space;
        let specials = [&self.header.extents, &self.header.catalog, &self.header.allocation, &self.header.attributes];
        let runs = specials.into_iter().flat_map(|fork| &fork.runs);
        let runs = runs.chain(catalog.files.iter().flat_map(|entry| &entry.data.runs));
        let runs = runs.chain(&catalog.resource_runs).chain(overflow.runs());
        let mut all: Vec<Range<u64>> = runs.filter_map(|run| space.place(*run)).collect();
        all.push(space.base..space.base.saturating_add(1536));
        all.sort_unstable_by_key(|range| range.start);
        all.into_iter().collect()
    }

    fn compressed(&self, catalog: &Catalog) -> Result<compressed::Attributes, MediumError> {
        if !catalog.files.iter().any(|entry| entry.is_compressed) {
            return Ok(compressed::Attributes::default());
        }
        let wanted = catalog.files.iter().filter(|entry| entry.is_compressed).map(|entry| entry.id).collect();
        let (mut overflow, _) = self.overflow()?;
        match Tree::open(self.special(&self.header.attributes, 8, &mut overflow))? {
            Some(mut tree) => compressed::read(&mut tree, &wanted),
            None => Ok(compressed::Attributes::default()),
        }
    }

    fn file(
        &self,
        entry: &Entry,
        path: RawPath,
        overflow: &mut Overflow,
        compressed: &compressed::Attributes,
    ) -> Vec<Met> {
        let (size, content, problem) = if entry.is_compressed {
            match compressed.unpack(entry.id) {
                Ok(bytes) => (bytes.len() as u64, Content::Inline(bytes, Ranges::new()), None),
                Err(why) => return vec![Met::Problem(Problem::new(path.to_string(), ProblemKind::Unreadable, why))],
            }
        } else {
            let (pieces, shortfall) = self.header.space.lay_out(&entry.data, overflow.take_data(entry.id));
            (entry.data.size, Content::Extents(pieces), shortfall)
        };
        let problem = problem.map(|why| Problem::new(path.to_string(), ProblemKind::Truncated, why));
        let Entry { id, modified_at, .. } = *entry;
        let file = DiskFile { path, size, modified_at, inode: u64::from(id), standing: Standing::Living, content };
        [Some(Met::File(file)), problem.map(Met::Problem)].into_iter().flatten().collect()
    }

    /// How a problem of the whole volume is headed.
    fn name(&self) -> String {
        self.label.clone().unwrap_or_else(|| self.kind().to_owned())
    }

    /// The first record of the first leaf is the top folder, by the name of the volume.
    fn read_label(&self) -> Result<Option<String>, MediumError> {
        let file = self.special(&self.header.catalog, 4, &mut Overflow::default());
        let Some(mut tree) = Tree::open(file)? else { return Ok(None) };
        let Some(leaf) = tree.first_leaf()? else { return Ok(None) };
        let records = leaf.records(catalog::length);
        let name = records.first().filter(|record| be32(record, 2) == Some(1)).and_then(|record| {
            let letters = usize::from(be16(record, 6)?);
            record.get(8..8_usize.checked_add(letters * 2)?)
        });
        Ok(name.map(folder_tree::from_utf16).filter(|name| !name.is_empty()))
    }

    /// Free is what the bitmap has no bit for; where the bitmap cannot be read, nothing is.
    fn free_by_bitmap(&self) -> Result<Option<Ranges>, MediumError> {
        let Space { base, block_bytes, blocks, .. } = self.header.space;
        let (mut overflow, _) = self.overflow()?;
        let bitmap = self.special(&self.header.allocation, 6, &mut overflow);
        if bitmap.size() < blocks.div_ceil(8) {
            return Ok(None);
        }
        let mut free = Ranges::new();
        let mut block = 0;
        let mut run: Option<u64> = None;
        while block < blocks && free.len() < FREE_RUNS {
            let left = usize::try_from((blocks - block).div_ceil(8)).unwrap_or(usize::MAX);
            let piece = Piece::read(&bitmap, block / 8, left.min(BITMAP_STEP))?;
            let (bad, is_whole) = (piece.holes(), piece.is_whole());
            for (index, byte) in piece.bytes().iter().enumerate() {
                let byte = if !is_whole && bad.contains(index as u64) { 0xFF } else { *byte };
                // Most bytes go on as the one before.
                if block + 8 <= blocks && (byte == 0xFF && run.is_none() || byte == 0 && run.is_some()) {
                    block += 8;
                    continue;
                }
                for bit in (0..8).rev() {
                    let is_free = byte >> bit & 1 == 0 && block < blocks;
                    match (is_free, run) {
                        (true, None) => run = Some(block),
                        (false, Some(start)) => {
                            free.insert(base + start * block_bytes..base + block * block_bytes);
                            run = None;
                        }
                        (true, Some(_)) | (false, None) => {}
                    }
                    block += 1;
                }
            }
        }
        if let Some(start) = run {
            free.insert(base + start * block_bytes..base + block.min(blocks) * block_bytes);
        }
        Ok(Some(free))
    }
}

#[cfg(test)]
mod tests;
