//! What stored bytes are, say and are worth: kind, facts, capture time, condition.

pub mod capture_time;
pub mod condition;
mod examine;
pub mod facts;
mod read_at;
mod sniff;

pub use examine::examine;
pub use sniff::sniff;
