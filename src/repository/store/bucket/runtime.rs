//! The private runtime that opendal runs on, and the patience with which requests are repeated.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::answer::LONGEST_PAUSE;
use super::wire::Trouble;
use crate::repository::store::fault::{Fault, FaultKind};

/// How often a request is tried before its failure counts.
const ATTEMPTS: u32 = 6;

/// The pause after the first failure; it doubles each time. With [`ATTEMPTS`] and the jitter, a request to a
/// server that is gone fails after 8 to 16 seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How long an abandoned request goes on at most.
const LOOK_UP_EVERY: Duration = Duration::from_millis(200);

/// How often a server may say nothing before it is given up: each time costs all of the patience.
const SILENCES: u32 = 3;

/// Runs `request` until it succeeds, fails for a reason that repeating cannot mend, or has been tried [`ATTEMPTS`]
/// times, or [`SILENCES`] times without a sign of the server; each attempt may take `patience`. Calls `count` before
/// each attempt. Between two of them it waits as long as the server asks, up to [`LONGEST_PAUSE`].
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
        let (mut attempts_left, mut silences_left) = (ATTEMPTS, SILENCES);
        loop {
            attempts_left -= 1;
            count();
            let (fault, again) = match within(patience, abandoned, request()).await {
                Some(Ok(value)) => return Ok(value),
                Some(Err(error)) => judge(doing, path, &error),
                None => {
                    let silent = Trouble::Silent(patience);
                    (Fault::new(FaultKind::TimedOut, doing, path).because(silent), Again::Soon)
                }
            };
            if fault.kind() == FaultKind::TimedOut {
                silences_left -= 1;
            }
            let asked = match again {
                Again::Never => return Err(fault),
                Again::Soon => Duration::ZERO,
                Again::After(pause) => pause,
            };
            if attempts_left == 0 || silences_left == 0 || abandoned.load(Ordering::Relaxed) {
                return Err(fault);
            }
            if within(Duration::MAX, abandoned, tokio::time::sleep(asked + jittered(pause))).await.is_none() {
                return Err(fault);
            }
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

/// Whether a request that failed is made again.
#[derive(Clone, Copy)]
enum Again {
    Never,
    Soon,
    After(Duration),
}

/// Sorts a failure.
fn judge(doing: &'static str, path: &str, error: &opendal::Error) -> (Fault, Again) {
    let fault = |kind| Fault::new(kind, doing, path);
    match std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Trouble>()) {
        Some(trouble @ Trouble::Answered(answer)) => {
            let (kind, worth_repeating) = answer.sort();
            let again = if worth_repeating {
                answer.pause.map_or(Again::Soon, |pause| Again::After(pause.min(LONGEST_PAUSE)))
            } else {
                Again::Never
            };
            (fault(kind).because(trouble.clone()), again)
        }
        Some(trouble @ Trouble::Silent(_)) => (fault(FaultKind::TimedOut).because(trouble.clone()), Again::Soon),
        Some(trouble @ Trouble::CutShort(_)) => (fault(FaultKind::NotAStore).because(trouble.clone()), Again::Soon),
        Some(trouble @ Trouble::Foreign(_)) => (fault(FaultKind::NotAStore).because(trouble.clone()), Again::Never),
        // Refused, unknown host, reset, or broken off in the middle of an answer.
        None if error.is_temporary() => (fault(FaultKind::Unreachable).because(Cause::of(error)), Again::Soon),
        None => (fault(FaultKind::NotAStore).because(Cause::of(error)), Again::Never),
    }
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
        Self(message.chars().filter(|letter| !letter.is_control()).take(300).collect())
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

    use super::super::answer::Answer;
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

    fn answered(status: u16, headers: &[(&'static str, &str)]) -> opendal::Error {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
        Trouble::from(Answer::read(status.try_into().unwrap(), &headers, b"", None)).into()
    }

    #[test]
    fn a_request_that_cannot_succeed_is_made_once() {
        let denied = || async { Err(answered(403, &[])) };
        assert_eq!(try_it(Duration::from_secs(5), false, denied), (FaultKind::Refused, 1));
        let asks_for_an_hour = || async { Err(answered(503, &[("retry-after", "3600")])) };
        assert_eq!(try_it(Duration::from_secs(5), false, asks_for_an_hour), (FaultKind::Overloaded, 1));
    }

    #[test]
    fn a_request_that_never_ends_is_cut_off_and_given_up_after_a_few_silences() {
        let started = std::time::Instant::now();
        let outcome = try_it(Duration::from_millis(1), false, std::future::pending);
        assert_eq!(outcome, (FaultKind::TimedOut, SILENCES));
        assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    }

    #[test]
    fn the_pause_that_a_server_asks_for_is_kept_and_the_request_then_made_again() {
        let made = AtomicU32::new(0);
        let started = std::time::Instant::now();
        let busy_once = || async {
            if made.fetch_add(1, Ordering::Relaxed) == 0 { Err(answered(503, &[("retry-after", "2")])) } else { Ok(()) }
        };
        attempt("read", "config", Duration::from_secs(5), &AtomicBool::new(false), || {}, busy_once).unwrap();
        assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
        assert_eq!(made.into_inner(), 2);
    }

    #[test]
    fn an_abandoned_request_ends_at_once_and_is_not_made_again() {
        let started = std::time::Instant::now();
        let outcome = try_it(Duration::from_hours(1), true, std::future::pending);
        assert_eq!(outcome, (FaultKind::TimedOut, 1));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
