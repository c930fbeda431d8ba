//! The thinnest path: a drive, one command, and everything comes back.

use crate::support::fixtures::committed;
use crate::support::sandbox::Sandbox;

#[test]
fn a_person_in_a_hurry_needs_one_command() {
    let sandbox = Sandbox::new();
    let disk = sandbox.path("disk").display().to_string();
    let drive = committed().display().to_string();
    let ended = sandbox.keepsake(&["--json", "rescue", &drive, "--backup-to", &disk]).expect_code(3);
    let report = ended.json();
    assert_eq!(report["backup"]["repositories"][0]["state"], "complete");
    assert_eq!(report["drill"]["repositories"][0]["failed"], serde_json::json!([]));
    assert_eq!(report["words"].as_str().expect("words").split(' ').count(), 8);
}
