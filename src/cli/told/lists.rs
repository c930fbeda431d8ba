//! Sources, runs and problems.

use std::io::{self, Write};

use super::Told;
use super::words::moment;
use crate::cli::runs::{ProblemList, RunList, RunReport, SourceList};
use crate::model::in_words::count;

impl Told for SourceList {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.0.is_empty() {
            return writeln!(out, "Nothing has been read yet: keepsake ingest FOLDER does.");
        }
        for one in &self.0 {
            let last = one.last_read.as_deref().map(|at| format!(", last read {}", moment(at))).unwrap_or_default();
            let files = count(one.files, "file", "files");
            writeln!(out, "{}  {} ({}), {files}{last}", one.id, one.name, one.kind)?;
        }
        Ok(())
    }
}

fn row(out: &mut dyn Write, run: &RunReport) -> io::Result<()> {
    let problems =
        if run.problems > 0 { format!(", {}", count(run.problems, "problem", "problems")) } else { String::new() };
    let source = run.source.as_deref().map(|source| format!("  {source}")).unwrap_or_default();
    writeln!(out, "{:>5}  {}  {:8} {}{problems}{source}", run.run, moment(&run.started_at), run.job, run.outcome)
}

impl Told for RunList {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|run| row(out, run))
    }
}

impl Told for RunReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        row(out, self)?;
        match &self.report {
            Some(report) => writeln!(out, "{report:#}"),
            None => Ok(()),
        }
    }
}

impl Told for ProblemList {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.0 {
            writeln!(out, "run {}  {}: {}", one.run, one.problem.path, one.problem.message)?;
        }
        writeln!(out, "{}", count(self.0.len() as u64, "problem", "problems"))
    }
}
