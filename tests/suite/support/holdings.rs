//! What an archive comes down to, so that two of them can be compared.

use std::collections::BTreeMap;
use std::path::Path;

use keepsake::catalog::Catalog;
use serde_json::Value;

use super::tree::files_below;

/// All that an archive holds and knows, without the clock's part in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Holdings {
    pub(crate) objects: Vec<String>,
    /// The lines of the catalog's export, sorted, by the kind of shard they stand in.
    pub(crate) export: BTreeMap<String, Vec<String>>,
}

impl Holdings {
    /// Reads them, from a catalog that SQLite finds nothing wrong with.
    pub(crate) fn of(archive: &Path) -> Result<Self, String> {
        let said = |error| format!("the catalog: {error}");
        let catalog = Catalog::open(&archive.join("catalog.db")).map_err(said)?;
        let wrong = catalog.integrity_check().map_err(said)?;
        if !wrong.is_empty() {
            return Err(format!("SQLite finds in the catalog: {wrong:?}"));
        }
        let (_, shards) = catalog.snapshot_contents().map_err(said)?;
        let mut export: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for shard in shards {
            // The month of a shard may be that of the test's own clock.
            let kind = shard.name.split('/').next().expect("a name").to_owned();
            let text = String::from_utf8(shard.bytes).expect("an export is text");
            export.entry(kind).or_default().extend(text.lines().map(without_clock));
        }
        for lines in export.values_mut() {
            lines.sort();
        }
        Ok(Self { objects: files_below(&archive.join("objects")), export })
    }

    /// The first thing in which it differs, without printing two whole archives.
    pub(crate) fn difference(&self, expected: &Self) -> Option<String> {
        if self.objects != expected.objects {
            return Some(format!("objects {:?} instead of {:?}", self.objects, expected.objects));
        }
        let kinds = |holdings: &Self| holdings.export.keys().cloned().collect::<Vec<_>>();
        if kinds(self) != kinds(expected) {
            return Some(format!("the catalog exports {:?} instead of {:?}", kinds(self), kinds(expected)));
        }
        expected.export.iter().find_map(|(kind, lines)| {
            let others = &self.export[kind];
            let differ = lines.iter().zip(others).find(|(one, other)| one != other);
            (differ.is_some() || lines.len() != others.len()).then(|| format!("{kind}: {differ:?}"))
        })
    }
}

fn without_clock(line: &str) -> String {
    let mut value: Value = serde_json::from_str(line).expect("a line of JSON");
    forget_clock(&mut value);
    value.to_string()
}

fn forget_clock(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if ["added_at", "kept_at", "first_seen_at", "deleted_at", "created_at"].contains(&name.as_str()) {
                    // That there is a time at all is no matter of the clock.
                    *field = Value::Null;
                } else {
                    forget_clock(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forget_clock),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
