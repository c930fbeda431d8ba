//! Stock restic is the judge of what we write.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output};

use super::support::{Bench, PASSWORD, photo, small_tree, stamp};
use crate::events::Recorder;
use crate::repository::{Repository, RepositoryError};

/// Whether a missing referee is a failure.
pub(super) fn required() -> bool {
    #[allow(clippy::disallowed_methods, reason = "a test reads the switch that makes referees required")]
    let switch = std::env::var("KEEPSAKE_REFEREES");
    switch.is_ok_and(|value| value == "required")
}

/// Says that a test did not run, past the capture of the test harness: it must be seen.
pub(super) fn step_aside(why: &str) {
    writeln!(std::io::stderr(), "STEPPED ASIDE: {why}").unwrap();
}

/// restic, or `None` where it is not installed.
pub(super) fn restic() -> Option<Referee> {
    let found = Command::new("restic").arg("version").output().is_ok_and(|output| output.status.success());
    assert!(found || !required(), "restic is required: apt-get install restic");
    if !found {
        step_aside("restic is not installed");
    }
    found.then_some(Referee("restic"))
}

pub(super) struct Referee(&'static str);

impl Referee {
    fn ask(&self, repository: &Path, arguments: &[&str]) -> Output {
        Command::new(self.0)
            .args(["--no-cache", "--repo"])
            .arg(repository)
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD)
            .output()
            .unwrap()
    }

    fn start(&self, repository: &Path, arguments: &[&str]) -> Child {
        Command::new(self.0)
            .args(["--no-cache", "--repo"])
            .arg(repository)
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    }

    fn agrees(&self, repository: &Path, arguments: &[&str]) -> String {
        let output = self.ask(repository, arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "restic {arguments:?}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
        text
    }
}

#[test]
fn restic_checks_lists_and_restores_what_we_write() {
    let Some(restic) = restic() else { return };
    let bench = Bench::new();
    bench.back_up(small_tree(&bench.objects), 1).unwrap();
    let text = restic.agrees(&bench.root(), &["check", "--read-data"]);
    assert!(text.contains("no errors were found"), "{text}");
    let text = restic.agrees(&bench.root(), &["snapshots", "--json"]);
    for word in ["keepsake", "generation-1", "0123456789abcdef"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let target = bench.folder.path().join("restored");
    restic.agrees(&bench.root(), &["restore", "latest", "--target", target.to_str().unwrap()]);
    let untouched = std::fs::metadata(target.join("photos/anna/2014/2014-08/b.jpg")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::atime(&untouched), 1_700_000_000 - 1_000_000, "not the year 1");
    let photo_at = |path: &str| std::fs::read(target.join(path)).unwrap();
    assert_eq!(photo_at("photos/anna/2014/2014-08/a.jpg"), photo(1, 300_000));
    assert_eq!(photo_at("photos/anna/2015/2015-01/c \"quoted\" ü.jpg"), photo(3, 3_000_000));
    let file = std::fs::metadata(target.join("photos/anna/2014/2014-08/a.jpg")).unwrap();
    let folder = std::fs::metadata(target.join("photos/anna")).unwrap();
    for (metadata, mode) in [(&file, 0o644), (&folder, 0o755)] {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        assert_eq!(metadata.permissions().mode() & 0o7777, mode);
        assert_eq!(metadata.mtime(), 1_700_000_000 - 1_000_000, "files and folders carry their times");
    }
}

#[test]
fn restic_restores_one_folder_alone() {
    let Some(restic) = restic() else { return };
    let bench = Bench::new();
    bench.back_up(small_tree(&bench.objects), 1).unwrap();
    let target = bench.folder.path().join("restored");
    let target_text = target.to_str().unwrap();
    restic.agrees(&bench.root(), &["restore", "latest", "--target", target_text, "--include", "/photos/anna/2014"]);
    assert_eq!(std::fs::read(target.join("photos/anna/2014/2014-08/b.jpg")).unwrap(), photo(2, 70_000));
    assert!(!target.join("photos/anna/2015").exists() && !target.join("keepsake").exists());
}

#[test]
fn an_album_is_restored_as_hard_links_and_alone_as_files() {
    use std::os::unix::fs::MetadataExt;
    let Some(restic) = restic() else { return };
    let bench = Bench::new();
    let bytes = photo(7, 200_000);
    let mut tree = vec![
        bench.objects.file("photos/anna/2014/a.jpg", &bytes),
        bench.objects.file("albums/anna/Lisbon/a.jpg", &bytes),
        bench.objects.file("photos/anna/2014/plain.jpg", &photo(8, 10)),
    ];
    tree[0].hard_links = 2;
    tree[1].hard_links = 2;
    bench.back_up(tree, 1).unwrap();
    let all = bench.folder.path().join("all");
    restic.agrees(&bench.root(), &["restore", "latest", "--target", all.to_str().unwrap()]);
    let (photo, album) = (all.join("photos/anna/2014/a.jpg"), all.join("albums/anna/Lisbon/a.jpg"));
    assert_eq!(std::fs::read(&album).unwrap(), bytes);
    assert_eq!(std::fs::metadata(&photo).unwrap().ino(), std::fs::metadata(&album).unwrap().ino());
    assert_eq!(std::fs::metadata(all.join("photos/anna/2014/plain.jpg")).unwrap().nlink(), 1);
    let alone = bench.folder.path().join("alone");
    restic.agrees(&bench.root(), &["restore", "latest", "--target", alone.to_str().unwrap(), "--include", "/albums"]);
    assert_eq!(std::fs::read(alone.join("albums/anna/Lisbon/a.jpg")).unwrap(), bytes);
}

#[test]
fn a_run_that_was_cut_off_and_taken_up_again_passes_before_restic() {
    let Some(restic) = restic() else { return };
    let bench = Bench::new();
    bench.back_up(small_tree(&bench.objects), 1).unwrap();
    for file in bench.files("index").into_iter().chain(bench.files("snapshots")) {
        std::fs::remove_file(file).unwrap();
    }
    bench.back_up(small_tree(&bench.objects), 2).unwrap();
    let text = restic.agrees(&bench.root(), &["check", "--read-data"]);
    assert!(text.contains("no errors were found"), "{text}");
}

#[test]
fn a_repository_that_restic_made_is_filled_beside_restic() {
    let Some(restic) = restic() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("repo");
    restic.agrees(&root, &["init"]);
    let repository = Repository::open(&super::support::access_to(&root)).unwrap();
    let objects = super::support::Objects::default();
    repository.back_up(small_tree(&objects), &stamp(1), &Recorder::default()).unwrap();
    restic.agrees(&root, &["check", "--read-data"]);
    restic.agrees(&root, &["backup", "/etc/hostname"]);
    let snapshots = repository.snapshots().unwrap();
    let foreign = snapshots.iter().find(|snapshot| !snapshot.ours).unwrap();
    assert!(!foreign.complete && foreign.generation.is_none());
    assert_eq!(repository.files(&foreign.id).unwrap()[0].path, "etc/hostname");
}

#[test]
fn a_lock_that_restic_holds_for_itself_alone_is_honoured_until_it_is_stale() {
    let Some(restic) = restic() else { return };
    let bench = Bench::new();
    let mut checking = restic.start(&bench.root(), &["check"]);
    // restic waits 200 ms after it has locked: killed then, it leaves the lock behind.
    let started = std::time::Instant::now();
    let lock = loop {
        // Until it is renamed, it has a longer name.
        let mut locks = bench.files("locks").into_iter();
        if let Some(lock) = locks.find(|path| path.file_name().unwrap().len() == 64) {
            break lock;
        }

        assert!(started.elapsed().as_secs() < 60, "restic made no lock");
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    checking.kill().unwrap();
    checking.wait().unwrap();
    let locked_at = jiff::Timestamp::try_from(std::fs::metadata(lock).unwrap().modified().unwrap()).unwrap();
    let back_up = |minutes: i64| {
        let mut stamp = stamp(1);
        stamp.at = locked_at + jiff::SignedDuration::from_mins(minutes);
        bench.repository.back_up(small_tree(&bench.objects), &stamp, &Recorder::default())
    };
    let error = back_up(5).unwrap_err();
    assert!(matches!(&error, RepositoryError::Locked { by, .. } if by.contains("process")), "{error}");
    assert!(bench.files("snapshots").is_empty());
    assert!(back_up(31).unwrap().complete);
}
