//! What a check found.

use serde::Serialize;

use crate::model::{ObjectId, PhotoId};

/// The archive's own objects, checked.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct ObjectsCheck {
    /// Objects looked at.
    pub checked: u64,
    /// Objects that the catalog knows and the store has not.
    pub missing: Vec<ObjectId>,
    /// Objects whose bytes are not what their name says.
    pub altered: Vec<ObjectId>,
}

/// The sort of finding that says: the repository could not be looked at, which tells nothing of what is in it.
pub const UNOPENABLE: &str = "unopenable";

/// Something wrong in a repository.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What sort: `pack-missing`, `pack-altered`, `index-missing`, `structure`, …
    pub kind: String,
    /// Which file, and what is wrong with it.
    pub what: String,
    /// The photos whose bytes it touches, where that could be told.
    pub affected_photos: Vec<PhotoId>,
    /// What to do about it, where there is one clear thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One repository, checked.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct RepositoryCheck {
    /// The repository.
    pub name: String,
    /// Whether nothing is wrong as far as was looked.
    pub ok: bool,
    /// Bytes of packs read back and compared; 0 when only the structure was checked.
    pub read_bytes: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct CheckReport {
    /// What is wrong with the catalog's own file, in the words of SQLite.
    pub catalog: Vec<String>,
    /// The archive's own objects.
    pub objects: ObjectsCheck,
    /// What is wrong with the copies of the recovery kit, the archive's own and those beside the repositories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kit: Vec<String>,
    /// The repositories.
    pub repositories: Vec<RepositoryCheck>,
}

impl CheckReport {
    /// Whether nothing is wrong as far as was looked.
    pub fn is_sound(&self) -> bool {
        self.catalog.is_empty()
            && self.kit.is_empty()
            && self.objects.missing.is_empty()
            && self.objects.altered.is_empty()
            && self.repositories.iter().all(|repository| repository.ok)
    }
}
