//! Files of real cameras and of people who write bad ones: `KEEPSAKE_CORPUS` names a folder of them.

use super::calm;
use crate::support::referee;
use crate::support::sandbox::Sandbox;
use crate::support::tree::files_below;

#[test]
fn every_file_of_the_corpus_is_met_and_none_makes_the_program_fall_over() {
    let Some(corpus) = referee::corpus() else { return };
    let sandbox = Sandbox::in_memory();
    sandbox.keepsake(&["init"]).expect_code(0);
    let ended = sandbox.keepsake(&["--json", "ingest", &corpus.display().to_string()]);
    calm(&ended);
    assert!(matches!(ended.code, 0 | 3), "{}{}", ended.stdout, ended.stderr);
    let report = ended.json();
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(report["complete"], true);
    assert_eq!(count("unreadable"), 0);
    assert_eq!(count("files_seen"), ["stored", "duplicates", "ignored"].map(count).iter().sum::<u64>());
    assert_eq!(files_below(&sandbox.archive().join("objects")).len() as u64, count("stored"));
    for problem in report["problems"].as_array().unwrap() {
        assert!(!problem["message"].as_str().unwrap().contains("inside the program"), "{problem}");
    }
    println!("corpus: {} files, {} kept, {} damaged", count("files_seen"), count("stored"), count("damaged"));
    sandbox.keepsake(&["check", "--objects"]).expect_code(0);
}
