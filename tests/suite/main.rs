//! One linked test binary: it reads like the story of a drive that died.

mod corpus;
