//! Drives of the tests' own: small ones that run full, read-only ones, ones that are pulled out.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::referee;
use super::sandbox::{Ended, Sandbox};

/// What the scripts may use: `keepsake NAME ARGUMENTS…` runs the program and keeps how it ended under the name.
const PRELUDE: &str = r#"
set -u
here=$PWD
keepsake() {
    name=$1; shift
    "$KEEPSAKE" "$@" >"$here/ended.$name.out" 2>"$here/ended.$name.err" </dev/null
    echo $? >"$here/ended.$name.code"
}
drive() { mkdir -p "$2" && mount -t tmpfs -o "size=$1,mode=755" tmpfs "$2" || exit 77; }
"#;

/// A script that ran in mounts of its own.
pub(crate) struct Mounted {
    folder: PathBuf,
}

impl Mounted {
    /// How the run of that name ended.
    #[track_caller]
    pub(crate) fn ended(&self, name: &str) -> Ended {
        let read = |ending: &str| {
            let file = self.folder.join(format!("ended.{name}.{ending}"));
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        };
        Ended { code: read("code").trim().parse().expect("a number"), stdout: read("out"), stderr: read("err") }
    }
}

/// Runs a shell script in the sandbox's folder, with mounts that nobody else sees and that end with it.
///
/// `None`, visibly, where this machine does not let us mount.
pub(crate) fn with_own_mounts(sandbox: &Sandbox, script: &str) -> Option<Mounted> {
    let plain = ["--mount", "--propagation", "private"];
    let as_root_of_its_own = ["--mount", "--propagation", "private", "--map-root-user"];
    for options in [&plain[..], &as_root_of_its_own[..]] {
        let tried = Command::new("unshare")
            .args(options)
            .args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"])
            .stdin(Stdio::null())
            .output();
        if !tried.is_ok_and(|output| output.status.success()) {
            continue;
        }
        let model = sandbox.command([""; 0]);
        let mut command = Command::new("unshare");
        command.args(options).args(["sh", "-c", &format!("{PRELUDE}\n{script}")]).env_clear();
        command.envs(model.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("KEEPSAKE", env!("CARGO_BIN_EXE_keepsake")).current_dir(sandbox.path("")).stdin(Stdio::null());
        let output = command.output().expect("a shell starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return Some(Mounted { folder: sandbox.path("") });
    }
    referee::left_out("this machine does not let us mount a drive of our own (unshare --mount)");
    None
}
