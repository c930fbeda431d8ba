//! Which folder lies in which, where a file system tells it in any order; paths that end, whatever loops there are.

use std::collections::HashMap;

/// Deeper than any file system goes that is not damaged or made to harm; a path has at most so many folders.
const DEEPEST: usize = 256;

/// Folders by number, each with the one that it lies in.
#[derive(Default)]
pub(super) struct FolderTree {
    top: u64,
    folders: HashMap<u64, (u64, Box<[u8]>)>,
}

impl FolderTree {
    /// No folder but the one at the top.
    pub(super) fn below(top: u64) -> Self {
        Self { top, folders: HashMap::new() }
    }

    /// Learns where the folder `id` lies; what is known already stays.
    pub(super) fn add(&mut self, id: u64, parent: u64, name: Vec<u8>) {
        self.folders.entry(id).or_insert((parent, name.into_boxed_slice()));
    }

    /// The folder in which `id` lies.
    pub(super) fn parent(&self, id: u64) -> Option<u64> {
        self.folders.get(&id).map(|(parent, _)| *parent)
    }

    /// Puts the folder `id` somewhere else.
    pub(super) fn put(&mut self, id: u64, parent: u64, name: Vec<u8>) {
        self.folders.insert(id, (parent, name.into_boxed_slice()));
    }

    /// The path of what is called `name` in the folder `parent`. Where the way up to the top is lost, leads in a circle
    /// or is too long, the path begins with `[orphan]/folder-N`.
    pub(super) fn path(&self, parent: u64, name: &[u8]) -> Vec<u8> {
        let mut parts = vec![name];
        let mut at = parent;
        while at != self.top
            && let Some((above, name)) = self.folders.get(&at).filter(|_| parts.len() <= DEEPEST)
        {
            parts.push(name);
            at = *above;
        }
        let lost = format!("[orphan]/folder-{at}");
        if at != self.top {
            parts.push(lost.as_bytes());
        }
        parts.reverse();
        parts.join(&b'/')
    }
}

/// A name as one part of a path: a slash becomes a colon (as a Mac shows it), a zero its picture, and nothing is called
/// like the folder itself or the one above.
pub(super) fn part_of_path(name: &[u8]) -> Vec<u8> {
    match name {
        b"" | b"." => b"_".to_vec(),
        b".." => b"__".to_vec(),
        name => {
            let mut part = Vec::with_capacity(name.len());
            for byte in name {
                match byte {
                    b'/' => part.push(b':'),
                    0 => part.extend("\u{2400}".as_bytes()),
                    byte => part.push(*byte),
                }
            }
            part
        }
    }
}

/// A name in UTF-16, most significant byte first; what is no character becomes U+FFFD.
pub(super) fn from_utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_down_from_the_top() {
        let mut tree = FolderTree::below(2);
        tree.add(20, 16, b"Rome".to_vec());
        tree.add(16, 2, b"Photos".to_vec());
        assert_eq!(tree.path(20, b"a.jpg"), b"Photos/Rome/a.jpg");
        assert_eq!(tree.path(2, b"b.jpg"), b"b.jpg");
    }

    #[test]
    fn a_lost_folder_and_a_circle_have_an_end() {
        let mut tree = FolderTree::below(2);
        tree.add(20, 77, b"Rome".to_vec());
        assert_eq!(tree.path(20, b"a.jpg"), b"[orphan]/folder-77/Rome/a.jpg");
        tree.add(77, 20, b"Italy".to_vec());
        let path = tree.path(20, b"a.jpg");
        assert!(path.starts_with(b"[orphan]/folder-") && path.ends_with(b"/Italy/Rome/a.jpg"));
        assert!(path.len() < 4096);
    }

    #[test]
    fn no_name_leads_out_of_its_folder() {
        assert_eq!(part_of_path(b".."), b"__");
        assert_eq!(part_of_path(b"a/b"), b"a:b");
        assert_eq!(part_of_path(b"\0HFS"), "\u{2400}HFS".as_bytes());
    }
}
