//! What the core is doing, for people: bars on a terminal, a line every few seconds in a log, nothing with `--json`.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Global;
use super::interrupt::Interrupt;
use crate::events::{Listener, Progress, Stage};
use crate::model::Problem;
use crate::model::in_words::count;

/// Problems shown while they happen, unless all were asked for; the report has them all.
const SHOWN_PROBLEMS: u64 = 20;

/// How often a log hears that work goes on.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// The listener of the command line.
pub(super) struct Talk {
    manner: Manner,
    notes: bool,
    shown_problems: u64,
    problems: AtomicU64,
    interrupt: Interrupt,
}

enum Manner {
    Silent,
    Bars(Mutex<Bar>),
    Lines(Mutex<Option<Instant>>),
}

struct Bar {
    stage: Option<Stage>,
    bar: ProgressBar,
}

impl Talk {
    pub(super) fn new(global: &Global) -> Self {
        let manner = if global.json || global.quiet {
            Manner::Silent
        } else if io::stderr().is_terminal() && !global.no_progress {
            Manner::Bars(Mutex::new(Bar { stage: None, bar: ProgressBar::hidden() }))
        } else {
            Manner::Lines(Mutex::new(None))
        };
        let notes = !global.json && !global.quiet;
        let shown_problems = if global.verbose { u64::MAX } else { SHOWN_PROBLEMS };
        Self { manner, notes, shown_problems, problems: AtomicU64::new(0), interrupt: Interrupt::listen() }
    }

    fn say(&self, line: &str) {
        if !self.notes {
            return;
        }
        let plain = || {
            // A log that cannot be written must not stop a rescue.
            if writeln!(io::stderr().lock(), "{line}").is_err() {
                log::trace!("standard error is gone");
            }
        };
        match &self.manner {
            Manner::Bars(bar) => match bar.lock() {
                Ok(bar) => bar.bar.suspend(plain),
                Err(_) => plain(),
            },
            Manner::Silent | Manner::Lines(_) => plain(),
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if let Manner::Bars(bar) = &self.manner
            && let Ok(bar) = bar.lock()
        {
            bar.bar.finish_and_clear();
        }
    }
}

impl Listener for Talk {
    fn progress(&self, progress: Progress) {
        match &self.manner {
            Manner::Silent => {}
            Manner::Bars(bar) => {
                if let Ok(mut bar) = bar.lock() {
                    draw(&mut bar, progress, self.problems.load(Ordering::Relaxed));
                }
            }
            Manner::Lines(last) => {
                let due = last.lock().is_ok_and(|mut last| {
                    let first = *last.get_or_insert_with(Instant::now);
                    let due = first.elapsed() >= LOG_EVERY;
                    if due {
                        *last = Some(Instant::now());
                    }
                    due
                });
                if due {
                    self.say(&line(progress, self.problems.load(Ordering::Relaxed)));
                }
            }
        }
    }

    fn problem(&self, problem: &Problem) {
        let shown = self.problems.fetch_add(1, Ordering::Relaxed);
        match shown.cmp(&self.shown_problems) {
            std::cmp::Ordering::Less => self.say(&format!("  {}: {}", problem.path, problem.message)),
            std::cmp::Ordering::Equal => self.say("  … more problems follow; all are listed at the end"),
            std::cmp::Ordering::Greater => {}
        }
    }

    fn note(&self, text: &str) {
        self.say(text);
    }

    fn stop_requested(&self) -> bool {
        self.interrupt.asked()
    }
}

fn draw(bar: &mut Bar, progress: Progress, problems: u64) {
    if bar.stage != Some(progress.stage) {
        bar.bar.finish_and_clear();
        bar.bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        bar.bar.set_prefix(title(progress.stage));
        bar.stage = Some(progress.stage);
        let template = if progress.bytes_total > 0 {
            "{prefix:10} {bar:24} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left{msg}"
        } else {
            "{prefix:10} {spinner} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.bar.set_style(style.progress_chars("━╸─"));
        }
    }
    let problems = so_far(problems);
    if progress.bytes_total > 0 {
        bar.bar.set_length(progress.bytes_total);
        bar.bar.set_position(progress.bytes_done);
        bar.bar.set_message(problems);
    } else {
        bar.bar.tick();
        bar.bar.set_message(format!("{}{problems}", amount(progress)));
    }
}

fn line(progress: Progress, problems: u64) -> String {
    let problems = so_far(problems);
    let of =
        if progress.bytes_total > 0 { format!(" of {}", DecimalBytes(progress.bytes_total)) } else { String::new() };
    format!("{}: {}{of}{problems}", title(progress.stage), amount(progress))
}

fn so_far(problems: u64) -> String {
    if problems > 0 { format!(", {} so far", count(problems, "problem", "problems")) } else { String::new() }
}

fn amount(progress: Progress) -> String {
    let files = if progress.files_total > 0 {
        format!("{} of {} files", progress.files_done, progress.files_total)
    } else {
        format!("{} files", progress.files_done)
    };
    if progress.bytes_done > 0 { format!("{files}, {}", DecimalBytes(progress.bytes_done)) } else { files }
}

fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Storing => "storing",
        Stage::Examining => "examining",
        Stage::Previewing => "previews",
        Stage::BackingUp => "backing up",
        Stage::Checking => "checking",
        Stage::Drilling => "drilling",
        Stage::Restoring => "restoring",
    }
}
