//! Some lines of an export, without reading all of it into a catalog.

use serde::Deserialize;
use serde_json::Value;

use crate::model::PhotoId;

/// A photo, as far as finding it takes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ExportedPhoto {
    /// Which photo.
    pub id: PhotoId,
    /// Its path under `photos/`; in the trash it stands under `trash/` instead.
    pub path: String,
}

/// An album, as far as finding it takes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ExportedAlbum {
    /// Whose.
    pub owner: String,
    /// What it is called.
    pub name: String,
    /// Its folder below `albums/<owner>/`.
    pub folder: String,
}

/// The photos of a shard whose id begins with `id`; none when it is no shard of photos.
pub fn exported_photos(shard: &[u8], id: &str) -> Vec<ExportedPhoto> {
    let mut photos: Vec<ExportedPhoto> = lines(shard, "photos");
    photos.retain(|photo| photo.id.as_str().starts_with(id));
    photos
}

/// The albums of a shard; none when it is no shard of albums.
pub fn exported_albums(shard: &[u8]) -> Vec<ExportedAlbum> {
    lines(shard, "albums")
}

/// The lines of a shard of `what` that can be read.
fn lines<L: for<'a> Deserialize<'a>>(shard: &[u8], what: &str) -> Vec<L> {
    let mut lines = shard.split(|byte| *byte == b'\n');
    let header: Option<Value> = lines.next().and_then(|line| serde_json::from_slice(line).ok());
    if header.is_none_or(|header| header.get("what").and_then(Value::as_str) != Some(what)) {
        return Vec::new();
    }
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_and_albums_are_found_in_their_own_shards_only() {
        let photos = b"{\"schema\":1,\"what\":\"photos\"}\n{\"id\":\"0123456789abcdef\",\"path\":\"photos/a/x.jpg\"}\nnonsense\n";
        let albums =
            b"{\"schema\":1,\"what\":\"albums\"}\n{\"owner\":\"anna\",\"name\":\"Lisbon\",\"folder\":\"Lisbon (2)\"}\n";
        assert_eq!(exported_photos(photos, "0123").len(), 1);
        assert!(exported_photos(photos, "9").is_empty());
        assert!(exported_photos(albums, "").is_empty());
        assert_eq!(exported_albums(albums).len(), 1);
        assert!(exported_albums(photos).is_empty());
    }
}
