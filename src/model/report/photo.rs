//! Photos and albums, one by one and in lists.

use serde::Serialize;

use crate::model::{Album, Condition, Kind, ObjectId, PhotoId};

/// One photo in a list of results.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PhotoSummary {
    /// Its id.
    pub id: PhotoId,
    /// Its original.
    pub object: ObjectId,
    /// The name it came with.
    pub name: String,
    /// The wall clock where it was taken, `2014-08-03T14:22:33`.
    pub taken_at: Option<String>,
    /// Who says so.
    pub taken_at_source: Option<String>,
    /// How whole it is; `None` until it has been examined.
    pub condition: Option<Condition>,
    /// Its format.
    pub kind: Kind,
    /// Its path in every snapshot.
    pub path: String,
    /// Other photos that are the same picture with other metadata, the best first; in lists only where they are grouped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same_picture: Vec<PhotoId>,
}

/// What a search found.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct SearchReport {
    /// How many photos match, shown or not.
    pub total: u64,
    /// The first of them, newest first.
    pub photos: Vec<PhotoSummary>,
}

/// One place where a photo's bytes were seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SightingReport {
    /// The source, as it was named.
    pub source: String,
    /// The path in it.
    pub path: String,
    /// When the file was last written, by the source's clock; RFC 3339.
    pub modified_at: Option<String>,
}

/// One proof that a photo came back whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ProofReport {
    /// The repository it was restored from.
    pub repository: String,
    /// When; RFC 3339.
    pub at: String,
}

/// One file that belongs to a photo.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CompanionReport {
    /// What it is: `raw`, `live-video`, `sidecar`.
    pub role: String,
    /// Its bytes.
    pub object: ObjectId,
    /// The name it came with.
    pub name: String,
}

/// A photo that belongs to another, and stays a photo of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct RelatedReport {
    /// The other photo.
    pub photo: PhotoId,
    /// What this photo is to the other.
    pub relation: Relation,
}

/// What a photo is to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// It was made of the other.
    EditOf,
    /// The other was made of it.
    EditedAs,
}

/// Everything known about one photo.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PhotoReport {
    /// What a list shows of it.
    #[serde(flatten)]
    pub summary: PhotoSummary,
    /// Whose it is.
    pub owner: String,
    /// Bytes of the original.
    pub size: u64,
    /// How much of the time is known: `exact`, `day`, `month`, `year`, `guess`.
    pub taken_at_certainty: Option<String>,
    /// The zone of the wall clock, `+02:00`.
    pub zone: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// The camera.
    pub camera: Option<String>,
    /// The lens.
    pub lens: Option<String>,
    /// Pixels across, upright.
    pub width: Option<u32>,
    /// Pixels down, upright.
    pub height: Option<u32>,
    /// How far the condition was tested: `pixels`, `structure`, `signature`.
    pub tested: Option<String>,
    /// What is wrong with it, in words.
    pub finding: Option<String>,
    /// How much of the picture is good, where damage could be measured.
    pub good_percent: Option<u8>,
    /// Stars.
    pub rating: Option<i8>,
    /// What somebody wrote about it.
    pub caption: Option<String>,
    /// Keywords.
    pub tags: Vec<String>,
    /// Names of the people on it.
    pub people: Vec<String>,
    /// Names of the albums it is in.
    pub albums: Vec<String>,
    /// RAW, moving half, sidecars.
    pub companions: Vec<CompanionReport>,
    /// Photos that are edits of it, or that it is an edit of.
    pub related: Vec<RelatedReport>,
    /// Every place where it was seen.
    pub sightings: Vec<SightingReport>,
    /// Every repository it came back from.
    pub proofs: Vec<ProofReport>,
    /// When it was deleted; RFC 3339.
    pub deleted_at: Option<String>,
}

/// One album in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AlbumReport {
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// Photos in it, deleted ones not counted.
    pub photos: u64,
    /// The day of its earliest dated photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The day of its latest dated photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl From<Album> for AlbumReport {
    fn from(album: Album) -> Self {
        let Album { id: _, owner, name, photos, from, to } = album;
        Self { name: name.to_string(), owner, photos, from, to }
    }
}
