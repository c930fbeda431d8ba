//! The page docs/damage.md, read as the table that it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::things::{Damage, Thing, Verb};

/// One combination of all three.
pub(super) type Cell = (Thing, Damage, Verb);

/// How a call must end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    pub(super) code: i32,
    /// Stands in what is printed.
    pub(super) says: String,
}

/// Every cell of the page; a row that cannot be understood, or a cell that stands twice, fails the test.
pub(super) fn read() -> BTreeMap<Cell, Finding> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/damage.md");
    let text = fs::read_to_string(page).expect("the page is there");
    let mut cells = BTreeMap::new();
    let mut thing = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            thing = Thing::ALL.into_iter().find(|thing| thing.name() == heading);
        } else if let (Some(thing), Some(row)) = (thing, line.strip_prefix("| `")) {
            for (cell, finding) in parse(thing, row, line) {
                assert!(cells.insert(cell, finding).is_none(), "{cell:?} stands there twice");
            }
        }
    }
    cells
}

fn parse(thing: Thing, row: &str, line: &str) -> Vec<(Cell, Finding)> {
    let parts: Vec<&str> = row.split('|').map(str::trim).collect();
    let [verb, damages, code, says, ""] = parts[..] else { panic!("five parts: {line}") };
    let verb = verb.trim_end_matches('`');
    let verb = Verb::ALL.into_iter().find(|known| known.name() == verb).unwrap_or_else(|| panic!("a command: {line}"));
    let damages: Vec<Damage> = match damages {
        "any" => Damage::ALL.to_vec(),
        some => some.split(", ").map(|name| damage(name, line)).collect(),
    };
    let finding = Finding { code: code.parse().expect("an exit code"), says: says.to_owned() };
    damages.into_iter().map(|damage| ((thing, damage, verb), finding.clone())).collect()
}

fn damage(name: &str, line: &str) -> Damage {
    Damage::ALL.into_iter().find(|known| known.name() == name).unwrap_or_else(|| panic!("a damage: {line}"))
}
