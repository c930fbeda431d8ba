//! Stories that are told in every run: each went wrong once, in the program or in what was expected of it, or is the
//! shortest one that rests on a promise.

use super::steps::Content::{Beach, BeachLater, Note, Oma, Tram};
use super::steps::Harm::{Cut, Flip, Lose};
use super::steps::Part::{Index, Pack, Snapshot};
use super::steps::Step::{
    Add, Backup, Call, Caption, Date, Delete, Drill, Drop, HarmObject, HarmRepository, Ingest, Killed, Make, Mend, Put,
    Recover, Remove, Rename, Restore, Stars, TakeOff, Undelete, Undo,
};
use super::steps::Verb;
use super::world::Stage;
use super::{retold, retold_on};

#[test]
fn what_was_edited_and_deleted_on_the_card_stays_in_the_archive() {
    retold(&[
        Put(Beach, "beach.jpg"),
        Ingest,
        Put(BeachLater, "beach.jpg"),
        Rename("beach.jpg", "sand.jpg"),
        Ingest,
        Put(Tram, "beach.jpg"),
        Ingest,
        Remove("sand.jpg"),
        Remove("beach.jpg"),
        Ingest,
    ]);
}

#[test]
fn what_was_said_before_the_last_backup_comes_back_when_the_drive_dies() {
    retold(&[
        Put(Beach, "beach.jpg"),
        Put(Tram, "Beach.JPG"),
        Put(Oma, "summer/beach.jpg"),
        Ingest,
        Make("Lisbon"),
        Make("lisbon"),
        Call("Lisbon", "Oma / 80."),
        Add("Oma / 80.", Tram),
        Add("Oma / 80.", Beach),
        Add("LISBON", Oma),
        TakeOff("Oma / 80.", Tram),
        Undo,
        Caption(Beach, "two\nlines"),
        Stars(Tram, -1),
        Date(Tram, "1999-12-31T23:59:59"),
        Delete(Oma),
        Undelete(Oma),
        Undo,
        Backup,
        Drop("lisbon"),
        Caption(Beach, ""),
        Recover,
    ]);
}

#[test]
fn a_backup_that_was_killed_before_its_drive_died_takes_nothing_with_it() {
    retold(&[
        Put(Beach, "beach.jpg"),
        Ingest,
        Backup,
        Put(Tram, "sand.jpg"),
        Ingest,
        Killed(Verb::Backup, 40),
        Killed(Verb::Recover, 60),
        Drill,
        Restore,
    ]);
}

#[test]
fn a_lost_original_that_was_deleted_comes_back_from_the_repository_and_stays_deleted() {
    let stage = Stage::new();
    for harm in [Flip, Cut, Lose] {
        retold_on(
            &stage,
            &[
                Put(Beach, "beach.jpg"),
                Ingest,
                Delete(Beach),
                Backup,
                Remove("beach.jpg"),
                HarmObject(harm, Beach),
                Ingest,
                Mend,
            ],
        );
    }
}

#[test]
fn whatever_file_of_the_repository_is_harmed_the_archive_fills_it_again() {
    let stage = Stage::new();
    for (part, which) in [(Pack, 0), (Pack, 1), (Index, 0), (Snapshot, 0)] {
        for harm in [Flip, Cut, Lose] {
            retold_on(
                &stage,
                &[
                    Put(Beach, "beach.jpg"),
                    Ingest,
                    Backup,
                    HarmRepository(harm, part, which),
                    Caption(Beach, "Tram 28"),
                    Backup,
                    Drill,
                ],
            );
        }
    }
}

#[test]
fn a_note_that_is_called_a_picture_is_kept() {
    retold(&[Put(Note, "beach.jpg"), Killed(Verb::Ingest, 25), Ingest]);
}

#[test]
fn a_snapshot_that_lost_its_catalog_is_told_of_and_stops_nothing() {
    retold(&[Make("Lisbon"), Backup, Undo, HarmRepository(Flip, Pack, 0), Mend]);
}

#[test]
fn a_backup_that_fills_a_lost_pack_again_may_be_proven() {
    retold(&[Backup, HarmRepository(Lose, Pack, 0), Put(Beach, "beach.jpg"), Ingest, Backup, Drill]);
}

#[test]
fn an_ingest_that_was_killed_may_have_put_a_lost_object_back() {
    retold(&[Put(Tram, "beach.jpg"), Ingest, Backup, HarmObject(Cut, Tram), Killed(Verb::Ingest, 25)]);
}

#[test]
fn a_snapshot_of_a_killed_backup_that_is_lost_again_was_promised_by_nobody() {
    retold(&[
        Put(Beach, "beach.jpg"),
        Ingest,
        Backup,
        Delete(Beach),
        Killed(Verb::Backup, 42),
        HarmRepository(Lose, Snapshot, 639),
    ]);
}

#[test]
fn a_snapshot_without_a_photo_whose_object_is_damaged_counts_as_partial_and_the_one_before_is_restored() {
    retold(&[Put(Beach, "beach.jpg"), Ingest, Backup, Delete(Beach), HarmObject(Flip, Beach), Backup]);
}
