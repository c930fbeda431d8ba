//! Calls into the repository library, kept from taking the program down.

use std::any::Any;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use rustic_core::repofile::MasterKey;
use rustic_core::{Credentials, OpenStatus, RepositoryBackends, RepositoryOptions};

use super::backend::Backend;
use super::error::{EngineFault, RepositoryError};
use super::location::Location;

pub(super) type Engine<S> = rustic_core::Repository<S>;

/// How often the watching thread looks whether something is to be told or to be stopped.
const WATCH_EVERY: Duration = Duration::from_millis(50);

/// No cache: what is read comes from the repository, or a drill would prove this machine's disk.
pub(super) fn options() -> RepositoryOptions {
    RepositoryOptions::default().no_cache(true)
}

/// Opens the library's repository over `backend`.
pub(super) fn connect(
    location: &Location,
    backend: std::sync::Arc<Backend>,
    master: &MasterKey,
) -> Result<Engine<OpenStatus>, RepositoryError> {
    let backends = RepositoryBackends::new(backend, None);
    let failed = |error: Box<rustic_core::RusticError>| RepositoryError::from_engine(location, "opening", &error);
    Engine::new(&options(), &backends).map_err(failed)?.open(&Credentials::Masterkey(master.clone())).map_err(failed)
}

/// Runs `work` on a thread of its own, so that a panic in the library becomes an error, and calls `watch` on this
/// thread now and then until the work is done.
pub(super) fn isolated<T: Send>(
    location: &Location,
    doing: &'static str,
    work: impl FnOnce() -> Result<T, RepositoryError> + Send,
    mut watch: impl FnMut(),
) -> Result<T, RepositoryError> {
    thread::scope(|scope| {
        let (done, waiting) = mpsc::channel::<()>();
        let worker = scope.spawn(move || {
            // Dropped when the work ends, by a panic too.
            let _done = done;
            work()
        });
        while waiting.recv_timeout(WATCH_EVERY) == Err(RecvTimeoutError::Timeout) {
            watch();
        }
        worker.join().unwrap_or_else(|panic| Err(panicked(location, doing, panic.as_ref())))
    })
}

/// Does again what came out damaged from afar: a byte may have changed on the way, and what is damaged where it lies
/// stays so.
pub(super) fn twice<T>(
    location: &Location,
    work: impl Fn() -> Result<T, RepositoryError>,
) -> Result<T, RepositoryError> {
    match work() {
        Err(RepositoryError::Damaged { .. }) if location.is_remote() => work(),
        other => other,
    }
}

/// Runs `work` for every item, on as many threads as there are items, and keeps their order.
///
/// The caller bounds the number of items.
pub(super) fn side_by_side<I: Send, T: Send>(
    location: &Location,
    doing: &'static str,
    items: Vec<I>,
    work: impl Fn(I) -> Result<T, RepositoryError> + Sync,
) -> Vec<Result<T, RepositoryError>> {
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = items.into_iter().map(|item| scope.spawn(move || work(item))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| Err(panicked(location, doing, panic.as_ref()))))
            .collect()
    })
}

/// The error that a thread of ours which fell over comes to.
pub(super) fn panicked(location: &Location, doing: &'static str, panic: &(dyn Any + Send)) -> RepositoryError {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word");
    let source = EngineFault::new(format!("the repository library gave up: {said}"));
    RepositoryError::Engine { location: location.clone(), doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_library_is_an_error_of_ours() {
        let location: Location = "/mnt/disk".parse().unwrap();
        let outcome: Result<(), _> = isolated(&location, "checking", || panic!("on purpose"), || {});
        assert!(matches!(outcome, Err(RepositoryError::Engine { doing: "checking", .. })), "{outcome:?}");
        let outcomes = side_by_side(&location, "reading", vec![1, 0, 3], |n| Ok(6_u8.checked_div(n).unwrap()));
        assert!(outcomes[0].is_ok() && outcomes[1].is_err() && outcomes[2].is_ok());
    }
}
