//! What a sync is for, in words: the rows of the table in docs/power-cuts.md.

use std::path::Path;

use super::stage::Scene;
use super::story::{Inode, Step};

/// A step for people.
pub(super) fn told(scene: &Scene, at: usize, step: &Step) -> String {
    match step {
        Step::Write { file, bytes, .. } => format!("{} bytes get into {}", bytes.len(), path(scene, at, *file)),
        Step::Length { file, bytes } => format!("{} gets {bytes} bytes long", path(scene, at, *file)),
        Step::Link { name, .. } => format!("{} appears in {}", name.1, path(scene, at, name.0)),
        Step::Unlink { name } => format!("{} goes from {}", name.1, path(scene, at, name.0)),
        Step::Rename { from, to, .. } => format!("{} becomes {} in {}", from.1, to.1, path(scene, at, to.0)),
        Step::Sync { .. } => format!("sync of {}", of_sync(scene, at)),
        Step::Said => "the result is told".to_owned(),
        Step::Ended => "the program ends".to_owned(),
    }
}

/// The class of the sync at that step.
pub(super) fn of_sync(scene: &Scene, at: usize) -> String {
    let Some(Step::Sync { of, .. }) = scene.story.steps.get(at) else { return "no sync".to_owned() };
    if scene.story.nodes[*of].is_folder {
        let names = new_names(scene, at, *of);
        let folder = general(&path(scene, at, *of));
        if names.is_empty() { format!("{folder}/: nothing new") } else { format!("{folder}/: {}", names.join(", ")) }
    } else {
        format!("bytes of {}", bytes_of(scene, at, *of))
    }
}

/// A file on its way is called after the name that it will get.
fn bytes_of(scene: &Scene, at: usize, file: Inode) -> String {
    let later = scene.story.steps.iter().skip(at).find_map(|step| match step {
        Step::Rename { to, file: other, .. } if *other == file => Some(to.clone()),
        Step::Write { .. }
        | Step::Length { .. }
        | Step::Link { .. }
        | Step::Unlink { .. }
        | Step::Rename { .. }
        | Step::Sync { .. }
        | Step::Said
        | Step::Ended => None,
    });
    match later {
        Some((folder, name)) => general(&format!("{}/{name}", path(scene, scene.story.steps.len(), folder))),
        None => general(&path(scene, at, file)),
    }
}

/// The names in a folder that changed since it was synced before.
fn new_names(scene: &Scene, at: usize, folder: Inode) -> Vec<String> {
    let mut names = Vec::new();
    for step in &scene.story.steps[..at] {
        match step {
            Step::Sync { of, .. } if *of == folder => names.clear(),
            Step::Link { name, .. } | Step::Rename { to: name, .. } if name.0 == folder => names.push(general(&name.1)),
            Step::Unlink { name } if name.0 == folder => names.push(format!("{} goes", general(&name.1))),
            Step::Write { .. }
            | Step::Length { .. }
            | Step::Link { .. }
            | Step::Unlink { .. }
            | Step::Rename { .. }
            | Step::Sync { .. }
            | Step::Said
            | Step::Ended => {}
        }
    }
    // A draft that got its name is that name.
    names.retain(|name| !name.starts_with("a draft"));
    // Names of photos differ from file to file.
    if folder_holds_photos(&names) {
        return vec!["photos".to_owned()];
    }
    names.sort();
    names.dedup();
    names
}

fn folder_holds_photos(names: &[String]) -> bool {
    names.iter().any(|name| name == "PHOTO")
}

/// The path that a file or folder has at that moment, from the top of the disk.
fn path(scene: &Scene, at: usize, inode: Inode) -> String {
    let names = scene.story.disk_after(at, &|_| false).live_names();
    let found = names.into_iter().find(|(_, other)| *other == inode).map(|(path, _)| path.display().to_string());
    found.filter(|path| !path.is_empty()).unwrap_or_else(|| "the disk".to_owned())
}

/// A path without what differs from file to file.
fn general(path: &str) -> String {
    let part = |part: &str| {
        let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        match part.len() {
            64 if is_hex => "HASH".to_owned(),
            2 if is_hex => "HH".to_owned(),
            _ if part.starts_with(".catalog-") && part.ends_with("-journal") => "a draft's journal".to_owned(),
            _ if part.starts_with(".catalog-") || part.starts_with(".tmp") || part.ends_with(".keepsake-partial") => {
                "a draft".to_owned()
            }
            _ if Path::new(part).extension().is_some_and(|ending| ending == "new" || ending == "part") => {
                "a draft".to_owned()
            }
            _ if part.contains("IMG_") => "PHOTO".to_owned(),
            _ => part.to_owned(),
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}
