//! Runs of the program that are cut short: by `kill -9` at a chosen moment, or by Ctrl-C.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::sandbox::Ended;

/// Nothing here takes so long; a program that hangs must not hang the tests.
const PATIENCE: Duration = Duration::from_mins(4);

/// How a run ended that was to be killed.
pub(crate) enum Cut {
    /// It was killed.
    Killed,
    /// It was quicker than that.
    Finished,
}

/// A run of the program, going on.
pub(crate) struct Running(Option<Child>);

impl Running {
    /// Starts the program; what it prints is kept.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stderr(Stdio::piped());
        Self::start_as_it_is(command)
    }

    /// Starts the program; what it says goes where the caller wants it, its result is kept.
    pub(crate) fn start_as_it_is(mut command: Command) -> Self {
        Self(Some(command.stdout(Stdio::piped()).spawn().expect("the program starts")))
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("it was not waited for yet")
    }

    pub(crate) fn id(&mut self) -> u32 {
        self.child().id()
    }

    /// Whether it still runs.
    pub(crate) fn goes_on(&mut self) -> bool {
        self.child().try_wait().expect("a child can be asked").is_none()
    }

    /// Waits until `seen` or the end of the run; false at the end.
    pub(crate) fn until(&mut self, mut seen: impl FnMut() -> bool) -> bool {
        let began = Instant::now();
        while !seen() {
            assert!(began.elapsed() < PATIENCE, "it never came");
            if !self.goes_on() {
                return false;
            }
            sleep(Duration::from_millis(2));
        }
        true
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&mut self) {
        self.signal(Signal::INT);
    }

    /// Sends a signal, if it still runs.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.goes_on() {
            let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process");
            kill_process(id, signal).expect("a process of our own can be signalled");
        }
    }

    /// Kills it and waits for it.
    pub(crate) fn kill(mut self) -> Cut {
        if !self.goes_on() {
            self.end();
            return Cut::Finished;
        }
        let mut child = self.0.take().expect("it was not waited for yet");
        child.kill().expect("a process of our own can be killed");
        let output = child.wait_with_output().expect("a child can be waited for");
        // It may have ended between the look and the blow.
        if output.status.code().is_some() { Cut::Finished } else { Cut::Killed }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        self.until(|| false);
        let child = self.0.take().expect("it was not waited for yet");
        Ended::of(&child.wait_with_output().expect("a child can be waited for"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // A test that failed leaves no program behind; one that has ended cannot be killed.
            if child.kill().is_ok() {
                child.wait().expect("a child can be waited for");
            }
        }
    }
}

/// Runs the program for so long, then kills it.
pub(crate) fn kill_after(command: Command, delay: Duration) -> Cut {
    let began = Instant::now();
    let mut running = Running::start(command);
    running.until(|| began.elapsed() >= delay);
    running.kill()
}

/// Runs the program until `seen`, a little longer, then kills it.
pub(crate) fn kill_once(command: Command, seen: impl FnMut() -> bool, delay: Duration) -> Cut {
    let mut running = Running::start(command);
    running.until(seen);
    let began = Instant::now();
    running.until(|| began.elapsed() >= delay);
    running.kill()
}

/// Runs the program for so long, then kills it; where it was quicker, again and sooner. Each run begins anew.
pub(crate) fn kill_within(moment: Duration, mut begin: impl FnMut() -> Command) -> Cut {
    for halved in 0..5 {
        if let Cut::Killed = kill_after(begin(), moment / 2u32.pow(halved)) {
            return Cut::Killed;
        }
    }
    kill_after(begin(), moment / 32)
}

/// Moments spread over a run that takes `whole`: one in each of `count` equal parts, drawn from `seed`; a third as many
/// without `KEEPSAKE_THOROUGH=1`.
pub(crate) fn moments(count: u32, seed: u64, whole: Duration) -> Vec<Duration> {
    let is_thorough = std::env::var_os("KEEPSAKE_THOROUGH").is_some_and(|value| value == "1");
    let count = if is_thorough { count } else { count.div_ceil(3) };
    let mut state = seed;
    (0..count)
        .map(|part| {
            // SplitMix64.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut drawn = state;
            drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let within = f64::from(u32::try_from((drawn ^ (drawn >> 31)) >> 32).expect("32 bits")) / 2f64.powi(32);
            whole.mul_f64((f64::from(part) + within) / f64::from(count))
        })
        .collect()
}

/// Copies a folder; what nobody ever changes (mode 0444) is linked, which costs nothing.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("a folder can be listed") {
        let entry = entry.expect("a folder can be listed");
        let (old, new) = (entry.path(), to.join(entry.file_name()));
        let metadata = entry.metadata().expect("a file can be looked at");
        if metadata.is_dir() {
            copy_tree(&old, &new);
        } else if metadata.permissions().readonly() {
            std::fs::hard_link(&old, &new).expect("a file can be linked");
        } else {
            std::fs::copy(&old, &new).expect("a file can be copied");
        }
    }
}
