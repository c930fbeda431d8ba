//! Asks a drive in a thread, so that one that never answers does not stop everything.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::sources::medium::raw::RawRead;

/// What came of asking.
pub(super) enum Answer {
    /// So many bytes; at least one.
    Came(usize),
    /// None, because of this.
    Failed(io::Error),
    /// Nothing in the time there was.
    Stalled,
}

/// Asks, and waits only so long.
pub(super) struct Patience {
    raw: Arc<dyn RawRead>,
    limit: Option<Duration>,
    stop: Arc<AtomicBool>,
    asking: Option<mpsc::Sender<Question>>,
}

struct Question {
    at: u64,
    buffer: Vec<u8>,
    answer: mpsc::Sender<(Vec<u8>, io::Result<usize>)>,
}

impl Patience {
    /// Without a limit it asks in the caller's own thread.
    pub(super) fn new(raw: Arc<dyn RawRead>, limit: Option<Duration>, stop: Arc<AtomicBool>) -> Self {
        Self { raw, limit, stop, asking: None }
    }

    pub(super) fn is_there(&self) -> bool {
        self.raw.is_there()
    }

    pub(super) fn read(&mut self, at: u64, into: &mut [u8]) -> Answer {
        loop {
            let answer = match self.limit {
                None => Some(self.raw.read_at(at, into)),
                Some(limit) => self.ask(at, into, limit),
            };
            return match answer {
                Some(Ok(0)) => Answer::Failed(io::ErrorKind::UnexpectedEof.into()),
                Some(Ok(came)) => Answer::Came(came.min(into.len())),
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Some(Err(error)) => Answer::Failed(error),
                None => Answer::Stalled,
            };
        }
    }

    fn ask(&mut self, at: u64, into: &mut [u8], limit: Duration) -> Option<io::Result<usize>> {
        let asking = match self.asking.take() {
            Some(asking) => asking,
            None => match helper(Arc::clone(&self.raw)) {
                Ok(asking) => asking,
                Err(error) => return Some(Err(error)),
            },
        };
        let (answer, answered) = mpsc::channel();
        let question = Question { at, buffer: vec![0; into.len()], answer };
        if asking.send(question).is_err() {
            return Some(Err(io::Error::other("the thread that reads has ended")));
        }
        match self.wait(&answered, limit) {
            Ok((buffer, came)) => {
                self.asking = Some(asking);
                Some(came.map(|came| {
                    let came = came.min(into.len()).min(buffer.len());
                    let (target, _) = into.split_at_mut(came);
                    target.copy_from_slice(buffer.get(..came).unwrap_or_default());
                    came
                }))
            }
            // The thread hangs in the system: it ends with its answer, which nobody waits for any more.
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(io::Error::other("the thread that reads has ended"))),
        }
    }
}

impl Patience {
    /// Waits for an answer, at most so long, and not after a person has asked to stop.
    fn wait<T>(&self, answered: &mpsc::Receiver<T>, limit: Duration) -> Result<T, RecvTimeoutError> {
        let began = Instant::now();
        loop {
            let left = limit.saturating_sub(began.elapsed());
            match answered.recv_timeout(left.min(Duration::from_millis(200))) {
                Err(RecvTimeoutError::Timeout) if left.is_zero() || self.stop.load(Ordering::Relaxed) => {
                    return Err(RecvTimeoutError::Timeout);
                }
                Err(RecvTimeoutError::Timeout) => {}
                answer => return answer,
            }
        }
    }
}

fn helper(raw: Arc<dyn RawRead>) -> io::Result<mpsc::Sender<Question>> {
    let (asking, questions) = mpsc::channel::<Question>();
    thread::Builder::new().name("drive".to_owned()).spawn(move || {
        for Question { at, mut buffer, answer } in questions {
            let came = raw.read_at(at, &mut buffer);
            if answer.send((buffer, came)).is_err() {
                return;
            }
        }
    })?;
    Ok(asking)
}
