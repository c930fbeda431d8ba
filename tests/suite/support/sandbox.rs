//! A blank home directory, with the program in it: the one helper that every test uses.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder of its own; nothing of the person who runs the tests is seen by the program.
pub(crate) struct Sandbox {
    folder: PathBuf,
    archive: PathBuf,
    _gone_when_dropped: Option<tempfile::TempDir>,
}

/// How a call of the program ended.
#[derive(Clone)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// An empty one, gone when dropped.
    pub(crate) fn new() -> Self {
        Self::over(tempfile::Builder::new().prefix("keepsake-test-").tempdir().expect("a folder"))
    }

    fn over(folder: tempfile::TempDir) -> Self {
        std::fs::create_dir(folder.path().join("tmp")).expect("a folder");
        Self {
            folder: folder.path().to_owned(),
            archive: folder.path().join("archive"),
            _gone_when_dropped: Some(folder),
        }
    }

    /// An empty one that many tests look at and none changes. It stays below `target/tmp` until the next time: a static
    /// is never dropped.
    pub(crate) fn shared(name: &str) -> Self {
        Self::at(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandboxes").join(name))
    }

    /// An empty one in a place of the caller's choice, for files that must always tell of the same place.
    pub(crate) fn at(folder: &Path) -> Self {
        if folder.exists() {
            std::fs::remove_dir_all(folder).expect("the folder of the last time can be removed");
        }
        std::fs::create_dir_all(folder.join("tmp")).expect("a folder");
        Self { archive: folder.join("archive"), folder: folder.to_owned(), _gone_when_dropped: None }
    }

    /// An empty one in memory, where this machine has so much: for tests that write much, and pull no plug.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let roomy = rustix::fs::statvfs(memory).is_ok_and(|stat| stat.f_bavail * stat.f_frsize > 2 << 30);
        if !roomy {
            return Self::new();
        }
        let folder = tempfile::Builder::new().prefix("keepsake-test-").tempdir_in(memory).expect("a folder");
        Self::over(folder)
    }

    /// A path in it; nothing is made.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The archive that the short calls are about.
    pub(crate) fn archive(&self) -> PathBuf {
        self.archive.clone()
    }

    /// The same place, with the archive that is in another folder of it.
    pub(crate) fn moved(&self, archive: &str) -> Self {
        Self { folder: self.folder.clone(), archive: self.folder.join(archive), _gone_when_dropped: None }
    }

    /// The program, about to run in a blank home directory.
    pub(crate) fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keepsake"));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.folder)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TMPDIR", self.path("tmp"))
            .env("USER", "anna")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program without an archive being named.
    pub(crate) fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
        Ended::of(&self.command(arguments).output().expect("the program starts"))
    }

    /// Runs the program on [`Sandbox::archive`].
    pub(crate) fn keepsake(&self, arguments: &[&str]) -> Ended {
        let archive = self.archive();
        let named = ["--archive".as_ref(), archive.as_os_str()];
        self.run(named.into_iter().chain(arguments.iter().map(AsRef::as_ref)))
    }

    /// Runs the program on [`Sandbox::archive`] with `--json`, expects it to be done (or done with problems), and
    /// returns the document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.keepsake(&[&["--json"], arguments].concat());
        assert!(
            matches!(ended.code, 0 | 3),
            "{arguments:?} ended with {}\n{}{}",
            ended.code,
            ended.stdout,
            ended.stderr
        );
        ended.json()
    }

    /// The same with a kit: its words come from the environment.
    pub(crate) fn run_with_words(&self, words: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
        let output = self.command(arguments).env("KEEPSAKE_KIT_PASSPHRASE", words).output();
        Ended::of(&output.expect("the program starts"))
    }

    /// Everything that `show` says of every photo that is not in the trash, newest first.
    pub(crate) fn photos(&self) -> Vec<Value> {
        let found = self.json(&["search", "--limit", "10000"]);
        let photos = found["photos"].as_array().expect("a list").iter();
        photos.map(|photo| self.json(&["show", photo["id"].as_str().expect("an id")])).collect()
    }

    /// The one photo that came with this name.
    #[track_caller]
    pub(crate) fn photo_called(&self, name: &str) -> Value {
        let found = self.json(&["search", name, "--limit", "10000"]);
        let mut called = found["photos"].as_array().expect("a list").iter().filter(|photo| photo["name"] == name);
        let one = called.next().unwrap_or_else(|| panic!("no photo is called {name}"));
        assert!(called.next().is_none(), "two photos are called {name}");
        one.clone()
    }

    /// Its id.
    #[track_caller]
    pub(crate) fn id_of(&self, name: &str) -> String {
        self.photo_called(name)["id"].as_str().expect("an id").to_owned()
    }

    /// Adds a repository on this disk, called `disk`, and backs up to it.
    pub(crate) fn backed_up_to_disk(self) -> Self {
        let place = self.path("disk").display().to_string();
        self.keepsake(&["repo", "add", "disk", &place]).expect_code(0);
        self.keepsake(&["backup"]).expect_code(0);
        self
    }

    /// The words that open the recovery kit, as somebody wrote them on paper.
    pub(crate) fn words(&self) -> String {
        self.secret(&["kit", "passphrase"])
    }

    /// The password of a repository.
    pub(crate) fn password(&self, repository: &str) -> String {
        self.secret(&["repository", repository, "password"])
    }

    fn secret(&self, keys: &[&str]) -> String {
        let text = std::fs::read_to_string(self.archive().join("secrets.toml")).expect("there are secrets");
        let table: toml::Table = text.parse().expect("secrets are TOML");
        let first = table.get(keys[0]).cloned().expect("the key is there");
        let value = keys[1..].iter().fold(first, |value, key| value.get(key).cloned().expect("the key is there"));
        value.as_str().expect("a text").to_owned()
    }
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Fails, with all that was printed, unless the program ended so.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The one JSON document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.stdout))
    }
}
