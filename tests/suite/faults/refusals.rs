//! A server that answers nothing as it should, from the first request on: every command, every fault.

use std::thread;

use super::{Bench, calm, said};
use crate::support::faulty_bucket::{Does, Rule, on};

/// One way to fail, and what is to come of it.
struct Fault {
    rule: fn() -> Rule,
    /// Most requests that one command may make of it.
    requests: usize,
    /// What is said of the repository, and why.
    error: &'static str,
    because: &'static str,
    hint: &'static str,
    /// How a command ends that needs this one repository.
    code: i32,
    /// Seconds that the server may say nothing.
    timeout: &'static str,
}

/// Enough that a slow machine is not taken for a silent server.
const LONG: &str = "20";

const LATER: &str = "try again later: the same command goes on from there";

const FAULTS: [Fault; 9] = [
    Fault {
        rule: || {
            on("", "", Does::Refuses(503, "SlowDown", "Please reduce your request rate.", &[("retry-after", "1")]))
        },
        requests: 6,
        error: "has too much to do now",
        because: "Please reduce your request rate.; it asks to be left alone for 1 seconds",
        hint: LATER,
        code: 1,
        timeout: LONG,
    },
    Fault {
        rule: || on("", "", Does::Refuses(503, "", "", &[("retry-after", "3600")])),
        requests: 1,
        error: "has too much to do now",
        because: "status 503 Service Unavailable; it asks to be left alone for 3600 seconds",
        hint: LATER,
        code: 1,
        timeout: LONG,
    },
    Fault {
        rule: || on("", "", Does::Refuses(500, "InternalError", "We encountered an internal error.", &[])),
        requests: 6,
        error: "answers with a fault of its own",
        because: "We encountered an internal error.",
        hint: LATER,
        code: 1,
        timeout: LONG,
    },
    Fault {
        rule: || on("", "", Does::Refuses(403, "AccessDenied", "Access Denied.", &[])),
        requests: 1,
        error: "does not accept these keys",
        because: "Access Denied.",
        hint: "check the bucket's key: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or secrets.toml",
        code: 12,
        timeout: LONG,
    },
    Fault {
        rule: || {
            let long_ago = &[("date", "Sat, 01 Jan 2000 00:00:00 GMT")];
            on("", "", Does::Refuses(403, "RequestTimeTooSkewed", "The difference is too large.", long_ago))
        },
        requests: 1,
        error: "the clocks of this computer and of s3:http://127.0.0.1",
        because: "UTC, the server's says 2000-01-01 00:00 UTC",
        hint: "set this computer's clock",
        code: 1,
        timeout: LONG,
    },
    Fault {
        rule: || on("", "", Does::HangsUpAfter(0)),
        requests: 12,
        error: "cannot be reached",
        because: "",
        hint: "check the address in the location, and the network",
        code: 1,
        timeout: LONG,
    },
    Fault {
        rule: || on("", "", Does::Silent),
        requests: 3,
        error: "did not answer in time",
        because: "nothing came from the server for 2 seconds",
        hint: LATER,
        code: 1,
        timeout: "2",
    },
    Fault {
        rule: || on("LIST", "", Does::LosesTheEndOfTheList),
        requests: 6,
        error: "does not behave like a store of files",
        because: "its list of files is cut short: its end is missing",
        hint: "",
        code: 1,
        timeout: LONG,
    },
    Fault {
        rule: || on("LIST", "", Does::LosesTheWayOn),
        requests: 6,
        error: "does not behave like a store of files",
        because: "its list of files is cut short: it goes on, and does not say where",
        hint: "",
        code: 1,
        timeout: LONG,
    },
];

#[test]
fn the_page_on_faults_says_what_is_said() {
    let page = include_str!("../../../docs/faults.md");
    for fault in &FAULTS {
        let error = fault.error.replace("s3:http://127.0.0.1", "PLACE");
        assert!(page.contains(&error), "docs/faults.md lacks “{error}”");
        assert!(page.contains(fault.hint), "docs/faults.md lacks “{}”", fault.hint);
    }
}

#[test]
fn every_command_ends_soon_and_in_words_whatever_the_server_says_and_nothing_is_lost() {
    thread::scope(|scope| {
        for fault in &FAULTS {
            scope.spawn(|| every_command_meets(fault));
        }
    });
}

fn every_command_meets(fault: &Fault) {
    let bench = Bench::new(fault.timeout);
    let place = bench.bucket.location("copy");
    let option = format!("timeout={}", fault.timeout);
    let outside = bench.outside(fault.timeout);
    let outside: Vec<&str> = outside.iter().map(String::as_str).collect();
    let (to, into) = (bench.path("to").display().to_string(), bench.path("into").display().to_string());
    let restore = [&["restore", "--all", "--to", &to], outside.as_slice()].concat();
    let recover = [&["recover", "--into", &into], outside.as_slice()].concat();
    // The archive, the command, and how it ends: reports of several repositories have codes of their own.
    let commands: [(&str, &[&str], i32); 7] = [
        ("without", &["repo", "add", "s3", &place, "--option", &option], fault.code),
        ("empty", &["backup"], 1),
        ("full", &["check"], 4),
        ("full", &["drill"], 1),
        ("full", &["snapshots"], fault.code),
        ("full", &restore, fault.code),
        ("full", &recover, fault.code),
    ];
    bench.bucket.does([(fault.rule)()]);
    thread::scope(|scope| {
        for (archive, arguments, code) in &commands {
            let bench = &bench;
            scope.spawn(move || {
                let ended = bench.run(archive, arguments);
                assert_eq!(ended.code, *code, "{arguments:?}\n{}{}", ended.stdout, ended.stderr);
                calm(&ended);
                said(&ended, fault.error);
                said(&ended, fault.because);
                said(&ended, fault.hint);
            });
        }
    });
    let asked = bench.bucket.asked().len();
    // One of the commands asks a second time before it gives up.
    let most = fault.requests * (commands.len() + 1);
    assert!(asked <= most, "{asked} requests: {}", fault.error);
    assert!(asked >= commands.len(), "{asked} requests: {}", fault.error);
    assert_eq!(bench.bucket.files(), bench.full, "nothing was written or removed");
    // What the catalog knows needs no server.
    let before = bench.bucket.asked().len();
    let status = bench.json("full", &["status"], 4);
    assert_eq!(status["repositories"][0]["newest_complete"], status["repositories"][0]["newest_snapshot"]);
    assert_eq!(bench.bucket.asked().len(), before);

    bench.bucket.behaves();
    assert_eq!(bench.json("full", &["backup"], 0)["repositories"][0]["state"], "unchanged");
    bench.run("full", &["drill", "--all"]).expect_code(0);
    bench.run("full", &restore).expect_code(0);
}
