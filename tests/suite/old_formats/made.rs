//! How the stored files were made: by the program of that day, from pictures of our own.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::{MADE_IN, stored, stored_words};
use crate::independent_reader;
use crate::support::fixtures::picture;
use crate::support::sandbox::Sandbox;
use crate::support::tree::{files_below, write};

const SIDECAR: &str = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>tram</rdf:li></rdf:Bag>
</dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"#;

/// Three photos, one of them cut short; a duplicate whose name is no text; a sidecar with its photo, one without; and a
/// file that is none of ours.
fn a_drive(drive: &Path) {
    let jpeg = |seed| picture(seed).size(64, 48).quality(60).jpeg();
    let put = |name: &str, bytes: &[u8]| write(&drive.join(name), bytes);
    put("Lisbon/IMG_20140803_142233.jpg", &jpeg(1));
    put("Lisbon/IMG_20140803_142233.jpg.xmp", SIDECAR.as_bytes());
    let whole = jpeg(2);
    put("Lisbon/IMG_20140804_101112.jpg", &whole[..whole.len() * 2 / 3]);
    put("IMG_20150101_000000.jpg", &jpeg(3));
    put("alone.xmp", SIDECAR.as_bytes().to_ascii_uppercase().as_slice());
    put("setup.exe", b"MZ");
    write(&drive.join("a backup of it").join(std::ffi::OsStr::from_bytes(b"\xfcber.jpg")), &jpeg(1));
}

/// Writes `fixtures/formats/v1` anew, and the hashes of the migrations that go with it.
///
/// For the days before a release alone: what has been released is never made again. `cargo test --test suite -- --ignored
/// make_the_stored_formats_anew`, then `git add --force --all fixtures/formats src/catalog/migrations/frozen.b3`.
#[test]
#[ignore = "writes the stored formats anew, which nobody may do after a release"]
fn make_the_stored_formats_anew() {
    let sandbox = Sandbox::at(Path::new(MADE_IN));
    a_drive(&sandbox.path("drive"));
    sandbox.keepsake(&["init"]).expect_code(0);
    sandbox.keepsake(&["ingest", &sandbox.path("drive").display().to_string()]).expect_code(3);
    let first = sandbox.id_of("IMG_20140803_142233.jpg");
    sandbox.json(&["album", "create", "Lisbon", "--folder", "Lisbon"]);
    sandbox.json(&["describe", &first, "--caption", "Tram 28, „die Gelbe“", "--stars", "4"]);
    sandbox.json(&["delete", &sandbox.id_of("IMG_20150101_000000.jpg")]);
    let sandbox = sandbox.backed_up_to_disk();
    sandbox.keepsake(&["check", "--read-data"]).expect_code(0);
    sandbox.keepsake(&["drill", "--all"]).expect_code(0);

    let mut answers = Map::new();
    let show = ["show", first.as_str()];
    let questions: [&[&str]; 11] = [
        &["search"],
        &["search", "gelbe"],
        &["search", "--tag", "tram"],
        &show,
        &["album", "list"],
        &["album", "show", "Lisbon"],
        &["trash"],
        &["sources"],
        &["problems"],
        &["undo", "--list"],
        &["runs"],
    ];
    for question in questions {
        answers.insert(question.join("\t"), sandbox.json(question));
    }
    let folder = stored();
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap() + "\n";
    write(&folder.join("answers.json"), pretty(&Value::Object(answers)).as_bytes());
    write(&folder.join("words.txt"), (sandbox.words() + "\n").as_bytes());
    let kit = sandbox.path("disk/recovery/kit.age").display().to_string();
    let kit = sandbox.run_with_words(&stored_words(), ["--json", "kit", "show", &kit]).expect_code(0).json();
    write(&folder.join("kit.json"), pretty(&kit).as_bytes());

    compact(&sandbox.archive().join("catalog.db"));
    for (from, to) in [(sandbox.archive(), "archive"), (sandbox.path("disk"), "repository")] {
        // Locks are of their day, and the repository has its own tests for kits.
        for name in files_below(&from).into_iter().filter(|name| !name.starts_with("locks/")) {
            write(&folder.join(to).join(&name), &fs::read(from.join(&name)).unwrap());
        }
    }
    for (name, bytes) in independent_reader::own_files(&sandbox.path("disk"), &sandbox.password("disk")) {
        if name.ends_with(".jsonl") {
            write(&folder.join("export").join(name), &bytes);
        }
    }
    freeze_migrations();
    fs::remove_dir_all(MADE_IN).unwrap();
}

/// All of it in one file, and no page of it empty.
fn compact(catalog: &Path) {
    let catalog = rusqlite::Connection::open(catalog).unwrap();
    catalog.execute_batch("VACUUM").unwrap();
    catalog.close().map_err(|(_, error)| error).unwrap();
}

fn freeze_migrations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog/migrations");
    let names = files_below(&folder).into_iter().filter(|name| name.ends_with(".sql"));
    let lines =
        names.map(|name| format!("{}  {name}\n", blake3::hash(&fs::read(folder.join(&name)).unwrap()).to_hex()));
    write(&folder.join("frozen.b3"), lines.collect::<String>().as_bytes());
}
