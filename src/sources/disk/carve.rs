//! Carving: files found by what they are made of, where no file system says any more where they lie.
//!
//! One pass through the space finds what lies in one piece and follows each picture's codes to its end. What is whole is
//! taken out of the space; what is left of it closes up, so that a picture that ran around another one is in one piece.
//! Then the pictures that broke off are gone after: where does the last good cluster end, and which cluster goes on there?
//! A thumbnail inside a photo is no photo: what lies inside another file is not given, but where that one is lost.
//!
//! The result is the same for the same space, unless a picture's time is up; nothing else here reads a clock.
//! Memory: at most three windows of 16 MiB, 96 MiB of half-followed pictures, 128 MiB for the texture of the space (512
//! bytes to a bit up to half a terabyte), 32 MiB of blocks, and a record for each file that was found.

mod grid;
mod heads;
mod mend;
mod proof;
mod rest;
mod shape;
mod space;
mod sweep;
mod tape;
mod texture;
mod trailer;

use std::ops::ControlFlow;
use std::time::Duration;

use crate::model::{Kind, Ranges};
use crate::sources::disk::file_system::Extent;
use crate::sources::medium::{Medium, MediumError};

use grid::Grid;
use space::Space;
use tape::Tape;

/// What is searched, and how long.
pub struct Search<'a> {
    /// What is read.
    pub medium: &'a dyn Medium,
    /// What nobody living owns, as positions on the medium.
    pub space: &'a Ranges,
    /// Bytes of a cluster and where the first one begins, where a file system told; else it is seen from what is found.
    pub cluster: Option<(u64, u64)>,
    /// How long the parts of one broken picture may be searched for.
    pub budget: Duration,
    /// How many pictures are followed at the same time.
    pub threads: usize,
}

/// A file that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carved {
    /// Its content: these pieces, one after the other.
    pub pieces: Vec<Extent>,
    /// Bytes of all pieces together.
    pub size: u64,
    /// What it is.
    pub kind: Kind,
    /// How sure it is.
    pub state: CarvedState,
}

/// How sure a carved file is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CarvedState {
    /// In one piece, and followed from its first byte to its last: every code of a JPEG and GIF, every checksum of a PNG.
    /// Of HEIC, films and raw files the structure, the chains of coded pictures, and the JPEGs inside.
    Whole,
    /// The same, put together of several pieces.
    Reassembled,
    /// Something is missing, or nothing in the format proves that it is all there.
    Partial {
        /// How much of the picture can be seen; `None` where that cannot be told.
        good_percent: Option<u8>,
    },
    /// The small picture that a lost one carried in it.
    PreviewOnly,
}

/// Searches the space, and gives each file as soon as it is sure; ends early when `found` breaks.
///
/// `progress` is told how many bytes of the space have been gone over.
///
/// # Errors
/// Only what ends the whole run; [`MediumError::Stopped`] where `stop` answers yes.
pub fn carve(
    search: &Search<'_>,
    stop: &(dyn Fn() -> bool + Sync),
    progress: &(dyn Fn(u64) + Sync),
    found: &mut dyn FnMut(Carved) -> ControlFlow<()>,
) -> Result<(), MediumError> {
    let tape = Tape::new(search.medium);
    let (threads, budget) = (search.threads.max(1), search.budget);
    let carving = Carving { tape: &tape, threads, budget, stop, progress };
    let inside = Ranges::one(0..search.medium.size());
    let all: Ranges = search.space.iter().flat_map(|range| inside.within(range).iter().collect::<Vec<_>>()).collect();
    let space = Space::new(&all, texture::SECTOR, search.cluster.map_or(0, |(_, first)| first));
    let mut each = |find: &sweep::Find| found(of_find(&space, find));
    let Some(swept) = sweep::sweep(&carving, &space, &mut each)? else { return Ok(()) };
    let grid = search.cluster.map_or_else(|| Grid::seen(&space, &swept), |(bytes, first)| Grid::known(bytes, first));
    let mut left = all;
    for find in &swept.finds {
        grid.take(&mut left, &space.pieces(find.at, find.size));
    }
    let broken = mend::mend(&carving, &space, swept, grid, &mut left, found)?;
    let Some(broken) = broken else { return Ok(()) };
    rest::give(&carving, &space, &broken, found)
}

/// What all steps share.
struct Carving<'a> {
    tape: &'a Tape<'a>,
    threads: usize,
    budget: Duration,
    stop: &'a (dyn Fn() -> bool + Sync),
    progress: &'a (dyn Fn(u64) + Sync),
}

fn of_find(space: &Space, find: &sweep::Find) -> Carved {
    let pieces = space.pieces(find.at, find.size);
    let state = match (find.proof, pieces.len()) {
        (sweep::Proof::None, _) => CarvedState::Partial { good_percent: None },
        (_, 1) => CarvedState::Whole,
        (_, _) => CarvedState::Reassembled,
    };
    Carved { pieces, size: find.size, kind: find.kind, state }
}

#[cfg(test)]
mod tests;
