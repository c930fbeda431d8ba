//! The way that the page gives for putting each thing right.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::bench::{Bench, remove};
use super::things::Thing;
use crate::support::sandbox::Ended;

/// Does what the page says under “Putting it right”.
pub(super) fn put_right(bench: &Bench, thing: Thing) {
    let file = bench.file(thing);
    let card = bench.path("card").display().to_string();
    match thing {
        Thing::Object => {
            if file.is_dir() {
                remove(&file);
            }
            bench.sandbox.keepsake(&["ingest", "--reread", &card]).expect_code(0);
            bench.sandbox.keepsake(&["ingest", "--reread", &bench.path("more").display().to_string()]).expect_code(0);
        }
        Thing::Catalog => {
            let into = bench.path("new").display().to_string();
            with_kit(bench, &["recover", "--into", &into]).expect_code(0);
            remove(&bench.path("archive"));
            fs::rename(bench.path("new"), bench.path("archive")).unwrap();
        }
        Thing::DataPack | Thing::TreePack => {
            remove(&file);
            bench.sandbox.keepsake(&["check"]).expect_code(4);
            done_with_old_problems(&bench.sandbox.keepsake(&["backup"]));
        }
        Thing::Index => {
            bench.sandbox.keepsake(&["check"]).expect_code(4);
            done_with_old_problems(&bench.sandbox.keepsake(&["backup"]));
        }
        Thing::Snapshot => {
            bench.sandbox.keepsake(&["backup"]).expect_code(0);
            remove(&file);
        }
        Thing::Key => {
            remove(&file);
            bench.sandbox.keepsake(&["repo", "password", "disk"]).expect_code(0);
        }
        Thing::RepositoryConfig => bench.put_back(thing),
        Thing::Kit | Thing::KitBeside => {
            bench.sandbox.keepsake(&["check"]).expect_code(4);
            if file.is_dir() {
                remove(&file);
            }
            bench.sandbox.keepsake(&["backup"]).expect_code(0);
        }
        Thing::Settings => {
            let to = bench.path("to");
            let target = to.display().to_string();
            with_kit(bench, &["restore", "--path", "keepsake/settings.toml", "--to", &target]).expect_code(0);
            remove(&file);
            fs::copy(to.join("keepsake/settings.toml"), &file).unwrap();
        }
        Thing::Secrets => {
            let kit = shown(bench);
            let one = &kit["repositories"][0];
            let text = |key: &str| one[key].as_str().expect("a text").replace('\'', "");
            let secrets = format!(
                "[kit]\npassphrase = '{}'\n[repository.disk]\npassword = '{}'\nmaster_key = '{}'\n",
                bench.words,
                text("password"),
                text("master_key")
            );
            remove(&file);
            fs::write(&file, secrets).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        Thing::Marker => {
            let id = shown(bench)["archive_id"].as_str().expect("an id").to_owned();
            remove(&file);
            fs::write(&file, format!("format = 1\narchive_id = \"{id}\"\n")).unwrap();
        }
    }
}

fn with_kit(bench: &Bench, arguments: &[&str]) -> Ended {
    let kit = bench.path("kept/archive/recovery/kit.age").display().to_string();
    let all = [arguments, &["--kit", &kit]].concat();
    bench.sandbox.run_with_words(&bench.words, all)
}

/// What the kit opens, as `kit show` tells it.
fn shown(bench: &Bench) -> Value {
    let kit = bench.path("kept/archive/recovery/kit.age").display().to_string();
    bench.sandbox.run_with_words(&bench.words, ["--json", "kit", "show", &kit]).expect_code(0).json()
}

/// A backup that is complete, or found nothing new.
#[track_caller]
fn done_with_old_problems(ended: &Ended) {
    assert_eq!(ended.code, 0, "\nstdout: {}\nstderr: {}", ended.stdout, ended.stderr);
}
