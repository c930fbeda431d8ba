//! From an old drive to a proven copy, in one command, and what is known of every file afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use keepsake::model::Condition;
use serde_json::{Value, json};

use crate::support::fixtures::{self, Expected, Role, Taken};
use crate::support::sandbox::Sandbox;

/// The whole drive, rescued twice.
struct Rescued {
    sandbox: Sandbox,
    first: Value,
    second: Value,
    photos: Vec<Value>,
}

static RESCUED: LazyLock<Rescued> = LazyLock::new(|| {
    let sandbox = Sandbox::shared("the_main_job");
    let drive = sandbox.path("old drive");
    fixtures::old_drive(&drive);
    let (drive, disk) = (drive.display().to_string(), sandbox.path("disk").display().to_string());
    let rescue = || sandbox.json(&["rescue", &drive, "--backup-to", &disk]);
    let (first, second) = (rescue(), rescue());
    let photos = sandbox.photos();
    Rescued { sandbox, first, second, photos }
});

impl Rescued {
    /// The photo whose bytes were seen at `path`, be it its own file or that of a companion's photo.
    fn seen_at(&self, path: &str) -> Option<&Value> {
        self.photos.iter().find(|photo| sightings(photo).any(|sighting| sighting["path"] == path))
    }
}

fn sightings(photo: &Value) -> impl Iterator<Item = &Value> {
    photo["sightings"].as_array().expect("a list").iter()
}

fn number(report: &Value, field: &str) -> u64 {
    report[field].as_u64().unwrap_or_else(|| panic!("{field} is no number: {report}"))
}

/// How many files of the drive are so.
fn count(of: impl Fn(&Expected) -> bool) -> u64 {
    fixtures::manifest().iter().filter(|file| of(file)).count() as u64
}

fn is_kept(file: &Expected) -> bool {
    !matches!(file.role, Role::Empty | Role::Junk)
}

fn is_photo(file: &Expected) -> bool {
    matches!(file.role, Role::Photo | Role::Video)
}

/// The copy of `IMG_0007.JPG` with a hole in it stands behind the whole one.
fn is_behind(file: &Expected) -> bool {
    file.path.ends_with("f0004096.jpg")
}

#[test]
fn every_file_of_the_drive_is_counted_once() {
    let report = &RESCUED.first["ingests"][0];
    assert_eq!(number(report, "files_seen"), count(|_| true));
    assert_eq!(number(report, "stored"), count(|file| is_kept(file) && file.same_bytes_as.is_none()));
    assert_eq!(number(report, "duplicates"), count(|file| is_kept(file) && file.same_bytes_as.is_some()));
    assert_eq!(number(report, "ignored"), count(|file| !is_kept(file)));
    assert_eq!((number(report, "unreadable"), number(report, "previously_deleted")), (0, 0));
    assert_eq!(
        number(report, "new_photos"),
        count(|file| is_photo(file) && !is_behind(file) && file.same_bytes_as.is_none())
    );
    let harmed = |file: &Expected| file.condition.is_some_and(Condition::is_damage) && file.same_bytes_as.is_none();
    assert_eq!(number(report, "damaged"), count(harmed));
    assert_eq!(report["complete"], true);
}

#[test]
fn every_problem_names_its_file_and_nothing_else_is_one() {
    let listed: BTreeMap<String, String> = RESCUED.first["ingests"][0]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["path"].as_str().unwrap().to_owned(), problem["kind"].as_str().unwrap().to_owned()))
        .collect();
    let expected: BTreeMap<String, String> = fixtures::manifest()
        .into_iter()
        .filter_map(|file| match (file.role, file.condition) {
            (Role::Empty, _) => Some((file.path, "empty".to_owned())),
            (_, Some(condition)) if condition.is_damage() => Some((file.path, condition.to_string())),
            _ => None,
        })
        .collect();
    assert_eq!(listed, expected);
}

#[test]
fn every_photo_is_what_the_drive_says_it_is() {
    let mut wrong = Vec::new();
    let manifest = fixtures::manifest();
    for file in manifest.iter().filter(|file| is_photo(file) && !is_behind(file)) {
        let Some(photo) = RESCUED.seen_at(&file.path) else {
            wrong.push(format!("{}: no photo was seen there", file.path));
            continue;
        };
        let mut same = |what: &str, ours: &Value, truth: Value| {
            if *ours != truth {
                wrong.push(format!("{}: {what} is {ours}, not {truth}", file.path));
            }
        };
        same("kind", &photo["kind"], json!(file.kind.map(|kind| kind.to_string())));
        same("condition", &photo["condition"], json!(file.condition.map(|condition| condition.to_string())));
        same("camera", &photo["camera"], json!(file.camera));
        let Taken { local, offset, source, certainty } = file.taken.clone().unwrap_or_else(|| undated(file));
        same("taken_at", &photo["taken_at"], json!(local));
        same("zone", &photo["zone"], json!(offset));
        same("taken_at_source", &photo["taken_at_source"], json!(source.as_str()));
        same("taken_at_certainty", &photo["taken_at_certainty"], json!(certainty.as_str()));
        let degrees = |value: &Value| value.as_f64().map(|degrees| format!("{degrees:.5}"));
        let (north, east) = file.position.unzip();
        same("latitude", &json!(degrees(&photo["latitude"])), json!(north.map(|north| format!("{north:.5}"))));
        same("longitude", &json!(degrees(&photo["longitude"])), json!(east.map(|east| format!("{east:.5}"))));
        // Words may stand in a file beside it.
        let beside = manifest.iter().find(|other| {
            other.role == Role::Sidecar && other.belongs_to.as_ref().is_some_and(|whose| is_seen_at(photo, whose))
        });
        let words = beside.unwrap_or(file);
        same("caption", &photo["caption"], json!(words.caption));
        same("rating", &photo["rating"], json!(words.rating));
        let tags = |value: &Value| {
            let tags = value.as_array().expect("a list").iter().map(|tag| tag.as_str().expect("a text").to_owned());
            tags.collect::<BTreeSet<_>>()
        };
        same("tags", &json!(tags(&photo["tags"])), json!(words.keywords.iter().cloned().collect::<BTreeSet<_>>()));
        let sighting = sightings(photo).find(|sighting| sighting["path"] == file.path.as_str()).expect("it was seen");
        same("last written", &sighting["modified_at"], json!(file.modified_at.to_string()));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

fn is_seen_at(photo: &Value, path: &str) -> bool {
    sightings(photo).any(|sighting| sighting["path"] == path)
}

/// Nothing but the file's own time is left: a moment, told in the zone of this machine, and a guess.
fn undated(file: &Expected) -> Taken {
    Taken {
        local: file.modified_at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        offset: Some("+00:00".to_owned()),
        source: keepsake::model::TimeSource::Modified,
        certainty: keepsake::model::Certainty::Guess,
    }
}

#[test]
fn what_belongs_to_a_photo_stands_beside_it_and_is_none_of_its_own() {
    let companions = fixtures::manifest().into_iter().filter(|file| file.belongs_to.is_some());
    let mut found = 0;
    for file in companions.filter(|file| file.same_bytes_as.is_none()) {
        let whose = file.belongs_to.as_deref().unwrap();
        let photo = RESCUED.seen_at(whose).unwrap_or_else(|| panic!("{whose} is a photo"));
        let role = match file.role {
            Role::Raw => "raw",
            Role::LiveVideo => "live-video",
            Role::Sidecar => "sidecar",
            Role::Photo | Role::Video | Role::Store | Role::Empty | Role::Junk => {
                panic!("{} belongs to nothing", file.path)
            }
        };
        let name = file.path.rsplit('/').next().unwrap();
        let beside = photo["companions"].as_array().unwrap().iter();
        assert!(
            beside.clone().any(|one| one["role"] == role && one["name"] == name),
            "{whose} has no {role} called {name}: {beside:?}"
        );
        assert!(RESCUED.seen_at(&file.path).is_none(), "{} is a photo of its own", file.path);
        found += 1;
    }
    assert_eq!(found, 5);
}

#[test]
fn a_second_rescue_reads_nothing_stores_nothing_and_sends_nothing() {
    let (first, second) = (&RESCUED.first, &RESCUED.second);
    let again = &second["ingests"][0];
    assert_eq!((number(again, "stored"), number(again, "read_bytes"), number(again, "stored_bytes")), (0, 0, 0));
    assert_eq!(number(again, "duplicates"), count(is_kept));
    assert_eq!(number(again, "ignored"), count(|file| !is_kept(file)));
    let backup = &second["backup"]["repositories"][0];
    assert_eq!(backup["state"], "unchanged");
    assert_eq!(backup["snapshot"], first["backup"]["repositories"][0]["snapshot"]);
    assert_eq!((number(backup, "read_bytes"), number(backup, "sent_bytes")), (0, 0));
    assert_eq!(second["words"], Value::Null, "words are shown once");
    assert_eq!(RESCUED.sandbox.json(&["snapshots"])["snapshots"].as_array().unwrap().len(), 1);
}

#[test]
fn everything_that_was_kept_came_back_from_the_copy() {
    let drill = &RESCUED.first["drill"]["repositories"][0];
    let kept = number(&RESCUED.first["ingests"][0], "stored");
    assert_eq!(drill["failed"], json!([]));
    assert_eq!(drill["restored"], drill["matched"]);
    assert!(number(drill, "matched") >= kept, "every object, and what says what they are: {drill}");
    assert!(RESCUED.photos.iter().all(|photo| photo["proofs"][0]["repository"] == "disk"));
    let status = RESCUED.sandbox.keepsake(&["--json", "status"]).expect_code(4).json();
    assert_eq!(number(&status["repositories"][0], "proven_photos"), number(&status, "photos"));
}

#[test]
fn a_copy_on_the_same_drive_is_not_called_safe() {
    let status = RESCUED.sandbox.keepsake(&["--json", "status"]).expect_code(4).json();
    assert_eq!(status["repositories"][0]["off_this_drive"], false);
    assert_eq!(number(&status, "safe"), 0);
    let at_risk = status["at_risk"].as_array().unwrap();
    assert_eq!(at_risk.len() as u64, number(&status, "photos"));
    assert!(at_risk.iter().all(|one| one["why"].as_str().unwrap().contains("on the drive that the archive is on")));
}

#[test]
fn the_summary_tells_a_worried_person_what_they_want_to_know() {
    let sandbox = Sandbox::new();
    let (drive, disk) = (sandbox.path("card"), sandbox.path("disk").display().to_string());
    fixtures::many(&drive, 3, 1);
    let ended = sandbox.keepsake(&["rescue", &drive.display().to_string(), "--backup-to", &disk]).expect_code(0);
    for words in [
        "found          3 files",
        "newly kept     3 files with 3 photos",
        &format!("{disk}  everything is in the encrypted snapshot"),
        "restored into scratch space",
        "0 of 3 photos",
        "every copy is on the drive that the archive is on",
        "recovery/kit.age",
        &sandbox.words(),
        "What to do next",
        "every night, from a timer",
    ] {
        assert!(ended.stdout.contains(words), "“{words}” is not in\n{}", ended.stdout);
    }
}
