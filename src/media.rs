//! What stored bytes are, say, are worth and look like: kind, facts, capture time, condition, previews.

pub mod capture_time;
pub mod condition;
mod examine;
pub mod facts;
mod helpers;
pub(crate) mod pixels;
mod read_at;
mod sniff;

pub use examine::{Previewed, examine, show};
pub use helpers::Helpers;
pub use pixels::{DECODE_HEIC, NotShown, Renditions, decode_heic};
pub use sniff::sniff;
