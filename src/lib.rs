//! Keepsake takes photos and videos off dead phones and old drives, keeps every byte once under the name of its
//! content, pushes encrypted restic-format snapshots to a disk and to a bucket, and proves by restoring that every
//! photo can come back.
//!
//! The modules stand in layers; a module names only those above it, and outside worlds never name each other
//! (`tests/architecture.rs` holds the table):
//!
//! 1. words: [`model`], [`formats`], [`events`]: no I/O, no clock, no SQL, no threads; below the outside worlds also
//!    [`durable`], which puts a small file on a disk so that a crash leaves it whole
//! 2. outside worlds, each wraps one: [`sources`], [`media`], [`objects`], [`catalog`], [`previews`], [`repository`],
//!    [`recovery`], [`secrets`]
//! 3. verbs: [`workflows`], the only place where siblings meet
//! 4. ways in that stay up: [`config`]
//! 5. the command line: [`cli`]

pub mod model;

pub mod events;
pub mod formats;

pub mod durable;

pub mod catalog;
pub mod media;
pub mod objects;
pub mod previews;
pub mod recovery;
pub mod repository;
pub mod secrets;
pub mod sources;

pub mod workflows;

pub mod config;

pub mod cli;
