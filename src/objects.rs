//! The content-addressed store: originals, named by their BLAKE3 hash, written once.
