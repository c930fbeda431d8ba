//! In which order files are read off a medium that may die: what is worth most first, then along the medium.

use super::file_system::{Content, DiskFile, Standing};
use crate::formats::media_names::{extension, says_media};

/// Smaller comes first.
pub(super) fn rank(file: &DiskFile, volume_at: u64) -> (Worth, u64) {
    let at = match &file.content {
        Content::Inline(..) => 0,
        Content::Extents(extents) => extents.iter().find_map(|extent| extent.at).unwrap_or(0),
        Content::Packed(packed) => packed.units.iter().flatten().find_map(|extent| extent.at).unwrap_or(0),
    };
    (worth(file), volume_at.saturating_add(at))
}

/// What a person would save first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Worth {
    /// Photos and videos that a camera or a phone put where they do.
    Camera,
    /// Other files that are called photos or videos.
    Media,
    /// Deleted files that are called so.
    DeletedMedia,
    /// What is called something else, or nothing.
    Rest,
}

fn worth(file: &DiskFile) -> Worth {
    let is_media = says_media(&extension(file.path.file_name()));
    let living = file.standing == Standing::Living;
    match (is_media, living) {
        (true, true) if file.path.as_bytes().split(|byte| *byte == b'/').any(|part| part == b"DCIM") => Worth::Camera,
        (true, true) => Worth::Media,
        (true, false) => Worth::DeletedMedia,
        (false, _) => Worth::Rest,
    }
}

#[cfg(test)]
mod tests {
    use super::super::file_system::Extent;
    use super::*;
    use crate::model::RawPath;

    fn file(path: &str, at: u64, standing: Standing) -> DiskFile {
        DiskFile {
            path: RawPath::from_bytes(path.as_bytes().to_vec()),
            size: 10,
            modified_at: None,
            inode: 0,
            standing,
            content: Content::Extents(vec![Extent { at: Some(at), length: 10 }]),
        }
    }

    #[test]
    fn camera_folders_come_first_and_each_kind_goes_along_the_medium() {
        let mut files = [
            file("notes.txt", 0, Standing::Living),
            file("old/b.JPG", 5, Standing::Living),
            file("DCIM/gone.jpg", 1, Standing::Deleted),
            file("DCIM/100/b.jpg", 90, Standing::Living),
            file("DCIM/100/a.MOV", 95, Standing::Living),
        ];
        files.sort_by_key(|file| rank(file, 1000));
        let order: Vec<String> = files.iter().map(|file| file.path.to_string()).collect();
        assert_eq!(order, ["DCIM/100/b.jpg", "DCIM/100/a.MOV", "old/b.JPG", "DCIM/gone.jpg", "notes.txt"]);
    }
}
