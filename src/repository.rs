//! Encrypted restic-format repositories on a disk or in a bucket.
