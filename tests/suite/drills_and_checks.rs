//! What is wrong is found, told, and never passes for right: in the archive, and in its copy.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::fixtures;
use crate::support::sandbox::Sandbox;
use crate::support::tree::files_below;

/// Twelve photos, backed up.
fn backed_up() -> Sandbox {
    let sandbox = Sandbox::new();
    let card = sandbox.path("card");
    fixtures::many(&card, 12, 7);
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.json(&["ingest", &card.display().to_string()]);
    sandbox.backed_up_to_disk()
}

/// A call whose exit code matters.
#[track_caller]
fn answer(sandbox: &Sandbox, code: i32, arguments: &[&str]) -> Value {
    sandbox.keepsake(&[&["--json"], arguments].concat()).expect_code(code).json()
}

/// Turns a bit of a file that nobody may write to.
fn alter(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x40;
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(file, bytes).unwrap();
}

fn object(sandbox: &Sandbox, photo: &Value) -> PathBuf {
    let name = photo["object"].as_str().unwrap();
    sandbox.archive().join("objects").join(&name[..2]).join(name)
}

/// The largest pack of the repository: the photos, not the trees.
fn pack(sandbox: &Sandbox) -> PathBuf {
    let data = sandbox.path("disk/data");
    let packs = files_below(&data).into_iter().map(|path| data.join(path));
    packs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

#[test]
fn a_drill_reads_from_the_repository_alone() {
    let sandbox = backed_up();
    let objects = sandbox.path("archive/objects");
    fs::rename(&objects, sandbox.path("hidden")).unwrap();
    fs::create_dir(&objects).unwrap();
    let drill = answer(&sandbox, 0, &["drill"]);
    let one = &drill["repositories"][0];
    assert_eq!(one["failed"], json!([]));
    assert!(one["matched"].as_u64().unwrap() >= 12 && one["matched"] == one["restored"], "{drill}");
    assert!(one["fetched_bytes"].as_u64().unwrap() > 12 * 1000, "{drill}");
    assert_eq!(one["proven_photos"], 12);
    // Nothing of it stays, and nothing of the archive was repaired from what came back.
    assert_eq!(files_below(&sandbox.path("tmp")), Vec::<String>::new());
    assert_eq!(files_below(&objects), Vec::<String>::new());
}

#[test]
fn an_altered_pack_fails_the_drill_and_takes_the_proofs_with_it() {
    let sandbox = backed_up();
    answer(&sandbox, 0, &["drill"]);
    let status = answer(&sandbox, 4, &["status"]);
    assert_eq!(status["repositories"][0]["proven_photos"], 12);
    let pack = pack(&sandbox);
    alter(&pack, usize::try_from(fs::metadata(&pack).unwrap().len()).unwrap() / 3);

    let drill = answer(&sandbox, 4, &["drill", "--all"]);
    let failed = drill["repositories"][0]["failed"].as_array().unwrap();
    assert!(!failed.is_empty());
    let lost: Vec<Value> = sandbox.photos().into_iter().filter(|photo| photo["proofs"] == json!([])).collect();
    assert!(!lost.is_empty() && lost.len() < 12, "{} photos lost their proof", lost.len());
    for photo in &lost {
        let failure = failed.iter().find(|failure| failure["path"] == photo["path"]).unwrap();
        assert!(!failure["reason"].as_str().unwrap().is_empty());
    }
    let proven = answer(&sandbox, 4, &["status"])["repositories"][0]["proven_photos"].as_u64().unwrap();
    assert_eq!(proven, 12 - lost.len() as u64);
    let text = sandbox.keepsake(&["drill", "--all"]).expect_code(4);
    assert!(text.stdout.contains("NOT BACK"), "{}", text.stdout);
}

#[test]
fn a_check_that_reads_the_data_finds_an_altered_pack_and_says_whose_photos() {
    let sandbox = backed_up();
    answer(&sandbox, 0, &["check", "--read-data"]);
    let pack = pack(&sandbox);
    alter(&pack, usize::try_from(fs::metadata(&pack).unwrap().len()).unwrap() / 3);
    let quick = answer(&sandbox, 0, &["check"]);
    assert_eq!(quick["repositories"][0]["read_bytes"], 0, "a quick one reads no data, and says so");

    let check = answer(&sandbox, 4, &["check", "--read-data"]);
    let one = &check["repositories"][0];
    assert_eq!(one["ok"], false);
    let finding = &one["findings"][0];
    assert!(finding["kind"].as_str().unwrap().starts_with("pack"), "{finding}");
    let ids: Vec<Value> = sandbox.photos().into_iter().map(|photo| photo["id"].clone()).collect();
    let affected = finding["affected_photos"].as_array().unwrap();
    assert!(!affected.is_empty() && affected.iter().all(|photo| ids.contains(photo)), "{finding}");
    let status = answer(&sandbox, 4, &["status"]);
    assert!(status["problems"][0].as_str().unwrap().contains("found damage"), "{status}");
}

#[test]
fn damage_that_reading_found_outlives_the_next_nights_backup() {
    let sandbox = backed_up();
    answer(&sandbox, 0, &["drill"]);
    let pack = pack(&sandbox);
    let half = fs::metadata(&pack).unwrap().len() as usize / 2;
    alter(&pack, half);
    answer(&sandbox, 4, &["check", "--read-data"]);
    let backup = answer(&sandbox, 3, &["backup"]);
    assert_eq!(backup["repositories"][0]["state"], "partial", "{backup}");
    answer(&sandbox, 0, &["check"]);
    let backup = answer(&sandbox, 3, &["backup"]);
    assert_eq!(backup["repositories"][0]["state"], "partial", "a look at the structure takes nothing back: {backup}");
    assert!(!answer(&sandbox, 4, &["status"])["problems"].as_array().unwrap().is_empty());
}

#[test]
fn a_missing_pack_is_found_without_reading_and_the_next_backup_heals_it() {
    let sandbox = backed_up();
    fs::remove_file(pack(&sandbox)).unwrap();
    let check = answer(&sandbox, 4, &["check"]);
    let findings = check["repositories"][0]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["kind"] == "pack-missing"), "{check}");
    assert!(findings.iter().any(|finding| finding["affected_photos"] != json!([])), "{check}");
}

#[test]
fn check_finds_missing_and_altered_objects() {
    let sandbox = backed_up();
    let photos = sandbox.photos();
    fs::remove_file(object(&sandbox, &photos[0])).unwrap();
    alter(&object(&sandbox, &photos[1]), 900);
    let quick = answer(&sandbox, 4, &["check"]);
    assert_eq!(quick["objects"], json!({"checked": 12, "missing": [photos[0]["object"]], "altered": []}));
    let whole = answer(&sandbox, 4, &["check", "--objects"]);
    assert_eq!(whole["objects"]["missing"], json!([photos[0]["object"]]));
    assert_eq!(whole["objects"]["altered"], json!([photos[1]["object"]]));
}

/// What is done to an object before the next backup.
type Harm = fn(&Path);

#[test]
fn the_source_mends_an_altered_object_when_it_is_read_again() {
    let sandbox = backed_up();
    let photos = sandbox.json(&["search"])["photos"].clone();
    alter(&object(&sandbox, &photos[3]), 200);
    fs::remove_file(object(&sandbox, &photos[5])).unwrap();
    answer(&sandbox, 4, &["check", "--objects"]);
    let card = sandbox.path("card").display().to_string();
    sandbox.json(&["ingest", &card]);
    let missing = answer(&sandbox, 4, &["check", "--objects"])["objects"].clone();
    assert_eq!((missing["missing"].clone(), missing["altered"].as_array().unwrap().len()), (json!([]), 1));
    sandbox.json(&["ingest", "--reread", &card]);
    answer(&sandbox, 0, &["check", "--objects"]);
}

#[test]
fn a_backup_that_lacks_an_object_is_partial_and_the_old_one_stays_the_newest_complete() {
    let harms: [(&str, Harm); 2] =
        [("missing", |file| fs::remove_file(file).unwrap()), ("altered", |file| alter(file, 700))];
    for (kind, harm) in harms {
        let sandbox = backed_up();
        let before = answer(&sandbox, 4, &["status"])["repositories"][0].clone();
        let more = sandbox.path("more");
        fixtures::many(&more, 3, 8);
        sandbox.json(&["ingest", &more.display().to_string()]);
        // One that the repository does not have yet.
        let fresh = sandbox.photos().into_iter().find(|photo| is_seen_in(photo, "more")).unwrap();
        harm(&object(&sandbox, &fresh));

        let backup = answer(&sandbox, 3, &["backup"]);
        let one = &backup["repositories"][0];
        assert_eq!((&one["state"], one["problems"].as_array().unwrap().len()), (&json!("partial"), 1), "{kind}: {one}");
        assert_eq!((&one["problems"][0]["kind"], &one["problems"][0]["path"]), (&json!(kind), &fresh["path"]));
        let after = answer(&sandbox, 4, &["status"])["repositories"][0].clone();
        assert_eq!(after["newest_complete"], before["newest_complete"], "{kind}");
        assert_ne!(after["newest_snapshot"], before["newest_snapshot"], "{kind}");
        let snapshots = sandbox.json(&["snapshots"])["snapshots"].clone();
        let complete: Vec<&Value> = snapshots.as_array().unwrap().iter().map(|one| &one["complete"]).collect();
        assert_eq!(complete, [&json!(true), &json!(false)], "{kind}");

        // A restore takes the complete one; the source heals the archive, and the next backup counts again.
        let to = sandbox.path("restored").display().to_string();
        assert_eq!(sandbox.json(&["restore", "--all", "--to", &to])["snapshot"], snapshots[0]["id"], "{kind}");
        if object(&sandbox, &fresh).exists() {
            // Nothing takes an altered object away yet; with it gone the source brings it back.
            fs::remove_file(object(&sandbox, &fresh)).unwrap();
        }
        sandbox.json(&["ingest", &more.display().to_string()]);
        assert_eq!(answer(&sandbox, 0, &["check", "--objects"])["objects"]["altered"], json!([]), "{kind}");
        assert_eq!(answer(&sandbox, 0, &["backup"])["repositories"][0]["state"], "complete", "{kind}");
        let text = sandbox.json(&["drill"])["repositories"][0]["failed"].clone();
        assert_eq!(text, json!([]), "{kind}");
    }
}

fn is_seen_in(photo: &Value, source: &str) -> bool {
    let sightings = photo["sightings"].as_array().unwrap();
    sightings.iter().any(|sighting| sighting["source"].as_str().unwrap().ends_with(source))
}

#[test]
fn a_backup_after_a_pack_was_lost_does_not_call_itself_complete() {
    let sandbox = backed_up();
    fs::remove_file(pack(&sandbox)).unwrap();
    sandbox.json(&["album", "create", "a change of meaning"]);
    let backup = sandbox.keepsake(&["--json", "backup"]);
    let state = backup.json()["repositories"][0]["state"].clone();
    if state == "complete" {
        // Then everything must really be there again.
        answer(&sandbox, 0, &["drill", "--all"]);
    } else {
        assert_eq!((backup.code, state), (3, json!("partial")));
    }
}

#[test]
fn a_drill_of_an_album_or_of_a_few_proves_just_those() {
    let sandbox = backed_up();
    sandbox.json(&["album", "create", "two", "--search", "IMG_00003"]);
    sandbox.json(&["backup"]);
    answer(&sandbox, 0, &["drill", "--album", "two"]);
    let proven = |sandbox: &Sandbox| answer(sandbox, 4, &["status"])["repositories"][0]["proven_photos"].clone();
    assert_eq!(proven(&sandbox), 1);
    answer(&sandbox, 0, &["drill", "--sample", "4"]);
    assert_eq!(proven(&sandbox), 5);
    answer(&sandbox, 0, &["drill", "--max-bytes", "1"]);
    assert_eq!(proven(&sandbox), 6, "one file is always restored");
    answer(&sandbox, 0, &["drill"]);
    assert_eq!(proven(&sandbox), 12);
}

#[test]
fn a_repository_that_is_not_there_fails_alone() {
    let sandbox = backed_up();
    let second = sandbox.path("second").display().to_string();
    sandbox.json(&["repo", "add", "second", &second]);
    fs::rename(sandbox.path("disk"), sandbox.path("unplugged")).unwrap();
    let backup = answer(&sandbox, 1, &["backup"]);
    let states: Vec<&Value> = backup["repositories"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, [&json!("failed"), &json!("complete")]);
    assert!(backup["repositories"][0]["error"].as_str().unwrap().len() > 10);
    let drill = answer(&sandbox, 1, &["drill"]);
    assert!(drill["repositories"][0]["error"].is_string());
    assert_eq!(drill["repositories"][1]["failed"], json!([]));
    assert!(!sandbox.path("disk").exists(), "nothing is made where a drive should be");
}
