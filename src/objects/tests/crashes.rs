//! The power fails, the process dies, the disk fills up: at every single operation.

use std::path::Path;

use super::crash_disk::{CrashDisk, Faults, PowerLoss};
use crate::model::ObjectId;
use crate::objects::{ObjectsError, Store};

const ARCHIVE: &str = "/drive/archive";

/// Both extremes of what can be lost, and some of what lies between.
fn losses() -> impl Iterator<Item = PowerLoss> {
    [PowerLoss::Everything, PowerLoss::Bytes].into_iter().chain((0..6).map(PowerLoss::AsDiceFall))
}

/// Some contents. Two of them share a folder in the store, one is empty.
struct Contents {
    all: Vec<Vec<u8>>,
}

impl Contents {
    fn new() -> Self {
        let first = b"a photo".to_vec();
        let folder = ObjectId::of(&first).short(2);
        let neighbour = (0..100_000)
            .map(|number| format!("photo {number}").into_bytes())
            .find(|bytes| ObjectId::of(bytes).short(2) == folder)
            .expect("one in 256 does");
        Self { all: vec![first, neighbour, Vec::new(), vec![7; 3000], b"was cut short".to_vec()] }
    }

    fn cut_short(&self) -> &[u8] {
        self.all.last().expect("five of them")
    }

    fn path(id: &ObjectId) -> String {
        format!("{ARCHIVE}/objects/{}/{id}", id.short(2))
    }
}

/// A drive without an archive.
fn drive(faults: Faults) -> CrashDisk {
    let disk = CrashDisk::with(faults);
    disk.plant(Path::new("/drive/hello.txt"), b"hello");
    disk
}

/// What a run does to a store. `acknowledged` holds what it was told is durable, also when it ends in an error.
fn run(disk: &CrashDisk, contents: &Contents, acknowledged: &mut Vec<ObjectId>) -> Result<(), ObjectsError> {
    let store = Store::create_on(disk.clone(), Path::new(ARCHIVE))?;
    store.sweep_incoming()?;
    // An object that has lost its end, by no fault of ours.
    disk.plant(Path::new(&Contents::path(&ObjectId::of(contents.cut_short()))), b"was cut");
    // One alone; several, with its neighbour and twice the same; all once more, and one whose object lost its end.
    for batch in [&[0][..], &[1, 2, 1], &[0, 3, 4, 2]] {
        let mut staged = Vec::new();
        for bytes in batch.iter().filter_map(|index| contents.all.get(*index)) {
            let mut incoming = store.receive()?;
            for chunk in bytes.chunks(1000) {
                incoming.append(chunk)?;
            }
            staged.push(incoming.finish()?);
        }
        let unfinished = store.receive()?;
        let never_committed = store.receive()?.finish()?;
        let committed = store.commit(staged)?;
        assert_eq!(committed.len(), batch.len());
        acknowledged.extend(committed.iter().map(|committed| committed.id));
        drop((unfinished, never_committed));
    }
    Ok(())
}

/// What is wrong with the store that the next process finds.
fn fault_in(disk: &CrashDisk, contents: &Contents, acknowledged: &[ObjectId]) -> Option<String> {
    let objects = disk.files(&Path::new(ARCHIVE).join("objects"));
    let cut_short = ObjectId::of(contents.cut_short());
    for (name, bytes) in &objects {
        let id: ObjectId = name.parse().expect("only objects are in objects/");
        let as_it_was = id == cut_short && bytes == b"was cut" && !acknowledged.contains(&id);
        if ObjectId::of(bytes) != id && !as_it_was {
            return Some(format!("{id} bears {} bytes that are not its own", bytes.len()));
        }
    }
    let there = |id: &ObjectId| objects.iter().any(|(name, _)| *name == id.to_string());
    acknowledged.iter().find(|id| !there(id)).map(|id| format!("{id} was acknowledged and is gone"))
}

/// Every point in time, counted in operations, at which something can happen to a run.
fn moments(contents: &Contents) -> std::ops::RangeInclusive<usize> {
    let disk = drive(Faults::default());
    run(&disk, contents, &mut Vec::new()).expect("nothing is in its way");
    0..=disk.operations()
}

/// The first power loss of a run that costs something, where sync number `ignored_sync` does nothing.
fn first_loss(contents: &Contents, ignored_sync: Option<usize>) -> Option<String> {
    moments(contents).find_map(|moment| {
        let disk = drive(Faults { dies_at: Some(moment), ignored_sync, ..Faults::default() });
        let mut acknowledged = Vec::new();
        // It fails, except at the last moment; what counts is what the disk holds.
        drop(run(&disk, contents, &mut acknowledged));
        losses().find_map(|loss| {
            let fault = fault_in(&disk.after(loss), contents, &acknowledged)?;
            Some(format!("operation {moment}, {loss:?}: {fault}"))
        })
    })
}

#[test]
fn a_power_loss_at_any_moment_costs_nothing_that_was_acknowledged() {
    let contents = Contents::new();
    assert!(moments(&contents).count() > 60, "the run is long enough to mean something");
    assert_eq!(first_loss(&contents, None), None);
}

#[test]
fn a_power_loss_leaves_all_folders_that_were_made_for_a_new_archive() {
    for ignored_sync in [None, Some(0), Some(1), Some(2), Some(3)] {
        let disk = drive(Faults { ignored_sync, ..Faults::default() });
        let archive = Path::new("/drive/family/photos/archive");
        Store::create_on(disk.clone(), archive).expect("nothing is in its way");
        assert_eq!(disk.effective_syncs(), 4, "archive, photos, family, drive");
        let found = Store::open_on(disk.after(PowerLoss::Everything), archive);
        assert_eq!(found.is_ok(), ignored_sync.is_none(), "without sync {ignored_sync:?}");
    }
}

#[test]
fn every_single_sync_is_needed() {
    let contents = Contents::new();
    let disk = drive(Faults::default());
    run(&disk, &contents, &mut Vec::new()).expect("nothing is in its way");
    let syncs = disk.effective_syncs();
    assert!(syncs > 12, "files, folders, the store, the archive: {syncs}");
    let needless: Vec<usize> = (0..syncs).filter(|sync| first_loss(&contents, Some(*sync)).is_none()).collect();
    assert!(needless.is_empty(), "of {syncs} syncs these could be left out: {needless:?}");
}

#[test]
fn a_run_after_one_that_died_makes_all_durable_that_it_acknowledges() {
    let contents = Contents::new();
    for moment in moments(&contents) {
        let disk = drive(Faults { dies_at: Some(moment), ..Faults::default() });
        drop(run(&disk, &contents, &mut Vec::new()));
        let disk = disk.after_death();
        let mut acknowledged = Vec::new();
        run(&disk, &contents, &mut acknowledged).expect("nothing is in its way");
        assert_eq!(disk.files(&Path::new(ARCHIVE).join("incoming")), [], "litter of operation {moment}");
        for loss in losses() {
            let fault = fault_in(&disk.after(loss), &contents, &acknowledged);
            assert_eq!(fault, None, "died at operation {moment}, then {loss:?}");
        }
    }
}

#[test]
fn a_run_after_a_power_loss_ends_with_a_whole_store() {
    let contents = Contents::new();
    for moment in moments(&contents) {
        let disk = drive(Faults { dies_at: Some(moment), ..Faults::default() });
        drop(run(&disk, &contents, &mut Vec::new()));
        for loss in losses() {
            let disk = disk.after(loss);
            let mut acknowledged = Vec::new();
            run(&disk, &contents, &mut acknowledged).expect("nothing is in its way");
            assert_eq!(fault_in(&disk, &contents, &acknowledged), None, "operation {moment}, {loss:?}");
            assert_eq!(disk.files(&Path::new(ARCHIVE).join("incoming")), [], "litter of operation {moment}, {loss:?}");
        }
    }
}

#[test]
fn a_disk_that_fails_once_at_any_moment_leaves_no_half_object_and_no_litter() {
    let contents = Contents::new();
    let mut full = 0;
    for moment in moments(&contents) {
        let disk = drive(Faults { full_at: Some(moment), ..Faults::default() });
        let mut acknowledged = Vec::new();
        let ended = run(&disk, &contents, &mut acknowledged);
        full += usize::from(matches!(ended, Err(ObjectsError::NoSpace { .. })));
        assert_eq!(fault_in(&disk, &contents, &acknowledged), None, "operation {moment}, the power on");
        for loss in losses() {
            let fault = fault_in(&disk.after(loss), &contents, &acknowledged);
            assert_eq!(fault, None, "operation {moment}, {loss:?}");
        }
        let litter = disk.files(&Path::new(ARCHIVE).join("incoming")).len();
        // The one operation whose failure nobody hears of is the removal of a copy.
        assert!(litter == 0 || (litter == 1 && ended.is_ok()), "{litter} copies left at operation {moment}: {ended:?}");
    }
    assert!(full > 30, "only {full} of the operations that write told of the full disk");
}
