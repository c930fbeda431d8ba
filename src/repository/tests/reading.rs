//! Reading many files: few requests, few bytes, and each file on its own.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::{Bench, photo};
use crate::repository::{Repository, RepositoryError, SnapshotFile};

/// A repository of many photos, opened anew, with the list of its files.
fn many(sizes: &[usize]) -> (Bench, Repository, Vec<SnapshotFile>) {
    let bench = Bench::new();
    let name = |at: usize| format!("photos/anna/2014/{at:04}.jpg");
    let tree = (0..)
        .zip(sizes)
        .map(|(seed, size)| bench.objects.file(&name(usize::try_from(seed).unwrap()), &photo(seed, *size)));
    let tree = tree.collect();
    let done = bench.back_up(tree, 1).unwrap();
    let repository = Repository::open(&bench.access()).unwrap();
    let files = repository.files(&done.snapshot.unwrap()).unwrap();
    (bench, repository, files)
}

type Read = BTreeMap<String, Result<Vec<u8>, RepositoryError>>;

fn read_each(repository: &Repository, files: &[SnapshotFile]) -> Read {
    let mut read = Read::new();
    let work = |_: &SnapshotFile, read: crate::repository::ReadOne<'_>| {
        let mut bytes = Vec::new();
        read(&mut bytes).map(|_| bytes)
    };
    let take = |file: &SnapshotFile, bytes| {
        assert!(read.insert(file.path.clone(), bytes).is_none(), "each once");
        ControlFlow::Continue(())
    };
    repository.read_each(files.iter().collect(), work, take).unwrap();
    read
}

fn is_photo(path: &str, bytes: &[u8]) -> bool {
    let seed: u64 = path.rsplit_once('/').unwrap().1.trim_end_matches(".jpg").parse().unwrap();
    bytes == photo(seed, bytes.len())
}

#[test]
fn photos_that_lie_together_come_in_few_requests_and_each_is_itself() {
    let sizes: Vec<usize> = (0..300).map(|n| 10_000 + n * 37).collect();
    let (_bench, repository, files) = many(&sizes);
    let before = repository.traffic();
    let read = read_each(&repository, &files);
    assert_eq!(read.len(), 300);
    for (path, bytes) in &read {
        assert!(is_photo(path, bytes.as_ref().unwrap()), "{path}");
    }
    let after = repository.traffic();
    assert!(after.requests - before.requests <= 3, "{} requests", after.requests - before.requests);
    let bytes: u64 = files.iter().map(|file| file.size).sum();
    assert!(after.fetched_bytes - before.fetched_bytes < bytes + bytes / 50);
}

#[test]
fn an_album_fetches_little_more_than_the_album() {
    let (_bench, repository, files) = many(&[40_000; 200]);
    // A day of photos one after the other, and every ninth of the rest.
    let album: Vec<_> =
        (0..200).filter(|at| (20..60).contains(at) || at % 9 == 0).map(|at| files[at].clone()).collect();
    let before = repository.traffic();
    assert!(read_each(&repository, &album).values().all(Result::is_ok));
    let fetched = repository.traffic().fetched_bytes - before.fetched_bytes;
    let bytes: u64 = album.iter().map(|file| file.size).sum();
    assert!(fetched * 100 <= bytes * 115, "{fetched} for {bytes}");
}

#[test]
fn a_damaged_photo_takes_no_other_with_it() {
    let (bench, repository, files) = many(&[50_000; 60]);
    Bench::tamper(&bench.biggest_pack(), |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    let read = read_each(&repository, &files);
    let lost: Vec<_> = read.iter().filter(|(_, bytes)| bytes.is_err()).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].1.as_ref().unwrap_err().is_of_one_file());
    assert!(read.iter().filter_map(|(path, bytes)| Some((path, bytes.as_ref().ok()?))).all(|(p, b)| is_photo(p, b)));
}

#[test]
fn what_is_left_of_a_pack_that_was_cut_off_comes_back() {
    let (bench, repository, files) = many(&[50_000; 60]);
    Bench::tamper(&bench.biggest_pack(), |bytes| bytes.truncate(bytes.len() / 2));
    let back = read_each(&repository, &files).values().filter(|bytes| bytes.is_ok()).count();
    assert!((29..=30).contains(&back), "{back}");
}

#[test]
fn a_video_larger_than_what_is_fetched_together_comes_back_whole() {
    let (bench, repository, files) = many(&[40_000_000, 1000, 0]);
    let biggest = std::fs::metadata(bench.biggest_pack()).unwrap().len();
    assert!(biggest < 18 << 20, "several are in memory at once: {biggest}");
    let read = read_each(&repository, &files);
    assert!(read.iter().all(|(path, bytes)| is_photo(path, bytes.as_ref().unwrap())));
    let mut alone = Vec::new();
    assert_eq!(repository.read(&files[0], &mut alone).unwrap(), 40_000_000);
    assert_eq!(alone, photo(0, 40_000_000));
}

#[test]
fn nothing_is_begun_after_whoever_asked_has_had_enough() {
    // More groups than threads.
    let (_bench, repository, files) = many(&[9_000_000; 12]);
    let (begun, mut taken) = (AtomicUsize::new(0), 0);
    let work = |_: &SnapshotFile, _: crate::repository::ReadOne<'_>| {
        begun.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    let take = |_: &SnapshotFile, ()| {
        taken += 1;
        ControlFlow::Break(())
    };
    repository.read_each(files.iter().collect(), work, take).unwrap();
    assert_eq!(taken, 1);
    assert!(begun.into_inner() < 12);
}
