//! A server that begins well and fails later: for a moment, or for good.

use serde_json::{Value, json};

use super::{Bench, calm, said};
use crate::support::faulty_bucket::{Does, Rule, on};

/// Two packs, an index and a snapshot make a backup; whatever fails once is done again, and nobody notices.
#[test]
fn what_fails_for_a_moment_is_done_again_and_the_backup_is_whole() {
    let bench = Bench::new("20");
    let slow = &[("retry-after", "1")];
    let moments: [fn() -> Rule; 7] = [
        || on("PUT", "/data/", Does::HangsUpAfter(1000)).after(1).times(1),
        || on("PUT", "/index/", Does::HangsUpAfterwards).times(1),
        || on("PUT", "/snapshots/", Does::HangsUpAfterwards).times(1),
        || on("PUT", "/data/", Does::Refuses(400, "BadDigest", "The Content-MD5 did not match.", &[])).times(2),
        || on("GET", "/keys/", Does::SendsShort(10)).times(2),
        || on("LIST", "/data/", Does::LosesTheEndOfTheList).times(1),
        || on("", "", Does::Waits(std::time::Duration::from_millis(50))),
    ];
    let busy = || on("PUT", "/data/", Does::Refuses(503, "SlowDown", "Slow down.", slow)).times(2);
    for moment in moments.iter().map(|moment| moment()).chain([busy()]) {
        bench.bucket.put_back(&bench.empty);
        let archive = bench.again("empty");
        bench.bucket.does([moment]);
        let backup = bench.json(archive, &["backup"], 0);
        assert_eq!(backup["repositories"][0]["state"], "complete");
        assert_eq!(
            bench.bucket.count("PUT", "/snapshots/"),
            usize::from(bench.bucket.count("PUT", "/snapshots/") > 1) + 1
        );
        assert_eq!(snapshots(&bench, archive), 1);
    }
    bench.bucket.behaves();
    bench.run("again", &["check", "--read-data"]).expect_code(0);
    bench.run("again", &["drill", "--all"]).expect_code(0);
}

fn snapshots(bench: &Bench, archive: &str) -> usize {
    bench.json(archive, &["snapshots"], 0)["snapshots"].as_array().expect("a list").len()
}

/// How it fails for good, what is said of it, and what to do.
type Failure = (fn() -> Rule, &'static str, &'static str);

const FOR_GOOD: [Failure; 5] = [
    (
        || on("PUT", "/data/", Does::Refuses(403, "QuotaExceeded", "The quota of the bucket is used up.", &[])),
        "is full: ",
        "make room there; what was sent is used by the next backup",
    ),
    (
        || {
            let cap = "Cannot upload files, storage cap exceeded. See the Caps &amp; Alerts page to increase your cap.";
            on("PUT", "/data/", Does::Refuses(403, "AccessDenied", cap, &[])).after(1)
        },
        "See the Caps & Alerts page to increase your cap.",
        "make room there",
    ),
    (
        || on("PUT", "/index/", Does::Refuses(403, "AccessDenied", "No.", &[])),
        "does not accept these keys",
        "the bucket's key",
    ),
    (
        || on("PUT", "/snapshots/", Does::Refuses(500, "InternalError", "Ouch.", &[])),
        "a fault of its own",
        "try again later",
    ),
    (|| on("PUT", "/data/", Does::HangsUpAfter(5000)), "cannot be reached", "check the address"),
];

#[test]
fn what_fails_for_good_leaves_no_snapshot_and_what_was_sent_is_used_by_the_next_backup() {
    let bench = Bench::new("20");
    for (rule, error, hint) in FOR_GOOD {
        bench.bucket.put_back(&bench.empty);
        let archive = bench.again("empty");
        bench.bucket.does([rule()]);
        let ended = bench.run(archive, &["backup"]).expect_code(1);
        calm(&ended);
        said(&ended, "s3: FAILED: ");
        said(&ended, error);
        said(&ended, hint);
        // Once for each upload under way, and six times for what may yet succeed: after that nothing is tried.
        let asked = bench.bucket.count("PUT", "");
        assert!(asked <= 2 + 2 * 6, "{asked} uploads: {error}");
        assert!(!bench.bucket.files().keys().any(|name| name.contains("/snapshots/")), "{error}");
        let packs = bench.bucket.files().keys().filter(|name| name.contains("/data/")).count();

        bench.bucket.behaves();
        let backup = bench.json(archive, &["backup"], 0);
        assert_eq!(backup["repositories"][0]["state"], "complete");
        let sent = bench.bucket.count("PUT", "/data/");
        assert_eq!(sent, 2 - packs.min(2), "what was there is not sent again: {error}");
        bench.run(archive, &["drill", "--all"]).expect_code(0);
    }
}

#[test]
fn a_server_that_goes_away_while_photos_come_back_ends_it_at_once_and_the_same_command_goes_on() {
    let bench = Bench::new("20");
    let outside = bench.outside("20");
    let outside: Vec<&str> = outside.iter().map(String::as_str).collect();
    let (to, into) = (bench.path("to").display().to_string(), bench.path("into").display().to_string());
    let restore = [&["restore", "--all", "--to", &to], outside.as_slice()].concat();
    let recover = [&["recover", "--into", &into], outside.as_slice()].concat();
    let elsewhere = |command: &[&str]| -> Vec<String> {
        let (to, into) = (bench.path("to").display().to_string(), bench.path("into").display().to_string());
        command
            .iter()
            .map(|word| if **word == to || **word == into { format!("{word}-undisturbed") } else { (*word).to_owned() })
            .collect()
    };
    let gone = || on("GET", "/data/", Does::Refuses(502, "", "", &[]));
    for (command, code) in
        [(&restore, 1), (&recover, 1), (&vec!["drill", "--all"], 1), (&vec!["check", "--read-data"], 4)]
    {
        bench.bucket.behaves();
        let undisturbed = elsewhere(command);
        bench.run("full", &undisturbed.iter().map(String::as_str).collect::<Vec<_>>()).expect_code(0);
        // Near the end: some photos are back.
        let whole = bench.bucket.count("GET", "/data/") - 2;
        bench.bucket.does([gone().after(whole)]);
        let ended = bench.run("full", command);
        assert_eq!(ended.code, code, "{command:?}\n{}{}", ended.stdout, ended.stderr);
        calm(&ended);
        said(&ended, "answers with a fault of its own");
        // Four parts are asked for side by side, each six times; none of the other files is.
        let asked = bench.bucket.count("GET", "/data/");
        assert!(asked <= whole + 4 * 6, "{command:?}: {asked} requests after {whole}");
    }
    bench.bucket.behaves();
    bench.run("full", &restore).expect_code(0);
    let recovered = bench.json("full", &recover, 0);
    assert_eq!(recovered["problems"], json!([]));
    assert_ne!(recovered["already_there"], json!(0), "it began anew");
    bench.run("full", &["drill", "--all"]).expect_code(0);
    bench.run("full", &["check", "--read-data"]).expect_code(0);
}

#[test]
fn a_server_that_is_slow_is_waited_for_and_one_that_lists_page_by_page_is_read_to_the_end() {
    let bench = Bench::new("5");
    bench.bucket.lists_at_once(1);
    bench.bucket.does([on("", "", Does::Waits(std::time::Duration::from_millis(300)))]);
    bench.run("full", &["check", "--read-data"]).expect_code(0);
    let drill = bench.json("full", &["drill", "--all"], 0);
    assert_eq!(drill["repositories"][0]["failed"], Value::Array(Vec::new()));
    assert!(bench.bucket.count("LIST", "/data/") > 1);
}
