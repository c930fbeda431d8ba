//! One photo of an export, without reading all of it into a catalog.

use serde::Deserialize;

/// What finding a photo needs of its line.
#[derive(Deserialize)]
struct Line {
    id: String,
    path: String,
}

/// The path in its snapshot of the photo whose id begins with `id`, if it is in this shard.
pub fn path_of_exported_photo(shard: &[u8], id: &str) -> Option<String> {
    let lines = shard.split(|byte| *byte == b'\n').skip(1);
    lines
        .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
        .find(|line| line.id.starts_with(id))
        .map(|line| line.path)
}
