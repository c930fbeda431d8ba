//! A drive that does not give one of its files.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::support::fixtures::committed;
use crate::support::referee::left_out;
use crate::support::sandbox::{Ended, Sandbox};

/// The kernel answers EIO to whoever reads the memory of a process at address 0: mounted over a photo, it is a photo
/// on a bad sector.
const BAD_SECTOR: &str = r#"mount --bind /proc/$$/mem "$1" || exit 99; shift; exec "$@""#;

#[test]
fn a_file_that_the_drive_does_not_give_is_a_problem_and_the_others_are_kept() {
    let sandbox = Sandbox::new();
    sandbox.keepsake(&["init"]).expect_code(0);
    let drive = sandbox.path("drive");
    fs::create_dir(&drive).expect("a folder");
    for name in ["IMG_0001.JPG", "IMG_0002.JPG", "IMG_0006.JPG"] {
        fs::copy(committed().join("2014-08 Lisbon").join(name), drive.join(name)).expect("a copy");
    }
    let program = sandbox.command(["--json", "ingest", "drive", "--archive", "archive"]);
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", BAD_SECTOR, "sh"])
        .arg(drive.join("IMG_0002.JPG"))
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(sandbox.path(""))
        .env("TMPDIR", sandbox.path("tmp"))
        .output();
    let ended = match output {
        Ok(output) if output.status.code() != Some(99) && output.status.code() != Some(1) => Ended::of(&output),
        Ok(_) | Err(_) => return left_out("only root can mount a bad sector over a photo"),
    };
    let report = ended.expect_code(3).json();
    assert_eq!((&report["stored"], &report["unreadable"], &report["complete"]), (&json!(2), &json!(1), &json!(true)));
    assert_eq!(report["problems"][0]["path"], "IMG_0002.JPG");
    assert_eq!(report["problems"][0]["kind"], "unreadable");

    let again = sandbox.json(&["ingest", &drive.display().to_string()]);
    assert_eq!((&again["stored"], &again["duplicates"]), (&json!(1), &json!(2)), "what failed is tried again");
}
