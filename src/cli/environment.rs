//! The one place that reads the environment and the clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::{Timestamp, tz::TimeZone};

use crate::workflows::{Circumstances, Helpers};

/// How the names of the variables begin that are read; docs/cli.md lists them.
const VARIABLES: [&str; 9] =
    ["AWS_", "B2_", "CREDENTIALS_DIRECTORY", "KEEPSAKE_", "LOGNAME", "NO_COLOR", "RESTIC_PASSWORD", "TMPDIR", "USER"];

/// Reads the clock, the zone and the variables that Keepsake knows, once.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub(super) fn look_around(wait: bool) -> Circumstances {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, value)| !value.is_empty() && VARIABLES.iter().any(|start| name.starts_with(start)))
        .collect();
    Circumstances {
        now: Timestamp::now(),
        began: Instant::now(),
        zone: TimeZone::system(),
        login: login(&environment),
        credentials_directory: environment.get("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        scratch: scratch(&environment),
        helpers: Helpers { own: std::env::current_exe().ok(), ffmpeg: installed("ffmpeg") },
        program: concat!("keepsake ", env!("CARGO_PKG_VERSION")).to_owned(),
        wait,
        environment,
    }
}

/// The first file of that name in the folders of PATH.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
fn installed(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|at| at.join(program))
        .find(|at| at.is_file())
}

fn login(environment: &BTreeMap<String, String>) -> String {
    let login = environment.get("USER").or_else(|| environment.get("LOGNAME"));
    // Root is nobody's name: the archive is made by hand on a server, for the people of the house.
    login.filter(|login| *login != "root").cloned().unwrap_or_else(|| "family".to_owned())
}

/// `/tmp` is often memory, and a drill restores whole videos: `/var/tmp` is on a disk by the file system standard.
fn scratch(environment: &BTreeMap<String, String>) -> PathBuf {
    let on_disk = Path::new("/var/tmp");
    match environment.get("TMPDIR") {
        Some(folder) => PathBuf::from(folder),
        None if on_disk.is_dir() => on_disk.to_owned(),
        None => PathBuf::from("/tmp"),
    }
}
