//! From a card or a drive to photos in the archive, through the program itself.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::fixtures::picture;
use crate::support::referee::is_here;
use crate::support::sandbox::Sandbox;
use crate::support::tree::write;

/// Runs a program of others that must succeed.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).env("MTOOLS_SKIP_CHECK", "1").output().expect("it starts");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A large enough photo to lie over many sectors.
fn photo(seed: u32) -> Vec<u8> {
    picture(seed).size(640, 480).quality(92).jpeg()
}

/// A card of 16 MiB as a camera formats it, with `photos` in its folder of photos.
fn card(sandbox: &Sandbox, name: &str, photos: u32) -> String {
    let image = sandbox.path(name).display().to_string();
    File::create(&image).and_then(|file| file.set_len(16 << 20)).expect("an image");
    run("mkfs.vfat", &["-F", "16", "-s", "4", "-n", "CANON_DC", &image]);
    run("mmd", &["-i", &image, "::DCIM", "::DCIM/100CANON"]);
    for number in 1..=photos {
        let file = sandbox.path(&format!("IMG_{number:04}.JPG"));
        write(&file, &photo(number));
        run("mcopy", &["-m", "-i", &image, &file.display().to_string(), "::DCIM/100CANON/"]);
    }
    image
}

fn has_tools() -> bool {
    is_here("mkfs.vfat", "apt-get install dosfstools") && is_here("mcopy", "apt-get install mtools")
}

fn sightings(sandbox: &Sandbox, name: &str) -> Vec<String> {
    let shown = sandbox.json(&["show", &sandbox.id_of(name)]);
    let paths = shown["sightings"].as_array().expect("a list").iter();
    paths.map(|one| one["path"].as_str().expect("a path").to_owned()).collect()
}

#[test]
fn a_card_gives_its_photos_and_those_that_were_deleted() {
    if !has_tools() {
        return;
    }
    let sandbox = Sandbox::new();
    let image = card(&sandbox, "card.img", 6);
    run("mdel", &["-i", &image, "::DCIM/100CANON/IMG_0003.JPG"]);
    let before = fs::read(&image).expect("an image");
    sandbox.keepsake(&["init"]).expect_code(0);
    let report = sandbox.json(&["ingest", &image]);
    assert_eq!(report["source_kind"], "disk image");
    assert_eq!((&report["stored"], &report["deleted"], &report["damaged"]), (&json!(6), &json!(1), &json!(0)));
    assert_eq!(report["new_photos"], 6, "{report}");
    assert_eq!(sightings(&sandbox, "IMG_0001.JPG"), ["DCIM/100CANON/IMG_0001.JPG"]);
    assert_eq!(fs::read(&image).expect("an image"), before, "nothing was written to it");
    for number in 1..=6 {
        let object = blake3::hash(&photo(number)).to_hex().to_string();
        let kept = sandbox.archive().join("objects").join(&object[..2]).join(&object);
        assert_eq!(fs::read(kept).expect("it is kept"), photo(number), "{number}");
    }
    let again = sandbox.json(&["ingest", &image]);
    assert_eq!((&again["stored"], &again["read_bytes"]), (&json!(0), &json!(0)), "what was read is not read again");
}

/// Cuts an image into parts of 24 KiB, as imaging programs do with larger ones, and loses some of them: nobody can read what was there.
fn in_parts_without(image: &str, lost: impl Fn(usize) -> bool) -> String {
    let bytes = fs::read(image).expect("an image");
    for (number, part) in bytes.chunks(24 << 10).enumerate() {
        if !lost(number) {
            write(Path::new(&format!("{image}.{number:03}")), part);
        }
    }
    format!("{image}.000")
}

#[test]
fn copies_of_one_photo_with_different_holes_are_put_together_and_are_whole() {
    if !has_tools() {
        return;
    }
    let sandbox = Sandbox::new();
    let image = card(&sandbox, "card.img", 12);
    let other = sandbox.path("copy.img").display().to_string();
    fs::copy(&image, &other).expect("a copy of the card");
    // The tables lie in the first parts; of what follows, each drive gives other ones.
    let first = in_parts_without(&image, |number| number > 3 && number % 3 == 1);
    let second = in_parts_without(&other, |number| number > 3 && number % 3 == 2);
    sandbox.keepsake(&["init"]).expect_code(0);
    let one: Value = sandbox.keepsake(&["--json", "ingest", &first]).expect_code(3).json();
    assert!(one["with_holes"].as_u64() > Some(0), "{one}");
    let damaged = || sandbox.json(&["search", "--condition", "damaged"])["total"].as_u64().expect("a number");
    assert!(damaged() > 0);
    let two: Value = sandbox.keepsake(&["--json", "ingest", &second]).expect_code(3).json();
    let made_whole = two["put_together"].as_u64().expect("a number");
    assert!(made_whole > 0, "{two}");
    assert_eq!(damaged(), 0, "{two}");
    let whole = (1..=12).filter(|number| {
        let object = blake3::hash(&photo(*number)).to_hex().to_string();
        sandbox.archive().join("objects").join(&object[..2]).join(&object).exists()
    });
    assert_eq!(whole.count(), 12, "every photo is back, byte for byte");
    let total = sandbox.json(&["search"])["total"].clone();
    assert_eq!(total, 12, "and each is there once");

    let page = sandbox.path("page.html");
    let run = two["run"].to_string();
    sandbox.keepsake(&["runs", "show", &run, "--html", &page.display().to_string()]).expect_code(0);
    let page = fs::read_to_string(page).expect("a page");
    assert!(page.contains("IMG_0001.JPG") && page.contains("What would help"), "{page}");
    // What was put together is backed up, and so is what it was made of.
    let sandbox = sandbox.backed_up_to_disk();
    let drill = sandbox.json(&["drill", "--all"]);
    assert_eq!(drill["repositories"][0]["failed"], json!([]));
}

#[test]
fn photos_of_which_no_folder_tells_are_found_by_what_they_are() {
    let sandbox = Sandbox::new();
    let image = sandbox.path("stick.img");
    let file = File::create(&image).expect("an image");
    file.set_len(32 << 20).expect("its size");
    // The beginning of the stick was overwritten; the photos lie where they lay.
    (&file).write_all(&vec![0x5A; 70_000]).expect("noise");
    let photos: Vec<Vec<u8>> = (1..=5).map(photo).collect();
    for (number, bytes) in photos.iter().enumerate() {
        file.write_all_at(bytes, (1 << 20) * (number as u64 + 1) + 4096 * number as u64).expect("a photo");
    }
    sandbox.keepsake(&["init"]).expect_code(0);
    let report = sandbox.json(&["ingest", &image.display().to_string()]);
    assert_eq!((&report["by_content"], &report["new_photos"]), (&json!(5), &json!(5)), "{report}");
    for bytes in &photos {
        let object = blake3::hash(bytes).to_hex().to_string();
        assert!(sandbox.archive().join("objects").join(&object[..2]).join(&object).exists());
    }
}

#[test]
fn what_is_encrypted_is_named_and_what_is_no_disk_gives_nothing() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    let luks = sandbox.path("luks.img");
    let mut bytes = vec![0; 4 << 20];
    bytes[..8].copy_from_slice(b"LUKS\xBA\xBE\0\x01");
    write(&luks, &bytes);
    let told = sandbox.keepsake(&["ingest", &luks.display().to_string()]).expect_code(3);
    assert!(told.stdout.contains("encrypted with LUKS") && told.stdout.contains("cryptsetup"), "{}", told.stdout);
    let text = sandbox.path("notes.txt");
    write(&text, b"not a disk");
    let report = sandbox.json(&["ingest", &text.display().to_string()]);
    assert_eq!(report["stored"], 0);
    let single = sandbox.path("IMG_0001.JPG");
    write(&single, &photo(1));
    let refused = sandbox.keepsake(&["ingest", &single.display().to_string()]).expect_code(2);
    assert!(refused.stderr.contains("single file"), "{}", refused.stderr);
}
