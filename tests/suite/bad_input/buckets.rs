//! Buckets that are not there, not ours, or not reached.

use std::net::TcpListener;

use super::{calm, photos, refused};
use crate::support::mortal_bucket::{KEYS, MortalBucket};
use crate::support::sandbox::{Ended, Sandbox};

fn keepsake(sandbox: &Sandbox, keys: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let archive = sandbox.archive().display().to_string();
    let mut command = sandbox.command(["--archive", &archive].iter().chain(arguments));
    command.envs(keys.iter().copied());
    Ended::of(&command.output().expect("the program starts"))
}

#[test]
fn a_bucket_that_cannot_be_used_is_told_by_what_to_do_about_it() {
    let sandbox = Sandbox::new();
    let Some(bucket) = MortalBucket::start(&sandbox.path("buckets")) else { return };
    sandbox.keepsake(&["init"]).expect_code(0);
    let settings = std::fs::read_to_string(sandbox.archive().join("keepsake.toml")).unwrap();
    let place = bucket.location("copy");
    let add = |keys: &[(&str, &str)], location: &str| keepsake(&sandbox, keys, &["repo", "add", "s3", location]);

    refused(add(&[], &place), 1, "needs the keys of the bucket, and none were given", "set AWS_ACCESS_KEY_ID and");
    let wrong = [KEYS[0], (KEYS[1].0, "not the secret")];
    refused(add(&wrong, &place), 12, "does not accept these keys", "check the bucket's key: AWS_ACCESS_KEY_ID");
    let nobody = [("AWS_ACCESS_KEY_ID", "NOBODY"), KEYS[1]];
    refused(add(&nobody, &place), 12, "does not accept these keys", "check the bucket's key: AWS_ACCESS_KEY_ID");
    let missing = bucket.other_bucket("no-such-bucket");
    let ended = refused(add(&KEYS, &missing), 10, "the bucket of s3:", "make the bucket first");
    assert!(ended.stderr.contains("because: The specified bucket does not exist\n"), "{}", ended.stderr);
    let half = add(&KEYS, place.rsplit_once("/photos").unwrap().0).expect_code(2);
    assert!(half.stderr.contains("is not complete: a bucket is written s3:https://HOST/BUCKET"), "{}", half.stderr);
    // After all that the archive is what it was, and the right keys still make a repository.
    assert_eq!(std::fs::read_to_string(sandbox.archive().join("keepsake.toml")).unwrap(), settings);
    add(&KEYS, &place).expect_code(0);
}

#[test]
fn a_server_that_is_not_there_is_no_reason_to_skip_the_disk() {
    let sandbox = Sandbox::new();
    let Some(mut bucket) = MortalBucket::start(&sandbox.path("buckets")) else { return };
    photos(&sandbox.path("drive"), 2);
    sandbox.keepsake(&["init"]).expect_code(0);
    keepsake(&sandbox, &KEYS, &["repo", "add", "s3", &bucket.location("copy")]).expect_code(0);
    let disk = sandbox.path("disk").display().to_string();
    sandbox.keepsake(&["repo", "add", "disk", &disk]).expect_code(0);
    sandbox.keepsake(&["ingest", &sandbox.path("drive").display().to_string()]).expect_code(0);
    bucket.kill();

    let ended = keepsake(&sandbox, &KEYS, &["backup"]).expect_code(1);
    calm(&ended);
    assert!(ended.stdout.contains("cannot be reached"), "{}", ended.stdout);
    assert!(ended.stdout.contains("hint: check the address in the location, and the network"), "{}", ended.stdout);
    assert!(ended.stdout.contains("disk: snapshot "), "{}", ended.stdout);
    let checked = keepsake(&sandbox, &KEYS, &["check"]).expect_code(4);
    assert!(checked.stdout.contains("s3: could NOT be checked"), "{}", checked.stdout);
    assert!(
        !checked.stdout.contains("NOT SOUND"),
        "a server that is away says nothing of the copy: {}",
        checked.stdout
    );
    assert!(checked.stdout.contains("disk: sound"), "{}", checked.stdout);
    bucket.start_again();
    keepsake(&sandbox, &KEYS, &["backup"]).expect_code(0);
    keepsake(&sandbox, &KEYS, &["check"]).expect_code(0);
}

#[test]
fn an_address_where_nobody_answers_is_called_unreachable() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap().port();
    let nobody = format!("s3:http://127.0.0.1:{port}/photos/copy");
    let ended = keepsake(&sandbox, &KEYS, &["repo", "add", "s3", &nobody]);
    let ended = refused(ended, 1, "cannot be reached", "check the address in the location, and the network");
    assert!(ended.stderr.contains("because: Connection refused"), "{}", ended.stderr);
}
