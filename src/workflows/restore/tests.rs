//! In which order restored files get onto the disk.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::{Timestamp, tz::TimeZone};

use super::{RestoreOptions, Wanted, restore};
use crate::events::Recorder;
use crate::workflows::whole_disk::tests::{Step, steps};
use crate::workflows::{Circumstances, IngestOptions, Overwrite, access_to, add_repository, backup, ingest, init};

#[test]
fn bytes_are_on_the_disk_before_any_file_of_them_gets_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let around = Circumstances {
        now: Timestamp::UNIX_EPOCH,
        began: Instant::now(),
        zone: TimeZone::UTC,
        login: "anna".to_owned(),
        environment: BTreeMap::new(),
        credentials_directory: None,
        scratch: folder.path().to_owned(),
        wait: false,
        program: "keepsake test".to_owned(),
        helpers: crate::media::Helpers::default(),
    };
    let source = folder.path().join("source");
    std::fs::create_dir(&source).unwrap();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        let mut file = std::fs::File::create(source.join(name)).unwrap();
        std::io::Write::write_all(&mut file, format!("\u{ff}\u{d8} not much of a photo, {name}").as_bytes()).unwrap();
    }
    let listener = Recorder::default();
    let mut open = init(&folder.path().join("archive"), &around, &listener).unwrap().open;
    ingest(&mut open, &source, &IngestOptions::default(), &around, &listener).unwrap();
    let location = folder.path().join("disk").to_str().unwrap().parse().unwrap();
    add_repository(&mut open, &"disk".parse().unwrap(), &location, &BTreeMap::new(), None, &around).unwrap();
    backup(&mut open, &[], &around, &listener).unwrap();
    let options = RestoreOptions {
        wanted: Wanted::All,
        snapshot: None,
        archive_id: None,
        dry_run: false,
        overwrite: Overwrite::Never,
    };
    steps();
    let report = restore(&access_to(&open, None).unwrap(), &folder.path().join("out"), &options, &listener).unwrap();
    assert_eq!((report.files, report.problems.len()), (3, 0), "{report:?}");
    let together = [Step::SyncedAll, Step::Named, Step::Named, Step::Named];
    let alone = [Step::SyncedOne, Step::Named];
    let taken = steps();
    let one_by_one = [&[Step::SyncRefused][..], &alone, &alone, &alone].concat();
    assert!(taken == together || taken == one_by_one, "{taken:?}");
}
