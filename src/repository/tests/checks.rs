//! Damage of every kind is found, named, and traced to the photos it touches.

use std::path::PathBuf;

use super::support::{Bench, photo, read_back, small_tree, stamp};
use crate::events::Recorder;
use crate::repository::{BackedUp, CheckFinding, FindingKind, ReadData, RepositoryError};

fn bench() -> (Bench, BackedUp) {
    let bench = Bench::new();
    let done = bench.back_up(small_tree(&bench.objects), 1).unwrap();
    (bench, done)
}

fn findings(bench: &Bench, read: ReadData) -> Vec<CheckFinding> {
    bench.repository.check(read, &Recorder::default()).unwrap().findings
}

fn kinds(findings: &[CheckFinding]) -> Vec<FindingKind> {
    findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn a_whole_repository_has_no_findings_and_every_pack_was_read() {
    let (bench, _) = bench();
    let checked = bench.repository.check(ReadData::All, &Recorder::default()).unwrap();
    assert!(checked.findings.is_empty(), "{:?}", checked.findings);
    let size: u64 = bench.files("data").iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert_eq!(checked.read_bytes, size);
    let some = bench.repository.check(ReadData::Percent(1), &Recorder::default()).unwrap();
    assert!(some.read_bytes > 0, "a percent of little is a pack at least");
    assert_eq!(bench.repository.check(ReadData::No, &Recorder::default()).unwrap().read_bytes, 0);
}

#[test]
fn a_flipped_bit_in_a_pack_is_found_by_reading_with_the_photos_it_touches() {
    let (bench, done) = bench();
    Bench::tamper(&bench.biggest_pack(), |bytes| bytes[1000] ^= 1);
    assert!(findings(&bench, ReadData::No).is_empty());
    let found = findings(&bench, ReadData::All);
    assert_eq!(kinds(&found), [FindingKind::PackAltered]);
    assert!(found[0].paths.contains(&"photos/anna/2014/2014-08/a.jpg".to_owned()), "{found:?}");
    // Reading says the same, file by file, and gives the others.
    let files = bench.repository.files(&done.snapshot.unwrap()).unwrap();
    let (good, bad): (Vec<_>, Vec<_>) =
        files.iter().map(|file| bench.repository.read(file, &mut Vec::new())).partition(Result::is_ok);
    assert!(!good.is_empty() && bad.len() == 1);
    assert!(matches!(bad[0], Err(RepositoryError::Damaged { .. })), "{bad:?}");
}

#[test]
fn a_missing_and_a_shortened_pack_are_found_without_reading() {
    let (bench, _) = bench();
    let pack = bench.biggest_pack();
    Bench::tamper(&pack, |bytes| bytes.truncate(5000));
    assert_eq!(kinds(&findings(&bench, ReadData::No)), [FindingKind::PackAltered]);
    std::fs::remove_file(pack).unwrap();
    let found = findings(&bench, ReadData::All);
    assert_eq!(kinds(&found), [FindingKind::PackMissing]);
    assert_eq!(found[0].paths.len(), 4, "{found:?}");
}

#[test]
fn a_shortened_index_is_a_finding_and_everything_it_named_is_traced() {
    for length in [0, 10, 40] {
        let (bench, _) = bench();
        Bench::tamper(&bench.files("index")[0], |bytes| bytes.truncate(length));
        let found = findings(&bench, ReadData::All);
        assert_eq!(found[0].kind, FindingKind::IndexDamaged, "{found:?}");
        assert!(found.iter().any(|finding| finding.kind == FindingKind::Structure), "{found:?}");
        // All that it said stands in the packs too: the next backup makes it anew.
        assert!(bench.back_up(small_tree(&bench.objects), 2).unwrap().complete);
        assert_eq!(findings(&bench, ReadData::All), []);
    }
}

#[test]
fn what_only_an_old_snapshot_lacks_is_told_of_that_one_alone() {
    let (bench, _) = bench();
    let pack = bench.biggest_pack();
    let later = || vec![bench.objects.file("later.jpg", b"later")];
    bench.back_up(later(), 2).unwrap();
    std::fs::remove_file(pack).unwrap();
    assert!(bench.back_up(later(), 3).unwrap().complete);
    assert_eq!(kinds(&findings(&bench, ReadData::All)), [FindingKind::OldSnapshotIncomplete]);
}

#[test]
fn a_folder_that_the_newest_snapshot_shares_with_a_lost_pack_is_written_again_when_all_is_looked_at() {
    let (bench, _) = bench();
    let first = bench.files("data");
    let tree = || {
        let later = bench.objects.file("photos/anna/2016/later.jpg", b"later");
        small_tree(&bench.objects).into_iter().chain([later]).collect::<Vec<_>>()
    };
    bench.back_up(tree(), 2).unwrap();
    for pack in first {
        std::fs::remove_file(pack).unwrap();
    }
    bench.back_up(tree(), 3).unwrap();
    assert!(
        kinds(&findings(&bench, ReadData::All)).contains(&FindingKind::Structure),
        "the library looks for no folder"
    );
    let again = bench.repository.back_up_anew(tree(), &stamp(4), &Recorder::default()).unwrap();
    assert!(again.complete);
    assert!(!kinds(&findings(&bench, ReadData::All)).contains(&FindingKind::Structure));
}

#[test]
fn a_damaged_snapshot_is_a_finding_and_hides_no_other() {
    let (bench, first) = bench();
    bench.back_up(vec![bench.objects.file("later.jpg", b"later")], 2).unwrap();
    let damaged = bench.root().join("snapshots").join(first.snapshot.unwrap().to_string());
    Bench::tamper(&damaged, |bytes| bytes[20] ^= 1);
    assert_eq!(kinds(&findings(&bench, ReadData::No)), [FindingKind::SnapshotDamaged]);
    let left = bench.repository.snapshots().unwrap();
    assert_eq!(left.len(), 1);
    assert!(bench.repository.files(&left[0].id).is_ok());
    assert!(matches!(bench.repository.files(&first.snapshot.unwrap()), Err(RepositoryError::Damaged { .. })));
}

#[test]
fn a_damaged_key_file_is_a_finding_and_so_is_having_none() {
    let (bench, done) = bench();
    let key = bench.files("keys").remove(0);
    Bench::tamper(&key, |bytes| bytes[5] ^= 1);
    assert_eq!(kinds(&findings(&bench, ReadData::No)), [FindingKind::KeyDamaged]);
    std::fs::remove_file(key).unwrap();
    assert_eq!(kinds(&findings(&bench, ReadData::No)), [FindingKind::KeyDamaged]);
    assert_eq!(read_back(&bench.repository, &done).len(), 4, "it stays open");
}

#[test]
fn a_pack_swapped_for_another_whole_one_is_not_taken_for_it() {
    let (bench, done) = bench();
    let other = Bench::new();
    other.back_up(small_tree(&other.objects), 1).unwrap();
    let foreign = std::fs::read(other.biggest_pack()).unwrap();
    Bench::tamper(&bench.biggest_pack(), |bytes| *bytes = foreign);
    assert!(!findings(&bench, ReadData::All).is_empty());
    let files = bench.repository.files(&done.snapshot.unwrap()).unwrap();
    assert!(files.iter().all(|file| bench.repository.read(file, &mut Vec::new()).is_err()));
}

#[test]
fn a_blob_of_this_very_repository_is_not_taken_for_another() {
    let bench = Bench::new();
    let tree = |n| vec![bench.objects.file("a.jpg", &photo(n, 5000))];
    let first = bench.back_up(tree(1), 1).unwrap();
    let earlier = bench.files("data");
    bench.back_up(tree(2), 2).unwrap();
    // Two packs of one photo each, laid out alike and encrypted with the same key: swapped, each decrypts well.
    let of_a_photo = |path: &&PathBuf| std::fs::metadata(path).unwrap().len() > 5000;
    let one = earlier.iter().find(of_a_photo).unwrap().clone();
    let all = bench.files("data");
    let other = all.iter().filter(of_a_photo).find(|path| **path != one).unwrap().clone();
    let (one_bytes, other_bytes) = (std::fs::read(&one).unwrap(), std::fs::read(&other).unwrap());
    assert_eq!(one_bytes.len(), other_bytes.len());
    Bench::tamper(&one, |bytes| *bytes = other_bytes);
    Bench::tamper(&other, |bytes| *bytes = one_bytes);
    let file = bench.repository.files(&first.snapshot.unwrap()).unwrap().remove(0);
    let mut out = Vec::new();
    let error = bench.repository.read(&file, &mut out).unwrap_err();
    assert!(matches!(error, RepositoryError::Damaged { .. }), "{error}");
    assert!(out.is_empty(), "no byte of the wrong photo was written");
    assert_eq!(kinds(&findings(&bench, ReadData::All)), [FindingKind::PackAltered, FindingKind::PackAltered]);
}

#[test]
fn an_unknown_snapshot_is_not_found() {
    let (bench, _) = bench();
    let error = bench.repository.files(&"00".repeat(32).parse().unwrap()).unwrap_err();
    assert!(matches!(error, RepositoryError::SnapshotNotFound { .. }), "{error}");
}

#[test]
fn what_is_bad_is_set_aside_and_healed_by_the_next_backup() {
    let (bench, done) = bench();
    Bench::tamper(&bench.biggest_pack(), |bytes| bytes[1000] ^= 1);
    Bench::tamper(&bench.files("index")[0], |bytes| bytes.truncate(10));
    for _ in 0..2 {
        // Only once the index is back does anybody know of the pack.
        for finding in findings(&bench, ReadData::All) {
            if let Some(file) = finding.file {
                bench.repository.set_aside(&file).unwrap();
            }
        }
        assert!(bench.back_up(small_tree(&bench.objects), 2).unwrap().complete);
    }
    assert!(findings(&bench, ReadData::All).is_empty());
    assert_eq!(read_back(&bench.repository, &done).len(), 4, "the old snapshot is whole again");
    assert_eq!(bench.files("quarantine").len(), 2);
    for file in ["config", "../x/y", "data/ab/cd", "recovery/kit.age"] {
        assert!(bench.repository.set_aside(file).is_err(), "{file}");
    }
}
