//! What must be true at the end of any story.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use keepsake::formats::xmp;
use serde_json::{Value, json};

use super::steps::{Content, Part};
use super::world::{Damage, Stage, State, Told, World, Wrong, expect, has_extension};
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::files_below;

/// Everything: first as it is, then after mending and one last backup.
pub(super) fn judge(world: &mut World<'_>) -> Result<(), Wrong> {
    objects_are_whole(world)?;
    damage_is_told(world)?;
    if !matches!(world.damage, Some(Damage::Repository(..))) && world.kept.is_some() {
        restores(world).map_err(|wrong| format!("before the last backup: {wrong}"))?;
    }
    is_honest(world)?;
    world.mend()?;
    world.back_up()?;
    check_finds_nothing(world)?;
    world.call(&["drill", "--all"], &[0])?;
    restores(world)?;
    let stage = world.stage;
    archive_is(&stage.sandbox, stage, &mut world.state)?;
    objects_are_whole(world)?;
    let into = stage.clear("recovered");
    let command = stage.with_kit("recover", &["--into", &into.display().to_string()]).output();
    expect(Ended::of(&command.expect("the program starts")), &["recover"], &[0])?;
    let recovered = stage.sandbox.moved("recovered");
    archive_is(&recovered, stage, &mut world.state).map_err(|wrong| format!("the recovered archive: {wrong}"))
}

/// Every object has the bytes that it is named after, unless a step harmed it; what was stored is there.
fn objects_are_whole(world: &World<'_>) -> Result<(), Wrong> {
    let folder = world.sandbox().archive().join("objects");
    let harmed = match world.damage {
        Some(Damage::Object(photo)) => Some(photo),
        Some(Damage::Repository(..)) | None => None,
    };
    let mut good = BTreeSet::new();
    for path in files_below(&folder) {
        let named = world.stage.content(path.rsplit('/').next().unwrap_or_default())?;
        let bytes = fs::read(folder.join(&path)).expect("an object can be read");
        if world.stage.content_of(&bytes) == Ok(named) {
            good.insert(named);
        } else if Some(named) != harmed {
            return Err(format!("the object of {named} has other bytes"));
        }
    }
    match world.state.stored.iter().find(|content| Some(**content) != harmed && !good.contains(content)) {
        Some(lost) => Err(format!("{lost} was stored, and is no object")),
        None => Ok(()),
    }
}

fn damage_is_told(world: &World<'_>) -> Result<(), Wrong> {
    match world.damage {
        Some(Damage::Object(_)) => world.call(&["check", "--objects"], &[4]).map(drop),
        Some(Damage::Repository(..)) => {
            let checked = world.call(&["check", "--read-data"], &[0, 4])?;
            let is_whole = checked.code == 0 && !world.newest_is_unsaid;
            if is_whole { restores_all_bytes(world) } else { Ok(()) }
        }
        None => check_finds_nothing(world),
    }
}

/// Nothing is wrong with anything that is needed.
pub(super) fn check_finds_nothing(world: &World<'_>) -> Result<(), Wrong> {
    let checked = world.call(&["check", "--objects", "--read-data"], if world.lost_a_pack { &[0, 4] } else { &[0] })?;
    let report = checked.json();
    let objects = &report["objects"];
    let findings = report["repositories"].as_array().into_iter().flatten().filter_map(|one| one["findings"].as_array());
    let old = findings.flatten().all(|finding| finding["kind"] == "old-snapshot-incomplete");
    if old && objects["missing"] == json!([]) && objects["altered"] == json!([]) {
        Ok(())
    } else {
        Err(format!("check finds damage: {report}"))
    }
}

/// `status` never says more than what is true: all of this is on one drive, and nothing is proven that was not kept.
fn is_honest(world: &World<'_>) -> Result<(), Wrong> {
    let status = world.call(&["status"], if world.state.stored.is_empty() { &[0, 4] } else { &[4, 0] })?;
    let (code, status) = (status.code, status.json());
    let photos = status["photos"].as_u64().unwrap_or_default();
    if status["safe"] != 0 || (code == 0 && photos > 0) {
        return Err(format!("status says that photos are safe which are on one drive: {status}"));
    }
    // A backup may have mended a damaged repository by itself, and a drill proven it.
    let is_harmed = matches!(world.damage, Some(Damage::Repository(..)));
    let kept = if is_harmed { Some(&world.state) } else { world.kept.as_ref() };
    let kept = kept.map_or(0, |kept| kept.stored.len() + kept.maybe.len()) as u64;
    let proven = status["repositories"][0]["proven_photos"].as_u64().unwrap_or_default();
    if proven > kept {
        return Err(format!("{proven} photos are proven, of {kept} that were kept: {status}"));
    }
    Ok(())
}

/// With the kit alone everything comes back that the newest complete snapshot must hold.
pub(super) fn restores(world: &World<'_>) -> Result<(), Wrong> {
    if matches!(world.damage, Some(Damage::Repository(..))) {
        return what_comes_back_is_right(world);
    }
    world.stage.clear("restored");
    goes_on_restoring(world)
}

/// The same, into a folder in which a restore was killed.
pub(super) fn goes_on_restoring(world: &World<'_>) -> Result<(), Wrong> {
    let Some(kept) = &world.kept else { return Ok(()) };
    if matches!(world.damage, Some(Damage::Repository(..))) {
        return Ok(());
    }
    let to = restore(world, &[0])?;
    tree_is(&to, world.stage, kept)
}

fn restore(world: &World<'_>, codes: &[i32]) -> Result<std::path::PathBuf, Wrong> {
    let to = world.sandbox().path("restored");
    let output = world.stage.with_kit("restore", &["--all", "--to", &to.display().to_string()]).output();
    expect(Ended::of(&output.expect("the program starts")), &["restore", "--all"], codes)?;
    Ok(to)
}

/// A damaged repository gives back right bytes or none; when it says that all is back, all is.
fn what_comes_back_is_right(world: &World<'_>) -> Result<(), Wrong> {
    world.stage.clear("restored");
    let to = world.sandbox().path("restored");
    let output = world.stage.with_kit("restore", &["--all", "--to", &to.display().to_string()]).output();
    let ended = expect(Ended::of(&output.expect("the program starts")), &["restore", "--all"], &[0, 1, 3, 4])?;
    let found = if to.exists() { contents_below(&to, world.stage)? } else { BTreeMap::new() };
    let kept = world.kept.iter().flat_map(|kept| &kept.stored);
    // Nothing outside the repository knows of a snapshot that is lost: the one before comes back.
    let must_be_whole = ended.code == 0 && !matches!(world.damage, Some(Damage::Repository(Part::Snapshot, _)));
    match kept.copied().find(|content| must_be_whole && !found.contains_key(content)) {
        Some(lost) => Err(format!("restore says that all is back, and {lost} is not: {}", ended.stdout)),
        None => Ok(()),
    }
}

/// What a check or a drill says that found nothing wrong.
pub(super) fn restores_all_bytes(world: &World<'_>) -> Result<(), Wrong> {
    let Some(kept) = &world.kept else { return Ok(()) };
    world.stage.clear("restored");
    let found = contents_below(&restore(world, &[0])?, world.stage)?;
    match kept.stored.iter().find(|content| !found.contains_key(content)) {
        Some(lost) => Err(format!("nothing is wrong, says a check, and {lost} does not come back")),
        None => Ok(()),
    }
}

/// The contents of all files, and where each lies; sidecars apart.
fn contents_below(folder: &Path, stage: &Stage) -> Result<BTreeMap<Content, Vec<String>>, Wrong> {
    let mut found: BTreeMap<Content, Vec<String>> = BTreeMap::new();
    for path in files_below(folder).into_iter().filter(|path| !has_extension(path, "xmp")) {
        let bytes = fs::read(folder.join(&path)).expect("a file can be read");
        let content = stage.content_of(&bytes).map_err(|wrong| format!("{path} came back wrong: {wrong}"))?;
        found.entry(content).or_default().push(path);
    }
    Ok(found)
}

/// Every byte is under `photos` or `trash`, once; every album has its photos; every word is in a sidecar.
fn tree_is(folder: &Path, stage: &Stage, kept: &State) -> Result<(), Wrong> {
    let found = contents_below(folder, stage)?;
    if let Some(extra) = found.keys().find(|content| !kept.stored.contains(content) && !kept.maybe.contains(content)) {
        return Err(format!("{extra} came back, and was never stored"));
    }
    for content in &kept.stored {
        let paths = found.get(content).ok_or_else(|| format!("{content} did not come back"))?;
        let top = if kept.told.trash.contains(content) { "trash/" } else { "photos/" };
        let is_unfinished = kept.unfinished.contains(content);
        let [path] = paths.iter().filter(|path| !path.starts_with("albums/")).collect::<Vec<_>>()[..] else {
            return Err(format!("{content} came back at {paths:?}"));
        };
        if is_unfinished && path.starts_with("kept/") {
            continue;
        }
        if !path.starts_with(top) {
            return Err(format!("{content} came back at {path}, not in {top}"));
        }
        words_are(&folder.join(format!("{path}.xmp")), *content, &kept.told)?;
    }
    let mut albums: BTreeMap<&str, BTreeSet<Content>> = BTreeMap::new();
    for (content, path) in found.iter().flat_map(|(content, paths)| paths.iter().map(move |path| (content, path))) {
        if path.starts_with("albums/") {
            let (album, _) = path.rsplit_once('/').unwrap_or_default();
            albums.entry(album).or_default().insert(*content);
        }
    }
    let mut visible = kept.visible();
    // A photo without a path is in the catalog's album, and not in the folder.
    visible.retain(|content| found[content].iter().any(|path| !path.starts_with("kept/")));
    let mut expected: Vec<BTreeSet<Content>> = kept.told.albums.values().map(|photos| seen(photos, &visible)).collect();
    expected.retain(|photos| !photos.is_empty());
    let mut restored: Vec<_> = albums.values().cloned().collect();
    expected.sort();
    restored.sort();
    if restored == expected {
        Ok(())
    } else {
        Err(format!("the albums came back as {albums:?}, and are {:?}", kept.told.albums))
    }
}

fn seen(photos: &[Content], visible: &BTreeSet<Content>) -> BTreeSet<Content> {
    photos.iter().copied().filter(|photo| visible.contains(photo)).collect()
}

/// The sidecar says what Anna said.
fn words_are(sidecar: &Path, photo: Content, told: &Told) -> Result<(), Wrong> {
    let text = fs::read(sidecar).unwrap_or_default();
    let facts = xmp::read(&text);
    let caption = told.captions.get(&photo).filter(|caption| !caption.is_empty());
    let stars = told.stars.get(&photo).copied();
    if facts.caption.as_ref() != caption || facts.rating.map(i64::from) != stars {
        return Err(format!(
            "{photo} has the caption {caption:?} and {stars:?} stars, and {} says {:?} and {:?}",
            sidecar.display(),
            facts.caption,
            facts.rating
        ));
    }
    let text = String::from_utf8_lossy(&text);
    let lacks = |what: &str| !text.contains(&format!(">{what}<"));
    if told.dates.get(&photo).is_some_and(|date| lacks(date)) {
        return Err(format!("the date of {photo} is not in {text}"));
    }
    let albums = told.albums.iter().filter(|(_, photos)| photos.contains(&photo) && !told.trash.contains(&photo));
    match albums.map(|(name, _)| name).find(|name| lacks(name)) {
        Some(album) => Err(format!("{photo} is in the album {album}, which is not in its sidecar: {text}")),
        None => Ok(()),
    }
}

/// What an ingest that was killed has stored counts from now on.
pub(super) fn adopt(stage: &Stage, sandbox: &Sandbox, state: &mut State) -> Result<(), Wrong> {
    for content in photos(stage, sandbox, &["search", "--limit", "1000"])? {
        if state.stored.contains(&content) {
            continue;
        }
        if !state.maybe.remove(&content) {
            return Err(format!("{content} is in the archive, and was never on the card"));
        }
        state.stored.insert(content);
        state.unfinished.insert(content);
    }
    Ok(())
}

/// What the archive says is what is true.
pub(super) fn archive_is(sandbox: &Sandbox, stage: &Stage, state: &mut State) -> Result<(), Wrong> {
    adopt(stage, sandbox, state)?;
    let visible: BTreeSet<Content> = photos(stage, sandbox, &["search", "--limit", "1000"])?.into_iter().collect();
    if visible != state.visible() {
        return Err(format!("search finds {visible:?}, and should find {:?}", state.visible()));
    }
    let found = told(stage, sandbox, state)?;
    let mut expected = state.told.clone();
    expected.captions.retain(|_, caption| !caption.is_empty());
    for members in expected.albums.values_mut() {
        members.retain(|photo| visible.contains(photo));
    }
    if found == expected { Ok(()) } else { Err(format!("the archive says {found:?}, and should say {expected:?}")) }
}

fn told(stage: &Stage, sandbox: &Sandbox, state: &State) -> Result<Told, Wrong> {
    let mut told = Told { trash: photos(stage, sandbox, &["trash"])?.into_iter().collect(), ..Told::default() };
    for photo in &state.stored {
        let shown = ask(sandbox, &["show", &stage.hash(*photo)])?;
        if let Some(caption) = shown["caption"].as_str() {
            told.captions.insert(*photo, caption.to_owned());
        }
        if let Some(stars) = shown["rating"].as_i64() {
            told.stars.insert(*photo, stars);
        }
        if shown["taken_at_source"] == "person" {
            told.dates.insert(*photo, shown["taken_at"].as_str().unwrap_or_default().to_owned());
        }
    }
    for album in ask(sandbox, &["album", "list"])?.as_array().into_iter().flatten() {
        let name = album["name"].as_str().unwrap_or_default();
        told.albums.insert(name.to_owned(), photos(stage, sandbox, &["album", "show", name])?);
    }
    Ok(told)
}

fn photos(stage: &Stage, sandbox: &Sandbox, arguments: &[&str]) -> Result<Vec<Content>, Wrong> {
    let listed = ask(sandbox, arguments)?;
    let photos = listed["photos"].as_array().into_iter().flatten();
    photos.map(|photo| stage.content(photo["object"].as_str().unwrap_or_default())).collect()
}

fn ask(sandbox: &Sandbox, arguments: &[&str]) -> Result<Value, Wrong> {
    let ended = sandbox.keepsake(&[&["--json"], arguments].concat());
    Ok(expect(ended, arguments, &[0])?.json())
}
