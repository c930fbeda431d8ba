//! Jobs that were run, how they ended, and what could not be done.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use super::columns::{self, to_ns};
use super::sources::SourceId;
use super::{Catalog, CatalogError};
use crate::model::Problem;

/// The number of a run; shown to people, never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RunId(pub i64);

/// What a run set out to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Job {
    /// Reading a source into the archive.
    Ingest,
    /// Writing snapshots to repositories.
    Backup,
    /// Checking objects and repositories.
    Check,
    /// Restoring into scratch space and comparing.
    Drill,
    /// Restoring into a folder.
    Restore,
    /// Making an archive again from a repository.
    Recover,
    /// Mending objects and repositories from each other.
    Heal,
    /// Letting old snapshots go.
    Forget,
    /// Writing plain folders.
    Export,
}

impl Job {
    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Backup => "backup",
            Self::Check => "check",
            Self::Drill => "drill",
            Self::Restore => "restore",
            Self::Recover => "recover",
            Self::Heal => "heal",
            Self::Forget => "forget",
            Self::Export => "export",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All was done.
    Done,
    /// All was gone through; some files have problems.
    Problems,
    /// It could not be done.
    Failed,
    /// A person stopped it.
    Interrupted,
}

impl Outcome {
    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Problems => "problems",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the run went through everything that it set out to do.
    pub fn is_complete(self) -> bool {
        match self {
            Self::Done | Self::Problems => true,
            Self::Failed | Self::Interrupted => false,
        }
    }
}

/// One run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunRow {
    /// Its number.
    pub id: RunId,
    /// What it set out to do.
    pub job: Job,
    /// The source that it read, where it read one.
    pub source: Option<SourceId>,
    /// The source, as the person named it.
    pub source_name: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it goes on, and for ever when it was cut off.
    pub finished_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The report that was printed, as JSON.
    pub report_json: Option<String>,
    /// How many problems it had.
    pub problems: u64,
}

const RUNS: &str = "SELECT run.id, job, source, source.name, started_at, finished_at, outcome, report,
    (SELECT count(*) FROM problem WHERE problem.run = run.id)
    FROM run LEFT JOIN source ON source.id = run.source";

impl Catalog {
    /// Writes down that a job begins.
    pub fn begin_run(&mut self, job: Job, source: Option<SourceId>, now: Timestamp) -> Result<RunId, CatalogError> {
        self.connection
            .prepare_cached("INSERT INTO run (job, source, started_at) VALUES (?1, ?2, ?3)")?
            .execute(params![job.as_str(), source.map(|source| source.0), to_ns(now)])?;
        Ok(RunId(self.connection.last_insert_rowid()))
    }

    /// Writes down how a run ended, with its report and its problems. Said again, it replaces what was said before.
    pub fn finish_run(
        &mut self,
        run: RunId,
        outcome: Outcome,
        now: Timestamp,
        report_json: &str,
        problems: &[Problem],
    ) -> Result<(), CatalogError> {
        let change = self.change()?;
        let found = change.execute(
            "UPDATE run SET outcome = ?2, finished_at = ?3, report = ?4 WHERE id = ?1",
            params![run.0, outcome.as_str(), to_ns(now), report_json],
        )?;
        if found == 0 {
            return Err(CatalogError::RunNotFound { run });
        }
        change.execute("DELETE FROM problem WHERE run = ?1", [run.0])?;
        {
            let mut insert = change
                .prepare("INSERT INTO problem (run, position, path, kind, message) VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for (position, problem) in (1_i64..).zip(problems) {
                insert.execute(params![run.0, position, problem.path, problem.kind.as_str(), problem.message])?;
            }
        }
        Ok(change.commit()?)
    }

    /// The last `limit` runs, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRow>, CatalogError> {
        let mut statement = self.connection.prepare_cached(&format!("{RUNS} ORDER BY run.id DESC LIMIT ?1"))?;
        let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], run_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last `limit` runs of one job that came to their end, newest first.
    pub fn finished_runs(&self, job: Job, limit: usize) -> Result<Vec<RunRow>, CatalogError> {
        let query = format!("{RUNS} WHERE job = ?1 AND finished_at IS NOT NULL ORDER BY run.id DESC LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&query)?;
        let rows = statement.query_map(params![job.as_str(), i64::try_from(limit).unwrap_or(i64::MAX)], run_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One run; `None` when there was never such a one.
    pub fn run(&self, id: RunId) -> Result<Option<RunRow>, CatalogError> {
        let mut statement = self.connection.prepare_cached(&format!("{RUNS} WHERE run.id = ?1"))?;
        Ok(statement.query_row([id.0], run_row).optional()?)
    }

    /// The problems of one run, or of every run that had any, newest run first and each in the order of the run.
    pub fn problems(&self, run: Option<RunId>) -> Result<Vec<(RunId, Problem)>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT run, path, kind, message FROM problem WHERE ?1 IS NULL OR run = ?1 ORDER BY run DESC, position",
        )?;
        let rows = statement.query_map([run.map(|run| run.0)], |row| {
            let problem = Problem { path: row.get(1)?, kind: columns::word(row, 2)?, message: row.get(3)? };
            Ok((RunId(row.get(0)?), problem))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: RunId(row.get(0)?),
        job: columns::word(row, 1)?,
        source: row.get::<_, Option<i64>>(2)?.map(SourceId),
        source_name: row.get(3)?,
        started_at: columns::time(row, 4)?,
        finished_at: columns::time_or_none(row, 5)?,
        outcome: columns::word_or_none(row, 6)?,
        report_json: row.get(7)?,
        problems: columns::size(row, 8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::at;
    use crate::model::ProblemKind;

    #[test]
    fn a_run_is_remembered_with_its_report_and_its_problems() {
        let mut catalog = Catalog::in_memory("test").unwrap();
        let run = catalog.begin_run(Job::Drill, None, at(10)).unwrap();
        assert_eq!(catalog.run(run).unwrap().unwrap().outcome, None);
        let problem = Problem::new("a.jpg", ProblemKind::Altered, "came back different");
        catalog.finish_run(run, Outcome::Problems, at(12), "{}", std::slice::from_ref(&problem)).unwrap();
        let row = catalog.run(run).unwrap().unwrap();
        assert_eq!((row.job, row.outcome, row.problems), (Job::Drill, Some(Outcome::Problems), 1));
        assert_eq!((row.started_at, row.finished_at), (at(10), Some(at(12))));
        assert_eq!(catalog.problems(Some(run)).unwrap(), [(run, problem.clone())]);
        assert_eq!(catalog.problems(None).unwrap(), [(run, problem)]);
        let second = catalog.begin_run(Job::Check, None, at(20)).unwrap();
        assert_eq!(catalog.runs(1).unwrap()[0].id, second);
        assert_eq!(catalog.finished_runs(Job::Drill, 9).unwrap().len(), 1);
        assert!(catalog.finished_runs(Job::Check, 9).unwrap().is_empty(), "it still goes on");
    }

    #[test]
    fn a_run_that_never_began_cannot_be_finished() {
        let mut catalog = Catalog::in_memory("test").unwrap();
        let finished = catalog.finish_run(RunId(9), Outcome::Done, at(1), "{}", &[]);
        assert!(matches!(finished, Err(CatalogError::RunNotFound { run: RunId(9) })));
    }

    #[test]
    fn every_word_for_a_job_reads_back() {
        for job in
            [Job::Ingest, Job::Backup, Job::Check, Job::Drill, Job::Restore, Job::Recover, Job::Heal, Job::Forget]
        {
            assert_eq!(columns::from_word::<Job>(job.as_str()).unwrap(), job);
        }
        for outcome in [Outcome::Done, Outcome::Problems, Outcome::Failed, Outcome::Interrupted] {
            assert_eq!(columns::from_word::<Outcome>(outcome.as_str()).unwrap(), outcome);
        }
    }
}
