//! What a snapshot holds, as the snapshot itself says it: files, and the hash of each.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use super::backup::checksum_shard;
use crate::model::{ObjectId, Problem, ProblemKind};
use crate::repository::{Listing, LostFolder, Repository, SnapshotFile, SnapshotId};

/// The files of one snapshot, with what proves them.
pub(super) struct Contents {
    /// Every file, by its path.
    pub(super) files: BTreeMap<String, SnapshotFile>,
    checksums: BTreeMap<String, ObjectId>,
    /// Shards that did not come back whole.
    lost: BTreeSet<String>,
    /// Folders that cannot be read: nobody knows the files in them.
    lost_folders: Vec<LostFolder>,
}

impl Contents {
    /// Lists a snapshot. No content is fetched. A folder that cannot be read hides no other.
    pub(super) fn list(repository: &Repository, snapshot: &SnapshotId) -> Result<Self, Error> {
        let Listing { files, lost } = repository.listing(snapshot)?;
        let files = files.into_iter().filter(|file| is_plain(&file.path)).map(|file| (file.path.clone(), file));
        let (checksums, lost_shards) = (BTreeMap::new(), BTreeSet::new());
        Ok(Self { files: files.collect(), checksums, lost: lost_shards, lost_folders: lost })
    }

    /// A problem for each folder that cannot be read, below `top` where one is given.
    pub(super) fn lost_folders(&self, top: Option<&str>) -> Vec<Problem> {
        let below = |folder: &&LostFolder| top.is_none_or(|top| folder.path.split('/').next() == Some(top));
        let told = |folder: &LostFolder| {
            let message = format!("this folder of the snapshot cannot be read, nor the files in it: {}", folder.why);
            Problem::new(folder.path.as_str(), ProblemKind::Unreadable, message)
        };
        self.lost_folders.iter().filter(below).map(told).collect()
    }

    /// Fetches the checksum lines of the shards that prove `paths`; afterwards [`Self::expected`] answers for them.
    ///
    /// A shard that does not come back whole costs no photo: it is a problem, and its files are told to be unproven.
    pub(super) fn fetch_checksums<'a>(
        &mut self,
        repository: &Repository,
        paths: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<Problem>, Error> {
        let mut problems = Vec::new();
        let shards: BTreeSet<String> = paths.map(checksum_shard).collect();
        for shard in shards {
            let Some(file) = self.files.get(&format!("keepsake/checksums/{shard}.b3")) else { continue };
            match read_whole(repository, file) {
                Ok(bytes) => self.checksums.extend(String::from_utf8_lossy(&bytes).lines().filter_map(parse_line)),
                Err(Error::Repository(error)) if error.is_of_one_file() => {
                    self.lost.insert(shard.clone());
                    problems.push(Problem::new(file.path.as_str(), ProblemKind::Damaged, Error::chain(&error)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(problems)
    }

    /// Whether the hash of `path` was written into the snapshot, and is lost.
    pub(super) fn is_hash_lost(&self, path: &str) -> bool {
        let of_checksums = |folder: &LostFolder| ["keepsake", "keepsake/checksums"].contains(&folder.path.as_str());
        self.lost.contains(&checksum_shard(path)) || self.lost_folders.iter().any(of_checksums)
    }

    /// The hash that the snapshot gives for `path`, if its shard was fetched and names it.
    pub(super) fn expected(&self, path: &str) -> Option<ObjectId> {
        self.checksums.get(path).copied()
    }
}

impl Contents {
    /// Where each object stands in the snapshot, as its own checksums say: below `photos/` where there is a choice.
    /// Shards that were not fetched are not in it.
    pub(super) fn path_of_each_object(&self) -> BTreeMap<ObjectId, &str> {
        let there = self.checksums.iter().filter(|(path, _)| self.files.contains_key(path.as_str()));
        let mut paths: BTreeMap<ObjectId, &str> = BTreeMap::new();
        // Albums come before photos, and are written over.
        for (path, object) in there.filter(|(path, _)| !path.starts_with("keepsake/")) {
            let known = paths.entry(*object).or_insert(path);
            if known.starts_with("albums/") {
                *known = path;
            }
        }
        paths
    }
}

/// Reads a small file of a snapshot into memory.
pub(super) fn read_whole(repository: &Repository, file: &SnapshotFile) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    repository.read(file, &mut bytes)?;
    Ok(bytes)
}

/// The name of a part of the catalog's export, when the path is one's.
pub(super) fn exported(path: &str) -> Option<&str> {
    let name = path.strip_prefix("keepsake/")?;
    path.rsplit_once('.').filter(|(_, ending)| *ending == "jsonl").map(|_| name)
}

fn parse_line(line: &str) -> Option<(String, ObjectId)> {
    let (hash, path) = line.split_once("  ")?;
    Some((path.to_owned(), hash.parse().ok()?))
}

/// A path that leads out of the folder it is restored into is not ours, whoever wrote it.
fn is_plain(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_out_are_not_listed() {
        assert!(is_plain("photos/anna/2014/a.jpg"));
        for path in ["", "/etc/passwd", "../x", "photos/../../x", "photos//x", "a\0b", "./x"] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[test]
    fn a_line_of_b3sum_is_understood() {
        let line = format!("{}  photos/a  b.jpg", ObjectId::of(b"x"));
        assert_eq!(parse_line(&line), Some(("photos/a  b.jpg".to_owned(), ObjectId::of(b"x"))));
        assert_eq!(parse_line("nonsense"), None);
    }
}
