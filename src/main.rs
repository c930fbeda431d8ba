//! The `keepsake` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    keepsake::cli::main()
}
