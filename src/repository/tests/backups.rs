//! What a backup holds, what it reads, and what it says of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::support::{Bench, Objects, access_to, at, photo, read_back, small_tree, stamp};
use crate::events::{Listener, Progress, Recorder};
use crate::model::{Problem, ProblemKind};
use crate::repository::{Content, Repository, RepositoryError};

#[test]
fn every_byte_that_was_backed_up_comes_back() {
    let bench = Bench::new();
    let done = bench.back_up(small_tree(&bench.objects), 1).unwrap();
    assert!(done.complete && !done.unchanged && done.problems.is_empty());
    assert_eq!((done.files, done.files_new), (4, 4));
    let files = read_back(&bench.repository, &done);
    assert_eq!(files["photos/anna/2014/2014-08/a.jpg"], photo(1, 300_000));
    assert_eq!(files["photos/anna/2015/2015-01/c \"quoted\" ü.jpg"], photo(3, 3_000_000));
    assert_eq!(files["keepsake/catalog/2014-08.jsonl"], b"{\"photo\":1}\n");
    let snapshots = bench.repository.snapshots().unwrap();
    assert_eq!(snapshots.len(), 1);
    let snapshot = &snapshots[0];
    assert!(snapshot.ours && snapshot.complete);
    assert_eq!((Some(snapshot.id), snapshot.at, snapshot.generation), (done.snapshot, at(1), Some(1)));
    assert_eq!((snapshot.files, snapshot.bytes), (4, 300_000 + 70_000 + 3_000_000 + 12));
}

#[test]
fn an_unchanged_tree_opens_no_object_and_writes_no_snapshot() {
    let bench = Bench::new();
    let mut tree = small_tree(&bench.objects);
    tree[0].hard_links = 2;
    let first = bench.back_up(tree.clone(), 1).unwrap();
    bench.objects.opened();
    let second = bench.back_up(tree, 2).unwrap();
    assert!(second.unchanged && second.complete);
    assert_eq!((second.snapshot, second.read_bytes, bench.objects.opened()), (first.snapshot, 0, 0));
    assert_eq!(bench.repository.snapshots().unwrap().len(), 1);
}

#[test]
fn a_new_photo_is_the_only_one_that_is_opened() {
    let bench = Bench::new();
    let mut tree = small_tree(&bench.objects);
    bench.back_up(tree.clone(), 1).unwrap();
    bench.objects.opened();
    tree.push(bench.objects.file("photos/anna/2014/2014-08/new.jpg", &photo(9, 1000)));
    let second = bench.back_up(tree, 2).unwrap();
    assert_eq!((second.files, second.files_new, second.read_bytes, bench.objects.opened()), (5, 1, 1000, 1));
}

#[test]
fn a_changed_content_of_equal_size_and_time_is_read_again() {
    let bench = Bench::new();
    bench.back_up(vec![bench.objects.file("a.jpg", &photo(1, 5000))], 1).unwrap();
    let second = bench.back_up(vec![bench.objects.file("a.jpg", &photo(2, 5000))], 2).unwrap();
    assert!(!second.unchanged);
    assert_eq!(read_back(&bench.repository, &second)["a.jpg"], photo(2, 5000));
}

#[test]
fn a_lost_and_an_altered_object_make_the_snapshot_partial_and_are_named() {
    let bench = Bench::new();
    let tree = small_tree(&bench.objects);
    bench.objects.lose(&photo(1, 300_000));
    bench.objects.damage(&photo(3, 3_000_000));
    let listener = Recorder::default();
    let done = bench.repository.back_up(tree.clone(), &stamp(1), &listener).unwrap();
    assert!(!done.complete);
    assert_eq!(done.files, 2);
    let mut kinds: Vec<_> = done.problems.iter().map(|problem| (problem.path.as_str(), problem.kind)).collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            ("photos/anna/2014/2014-08/a.jpg", ProblemKind::Missing),
            ("photos/anna/2015/2015-01/c \"quoted\" ü.jpg", ProblemKind::Altered)
        ]
    );
    assert_eq!(listener.problems().len(), 2, "the listener heard of each once");
    assert!(!bench.repository.snapshots().unwrap()[0].complete);

    // Once they are back, the next snapshot is complete, and no longer the same.
    bench.objects.damage(&photo(3, 3_000_000));
    bench.objects.file("", &photo(1, 300_000));
    let second = bench.back_up(tree, 2).unwrap();
    assert!(second.complete && !second.unchanged);
    assert!(bench.repository.snapshots().unwrap()[1].complete);
}

#[test]
fn a_tree_that_is_complete_is_not_the_same_as_one_that_lacks_files() {
    let bench = Bench::new();
    let (lost, kept) = (bench.objects.file("lost.jpg", b"lost"), bench.objects.file("kept.jpg", b"kept"));
    bench.objects.lose(b"lost");
    assert!(!bench.back_up(vec![lost.clone(), kept.clone()], 1).unwrap().complete);
    let again = bench.back_up(vec![lost, kept.clone()], 2).unwrap();
    assert!(again.unchanged && !again.complete, "nothing new can be said of it");
    // What was lost is deleted on purpose: the same files, and now they are all.
    let done = bench.back_up(vec![kept], 3).unwrap();
    assert!(done.complete && !done.unchanged);
    assert!(bench.repository.snapshots().unwrap().pop().unwrap().complete);
}

#[test]
fn a_tree_of_which_nothing_can_be_read_makes_no_snapshot() {
    let bench = Bench::new();
    let tree = vec![bench.objects.file("a.jpg", b"gone")];
    bench.objects.lose(b"gone");
    let done = bench.back_up(tree, 1).unwrap();
    assert_eq!((done.snapshot, done.complete, done.problems.len()), (None, false, 1));
    assert!(bench.repository.snapshots().unwrap().is_empty());
}

#[test]
fn an_object_longer_than_its_name_says_is_altered_not_cut() {
    let bench = Bench::new();
    let mut file = bench.objects.file("a.jpg", b"longer than it says");
    if let Content::Object { size, .. } = &mut file.content {
        *size = 6;
    }
    let done = bench.back_up(vec![file, bench.objects.file("b.jpg", b"b")], 1).unwrap();
    assert_eq!(done.problems[0].kind, ProblemKind::Altered);
    assert!(!done.complete);
}

#[test]
fn empty_objects_and_an_empty_tree_are_nothing_special() {
    let bench = Bench::new();
    let done = bench.back_up(vec![bench.objects.file("empty.txt", b"")], 1).unwrap();
    assert!(done.complete);
    assert_eq!(read_back(&bench.repository, &done)["empty.txt"], b"");
    let nothing = bench.back_up(Vec::new(), 2).unwrap();
    assert!(nothing.complete && nothing.snapshot.is_some());
}

/// Asks to stop once the n-th object was opened.
struct StopAfter {
    opened: Arc<AtomicU64>,
}

impl Listener for StopAfter {
    fn progress(&self, _progress: Progress) {}
    fn problem(&self, _problem: &Problem) {}
    fn note(&self, _text: &str) {}
    fn stop_requested(&self) -> bool {
        self.opened.load(Ordering::SeqCst) >= 2
    }
}

/// Asks to stop exactly once, as a signal does, and forgets about it.
struct StopOnce {
    opened: Arc<AtomicU64>,
    asked: AtomicU64,
}

impl Listener for StopOnce {
    fn progress(&self, _progress: Progress) {}
    fn problem(&self, _problem: &Problem) {}
    fn note(&self, _text: &str) {}
    fn stop_requested(&self) -> bool {
        self.opened.load(Ordering::SeqCst) > 0 && self.asked.fetch_add(1, Ordering::SeqCst) == 0
    }
}

#[test]
fn a_stop_that_was_asked_for_once_is_not_forgotten() {
    let bench = Bench::new();
    let opened = Arc::new(AtomicU64::new(0));
    let mut tree = small_tree(&bench.objects);
    for file in &mut tree {
        if let Content::Object { open, .. } = &mut file.content {
            let (inner, opened) = (Arc::clone(open), Arc::clone(&opened));
            *open = Arc::new(move |id| {
                opened.fetch_add(1, Ordering::SeqCst);
                // Long enough for the question to be asked while files are still to come.
                std::thread::sleep(std::time::Duration::from_millis(300));
                inner(id)
            });
        }
    }
    let listener = StopOnce { opened, asked: AtomicU64::new(0) };
    let error = bench.repository.back_up(tree, &stamp(1), &listener).unwrap_err();
    assert!(matches!(error, RepositoryError::Interrupted { .. }), "{error}");
    assert!(bench.files("snapshots").is_empty());
}

#[test]
fn an_interrupted_backup_leaves_no_snapshot_and_the_next_one_takes_up_what_was_sent() {
    let bench = Bench::new();
    let opened = Arc::new(AtomicU64::new(0));
    let mut tree = small_tree(&bench.objects);
    for file in &mut tree {
        if let Content::Object { open, .. } = &mut file.content {
            let (inner, opened) = (Arc::clone(open), Arc::clone(&opened));
            *open = Arc::new(move |id| {
                opened.fetch_add(1, Ordering::SeqCst);
                inner(id)
            });
        }
    }
    let listener = StopAfter { opened };
    let error = bench.repository.back_up(tree, &stamp(1), &listener).unwrap_err();
    assert!(matches!(error, RepositoryError::Interrupted { .. }), "{error}");
    assert!(bench.repository.snapshots().unwrap().is_empty());
    let done = bench.back_up(small_tree(&bench.objects), 2).unwrap();
    assert!(done.complete);
    assert_eq!(read_back(&bench.repository, &done).len(), 4);
}

#[test]
fn packs_that_no_index_names_are_taken_up_not_sent_again() {
    let bench = Bench::new();
    bench.back_up(small_tree(&bench.objects), 1).unwrap();
    // What a run leaves that was killed before its index was written.
    for file in bench.files("index").into_iter().chain(bench.files("snapshots")) {
        std::fs::remove_file(file).unwrap();
    }
    let listener = Recorder::default();
    let done = bench.repository.back_up(small_tree(&bench.objects), &stamp(2), &listener).unwrap();
    assert!(done.complete);
    assert!(done.sent_bytes < 100_000, "{} bytes were sent again", done.sent_bytes);
    assert_eq!(listener.notes().len(), 1);
    assert!(bench.repository.check(super::super::ReadData::All, &listener).unwrap().findings.is_empty());
    assert_eq!(read_back(&bench.repository, &done).len(), 4);
}

#[test]
fn photos_of_a_lost_pack_are_read_again_by_the_next_backup() {
    let bench = Bench::new();
    let first = bench.back_up(small_tree(&bench.objects), 1).unwrap();
    std::fs::remove_file(bench.biggest_pack()).unwrap();
    bench.objects.opened();
    let second = bench.back_up(small_tree(&bench.objects), 2).unwrap();
    assert!(second.complete && bench.objects.opened() > 0);
    // The old snapshot is whole again, too: the parts have the same names.
    assert_eq!(read_back(&bench.repository, &first).len(), 4);
}

#[test]
fn a_listing_that_lacks_a_pack_that_is_there_is_not_believed() {
    let bench = Bench::new();
    bench.back_up(small_tree(&bench.objects), 1).unwrap();
    let index = bench.files("index");
    // Seen by name, and not by whoever lists the folder above: what a listing cut short looks like.
    let pack = bench.biggest_pack();
    let (folder, elsewhere) = (pack.parent().unwrap(), bench.folder.path().join("elsewhere"));
    std::process::Command::new("mv").arg(folder).arg(&elsewhere).status().unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder).unwrap();
    let error = bench.back_up(small_tree(&bench.objects), 2).unwrap_err();
    assert!(matches!(error, RepositoryError::NotAStore { .. }), "{error}");
    assert_eq!(bench.files("index"), index, "the index was left alone");
}

#[test]
fn a_file_that_has_fewer_parts_than_its_size_says_is_damaged_not_short() {
    let bench = Bench::new();
    let done = bench.back_up(small_tree(&bench.objects), 1).unwrap();
    let mut file = bench.repository.files(&done.snapshot.unwrap()).unwrap().remove(0);
    file.size += 1;
    let error = bench.repository.read(&file, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, RepositoryError::Damaged { .. }), "{error}");
}

#[test]
fn a_store_that_stops_taking_writes_fails_the_backup_and_gets_no_snapshot() {
    let bench = Bench::new();
    let mut tree = small_tree(&bench.objects);
    // The folder of the data turns into a file under the backup's feet: every pack fails.
    let data = bench.root().join("data");
    for file in &mut tree {
        if let Content::Object { open, .. } = &mut file.content {
            let (inner, data) = (Arc::clone(open), data.clone());
            *open = Arc::new(move |id| {
                if !data.is_file() {
                    std::fs::File::create(&data)?;
                }
                inner(id)
            });
        }
    }
    let error = bench.back_up(tree, 1).unwrap_err();
    assert!(matches!(error, RepositoryError::Store { .. }), "{error:?}");
    assert!(bench.files("snapshots").is_empty());
    std::fs::remove_file(data).unwrap();
    assert!(bench.back_up(small_tree(&bench.objects), 2).unwrap().complete);
}

#[test]
fn moved_and_hidden_snapshots_of_other_archives_are_no_parents() {
    let bench = Bench::new();
    bench.back_up(small_tree(&bench.objects), 1).unwrap();
    bench.objects.opened();
    let mut other = stamp(2);
    other.archive_id = "another".to_owned();
    let done = bench.repository.back_up(small_tree(&bench.objects), &other, &Recorder::default()).unwrap();
    assert!(!done.unchanged && bench.objects.opened() == 3);
    assert!(done.sent_bytes < 100_000, "the bytes themselves were there already");
}

/// Not a test of its own: the other half of the next one, in a process of its own.
#[test]
#[ignore = "run by an_unchanged_tree_is_unchanged_in_every_time_zone"]
fn back_up_elsewhere() {
    #[allow(clippy::disallowed_methods, reason = "handed over by the test that runs this")]
    let root = std::env::var("KEEPSAKE_TEST_REPOSITORY").unwrap();
    let repository = Repository::open(&access_to(root)).unwrap();
    let objects = Objects::default();
    let done = repository.back_up(small_tree(&objects), &stamp(2), &Recorder::default()).unwrap();
    assert!(done.unchanged && objects.opened() == 0);
}

#[test]
fn an_unchanged_tree_is_unchanged_in_every_time_zone() {
    // The library writes times in the zone of the machine, so the same tree gets another name in another zone.
    let bench = Bench::new();
    bench.back_up(small_tree(&bench.objects), 1).unwrap();
    for zone in ["Asia/Kolkata", "America/New_York"] {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "repository::tests::backups::back_up_elsewhere", "--ignored"])
            .envs([("TZ", zone), ("KEEPSAKE_TEST_REPOSITORY", bench.root().to_str().unwrap())])
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{zone}");
    }
    assert_eq!(bench.repository.snapshots().unwrap().len(), 1);
}
