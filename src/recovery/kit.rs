//! What a kit holds.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The newest version of a kit that this program reads, and the one that it makes.
pub const KIT_VERSION: u32 = 1;

/// What is needed to get everything back. Unknown fields are tolerated when one is read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kit {
    /// What the other fields mean; [`KIT_VERSION`].
    pub kit_version: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// The program that made it, with its version: `keepsake 0.1.0`.
    pub made_by: String,
    /// The archive that is in the repositories; the host of all its snapshots.
    pub archive_id: String,
    /// Where the backups are, and what opens them.
    pub repositories: Vec<KitRepository>,
}

/// One repository, and all that opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitRepository {
    /// What its people call it.
    pub name: String,
    /// Where it is, written as restic writes it.
    pub location: String,
    /// What else its store needs to know: `region`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Its own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<String>,
    /// What restic asks for.
    pub password: String,
    /// Its master key as JSON text: opens it even when its key files are lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_key: Option<String>,
    /// The key of its bucket; none for a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
}

/// The key of a bucket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Its public half: `AWS_ACCESS_KEY_ID`, `B2_ACCOUNT_ID`.
    pub id: String,
    /// Its secret half: `AWS_SECRET_ACCESS_KEY`, `B2_ACCOUNT_KEY`.
    pub secret: String,
}

/// Shows no password and no key.
impl fmt::Debug for KitRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, location, options: _, repository_id, password: _, master_key: _, credentials: _ } = self;
        f.debug_struct("KitRepository")
            .field("name", name)
            .field("location", location)
            .field("repository_id", repository_id)
            .finish_non_exhaustive()
    }
}

/// Shows no key.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
