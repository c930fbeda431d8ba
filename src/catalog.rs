//! The catalog: what is known about every photo, in one SQLite file.
