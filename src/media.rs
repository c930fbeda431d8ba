//! What stored bytes are, say and are worth: kind, facts, capture time, condition.

pub mod capture_time;
pub mod facts;
