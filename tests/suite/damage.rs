//! Whatever is damaged and whatever is asked then: the finding is the one that docs/damage.md tells, nothing more is
//! lost by asking, and what comes back is what went in.

mod bench;
mod promises;
mod repairs;
mod table;
mod things;

use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use self::bench::Bench;
use self::promises::headline;
use self::table::Cell;
use self::things::{Damage, Thing, Verb};

/// Without `KEEPSAKE_THOROUGH`, every fourth cell is tried: which ones, `KEEPSAKE_SEED` decides.
const SHARE: usize = 4;

/// Two processes at a time: more would wait for each other.
const AT_ONCE: usize = 2;

fn every_cell() -> Vec<Cell> {
    let damages = Thing::ALL.into_iter().flat_map(|thing| Damage::ALL.map(|damage| (thing, damage)));
    damages.flat_map(|(thing, damage)| Verb::ALL.map(|verb| (thing, damage, verb))).collect()
}

fn is_thorough() -> bool {
    std::env::var_os("KEEPSAKE_THOROUGH").is_some()
}

/// A share of `all` that touches each part of it alike.
fn share<T>(all: Vec<T>, of: usize) -> Vec<T> {
    let seed = std::env::var("KEEPSAKE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0usize);
    // A step that shares no divisor with the number of verbs or damages: no row is left out twice.
    let is_chosen = |number: usize| is_thorough() || (number * 7 + number / 10 * 3 + seed).is_multiple_of(of);
    all.into_iter().enumerate().filter(|(number, _)| is_chosen(*number)).map(|(_, one)| one).collect()
}

/// Does `work` for each of `all` on benches of their own; fails with everything that went wrong.
fn on_benches<T: Copy + Sync>(all: &[T], work: impl Fn(&Bench, T) -> Option<String> + Sync) {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let bench = Bench::new();
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    bench.begin_anew();
                    let told = work(&bench, *one);
                    wrong.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(wrong.is_empty(), "{} of {} went wrong:\n\n{}", wrong.len(), all.len(), wrong.join("\n\n"));
}

#[test]
fn the_page_tells_of_every_damage_and_every_command_once() {
    let told: Vec<Cell> = table::read().into_keys().collect();
    let mut all = every_cell();
    all.sort();
    assert_eq!(told, all);
}

#[test]
fn every_damage_has_the_finding_that_the_page_tells_and_costs_nothing_more() {
    let table = table::read();
    let possible = bench::unreadable_is_possible();
    let mut cells = share(every_cell(), SHARE);
    cells.retain(|(_, damage, _)| possible || *damage != Damage::Unreadable);
    let record = std::env::var_os("KEEPSAKE_DAMAGE_RECORD");
    let recorded = Mutex::new(String::new());
    on_benches(&cells, |bench, cell| {
        let (thing, damage, verb) = cell;
        bench.damage(thing, damage);
        let ended = bench.ask(verb, damage);
        if record.is_some() {
            let place = bench.path("").display().to_string();
            let printed = format!("{}{}", ended.stdout, ended.stderr).replace(place.trim_end_matches('/'), "~");
            let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(recorded, "=== {} -> {}\n{printed}", headline(cell), ended.code).expect("memory takes it");
        }
        let expected = table.get(&cell)?;
        let broken = promises::broken(bench, cell, expected, &ended);
        let told = || {
            format!(
                "{}: {}\nit ended with {}\n{}{}",
                headline(cell),
                broken.join("; "),
                ended.code,
                ended.stdout,
                ended.stderr
            )
        };
        (!broken.is_empty()).then(told)
    });
    if let Some(file) = record {
        fs::write(file, recorded.into_inner().unwrap_or_else(PoisonError::into_inner)).unwrap();
    }
}

#[test]
fn what_was_damaged_is_put_right_the_way_the_page_tells() {
    let damages = [Damage::Gone, Damage::Altered, Damage::CutShort, Damage::Folder];
    let all = Thing::ALL.into_iter().enumerate().flat_map(|(number, thing)| {
        let some = if is_thorough() { damages.to_vec() } else { vec![damages[number % damages.len()]] };
        some.into_iter().map(move |damage| (thing, damage))
    });
    on_benches(&all.collect::<Vec<_>>(), |bench, (thing, damage)| {
        bench.damage(thing, damage);
        repairs::put_right(bench, thing);
        let wrong = promises::not_whole(bench);
        (!wrong.is_empty()).then(|| format!("{} / {}: {}", thing.name(), damage.name(), wrong.join("; ")))
    });
}
