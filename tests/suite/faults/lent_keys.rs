//! Keys that somebody lent for some hours.

use std::fs;

use crate::support::faulty_bucket::{FaultyBucket, KEYS};
use crate::support::sandbox::{Ended, Sandbox};

#[test]
fn a_key_that_ends_after_some_hours_is_used_with_its_token_and_never_kept() {
    let sandbox = Sandbox::new();
    let bucket = FaultyBucket::start();
    sandbox.keepsake(&["init"]).expect_code(0);
    let archive = sandbox.archive().display().to_string();
    let lent = |arguments: &[&str]| {
        let mut command = sandbox.command([&["--archive", &archive], arguments].concat());
        Ended::of(&command.envs(KEYS).env("AWS_SESSION_TOKEN", "until-noon").output().expect("the program starts"))
    };
    lent(&["repo", "add", "s3", &bucket.location("copy")]).expect_code(0);
    lent(&["backup"]).expect_code(0);
    let asked = bucket.asked();
    assert!(!asked.is_empty());
    for one in asked {
        let token = one.headers.get("x-amz-security-token").map(String::as_str);
        assert_eq!(token, Some("until-noon"), "{} {}", one.method, one.name);
    }
    let secrets = fs::read_to_string(sandbox.path("archive/secrets.toml")).expect("there are secrets");
    for (_, value) in KEYS.iter().chain(&[("", "until-noon")]) {
        assert!(!secrets.contains(value), "{secrets}");
    }
    let kit = sandbox.path("archive/recovery/kit.age").display().to_string();
    let shown = sandbox.run_with_words(&sandbox.words(), ["--json", "kit", "show", &kit]).expect_code(0).json();
    assert!(shown["repositories"][0].get("credentials").is_none_or(serde_json::Value::is_null), "{shown}");
    // Without the lent key there is none, and that is said.
    let ended = sandbox.keepsake(&["backup"]).expect_code(1);
    assert!(ended.stdout.contains("needs the keys of the bucket, and none were given"), "{}", ended.stdout);
}
