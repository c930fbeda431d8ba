//! The folders of a volume, and the paths of what lies in them.
//!
//! Memory: about 80 bytes and the name for each folder, whether it lives or not; files are not kept.

use std::collections::HashMap;

use super::attribute::{Name, Reference};
use crate::model::{Ranges, RawPath};

/// The record of the top folder.
pub(super) const TOP: u64 = 5;
/// The record of `$Extend`, in which the volume keeps its own books.
const EXTEND: u64 = 11;
/// What the names of lost folders are replaced by.
const ORPHAN: &str = "[orphan]";
/// How deep folders are followed, and how long a path becomes: Windows itself ends at 32,767 characters.
const DEEPEST: usize = 256;
const LONGEST: usize = 64 << 10;

/// A folder, as its record tells.
struct Folder {
    parent: Reference,
    name: Box<str>,
    sequence: u16,
    is_living: bool,
}

/// All folders by the number of their record.
#[derive(Default)]
pub(super) struct Folders(HashMap<u64, Folder>);

impl Folders {
    /// Keeps a folder.
    pub(super) fn insert(&mut self, at: Reference, is_living: bool, name: Name) {
        let Name { parent, text, modified_at: _, is_short: _ } = name;
        self.0.insert(at.number, Folder { parent, name: text.into(), sequence: at.sequence, is_living });
    }

    /// The path of a file called `name` in `parent`; `None` where it is one of the volume's own books.
    ///
    /// Where a folder's place was given to something else, all that is known stands below `[orphan]`; where the
    /// folder's record is among those that are `lost`, below its number there, so that its files stay together.
    pub(super) fn path(&self, parent: Reference, name: &str, lost: &Ranges) -> Option<RawPath> {
        let mut above: Vec<&str> = Vec::new();
        let mut length = name.len();
        let mut seen = Vec::new();
        let mut at = parent;
        let mut number_of_lost = None;
        let is_orphan = loop {
            if at.number == TOP {
                break false;
            }
            if at.number == EXTEND {
                return None;
            }
            let Some(folder) = self.0.get(&at.number) else {
                number_of_lost = lost.contains(at.number).then(|| format!("folder {}", at.number));
                break true;
            };
            length += folder.name.len() + 1;
            if !folder.answers_to(at) || seen.contains(&at.number) || seen.len() == DEEPEST || length > LONGEST {
                break true;
            }
            seen.push(at.number);
            above.push(&folder.name);
            at = folder.parent;
        };
        above.extend(number_of_lost.as_deref());
        above.extend(is_orphan.then_some(ORPHAN));
        above.reverse();
        above.push(name);
        Some(RawPath::from_bytes(above.join("/").into_bytes()))
    }
}

impl Folder {
    /// Whether it is the folder that was meant, and not one that took the place of its record later. When a record is
    /// freed, it is counted on by one.
    fn answers_to(&self, reference: Reference) -> bool {
        self.sequence == reference.sequence || !self.is_living && self.sequence == after(reference.sequence)
    }
}

/// The number that follows in a record's place: 0 is never used.
pub(super) fn after(sequence: u16) -> u16 {
    sequence.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64, sequence: u16) -> Reference {
        Reference { number, sequence }
    }

    fn folders(of: &[(Reference, bool, Reference, &str)]) -> Folders {
        let mut folders = Folders::default();
        for (at, is_living, parent, text) in of {
            let name = Name { parent: *parent, text: (*text).to_owned(), modified_at: None, is_short: false };
            folders.insert(*at, *is_living, name);
        }
        folders
    }

    fn path(folders: &Folders, parent: Reference) -> String {
        let found = folders.path(parent, "a.jpg", &Ranges::one(90..100));
        found.map_or("none".into(), |path| path.to_string())
    }

    #[test]
    fn a_path_goes_up_to_the_top() {
        let folders = folders(&[(at(30, 1), true, at(5, 5), "DCIM"), (at(31, 4), true, at(30, 1), "100")]);
        assert_eq!(path(&folders, at(31, 4)), "DCIM/100/a.jpg");
        assert_eq!(path(&folders, at(5, 5)), "a.jpg");
        assert_eq!(path(&folders, at(11, 11)), "none", "the volume's own books");
    }

    #[test]
    fn a_place_that_was_given_away_is_no_folder_of_the_file() {
        let folders = folders(&[(at(30, 2), true, at(5, 5), "other"), (at(31, 4), true, at(30, 1), "100")]);
        assert_eq!(path(&folders, at(31, 4)), "[orphan]/100/a.jpg");
        assert_eq!(path(&folders, at(31, 3)), "[orphan]/a.jpg", "a living folder answers to its own number only");
    }

    #[test]
    fn a_deleted_folder_is_found_by_the_number_before() {
        let folders = folders(&[(at(30, 2), false, at(5, 5), "gone"), (at(31, 1), false, at(30, u16::MAX), "older")]);
        assert_eq!(path(&folders, at(30, 1)), "gone/a.jpg");
        assert_eq!(path(&folders, at(30, 2)), "gone/a.jpg");
        assert_eq!(path(&folders, at(31, u16::MAX)), "[orphan]/older/a.jpg");
    }

    #[test]
    fn files_of_a_folder_that_cannot_be_read_stay_together() {
        let folders = folders(&[(at(31, 4), true, at(95, 1), "100")]);
        assert_eq!(path(&folders, at(31, 4)), "[orphan]/folder 95/100/a.jpg");
        assert_eq!(path(&folders, at(96, 4)), "[orphan]/folder 96/a.jpg");
    }

    #[test]
    fn loops_and_depths_end() {
        let folders = folders(&[
            (at(30, 1), true, at(31, 1), "a"),
            (at(31, 1), true, at(30, 1), "b"),
            (at(32, 1), true, at(32, 1), "c"),
        ]);
        assert_eq!(path(&folders, at(30, 1)), "[orphan]/b/a/a.jpg");
        assert_eq!(path(&folders, at(32, 1)), "[orphan]/c/a.jpg");
        let deep: Vec<_> = (100..5000).map(|number| (at(number, 1), true, at(number + 1, 1), "deep")).collect();
        assert_eq!(path(&self::folders(&deep), at(100, 1)).matches("deep").count(), DEEPEST);
    }
}
