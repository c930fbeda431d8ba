//! A fault of the program itself: caught, and told in the same words as everything else.
//!
//! Decoders of others fall over now and then, and are caught where they are called; nothing of that is printed. A panic
//! that nobody catches ends here. Every write is crash-safe, so there is nothing to clean up.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};

use super::Exit;
use super::explain::Failure;

/// Does `work`; a panic in it is a failure that says where.
pub(super) fn caught(work: impl FnOnce() -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    let last = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&last);
    panic::set_hook(Box::new(move |fault| {
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = fault.to_string();
    }));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    drop(panic::take_hook());
    done.unwrap_or_else(|_| {
        let told = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Err(Failure::Fault(told.lines().collect::<Vec<_>>().join(" ")))
    })
}
