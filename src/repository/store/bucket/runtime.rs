//! The private runtime that opendal runs on, and the patience with which requests are repeated.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opendal::ErrorKind;
use tokio::runtime::Runtime;

use crate::repository::store::fault::{Fault, FaultKind};

/// How often a request is tried before its failure counts.
const ATTEMPTS: u32 = 6;

/// The pause after the first failure; it doubles each time. With [`ATTEMPTS`] and the jitter, a request to a
/// server that is gone fails after 8 to 16 seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How long an abandoned request goes on at most.
const LOOK_UP_EVERY: Duration = Duration::from_millis(200);

/// Runs `request` until it succeeds, fails for a reason that repeating cannot mend, or has been tried [`ATTEMPTS`]
/// times; each attempt may take `patience`. Calls `count` before each attempt.
///
/// Gives up early, in the middle of an attempt too, once `abandoned` is set.
///
/// Blocks its thread, and must not be called from a thread that runs async tasks.
pub(super) fn attempt<T, F>(
    doing: &'static str,
    path: &str,
    patience: Duration,
    abandoned: &AtomicBool,
    count: impl Fn(),
    request: impl Fn() -> F,
) -> Result<T, Fault>
where
    F: Future<Output = opendal::Result<T>>,
{
    let runtime = runtime().map_err(|error| Fault::new(FaultKind::Other, doing, path).because(error))?;
    runtime.block_on(async {
        let mut pause = FIRST_PAUSE;
        let mut attempts_left = ATTEMPTS;
        loop {
            attempts_left -= 1;
            count();
            let (fault, worth_repeating) = match within(patience, abandoned, request()).await {
                Some(Ok(value)) => return Ok(value),
                Some(Err(error)) => judge(doing, path, &error),
                None => (Fault::new(FaultKind::TimedOut, doing, path), true),
            };
            if !worth_repeating || attempts_left == 0 || abandoned.load(Ordering::Relaxed) {
                return Err(fault);
            }
            tokio::time::sleep(jittered(pause)).await;
            pause *= 2;
        }
    })
}

/// What the request came to; `None` when its time was up, or it was abandoned.
async fn within<T>(patience: Duration, abandoned: &AtomicBool, request: impl Future<Output = T>) -> Option<T> {
    let mut request = std::pin::pin!(request);
    let started = tokio::time::Instant::now();
    loop {
        if let Ok(outcome) = tokio::time::timeout(LOOK_UP_EVERY, request.as_mut()).await {
            return Some(outcome);
        }
        if started.elapsed() >= patience || abandoned.load(Ordering::Relaxed) {
            return None;
        }
    }
}

/// Sorts a failure, and says whether the same request may yet succeed.
fn judge(doing: &'static str, path: &str, error: &opendal::Error) -> (Fault, bool) {
    let text = error.to_string();
    // opendal's kinds are not exhaustive; what it adds one day is sorted as unexpected.
    #[allow(clippy::wildcard_enum_match_arm, reason = "a foreign enum that may grow")]
    let (kind, worth_repeating) = match error.kind() {
        ErrorKind::NotFound => (FaultKind::Missing, false),
        ErrorKind::PermissionDenied => (FaultKind::Refused, false),
        // opendal sorts a missing bucket under wrong configuration.
        ErrorKind::ConfigInvalid if text.contains("NoSuchBucket") => (FaultKind::NoSuchBucket, false),
        ErrorKind::RateLimited => (FaultKind::TimedOut, true),
        // The request never got an answer: refused, unknown host, reset, cut off.
        _ if has_no_answer(&text) => (FaultKind::Unreachable, true),
        _ if error.is_temporary() => (FaultKind::Other, true),
        _ => (FaultKind::NotAStore, false),
    };
    (Fault::new(kind, doing, path).because(Cause::of(error)), worth_repeating)
}

fn has_no_answer(text: &str) -> bool {
    text.contains("send http request")
}

/// What opendal said, without the request's headers and addresses.
#[derive(Debug)]
struct Cause(String);

impl Cause {
    fn of(error: &opendal::Error) -> Self {
        let mut deepest: &dyn std::error::Error = error;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        let text = deepest.to_string();
        // "Kind (status) at operation, context: { … } => message": the message is for people.
        let message = text.split_once(" => ").map_or(text.as_str(), |(_, message)| message);
        // An answer in S3's form is shown as Rust writes structures: what the server said is one of its fields.
        let quoted = message.split_once("message: \"").and_then(|(_, rest)| rest.split_once("\", resource: "));
        let message = quoted.map_or(message, |(said, _)| said);
        Self(message.chars().take(300).collect())
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

/// Half to all of `pause`, so that many clients do not come back at the same moment.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [u8::MAX];
    // Without randomness the full pause is as good.
    if getrandom::fill(&mut byte).is_err() {
        return pause;
    }
    let [byte] = byte;
    pause / 2 + pause * u32::from(byte) / 512
}

/// Registers opendal's services and its way to send requests; harmless to call again.
pub(super) fn prepare() {
    opendal::install_default();
}

/// One runtime for all buckets, never dropped: dropping one inside another runtime panics.
fn runtime() -> std::io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("bucket").enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| made))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn a_pause_is_never_shorter_than_half_nor_longer_than_all() {
        for _ in 0..200 {
            let pause = jittered(Duration::from_secs(2));
            assert!(pause >= Duration::from_secs(1) && pause <= Duration::from_secs(2), "{pause:?}");
        }
    }

    fn try_it<F: Future<Output = opendal::Result<()>>>(
        patience: Duration,
        abandoned: bool,
        request: impl Fn() -> F,
    ) -> (FaultKind, u32) {
        let made = AtomicU32::new(0);
        let count = || {
            made.fetch_add(1, Ordering::Relaxed);
        };
        let fault = attempt("read", "config", patience, &AtomicBool::new(abandoned), count, request).unwrap_err();
        (fault.kind(), made.into_inner())
    }

    #[test]
    fn a_request_that_cannot_succeed_is_made_once() {
        let denied = || async { Err(opendal::Error::new(ErrorKind::PermissionDenied, "no")) };
        assert_eq!(try_it(Duration::from_secs(5), false, denied), (FaultKind::Refused, 1));
    }

    #[test]
    fn a_request_that_never_ends_is_cut_off_and_made_again() {
        let started = std::time::Instant::now();
        let outcome = try_it(Duration::from_millis(1), false, std::future::pending);
        assert_eq!(outcome, (FaultKind::TimedOut, ATTEMPTS));
        assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    }

    #[test]
    fn an_abandoned_request_ends_at_once_and_is_not_made_again() {
        let started = std::time::Instant::now();
        let outcome = try_it(Duration::from_hours(1), true, std::future::pending);
        assert_eq!(outcome, (FaultKind::TimedOut, 1));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
