//! The one pass through all of the space: whatever begins at a sector is followed while its bytes are at hand.
//!
//! Memory: three windows, the pictures that are being followed, and one record for each file that was found.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use super::heads::{HEAD, begins};
use super::shape::{self, Broken, Shape};
use super::space::Space;
use super::texture::{SECTOR, Texture};
use super::trailer;
use super::{Carving, proof};
use crate::formats::jpeg::{Advance, Follower};
use crate::formats::zeros::is_zero;
use crate::model::Kind;
use crate::sources::medium::MediumError;

/// Bytes that are gone over at once.
const WINDOW: usize = 16 << 20;
/// Bytes that a picture is followed by at once.
const STEP: usize = 1 << 16;
/// Bytes that the pictures may take that are followed across windows; more are given up. Bounds memory.
const MAX_OPEN: usize = 96 << 20;
/// A picture that goes on for longer than this is none.
const MAX_PICTURE: u64 = 256 << 20;

/// A file that is all there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Find {
    /// By position in the space.
    pub(super) at: u64,
    pub(super) size: u64,
    pub(super) kind: Kind,
    pub(super) proof: Proof,
    /// Where in it other pictures may lie, counted from its first byte.
    pub(super) pictures: Vec<Range<u64>>,
}

/// What proves that a file is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Proof {
    /// All of its bytes.
    Bytes,
    /// Its structure.
    Structure,
    /// Nothing.
    None,
}

impl Find {
    pub(super) fn proven(at: u64, size: u64, kind: Kind) -> Self {
        Self { at, size, kind, proof: Proof::Bytes, pictures: Vec::new() }
    }
}

/// A file that begins and breaks off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Lost {
    /// By position in the space.
    pub(super) at: u64,
    pub(super) broken: Broken,
    /// Pictures that lie inside it and are whole.
    pub(super) previews: Vec<Find>,
    /// How far it was good when its parts were last searched for in vain.
    pub(super) searched: Option<u64>,
}

/// What the pass leaves behind.
pub(super) struct Swept {
    pub(super) finds: Vec<Find>,
    pub(super) lost: Vec<Lost>,
    pub(super) texture: Texture,
}

enum Task {
    Follow(Box<Open>),
    Measure(u64, Kind),
}

/// A JPEG that is being followed.
struct Open {
    at: u64,
    follower: Follower,
    has_zeros: bool,
}

enum Outcome {
    Open(Box<Open>),
    Found(Find),
    Lost(Lost),
    Nothing,
}

/// Goes through the space, and calls `each` for every file that is all there, in their order.
pub(super) fn sweep(
    carving: &Carving<'_>,
    space: &Space,
    each: &mut dyn FnMut(&Find) -> ControlFlow<()>,
) -> Result<Option<Swept>, MediumError> {
    let mut pass = Pass {
        carving,
        space,
        open: Vec::new(),
        weight: AtomicUsize::new(0),
        decided: BTreeMap::new(),
        covered: 0,
        swept: Swept { finds: Vec::new(), lost: Vec::new(), texture: Texture::new(space.size()) },
    };
    std::thread::scope(|threads| {
        let (send, receive) = sync_channel(1);
        threads.spawn(move || {
            let mut at = 0;
            while at < space.size() {
                let length = usize::try_from(space.size() - at).unwrap_or(WINDOW).min(WINDOW);
                let mut bytes = vec![0; length];
                let read = carving.tape.stream(space, at, &mut bytes);
                let failed = read.is_err();
                // Nobody listens any more once the search was broken off.
                if send.send(read.map(|()| (at, bytes))).is_err() || failed {
                    break;
                }
                at += length as u64;
            }
        });
        for window in receive {
            let (at, bytes) = window?;
            if (carving.stop)() {
                return Err(MediumError::Stopped);
            }
            pass.window(at, &bytes)?;
            (carving.progress)(at + bytes.len() as u64);
            if pass.give(at + bytes.len() as u64, each).is_break() {
                return Ok(None);
            }
        }
        Ok(pass.finish(each))
    })
}

struct Pass<'a, 's> {
    carving: &'a Carving<'s>,
    space: &'a Space,
    open: Vec<Open>,
    /// What the pictures take that stay open behind this window.
    weight: AtomicUsize,
    decided: BTreeMap<u64, Outcome>,
    /// Up to here the space belongs to files that are all there.
    covered: u64,
    swept: Swept,
}

impl Pass<'_, '_> {
    fn window(&mut self, at: u64, bytes: &[u8]) -> Result<(), MediumError> {
        self.weight = AtomicUsize::new(0);
        let mut tasks: Vec<Task> = self.open.drain(..).map(|open| Task::Follow(Box::new(open))).collect();
        for (number, sector) in bytes.chunks(usize::try_from(SECTOR).unwrap_or(512)).enumerate() {
            let place = at + number as u64 * SECTOR;
            let Some(kind) = begins(sector.get(..HEAD).unwrap_or(sector)).filter(|_| place >= self.covered) else {
                continue;
            };
            tasks.push(if kind == Kind::Jpeg {
                Task::Follow(Box::new(Open { at: place, follower: Follower::new(), has_zeros: false }))
            } else {
                Task::Measure(place, kind)
            });
        }
        let starts: Vec<u64> = tasks.iter().map(Task::at).collect();
        for (start, outcome) in starts.into_iter().zip(self.run(tasks, at, bytes)?) {
            match outcome {
                Outcome::Open(open) => self.open.push(*open),
                Outcome::Found(_) | Outcome::Lost(_) => {
                    self.decided.insert(start, outcome);
                }
                Outcome::Nothing => {}
            }
        }
        self.swept.texture.look(at, bytes);
        Ok(())
    }

    /// Does the tasks, several at a time; gives what came of them in their order.
    fn run(&self, tasks: Vec<Task>, at: u64, bytes: &[u8]) -> Result<Vec<Outcome>, MediumError> {
        let threads = self.carving.threads.min(tasks.len());
        let tasks: Vec<Mutex<Option<Task>>> = tasks.into_iter().map(|task| Mutex::new(Some(task))).collect();
        let done: Vec<Mutex<Option<Result<Outcome, MediumError>>>> = tasks.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((task, home)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                tasks.get(index).zip(done.get(index))
            } {
                let task = task.lock().unwrap_or_else(PoisonError::into_inner).take();
                let outcome = task.map(|task| self.pursue(task, at, bytes));
                *home.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        done.into_iter()
            .map(|home| home.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(Ok(Outcome::Nothing)))
            .collect()
    }

    fn pursue(&self, task: Task, at: u64, bytes: &[u8]) -> Result<Outcome, MediumError> {
        match task {
            Task::Measure(place, kind) => {
                let shape = shape::measure(kind, &mut |from, length| self.look(at, bytes, place + from, length))?;
                Ok(match shape {
                    Shape::Whole(size, kind) => Outcome::Found(Find::proven(place, size, kind)),
                    Shape::Sound(size, kind, pictures) => {
                        Outcome::Found(Find { at: place, size, kind, proof: Proof::Structure, pictures })
                    }
                    Shape::Unproven(size, kind, pictures) => {
                        Outcome::Found(Find { at: place, size, kind, proof: Proof::None, pictures })
                    }
                    Shape::Broken(broken) => {
                        Outcome::Lost(Lost { at: place, broken, previews: Vec::new(), searched: None })
                    }
                    Shape::Nothing => Outcome::Nothing,
                })
            }
            Task::Follow(open) => self.follow(open, at, bytes),
        }
    }

    fn follow(&self, mut open: Box<Open>, at: u64, bytes: &[u8]) -> Result<Outcome, MediumError> {
        let from = usize::try_from((open.at + open.follower.fed()).saturating_sub(at)).unwrap_or(usize::MAX);
        for piece in bytes.get(from..).unwrap_or_default().chunks(STEP) {
            if open.follower.is_in_scan() {
                open.has_zeros |= has_zeros(piece);
            }
            match open.follower.feed(piece) {
                Advance::More => {}
                Advance::Broken(..) => return Ok(Outcome::Lost(open.lost())),
                Advance::Whole(size) => {
                    let place = open.at;
                    let mut look = |from: u64, length: usize| self.look(at, bytes, place + from, length);
                    if open.has_zeros && !proof::is_whole(size, &mut look)? {
                        return Ok(Outcome::Lost(open.lost()));
                    }
                    let size = trailer::end_of_file(size, &mut look)?;
                    return Ok(Outcome::Found(Find::proven(place, size, Kind::Jpeg)));
                }
            }
        }
        let weight = open.follower.weight();
        let too_much = self.weight.fetch_add(weight, Ordering::Relaxed) + weight > MAX_OPEN;
        let endless = open.follower.fed() > MAX_PICTURE;
        Ok(if too_much || endless { Outcome::Lost(open.lost()) } else { Outcome::Open(open) })
    }

    /// Reads from the window where it can.
    fn look(&self, at: u64, bytes: &[u8], place: u64, length: usize) -> Result<Vec<u8>, MediumError> {
        let inside = place.checked_sub(at).and_then(|from| usize::try_from(from).ok());
        if let Some(there) = inside.and_then(|from| bytes.get(from..from.checked_add(length)?)) {
            return Ok(there.to_vec());
        }
        self.carving.tape.read(self.space, place, length)
    }

    /// Gives what is decided before `end`, as far as nothing that began earlier is still open: that may own it.
    fn give(&mut self, end: u64, each: &mut dyn FnMut(&Find) -> ControlFlow<()>) -> ControlFlow<()> {
        let frontier = self.open.iter().map(|open| open.at).min().unwrap_or(end);
        while let Some(entry) = self.decided.first_entry().filter(|entry| *entry.key() < frontier) {
            let at = *entry.key();
            let behind = match entry.get() {
                Outcome::Found(find) if find.proof != Proof::Bytes => find.at.saturating_add(find.size),
                Outcome::Found(_) | Outcome::Lost(_) | Outcome::Open(_) | Outcome::Nothing => at,
            };
            // What not every byte of proves waits for what may speak against it.
            if behind > frontier && end != u64::MAX {
                break;
            }
            let mut outcome = entry.remove();
            if at < self.covered {
                continue;
            }
            if let Outcome::Found(find) = &outcome
                && find.proof != Proof::Bytes
                && self.speaks_against(find)
            {
                let broken = Broken { kind: find.kind, good: 0, size: Some(find.size), inside: Vec::new() };
                outcome = Outcome::Lost(Lost { at, broken, previews: Vec::new(), searched: None });
            }
            let parent = self.swept.lost.iter_mut().rev().take(64).find(|lost| {
                let inside = at.checked_sub(lost.at);
                inside.is_some_and(|inside| lost.broken.inside.iter().any(|range| range.contains(&inside)))
            });
            match (outcome, parent) {
                (Outcome::Found(find), Some(parent)) => parent.previews.push(find),
                (Outcome::Found(find), None) => {
                    self.covered = find.at.saturating_add(find.size);
                    each(&find)?;
                    self.swept.finds.push(find);
                }
                (Outcome::Lost(lost), None) => self.swept.lost.push(lost),
                (Outcome::Lost(_) | Outcome::Open(_) | Outcome::Nothing, _) => {}
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether another file lies in it that does not belong there.
    fn speaks_against(&self, find: &Find) -> bool {
        let inside = self.decided.range(find.at + 1..find.at.saturating_add(find.size));
        inside.into_iter().any(|(at, outcome)| match outcome {
            Outcome::Found(other) => {
                let inside = at - find.at;
                let fits =
                    |range: &Range<u64>| range.contains(&inside) && inside.saturating_add(other.size) <= range.end;
                other.proof == Proof::Bytes && !find.pictures.iter().any(fits)
            }
            Outcome::Lost(_) | Outcome::Open(_) | Outcome::Nothing => false,
        })
    }

    fn finish(mut self, each: &mut dyn FnMut(&Find) -> ControlFlow<()>) -> Option<Swept> {
        for open in std::mem::take(&mut self.open) {
            self.decided.insert(open.at, Outcome::Lost(open.lost()));
        }
        self.give(u64::MAX, each).is_continue().then_some(self.swept)
    }
}

impl Task {
    fn at(&self) -> u64 {
        match self {
            Self::Follow(open) => open.at,
            Self::Measure(at, _) => *at,
        }
    }
}

impl Open {
    fn lost(&self) -> Lost {
        let good = match self.follower.clone().feed(&[]) {
            Advance::Broken(at, _) => at,
            Advance::More | Advance::Whole(_) => self.follower.fed(),
        };
        // Where the codes were not reached, the thumbnail in the header may be all that there is.
        let header = match self.follower.picture_at() {
            0 => self.follower.fed().min(1 << 17),
            at => at,
        };
        let inside = vec![Range { start: 1, end: header.max(1) }];
        Lost {
            at: self.at,
            broken: Broken { kind: Kind::Jpeg, good, size: None, inside },
            previews: Vec::new(),
            searched: None,
        }
    }
}

/// Whether a whole sector of these is zero, which only the validator judges.
fn has_zeros(bytes: &[u8]) -> bool {
    bytes.chunks_exact(512).any(is_zero)
}
