//! What was taken in, and how everything stands.

use std::io::{self, Write};

use super::Told;
use super::words::{moment, problems};
use crate::cli::init::InitReport;
use crate::model::in_words::{a, count, size};
use crate::model::report::{IngestReport, IngestReports, StatusReport};

impl Told for InitReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "A new archive was made in {}.", self.archive)?;
        writeln!(out)?;
        kit(out, &self.kit, Some(&self.words))?;
        writeln!(out)?;
        writeln!(out, "Next: keepsake ingest FOLDER takes photos in; keepsake repo add makes a copy.")
    }
}

/// The recovery kit and, when they are new, its words.
pub(super) fn kit(out: &mut dyn Write, file: &str, words: Option<&str>) -> io::Result<()> {
    writeln!(out, "The recovery kit")?;
    writeln!(out, "  {file}")?;
    writeln!(out, "  It opens your copies when everything else is gone. Keep it, or its printed sheet")?;
    writeln!(out, "  (sheet.txt beside it), outside this house as well.")?;
    if let Some(words) = words {
        writeln!(out, "  These words open it. Write them on paper now; they are not shown again:")?;
        writeln!(out)?;
        writeln!(out, "      {words}")?;
    }
    Ok(())
}

impl Told for IngestReports {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::One(report) => report.tell(out),
            Self::Several(reports) => {
                for report in reports {
                    report.tell(out)?;
                    writeln!(out)?;
                }
                Ok(())
            }
        }
    }
}

impl Told for IngestReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let verb = if self.dry_run { "Would take in" } else { "Took in" };
        writeln!(out, "{verb} {} ({}).", self.source, a(&self.source_kind))?;
        counts(out, self)?;
        if !self.problems.is_empty() {
            writeln!(out)?;
            writeln!(out, "{}:", count(self.problems.len() as u64, "problem", "problems"))?;
            problems(out, &self.problems)?;
        }
        if !self.complete {
            writeln!(out)?;
            writeln!(out, "Stopped before the end. What was stored is safe here; run the same command to go on.")?;
        }
        Ok(())
    }
}

/// The counts of one run, a line each; what is nought is left out.
pub(super) fn counts(out: &mut dyn Write, report: &IngestReport) -> io::Result<()> {
    for volume in &report.volumes {
        writeln!(out, "  {volume}")?;
    }
    writeln!(out, "  found          {}", count(report.files_seen, "file", "files"))?;
    let photos = count(report.new_photos, "photo or video", "photos and videos");
    let kept = if report.dry_run { "would keep    " } else { "newly kept    " };
    let with = if report.new_photos == 0 { String::new() } else { format!(" with {photos}") };
    match report.stored {
        0 => writeln!(out, "  {kept} nothing")?,
        stored => writeln!(out, "  {kept} {}{with}, {}", count(stored, "file", "files"), size(report.stored_bytes))?,
    }
    let rows = [
        ("already there ", report.duplicates, "the archive has the same bytes; nothing was stored twice"),
        ("deleted before", report.previously_deleted, "you deleted them; they stay deleted"),
        ("damaged       ", report.damaged, "kept as they are, and listed"),
        ("unreadable    ", report.unreadable, "the source did not give them"),
        ("left aside    ", report.ignored, "not photos, videos or their sidecars"),
    ];
    for (name, number, meaning) in rows {
        if number > 0 {
            writeln!(out, "  {name} {} — {meaning}", count(number, "file", "files"))?;
        }
    }
    rescued(out, report)
}

/// What came of it that no copying of folders gives.
fn rescued(out: &mut dyn Write, report: &IngestReport) -> io::Result<()> {
    let rows = [
        ("brought back  ", report.deleted, "deleted on the disk, and still there"),
        ("found by look ", report.by_content, "no folder lists them; found by what is in them"),
        ("with holes    ", report.with_holes, "the disk did not give every byte; what it gave is kept"),
        ("made whole    ", report.put_together, "put together from damaged copies, and proven"),
        ("small pictures", report.small_behind, "made of photos that the archive has; they stand behind them"),
        ("set behind    ", report.behind_better, "damaged, and the archive has the photo better"),
    ];
    for (name, number, meaning) in rows {
        if number > 0 {
            writeln!(out, "  {name} {} — {meaning}", count(number, "file", "files"))?;
        }
    }
    Ok(())
}

impl Told for StatusReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        verdict(out, self)?;
        if !self.repositories.is_empty() {
            writeln!(out)?;
            writeln!(out, "Copies")?;
        }
        for one in &self.repositories {
            let place = if one.off_this_drive { "off this drive" } else { "on this very drive" };
            writeln!(out, "  {}  {} ({place})", one.name, one.location)?;
            match &one.newest_complete {
                Some(at) => writeln!(out, "      newest complete snapshot: {}", moment(at))?,
                None => writeln!(out, "      no complete snapshot yet")?,
            }
            let oldest = one.oldest_proof.as_deref().map(|at| format!(", the oldest proof of {}", moment(at)));
            let proven = count(one.proven_photos, "photo", "photos");
            writeln!(out, "      {proven} restored and compared{}", oldest.unwrap_or_default())?;
        }
        for (heading, lines) in [("Due now", &self.due), ("Wrong", &self.problems)] {
            if !lines.is_empty() {
                writeln!(out)?;
                writeln!(out, "{heading}")?;
                lines.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
            }
        }
        Ok(())
    }
}

/// The one question that matters, and its answer.
pub(super) fn verdict(out: &mut dyn Write, status: &StatusReport) -> io::Result<()> {
    let photos = count(status.photos, "photo", "photos");
    if status.photos == 0 {
        return writeln!(out, "The archive holds no photos yet.");
    }
    if status.at_risk.is_empty() {
        return writeln!(out, "All {photos} ({}) are safe.", size(status.objects_bytes));
    }
    writeln!(out, "{} of {photos} ({}) are safe.", status.safe, size(status.objects_bytes))?;
    let mut reasons: Vec<(&str, u64)> = Vec::new();
    for risk in &status.at_risk {
        match reasons.iter_mut().find(|(why, _)| *why == risk.why) {
            Some((_, number)) => *number += 1,
            None => reasons.push((&risk.why, 1)),
        }
    }
    for (why, number) in reasons {
        writeln!(out, "  {} not safe yet: {why}", count(number, "photo is", "photos are"))?;
    }
    Ok(())
}
