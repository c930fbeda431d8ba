//! What must hold of every world, before anything is run in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keepsake::catalog::Catalog;
use sha2::{Digest as _, Sha256};

use super::disk::World;
use super::stage::Scene;
use super::story::Step;
use super::worlds::Loss;
use crate::support::holdings::Holdings;

/// Everything that is wrong with what a power cut left.
pub(super) fn faults(scene: &Scene, world: &World, at: usize, loss: Loss) -> Vec<String> {
    let mut wrong = Vec::new();
    small_files_are_whole(scene, world, &mut wrong);
    objects_are_whole(scene, world, &mut wrong);
    repository_is_whole(scene, world, &mut wrong);
    catalog_is_whole(scene, world, &mut wrong);
    what_comes_first_is_there(scene, world, &mut wrong);
    // Where the result was told, and at the end, nothing is left that a cut could take.
    let told = scene.story.steps.get(at).is_none_or(|step| matches!(step, Step::Said | Step::Ended));
    // A refusal promises nothing.
    let is_done = matches!(scene.ended.code, 0 | 3 | 4);
    if told && is_done && loss == Loss::Everything {
        what_was_told_stays(scene, world, at, &mut wrong);
    }
    wrong
}

/// Names that never stand for anything: locks, copies on their way in, what SQLite keeps beside a database.
fn is_litter(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let of_sqlite = ["-shm", "-wal", "-journal"].iter().any(|ending| text.ends_with(ending));
    let draft = name.starts_with(".catalog-") || path.extension().is_some_and(|ending| ending == "new");
    let on_the_way = text.contains("/locks/") || text.contains("/incoming/") || name.ends_with(".keepsake-partial");
    of_sqlite || draft || on_the_way || name == "words-not-shown-yet"
}

/// Databases are written in place; SQLite says what is whole.
fn is_database(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("catalog.db"))
}

/// What can be made again at any time, and is never synced: a cut may leave anything of it.
fn is_derived(path: &Path) -> bool {
    path.starts_with("archive/previews")
}

fn stands_for_itself(path: &Path) -> bool {
    !is_litter(path) && !is_derived(path)
}

/// A file that gets its name in one step holds one of the contents that had that name, or is not there.
fn small_files_are_whole(scene: &Scene, world: &World, wrong: &mut Vec<String>) {
    for (path, (_, bytes)) in world.files.iter().filter(|(path, _)| stands_for_itself(path) && !is_database(path)) {
        if scene.named.get(path).is_some_and(|contents| !contents.contains(bytes)) {
            wrong.push(format!("{} holds {} bytes that it never held", path.display(), bytes.len()));
        }
    }
    for path in scene.before.files.keys().filter(|path| stands_for_itself(path) && !is_database(path)) {
        if scene.after.files.contains_key(path) && !world.files.contains_key(path) {
            wrong.push(format!("{} was there before and after, and is lost", path.display()));
        }
    }
}

/// An object under its name has the bytes of that name, and none that was there is gone.
fn objects_are_whole(scene: &Scene, world: &World, wrong: &mut Vec<String>) {
    for (id, bytes) in objects(world) {
        if blake3::hash(bytes).to_hex().as_str() != id {
            wrong.push(format!("the object {id} has other bytes"));
        }
    }
    for (id, _) in objects(&scene.before) {
        if !objects(world).any(|(other, _)| other == id) {
            wrong.push(format!("the object {id} is gone"));
        }
    }
}

fn objects(world: &World) -> impl Iterator<Item = (&str, &[u8])> {
    let objects = world.files.iter().filter(|(path, _)| path.starts_with("archive/objects"));
    objects.filter_map(|(path, (_, bytes))| Some((path.file_name()?.to_str()?, bytes.as_slice())))
}

/// A file of the repository is what it is named after; and a snapshot is there only when all is that it needs.
fn repository_is_whole(scene: &Scene, world: &World, wrong: &mut Vec<String>) {
    let is_named_by_hash = |path: &Path| path.file_name().is_some_and(|name| name.len() == 64);
    let in_folder = |world: &World, folder: &str| -> BTreeSet<PathBuf> {
        let below = world.files.keys().filter(|path| path.starts_with(Path::new("copy").join(folder)));
        below.filter(|path| is_named_by_hash(path)).cloned().collect()
    };
    for (path, (_, bytes)) in world.files.iter().filter(|(path, _)| path.starts_with("copy") && is_named_by_hash(path))
    {
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
        if path.file_name().is_none_or(|name| *name != *hash) {
            wrong.push(format!("the file {} of the repository has other bytes", path.display()));
        }
    }
    let new_snapshot = in_folder(world, "snapshots").difference(&in_folder(&scene.before, "snapshots")).count() > 0;
    for folder in ["data", "index"].into_iter().filter(|_| new_snapshot) {
        for path in in_folder(&scene.after, folder).difference(&in_folder(world, folder)) {
            wrong.push(format!("a snapshot is there, and {} is not", path.display()));
        }
    }
    if world.files.contains_key(Path::new("copy/config")) && in_folder(world, "keys").is_empty() {
        wrong.push("a repository that no key opens".to_owned());
    }
}

/// What one file rests on in another one.
fn what_comes_first_is_there(scene: &Scene, world: &World, wrong: &mut Vec<String>) {
    fn file<'a>(world: &'a World, path: &str) -> Option<&'a Vec<u8>> {
        world.files.get(Path::new(path)).map(|(_, bytes)| bytes)
    }
    let is_new = |path: &str| file(world, path).is_some() && file(world, path) != file(&scene.before, path);
    let is_last = |path: &str| is_new(path) && file(world, path) == file(&scene.after, path);
    let mut needs = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let settings = file(world, "archive/keepsake.toml");
    if is_new("archive/.keepsake-archive") {
        needs(settings.is_some(), "an archive without settings");
    }
    if is_new("archive/recovery/kit.age") {
        needs(file(world, "archive/secrets.toml").is_some(), "a kit whose words nobody wrote down");
    }
    if is_last("archive/recovery/copies.toml") {
        let remembered =
            String::from_utf8_lossy(file(world, "archive/recovery/copies.toml").map_or(&[], Vec::as_slice));
        let kits =
            [("archive/recovery/kit.age", "archive/recovery/kit.age\""), ("copy/recovery/kit.age", "disk/copy\"")];
        for (kit, place) in kits.into_iter().filter(|(_, place)| remembered.contains(place)) {
            let is_there = file(world, kit) == file(&scene.after, kit);
            needs(is_there, &format!("the kit {kit}, at {place}, is remembered and not there"));
        }
    }
    let has_repository = file(world, "copy/config").is_some();
    if is_new("archive/keepsake.toml")
        && settings.is_some_and(|text| text.windows(14).any(|at| at == b"[[repository]]"))
    {
        needs(has_repository, "the settings name a repository that is not there");
    }
    let keys = |world: &World| -> BTreeSet<PathBuf> {
        world.files.keys().filter(|path| path.starts_with("copy/keys")).cloned().collect()
    };
    let (old, now) = (keys(&scene.before), keys(world));
    if file(&scene.before, "archive/secrets.toml").is_some() {
        let knows_new = is_new("archive/secrets.toml");
        needs(!has_repository || !old.is_empty() || knows_new, "a repository whose password nobody wrote down");
        // With the old password an old key must be there, with a new one a new key or an old one.
        needs(old.is_empty() || knows_new || !old.is_disjoint(&now), "the password that is written down opens no key");
        let changes = keys(&scene.after) != old
            && scene.after.files.get(Path::new("archive/secrets.toml")).map(|(_, bytes)| bytes)
                == file(world, "archive/secrets.toml");
        needs(
            old.is_empty() || !knows_new || !changes || now.difference(&old).next().is_some(),
            "the new password opens no key",
        );
    }
}

/// The catalog opens, SQLite finds nothing wrong with it, and every object that it names is there.
fn catalog_is_whole(scene: &Scene, world: &World, wrong: &mut Vec<String>) {
    if !world.files.contains_key(Path::new("archive/catalog.db")) {
        if scene.before.files.contains_key(Path::new("archive/catalog.db")) {
            wrong.push("the catalog is gone".to_owned());
        }
        return;
    }
    let known = with_catalog(world, |archive| {
        let catalog = Catalog::open(&archive.join("catalog.db")).map_err(|error| format!("the catalog: {error}"))?;
        let found = catalog.integrity_check().map_err(|error| format!("the catalog: {error}"))?;
        if !found.is_empty() {
            return Err(format!("SQLite finds in the catalog: {found:?}"));
        }
        let rows = catalog.objects(None, 10_000).map_err(|error| format!("the catalog: {error}"))?;
        Ok(rows.into_iter().map(|(id, ..)| id.to_string()).collect::<Vec<_>>())
    });
    match known {
        Err(why) => wrong.push(why),
        Ok(known) => {
            for id in known.iter().filter(|id| !objects(world).any(|(other, _)| other == id.as_str())) {
                wrong.push(format!("the catalog names the object {id}, which is not there"));
            }
        }
    }
}

/// What programs saw when the result was told is there after the cut.
fn what_was_told_stays(scene: &Scene, world: &World, at: usize, wrong: &mut Vec<String>) {
    let seen = scene.world(at, Loss::Nothing);
    for (path, (_, bytes)) in seen.files.iter().filter(|(path, _)| stands_for_itself(path) && !is_database(path)) {
        match world.files.get(path) {
            None => wrong.push(format!("it was told as done, and {} is lost", path.display())),
            Some((_, other)) if other != bytes => {
                wrong.push(format!("it was told as done, and {} is as it was before", path.display()));
            }
            Some(_) => {}
        }
    }
    for path in world.files.keys().filter(|path| stands_for_itself(path) && !seen.files.contains_key(*path)) {
        wrong.push(format!("it was told as done, and {} is back", path.display()));
    }
    let held = |world: &World| with_catalog(world, Holdings::of);
    if let Ok(seen) = held(&seen) {
        let difference = match held(world) {
            Ok(found) => found.difference(&seen),
            Err(why) => Some(why),
        };
        wrong.extend(difference.map(|difference| format!("it was told as done: {difference}")));
    }
}

/// Looks at the catalog of a world and at the names of its objects, in a folder of its own.
pub(super) fn with_catalog<T>(world: &World, look: impl FnOnce(&Path) -> Result<T, String>) -> Result<T, String> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder");
    let mut small = World::default();
    let archive = Path::new("archive");
    for folder in ["", "archive", "archive/objects"] {
        small.folders.insert(folder.into(), 0o755);
    }
    for (path, (mode, bytes)) in &world.files {
        if is_database(path) && path.parent() == Some(archive) {
            small.files.insert(path.clone(), (*mode, bytes.clone()));
        } else if path.starts_with("archive/objects") {
            small.folders.insert(path.parent().expect("a folder").to_owned(), 0o755);
            small.files.insert(path.clone(), (*mode, Vec::new()));
        }
    }
    small.put(&folder.path().join("disk"));
    look(&folder.path().join("disk").join(archive))
}

/// Tells worlds apart.
pub(super) fn hash(world: &World) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for (path, (_, bytes)) in &world.files {
        hasher.update(path.as_os_str().as_encoded_bytes()).update(&[0]);
        hasher.update(&bytes.len().to_le_bytes()).update(bytes);
    }
    for path in world.folders.keys() {
        hasher.update(path.as_os_str().as_encoded_bytes()).update(&[1]);
    }
    hasher.finalize()
}
