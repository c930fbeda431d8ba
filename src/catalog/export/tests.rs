use crate::catalog::sample::{Sample, at, described, intact, kept, library};
use crate::model::{CompanionRole, Kind, ObjectId, PhotoId};

type Change = fn(&mut Sample, &PhotoId);

#[test]
fn equal_generations_are_equal_exports() {
    let mut sample = library();
    let before = (sample.catalog.generation().unwrap(), sample.catalog.export().unwrap());
    sample.catalog.record_proofs("b2", at(30), &[ObjectId::of(b"a")]).unwrap();
    sample.catalog.begin_run(crate::catalog::Job::Check, None, at(31)).unwrap();
    assert_eq!((sample.catalog.generation().unwrap(), sample.catalog.export().unwrap()), before);
    let photo = sample.catalog.find_photo(&ObjectId::of(b"d").to_string()).unwrap();
    let changes: [(&str, Change); 9] = [
        ("a caption", |sample, photo| {
            sample.catalog.set_caption(photo, Some("new"), at(40)).unwrap();
        }),
        ("a deletion", |sample, photo| {
            sample.catalog.delete_photos(std::slice::from_ref(photo), at(41)).unwrap();
        }),
        ("an undo", |sample, _| {
            sample.catalog.undo(None, at(42)).unwrap();
        }),
        ("a description", |sample, photo| sample.catalog.describe_photo(photo, &described("d", "2001-01-01")).unwrap()),
        ("a sighting", |sample, _| drop(sample.commit("anna", &[kept("new/d.jpg", "d", Kind::Jpeg)]))),
        ("an examination", |sample, _| {
            sample.catalog.record_examinations(&[(ObjectId::of(b"d"), intact())]).unwrap();
        }),
        ("an album", |sample, photo| {
            let album = sample.catalog.create_album("anna", &"Porto".parse().unwrap(), at(43)).unwrap();
            sample.catalog.add_to_album(album, std::slice::from_ref(photo), at(44)).unwrap();
        }),
        ("a companion", |sample, photo| {
            let sidecar = ObjectId::of(b"alone");
            sample.catalog.set_companion(photo, &sidecar, CompanionRole::Sidecar, "alone.aae").unwrap();
        }),
        ("a name of a source", |sample, _| {
            let mut identity = sample.catalog.sources().unwrap()[0].identity.clone();
            identity.name = "another name".to_owned();
            sample.catalog.source(&identity).unwrap();
        }),
    ];
    for (what, change) in changes {
        let before = (sample.catalog.generation().unwrap(), sample.catalog.export().unwrap());
        change(&mut sample, &photo);
        let after = (sample.catalog.generation().unwrap(), sample.catalog.export().unwrap());
        assert!(after.0 > before.0, "{what} must count");
        assert_ne!(after.1, before.1, "{what} must be exported");
    }
}

#[test]
fn every_table_that_is_exported_counts_what_is_added_changed_and_taken_away() {
    let changes = [
        "INSERT INTO source (kind, root, name) VALUES ('folder', x'', '')",
        "UPDATE source SET name = 'x'",
        "DELETE FROM source",
        "INSERT INTO object (id, sha1, size, kind, kept_at) VALUES (zeroblob(32), zeroblob(20), 0, 'jpeg', 0)",
        "UPDATE object SET finding = 'x'",
        "DELETE FROM object",
        "INSERT INTO sighting (folder, name, owner, outcome, size, inode, first_seen_at)
             VALUES (1, x'', 'anna', 'empty', 0, 0, 0)",
        "UPDATE sighting SET size = 7777",
        "UPDATE sighting SET modified_at = 7777",
        "UPDATE sighting SET reason = 'x'",
        "DELETE FROM sighting",
        "INSERT INTO photo (id, owner, object, added_at, name) VALUES ('0', 'x', 1, 0, '')",
        "UPDATE photo SET path = 'x' || row",
        "UPDATE photo SET description = 'x'",
        "UPDATE photo SET name = 'x'",
        "UPDATE photo SET taken_at = 'x'",
        "UPDATE photo SET deleted_at = 7",
        "UPDATE photo SET object = object + 100",
        "DELETE FROM photo",
        "INSERT INTO companion (photo, object, role, name) VALUES (1, 2, 'raw', '')",
        "UPDATE companion SET name = 'x'",
        "UPDATE companion SET path = 'x' || object",
        "DELETE FROM companion",
        "INSERT INTO said (photo, what, value, at) VALUES (1, 'caption', '', 0)",
        "UPDATE said SET value = '7'",
        "DELETE FROM said",
        "INSERT INTO album (owner, name, folder, folder_key, created_at) VALUES ('x', '', '', '', 0)",
        "UPDATE album SET name = name || 'x'",
        "DELETE FROM album",
        "INSERT INTO album_photo (album, photo, position, added_at) VALUES (1, 5, 7, 0)",
        "UPDATE album_photo SET position = position + 1",
        "DELETE FROM album_photo",
        "INSERT INTO tombstone (owner, object, photo, deleted_at) VALUES ('x', zeroblob(32), '', 0)",
        "UPDATE tombstone SET deleted_at = 7",
        "DELETE FROM tombstone",
    ];
    for change in changes {
        let sample = library();
        sample.catalog.connection.pragma_update(None, "foreign_keys", false).unwrap();
        let before = sample.catalog.generation().unwrap();
        assert!(sample.catalog.connection.execute(change, []).unwrap() > 0, "{change}");
        assert!(sample.catalog.generation().unwrap() > before, "{change}");
    }
}

#[test]
fn work_that_is_still_to_be_done_has_no_meaning() {
    let sample = library();
    let before = sample.catalog.generation().unwrap();
    for change in [
        "UPDATE folder SET needs_grouping = 1 - needs_grouping",
        "UPDATE photo SET needs_describing = 1 - needs_describing, needs_path = 1 - needs_path",
        "UPDATE sighting SET last_run = NULL, read_run = NULL, inode = 99",
    ] {
        sample.catalog.connection.execute(change, []).unwrap();
        assert_eq!(sample.catalog.generation().unwrap(), before, "{change}");
    }
}
