//! Servers, lines and disks that fail: each command ends soon, says why, loses nothing, and the next run goes on.

mod full_disks;
mod in_the_middle;
mod lent_keys;
mod lies;
mod refusals;
mod sources;
mod wrong_bytes;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::cut_short::copy_tree;
use crate::support::faulty_bucket::{FaultyBucket, KEYS};
use crate::support::fixtures::many;
use crate::support::sandbox::{Ended, Sandbox};

/// An archive of a few photos and its repository in a bucket that does wrong when it is told to.
struct Bench {
    sandbox: Sandbox,
    bucket: FaultyBucket,
    /// The bucket with an empty repository, and after a backup.
    empty: BTreeMap<String, Vec<u8>>,
    full: BTreeMap<String, Vec<u8>>,
}

impl Bench {
    /// With archives called `without` (no repository yet), `empty` (one, and no backup) and `full`; `timeout` is that of the
    /// repository, in seconds.
    fn new(timeout: &str) -> Self {
        let sandbox = Sandbox::in_memory();
        let bucket = FaultyBucket::start();
        many(&sandbox.path("drive"), 6, 3);
        let archive = |name: &str| sandbox.path(name);
        sandbox.keepsake(&["init"]).expect_code(0);
        sandbox.keepsake(&["ingest", &sandbox.path("drive").display().to_string()]).expect_code(0);
        copy_tree(&sandbox.archive(), &archive("without"));
        let mut bench = Self { sandbox, bucket, empty: BTreeMap::new(), full: BTreeMap::new() };
        let option = format!("timeout={timeout}");
        let add = ["repo", "add", "s3", &bench.bucket.location("copy"), "--option", &option];
        bench.run("archive", &add).expect_code(0);
        copy_tree(&bench.sandbox.archive(), &bench.sandbox.path("empty"));
        bench.empty = bench.bucket.files();
        bench.run("archive", &["backup"]).expect_code(0);
        copy_tree(&bench.sandbox.archive(), &bench.sandbox.path("full"));
        bench.full = bench.bucket.files();
        std::fs::write(bench.sandbox.path("password"), bench.sandbox.password("s3")).expect("a file");
        bench
    }

    fn command(&self, archive: &str, arguments: &[&str]) -> std::process::Command {
        let archive = self.sandbox.path(archive).display().to_string();
        let mut command = self.sandbox.command([&["--archive", &archive], arguments].concat());
        command.envs(KEYS);
        command
    }

    /// Runs the program on one of the archives.
    fn run(&self, archive: &str, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(archive, arguments).output().expect("the program starts"))
    }

    fn json(&self, archive: &str, arguments: &[&str], code: i32) -> Value {
        self.run(archive, &[&["--json"], arguments].concat()).expect_code(code).json()
    }

    /// A fresh copy of an archive.
    fn again(&self, archive: &str) -> &'static str {
        let copy = self.sandbox.path("again");
        if copy.exists() {
            std::fs::remove_dir_all(&copy).expect("a folder of our own can be removed");
        }
        copy_tree(&self.sandbox.path(archive), &copy);
        "again"
    }

    /// What follows `restore` or `recover` where there is nothing but the place and the password.
    fn outside(&self, timeout: &str) -> Vec<String> {
        let option = format!("timeout={timeout}");
        let password = self.sandbox.path("password").display().to_string();
        ["--from", &self.bucket.location("copy"), "--password-file", &password, "--option", &option]
            .map(str::to_owned)
            .to_vec()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }
}

/// Nobody should read how a program of ours fell over, nor a secret.
#[track_caller]
fn calm(ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        for word in ["panicked at", "RUST_BACKTRACE", "Error {", "Some(", "Context:", "a-secret"] {
            assert!(!text.contains(word), "“{word}” in\n{}{}", ended.stdout, ended.stderr);
        }
    }
}

/// The program said this, wherever it says such things.
#[track_caller]
fn said(ended: &Ended, words: &str) {
    let all = format!("{}{}", ended.stdout, ended.stderr);
    assert!(all.contains(words), "no “{words}” in\n{all}");
}
