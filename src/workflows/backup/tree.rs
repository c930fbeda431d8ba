//! The tree of a snapshot: human names, every object, albums as hard links, and what proves and explains it all.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::catalog::{Plan, PlanPhoto, Shard};
use crate::formats::sidecar;
use crate::model::{ObjectId, PhotoId};
use crate::recovery;
use crate::repository::{Content, Opener, TreeFile};
use crate::workflows::{Error, OpenArchive};

/// The time of every file that is made for the snapshot, 2026-01-01: what did not change must look unchanged.
const WRITTEN_AT: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Lays out the snapshot of `plan`.
///
/// Every object of the catalog is in it at least once; every file but the checksums and the text for a finder has a line
/// in one of `keepsake/checksums/*.b3`.
pub(super) fn files(
    open: &OpenArchive,
    plan: &Plan,
    export: Vec<Shard>,
    opener: &Opener,
) -> Result<Vec<TreeFile>, Error> {
    let mut tree = Tree { files: Vec::new(), checksums: BTreeMap::new(), opener, links: links(plan) };
    for photo in &plan.photos {
        tree.object(&photo.path, photo.object, photo.size, photo.modified_at);
        for companion in &photo.companions {
            tree.object(&companion.path, companion.object, companion.size, photo.modified_at);
        }
        if let Some(words) = words(photo) {
            tree.proven_text(format!("{}.xmp", photo.path), words, photo.modified_at);
        }
    }
    let photos: BTreeMap<&PhotoId, &PlanPhoto> = plan.photos.iter().map(|photo| (&photo.id, photo)).collect();
    for album in &plan.albums {
        for file in &album.files {
            let path = album.path(file);
            tree.object(&path, file.object, file.size, file.modified_at);
            let photo = photos.get(&file.photo).filter(|photo| photo.object == file.object);
            if let Some(words) = photo.and_then(|photo| words(photo)) {
                tree.proven_text(format!("{path}.xmp"), words, file.modified_at);
            }
        }
    }
    for file in &plan.kept {
        tree.object(&file.path, file.object, file.size, file.modified_at);
    }
    for shard in export {
        tree.proven_text(format!("keepsake/{}", shard.name), shard.bytes, WRITTEN_AT);
    }
    let settings = open.archive.settings.to_toml()?;
    tree.proven_text("keepsake/settings.toml".to_owned(), settings.into_bytes(), WRITTEN_AT);
    tree.text(
        "keepsake/READ-ME-FIRST.txt".to_owned(),
        recovery::read_me_first(&open.archive.marker.archive_id).into_bytes(),
        WRITTEN_AT,
    );
    for (shard, lines) in std::mem::take(&mut tree.checksums) {
        tree.text(format!("keepsake/checksums/{shard}.b3"), lines.into_bytes(), WRITTEN_AT);
    }
    Ok(tree.files)
}

struct Tree<'a> {
    files: Vec<TreeFile>,
    checksums: BTreeMap<String, String>,
    opener: &'a Opener,
    /// How often each object stands under `photos/` and `albums/` together.
    links: BTreeMap<ObjectId, u32>,
}

impl Tree<'_> {
    fn object(&mut self, path: &str, id: ObjectId, size: u64, modified_at: Timestamp) {
        self.checksum(path, &id);
        let hard_links = self.links.get(&id).copied().unwrap_or(1);
        let content = Content::Object { id, size, open: self.opener.clone() };
        self.files.push(TreeFile { path: path.to_owned(), modified_at, content, hard_links });
    }

    fn proven_text(&mut self, path: String, bytes: Vec<u8>, modified_at: Timestamp) {
        self.checksum(&path, &ObjectId::of(&bytes));
        self.text(path, bytes, modified_at);
    }

    fn text(&mut self, path: String, bytes: Vec<u8>, modified_at: Timestamp) {
        self.files.push(TreeFile { path, modified_at, content: Content::Bytes(bytes), hard_links: 1 });
    }

    /// Writes a line as `b3sum` does: hash, two spaces, path. Tree names hold neither backslash nor line break.
    fn checksum(&mut self, path: &str, id: &ObjectId) {
        let lines = self.checksums.entry(checksum_shard(path)).or_default();
        lines.push_str(&checksum_line(path, id));
    }
}

fn checksum_line(path: &str, id: &ObjectId) -> String {
    format!("{id}  {path}\n")
}

/// Names the shard that proves `path`: photos by their month, so that a night changes few; all else by its top folder.
pub(crate) fn checksum_shard(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["photos", _owner, _year, month, _file] => (*month).to_owned(),
        ["photos", _owner, year, _file] => (*year).to_owned(),
        ["keepsake", ..] | [] => "catalog".to_owned(),
        [top, ..] => (*top).to_owned(),
    }
}

fn links(plan: &Plan) -> BTreeMap<ObjectId, u32> {
    let mut links: BTreeMap<ObjectId, u32> = BTreeMap::new();
    let of_photos = plan
        .photos
        .iter()
        .flat_map(|photo| std::iter::once(photo.object).chain(photo.companions.iter().map(|c| c.object)));
    let of_albums = plan.albums.iter().flat_map(|album| album.files.iter().map(|file| file.object));
    for object in of_photos.chain(of_albums) {
        *links.entry(object).or_default() += 1;
    }
    links
}

/// The sidecar of what people and programs said; `None` when nobody said anything.
fn words(photo: &PlanPhoto) -> Option<Vec<u8>> {
    photo.words.as_ref().map(|words| sidecar::write(words).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_changes_only_the_checksums_of_its_months() {
        assert_eq!(checksum_shard("photos/anna/2014/2014-08/20140803-142233_IMG_1.JPG"), "2014-08");
        assert_eq!(checksum_shard("photos/anna/2014/IMG_1.JPG"), "2014");
        assert_eq!(checksum_shard("photos/anna/undated/IMG_1.JPG"), "undated");
        assert_eq!(checksum_shard("albums/anna/Lisbon/IMG_1.JPG"), "albums");
        assert_eq!(checksum_shard("keepsake/catalog/photos/2014-08.jsonl"), "catalog");
    }

    #[test]
    fn a_checksum_line_is_what_b3sum_writes() {
        let line = checksum_line("photos/a b.jpg", &ObjectId::of(b""));
        assert_eq!(line, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262  photos/a b.jpg\n");
    }
}
