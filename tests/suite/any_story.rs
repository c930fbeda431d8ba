//! Whatever happens, in whatever order: every byte that was stored and every word that was said comes back.
//!
//! `KEEPSAKE_STORIES=500` tells more stories, `KEEPSAKE_FIRST_STORY=17` begins with another one. A story is drawn from
//! its number alone; one that goes wrong is made as short as it can be, and printed as sentences and as a test.

mod judge;
mod quick_key;
mod retold;
mod steps;
mod world;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use steps::Step;
use world::{Stage, Wrong};

/// Told in every run of the tests.
const STORIES: u64 = 48;

/// Steps of the longest story, once a card was ingested.
const LONGEST: usize = 30;

/// Two stories at once: most of a story is waiting for processes.
const TELLERS: usize = 2;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn after_any_story_everything_that_was_stored_and_said_comes_back() {
    let stories = number("KEEPSAKE_STORIES").unwrap_or(STORIES);
    let first = number("KEEPSAKE_FIRST_STORY").unwrap_or(0);
    let next = AtomicU64::new(first);
    let wrong: Mutex<BTreeMap<u64, String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..TELLERS {
            scope.spawn(|| {
                let stage = Stage::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= first + stories {
                        println!("{:?}", stage.tally.borrow());
                        return;
                    }
                    if let Some(told) = tell_number(&stage, number) {
                        println!("{told}");
                        wrong.lock().unwrap().insert(number, told);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    let all: Vec<&str> = wrong.values().map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {stories} stories went wrong\n\n{}", wrong.len(), all.join("\n"));
}

/// Tells the story of that number; what is wrong with it, in its shortest form.
fn tell_number(stage: &Stage, number: u64) -> Option<String> {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let config = Config {
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: 150,
        max_shrink_time: 120_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let told = runner.run(&steps::story(LONGEST), |story| tell(stage, &story).map_err(TestCaseError::fail));
    match told {
        Ok(()) => None,
        Err(TestError::Fail(why, story)) => Some(as_text(number, &story, why.message())),
        Err(TestError::Abort(why)) => Some(format!("story {number} could not be told: {why}")),
    }
}

/// A story that went wrong once, or would without what its test guards.
#[track_caller]
fn retold(story: &[Step]) {
    retold_on(&Stage::new(), story);
}

/// The same where others were told before.
#[track_caller]
fn retold_on(stage: &Stage, story: &[Step]) {
    if let Err(wrong) = tell(stage, story) {
        panic!("{}", as_text("once more", story, &wrong));
    }
}

/// Tells a story to its end, and judges.
fn tell(stage: &Stage, story: &[Step]) -> Result<(), Wrong> {
    let mut world = stage.begin();
    for step in story {
        world.take(step).map_err(|wrong| format!("when {step}: {wrong}"))?;
    }
    judge::judge(&mut world).map_err(|wrong| format!("at the end: {wrong}"))
}

fn as_text(number: impl Display, story: &[Step], why: &str) -> String {
    let sentences: Vec<String> = story.iter().map(|step| format!("  {step}.")).collect();
    let lines: Vec<String> = story.iter().map(|step| format!("    {step:?},")).collect();
    let (sentences, lines) = (sentences.join("\n"), lines.join("\n"));
    format!("Story {number}:\n{sentences}\n{why}\n\nAs a test:\nretold(&[\n{lines}\n]);\n")
}
