//! Folders as tests see them.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file below a folder, links not followed, as sorted paths with `/`.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).expect("a folder can be listed") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            } else {
                let below = path.strip_prefix(folder).expect("below the folder");
                found.push(below.to_str().expect("a name that is text").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Writes a file and the folders around it.
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder around it")).expect("a folder can be made");
    fs::write(path, bytes).expect("a file can be written");
}
