//! Results to standard output, everything else to standard error.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::explain::{Explained, Failure, explain};
use super::told::Told;
use super::{Color, Exit, Global};

/// How results are printed: as text, or as one JSON document.
pub(super) struct Output {
    json: bool,
    colours: bool,
}

impl Output {
    pub(super) fn new(global: &Global, no_color: bool) -> Self {
        let colours = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !no_color && io::stderr().is_terminal(),
        };
        Self { json: global.json, colours }
    }

    /// Prints a report, then hands `exit` on. A reader that went away (`| head`) is no error.
    pub(super) fn report<R: Serialize + Told>(&self, report: &R, exit: Exit) -> Result<Exit, Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let printed = if self.json {
            serde_json::to_writer_pretty(&mut out, report).map_err(io::Error::from).and_then(|()| writeln!(out))
        } else {
            report.tell(&mut out)
        };
        match printed.and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
            Ok(()) | Err(_) => Ok(exit),
        }
    }

    /// Prints why a command could not be done.
    pub(super) fn failure(&self, failure: &Failure) -> Exit {
        let explained = explain(failure);
        let printed = if self.json { Self::as_json(&explained) } else { self.as_text(&explained) };
        // There is nobody left to tell when both outputs are gone.
        if printed.is_err() { Exit::Failed } else { explained.exit }
    }

    fn as_json(explained: &Explained) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, explained).map_err(io::Error::from)?;
        writeln!(out)
    }

    fn as_text(&self, explained: &Explained) -> io::Result<()> {
        let (red, bold, plain) = if self.colours { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
        let mut out = io::stderr().lock();
        writeln!(out, "{red}error:{plain} {}", explained.error)?;
        for because in &explained.because {
            writeln!(out, "{bold}because:{plain} {because}")?;
        }
        if let Some(hint) = &explained.hint {
            writeln!(out, "{bold}hint:{plain} {hint}")?;
        }
        Ok(())
    }
}

/// Prints what clap has to say: help to standard output, mistakes to standard error, or as the one JSON document.
pub(super) fn usage(error: &clap::Error, json: bool) -> ExitCode {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    let printed = if json && error.use_stderr() { Output::as_json(&mistake(error)) } else { error.print() };
    match printed {
        Ok(()) => exit.into(),
        Err(_) => Exit::Failed.into(),
    }
}

/// The first paragraph is what is wrong; the usage that clap adds is for people.
fn mistake(error: &clap::Error) -> Explained {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words = first.strip_prefix("error: ").unwrap_or(first).split_whitespace().collect::<Vec<_>>().join(" ");
    let hint = Some("keepsake --help lists the commands, keepsake COMMAND --help their options".to_owned());
    Explained { error: words, because: Vec::new(), hint, exit: Exit::Usage }
}
