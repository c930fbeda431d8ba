//! The lines of an export. Fields may be added, as long as a line without them can still be read; a change that older
//! programs would read wrongly raises [`SCHEMA`].

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::description::Description;
use crate::catalog::said::Subject;
use crate::catalog::sightings::SeenOutcome;
use crate::catalog::sources::SourceIdentity;
use crate::model::{
    AlbumName, CompanionRole, Condition, Depth, Facts, Found, Kind, Look, ObjectId, Payload, PhotoId, RawPath,
};

/// The version of the lines, in the first line of every shard.
pub(in crate::catalog) const SCHEMA: u32 = 2;

/// What the lines of a shard are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::catalog) enum What {
    Sources,
    Objects,
    Sightings,
    Photos,
    Tombstones,
    Albums,
}

impl What {
    /// In the order in which they can be read: nothing names what comes after it.
    pub(in crate::catalog) const ALL: [Self; 6] =
        [Self::Sources, Self::Objects, Self::Sightings, Self::Photos, Self::Tombstones, Self::Albums];

    fn as_str(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::Objects => "objects",
            Self::Sightings => "sightings",
            Self::Photos => "photos",
            Self::Tombstones => "tombstones",
            Self::Albums => "albums",
        }
    }

    pub(in crate::catalog) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == word)
    }
}

/// The first line.
#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct Header {
    pub(in crate::catalog) schema: u32,
    pub(in crate::catalog) what: String,
}

impl Header {
    pub(in crate::catalog) fn of(what: What) -> Self {
        Self { schema: SCHEMA, what: what.as_str().to_owned() }
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct SourceLine {
    /// What sightings call it.
    pub(in crate::catalog) source: String,
    pub(in crate::catalog) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) volume: Option<String>,
    pub(in crate::catalog) root: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) root_bytes: Option<String>,
    pub(in crate::catalog) name: String,
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct ObjectLine {
    pub(in crate::catalog) object: ObjectId,
    pub(in crate::catalog) sha1: String,
    pub(in crate::catalog) size: u64,
    pub(in crate::catalog) kind: Kind,
    pub(in crate::catalog) kept_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) examined: Option<Examined>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct Examined {
    pub(in crate::catalog) version: u32,
    pub(in crate::catalog) condition: Condition,
    pub(in crate::catalog) depth: Depth,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) good_percent: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) finding: Option<String>,
    pub(in crate::catalog) facts: Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) payload: Option<Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) look: Option<Look>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct SightingLine {
    pub(in crate::catalog) source: String,
    pub(in crate::catalog) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) path_bytes: Option<String>,
    pub(in crate::catalog) owner: String,
    pub(in crate::catalog) outcome: SeenOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) object: Option<ObjectId>,
    pub(in crate::catalog) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) modified_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) reason: Option<String>,
    pub(in crate::catalog) first_seen_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) found: Option<Found>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) lost: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct PhotoLine {
    pub(in crate::catalog) id: PhotoId,
    pub(in crate::catalog) owner: String,
    pub(in crate::catalog) object: ObjectId,
    pub(in crate::catalog) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) path: Option<String>,
    pub(in crate::catalog) added_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) deleted_at: Option<Timestamp>,
    /// What people say.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(in crate::catalog) said: Vec<SaidLine>,
    /// What files say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) description: Option<Description>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(in crate::catalog) companions: Vec<CompanionLine>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct SaidLine {
    pub(in crate::catalog) what: Subject,
    pub(in crate::catalog) value: Value,
    pub(in crate::catalog) at: Timestamp,
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct CompanionLine {
    pub(in crate::catalog) object: ObjectId,
    pub(in crate::catalog) role: CompanionRole,
    pub(in crate::catalog) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::catalog) path: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct TombstoneLine {
    pub(in crate::catalog) owner: String,
    pub(in crate::catalog) object: ObjectId,
    pub(in crate::catalog) photo: PhotoId,
    pub(in crate::catalog) deleted_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct AlbumLine {
    pub(in crate::catalog) owner: String,
    pub(in crate::catalog) name: AlbumName,
    pub(in crate::catalog) folder: String,
    pub(in crate::catalog) created_at: Timestamp,
    /// In the album's order.
    pub(in crate::catalog) photos: Vec<MemberLine>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct MemberLine {
    pub(in crate::catalog) photo: PhotoId,
    pub(in crate::catalog) added_at: Timestamp,
}

/// What a source is called in the export: the same for the same kind, volume and root, whatever else there is.
pub(in crate::catalog) fn source_key(identity: &SourceIdentity) -> String {
    let SourceIdentity { kind, volume, root, name: _ } = identity;
    let volume = volume.as_deref().unwrap_or_default();
    let parts = [kind.as_bytes(), volume.as_bytes(), root.as_bytes()];
    let framed: Vec<u8> =
        parts.iter().flat_map(|part| [&(part.len() as u64).to_le_bytes()[..], part].concat()).collect();
    ObjectId::of(&framed).short(16)
}

/// A path as text and, where the text alone would not bring every byte back, as hex too.
pub(in crate::catalog) fn text_and_bytes(path: &RawPath) -> (String, Option<String>) {
    match str::from_utf8(path.as_bytes()) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (path.to_string(), Some(HEXLOWER.encode(path.as_bytes()))),
    }
}

/// The way back; `None` when the hex is none.
pub(in crate::catalog) fn exact_path(text: &str, bytes: Option<&str>) -> Option<RawPath> {
    let bytes = match bytes {
        Some(hex) => HEXLOWER.decode(hex.as_bytes()).ok()?,
        None => text.as_bytes().to_vec(),
    };
    Some(RawPath::from_bytes(bytes))
}
