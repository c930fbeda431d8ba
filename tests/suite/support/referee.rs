//! Programs of others that check our work.

use std::process::Command;

/// Whether a program is here to be asked; where it is not, the test steps aside and says so.
///
/// With `KEEPSAKE_REFEREES=required`, as `tests/run` and CI have it, a missing program fails the test.
pub(crate) fn is_here(program: &str, install: &str) -> bool {
    if Command::new(program).arg("-ver").output().is_ok() {
        return true;
    }
    let required = std::env::var_os("KEEPSAKE_REFEREES").is_some_and(|value| value == "required");
    assert!(!required, "{program} is missing: {install}");
    println!("stepped aside: {program} is missing ({install})");
    false
}
