//! The summary of a rescue: what a worried person wants to know, in that order.

use std::io::{self, Write};

use super::Told;
use super::archive::{counts, kit, verdict};
use super::words::{problems, short};
use crate::model::in_words::{count, size};
use crate::model::report::{BackupState, RescueReport};

impl Told for RescueReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        for ingest in &self.ingests {
            writeln!(out, "From {}", ingest.source)?;
            counts(out, ingest)?;
            if !ingest.problems.is_empty() {
                writeln!(out)?;
                writeln!(out, "What is wrong with single files (nothing was thrown away)")?;
                problems(out, &ingest.problems)?;
            }
            writeln!(out)?;
        }
        for failed in &self.failed_sources {
            writeln!(out, "Not read: {failed}")?;
        }
        for failed in &self.failed_repositories {
            writeln!(out, "NO copy at {failed}")?;
        }
        where_the_copies_are(self, out)?;
        what_was_proven(self, out)?;
        verdict(out, &self.status)?;
        writeln!(out)?;
        kit(out, &self.kit, self.words.as_deref())?;
        writeln!(out)?;
        what_to_do_next(self, out)
    }
}

fn where_the_copies_are(report: &RescueReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Where your photos are now")?;
    writeln!(out, "  {}  the archive, {}", report.archive, size(report.status.objects_bytes))?;
    for (backup, status) in report.backup.repositories.iter().zip(&report.status.repositories) {
        let state = match (backup.state, &backup.snapshot) {
            (BackupState::Complete, Some(id)) => format!("everything is in the encrypted snapshot {}", short(id)),
            (BackupState::Unchanged, Some(id)) => format!("nothing new; the snapshot {} has everything", short(id)),
            (BackupState::Partial, _) => "INCOMPLETE: this copy does not count yet".to_owned(),
            (BackupState::Complete | BackupState::Unchanged | BackupState::Failed, _) => {
                format!("FAILED: {}", backup.error.as_deref().unwrap_or("no snapshot was made"))
            }
        };
        writeln!(out, "  {}  {state}", status.location)?;
        problems(out, &backup.problems)?;
    }
    writeln!(out)
}

fn what_was_proven(report: &RescueReport, out: &mut dyn Write) -> io::Result<()> {
    if report.drill.repositories.is_empty() {
        return Ok(());
    }
    writeln!(out, "What was proven by restoring")?;
    for drill in &report.drill.repositories {
        if let Some(error) = &drill.error {
            writeln!(out, "  {}: nothing: {error}", drill.name)?;
            continue;
        }
        let files = count(drill.restored, "file", "files");
        writeln!(
            out,
            "  {}: {files} restored into scratch space, {} of them the same byte for byte",
            drill.name, drill.matched
        )?;
        for failed in &drill.failed {
            writeln!(out, "    NOT BACK: {}  {}", failed.path, failed.reason)?;
        }
    }
    writeln!(out)
}

fn what_to_do_next(report: &RescueReport, out: &mut dyn Write) -> io::Result<()> {
    let archive = &report.archive;
    let off_drive = report.status.repositories.iter().any(|one| one.off_this_drive);
    let remote = report.status.repositories.iter().any(|one| one.location.contains(':'));
    writeln!(out, "What to do next")?;
    let mut steps = Vec::new();
    if report.status.repositories.is_empty() || !off_drive {
        steps.push(format!(
            "a copy on another drive:\n       keepsake --archive {archive} repo add usb /mnt/other-drive/keepsake"
        ));
    }
    if !remote {
        steps.push(format!(
            "a copy away from home (Backblaze B2 or any S3 store):\n       keepsake --archive {archive} repo add b2 s3:https://s3.REGION.backblazeb2.com/BUCKET\n       with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set to a key of that bucket"
        ));
    }
    steps.push(format!(
        "every night, from a timer:\n       keepsake --archive {archive} backup && keepsake --archive {archive} drill"
    ));
    steps.push(format!(
        "look through what was found:\n       keepsake --archive {archive} search --condition damaged\n       keepsake --archive {archive} status"
    ));
    for (number, step) in (1..).zip(steps) {
        writeln!(out, "  {number}. {step}")?;
    }
    Ok(())
}
