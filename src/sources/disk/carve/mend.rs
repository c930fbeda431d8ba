//! Going after what broke off: round by round, for what one round puts together closes the gaps of the next.

mod film;
mod trail;

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::grid::Grid;
use super::shape::{self, Shape};
use super::space::Space;
use super::sweep::{Lost, Swept};
use super::texture::Texture;
use super::{Carved, CarvedState, Carving};
use crate::model::{Kind, Ranges};
use crate::sources::medium::MediumError;

use trail::Trail;

/// Rounds are repeated while they find something, but no more often than this.
const MAX_ROUNDS: u32 = 6;

/// What came of going after a file.
pub(super) enum Pursuit {
    /// It was put together.
    Mended(Carved),
    /// It was not; this many bytes from its beginning on are its own.
    Broken(u64),
}

/// What came of a task, once it is done.
type Came = Option<Result<Option<Pursuit>, MediumError>>;

/// Where parts are searched for.
pub(super) struct Field<'a> {
    pub(super) carving: &'a Carving<'a>,
    /// What nobody owns yet, in whole clusters.
    pub(super) clusters: &'a Space,
    pub(super) cluster: u64,
    /// All of the space, by which the texture counts.
    pub(super) space: &'a Space,
    pub(super) texture: &'a Texture,
}

/// Gives each file that can be put together, takes it out of what is `left`, and returns the others; `None` where `found`
/// breaks.
pub(super) fn mend(
    carving: &Carving<'_>,
    space: &Space,
    swept: Swept,
    grid: Grid,
    left: &mut Ranges,
    found: &mut dyn FnMut(Carved) -> ControlFlow<()>,
) -> Result<Option<Vec<Lost>>, MediumError> {
    let Swept { lost, texture, finds: _ } = swept;
    let mut broken: Vec<(Lost, Duration)> = lost.into_iter().map(|lost| (lost, carving.budget)).collect();
    for round in 0..MAX_ROUNDS {
        let clusters = Space::new(left, grid.cluster, grid.first);
        let field = Field { carving, clusters: &clusters, cluster: grid.cluster, space, texture: &texture };
        let pursuits = field.pursue_all(&mut broken)?;
        let mut still = Vec::new();
        let mut any = false;
        for ((mut lost, time), pursuit) in std::mem::take(&mut broken).into_iter().zip(pursuits) {
            match pursuit {
                Some(Pursuit::Mended(carved)) if is_free(left, &carved) => {
                    grid.take(left, &carved.pieces);
                    any = true;
                    if found(carved).is_break() {
                        return Ok(None);
                    }
                    continue;
                }
                Some(Pursuit::Broken(good)) => {
                    lost.broken.good = lost.broken.good.min(good);
                    // The second round may find what the first one took for something else.
                    lost.searched = (round > 0).then_some(good);
                }
                Some(Pursuit::Mended(_)) | None => {}
            }
            still.push((lost, time));
        }
        broken = still;
        if !any {
            break;
        }
    }
    Ok(Some(broken.into_iter().map(|(lost, _)| lost).collect()))
}

fn is_free(left: &Ranges, carved: &Carved) -> bool {
    carved.pieces.iter().all(|piece| {
        let place = piece.at.map(|at| at..at + piece.length);
        place.is_some_and(|place| left.within(place.clone()).bytes() == place.end - place.start)
    })
}

impl Field<'_> {
    /// Goes after all of them, several at a time, each within the time that it has left.
    fn pursue_all(&self, broken: &mut [(Lost, Duration)]) -> Result<Vec<Option<Pursuit>>, MediumError> {
        let done: Vec<Mutex<Came>> = broken.iter().map(|_| Mutex::new(None)).collect();
        let tasks: Vec<Mutex<&mut (Lost, Duration)>> = broken.iter_mut().map(Mutex::new).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((task, home)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                tasks.get(index).zip(done.get(index))
            } {
                let mut task = task.lock().unwrap_or_else(PoisonError::into_inner);
                let begun = Instant::now();
                let came = self.pursue(&task.0, task.1);
                task.1 = task.1.saturating_sub(begun.elapsed());
                *home.lock().unwrap_or_else(PoisonError::into_inner) = Some(came);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.carving.threads.min(tasks.len()) {
                scope.spawn(work);
            }
            work();
        });
        if (self.carving.stop)() {
            return Err(MediumError::Stopped);
        }
        done.into_iter()
            .map(|home| home.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(Ok(None)))
            .collect()
    }

    fn pursue(&self, lost: &Lost, time: Duration) -> Result<Option<Pursuit>, MediumError> {
        let Some(deadline) = Instant::now().checked_add(time) else { return Ok(None) };
        let place = self.space.locate(lost.at).map(|(place, _)| place);
        let start = place.and_then(|place| self.clusters.find(place));
        // What lies beside the grid is no file of its own.
        let Some(first) = start.filter(|start| start.is_multiple_of(self.cluster)).map(|start| start / self.cluster)
        else {
            return Ok(None);
        };
        if lost.broken.kind == Kind::Jpeg {
            return Trail::new(self, deadline).follow(first, lost.searched).map(Some);
        }
        // Without what is whole by now, it may be in one piece.
        let run = first..self.count();
        let run = std::slice::from_ref(&run);
        let shape = shape::measure(lost.broken.kind, &mut |at, length| self.look(run, at, length))?;
        if let Shape::Whole(size, kind) | Shape::Sound(size, kind, _) = shape {
            return Ok(Some(Pursuit::Mended(self.carved(run, size, kind))));
        }
        #[allow(clippy::wildcard_enum_match_arm, reason = "the others have nothing to go by")]
        match lost.broken.kind {
            Kind::Heic | Kind::Mp4 | Kind::Mov | Kind::ThreeGp => film::follow(self, lost.broken.kind, first, deadline),
            _ => Ok(None),
        }
    }

    /// Bytes of one cluster, at most `most`.
    fn read(&self, cluster: u64, most: u64) -> Result<Vec<u8>, MediumError> {
        let length = usize::try_from(self.cluster.min(most)).unwrap_or(0);
        self.carving.tape.read(self.clusters, cluster * self.cluster, length)
    }

    /// Reads from the file that these runs make, and that goes on behind the last one.
    fn look(&self, runs: &[Range<u64>], at: u64, length: usize) -> Result<Vec<u8>, MediumError> {
        let mut bytes = Vec::new();
        let (mut at, cluster) = (at, self.cluster);
        while bytes.len() < length {
            let mut number = at / cluster;
            let mut place = None;
            for (index, run) in runs.iter().enumerate() {
                let here = run.end - run.start;
                if number < here || index + 1 == runs.len() {
                    place = Some(run.start + number);
                    break;
                }
                number -= here;
            }
            let Some(place) = place.filter(|place| *place < self.count()) else { break };
            let read = self.read(place, u64::MAX)?;
            let inside = read.get(usize::try_from(at % cluster).unwrap_or(0)..).unwrap_or_default();
            let taken = inside.get(..inside.len().min(length - bytes.len())).unwrap_or_default();
            if taken.is_empty() {
                break;
            }
            bytes.extend_from_slice(taken);
            at += taken.len() as u64;
        }
        Ok(bytes)
    }

    /// How many clusters there are.
    fn count(&self) -> u64 {
        self.clusters.size() / self.cluster
    }

    /// Whether the first sectors of a cluster could be codes of a JPEG.
    fn could_go_on(&self, cluster: u64) -> bool {
        let Some((place, _)) = self.clusters.locate(cluster * self.cluster) else { return false };
        let Some(at) = self.space.find(place) else { return false };
        // One sector of noise in eight looks like codes by chance, and so of those it is more.
        let sectors = if self.cluster < 2048 { 4 } else { 2 };
        (0..sectors).all(|sector| self.texture.could_be_codes(at + sector * 512))
    }

    /// The file made of these runs of clusters, cut to `size`.
    fn carved(&self, runs: &[Range<u64>], size: u64, kind: Kind) -> Carved {
        let mut pieces = Vec::new();
        let mut left = size;
        for run in runs {
            let length = left.min((run.end - run.start) * self.cluster);
            for piece in self.clusters.pieces(run.start * self.cluster, length) {
                super::space::join(&mut pieces, piece);
            }
            left -= length;
        }
        let state = if pieces.len() == 1 { CarvedState::Whole } else { CarvedState::Reassembled };
        Carved { pieces, size, kind, state }
    }
}
