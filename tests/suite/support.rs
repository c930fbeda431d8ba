//! What every test of the suite may use.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test that cannot go on says so by panicking, and what it writes may be lost in a crash"
)]

pub(crate) mod bucket;
pub(crate) mod cut_short;
pub(crate) mod faulty_bucket;
pub(crate) mod fixtures;
pub(crate) mod holdings;
pub(crate) mod mortal_bucket;
pub(crate) mod referee;
pub(crate) mod sandbox;
pub(crate) mod small_disk;
pub(crate) mod tree;
