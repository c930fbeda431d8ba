//! One small archive with one repository and a kit, made once and put back before every cell.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::things::{Damage, Thing, Verb};
use crate::support::fixtures::{Scene, picture};
use crate::support::referee;
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::{files_below, write};

pub(super) struct Bench {
    pub(super) sandbox: Sandbox,
    pub(super) words: String,
    /// What restoring any of the snapshots may write.
    pub(super) originals: BTreeSet<Vec<u8>>,
    files: Vec<(Thing, String)>,
}

/// What is copied away, and put back.
const WHOLE: [&str; 2] = ["archive", "disk"];

impl Bench {
    /// Seven photos, five of them in an album, in two snapshots of one repository; everything proven.
    pub(super) fn new() -> Self {
        let sandbox = Sandbox::in_memory();
        let [card, more, disk] = ["card", "more", "disk"].map(|name| sandbox.path(name));
        for number in 0..7 {
            let folder = if number < 5 { &card } else { &more };
            let photo = picture(number).scene(Scene::Lake).size(320, 240).jpeg();
            write(&folder.join(format!("IMG_201408{:02}_101112.JPG", number + 1)), &photo);
        }
        let done = |arguments: &[&str]| sandbox.keepsake(arguments).expect_code(0);
        let path = |folder: &Path| folder.display().to_string();
        done(&["init"]);
        done(&["ingest", &path(&card)]);
        done(&["album", "create", "Lisbon", "--search", "IMG"]);
        done(&["repo", "add", "disk", &path(&disk)]);
        done(&["backup"]);
        done(&["drill"]);
        let mut originals = restored(&sandbox);
        let first: BTreeSet<String> = files_below(&disk).into_iter().collect();
        done(&["ingest", &path(&more)]);
        done(&["backup"]);
        done(&["drill"]);
        originals.extend(restored(&sandbox));
        for name in WHOLE {
            fs::create_dir_all(sandbox.path("kept")).unwrap();
            copy(&sandbox.path(name), &sandbox.path("kept").join(name));
        }
        let words = sandbox.words();
        let files = files(&sandbox, &first);
        Self { sandbox, words, originals, files }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// The file that is meant by a thing.
    pub(super) fn file(&self, thing: Thing) -> PathBuf {
        let (_, name) = self.files.iter().find(|(known, _)| *known == thing).expect("every thing has a file");
        self.path(name)
    }

    /// Makes everything as it was before anything happened.
    pub(super) fn begin_anew(&self) {
        for name in ["archive", "disk", "to", "new", "tmp"] {
            remove(&self.path(name));
        }
        fs::create_dir(self.path("tmp")).unwrap();
        for name in WHOLE {
            copy(&self.path("kept").join(name), &self.path(name));
        }
    }

    /// Puts the good bytes of a thing back, whatever stands in their place.
    pub(super) fn put_back(&self, thing: Thing) {
        let file = self.file(thing);
        let name = file.strip_prefix(self.path("")).expect("it is below").to_owned();
        remove(&file);
        copy(&self.path("kept").join(name), &file);
        if thing == Thing::Catalog {
            for ending in ["catalog.db-wal", "catalog.db-shm"] {
                remove(&file.with_file_name(ending));
            }
        }
    }

    pub(super) fn damage(&self, thing: Thing, damage: Damage) {
        let file = self.file(thing);
        let mut bytes = fs::read(&file).unwrap();
        let permissions = fs::metadata(&file).unwrap().permissions();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        match damage {
            Damage::CutShort => bytes.truncate(bytes.len() / 2),
            Damage::Altered => alter(thing, &mut bytes),
            Damage::Gone => return fs::remove_file(&file).unwrap(),
            Damage::Folder => {
                fs::remove_file(&file).unwrap();
                return fs::create_dir(&file).unwrap();
            }
            Damage::Unreadable => return fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap(),
        }
        fs::write(&file, bytes).unwrap();
        fs::set_permissions(&file, permissions).unwrap();
    }

    /// Runs the program. Where a file is unreadable, as somebody for whom that holds: root may read everything.
    pub(super) fn ask(&self, verb: Verb, damage: Damage) -> Ended {
        let arguments = verb.arguments(&self.path(""));
        let command = self.sandbox.command(&arguments);
        let mut command =
            if damage == Damage::Unreadable && is_root() { without_privileges(&command) } else { command };
        if verb.has_a_kit_alone() {
            command.env("KEEPSAKE_KIT_PASSPHRASE", &self.words);
        }
        Ended::of(&command.output().expect("the program starts"))
    }
}

/// The bytes of all that the newest snapshot gives.
fn restored(sandbox: &Sandbox) -> BTreeSet<Vec<u8>> {
    let to = sandbox.path("reference");
    sandbox.keepsake(&["restore", "--all", "--to", &to.display().to_string()]).expect_code(0);
    let bytes = files_below(&to).iter().map(|name| fs::read(to.join(name)).unwrap()).collect();
    remove(&to);
    bytes
}

fn files(sandbox: &Sandbox, first: &BTreeSet<String>) -> Vec<(Thing, String)> {
    let disk = sandbox.path("disk");
    let size = |name: &&String| fs::metadata(disk.join(name)).unwrap().len();
    let all: BTreeSet<String> = files_below(&disk).into_iter().collect();
    let in_folder = |folder: &'static str| move |name: &&String| name.starts_with(folder);
    let second = all.difference(first).filter(in_folder("data/"));
    let object = &files_below(&sandbox.path("archive/objects"))[0];
    let of_disk = |name: Option<&String>| format!("disk/{}", name.expect("the repository has one"));
    vec![
        (Thing::Object, format!("archive/objects/{object}")),
        (Thing::Catalog, "archive/catalog.db".to_owned()),
        (Thing::DataPack, of_disk(first.iter().filter(in_folder("data/")).max_by_key(size))),
        (Thing::TreePack, of_disk(second.min_by_key(size))),
        (Thing::Index, of_disk(all.difference(first).find(in_folder("index/")))),
        (Thing::Snapshot, of_disk(all.difference(first).find(in_folder("snapshots/")))),
        (Thing::Key, of_disk(all.iter().find(in_folder("keys/")))),
        (Thing::RepositoryConfig, "disk/config".to_owned()),
        (Thing::Kit, "archive/recovery/kit.age".to_owned()),
        (Thing::KitBeside, "disk/recovery/kit.age".to_owned()),
        (Thing::Settings, "archive/keepsake.toml".to_owned()),
        (Thing::Secrets, "archive/secrets.toml".to_owned()),
        (Thing::Marker, "archive/.keepsake-archive".to_owned()),
    ]
}

/// One byte, where it matters: not in a comment, nor in a page of the catalog that is not used.
fn alter(thing: Thing, bytes: &mut [u8]) {
    let after = |word: &str| {
        let at = bytes.windows(word.len()).position(|some| some == word.as_bytes()).expect("the word is there");
        at + word.len()
    };
    match thing {
        Thing::Marker => swap_letter(after("archive_id = \""), bytes),
        Thing::Secrets => swap_letter(after("\npassword = \""), bytes),
        Thing::Settings => bytes[after("[[")] ^= 0x20,
        // The first byte of a page says what it is.
        Thing::Catalog => bytes[(bytes.len() / 2) & !4095] ^= 0x20,
        Thing::Object
        | Thing::DataPack
        | Thing::TreePack
        | Thing::Index
        | Thing::Snapshot
        | Thing::Key
        | Thing::RepositoryConfig
        | Thing::Kit
        | Thing::KitBeside => bytes[bytes.len() / 2] ^= 0x20,
    }
}

/// Another letter that may stand there: what only a comparison finds.
fn swap_letter(at: usize, bytes: &mut [u8]) {
    bytes[at] = if bytes[at] == b'b' { b'c' } else { b'b' };
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether there is a way to be somebody who may not read everything; a test that needs one says that it steps aside.
pub(super) fn unreadable_is_possible() -> bool {
    !is_root() || referee::is_here("setpriv", "apt-get install util-linux")
}

/// The same command, by root without the right to read what nobody may read.
fn without_privileges(command: &Command) -> Command {
    let mut without = Command::new("setpriv");
    without.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(command.get_program()).args(command.get_args());
    without.env_clear().current_dir(command.get_current_dir().expect("a folder"));
    for (name, value) in command.get_envs() {
        without.env(name, value.expect("the sandbox sets variables and unsets none"));
    }
    without
}

pub(super) fn remove(path: &Path) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    if metadata.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(done.success(), "{} cannot be copied", from.display());
}
