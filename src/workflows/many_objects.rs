//! The same work on many objects, on every core.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Error;
use crate::events::Listener;
use crate::model::{Kind, ObjectId};

/// An object with its format and size.
pub(super) type Object = (ObjectId, Kind, u64);

/// Does `work` for each object, in no order; asks the listener before each whether to stop, and leaves the rest out then.
///
/// A decoder that falls over one object says nothing of the others: its panic is that object's error.
pub(super) fn each_object<T: Send>(
    objects: &[Object],
    listener: &dyn Listener,
    work: impl Fn(&Object) -> Result<T, Error> + Sync,
) -> Vec<(ObjectId, Result<T, Error>)> {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(objects.len().max(1));
    let next = AtomicUsize::new(0);
    let take = || objects.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| !listener.stop_requested());
    let one = || {
        let mut done = Vec::new();
        while let Some(object) = take() {
            let panicked = |_| Err(Error::ExaminationPanicked { object: object.0 });
            done.push((object.0, catch_unwind(AssertUnwindSafe(|| work(object))).unwrap_or_else(panicked)));
        }
        done
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        // Whatever panics is caught inside.
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Progress, Recorder};
    use crate::model::Problem;

    fn objects() -> Vec<Object> {
        (0..100_u8).map(|number| (ObjectId::of(&[number]), Kind::Jpeg, u64::from(number))).collect()
    }

    #[test]
    fn every_object_is_done_once_and_one_that_falls_over_hurts_no_other() {
        let done = each_object(&objects(), &Recorder::default(), |(_, _, size)| {
            assert!(*size != 7, "the seventh falls over");
            Ok(*size)
        });
        assert_eq!(done.len(), 100);
        let fallen: Vec<&ObjectId> = done.iter().filter(|(_, result)| result.is_err()).map(|(id, _)| id).collect();
        assert_eq!(fallen, [&ObjectId::of(&[7])]);
    }

    struct Stop;

    impl Listener for Stop {
        fn progress(&self, _progress: Progress) {}

        fn problem(&self, _problem: &Problem) {}

        fn note(&self, _text: &str) {}

        fn stop_requested(&self) -> bool {
            true
        }
    }

    #[test]
    fn after_a_stop_the_rest_is_left_out() {
        assert!(each_object(&objects(), &Stop, |_| Ok(())).is_empty());
        assert!(each_object(&[], &Recorder::default(), |_| Ok(())).is_empty());
    }
}
