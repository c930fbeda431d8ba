//! The catalog as text, read by its own rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::restic::Entry;
use super::text;

/// In the order in which they are to be read.
pub(super) const ORDER: [&str; 6] = ["sources", "objects", "sightings", "photos", "tombstones", "albums"];

/// Every line of an export, by what it is, in the order of reading.
pub(super) struct Lines(BTreeMap<String, Vec<(String, Value)>>);

impl Lines {
    /// Reads every `.jsonl` below `keepsake/`.
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut all: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
        let mut shards: Vec<&Entry> = entries.iter().filter(|entry| is_shard(&entry.path)).collect();
        shards.sort_by_key(|entry| &entry.path);
        for shard in shards {
            let name = shard.path.strip_prefix("keepsake/").expect("below keepsake/");
            let bytes = shard.bytes.as_ref().expect("a file");
            let written = str::from_utf8(bytes).expect("the catalog as text: UTF-8");
            let whole = written.strip_suffix('\n').expect("the catalog as text: every line ends with a line feed");
            let mut lines =
                whole.split('\n').map(|line| serde_json::from_str(line).expect("a JSON document in each line"));
            let first: Value = lines.next().expect("the first line");
            let what = text(&first, "what");
            let known = [1, 2].map(|schema| serde_json::json!({"schema": schema, "what": what}));
            assert!(known.contains(&first), "{name}: the first line: {first}");
            let lines: Vec<Value> = lines.collect();
            assert!(!lines.is_empty(), "{name}: what would be empty is missing");
            let named = lines.into_iter().map(|line| (name.to_owned(), line));
            all.entry(what.to_owned()).or_default().extend(named);
        }
        assert!(all.keys().all(|what| ORDER.contains(&what.as_str())), "{:?}", all.keys());
        Self(all)
    }

    /// The lines of a kind.
    pub(super) fn of_kind(&self, what: &str) -> impl Iterator<Item = &Value> {
        self.with_shards(what).map(|(_, line)| line)
    }

    /// The same, with the name of the file that each stands in.
    pub(super) fn with_shards(&self, what: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.0.get(what).into_iter().flatten().map(|(shard, line)| (shard.as_str(), line))
    }

    /// What each line says that it is, held against the fields of the document; those that it names and may not have,
    /// and those that it lacks.
    pub(super) fn unlisted_fields(&self) -> BTreeSet<String> {
        let mut wrong = BTreeSet::new();
        for what in ORDER {
            for line in self.of_kind(what) {
                hold_against(fields(what), line, what, &mut wrong);
            }
        }
        wrong
    }
}

fn is_shard(path: &str) -> bool {
    path.starts_with("keepsake/") && path.ends_with(".jsonl")
}

/// The table of docs/format.md: names, `?` where one may be missing, and what is inside an object or a list of them.
enum Inside {
    Plain,
    Fields(&'static str),
}

fn fields(what: &str) -> &'static str {
    match what {
        "sources" => "source kind volume? root root_bytes? name",
        "objects" => "object sha1 size kind kept_at examined?",
        "examined" => "version condition depth good_percent? finding? facts payload? look?",
        "facts" => {
            "width? height? orientation? camera? lens? position? rating? caption? keywords? duration_ms? live_id? times?"
        }
        "position" => "latitude longitude",
        "times" | "taken_at" => "local offset? source certainty",
        "sightings" => "source path path_bytes? owner outcome object? size modified_at? reason? first_seen_at",
        "photos" => "id owner object name path? added_at deleted_at? said? description? companions?",
        "said" => "what value at",
        "description" => {
            "name taken_at? position? rating? caption? keywords? camera? lens? width? height? orientation? duration_ms?"
        }
        "companions" => "object role name path?",
        "tombstones" => "owner object photo deleted_at",
        "albums" => "owner name folder created_at photos",
        "members" => "photo added_at",
        other => panic!("no such table: {other}"),
    }
}

fn inside(what: &str, field: &str) -> Inside {
    match (what, field) {
        ("albums", "photos") => Inside::Fields(fields("members")),
        (_, "examined" | "facts" | "position" | "times" | "taken_at" | "said" | "description" | "companions") => {
            Inside::Fields(fields(field))
        }
        _ => Inside::Plain,
    }
}

fn hold_against(table: &str, line: &Value, what: &str, wrong: &mut BTreeSet<String>) {
    let line = line.as_object().expect("an object");
    let mut known = BTreeSet::new();
    for field in table.split(' ') {
        let name = field.trim_end_matches('?');
        known.insert(name);
        if field == name && !line.contains_key(name) {
            wrong.insert(format!("{what} lack “{name}”"));
        }
    }
    for (name, value) in line {
        if !known.contains(name.as_str()) {
            wrong.insert(format!("{what} have “{name}”, of which the document does not tell"));
        }
        if value.is_null() {
            wrong.insert(format!("{what}: “{name}” is null instead of missing"));
        }
        if let Inside::Fields(table) = inside(what, name) {
            let several = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for one in &several {
                let name = if what == "albums" { "members" } else { name };
                hold_against(table, one, name, wrong);
            }
        }
    }
}
