//! The one place that reads and writes passwords and bucket keys.
