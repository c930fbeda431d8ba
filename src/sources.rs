//! What photos are read from, and never written to.
