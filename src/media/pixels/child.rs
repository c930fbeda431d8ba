//! A picture from another process: bytes in, pixels out, and an end to it whatever happens.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What a child finds at its standard input.
pub(super) enum Input<'a> {
    Bytes(&'a [u8]),
    File(File),
}

/// Starts a program, gives it its input, and reads what it writes with `read`; kills it when that takes longer than `limit`.
///
/// It inherits neither environment nor folder, and hears nothing from a terminal. Nothing of it is left after the call.
///
/// # Errors
/// It cannot be started, does not write what `read` wants, is out of time, or ends with a failure.
pub(super) fn picture<T>(
    mut command: Command,
    input: Input<'_>,
    limit: Duration,
    read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> io::Result<T> {
    command.env_clear().current_dir("/").stdout(Stdio::piped()).stderr(Stdio::null());
    let bytes = match input {
        Input::Bytes(bytes) => {
            command.stdin(Stdio::piped());
            bytes
        }
        Input::File(file) => {
            command.stdin(file);
            &[]
        }
    };
    let mut child = command.spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let child = Mutex::new(child);
    let (done, waiting) = channel::<()>();
    thread::scope(|scope| {
        if let Some(mut stdin) = stdin {
            // A child that has seen enough closes its end: no error.
            scope.spawn(move || stdin.write_all(bytes).is_ok());
        }
        let watched = &child;
        scope.spawn(move || {
            if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                end(watched);
            }
        });
        let answer = match stdout {
            Some(mut stdout) => read(&mut stdout),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        if answer.is_err() {
            end(&child);
        }
        drop(done);
        let status = child.lock().unwrap_or_else(PoisonError::into_inner).wait()?;
        if status.success() { answer } else { Err(answer.err().unwrap_or_else(|| io::ErrorKind::Other.into())) }
    })
}

fn end(child: &Mutex<Child>) {
    // It may have ended by itself a moment ago; then there is nothing to kill.
    if let Err(error) = child.lock().unwrap_or_else(PoisonError::into_inner).kill() {
        log::debug!("a child process could not be ended: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn all(from: &mut dyn Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn what_goes_in_comes_out_however_much_it_is() {
        let bytes = vec![7; 1 << 20];
        let answer = picture(Command::new("/bin/cat"), Input::Bytes(&bytes), Duration::from_secs(30), all);
        assert_eq!(answer.unwrap(), bytes);
    }

    #[test]
    fn a_child_that_hangs_is_ended() {
        let started = Instant::now();
        let mut command = Command::new("/bin/sleep");
        command.arg("60");
        picture(command, Input::Bytes(&vec![1; 1 << 20]), Duration::from_millis(200), all).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_child_that_fails_or_is_not_there_is_an_error() {
        let limit = Duration::from_secs(30);
        picture(Command::new("/bin/false"), Input::Bytes(&[]), limit, all).unwrap_err();
        picture(Command::new("/nowhere/at/all"), Input::Bytes(&[]), limit, all).unwrap_err();
    }
}
