//! A reader of a repository in a folder, from restic's design document (“Repository Format”, version 2) alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::crypto::Key;
use super::{number, text};
use crate::support::tree::files_below;

pub(super) struct Repository {
    pub(super) folder: PathBuf,
    pub(super) key: Key,
    pub(super) config: Value,
    blobs: BTreeMap<String, Place>,
}

/// Where a blob lies.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    pack: String,
    offset: usize,
    length: usize,
    /// How long it is unpacked; `None` for one that is not packed.
    unpacked: Option<usize>,
    is_tree: bool,
}

/// A file or folder of a snapshot.
pub(super) struct Entry {
    pub(super) path: String,
    /// As the tree has it.
    pub(super) node: Value,
    /// `None` for a folder.
    pub(super) bytes: Option<Vec<u8>>,
}

impl Repository {
    /// Opens a repository with its password, and reads its whole index.
    pub(super) fn open(folder: &Path, password: &str) -> Self {
        let keys: Vec<Key> = files_below(&folder.join("keys"))
            .iter()
            .map(|name| serde_json::from_slice(&fs::read(folder.join("keys").join(name)).unwrap()).unwrap())
            .filter_map(|file| Key::of_key_file(&file, password))
            .collect();
        let key = keys.first().expect("key files: one opens with the password").clone();
        let config = key.open(&fs::read(folder.join("config")).unwrap()).expect("config: sealed with the master key");
        let config: Value = serde_json::from_slice(&config).expect("config: JSON, never packed");
        let mut repository = Self { folder: folder.to_owned(), key, config, blobs: BTreeMap::new() };
        for (_, index) in repository.unpacked_files("index") {
            for pack in index["packs"].as_array().expect("index: a list of packs") {
                for blob in pack["blobs"].as_array().expect("index: a list of blobs") {
                    let size = |field| usize::try_from(number(blob, field)).unwrap();
                    let place = Place {
                        pack: text(pack, "id").to_owned(),
                        offset: size("offset"),
                        length: size("length"),
                        unpacked: blob.get("uncompressed_length").map(|_| size("uncompressed_length")),
                        is_tree: text(blob, "type") == "tree",
                    };
                    repository.blobs.insert(text(blob, "id").to_owned(), place);
                }
            }
        }
        repository
    }

    /// The JSON documents of a kind, by the names of their files.
    fn unpacked_files(&self, kind: &str) -> Vec<(String, Value)> {
        let read = |name: String| {
            let bytes = self.read(kind, &name);
            (name, serde_json::from_slice(&bytes).expect("a JSON document"))
        };
        files_below(&self.folder.join(kind)).into_iter().map(read).collect()
    }

    /// A file that is no pack, opened: plain JSON, or a 2 and then zstd.
    fn read(&self, kind: &str, name: &str) -> Vec<u8> {
        let sealed = fs::read(self.folder.join(kind).join(name)).unwrap();
        let opened = self.key.open(&sealed).unwrap_or_else(|| panic!("{kind}/{name}: sealed with the master key"));
        match opened.first() {
            Some(b'{' | b'[') => opened,
            Some(2) => zstd::stream::decode_all(&opened[1..]).expect("zstd"),
            other => panic!("{kind}/{name}: begins with {other:?}"),
        }
    }

    /// Every snapshot, oldest first, with its id.
    pub(super) fn snapshots(&self) -> Vec<(String, Value)> {
        let mut all = self.unpacked_files("snapshots");
        all.sort_by_key(|(_, snapshot)| text(snapshot, "time").parse::<jiff::Timestamp>().expect("a time"));
        all
    }

    /// The bytes of a blob, held against its name.
    pub(super) fn blob(&self, id: &str) -> Vec<u8> {
        let place = self.blobs.get(id).unwrap_or_else(|| panic!("blobs: {id} is in no index"));
        let pack = fs::read(self.folder.join("data").join(&place.pack[..2]).join(&place.pack)).unwrap();
        let sealed = &pack[place.offset..place.offset + place.length];
        let opened = self.key.open(sealed).unwrap_or_else(|| panic!("blobs: {id} is not sealed with the master key"));
        let plain = match place.unpacked {
            Some(length) => zstd::bulk::decompress(&opened, length).expect("blobs: zstd, as long as the index says"),
            None => opened,
        };
        assert_eq!(HEXLOWER.encode(&Sha256::digest(&plain)), id, "blobs: named by their SHA-256");
        plain
    }

    /// Every entry of a snapshot in the order of its trees: a folder, and then what is in it.
    pub(super) fn entries(&self, snapshot: &Value) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.walk(text(snapshot, "tree"), "", &mut entries);
        entries
    }

    fn walk(&self, tree: &str, folder: &str, entries: &mut Vec<Entry>) {
        assert!(self.blobs[tree].is_tree, "trees: in packs of trees");
        let tree: Value = serde_json::from_slice(&self.blob(tree)).expect("trees: JSON");
        let mut names = BTreeSet::new();
        for node in tree["nodes"].as_array().expect("trees: a list of nodes") {
            let name = unquoted(text(node, "name"));
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            assert!(names.insert(name), "trees: {path} is there once");
            let bytes = (text(node, "type") == "file").then(|| {
                let parts = node["content"].as_array().map(Vec::as_slice).unwrap_or_default();
                parts.iter().flat_map(|part| self.blob(part.as_str().unwrap())).collect()
            });
            entries.push(Entry { path: path.clone(), node: node.clone(), bytes });
            if text(node, "type") == "dir" {
                self.walk(text(node, "subtree"), &path, entries);
            }
        }
    }

    /// What is wrong with files that must be named by their own SHA-256.
    pub(super) fn misnamed(&self) -> Vec<String> {
        let kinds = ["data", "index", "keys", "snapshots"].into_iter();
        let files =
            kinds.flat_map(|kind| files_below(&self.folder.join(kind)).into_iter().map(move |name| (kind, name)));
        let wrong = files.filter(|(kind, name)| {
            let bytes = fs::read(self.folder.join(kind).join(name)).unwrap();
            let expected = HEXLOWER.encode(&Sha256::digest(&bytes));
            let expected = if *kind == "data" { format!("{}/{expected}", &expected[..2]) } else { expected };
            *name != expected
        });
        wrong.map(|(kind, name)| format!("{kind}/{name}")).collect()
    }

    /// The blobs that the packs' own headers list, and that no index has so, or the other way round.
    pub(super) fn headers_without_index(&self) -> Vec<String> {
        let mut in_headers = BTreeMap::new();
        for name in files_below(&self.folder.join("data")) {
            let pack = name.rsplit('/').next().unwrap();
            in_headers.extend(self.header(pack));
        }
        let all: BTreeSet<&String> = in_headers.keys().chain(self.blobs.keys()).collect();
        all.into_iter().filter(|id| in_headers.get(*id) != self.blobs.get(*id)).cloned().collect()
    }

    /// A pack ends with its header, sealed, and the header's length in four bytes, the lowest first.
    fn header(&self, pack: &str) -> Vec<(String, Place)> {
        let bytes = fs::read(self.folder.join("data").join(&pack[..2]).join(pack)).unwrap();
        let (rest, length) = bytes.split_last_chunk::<4>().expect("packs: a length at the end");
        let length = u32::from_le_bytes(*length) as usize;
        let header = self.key.open(&rest[rest.len() - length..]).expect("packs: a sealed header");
        let (mut left, mut offset, mut found) = (header.as_slice(), 0, Vec::new());
        while let Some((&kind, rest)) = left.split_first() {
            let (length, rest) = split_size(rest);
            let is_packed = kind == 2 || kind == 3;
            let (unpacked, rest) = if is_packed { split_size(rest) } else { (0, rest) };
            let (hash, rest) = rest.split_at(32);
            let place = Place {
                pack: pack.to_owned(),
                offset,
                length,
                unpacked: is_packed.then_some(unpacked),
                is_tree: kind == 1 || kind == 3,
            };
            found.push((HEXLOWER.encode(hash), place));
            offset += length;
            left = rest;
        }
        found
    }
}

fn split_size(bytes: &[u8]) -> (usize, &[u8]) {
    let (size, rest) = bytes.split_first_chunk::<4>().expect("packs: a size");
    (u32::from_le_bytes(*size) as usize, rest)
}

/// Names stand in trees as Go quotes them, without the quotes.
fn unquoted(name: &str) -> String {
    let mut plain = Vec::new();
    let mut rest = name;
    while let Some(at) = rest.find('\\') {
        plain.extend_from_slice(&rest.as_bytes()[..at]);
        let digits = match rest.as_bytes()[at + 1] {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            other => {
                plain.push(other);
                rest = &rest[at + 2..];
                continue;
            }
        };
        let value = u32::from_str_radix(&rest[at + 2..at + 2 + digits], 16).expect("names: hex");
        match u8::try_from(value).ok().filter(|_| digits == 2) {
            Some(byte) => plain.push(byte),
            None => plain.extend(char::from_u32(value).expect("names: a character").to_string().bytes()),
        }
        rest = &rest[at + 2 + digits..];
    }
    plain.extend_from_slice(rest.as_bytes());
    String::from_utf8(plain).expect("names: text")
}
