//! The search for the parts of one JPEG.
//!
//! From its head on the codes are followed cluster by cluster, with a copy of the follower kept at each edge. Where they
//! break, the picture left for elsewhere at one of the last edges. Each cluster around that could be codes is tried at each
//! of these edges: most do not decode for a page. Those that do are ranked by how little the picture tears there, for codes
//! fall into step by themselves, and the best are followed on. What counts in the end is that every block is there, the end
//! mark follows, and the validator agrees.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

use super::{Field, Pursuit};
use crate::formats::jpeg::{Advance, Follower};
use crate::model::Kind;
use crate::sources::disk::carve::texture::could_be_codes;
use crate::sources::disk::carve::{proof, trailer};
use crate::sources::medium::MediumError;

/// How many clusters away the next part may be.
const FARTHEST: u64 = 100_000;
/// Edges that a break may be at: as many as lie in this many bytes before it.
const BACK: u64 = 96 << 10;
/// But at least and at most this many.
const EDGES: Range<u64> = 6..40;
/// How many of the last ones are tried first.
const LAST: usize = 3;
/// Bytes of copies that are kept.
const MAX_KEPT: usize = 24 << 20;
/// Bytes of a cluster that are tried first.
const TASTE: u64 = 4096;
/// Bytes that are looked ahead where they taste right.
const AHEAD: u64 = 48 << 10;
/// The same where tears tell nothing, and only the end of a scan shows that it was followed out of step.
const FAR_AHEAD: u64 = 192 << 10;
/// Bytes that are followed at once there.
const STEP: usize = 1024;
/// Bytes of the shortest part, head and end excepted.
const LEAST: u64 = 4096;
/// Ways that are followed on from one break.
const WIDTH: usize = 5;
/// Parts that a picture may be in.
const MAX_PARTS: usize = 24;
/// Breaks that are gone into in all.
const MAX_BREAKS: u32 = 64;
/// Larger than any JPEG from a camera. Bounds time.
const MAX_SIZE: u64 = 128 << 20;
/// How much more the picture may tear along a seam than in the rows before it, in thousandths.
const MAX_TEAR: u64 = 2000;
/// How many more units a byte may stand for behind the last seam than before it: the flat end of another picture, or a
/// progressive scan that is followed out of step, runs through all blocks in no time.
const MAX_THINNER: u64 = 4;
/// So little that it is gone on there at once.
const SURE: u64 = 1250;
/// What counts where tears tell nothing.
const NEUTRAL: u64 = 1500;

/// A way through the clusters.
#[derive(Clone)]
struct Path {
    /// What has been followed.
    runs: Vec<Range<u64>>,
    follower: Follower,
    /// Where it goes on.
    next: u64,
    /// The most that the picture tears at a seam.
    tear: u64,
    /// What was followed before the first seam: units of its scan, and the bytes that they took.
    before: Option<(u64, u64)>,
}

enum Ran {
    Whole(Box<Path>, u64),
    /// With the edges where it may have gone elsewhere, the last one last.
    Stuck(Vec<Path>),
}

/// A cluster that may go on at an edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Way {
    rank: u64,
    tear: u64,
    distance: u64,
    edge: usize,
    cluster: u64,
}

/// One picture's search.
pub(super) struct Trail<'a> {
    field: &'a Field<'a>,
    deadline: Instant,
    breaks: u32,
}

impl<'a> Trail<'a> {
    pub(super) fn new(field: &'a Field<'a>, deadline: Instant) -> Self {
        Self { field, deadline, breaks: 0 }
    }

    /// Puts together the picture whose head is cluster `first`.
    ///
    /// Where it goes no further than `known` in one piece, which was searched behind in vain, nothing is searched again.
    pub(super) fn follow(mut self, first: u64, known: Option<u64>) -> Result<Pursuit, MediumError> {
        let head = Path { runs: Vec::new(), follower: Follower::new(), next: first, tear: 0, before: None };
        let ran = self.run(head)?;
        // Up to the last edge it is its own, for all that shows.
        let good = match &ran {
            Ran::Stuck(edges) => edges.last().map_or(0, |edge| edge.follower.fed()),
            Ran::Whole(..) => 0,
        };
        if known.is_some_and(|known| good == known && good > 0) {
            return Ok(Pursuit::Broken(good));
        }
        Ok(match self.solve(ran, 0)? {
            Some(carved) => Pursuit::Mended(carved),
            None => Pursuit::Broken(good),
        })
    }

    fn is_late(&self) -> bool {
        self.breaks > MAX_BREAKS || (self.field.carving.stop)() || Instant::now() >= self.deadline
    }

    fn solve(&mut self, ran: Ran, depth: usize) -> Result<Option<super::Carved>, MediumError> {
        let edges = match ran {
            Ran::Whole(way, size) => return self.prove(&way, size),
            Ran::Stuck(edges) => edges,
        };
        let least = LEAST.div_ceil(self.field.cluster);
        // At the first edge of a later part nothing of that part was good: it was no part.
        let edges: Vec<Path> = edges.into_iter().filter(|edge| edge.is_on_its_way(least)).collect();
        self.breaks += 1;
        // Mostly it is one of the last.
        let few = edges.get(edges.len().saturating_sub(LAST)..).unwrap_or_default();
        if let Some(carved) = self.leave(few, depth)? {
            return Ok(Some(carved));
        }
        if edges.len() > LAST { self.leave(&edges, depth) } else { Ok(None) }
    }

    /// Goes on from one of these edges.
    fn leave(&mut self, edges: &[Path], depth: usize) -> Result<Option<super::Carved>, MediumError> {
        let mut distance = 1;
        while depth < MAX_PARTS && distance <= FARTHEST && !self.is_late() {
            let (options, reached) = self.options(edges, distance)?;
            distance = reached + 1;
            for option in options {
                let Some(edge) = edges.get(option.edge).filter(|_| !self.is_late()) else { break };
                let mut path = edge.clone();
                path.next = option.cluster;
                path.tear = path.tear.max(option.tear);
                let done = path.follower.units().0;
                path.before.get_or_insert((done, path.follower.fed() - path.follower.scan_at()));
                let ran = self.run(path)?;
                if let Some(carved) = self.solve(ran, depth + 1)? {
                    return Ok(Some(carved));
                }
            }
        }
        Ok(None)
    }

    /// Follows the clusters as they lie, until they are no codes or no longer this picture's.
    fn run(&self, mut path: Path) -> Result<Ran, MediumError> {
        let mut edges: VecDeque<Path> = VecDeque::new();
        let mut kept = 0;
        loop {
            if path.next >= self.field.count() || path.has(path.next) || path.follower.fed() > MAX_SIZE {
                break;
            }
            let bytes = self.field.read(path.next, u64::MAX)?;
            kept += path.follower.weight();
            edges.push_back(path.clone());
            let most = (BACK / self.field.cluster).clamp(EDGES.start, EDGES.end);
            while edges.len() as u64 > most || kept > MAX_KEPT && edges.len() > 3 {
                kept -= edges.pop_front().map_or(0, |edge| edge.follower.weight());
            }
            let inside = path.follower.is_in_scan();
            match path.follower.feed(&bytes) {
                Advance::Whole(size) => {
                    path.step();
                    return Ok(Ran::Whole(Box::new(path), size));
                }
                Advance::Broken(..) => break,
                Advance::More => {}
            }
            if inside && path.follower.is_in_scan() && !bytes.chunks(512).all(could_be_codes) {
                break;
            }
            path.step();
        }
        Ok(Ran::Stuck(edges.into()))
    }

    /// Clusters that may go on at one of the edges, the best first, from `distance` on up to a sure one or the farthest;
    /// with the distance that was reached.
    fn options(&self, edges: &[Path], distance: u64) -> Result<(Vec<Way>, u64), MediumError> {
        let mut options: Vec<Way> = Vec::new();
        let reached = self.collect(edges, distance, &mut options)?;
        options.sort_unstable();
        options.truncate(WIDTH);
        Ok((options, reached))
    }

    /// Collects them; tells up to which distance.
    fn collect(&self, edges: &[Path], distance: u64, options: &mut Vec<Way>) -> Result<u64, MediumError> {
        let Some(origin) = edges.last().map(|edge| edge.next) else { return Ok(FARTHEST) };
        for distance in distance..=FARTHEST {
            if distance % 64 == 0 && self.is_late() {
                return Ok(FARTHEST);
            }
            let mut sure = false;
            let places = [origin.checked_add(distance), origin.checked_sub(distance)];
            if places[0].is_some_and(|place| place >= self.field.count()) && places[1].is_none() {
                return Ok(FARTHEST);
            }
            for cluster in places.into_iter().flatten().filter(|place| *place < self.field.count()) {
                if !self.field.could_go_on(cluster) {
                    continue;
                }
                let bytes = self.field.read(cluster, TASTE)?;
                for (edge, path) in edges.iter().enumerate() {
                    if path.next == cluster || path.has(cluster) {
                        continue;
                    }
                    let Some((rank, tear)) = self.taste(path, cluster, &bytes)? else { continue };
                    sure |= rank <= SURE;
                    options.push(Way { rank, tear, distance, edge, cluster });
                }
            }
            if sure {
                return Ok(distance);
            }
            if options.len() > 64 {
                options.sort_unstable();
                options.truncate(WIDTH);
            }
        }
        Ok(FARTHEST)
    }

    /// How much the picture tears where this cluster goes on, against how much it tore before; `None` where it cannot go on.
    ///
    /// Only the first row behind the seam tells: the rows behind it are compared with one another.
    fn taste(&self, edge: &Path, cluster: u64, bytes: &[u8]) -> Result<Option<(u64, u64)>, MediumError> {
        let mut follower = edge.follower.clone();
        let (row, before, recent) = (follower.row(), follower.tears(), follower.recent_tears());
        let ahead = if row == 0 { FAR_AHEAD } else { AHEAD };
        let mut seam = None;
        let mut fed = 0;
        let mut last = Advance::More;
        let mut is_foreign = false;
        while last == Advance::More && fed < ahead && !is_foreign {
            // The rest of this cluster, then those behind it.
            let (at, inside) = (cluster + fed / self.field.cluster, fed % self.field.cluster);
            if at >= self.field.count() || edge.has(at) {
                break;
            }
            let read;
            let piece = if fed < bytes.len() as u64 {
                bytes.get(usize::try_from(fed).unwrap_or(0)..).unwrap_or_default()
            } else {
                read = self.field.read(at, u64::MAX)?;
                let rest = read.get(usize::try_from(inside).unwrap_or(0)..).unwrap_or_default();
                rest.get(..rest.len().min(16 * STEP)).unwrap_or_default()
            };
            if piece.is_empty() {
                break;
            }
            for step in piece.chunks(STEP) {
                fed += step.len() as u64;
                let inside = follower.is_in_scan();
                last = follower.feed(step);
                is_foreign |= inside && last == Advance::More && !could_be_codes(step);
                let now = follower.tears();
                if seam.is_none() && now.1 >= before.1 + row && now.1 > before.1 {
                    seam = Some(now);
                }
                if last != Advance::More {
                    break;
                }
            }
        }
        if runs_through(&edge.follower, &follower) {
            return Ok(None);
        }
        let is_broken = is_foreign || matches!(last, Advance::Broken(..));
        if is_broken && fed < self.field.cluster.min(TASTE) {
            return Ok(None);
        }
        let after = seam.unwrap_or_else(|| follower.tears());
        let (sum, count) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
        let mean = |sum: u64, count: u64| sum * 64 / count.max(1) + 128;
        let tear = if row == 0 || recent.1 == 0 || count < 4 {
            NEUTRAL
        } else {
            mean(sum, count) * 1000 / mean(recent.0, recent.1)
        };
        // A part that ends soon is possible, but rare.
        let rank = if is_broken { tear * 3 / 2 + SURE } else { tear };
        Ok((tear <= MAX_TEAR).then_some((rank, tear)))
    }

    /// Has the validator look at all of it, and adds what belongs to it behind its end mark.
    fn prove(&self, path: &Path, size: u64) -> Result<Option<super::Carved>, MediumError> {
        let mut look = |at: u64, length: usize| self.field.look(&path.runs, at, length);
        let all = path.follower.frame().map_or(0, |frame| u64::from(frame.mcus().0) * u64::from(frame.mcus().1));
        if let Some((done, used)) = path.before.filter(|_| path.follower.scan_at() == path.follower.picture_at()) {
            let more = size.saturating_sub(path.follower.scan_at() + used).max(1);
            if all.saturating_sub(done).saturating_mul(used) > done.saturating_mul(more).saturating_mul(MAX_THINNER) {
                return Ok(None);
            }
        }
        if !proof::is_whole(size, &mut look)? {
            return Ok(None);
        }
        let end = trailer::end_of_file(size, &mut look)?;
        let mut runs = path.runs.clone();
        let clusters = end.div_ceil(self.field.cluster);
        let there: u64 = runs.iter().map(|run| run.end - run.start).sum();
        if let Some(last) = runs.last_mut() {
            last.end += clusters.saturating_sub(there);
        }
        Ok(Some(self.field.carved(&runs, end, Kind::Jpeg)))
    }
}

/// Whether the rest of a scan came with far fewer bytes than what was before the seam.
fn runs_through(before: &Follower, after: &Follower) -> bool {
    let ((done, all), used) = (before.units(), before.fed() - before.scan_at());
    let until = match after.scan_at() {
        same if same == before.scan_at() && after.is_in_scan() => return false,
        same if same == before.scan_at() => after.fed(),
        next => next,
    };
    let more = until.saturating_sub(before.fed()).max(1);
    (all - done).saturating_mul(used) > done.saturating_mul(more).saturating_mul(MAX_THINNER)
}

impl Path {
    /// Whether the cluster is part of it.
    fn has(&self, cluster: u64) -> bool {
        self.runs.iter().any(|run| run.contains(&cluster))
    }

    /// Whether the last part goes up to here, and is at least as long as parts are.
    fn is_on_its_way(&self, least: u64) -> bool {
        self.runs
            .last()
            .is_none_or(|run| run.end == self.next && (self.runs.len() == 1 || run.end - run.start >= least))
    }

    /// Counts the next cluster as followed.
    fn step(&mut self) {
        match self.runs.last_mut() {
            Some(run) if run.end == self.next => run.end += 1,
            Some(_) | None => self.runs.push(self.next..self.next + 1),
        }
        self.next += 1;
    }
}
