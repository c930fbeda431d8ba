//! The `keepsake` program.

fn main() {}
