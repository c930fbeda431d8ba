//! An S3 server of our own, with one bucket: rclone stands in for Backblaze and the others.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::referee;

/// A server on this machine with the bucket `photos`; it ends when this is dropped.
pub(crate) struct Server {
    program: PathBuf,
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

/// The key that the server knows.
pub(crate) const KEY_ID: &str = "an-id";
/// Its secret half.
pub(crate) const KEY_SECRET: &str = "a-secret";

impl Server {
    /// Starts one; `None`, and a line that says so, where there is no rclone.
    pub(crate) fn start() -> Option<Self> {
        let program = referee::rclone()?;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("photos")).expect("a folder");
        // Somebody else may take the port before rclone does; then another one is tried.
        (0..3)
            .find_map(|_| {
                let port = free_port();
                let process = serve(&program, &folder, port)?;
                Some((port, process))
            })
            .map(|(port, process)| Self { program, process, port, folder })
    }

    /// The location of a prefix in the bucket.
    pub(crate) fn location(&self, prefix: &str) -> String {
        format!("s3:http://127.0.0.1:{}/photos/{prefix}", self.port)
    }

    /// What lies in the bucket, as files.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.folder.path().join("photos")
    }

    /// The server dies; the bucket stays.
    pub(crate) fn stop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Starts again at the same place.
    pub(crate) fn start_again(&mut self) {
        self.process = serve(&self.program, &self.folder, self.port).expect("rclone starts again");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("our own process can be ended");
        self.process.wait().expect("it ends");
    }
}

fn serve(program: &PathBuf, folder: &tempfile::TempDir, port: u16) -> Option<Child> {
    let mut process = Command::new(program)
        .args(["serve", "s3", "--auth-key", &format!("{KEY_ID},{KEY_SECRET}"), "--addr", &format!("127.0.0.1:{port}")])
        .arg(folder.path())
        .env("RCLONE_CONFIG", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("rclone starts");
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(30), "rclone did not answer");
        if process.try_wait().expect("our own process").is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(process)
}

/// A port at which nobody listens now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}
