//! Reports as text: short, plain, and true for somebody who just lost a drive.

mod archive;
mod copies;
mod lists;
mod photos;
mod rescue;
mod words;

pub(super) use self::words::moment;

use std::io::{self, Write};

/// A report that can be told to a person.
pub(super) trait Told {
    /// Writes the report as text.
    fn tell(&self, out: &mut dyn Write) -> io::Result<()>;
}
