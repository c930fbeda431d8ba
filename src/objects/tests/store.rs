//! What the store does on a real disk.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::model::ObjectId;
use crate::objects::{AlteredObject, ObjectsError, Staged, Store, Verdict};

struct Sandbox {
    folder: TempDir,
    store: Store,
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        Self { folder, store }
    }

    fn stage(&self, bytes: &[u8]) -> Staged {
        let mut incoming = self.store.receive().unwrap();
        incoming.write_all(bytes).unwrap();
        incoming.finish().unwrap()
    }

    fn put(&self, bytes: &[u8]) -> ObjectId {
        self.store.commit(vec![self.stage(bytes)]).unwrap()[0].id
    }

    fn path(&self, id: &ObjectId) -> PathBuf {
        self.folder.path().join(format!("objects/{}/{id}", id.short(2)))
    }

    /// Changes an object as no part of the program would.
    fn tamper(&self, id: &ObjectId, bytes: &[u8]) {
        let path = self.path(id);
        fs::remove_file(&path).unwrap();
        plant(&path, bytes);
    }

    fn incoming(&self) -> usize {
        fs::read_dir(self.folder.path().join("incoming")).unwrap().count()
    }
}

fn plant(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn what_was_stored_comes_back_under_its_hash() {
    let archive = Sandbox::new();
    let mut incoming = archive.store.receive().unwrap();
    incoming.append(b"a pho").unwrap();
    incoming.append(b"to").unwrap();
    let committed = incoming.commit().unwrap();
    assert_eq!((committed.id, committed.size, committed.was_new), (ObjectId::of(b"a photo"), 7, true));
    assert_eq!(fs::read(archive.path(&committed.id)).unwrap(), b"a photo");
    assert_eq!(fs::metadata(archive.path(&committed.id)).unwrap().permissions().mode() & 0o333, 0);
    assert_eq!(archive.store.size(&committed.id).unwrap(), Some(7));
    let mut bytes = Vec::new();
    archive.store.open_object(&committed.id).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"a photo");
    assert_eq!(archive.incoming(), 0);
}

#[test]
fn a_photo_seen_twice_is_stored_once() {
    let archive = Sandbox::new();
    let staged = vec![archive.stage(b"one"), archive.stage(b"two"), archive.stage(b"one")];
    let was_new: Vec<bool> = archive.store.commit(staged).unwrap().iter().map(|object| object.was_new).collect();
    assert_eq!(was_new, [true, true, false]);
    let before = fs::metadata(archive.path(&ObjectId::of(b"one"))).unwrap().modified().unwrap();
    assert!(!archive.store.commit(vec![archive.stage(b"one")]).unwrap()[0].was_new);
    assert_eq!(fs::metadata(archive.path(&ObjectId::of(b"one"))).unwrap().modified().unwrap(), before);
    assert_eq!(archive.store.list().unwrap().count(), 2);
    assert_eq!(archive.incoming(), 0);
}

#[test]
fn two_runs_that_store_the_same_photos_at_once_store_each_once() {
    let archive = Sandbox::new();
    let new: usize = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..40u8)
                        .filter(|number| archive.store.commit(vec![archive.stage(&[*number])]).unwrap()[0].was_new)
                        .count()
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(new, 40);
    assert_eq!(archive.store.list().unwrap().count(), 40);
}

#[test]
fn a_good_copy_replaces_an_object_that_lost_its_end_or_became_a_link() {
    let archive = Sandbox::new();
    let id = archive.put(b"a photo");
    archive.tamper(&id, b"a ph");
    assert!(archive.store.commit(vec![archive.stage(b"a photo")]).unwrap()[0].was_new);
    assert!(matches!(archive.store.verify(&id).unwrap(), Verdict::Whole { size: 7 }));

    let outside = archive.folder.path().join("outside");
    plant(&outside, b"a photo");
    fs::remove_file(archive.path(&id)).unwrap();
    symlink(&outside, archive.path(&id)).unwrap();
    assert!(!archive.store.contains(&id).unwrap());
    assert!(matches!(archive.store.verify(&id).unwrap(), Verdict::Altered));
    assert!(matches!(archive.store.open_object(&id), Err(ObjectsError::NotAFile { .. })));
    assert!(archive.store.commit(vec![archive.stage(b"a photo")]).unwrap()[0].was_new);
    assert!(fs::symlink_metadata(archive.path(&id)).unwrap().is_file());
    assert!(outside.exists());
}

#[test]
fn healing_reads_what_is_there_and_replaces_what_rotted() {
    let archive = Sandbox::new();
    let id = archive.put(b"a photo");
    assert!(!archive.store.heal(vec![archive.stage(b"a photo")]).unwrap()[0].was_new);
    archive.tamper(&id, b"a phxto");
    assert!(!archive.store.commit(vec![archive.stage(b"a photo")]).unwrap()[0].was_new);
    assert!(matches!(archive.store.verify(&id).unwrap(), Verdict::Altered));
    assert!(archive.store.heal(vec![archive.stage(b"a photo")]).unwrap()[0].was_new);
    assert!(matches!(archive.store.verify(&id).unwrap(), Verdict::Whole { size: 7 }));
}

#[test]
fn a_folder_in_the_place_of_an_object_is_told_and_left() {
    let archive = Sandbox::new();
    let id = ObjectId::of(b"a photo");
    plant(&archive.path(&id).join("somebody's file"), b"x");
    assert!(!archive.store.contains(&id).unwrap());
    assert!(matches!(archive.store.verify(&id).unwrap(), Verdict::Altered));
    assert!(matches!(archive.store.verified_reader(&id), Err(ObjectsError::NotAFile { .. })));
    let refused = archive.store.commit(vec![archive.stage(b"another"), archive.stage(b"a photo")]);
    assert!(matches!(refused, Err(ObjectsError::NotAFile { .. })));
    assert!(!archive.store.contains(&ObjectId::of(b"another")).unwrap());
    assert_eq!(archive.incoming(), 0);
}

#[test]
fn a_file_in_the_place_of_a_fan_out_folder_is_no_object() {
    let archive = Sandbox::new();
    let id = ObjectId::of(b"a photo");
    plant(&archive.folder.path().join("objects").join(id.short(2)), b"x");
    assert!(!archive.store.contains(&id).unwrap());
    assert!(matches!(archive.store.verify(&id).unwrap(), Verdict::Missing));
    assert!(matches!(archive.store.open_object(&id), Err(ObjectsError::Missing { .. })));
    let refused = archive.store.commit(vec![archive.stage(b"a photo")]);
    assert!(matches!(refused, Err(ObjectsError::NotWritten { .. })));
    assert_eq!(archive.incoming(), 0);
}

#[test]
fn a_copy_that_is_given_up_leaves_nothing() {
    let archive = Sandbox::new();
    let incoming = archive.store.receive().unwrap();
    let staged = archive.stage(b"a photo");
    assert_eq!(archive.incoming(), 2);
    drop((incoming, staged));
    assert_eq!(archive.incoming(), 0);
    assert!(!archive.store.contains(&ObjectId::of(b"a photo")).unwrap());
    assert_eq!(archive.store.commit(Vec::new()).unwrap(), []);
}

#[test]
fn a_sweep_takes_copies_of_dead_runs_and_nothing_else() {
    let archive = Sandbox::new();
    let incoming = archive.folder.path().join("incoming");
    plant(&incoming.join("0123456789abcdef.part"), b"half a pho");
    plant(&incoming.join("notes.txt"), b"mine");
    fs::create_dir(incoming.join("fedcba9876543210.part")).unwrap();
    let other_run = Store::open(archive.folder.path()).unwrap();
    let mut writing = other_run.receive().unwrap();
    let staged = archive.stage(b"staged");

    assert_eq!(archive.store.sweep_incoming().unwrap(), 1);
    assert!(incoming.join("notes.txt").exists() && incoming.join("fedcba9876543210.part").exists());

    writing.append(b"written").unwrap();
    assert!(writing.commit().unwrap().was_new);
    assert!(archive.store.commit(vec![staged]).unwrap()[0].was_new);
    assert_eq!(archive.store.sweep_incoming().unwrap(), 0);
}

#[test]
fn sweeps_and_runs_at_the_same_time_lose_no_copy() {
    let archive = Sandbox::new();
    std::thread::scope(|scope| {
        let runs = [0u8, 1].map(|run| {
            let archive = &archive;
            scope.spawn(move || {
                for number in 0..100 {
                    archive.put(&[run, number]);
                }
            })
        });
        while !runs.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            // It may take a file that was made and is not locked yet; its run then tries another name.
            archive.store.sweep_incoming().unwrap();
        }
        for run in runs {
            run.join().unwrap();
        }
    });
    assert_eq!(archive.store.list().unwrap().count(), 200);
}

#[test]
fn a_missing_incoming_folder_is_made_again_when_it_is_needed() {
    let archive = Sandbox::new();
    fs::remove_dir(archive.folder.path().join("incoming")).unwrap();
    assert_eq!(archive.store.sweep_incoming().unwrap(), 0);
    archive.put(b"a photo");
}

#[test]
fn an_absent_archive_is_not_an_empty_one() {
    let archive = Sandbox::new();
    let id = archive.put(b"a photo");
    fs::remove_dir_all(archive.folder.path().join("objects")).unwrap();
    assert!(matches!(Store::open(archive.folder.path()), Err(ObjectsError::StoreMissing { .. })));
    assert!(matches!(archive.store.contains(&id), Err(ObjectsError::StoreMissing { .. })));
    assert!(matches!(archive.store.verify(&id), Err(ObjectsError::StoreMissing { .. })));
    assert!(matches!(archive.store.open_object(&id), Err(ObjectsError::StoreMissing { .. })));
    assert!(matches!(archive.store.list(), Err(ObjectsError::StoreMissing { .. })));
    let refused = archive.store.commit(vec![archive.stage(b"another")]);
    assert!(matches!(refused, Err(ObjectsError::StoreMissing { .. })));
}

#[test]
fn an_object_that_never_was_is_missing() {
    let archive = Sandbox::new();
    let id = ObjectId::of(b"never");
    assert!(!archive.store.contains(&id).unwrap());
    assert!(matches!(archive.store.open_object(&id), Err(ObjectsError::Missing { id: missing }) if missing == id));
    assert!(matches!(archive.store.verify(&id).unwrap(), Verdict::Missing));
}

#[test]
fn a_verified_reader_gives_a_whole_object_and_then_its_end() {
    let archive = Sandbox::new();
    for bytes in [Vec::new(), b"a photo".to_vec(), vec![3; 1 << 20]] {
        let mut reader = archive.store.verified_reader(&archive.put(&bytes)).unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    }
}

#[test]
fn nobody_gets_all_the_bytes_of_an_altered_object() {
    let archive = Sandbox::new();
    let id = archive.put(b"a photo");
    for altered in [&b"a phxto"[..], b"a phot", b"a photo and more", b""] {
        archive.tamper(&id, altered);
        let mut reader = archive.store.verified_reader(&id).unwrap();
        let mut read = Vec::new();
        let error = loop {
            let mut chunk = [0; 3];
            match reader.read(&mut chunk) {
                Ok(0) => panic!("{} bytes passed for the photo", read.len()),
                Ok(some) => read.extend_from_slice(&chunk[..some]),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(error.get_ref().and_then(|cause| cause.downcast_ref()), Some(&AlteredObject { id }));
        assert!(read.len() < altered.len().max(1));
        assert_eq!(reader.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(matches!(archive.store.verify(&id).unwrap(), Verdict::Altered));
    }
}

#[test]
fn a_file_that_shrinks_or_grows_while_it_is_read_never_passes_for_another() {
    let archive = Sandbox::new();
    let id = archive.put(b"a photo");
    let set_len = |bytes| fs::OpenOptions::new().write(true).open(archive.path(&id)).unwrap().set_len(bytes).unwrap();
    fs::set_permissions(archive.path(&id), fs::Permissions::from_mode(0o644)).unwrap();
    let mut shrinks = archive.store.verified_reader(&id).unwrap();
    let mut chunk = [0; 2];
    shrinks.read_exact(&mut chunk).unwrap();
    set_len(4);
    assert_eq!(shrinks.read_to_end(&mut Vec::new()).unwrap_err().kind(), ErrorKind::InvalidData);

    archive.tamper(&id, b"a photo");
    let mut grows = archive.store.verified_reader(&id).unwrap();
    set_len(100);
    let mut read = Vec::new();
    grows.read_to_end(&mut read).unwrap();
    assert_eq!(read, b"a photo");
}

#[test]
fn a_listing_is_in_order_and_counts_what_is_foreign() {
    let archive = Sandbox::new();
    let mut ids: Vec<ObjectId> = (0..50u8).map(|number| archive.put(&[number])).collect();
    ids.sort_unstable();
    let objects = archive.folder.path().join("objects");
    let misplaced = ids.iter().find(|id| id.short(2) != "00").unwrap();
    plant(&objects.join("notes.txt"), b"x");
    plant(&objects.join("00").join(misplaced.to_string()), b"x");
    plant(&objects.join("00/.DS_Store"), b"x");
    fs::create_dir_all(objects.join("AB")).unwrap();
    if !objects.join("ff").exists() {
        plant(&objects.join("ff"), b"x");
    }
    let mut listing = archive.store.list().unwrap();
    let listed: Vec<ObjectId> = listing.by_ref().map(|id| id.unwrap()).collect();
    assert_eq!(listed, ids);
    assert!((4..=5).contains(&listing.foreign()), "{}", listing.foreign());
}

#[test]
fn a_new_archive_is_made_with_all_its_parents_and_made_again_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("photos/of the family");
    assert!(matches!(Store::open(&archive), Err(ObjectsError::StoreMissing { .. })));
    let committed = Store::create(&archive).unwrap().receive().unwrap().commit().unwrap();
    assert!(Store::create(&archive).unwrap().contains(&committed.id).unwrap());
    assert!(Store::open(&archive).unwrap().contains(&committed.id).unwrap());
}

#[test]
fn a_file_named_objects_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    plant(&folder.path().join("objects"), b"x");
    assert!(matches!(Store::create(folder.path()), Err(ObjectsError::StoreMissing { .. })));
}

#[test]
fn copies_can_wait_in_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    let archive = Sandbox::new();
    let staged = archive.stage(b"a photo");
    is_send(&staged);
    is_send(&archive.store.receive().unwrap());
    std::thread::scope(|scope| scope.spawn(|| archive.store.commit(vec![staged]).unwrap()).join().unwrap());
    let reader = archive.store.verified_reader(&ObjectId::of(b"a photo")).unwrap();
    std::thread::spawn(move || drop(reader)).join().unwrap();
}
