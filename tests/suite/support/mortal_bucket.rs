//! An S3 server that can be killed and started again, with its bucket in a plain folder.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::referee;

/// The key that the server knows.
pub(crate) const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "KEEPSAKETESTKEY"), ("AWS_SECRET_ACCESS_KEY", "keepsake-test-secret")];

pub(crate) struct MortalBucket {
    program: PathBuf,
    /// Holds the bucket `photos`.
    folder: PathBuf,
    port: u16,
    process: Child,
}

impl MortalBucket {
    /// Starts a server whose buckets are below `folder`; `None`, visibly, where there is no rclone that can.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let program = referee::rclone()?;
        std::fs::create_dir_all(folder.join("photos")).expect("a folder can be made");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let process = serve(&program, folder, port);
        Some(Self { program, folder: folder.to_owned(), port, process })
    }

    /// Where a repository under `prefix` of the bucket is.
    pub(crate) fn location(&self, prefix: &str) -> String {
        format!("s3:http://127.0.0.1:{}/photos/{prefix}", self.port)
    }

    /// The same server with another bucket, which it need not have.
    pub(crate) fn other_bucket(&self, bucket: &str) -> String {
        format!("s3:http://127.0.0.1:{}/{bucket}/prefix", self.port)
    }

    /// The folder that the files of a prefix lie in.
    pub(crate) fn folder(&self, prefix: &str) -> PathBuf {
        self.folder.join("photos").join(prefix)
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("a process of our own can be killed");
        self.process.wait().expect("a child can be waited for");
    }

    /// Starts it again at the same address, with all it had.
    pub(crate) fn start_again(&mut self) {
        self.process = serve(&self.program, &self.folder, self.port);
    }

    /// Lets it answer nobody, and end nothing.
    pub(crate) fn freeze(&self) {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(id, Signal::STOP).expect("a process of our own can be stopped");
    }
}

impl Drop for MortalBucket {
    fn drop(&mut self) {
        if self.process.kill().is_ok() {
            self.process.wait().expect("a child can be waited for");
        }
    }
}

fn serve(program: &Path, folder: &Path, port: u16) -> Child {
    let [(_, id), (_, secret)] = KEYS;
    let mut process = Command::new(program)
        .args(["serve", "s3", "--config", "/dev/null", "--auth-key", &format!("{id},{secret}"), "--addr"])
        .arg(format!("127.0.0.1:{port}"))
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("rclone starts");
    for _ in 0..1500 {
        assert!(process.try_wait().expect("a child can be asked").is_none(), "rclone does not serve");
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return process;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("rclone never listened");
}
