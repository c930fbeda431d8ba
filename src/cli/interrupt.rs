//! Ctrl-C: the first asks to stop at the next safe point, the second stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether somebody asked the program to stop.
#[derive(Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Begins to listen. Where the system refuses, Ctrl-C stops at once, as it does anyway: every write is crash-safe.
    pub(super) fn listen() -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag set and ends the program with 130.
            let second = flag::register_conditional_shutdown(signal, 130, Arc::clone(&asked));
            let first = second.and_then(|_| flag::register(signal, Arc::clone(&asked)));
            if let Err(error) = first {
                log::warn!("signal {signal} keeps its own meaning: {error}");
            }
        }
        Self(asked)
    }

    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
