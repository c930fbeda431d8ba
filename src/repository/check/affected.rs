//! Which files of a snapshot a damaged pack touches.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rustic_core::repofile::{BlobType, IndexPack, NodeType};
use rustic_core::{Id, IndexedFullStatus, TreeId};

use super::FindingKind;
use crate::repository::engine::Engine;
use crate::repository::error::RepositoryError;
use crate::repository::location::Location;

/// The files of one snapshot that need something that is gone.
#[derive(Default)]
pub(super) struct Affected {
    by_pack: BTreeMap<Id, BTreeSet<String>>,
    unnamed: BTreeSet<String>,
}

/// Where a blob is: in packs that are whole, or only in bad ones.
enum Whereabouts {
    Safe,
    OnlyIn(Vec<Id>),
}

impl Affected {
    /// Walks the snapshot; fails when the store does. A folder that cannot be read stands for all that is in it, with a slash at its end.
    pub(super) fn find(
        location: &Location,
        engine: &Engine<IndexedFullStatus>,
        tree: TreeId,
        packs: &BTreeMap<Id, IndexPack>,
        bad: &BTreeMap<Id, (FindingKind, String)>,
    ) -> Result<Self, RepositoryError> {
        let whereabouts = whereabouts(packs, bad);
        let mut affected = Self::default();
        let mut folders = vec![(String::new(), tree)];
        while let Some((folder, tree)) = folders.pop() {
            let place = whereabouts.get(&(BlobType::Tree, tree.into_inner()));
            // A folder in an altered pack may still be readable; its files are known then.
            let tree = match engine.get_tree(&tree) {
                Ok(tree) => tree,
                Err(error) => match RepositoryError::from_reading(location, "a folder", &error) {
                    error if !error.is_of_one_part() => return Err(error),
                    _ => {
                        affected.add(place, format!("{folder}/"));
                        continue;
                    }
                },
            };
            for node in tree.nodes {
                let name = node.name().to_string_lossy().into_owned();
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if node.node_type == NodeType::Dir {
                    folders.extend(node.subtree.map(|tree| (path.clone(), tree)));
                }
                for blob in node.content.into_iter().flatten() {
                    let place = whereabouts.get(&(BlobType::Data, blob.into_inner()));
                    if !matches!(place, Some(Whereabouts::Safe)) {
                        affected.add(place, path.clone());
                    }
                }
            }
        }
        Ok(affected)
    }

    fn add(&mut self, place: Option<&Whereabouts>, path: String) {
        match place {
            Some(Whereabouts::OnlyIn(packs)) => {
                for pack in packs {
                    self.by_pack.entry(*pack).or_default().insert(path.clone());
                }
            }
            Some(Whereabouts::Safe) | None => {
                self.unnamed.insert(path);
            }
        }
    }

    /// The files that need something that only this bad pack has.
    pub(super) fn by_pack(&self, pack: &Id) -> Vec<String> {
        self.by_pack.get(pack).into_iter().flatten().cloned().collect()
    }

    /// The files that need something that no index names.
    pub(super) fn unnamed(&self) -> Vec<String> {
        self.unnamed.iter().cloned().collect()
    }
}

fn whereabouts(
    packs: &BTreeMap<Id, IndexPack>,
    bad: &BTreeMap<Id, (FindingKind, String)>,
) -> HashMap<(BlobType, Id), Whereabouts> {
    let mut found: HashMap<(BlobType, Id), Whereabouts> = HashMap::new();
    for (id, pack) in packs {
        for blob in &pack.blobs {
            let place =
                found.entry((blob.tpe, blob.id.into_inner())).or_insert_with(|| Whereabouts::OnlyIn(Vec::new()));
            match place {
                Whereabouts::OnlyIn(packs) if bad.contains_key(id) => packs.push(*id),
                Whereabouts::OnlyIn(_) => *place = Whereabouts::Safe,
                Whereabouts::Safe => {}
            }
        }
    }
    found
}
