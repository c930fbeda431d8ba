//! One linked test binary: it reads like the story of a drive that died.

mod condition;
mod corpus;
mod first_run;
mod fixtures_are_ours;
mod support;
