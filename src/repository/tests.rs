//! The promises of a repository, each kept on a folder, some on a bucket, some before stock restic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests say what they expected")]

mod backups;
mod bucket;

mod checks;
mod opening;
mod reading;
mod referee;
mod support;

#[test]
fn a_repository_may_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<super::Repository>();
    shared::<super::RepositoryError>();
}
