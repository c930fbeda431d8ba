//! What the tests of the catalog make their catalogs of.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests say what they expect")]

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::{Catalog, Description, FileOutcome, FileRecord, Job, Recorded, RunId, SourceId, SourceIdentity};
use crate::model::{
    CaptureTime, Certainty, Coming, CompanionRole, Condition, Depth, Examination, Facts, FileStamp, Kind, Likeness,
    ObjectId, PhotoId, Position, RawPath, Sha1Digest, TimeSource,
};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).unwrap()
}

pub(super) fn folder_source(root: &str) -> SourceIdentity {
    SourceIdentity {
        kind: "folder".to_owned(),
        volume: None,
        root: RawPath::from_bytes(root.as_bytes().to_vec()),
        name: root.trim_start_matches('/').to_owned(),
    }
}

pub(super) fn path(text: &str) -> RawPath {
    RawPath::from_bytes(text.as_bytes().to_vec())
}

pub(super) fn stamp(size: u64) -> FileStamp {
    FileStamp { size, modified_at: Some(at(-1000)), inode: 7 }
}

/// A file whose content is `content`.
pub(super) fn kept(file: &str, content: &str, kind: Kind) -> FileRecord {
    let size = content.len() as u64;
    let outcome = FileOutcome::Kept {
        object: ObjectId::of(content.as_bytes()),
        sha1: Sha1Digest([7; 20]),
        size,
        kind,
        coming: Coming::default(),
    };
    FileRecord { path: path(file), stamp: stamp(size), outcome }
}

/// A catalog in memory, with a source and a run that reads it for anna.
pub(super) struct Sample {
    pub(super) catalog: Catalog,
    pub(super) source: SourceId,
    pub(super) run: RunId,
}

impl Sample {
    pub(super) fn new() -> Self {
        let mut catalog = Catalog::in_memory("test").unwrap();
        let source = catalog.source(&folder_source("/media/stick")).unwrap();
        let run = catalog.begin_run(Job::Ingest, Some(source), at(0)).unwrap();
        Self { catalog, source, run }
    }

    pub(super) fn commit(&mut self, owner: &str, files: &[FileRecord]) -> Vec<Recorded> {
        self.catalog.commit_files(self.run, self.source, owner, at(1), files).unwrap()
    }

    /// Reads a file that is new to anna, and says which photo came of it.
    pub(super) fn photo(&mut self, file: &str, content: &str) -> PhotoId {
        self.photo_of_kind(file, content, Kind::Jpeg)
    }

    pub(super) fn photo_of_kind(&mut self, file: &str, content: &str, kind: Kind) -> PhotoId {
        let recorded = self.commit("anna", &[kept(file, content, kind)]).remove(0);
        let photo = PhotoId::new("anna", &ObjectId::of(content.as_bytes()));
        assert_eq!(recorded, Recorded::New { photo: Some(photo.clone()), object_is_new: true }, "{file}");
        photo
    }
}

pub(super) fn intact() -> Examination {
    Examination {
        condition: Condition::Intact,
        depth: Depth::Pixels,
        good_percent: None,
        finding: None,
        facts: Facts::default(),
        likeness: Likeness::default(),
    }
}

/// What a photo's files say that was taken on `day` (`2014-08-03`) at 14:22:33.
pub(super) fn described(name: &str, day: &str) -> Description {
    let local: DateTime = format!("{day}T14:22:33").parse().unwrap();
    let taken_at = CaptureTime { local, offset: None, source: TimeSource::Exif, certainty: Certainty::Exact };
    let (month, day) = (local.strftime("%Y/%Y-%m"), local.strftime("%Y%m%d"));
    Description {
        name: name.to_owned(),
        taken_at: Some(taken_at),
        wanted_path: format!("photos/anna/{month}/{day}_{name}"),
        ..Description::default()
    }
}

/// A catalog in which everything that has meaning occurs.
pub(super) fn library() -> Sample {
    let mut sample = Sample::new();
    let photos = ["a", "b", "c", "d"].map(|name| sample.photo(&format!("DCIM/{name}.jpg"), name));
    for (photo, name) in photos.iter().zip(["a", "b", "c"]) {
        let mut examination = intact();
        examination.facts.camera = Some("Canon EOS 350D".to_owned());
        examination.facts.position = Position::new(38.712_345_678_901_23, -9.1);
        sample.catalog.record_examinations(&[(ObjectId::of(name.as_bytes()), examination.clone())]).unwrap();
        let mut description = described(&format!("{name}.jpg"), "2014-08-03");
        description.keywords = vec!["Familie".to_owned()];
        description.position = examination.facts.position;
        description.camera = examination.facts.camera;
        sample.catalog.describe_photo(photo, &description).unwrap();
    }
    let odd = RawPath::from_bytes(b"f\xfcr/Oma\x1b\xff.cr2".to_vec());
    sample.commit(
        "anna",
        &[
            FileRecord { path: odd, ..kept("", "raw", Kind::Cr2) },
            kept("DCIM/control\u{1}.jpg", "a", Kind::Jpeg),
            kept("alone.aae", "alone", Kind::Aae),
            FileRecord {
                outcome: FileOutcome::Unreadable("input/output error".to_owned()),
                ..kept("broken", "x", Kind::Jpeg)
            },
            FileRecord { outcome: FileOutcome::Ignored, ..kept("Thumbs.db", "x", Kind::Jpeg) },
            FileRecord {
                stamp: FileStamp { size: 1, modified_at: None, inode: 3 },
                ..kept("DCIM/b.jpg", "changed", Kind::Jpeg)
            },
        ],
    );
    sample.commit("ben", &[kept("DCIM/a.jpg", "a", Kind::Jpeg)]);
    sample.catalog.set_companion(&photos[0], &ObjectId::of(b"raw"), CompanionRole::Raw, "Oma.cr2").unwrap();
    sample.catalog.set_caption(&photos[1], Some("Mamá"), at(2)).unwrap();
    sample.catalog.set_rating(&photos[1], Some(5), at(2)).unwrap();
    sample.catalog.set_taken_at(&photos[2], described("c.jpg", "2012-01-01").taken_at, at(3)).unwrap();
    for (name, order) in [("Lisbon", [2, 0, 1]), ("lisbon", [0, 1, 2])] {
        let album = sample.catalog.create_album("anna", &name.parse().unwrap(), at(4)).unwrap();
        let members: Vec<PhotoId> = order.iter().map(|place: &usize| photos[*place].clone()).collect();
        sample.catalog.add_to_album(album, &members, at(5)).unwrap();
    }
    sample.catalog.delete_photos(&photos[..1], at(6)).unwrap();
    sample
}
