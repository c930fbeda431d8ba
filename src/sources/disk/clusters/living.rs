//! The files that the volume lists.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::model::{Problem, ProblemKind};
use crate::sources::disk::file_system::{Content, DiskFile, Met, Standing};
use crate::sources::medium::{MediumError, read_vec};

use super::bits::Bits;
use super::findings::{Chain, Cut, file_problems, folder_problems};
use super::folder::{Entry, Folders, Lister, Listing, PIECE, SLOT, State, System, TOP, feed};
use super::heap::{Run, count, push};
use super::table::{Link, Table};
use super::{Root, Volume};

/// Who has some clusters, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) run: Run,
    pub(super) since: Option<Timestamp>,
}

/// A deleted entry, and what may help to find its bytes.
pub(super) struct Grave {
    pub(super) folder: usize,
    pub(super) entry: Entry,
    /// Upper halves of the first clusters of its neighbours.
    pub(super) halves: Vec<u32>,
}

/// A walk over what lives. Keeps what a walk over the deleted needs.
pub(super) struct Living<'v> {
    pub(super) volume: &'v Volume,
    pub(super) table: Table<'v>,
    pub(super) folders: Folders,
    /// First clusters of the folders that were listed.
    pub(super) listed: HashSet<u32>,
    pub(super) owned: Bits,
    pub(super) owners: Vec<Owner>,
    /// Each file's first cluster, with its size.
    pub(super) begun: HashMap<u32, u64>,
    pub(super) graves: Vec<Grave>,
    pub(super) bitmap: Option<System>,
    shared_left: u64,
    /// Whether a part of a folder was lost, and with it what led to others.
    pub(super) has_lost: bool,
    pub(super) has_looked: bool,
    waiting: VecDeque<(usize, Entry)>,
}

impl<'v> Living<'v> {
    pub(super) fn new(volume: &'v Volume) -> Self {
        Self {
            volume,
            table: Table::new(volume.medium.as_ref(), &volume.shape.table),
            folders: Folders::new(),
            listed: HashSet::new(),
            owned: Bits::default(),
            owners: Vec::new(),
            begun: HashMap::new(),
            graves: Vec::new(),
            bitmap: None,
            shared_left: u64::from(volume.shape.heap.clusters),
            has_lost: false,
            has_looked: false,
            waiting: VecDeque::new(),
        }
    }

    /// The name of the volume, if it stands at the beginning of the top folder.
    pub(super) fn label(&mut self) -> Result<Option<String>, MediumError> {
        let (at, length) = match &self.volume.shape.root {
            Root::Area(area) => (area.start, area.end.saturating_sub(area.start).min(PIECE)),
            Root::Cluster(first) => {
                let heap = self.volume.shape.heap;
                (heap.position(*first), heap.cluster_bytes.min(PIECE))
            }
        };
        let mut lister = self.volume.format.lister();
        self.feed(at, length, lister.as_mut())?;
        Ok(lister.listing().label.take())
    }

    pub(super) fn walk(
        &mut self,
        meet: &mut dyn FnMut(Met) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, MediumError> {
        if self.top(meet)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        loop {
            while let Some((folder, entry)) = self.waiting.pop_front() {
                let (listing, cut) = self.list(&entry)?;
                if self.take_in(folder, listing, cut, meet)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            for (parent, entry) in self.lost_folders()? {
                let name = self.folders.path(parent, &entry.name).to_string();
                let message = "the name of this folder is lost; what is in it was found by its beginning";
                let problem = self.folder(parent, entry);
                let problem = problem.unwrap_or_else(|| Problem::new(name, ProblemKind::Damaged, message));
                if meet(Met::Problem(problem)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            if self.waiting.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    fn top(&mut self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<ControlFlow<()>, MediumError> {
        match self.volume.shape.root.clone() {
            Root::Area(area) => {
                let mut lister = self.volume.format.lister();
                let length = area.end.saturating_sub(area.start);
                self.feed(area.start, length, lister.as_mut())?;
                let listing = std::mem::take(lister.listing());
                self.take_in(TOP, listing, None, meet)
            }
            Root::Cluster(first) => {
                self.listed.insert(first);
                let (listing, cut) = self.list_clusters(first, None, true)?;
                self.take_in(TOP, listing, cut, meet)
            }
        }
    }

    fn list(&mut self, entry: &Entry) -> Result<(Listing, Option<Cut>), MediumError> {
        let clusters = (entry.size > 0).then(|| self.volume.shape.heap.clusters_for(entry.size));
        self.list_clusters(entry.first, clusters, entry.is_chained)
    }

    /// Lists a folder of so many clusters, or of as many as its chain has.
    fn list_clusters(
        &mut self,
        first: u32,
        clusters: Option<u64>,
        is_chained: bool,
    ) -> Result<(Listing, Option<Cut>), MediumError> {
        let volume = self.volume;
        let heap = volume.shape.heap;
        let most = heap.clusters_for(volume.format.longest_folder());
        let mut left = clusters.unwrap_or(most).min(most);
        let mut lister = volume.format.lister();
        let mut mine = HashSet::new();
        let mut at = first;
        let mut cut = None;
        while left > 0 && cut.is_none() {
            let mut run = Run { first: at, count: 0 };
            let mut next = None;
            while left > 0 {
                let cluster = run.clusters().end;
                cut = self.claim(cluster, &mut mine);
                if cut.is_some() {
                    break;
                }
                run.count += 1;
                left -= 1;
                let link =
                    if is_chained { self.table.living_link(cluster)? } else { Link::Next(cluster.saturating_add(1)) };
                next = Some(link);
                let is_full = u64::from(run.count).saturating_mul(heap.cluster_bytes) >= PIECE;
                if is_full || link != Link::Next(cluster.saturating_add(1)) {
                    break;
                }
            }
            if !lister.listing().has_ended {
                let length = u64::from(run.count).saturating_mul(heap.cluster_bytes);
                self.feed(heap.position(run.first), length, lister.as_mut())?;
            }
            if cut.is_some() || left == 0 {
                break;
            }
            match next {
                Some(Link::Next(next)) => at = next,
                Some(Link::End) if clusters.is_none() => break,
                Some(Link::Unreadable) => {
                    at = run.clusters().end;
                    if lister.listing().is_over() || !self.goes_on(at)? {
                        cut = Some(Cut::Ends);
                    }
                }
                Some(Link::End | Link::Free | Link::Wrong) | None => cut = Some(Cut::Ends),
            }
        }
        let listing = std::mem::take(lister.listing());
        let cut = cut.filter(|_| !listing.is_over());
        Ok((listing, cut))
    }

    pub(super) fn feed(&self, at: u64, length: u64, lister: &mut dyn Lister) -> Result<(), MediumError> {
        feed(self.volume.medium.as_ref(), self.volume.format.as_ref(), at, length, lister)
    }

    /// Whether a folder whose links cannot be read may be taken to go on in this cluster.
    fn goes_on(&self, cluster: u32) -> Result<bool, MediumError> {
        let heap = self.volume.shape.heap;
        if !heap.holds(cluster) || self.owned.contains(cluster) {
            return Ok(false);
        }
        let length = usize::try_from(heap.cluster_bytes.min(PIECE)).unwrap_or(0);
        let (bytes, holes) = read_vec(self.volume.medium.as_ref(), heap.position(cluster), length)?;
        Ok(holes.is_empty() && self.volume.format.continues_folder(&bytes))
    }

    /// Takes a cluster for a file or folder that has those of `mine` already.
    fn claim(&mut self, cluster: u32, mine: &mut HashSet<u32>) -> Option<Cut> {
        if !self.volume.shape.heap.holds(cluster) {
            return Some(Cut::Outside);
        }
        if !mine.insert(cluster) {
            return Some(Cut::Loops);
        }
        if !self.owned.insert(cluster) {
            if self.shared_left == 0 {
                return Some(Cut::Tangled);
            }
            self.shared_left -= 1;
        }
        None
    }

    /// Meets the files of a folder, and remembers its folders and its deleted entries.
    fn take_in(
        &mut self,
        folder: usize,
        listing: Listing,
        cut: Option<Cut>,
        meet: &mut dyn FnMut(Met) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, MediumError> {
        for (kind, message) in folder_problems(&listing, cut) {
            self.has_lost = true;
            if meet(Met::Problem(Problem::new(self.folders.shown(folder), kind, message))).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for system in listing.systems {
            self.system(system)?;
        }
        let halves: Vec<u32> = listing.entries.iter().map(|entry| entry.first >> 16).collect();
        for (index, entry) in listing.entries.into_iter().enumerate() {
            let found = if entry.state != State::Living {
                let halves = if entry.state == State::HalfKnown { near(&halves, index) } else { Vec::new() };
                self.graves.push(Grave { folder, entry, halves });
                Vec::new()
            } else if entry.is_folder {
                self.folder(folder, entry).into_iter().map(Met::Problem).collect()
            } else {
                self.file(folder, &entry)?
            };
            for found in found {
                if meet(found).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn system(&mut self, system: System) -> Result<(), MediumError> {
        let clusters = self.volume.shape.heap.clusters_for(system.size);
        self.follow(system.first, clusters, true)?;
        if system.is_bitmap {
            self.bitmap.get_or_insert(system);
        }
        Ok(())
    }

    fn folder(&mut self, parent: usize, entry: Entry) -> Option<Problem> {
        let problem = |folders: &Folders, message: &str| {
            Some(Problem::new(folders.path(parent, &entry.name).to_string(), ProblemKind::Damaged, message))
        };
        if !self.volume.shape.heap.holds(entry.first) {
            return problem(&self.folders, "the place of this folder lies outside of the volume: it cannot be listed");
        }
        if !self.listed.insert(entry.first) {
            return problem(&self.folders, "this folder leads back to one that is listed already");
        }
        let Some(folder) = self.folders.add(parent, &entry) else {
            return problem(&self.folders, "this folder lies too deep to be listed");
        };
        self.waiting.push_back((folder, entry));
        None
    }

    fn file(&mut self, folder: usize, entry: &Entry) -> Result<Vec<Met>, MediumError> {
        let heap = self.volume.shape.heap;
        let chain = self.follow(entry.first, heap.clusters_for(entry.size), entry.is_chained)?;
        let since = entry.modified_at.max(entry.created_at);
        self.owners.extend(chain.runs.iter().map(|run| Owner { run: *run, since }));
        if !chain.runs.is_empty() {
            self.begun.insert(entry.first, entry.size);
        }
        let path = self.folders.path(folder, &entry.name);
        let found = count(&chain.runs).saturating_mul(heap.cluster_bytes).min(entry.size);
        let mut met = Vec::new();
        for (kind, message) in file_problems(&chain, found, entry) {
            met.push(Met::Problem(Problem::new(path.to_string(), kind, message)));
        }
        met.push(Met::File(DiskFile {
            path,
            size: entry.size,
            modified_at: entry.modified_at,
            inode: entry.at / SLOT as u64,
            standing: Standing::Living,
            content: Content::Extents(heap.extents(&chain.runs, entry.written, entry.size)),
        }));
        Ok(met)
    }

    /// Collects `clusters` clusters from the first on, and owns them.
    fn follow(&mut self, first: u32, clusters: u64, is_chained: bool) -> Result<Chain, MediumError> {
        let heap = self.volume.shape.heap;
        let mut chain = Chain::default();
        // Loops are looked for only where somebody has a cluster already.
        let mut mine: Option<HashSet<u32>> = None;
        let mut at = first;
        let mut left = clusters;
        while left > 0 {
            if !heap.holds(at) {
                chain.cut = Some(Cut::Outside);
                break;
            }
            let is_new = self.owned.insert(at);
            if !is_new || mine.is_some() {
                let mine = mine.get_or_insert_with(|| chain.runs.iter().flat_map(|run| run.clusters()).collect());
                if !mine.insert(at) {
                    chain.cut = Some(Cut::Loops);
                    break;
                }
            }
            if !is_new {
                if self.shared_left == 0 {
                    chain.cut = Some(Cut::Tangled);
                    break;
                }
                self.shared_left -= 1;
                chain.is_shared = true;
            }
            push(&mut chain.runs, at);
            left -= 1;
            if left == 0 {
                break;
            }
            let link = if is_chained { self.table.living_link(at)? } else { Link::Next(at.saturating_add(1)) };
            match link {
                Link::Next(next) => at = next,
                Link::End | Link::Free | Link::Wrong => {
                    chain.cut = Some(Cut::Ends);
                    break;
                }
                Link::Unreadable => {
                    at = at.saturating_add(1);
                    // What is free, or another's, cannot be the next part of it.
                    if self.table.link(at)? == Link::Free || self.owned.contains(at) {
                        chain.cut = Some(Cut::Ends);
                        break;
                    }
                    chain.is_assumed = true;
                }
            }
        }
        Ok(chain)
    }
}

/// The upper halves near an entry, the nearest first.
fn near(halves: &[u32], index: usize) -> Vec<u32> {
    let mut found = Vec::new();
    for step in 1..=8 {
        let before = index.checked_sub(step).and_then(|at| halves.get(at));
        for half in before.into_iter().chain(halves.get(index + step)) {
            if *half != 0 && !found.contains(half) {
                found.push(*half);
            }
        }
    }
    found
}
