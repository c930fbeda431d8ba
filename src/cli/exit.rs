//! How a command ended, for scripts.

use std::process::ExitCode;

/// The exit codes; docs/cli.md lists them, and a test holds both together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// The arguments make no sense.
    Usage,
    /// Finished, but with problems that are listed.
    Problems,
    /// Data is missing, altered or unproven.
    Unproven,
    /// The repository or the archive does not exist.
    NotFound,
    /// Another run holds the lock.
    Busy,
    /// The key or the password does not open it.
    WrongKey,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// Every exit code, with what it says.
    pub const ALL: [(Self, u8, &'static str); 9] = [
        (Self::Done, 0, "done"),
        (Self::Failed, 1, "failed"),
        (Self::Usage, 2, "wrong usage"),
        (Self::Problems, 3, "finished, but with problems that are listed"),
        (Self::Unproven, 4, "data is missing, altered or unproven"),
        (Self::NotFound, 10, "the repository or the archive does not exist"),
        (Self::Busy, 11, "busy: another run holds the lock"),
        (Self::WrongKey, 12, "the key or password does not open it"),
        (Self::Interrupted, 130, "interrupted"),
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        Self::ALL.iter().find(|(exit, ..)| *exit == self).map_or(1, |(_, code, _)| *code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
