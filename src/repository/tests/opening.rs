//! Making, opening, and being refused.

use super::support::{Bench, PASSWORD, access_to, at, read_back, small_tree, stamp};
use crate::events::Recorder;
use crate::repository::{Key, Repository, RepositoryError};

#[test]
fn a_repository_opens_with_its_password_and_with_nothing_else() {
    let bench = Bench::new();
    let again = Repository::open(&bench.access()).unwrap();
    assert_eq!(again.id(), bench.repository.id());
    assert_eq!(again.id().len(), 64);
    let mut access = bench.access();
    access.key = Key::Password("wrong".to_owned());
    assert!(matches!(Repository::open(&access).unwrap_err(), RepositoryError::WrongKey { .. }));
}

#[test]
fn the_master_key_opens_a_repository_whose_key_files_are_gone() {
    let bench = Bench::new();
    let done = bench.back_up(small_tree(&bench.objects), 1).unwrap();
    let mut access = bench.access();
    access.key = Key::Master(bench.repository.master_key().unwrap());
    std::fs::remove_dir_all(bench.root().join("keys")).unwrap();
    assert_eq!(read_back(&Repository::open(&access).unwrap(), &done).len(), 4);
    assert!(matches!(Repository::open(&bench.access()).unwrap_err(), RepositoryError::Damaged { .. }));
}

#[test]
fn a_master_key_of_another_repository_or_of_the_wrong_shape_is_told_apart() {
    let (bench, other) = (Bench::new(), Bench::new());
    let open = |master: String| {
        let mut access = bench.access();
        access.key = Key::Master(master);
        Repository::open(&access).unwrap_err()
    };
    assert!(matches!(open(other.repository.master_key().unwrap()), RepositoryError::WrongKey { .. }));
    assert!(matches!(open("hunter2".to_owned()), RepositoryError::UnusableKey { .. }));
    let short = r#"{"mac":{"k":"AAAA","r":"AAAA"},"encrypt":"AAAA"}"#;
    assert!(matches!(open(short.to_owned()), RepositoryError::UnusableKey { .. }));
}

#[test]
fn one_damaged_key_file_does_not_lock_out_the_others() {
    let bench = Bench::new();
    bench.repository.add_password("another one").unwrap();
    let keys = bench.files("keys");
    assert_eq!(keys.len(), 2);
    let mut opened = 0;
    for key in &keys {
        let whole = std::fs::read(key).unwrap();
        Bench::tamper(key, |bytes| bytes.truncate(20));
        for password in [PASSWORD, "another one"] {
            let mut access = bench.access();
            access.key = Key::Password(password.to_owned());
            opened += u32::from(Repository::open(&access).is_ok());
        }
        Bench::tamper(key, |bytes| *bytes = whole);
    }
    assert_eq!(opened, 2, "each time the password of the whole key file opens it");
}

#[test]
fn a_changed_password_is_the_only_one_that_opens() {
    let bench = Bench::new();
    bench.repository.change_password("new").unwrap();
    assert!(matches!(Repository::open(&bench.access()).unwrap_err(), RepositoryError::WrongKey { .. }));
    let mut access = bench.access();
    access.key = Key::Password("new".to_owned());
    assert!(Repository::open(&access).is_ok());
}

#[test]
fn places_without_a_repository_are_not_found() {
    let folder = tempfile::tempdir().unwrap();
    for place in [folder.path().to_owned(), folder.path().join("not/there")] {
        assert!(matches!(Repository::open(&access_to(&place)).unwrap_err(), RepositoryError::NotFound { .. }));
        assert!(!folder.path().join("not").exists(), "opening makes nothing");
    }
}

#[test]
fn nothing_that_exists_is_made_into_a_repository() {
    let bench = Bench::new();
    assert!(matches!(Repository::create(&bench.access()).unwrap_err(), RepositoryError::AlreadyExists { .. }));
    let folder = tempfile::tempdir().unwrap();
    std::fs::File::create(folder.path().join("holiday.jpg")).unwrap();
    let error = Repository::create(&access_to(folder.path())).unwrap_err();
    assert!(matches!(error, RepositoryError::FolderInUse { .. }));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_repository_that_lost_its_configuration_is_never_made_over() {
    let bench = Bench::new();
    bench.back_up(small_tree(&bench.objects), 1).unwrap();
    std::fs::remove_file(bench.root().join("config")).unwrap();
    assert!(matches!(Repository::create(&bench.access()).unwrap_err(), RepositoryError::Damaged { .. }));
    assert_eq!(bench.files("keys").len(), 1);
}

#[test]
fn making_a_repository_again_works_after_it_was_cut_off() {
    let bench = Bench::new();
    std::fs::remove_file(bench.root().join("config")).unwrap();
    let made = Repository::create(&bench.access()).unwrap();
    assert_eq!(Repository::open(&bench.access()).unwrap().id(), made.id());
}

#[test]
fn what_lies_beside_is_read_without_any_key() {
    let bench = Bench::new();
    bench.repository.put_beside("recovery/kit.age", b"old").unwrap();
    bench.repository.put_beside("recovery/kit.age", b"sealed").unwrap();
    let mut access = bench.access();
    access.key = Key::Password(String::new());
    assert_eq!(Repository::get_beside(&access, "recovery/kit.age").unwrap().unwrap(), b"sealed");
    assert_eq!(Repository::get_beside(&access, "recovery/other").unwrap(), None);
    for name in ["config", "data/x", "../x", "/x", "keys/x", ""] {
        assert!(bench.repository.put_beside(name, b"x").is_err(), "{name}");
    }
}

#[test]
fn a_lock_that_nobody_can_read_stops_nothing() {
    let bench = Bench::new();
    std::fs::create_dir(bench.root().join("locks")).unwrap();
    std::fs::File::create(bench.root().join("locks").join("ab".repeat(32))).unwrap();
    std::fs::File::create(bench.root().join("locks/not-even-a-name")).unwrap();
    assert!(bench.repository.back_up(Vec::new(), &stamp(1), &Recorder::default()).is_ok());
    assert_eq!(bench.repository.snapshots().unwrap()[0].at, at(1));
}
