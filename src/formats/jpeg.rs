//! JPEG (ITU-T T.81): the walk over its markers, and a validator that follows every Huffman code.
//!
//! The validator does not make pixels, but a [`Painter`] may look on: it proves that every block of every scan decodes, that there are as many as the
//! picture's size asks for, and that the end mark follows. That finds what decoders hide: most paint grey, or nothing,
//! over a hole and report success.
//!
//! What it cannot find: a flipped bit that turns one valid code into another of the same length, and what stands in
//! trailing bytes after the end mark (second pictures, videos), whose offset is reported.

mod bits;
mod block;
mod follower;
mod frame;
pub mod head;
mod huffman;
mod markers;
mod painter;
mod running;
mod scan;
mod selection;
mod standard;
mod tables;
mod validate;
mod verdict;

pub use follower::{Advance, Follower};
pub use frame::{Component, Frame, Process};
pub use markers::{Segment, Step, entropy_end, next_segment, segments};
pub use painter::{COLUMNS, Painter, Place};
pub use standard::luminance_segment;
pub use validate::{follow, validate};
pub use verdict::{Fault, State, Verdict};
