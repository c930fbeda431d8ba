//! What the store promises, on a real disk and on one that loses its power at every step.

mod conformance;
mod crash_disk;
mod crashes;
mod store;
