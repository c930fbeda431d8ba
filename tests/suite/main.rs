//! One linked test binary: it reads like the story of a drive that died.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so by panicking, and what it writes may be lost in a crash"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::similar_names,
    clippy::items_after_statements,
    reason = "a story is told in its own order"
)]

mod a_blank_machine;
mod albums_and_search;
mod any_story;
mod bad_input;
mod condition;
mod corpus;
mod crashes;
mod damage;
mod disk;
mod drills_and_checks;
mod failing_drive;
mod faults;
mod first_run;
mod fixtures_are_ours;
mod independent_reader;
mod ingest;
mod old_formats;
mod payload;
mod power_cuts;
mod previews;
mod s3;
mod stock_tools;
mod support;
mod the_contract;
mod the_main_job;
