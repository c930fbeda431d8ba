//! The promises of a repository, each kept on a folder, some on a bucket, some before stock restic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests say what they expected")]

mod backups;
mod bucket;

mod checks;
mod opening;
mod referee;
mod support;
