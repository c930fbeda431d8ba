use serde::Serialize;

use std::path::PathBuf;

use super::app::{App, absolute};
use super::explain::Failure;
use super::{Exit, triage};
use crate::catalog::{RunId, RunRow};
use crate::model::Problem;

/// List the sources that photos were read from
#[derive(clap::Args, Debug)]
pub(super) struct SourcesArgs {}

/// List the runs, newest first, or show one
#[derive(clap::Args, Debug)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    command: Option<RunsCommand>,
    /// Show at most this many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

#[derive(clap::Subcommand, Debug)]
enum RunsCommand {
    /// Show the report of one run
    Show {
        /// Its number
        run: i64,
        /// Write it as a page to print: what was on the drive, what was saved, what is damaged (with pictures), what would help
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
}

/// List what could not be done to single files, and what is wrong with them
#[derive(clap::Args, Debug)]
pub(super) struct ProblemsArgs {
    /// Only of this run
    #[arg(long, value_name = "N")]
    run: Option<i64>,
}

#[derive(Serialize)]
pub(super) struct SourceReport {
    pub(super) id: i64,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) runs: u64,
    pub(super) files: u64,
    pub(super) last_read: Option<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct SourceList(pub(super) Vec<SourceReport>);

#[derive(Serialize)]
pub(super) struct RunReport {
    pub(super) run: i64,
    pub(super) job: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    pub(super) started_at: String,
    pub(super) seconds: f64,
    pub(super) outcome: String,
    pub(super) problems: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) report: Option<serde_json::Value>,
}

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct RunList(pub(super) Vec<RunReport>);

#[derive(Serialize)]
pub(super) struct ListedProblem {
    pub(super) run: i64,
    #[serde(flatten)]
    pub(super) problem: Problem,
}

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct ProblemList(pub(super) Vec<ListedProblem>);

pub(super) fn sources(app: &App, args: SourcesArgs) -> Result<Exit, Failure> {
    let SourcesArgs {} = args;
    let rows = app.open()?.catalog.sources()?.into_iter().map(|row| SourceReport {
        id: row.id.0,
        kind: row.identity.kind,
        name: row.identity.name,
        runs: row.runs,
        files: row.files,
        last_read: row.last_seen_at.map(|at| at.to_string()),
    });
    app.output.report(&SourceList(rows.collect()), Exit::Done)
}

pub(super) fn runs(app: &App, args: RunsArgs) -> Result<Exit, Failure> {
    let open = app.open()?;
    match args.command {
        None => {
            let rows = open.catalog.runs(args.limit)?.into_iter().map(|row| told(row, false));
            app.output.report(&RunList(rows.collect()), Exit::Done)
        }
        Some(RunsCommand::Show { run, html }) => {
            if let Some(file) = html {
                triage::write(&open, run, &absolute(&file))?;
            }
            let row = open.catalog.run(RunId(run))?.ok_or_else(|| Failure::Usage {
                message: format!("there is no run {run}"),
                hint: "keepsake runs lists them".to_owned(),
            })?;
            app.output.report(&told(row, true), Exit::Done)
        }
    }
}

fn told(row: RunRow, whole: bool) -> RunReport {
    let seconds = seconds(&row);
    RunReport {
        run: row.id.0,
        job: row.job.as_str().to_owned(),
        source: row.source_name,
        started_at: row.started_at.to_string(),
        seconds,
        outcome: row.outcome.map_or("unfinished", |outcome| outcome.as_str()).to_owned(),
        problems: row.problems,
        report: row.report_json.filter(|_| whole).and_then(|json| serde_json::from_str(&json).ok()),
    }
}

/// From beginning to end by the clock on the wall; 0 while the run goes on, and when it was cut off.
fn seconds(row: &RunRow) -> f64 {
    row.finished_at.map_or(0.0, |end| end.duration_since(row.started_at).as_secs_f64())
}

pub(super) fn problems(app: &App, args: ProblemsArgs) -> Result<Exit, Failure> {
    let list = app.open()?.catalog.problems(args.run.map(RunId))?.into_iter();
    let list = list.map(|(run, problem)| ListedProblem { run: run.0, problem }).collect();
    app.output.report(&ProblemList(list), Exit::Done)
}
