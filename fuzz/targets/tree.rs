//! Photos of any name, with anything beside them, in albums of any name: the tree that a snapshot gets.
//!
//! Each line is a file: what happens to it, and then its path.
#![no_main]

use std::collections::BTreeSet;

use jiff::Timestamp;
use keepsake::catalog::{Catalog, Description, FileOutcome, FileRecord, Job, Recorded, SourceIdentity};
use keepsake::model::{
    AlbumName, CaptureTime, Certainty, CompanionRole, FileStamp, Kind, ObjectId, PhotoId, RawPath, Sha1Digest,
    TimeSource,
};
use keepsake_fuzz::{hold_tree, prepare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |input: &[u8]| {
    let mut library = Library::new();
    for (number, line) in input.split(|byte| *byte == b'\n').take(40).enumerate() {
        if let Some((what, path)) = line.split_first() {
            library.file(number, *what, path);
        }
    }
    let (plan, shards) = library.catalog.snapshot_contents().expect("there is a plan");
    hold_tree(&plan);
    let companions = plan.photos.iter().flat_map(|photo| &photo.companions);
    let planned: BTreeSet<ObjectId> =
        plan.photos.iter().map(|photo| photo.object).chain(companions.chain(&plan.kept).map(|file| file.object)).collect();
    assert_eq!(planned, library.objects, "every object is in the plan");
    let mut recovered = Catalog::in_memory("recovered").expect("a catalog in memory");
    assert_eq!(recovered.import(&shards).expect("our own export").problems, []);
    assert_eq!(recovered.export().expect("it can be written"), shards);
    let again = recovered.snapshot_plan().expect("there is a plan");
    assert_eq!((again.photos, again.albums, again.kept), (plan.photos, plan.albums, plan.kept));
});

struct Library {
    catalog: Catalog,
    objects: BTreeSet<ObjectId>,
    photos: Vec<(PhotoId, String)>,
}

impl Library {
    fn new() -> Self {
        let catalog = Catalog::in_memory("fuzz").expect("a catalog in memory");
        Self { catalog, objects: BTreeSet::new(), photos: Vec::new() }
    }

    fn file(&mut self, number: usize, what: u8, path: &[u8]) {
        let owner = ["anna", "Anna", "CON. ", "b/en"][usize::from(what & 3)];
        let kind = if what & 4 == 0 { Kind::Jpeg } else { Kind::Xmp };
        // Now and then the same content again.
        let object = ObjectId::of(&if what & 0xC0 == 0xC0 { vec![what] } else { number.to_le_bytes().to_vec() });
        let photo = self.commit(owner, number, object, kind, path);
        self.objects.insert(object);
        let Some(photo) = photo else { return self.beside(what, object, path) };
        self.describe(&photo, owner, what, path);
        if what & 0x10 != 0 {
            self.album(owner, &photo, path);
        }
        if what & 0x20 != 0 {
            self.catalog.delete_photos(std::slice::from_ref(&photo), at(3)).expect("a photo can be deleted");
        }
        self.photos.push((photo, owner.to_owned()));
    }

    fn commit(&mut self, owner: &str, number: usize, object: ObjectId, kind: Kind, path: &[u8]) -> Option<PhotoId> {
        let root = RawPath::from_bytes(b"/media/stick".to_vec());
        let identity = SourceIdentity { kind: "folder".into(), volume: None, root, name: "stick".into() };
        let source = self.catalog.source(&identity).expect("a source");
        let run = self.catalog.begin_run(Job::Ingest, Some(source), at(0)).expect("a run");
        let stamp = FileStamp { size: 1, modified_at: Some(at(-9)), inode: number as u64 };
        let outcome = FileOutcome::Kept { object, sha1: Sha1Digest([7; 20]), size: 1, kind, coming: keepsake::model::Coming::default() };
        let file = FileRecord { path: RawPath::from_bytes(path.to_vec()), stamp, outcome };
        match self.catalog.commit_files(run, source, owner, at(1), &[file]).expect("a file").pop() {
            Some(Recorded::New { photo, .. }) => photo,
            _ => None,
        }
    }

    fn describe(&mut self, photo: &PhotoId, owner: &str, what: u8, path: &[u8]) {
        let text = String::from_utf8_lossy(path).into_owned();
        let name = text.rsplit('/').next().unwrap_or_default().to_owned();
        let local = jiff::civil::date(2014, 8, 3).at(14, 22, 33, 0);
        let taken_at = CaptureTime { local, offset: None, source: TimeSource::Exif, certainty: Certainty::Exact };
        let wanted_path = match what & 8 {
            0 => format!("photos/{owner}/2014/2014-08/{name}"),
            _ => text,
        };
        let description = Description { name, taken_at: Some(taken_at), wanted_path, ..Description::default() };
        self.catalog.describe_photo(photo, &description).expect("a photo can be described");
    }

    fn beside(&mut self, what: u8, object: ObjectId, path: &[u8]) {
        let Some((photo, _)) = self.photos.get(usize::from(what >> 3) % self.photos.len().max(1)).cloned() else {
            return;
        };
        let name = String::from_utf8_lossy(path).rsplit('/').next().unwrap_or_default().to_owned();
        let outcome = self.catalog.set_companion(&photo, &object, CompanionRole::Sidecar, &name);
        outcome.expect("a companion can be set");
    }

    fn album(&mut self, owner: &str, photo: &PhotoId, path: &[u8]) {
        let text = String::from_utf8_lossy(path);
        let Ok(name) = text.split('/').next().unwrap_or_default().parse::<AlbumName>() else { return };
        let album = match self.catalog.create_album(owner, &name, at(2)) {
            Ok(album) => album,
            Err(_) => self.catalog.find_album(owner, name.as_str()).expect("it is there already"),
        };
        self.catalog.add_to_album(album, std::slice::from_ref(photo), at(2)).expect("a photo can be added");
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).expect("a time")
}
