//! What people do with their photos: find them, put them together, throw them away, and change their mind.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use keepsake::model::{Condition, Family};
use serde_json::{Value, json};

use crate::support::fixtures::{self, Expected, Role};
use crate::support::sandbox::Sandbox;

/// The old drive in an archive, and a card; nothing in it is changed.
static LIBRARY: LazyLock<Sandbox> = LazyLock::new(|| {
    let sandbox = Sandbox::shared("albums_and_search");
    let drive = sandbox.path("old drive");
    fixtures::old_drive(&drive);
    fixtures::many(&sandbox.path("card of 2001"), 7, 5);
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.json(&["ingest", &drive.display().to_string(), &sandbox.path("card of 2001").display().to_string()]);
    sandbox.json(&["album", "create", "Oma", "--folder", "Oma's 80th birthday"]);
    sandbox
});

/// The names of what a search finds.
#[track_caller]
fn found(sandbox: &Sandbox, arguments: &[&str]) -> BTreeSet<String> {
    let found = sandbox.json(&[&["search", "--limit", "1000"], arguments].concat());
    assert_eq!(found["total"], found["photos"].as_array().unwrap().len(), "{arguments:?}");
    names(&found)
}

fn names(list: &Value) -> BTreeSet<String> {
    let photos = list["photos"].as_array().unwrap().iter();
    photos.map(|photo| photo["name"].as_str().unwrap().to_owned()).collect()
}

/// The names of the photos of the drive that are so.
fn of_drive(is: impl Fn(&Expected) -> bool) -> BTreeSet<String> {
    static PHOTOS: LazyLock<Vec<Expected>> = LazyLock::new(|| {
        let photos = fixtures::manifest().into_iter().filter(|file| matches!(file.role, Role::Photo | Role::Video));
        photos.collect()
    });
    let all = &*PHOTOS;
    // The copy of IMG_0007.JPG with a hole in it stands behind the whole one.
    let is_behind = |file: &Expected| file.path.ends_with("f0004096.jpg");
    let chosen = all.iter().filter(|file| file.same_bytes_as.is_none() && !is_behind(file) && is(file));
    // A photo has the name of its best copy, which a person may have chosen.
    chosen.map(|file| best_name(file, all)).collect()
}

fn best_name(file: &Expected, all: &[Expected]) -> String {
    let copies = all.iter().filter(|other| other.same_bytes_as.as_deref() == Some(&file.path)).chain([file]);
    let a_copy = |path: &str| {
        let path = path.to_lowercase();
        ["copy", "kopie", "backup", "(1).jpg"].iter().any(|word| path.contains(word))
    };
    let best = copies.min_by_key(|file| (a_copy(&file.path), file.path.len())).unwrap();
    best.path.rsplit('/').next().unwrap().to_owned()
}

/// What is true of the photos that a filter finds.
type Is = Box<dyn Fn(&Expected) -> bool>;

#[test]
fn every_filter_finds_what_the_drive_says() {
    let between = |from: &'static str, to: &'static str| {
        move |file: &Expected| file.taken.as_ref().is_some_and(|taken| &*taken.local >= from && &*taken.local < to)
    };
    let cases: Vec<(&[&str], Is)> = vec![
        (&["--camera", "pentax"], Box::new(|file| file.camera.as_ref().is_some_and(|name| name.contains("PENTAX")))),
        (&["--kind", "png"], Box::new(|file| file.kind.is_some_and(|kind| kind.to_string() == "png"))),
        (&["--kind", "video"], Box::new(|file| file.kind.is_some_and(|kind| kind.family() == Family::Video))),
        (&["--condition", "truncated"], Box::new(|file| file.condition == Some(Condition::Truncated))),
        (&["--condition", "damaged"], Box::new(|file| file.condition == Some(Condition::Damaged))),
        (&["--condition", "preview-only"], Box::new(|file| file.condition == Some(Condition::PreviewOnly))),
        (&["--tag", "neighbours"], Box::new(|file| file.keywords.iter().any(|word| word == "neighbours"))),
        (&["--from", "2016", "--to", "2016"], Box::new(between("2016", "2017"))),
        (&["--from", "2014-08-03", "--to", "2014-08-04"], Box::new(between("2014-08-03", "2014-08-05"))),
        (&["--from", "2016-07", "--to", "2016-08-14"], Box::new(between("2016-07", "2016-08-15"))),
        (&["--source", "old drive"], Box::new(|_| true)),
        (&["--album", "oma"], Box::new(|file| file.path.starts_with("Oma's 80th birthday/"))),
    ];
    for (arguments, is) in cases {
        let expected = of_drive(is);
        assert!(!expected.is_empty(), "{arguments:?} is a case");
        let mut found = found(&LIBRARY, arguments);
        if arguments.contains(&"--from") {
            found.retain(|name| !name.starts_with("IMG_0000"));
        }
        assert_eq!(found, expected, "{arguments:?}");
    }
    assert_eq!(found(&LIBRARY, &["--source", "card of 2001"]).len(), 7);
    let both = found(&LIBRARY, &["--camera", "canon", "--from", "2014-08-06", "--kind", "photo", "img"]);
    assert_eq!(both, BTreeSet::from(["IMG_0011.JPG", "IMG_0012.JPG"].map(str::to_owned)));
    for nothing in [["--person", "Ana"], ["--place", "Lisbon"], ["--camera", "Hasselblad"], ["--source", "no such"]] {
        assert!(found(&LIBRARY, &nothing).is_empty(), "{nothing:?}");
    }
}

#[test]
fn words_are_found_in_names_captions_tags_folders_and_cameras() {
    for (words, name) in [
        (&["miradouro"][..], "IMG_0005.JPG"),
        (&["ana", "mirad"], "IMG_0005.JPG"),
        (&["hochzeit", "grete"], "Hochzeit.jpg"),
        (&["karlskirche"], "Karlskirche.jpg"),
        (&["marz", "karls"], "Karlskirche.jpg"),
        (&["tram", "28"], "Tram 28.jpg"),
    ] {
        let found = found(&LIBRARY, words);
        assert!(found.contains(name), "{words:?} found {found:?}");
    }
    assert_eq!(found(&LIBRARY, &["neighbours"]), BTreeSet::from(["DSCF1002.JPG".to_owned()]));
    assert!(found(&LIBRARY, &["no", "such", "thing"]).is_empty());
    // What looks like an option or an operator is only a word.
    assert!(found(&LIBRARY, &["NOT", "\"(", "--", "-rf"]).is_empty());
}

#[test]
fn a_list_is_cut_and_says_how_many_there_are() {
    let all = LIBRARY.json(&["search"])["total"].clone();
    let few = LIBRARY.json(&["search", "--limit", "3"]);
    assert_eq!((&few["total"], few["photos"].as_array().unwrap().len()), (&all, 3));
    let times: Vec<&str> =
        few["photos"].as_array().unwrap().iter().filter_map(|one| one["taken_at"].as_str()).collect();
    assert!(times.is_sorted_by(|later, earlier| later >= earlier), "newest first: {times:?}");
    let text = LIBRARY.keepsake(&["search", "--limit", "3"]).expect_code(0).stdout;
    assert!(text.contains("3 shown of") && text.contains("--limit"), "{text}");
}

#[test]
fn what_makes_no_sense_is_told_and_not_guessed() {
    for wrong in [
        &["search", "--kind", "spreadsheet"][..],
        &["search", "--condition", "fine"],
        &["search", "--from", "summer"],
        &["show", "zzzz"],
        &["album", "show", "no such album"],
        &["album", "create", "  "],
        &["album", "add", "Oma"],
        &["delete", "no-such-photo"],
        &["undo", "4711"],
    ] {
        let ended = LIBRARY.keepsake(wrong).expect_code(2);
        assert!(ended.stderr.starts_with("error: ") && ended.stdout.is_empty(), "{wrong:?}: {}", ended.stderr);
    }
}

/// Ten photos, and the names of the first three.
fn small() -> Sandbox {
    let sandbox = Sandbox::new();
    fixtures::many(&sandbox.path("card"), 10, 5);
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.json(&["ingest", &sandbox.path("card").display().to_string()]);
    sandbox
}

fn members(sandbox: &Sandbox, album: &str) -> BTreeSet<String> {
    names(&sandbox.json(&["album", "show", album]))
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_album_is_made_filled_renamed_and_deleted_and_each_step_is_undone() {
    let sandbox = small();
    let [first, second, third] = ["IMG_00000.JPG", "IMG_00001.JPG", "IMG_00002.JPG"].map(|name| sandbox.id_of(name));
    sandbox.json(&["album", "create", "Summer"]);
    let added = sandbox.json(&["album", "add", "Summer", &first, &second[..8], &third]);
    assert_eq!((&added["changed"], &added["photos"]), (&json!(3), &json!(3)));
    let again = sandbox.json(&["album", "add", "Summer", &first]);
    assert_eq!((&again["changed"], &again["photos"]), (&json!(0), &json!(3)), "no photo is in it twice");
    let removed = sandbox.json(&["album", "remove", "Summer", &second]);
    assert_eq!((&removed["changed"], &removed["photos"]), (&json!(1), &json!(2)));
    assert_eq!(members(&sandbox, "Summer"), set(&["IMG_00000.JPG", "IMG_00002.JPG"]));
    assert_eq!(sandbox.json(&["show", &first])["albums"], json!(["Summer"]));
    sandbox.json(&["album", "rename", "Summer", "Été 2001"]);
    assert_eq!(sandbox.json(&["album", "list"])[0]["name"], "Été 2001");
    sandbox.json(&["album", "delete", "Été 2001"]);
    assert_eq!(sandbox.json(&["album", "list"]), json!([]));
    assert_eq!(sandbox.json(&["search"])["total"], 10, "the photos stay");

    sandbox.json(&["undo"]);
    assert_eq!(members(&sandbox, "Été 2001"), set(&["IMG_00000.JPG", "IMG_00002.JPG"]), "deleting");
    sandbox.json(&["undo"]);
    assert_eq!(sandbox.json(&["album", "list"])[0]["name"], "Summer", "renaming");
    sandbox.json(&["undo"]);
    assert_eq!(members(&sandbox, "Summer").len(), 3, "taking out");
    sandbox.json(&["undo"]);
    assert_eq!(members(&sandbox, "Summer").len(), 0, "adding");
    sandbox.json(&["undo"]);
    assert_eq!(sandbox.json(&["album", "list"]), json!([]), "making");
    let ended = sandbox.keepsake(&["undo"]).expect_code(2);
    assert!(ended.stderr.contains("nothing"), "{}", ended.stderr);
}

#[test]
fn an_album_is_filled_from_a_folder_a_search_and_dates() {
    let sandbox = small();
    let by = |name: &str, fill: &[&str]| sandbox.json(&[&["album", "create", name], fill].concat())["photos"].clone();
    assert_eq!(by("folder", &["--folder", "0000"]), 10);
    assert_eq!(by("search", &["--search", "img_00003"]), 1);
    assert_eq!(by("day", &["--from", "2001-01-01", "--to", "2001-01-01"]), 10);
    assert_eq!(by("other day", &["--from", "2001-01-02"]), 0);
    sandbox.keepsake(&["album", "create", "folder"]).expect_code(2);
    sandbox.keepsake(&["album", "create", "lost", "--folder", "no such folder"]).expect_code(2);
    let listed = sandbox.json(&["album", "list"]);
    let listed: Vec<&str> = listed.as_array().unwrap().iter().map(|album| album["name"].as_str().unwrap()).collect();
    assert_eq!(listed, ["day", "folder", "other day", "search"], "no album was made by what failed");
    assert_eq!(sandbox.json(&["album", "list"])[0]["from"], "2001-01-01");
}

#[test]
fn a_deleted_photo_is_in_the_trash_and_nowhere_else_until_it_is_taken_out() {
    let sandbox = small();
    let (first, second) = (sandbox.id_of("IMG_00000.JPG"), sandbox.id_of("IMG_00001.JPG"));
    sandbox.json(&["album", "create", "all", "--folder", "0000"]);
    let deleted = sandbox.json(&["delete", &first, &second]);
    assert_eq!(deleted["photos"], json!([first, second]));
    assert_eq!(names(&sandbox.json(&["trash"])), set(&["IMG_00000.JPG", "IMG_00001.JPG"]));
    assert_eq!(sandbox.json(&["search"])["total"], 8);
    assert_eq!(members(&sandbox, "all").len(), 8);
    assert_eq!(sandbox.keepsake(&["--json", "status"]).json()["photos"], 8);
    assert!(sandbox.json(&["show", &first])["deleted_at"].is_string(), "it can still be looked at");
    sandbox.keepsake(&["check", "--objects"]).expect_code(0);

    // A later change is in between: the number says which one is meant.
    sandbox.json(&["album", "rename", "all", "everything"]);
    let undone = sandbox.json(&["undo", &deleted["operation"].to_string()]);
    assert!(undone["what"].as_str().unwrap().contains("2 photos"), "{undone}");
    assert_eq!(sandbox.json(&["trash"])["photos"], json!([]));
    assert_eq!(members(&sandbox, "everything").len(), 10, "its albums remembered it");
    sandbox.keepsake(&["undo", &deleted["operation"].to_string()]).expect_code(2);
}
