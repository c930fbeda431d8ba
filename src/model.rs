//! The words of the domain: plain values that every other module speaks in.
//!
//! Nothing here does I/O, reads a clock or knows SQL. A value that exists is valid: an [`ObjectId`] comes only
//! from bytes or from a checked parse, a [`Position`] has both of its halves.

mod album;
mod capture_time;
mod condition;
mod facts;
pub mod in_words;
mod kind;
mod likeness;
mod object_id;
mod photo;
mod problem;
mod ranges;
pub mod report;
mod sighting;

pub use album::{Album, AlbumId, AlbumName, AlbumNameError};
pub use capture_time::{CaptureTime, Certainty, TimeCandidate, TimeSource, UtcOffset, choose_capture_time};
pub use condition::{Condition, Depth, Examination};
pub use facts::{Facts, Motion, Position};
pub use kind::{Family, Kind, ParseKindError};
pub use likeness::{Likeness, Look, ParseLikenessError, Payload};
pub use object_id::{Hasher, Namer, ObjectId, ParseIdError, Sha1Digest};
pub use photo::{CompanionRole, ParsePhotoIdError, PhotoId};
pub use problem::{Problem, ProblemKind};
pub use ranges::Ranges;
pub use sighting::{Coming, FileStamp, Found, RawPath};
