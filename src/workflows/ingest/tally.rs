//! The counts and problems of one run of ingest.

use std::collections::BTreeSet;

use crate::catalog::{RunId, SourceId};
use crate::events::Listener;
use crate::model::report::IngestReport;
use crate::model::{ObjectId, Problem};
use crate::sources::Source;
use crate::workflows::examine::Described;

/// What a run of ingest has met so far.
pub(super) struct Tally {
    pub(super) report: IngestReport,
    /// What was kept of the source, whenever: the photos of an album.
    pub(super) objects: BTreeSet<ObjectId>,
    /// What a dry run has promised to store: the second copy in the source is a duplicate.
    pub(super) would_store: BTreeSet<ObjectId>,
}

impl Tally {
    pub(super) fn new(booked: Option<(RunId, SourceId)>, source: &Source) -> Self {
        let report = IngestReport {
            run: booked.map_or(0, |(run, _)| run.0),
            source: source.path().display().to_string(),
            source_kind: source.kind().to_owned(),
            volumes: source.volumes(),
            ..IngestReport::default()
        };
        Self { report, objects: BTreeSet::new(), would_store: BTreeSet::new() }
    }

    pub(super) fn problem(&mut self, problem: Problem, listener: &dyn Listener) {
        listener.problem(&problem);
        self.report.problems.push(problem);
    }

    /// Takes over what the examination found wrong with the photos of this source.
    pub(super) fn note_examined(&mut self, described: &Described) {
        self.report.damaged = described.damaged;
        self.report.problems.extend(described.problems.iter().cloned());
    }

    pub(super) fn finish(mut self, dry_run: bool) -> IngestReport {
        self.report.dry_run = dry_run;
        self.report.problems.sort_by(|a, b| (&a.path, a.kind).cmp(&(&b.path, b.kind)));
        self.report
    }
}
