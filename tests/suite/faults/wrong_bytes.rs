//! Bytes that change on the way, and bytes that are wrong where they lie.

use serde_json::json;

use super::{Bench, calm};
use crate::support::faulty_bucket::{Does, on};

/// Every sort of file that a repository has.
const PARTS: [&str; 5] = ["/config", "/keys/", "/index/", "/snapshots/", "/data/"];

#[test]
fn a_byte_that_changed_on_the_way_is_asked_for_again_and_is_no_damage() {
    let bench = Bench::new("20");
    for part in PARTS {
        for command in [&["check", "--read-data"][..], &["drill", "--all"]] {
            bench.bucket.does([on("GET", part, Does::SendsOther).times(1)]);
            let ended = bench.run("full", command);
            assert_eq!(ended.code, 0, "{part} {command:?}: {}{}", ended.stdout, ended.stderr);
        }
    }
    assert_eq!(bench.bucket.files(), bench.full);
}

#[test]
fn bytes_that_are_wrong_each_time_are_damage_and_never_a_photo() {
    let bench = Bench::new("20");
    let outside = bench.outside("20");
    let outside: Vec<&str> = outside.iter().map(String::as_str).collect();
    let to = bench.path("to").display().to_string();
    let restore = [&["restore", "--all", "--to", &to], outside.as_slice()].concat();
    for part in PARTS {
        bench.bucket.does([on("GET", part, Does::SendsOther)]);
        for command in [&["check", "--read-data"][..], &["drill", "--all"], &restore] {
            let archive = bench.again("full");
            let ended = bench.run(archive, command);
            // The archive knows the repository's master key: a drill needs no file of keys, and a check reads them all.
            let needs_it = (part, command.first()) != ("/keys/", Some(&"drill"));
            assert_eq!(needs_it, matches!(ended.code, 1 | 3 | 4), "{part} {command:?}: {}", ended.code);
            calm(&ended);
        }
        let archive = bench.again("full");
        let status = bench.json(archive, &["status"], 4);
        assert_eq!(status["safe"], json!(0));
    }
    assert_eq!(bench.bucket.files(), bench.full);
    if bench.path("to").exists() {
        let back = crate::support::tree::files_below(&bench.path("to"));
        assert!(!back.iter().any(|name| name.ends_with("partial")), "{back:?}");
    }
    bench.bucket.behaves();
    bench.run("full", &restore).expect_code(0);
}
