//! A server that says that all is well.

use serde_json::json;

use super::{Bench, calm, said};
use crate::support::faulty_bucket::{Does, on};

#[test]
fn a_pack_that_was_kept_as_other_bytes_is_found_by_the_drill_and_by_reading_and_never_proven() {
    let bench = Bench::new("20");
    bench.bucket.put_back(&bench.empty);
    let archive = bench.again("empty");
    bench.bucket.does([on("PUT", "/data/", Does::KeepsOther).times(1)]);
    // Nothing but reading can notice; until then nothing is called safe.
    bench.run(archive, &["backup"]);
    assert_eq!(bench.json(archive, &["status"], 4)["safe"], 0);
    bench.bucket.behaves();
    let drill = bench.run(archive, &["drill", "--all"]);
    assert_eq!(drill.code, 4, "{}{}", drill.stdout, drill.stderr);
    calm(&drill);
    let check = bench.run(archive, &["--json", "check", "--read-data"]).expect_code(4).json();
    assert_eq!(check["repositories"][0]["findings"][0]["kind"], "pack-altered");
    assert_eq!(bench.json(archive, &["status"], 4)["safe"], 0);
}

#[test]
fn an_index_or_a_snapshot_that_was_not_kept_once_is_written_again() {
    let bench = Bench::new("20");
    for (part, does) in [("/index/", Does::KeepsOther), ("/snapshots/", Does::KeepsNothing)] {
        bench.bucket.put_back(&bench.empty);
        let archive = bench.again("empty");
        bench.bucket.does([on("PUT", part, does).times(1)]);
        assert_eq!(bench.json(archive, &["backup"], 0)["repositories"][0]["state"], "complete", "{part}");
        bench.bucket.behaves();
        bench.run(archive, &["drill", "--all"]).expect_code(0);
    }
}

#[test]
fn a_pack_an_index_or_a_snapshot_that_was_not_kept_makes_no_complete_backup() {
    let bench = Bench::new("20");
    for part in ["/data/", "/index/", "/snapshots/"] {
        for does in [Does::KeepsNothing, Does::KeepsOther] {
            if matches!((part, &does), ("/data/", Does::KeepsOther)) {
                continue;
            }
            bench.bucket.put_back(&bench.empty);
            let archive = bench.again("empty");
            let times = if part == "/data/" { 1 } else { usize::MAX };
            bench.bucket.does([on("PUT", part, does).times(times)]);
            let ended = bench.run(archive, &["--json", "backup"]);
            assert!(matches!(ended.code, 1 | 3), "{part}: {}: {}{}", ended.code, ended.stdout, ended.stderr);
            calm(&ended);
            let state = ended.json()["repositories"][0]["state"].clone();
            assert!(state == "partial" || state == "failed", "{part}: {state}");
            let status = bench.json(archive, &["status"], 4);
            assert_eq!(status["repositories"][0]["newest_complete"], json!(null), "{part}");

            bench.bucket.behaves();
            bench.json(archive, &["backup"], 0);
            let status = bench.json(archive, &["status"], 4);
            assert_ne!(status["repositories"][0]["newest_complete"], json!(null), "{part}");
            bench.run(archive, &["drill", "--all"]).expect_code(0);
        }
    }
}

#[test]
fn a_list_that_lacks_packs_that_are_there_is_not_believed() {
    let bench = Bench::new("20");
    for does in [Does::ListsOnly(1), Does::ListsOnly(0), Does::ListsFewerThanItCounts(1)] {
        bench.bucket.does([on("LIST", "/data/", does)]);
        let archive = bench.again("full");
        let check = bench.run(archive, &["check"]).expect_code(4);
        calm(&check);
        said(&check, "could NOT be checked");
        let delete = bench.json(archive, &["search"], 0)["photos"][0]["id"].clone();
        bench.json(archive, &["delete", delete.as_str().expect("an id")], 0);
        let backup = bench.run(archive, &["backup"]).expect_code(1);
        said(&backup, "does not behave like a store of files");
        assert_eq!(bench.bucket.count("PUT", "") + bench.bucket.count("DELETE", ""), 0, "the index was left alone");
        assert_eq!(bench.bucket.files(), bench.full);
        bench.bucket.behaves();
        bench.run(archive, &["check"]).expect_code(0);
    }
}

#[test]
fn a_list_without_the_snapshots_or_the_index_loses_nothing() {
    let bench = Bench::new("20");
    for part in ["/snapshots/", "/index/"] {
        bench.bucket.put_back(&bench.full);
        bench.bucket.does([on("LIST", part, Does::ListsOnly(0))]);
        let archive = bench.again("full");
        // It cannot be told from a repository that lost them: they are written again.
        let ended = bench.run(archive, &["--json", "backup"]);
        calm(&ended);
        bench.bucket.behaves();
        for name in bench.full.keys() {
            assert!(bench.bucket.files().contains_key(name), "{name} was removed");
        }
        bench.run(archive, &["backup"]).expect_code(0);
        bench.run(archive, &["check", "--read-data"]).expect_code(0);
        bench.run(archive, &["drill", "--all"]).expect_code(0);
    }
}
