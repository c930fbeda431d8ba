//! Killed while it backs up: to a disk, to a bucket, and with the bucket's server dying instead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Tally, a_drive};
use crate::support::cut_short::{Cut, Running, copy_tree, kill_once, kill_within, moments};
use crate::support::mortal_bucket::{KEYS, MortalBucket};
use crate::support::referee;
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::files_below;

/// How far it had come, by the files of the repository.
fn stage(repository: &Path) -> &'static str {
    let any = |folder: &str| {
        let folder = repository.join(folder);
        folder.is_dir() && !files_below(&folder).is_empty()
    };
    match (any("data"), any("index"), any("snapshots")) {
        (_, _, true) => "after the snapshot",
        (_, true, false) => "after the index",
        (true, false, false) => "sending packs",
        (false, false, false) => "before the first pack",
    }
}

/// How many files a backup has finished in the repository.
fn written(repository: &Path) -> usize {
    let count = |folder: &str| {
        let folder = repository.join(folder);
        if folder.is_dir() { files_below(&folder).len() } else { 0 }
    };
    ["data", "index", "snapshots"].map(count).iter().sum()
}

/// An archive of a drive, with an empty repository, to afresh from again and again at the same place.
struct Beginning {
    sandbox: Sandbox,
    /// The repository's files.
    repository: PathBuf,
    /// What serves them, where they are in a bucket.
    server: Option<MortalBucket>,
}

impl Beginning {
    fn on_a_disk() -> Self {
        let sandbox = Sandbox::in_memory();
        let place = sandbox.path("disk");
        Self::at(sandbox, &place.display().to_string(), place, None)
    }

    /// `None`, visibly, where nothing can serve a bucket.
    fn in_a_bucket() -> Option<Self> {
        let sandbox = Sandbox::in_memory();
        let server = MortalBucket::start(&sandbox.path("buckets"))?;
        let (location, folder) = (server.location("copy"), server.folder("copy"));
        Some(Self::at(sandbox, &location, folder, Some(server)))
    }

    fn at(sandbox: Sandbox, location: &str, repository: PathBuf, server: Option<MortalBucket>) -> Self {
        let drive = sandbox.path("drive");
        // Two packs of data: one is written while the next is filled.
        a_drive(&drive, 40, 21);
        let this = Self { sandbox, repository, server };
        this.sandbox.keepsake(&["init"]).expect_code(0);
        this.sandbox.keepsake(&["ingest", &drive.display().to_string()]).expect_code(3);
        this.run(&["repo", "add", "copy", location]).expect_code(0);
        copy_tree(&this.sandbox.archive(), &this.sandbox.path("kept-archive"));
        copy_tree(&this.repository, &this.sandbox.path("kept-repository"));
        this
    }

    /// The server is not there while its files change: it remembers what it saw.
    fn again(&mut self) {
        if let Some(server) = &mut self.server {
            server.kill();
        }
        for (kept, place) in [("kept-archive", self.sandbox.archive()), ("kept-repository", self.repository.clone())] {
            std::fs::remove_dir_all(&place).expect("a folder of our own can be removed");
            copy_tree(&self.sandbox.path(kept), &place);
        }
        if let Some(server) = &mut self.server {
            server.start_again();
        }
    }

    fn server(&mut self) -> &mut MortalBucket {
        self.server.as_mut().expect("it is in a bucket")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = super::keepsake(&self.sandbox, &self.sandbox.archive(), arguments);
        command.envs(KEYS);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(arguments).output().expect("the program starts"))
    }

    /// The trees below the newest snapshot's root, by name: equal ids are equal trees, to the last byte. That of
    /// Keepsake's own files tells when each photo was kept, which differs from run to run: it is only named.
    fn trees(&self) -> Option<BTreeMap<String, String>> {
        let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).expect("restic writes JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let snapshots = json(self.restic(&["snapshots", "--json"])?);
        let newest = snapshots.as_array().expect("a list").last().expect("one snapshot at least");
        let root = json(self.restic(&["cat", "blob", &text(&newest["tree"])])?);
        let mut trees: BTreeMap<_, _> = root["nodes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|node| (text(&node["name"]), text(&node["subtree"])))
            .collect();
        trees.insert("keepsake".to_owned(), String::new()).expect("Keepsake's own files are there");
        assert!(trees.contains_key("photos"), "{trees:?}");
        Some(trees)
    }

    /// Asks stock restic, past the server: the bucket's folder is a repository like any other.
    fn restic(&self, arguments: &[&str]) -> Option<String> {
        if !referee::is_here("restic", "apt-get install restic") {
            return None;
        }
        let output = Command::new("restic")
            .args(["--no-cache", "--no-lock", "-q", "-r"])
            .arg(&self.repository)
            .args(arguments)
            .env("RESTIC_PASSWORD", self.sandbox.password("copy"))
            .output()
            .expect("restic starts");
        let (said, erred) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "restic {arguments:?}: {said}{erred}");
        Some(said.into_owned())
    }

    /// After a crash: backs up to the end; the run itself checks what it wrote.
    fn finish(&self, what: &str) {
        let ended = self.run(&["--json", "backup"]);
        assert_eq!(ended.code, 0, "{what}: {}{}", ended.stdout, ended.stderr);
        let report = ended.json();
        let state = &report["repositories"][0]["state"];
        assert!(state == "complete" || state == "unchanged", "{what}: {report}");
    }
}

fn kill_at_moments(beginning: &mut Beginning, count: u32, seed: u64, what: &str) {
    let began = Instant::now();
    beginning.run(&["--json", "backup"]).expect_code(0);
    let lasted = began.elapsed();
    let trees = beginning.trees();
    let mut tally = Tally::default();
    let all_files = written(&beginning.repository);
    for (number, moment) in moments(count, seed, lasted).into_iter().enumerate() {
        let cut = if number % 2 == 0 {
            let afresh = || {
                beginning.again();
                beginning.command(&["backup"])
            };
            kill_within(moment, afresh)
        } else {
            // Most of the time goes into deriving keys: half of the kills wait for a file to appear, and a moment.
            beginning.again();
            let repository = beginning.repository.clone();
            let enough = 1 + number / 2 % all_files;
            let is_there = || written(&repository) >= enough;
            kill_once(beginning.command(&["backup"]), is_there, moment / 50)
        };
        match cut {
            Cut::Killed => tally.count(stage(&beginning.repository)),
            Cut::Finished => tally.count("after its end"),
        }
        let what = format!("kill number {number}, at {moment:?} of {lasted:?}");
        beginning.finish(&what);
        if number % 3 != 2 {
            beginning.restic(&["check"]);
        }
        if number % 5 == 0 {
            assert_eq!(beginning.trees(), trees, "{what}");
        }
    }
    // Once, all of it: every byte of the last one comes back.
    beginning.restic(&["check", "--read-data"]);
    beginning.run(&["drill", "--all"]).expect_code(0);
    tally.tell(what);
}

#[test]
fn a_backup_killed_at_any_moment_and_run_again_ends_as_an_undisturbed_one() {
    let mut beginning = Beginning::on_a_disk();
    kill_at_moments(&mut beginning, 20, 21, "backup to a disk was killed");
    assert_eq!(files_below(&beginning.repository.join("incoming")), Vec::<String>::new());
}

#[test]
fn a_backup_to_a_bucket_killed_at_any_moment_and_run_again_ends_as_an_undisturbed_one() {
    let Some(mut beginning) = Beginning::in_a_bucket() else { return };
    kill_at_moments(&mut beginning, 20, 22, "backup to a bucket was killed");
}

#[test]
fn a_server_that_dies_in_the_middle_of_an_upload_costs_no_photo() {
    let Some(mut beginning) = Beginning::in_a_bucket() else { return };
    beginning.run(&["--json", "backup"]).expect_code(0);
    let trees = beginning.trees();
    beginning.again();

    // It stays away: the backup says so, and is no backup.
    let mut running = Running::start(beginning.command(&["backup"]));
    let data = beginning.repository.join("data");
    assert!(running.until(|| data.is_dir() && !files_below(&data).is_empty()), "the backup was too quick");
    beginning.server().kill();
    let ended = running.end().expect_code(1);
    assert!(ended.stdout.contains("copy: FAILED: s3:http://127.0.0.1:"), "{}", ended.stdout);
    assert!(ended.stdout.contains("cannot be reached"), "{}", ended.stdout);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(stage(&beginning.repository), "sending packs", "a snapshot without its packs");

    beginning.server().start_again();
    beginning.finish("after the server came back");
    beginning.restic(&["check", "--read-data"]);
    assert_eq!(beginning.trees(), trees);

    // It comes back at once: the requests that failed are made again, and nobody notices.
    beginning.again();
    let mut running = Running::start(beginning.command(&["--json", "backup"]));
    assert!(running.until(|| data.is_dir() && !files_below(&data).is_empty()), "the backup was too quick");
    beginning.server().kill();
    std::thread::sleep(Duration::from_millis(300));
    beginning.server().start_again();
    let ended = running.end().expect_code(0);
    assert_eq!(ended.json()["repositories"][0]["state"], "complete");
    beginning.finish("the server was away for a moment");
    assert_eq!(beginning.trees(), trees);
}
