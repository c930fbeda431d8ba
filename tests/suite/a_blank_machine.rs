//! The house is gone: there is one copy, and a sheet of paper with eight words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::fixtures;
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::files_below;

/// An archive with all that people can say, backed up; then everything but the copy and the words was lost.
struct Lost {
    sandbox: Sandbox,
    words: String,
    /// What the archive answered while it was there.
    before: Answers,
    objects: BTreeSet<String>,
    generation: i64,
}

/// All that an archive says of itself, as far as it is to come back.
struct Answers {
    photos: BTreeMap<String, Value>,
    albums: Value,
    members: BTreeMap<String, Value>,
    trash: Value,
    sources: Vec<Value>,
}

static LOST: LazyLock<Lost> = LazyLock::new(|| {
    let sandbox = Sandbox::shared("a_blank_machine");
    let drive = sandbox.path("old drive");
    fixtures::old_drive(&drive);
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.json(&["ingest", &drive.display().to_string()]);
    sandbox.json(&["album", "create", "Lisbon 2014", "--folder", "2014-08 Lisbon"]);
    sandbox.json(&["album", "create", "Oma / 80.", "--folder", "Oma's 80th birthday"]);
    sandbox.json(&["album", "create", "nothing yet"]);
    sandbox.json(&["delete", &sandbox.id_of("logo.jpg"), &sandbox.id_of("IMGP0042.JPG")]);
    let disk = sandbox.path("disk").display().to_string();
    sandbox.json(&["repo", "add", "disk", &disk]);
    let backup = sandbox.json(&["backup"]);
    assert_eq!(backup["repositories"][0]["state"], "complete", "{backup}");
    let (before, words) = (Answers::of(&sandbox), sandbox.words());
    let objects = objects_of(&sandbox.archive());
    let generation = generation(&sandbox.archive());
    fs::remove_dir_all(sandbox.archive()).unwrap();
    fs::rename(&drive, sandbox.path("kept for the comparison")).unwrap();
    Lost { sandbox, words, before, objects, generation }
});

impl Lost {
    /// A call on a machine that has the copy, its kit and the words.
    fn with_kit(&self, arguments: &[&str]) -> Ended {
        let kit = self.sandbox.path("disk/recovery/kit.age").display().to_string();
        self.sandbox.run_with_words(&self.words, [arguments, &["--json", "--kit", &kit]].concat())
    }

    fn restored(&self, to: &str, arguments: &[&str]) -> Value {
        let to = self.sandbox.path(to).display().to_string();
        self.with_kit(&[&["restore", "--to", &to], arguments].concat()).expect_code(0).json()
    }
}

impl Answers {
    fn of(sandbox: &Sandbox) -> Self {
        let mut photos = BTreeMap::new();
        for mut photo in sandbox.photos() {
            // When it was proven is another story.
            photo["proofs"] = Value::Null;
            photos.insert(photo["id"].as_str().unwrap().to_owned(), photo);
        }
        let albums = sandbox.json(&["album", "list"]);
        let names = albums.as_array().unwrap().iter().map(|album| album["name"].as_str().unwrap().to_owned());
        let members = names.map(|name| (name.clone(), sandbox.json(&["album", "show", &name]))).collect();
        let sources = sandbox.json(&["sources"]).as_array().unwrap().clone();
        let sources = sources.into_iter().map(|source| json!([source["kind"], source["name"], source["files"]]));
        Self { photos, albums, members, trash: sandbox.json(&["trash"]), sources: sources.collect() }
    }

    /// What is not the same, each with both answers.
    fn differences(&self, other: &Self) -> Vec<String> {
        let every = |answers: &Self| {
            let Self { photos, albums, members, trash, sources } = answers;
            let mut all: BTreeMap<String, Value> = photos.clone();
            all.extend(members.iter().map(|(name, photos)| (format!("in the album {name}"), photos.clone())));
            all.insert("albums".to_owned(), albums.clone());
            all.insert("trash".to_owned(), trash.clone());
            all.insert("sources".to_owned(), json!(sources));
            all
        };
        let (ours, theirs) = (every(self), every(other));
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let differ = keys.into_iter().filter(|key| ours.get(*key) != theirs.get(*key));
        differ.map(|key| format!("{key}: {:?} and not {:?}", ours.get(key), theirs.get(key))).collect()
    }
}

/// How often the meaning of its catalog has changed.
fn generation(archive: &Path) -> i64 {
    let catalog = rusqlite::Connection::open(archive.join("catalog.db")).unwrap();
    catalog.query_row("SELECT generation FROM archive", [], |row| row.get(0)).unwrap()
}

/// The names of all objects of an archive, each compared with its bytes.
fn objects_of(archive: &Path) -> BTreeSet<String> {
    let folder = archive.join("objects");
    let files = files_below(&folder).into_iter().map(|path| {
        let name = path.rsplit('/').next().unwrap().to_owned();
        assert_eq!(blake3::hash(&fs::read(folder.join(&path)).unwrap()).to_hex().as_str(), name);
        name
    });
    files.collect()
}

/// What the bytes of all files below a folder hash to.
fn hashes_below(folder: &Path) -> BTreeSet<String> {
    let hash = |path: String| blake3::hash(&fs::read(folder.join(path)).unwrap()).to_hex().to_string();
    files_below(folder).into_iter().map(hash).collect()
}

#[test]
fn recover_brings_back_the_archive_and_all_that_people_said() {
    let into = LOST.sandbox.path("recovered").display().to_string();
    let report = LOST.with_kit(&["recover", "--into", &into]).expect_code(0).json();
    assert_eq!(report["problems"], json!([]));
    assert_eq!(report["words"], Value::Null, "the old words open the new kit");
    assert_eq!(report["photos"], LOST.before.photos.len());
    assert_eq!(report["albums"], LOST.before.albums.as_array().unwrap().len());
    assert_eq!(report["objects"], LOST.objects.len());
    assert_eq!(objects_of(&LOST.sandbox.path("recovered")), LOST.objects);

    let recovered = LOST.sandbox.moved("recovered");
    assert_eq!(Answers::of(&recovered).differences(&LOST.before), Vec::<String>::new());
    assert_eq!(recovered.words(), LOST.words);
    let backup = recovered.json(&["backup"])["repositories"][0].clone();
    assert_eq!(backup["state"], "unchanged", "what came back is what went in, to the last byte of the tree: {backup}");
}

/// A catalog that was recovered counts its changes anew, and must never take a snapshot of before the loss for its own.
#[test]
fn a_recovered_archive_does_not_mistake_an_old_snapshot_for_its_newest_change() {
    let into = LOST.sandbox.path("counting anew").display().to_string();
    LOST.with_kit(&["recover", "--into", &into]).expect_code(0);
    let now = generation(Path::new(&into));
    assert!(now > LOST.generation + 1_000_000, "{now} after {}", LOST.generation);
}

#[test]
fn a_deleted_photo_met_again_on_the_recovered_archive_stays_deleted() {
    let into = LOST.sandbox.path("recovered for the trash").display().to_string();
    LOST.with_kit(&["recover", "--into", &into]).expect_code(0);
    let recovered = LOST.sandbox.moved("recovered for the trash");
    let drive = LOST.sandbox.path("kept for the comparison").display().to_string();
    let again = recovered.json(&["ingest", &drive]);
    // Two photos, and the raw file of one of them.
    assert_eq!((again["previously_deleted"].as_u64(), again["stored"].as_u64()), (Some(3), Some(0)), "{again}");
    assert_eq!(recovered.json(&["trash"])["photos"].as_array().unwrap().len(), 2);
}

#[test]
fn restore_gives_one_album_back_with_nothing_but_the_kit() {
    let report = LOST.restored("the album", &["--album", "Lisbon 2014"]);
    let restored = hashes_below(&LOST.sandbox.path("the album"));
    let members = LOST.before.members["Lisbon 2014"]["photos"].as_array().unwrap();
    let expected: BTreeSet<String> = members.iter().map(|photo| photo["object"].as_str().unwrap().to_owned()).collect();
    let folder = LOST.sandbox.path("kept for the comparison/2014-08 Lisbon");
    assert_eq!(expected, hashes_below(&folder), "the album is what the folder was");
    assert!(restored.is_superset(&expected), "{report}");
    let names = files_below(&LOST.sandbox.path("the album"));
    let foreign: Vec<_> = names.iter().filter(|path| !path.starts_with("albums/anna/Lisbon 2014/")).collect();
    assert_eq!(foreign, Vec::<&String>::new());
    assert!(
        report["fetched_bytes"].as_u64().unwrap() < 3 * report["bytes"].as_u64().unwrap() / 2 + 500_000,
        "{report}"
    );

    let again = LOST.restored("the album", &["--album", "Lisbon 2014"]);
    assert_eq!(again["already_there"], report["files"], "a second call fetches nothing anew");
}

#[test]
fn restore_gives_everything_back_and_takes_the_space_of_albums_once() {
    let everything = LOST.sandbox.path("everything");
    let report = LOST.restored("everything", &["--all"]);
    let restored = hashes_below(&everything);
    let missing: Vec<_> = fixtures::manifest()
        .into_iter()
        .filter(|file| !matches!(file.role, fixtures::Role::Empty | fixtures::Role::Junk))
        .filter(|file| {
            let bytes = fs::read(LOST.sandbox.path("kept for the comparison").join(&file.path)).unwrap();
            !restored.contains(blake3::hash(&bytes).to_hex().as_str())
        })
        .map(|file| file.path)
        .collect();
    assert_eq!(missing, Vec::<String>::new());
    assert_eq!(report["files"], files_below(&everything).len());
    assert!(!everything.join("keepsake").exists(), "originals and their words only");

    let inodes: BTreeMap<(u64, u64), u64> = files_below(&everything)
        .iter()
        .map(|path| fs::metadata(everything.join(path)).unwrap())
        .map(|file| (std::os::unix::fs::MetadataExt::ino(&file), file.len()))
        .map(|(inode, size)| ((inode, size), size))
        .collect();
    let on_disk: u64 = inodes.values().sum();
    assert!(on_disk < report["bytes"].as_u64().unwrap(), "the albums' files stand there twice: {on_disk} bytes");
}

#[test]
fn a_restore_that_was_cut_short_goes_on_and_never_replaces_another_file() {
    let report = LOST.restored("in parts", &["--all"]);
    let folder = LOST.sandbox.path("in parts");
    let names = files_below(&folder);
    // Two were not reached, one was cut in the middle under its unfinished name, and somebody else's stands in the way.
    let photos: Vec<&String> = names.iter().filter(|path| path.starts_with("photos/")).collect();
    let (gone, cut, other) = (photos[3], photos[10], photos[20]);
    fs::remove_file(folder.join(gone)).unwrap();
    let whole = fs::read(folder.join(cut)).unwrap();
    fs::remove_file(folder.join(cut)).unwrap();
    let name = Path::new(cut).file_name().unwrap().to_str().unwrap();
    let partial = folder.join(cut).with_file_name(format!(".{name}.keepsake-partial"));
    crate::support::tree::write(&partial, &whole[..whole.len() / 2]);
    fs::remove_file(folder.join(other)).unwrap();
    crate::support::tree::write(&folder.join(other), b"somebody else's");

    let to = folder.display().to_string();
    let again = LOST.with_kit(&["restore", "--to", &to, "--all"]).expect_code(3).json();
    assert_eq!(again["problems"].as_array().unwrap().len(), 1);
    assert_eq!(
        (again["problems"][0]["kind"].as_str(), &again["problems"][0]["path"]),
        (Some("in-the-way"), &json!(other))
    );
    assert_eq!(fs::read(folder.join(other)).unwrap(), b"somebody else's");
    assert_eq!(fs::read(folder.join(cut)).unwrap(), whole);
    assert!(folder.join(gone).exists() && !partial.exists());

    let replaced = LOST.restored("in parts", &["--all", "--overwrite"]);
    assert_eq!((&replaced["problems"], &replaced["files"]), (&json!([]), &report["files"]));
    assert_ne!(fs::read(folder.join(other)).unwrap(), b"somebody else's");
}

#[test]
fn a_preview_of_a_restore_writes_nothing() {
    let report = LOST.restored("never made", &["--all", "--dry-run"]);
    assert_eq!((&report["dry_run"], &report["already_there"]), (&json!(true), &json!(0)));
    assert!(report["files"].as_u64().unwrap() >= LOST.objects.len() as u64);
    assert!(!LOST.sandbox.path("never made").exists());
}

#[test]
fn one_photo_comes_back_with_all_that_stands_beside_it() {
    let photo = LOST.before.photos.values().find(|photo| photo["name"] == "IMG_0012.JPG").unwrap();
    let report = LOST.restored("one photo", &["--photo", photo["id"].as_str().unwrap()]);
    let names = files_below(&LOST.sandbox.path("one photo"));
    let endings: BTreeSet<&str> = names.iter().filter_map(|path| path.rsplit('.').next()).collect();
    assert_eq!(endings, BTreeSet::from(["JPG", "CR2", "xmp"]), "{report}: {names:?}");
    let by_pattern = LOST.restored("by pattern", &["--path", "*.cr2"]);
    assert_eq!(by_pattern["files"], 1);
}

#[test]
fn a_recovery_that_was_cut_short_goes_on_from_there() {
    let into = LOST.sandbox.path("cut short");
    let text = into.display().to_string();
    LOST.with_kit(&["recover", "--into", &text]).expect_code(0);
    // As a crash leaves it: some objects, an unfinished one, no catalog yet.
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        match fs::remove_file(into.join(name)) {
            Ok(()) => {}
            Err(error) => assert!(name != "catalog.db", "{error}"),
        }
    }
    let objects = files_below(&into.join("objects"));
    for path in objects.iter().take(20) {
        fs::remove_file(into.join("objects").join(path)).unwrap();
    }
    fs::write(into.join("incoming/half"), b"half of a photo").unwrap();
    LOST.sandbox.run(["--archive", &text, "search"]).expect_code(10);

    let report = LOST.with_kit(&["recover", "--into", &text]).expect_code(0).json();
    assert_eq!(report["already_there"], objects.len() - 20);
    assert_eq!(objects_of(&into), LOST.objects);
    assert_eq!(LOST.sandbox.moved("cut short").json(&["search"])["total"], LOST.before.photos.len());
    // A whole archive is never recovered into.
    let ended = LOST.with_kit(&["recover", "--into", &text]);
    assert_ne!(ended.code, 0);
    assert_eq!(objects_of(&into), LOST.objects);
}

#[test]
fn wrong_words_open_nothing_and_leave_nothing() {
    let kit = LOST.sandbox.path("disk/recovery/kit.age").display().to_string();
    let into = LOST.sandbox.path("with wrong words").display().to_string();
    let ended = LOST.sandbox.run_with_words("some other words", ["recover", "--kit", &kit, "--into", &into]);
    let ended = ended.expect_code(12);
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("\nhint: "), "{}", ended.stderr);
    assert!(!Path::new(&into).exists());
}

#[test]
fn a_password_alone_recovers_everything_and_gives_new_words() {
    let words_of_kit = LOST.sandbox.path("disk/recovery/kit.age").display().to_string();
    let kit = LOST.sandbox.run_with_words(&LOST.words, ["--json", "kit", "show", &words_of_kit]).expect_code(0).json();
    let password = kit["repositories"][0]["password"].as_str().unwrap();
    let (disk, into) = (LOST.sandbox.path("disk"), LOST.sandbox.path("with a password"));
    let mut command = LOST.sandbox.command(["--json", "recover"]);
    command.arg("--from").arg(&disk).arg("--into").arg(&into).env("RESTIC_PASSWORD", password);
    let report = Ended::of(&command.output().unwrap()).expect_code(0).json();
    assert_eq!(report["words"].as_str().unwrap().split(' ').count(), 8);
    assert_eq!(objects_of(&into), LOST.objects);
}

#[test]
fn the_words_that_are_shown_open_the_kit_whatever_the_environment_holds() {
    let sandbox = Sandbox::new();
    let archive = sandbox.archive().display().to_string();
    let made = sandbox.run_with_words("words of another archive", ["--json", "--archive", &archive, "init"]);
    let words = made.expect_code(0).json()["words"].as_str().unwrap().to_owned();
    assert_eq!(words, sandbox.words(), "a later kit is sealed with them too, without the environment");
    let kit = sandbox.path("archive/recovery/kit.age").display().to_string();
    sandbox.run_with_words(&words, ["kit", "show", &kit]).expect_code(0);
}
