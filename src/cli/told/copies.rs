//! Backups, checks, drills and restores.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::Told;
use super::words::{moment, problems, short};
use crate::cli::kit::{KitCreated, KitShown, KitVerification};
use crate::cli::repo::{RepositoryChange, RepositoryList};
use crate::cli::snapshots::SnapshotList;
use crate::model::in_words::{count, size};
use crate::model::report::{
    BackupReport, BackupState, CheckReport, DrillReport, RecoverReport, RestoreReport, UNOPENABLE,
};
use crate::model::{Problem, ProblemKind};

fn hint(out: &mut dyn Write, hint: Option<&str>) -> io::Result<()> {
    hint.map_or(Ok(()), |hint| writeln!(out, "  hint: {hint}"))
}

impl Told for BackupReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.repositories {
            let id = one.snapshot.as_deref().map(short).unwrap_or_default();
            let photos = count(one.photos, "photo", "photos");
            match one.state {
                BackupState::Complete => writeln!(
                    out,
                    "{}: snapshot {id} holds everything ({photos}); {} new, {} sent, checked",
                    one.name,
                    count(one.files_new, "file", "files"),
                    size(one.sent_bytes)
                )?,
                BackupState::Unchanged => {
                    let looked = match one.structure_whole_at.as_deref() {
                        _ if one.checked => "checked".to_owned(),
                        Some(at) => format!("it is still there, and was found whole on {}", moment(at)),
                        None => "it is still there".to_owned(),
                    };
                    writeln!(out, "{}: nothing new; snapshot {id} holds everything ({photos}); {looked}", one.name)?;
                }
                BackupState::Partial => {
                    writeln!(out, "{}: the snapshot {id} is INCOMPLETE and does not count", one.name)?;
                }
                BackupState::Failed => {
                    writeln!(out, "{}: FAILED: {}", one.name, one.error.as_deref().unwrap_or("no snapshot was made"))?;
                    hint(out, one.hint.as_deref())?;
                }
            }
            problems(out, &one.problems)?;
            if one.state == BackupState::Partial {
                hint(out, Some(&format!("keepsake check --read-data --repo {} tells what to do", one.name)))?;
            }
        }
        if self.stopped {
            writeln!(out, "Stopped before the end. What was sent is kept; run the same command to go on.")?;
        }
        Ok(())
    }
}

impl Told for SnapshotList {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.snapshots {
            let state = if one.complete { "complete" } else { "PARTIAL" };
            writeln!(
                out,
                "{}  {}  {}  {state}  {}, {}",
                short(&one.id),
                moment(&one.at),
                one.repository,
                count(one.files, "file", "files"),
                size(one.bytes)
            )?;
        }
        for one in &self.unlisted {
            writeln!(out, "{}: could NOT be listed: {}", one.repository, one.error)?;
            hint(out, one.hint.as_deref())?;
        }
        Ok(())
    }
}

impl Told for CheckReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.catalog.is_empty() {
            writeln!(out, "catalog: sound")?;
        } else {
            writeln!(out, "catalog: NOT SOUND")?;
            self.catalog.iter().try_for_each(|finding| writeln!(out, "  {}", finding.replace('\n', " ")))?;
            writeln!(
                out,
                "  hint: the photos are not touched by this; keepsake recover makes a new archive with a whole catalog"
            )?;
        }
        let objects = &self.objects;
        let checked = count(objects.checked, "object", "objects");
        if objects.missing.is_empty() && objects.altered.is_empty() {
            writeln!(out, "archive: {checked}, all in place")?;
        } else {
            writeln!(out, "archive: {checked}; {} missing, {} altered", objects.missing.len(), objects.altered.len())?;
            for id in &objects.missing {
                writeln!(out, "  missing  {id}")?;
            }
            for id in &objects.altered {
                writeln!(out, "  altered  {id}")?;
            }
            writeln!(
                out,
                "  hint: keepsake show with the first digits tells which photo it is. keepsake ingest --reread of the"
            )?;
            writeln!(
                out,
                "  drive it came from puts it right; a backup gives it back too: keepsake restore --photo ID --to DIR"
            )?;
        }
        for finding in &self.kit {
            writeln!(out, "kit: NOT SOUND: {finding}")?;
        }
        if !self.kit.is_empty() {
            writeln!(
                out,
                "  hint: the next backup writes a kit anew that is gone or damaged. Words that do not open it: see your paper"
            )?;
        }
        for one in &self.repositories {
            let read =
                if one.read_bytes > 0 { format!("{} read back", size(one.read_bytes)) } else { "structure".to_owned() };
            if let Some(unopened) = one.findings.iter().find(|finding| finding.kind == UNOPENABLE) {
                writeln!(out, "{}: could NOT be checked: {}", one.name, unopened.what)?;
                hint(out, unopened.hint.as_deref())?;
                continue;
            }
            let verdict = if one.ok { "sound" } else { "NOT SOUND" };
            writeln!(out, "{}: {verdict} ({read})", one.name)?;
            for finding in &one.findings {
                let affected = match finding.affected_photos.len() {
                    0 => String::new(),
                    number => format!(" — touches {}", count(number as u64, "photo", "photos")),
                };
                writeln!(out, "  {}: {}{affected}", finding.kind, finding.what)?;
            }
            for advice in one.findings.iter().filter_map(|finding| finding.hint.as_deref()).collect::<BTreeSet<_>>() {
                hint(out, Some(advice))?;
            }
        }
        Ok(())
    }
}

impl Told for DrillReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.repositories {
            if let Some(error) = &one.error {
                writeln!(out, "{}: nothing could be proven: {error}", one.name)?;
                hint(out, one.hint.as_deref())?;
                continue;
            }
            writeln!(
                out,
                "{}: {} restored, {} the same byte for byte ({} fetched); {} proven in all",
                one.name,
                count(one.restored, "file", "files"),
                one.matched,
                size(one.fetched_bytes),
                count(one.proven_photos, "photo is", "photos are")
            )?;
            for failed in &one.failed {
                writeln!(out, "  NOT BACK  {}  {}", failed.path, failed.reason)?;
            }
        }
        if self.stopped {
            writeln!(out, "Stopped before the end. What came back is proven; run the same command to go on.")?;
        }
        Ok(())
    }
}

impl Told for RestoreReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let files = count(self.files, "file", "files");
        let from = short(&self.snapshot);
        if self.dry_run {
            return writeln!(out, "Would restore {files}, {}, from snapshot {from}.", size(self.bytes));
        }
        // A file that is back and unproven, and a part of the snapshot that is damaged, are no files that are not back.
        let (lost, other): (Vec<Problem>, Vec<Problem>) =
            self.problems.iter().cloned().partition(|one| is_of_a_file(one) && one.kind != ProblemKind::Unproven);
        let back = self.files.saturating_sub(self.already_there).saturating_sub(lost.len() as u64);
        let bytes = if lost.is_empty() { format!(", {}", size(self.bytes)) } else { String::new() };
        let compared = if other.is_empty() { ", each compared" } else { "" };
        writeln!(out, "{} back from snapshot {from}{bytes}{compared}.", count(back, "file is", "files are"))?;
        if self.already_there > 0 {
            writeln!(
                out,
                "{} there already, the same byte for byte.",
                count(self.already_there, "file was", "files were")
            )?;
        }
        if !lost.is_empty() {
            writeln!(out, "{} NOT back:", count(lost.len() as u64, "file is", "files are"))?;
            problems(out, &lost)?;
            writeln!(
                out,
                "  hint: another repository (--repo NAME) or an older snapshot (--snapshot ID) may have them;"
            )?;
            writeln!(out, "  the same command goes on from here")?;
        }
        if !other.is_empty() {
            writeln!(out, "{}:", count(other.len() as u64, "more problem", "more problems"))?;
            problems(out, &other)?;
        }
        Ok(())
    }
}

/// Whether a problem of a restore is of a file that was wanted, and not of the snapshot's own parts.
fn is_of_a_file(problem: &Problem) -> bool {
    let own = ["snapshots/", "keepsake/checksums/"];
    !own.iter().any(|own| problem.path.starts_with(own)) && !problem.message.starts_with("this folder of the snapshot")
}

impl Told for RecoverReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let photos = count(self.photos, "photo", "photos");
        let albums = count(self.albums, "album", "albums");
        if self.problems.is_empty() {
            writeln!(
                out,
                "The archive is back: {photos} and {albums}, {}, each compared with its name.",
                size(self.bytes)
            )?;
        } else {
            writeln!(
                out,
                "The archive is back with {photos} and {albums}, and NOT whole. Each file that came was compared."
            )?;
            writeln!(out, "{} did NOT come back:", count(self.problems.len() as u64, "thing", "things"))?;
            problems(out, &self.problems)?;
            writeln!(
                out,
                "  hint: keep the old copies. keepsake ingest of the drive that the photos came from, or a backup's"
            )?;
            writeln!(out, "  other repository, fills the gaps; keepsake check tells what is still missing")?;
        }
        if let Some(words) = &self.words {
            writeln!(out)?;
            writeln!(out, "The new recovery kit opens with these words. Write them on paper now:")?;
            writeln!(out)?;
            writeln!(out, "      {words}")?;
        }
        Ok(())
    }
}

impl Told for RepositoryList {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.0.is_empty() {
            return writeln!(out, "There is no repository yet: keepsake repo add NAME LOCATION makes one.");
        }
        self.0.iter().try_for_each(|one| writeln!(out, "{}  {}", one.name, one.location))
    }
}

impl Told for RepositoryChange {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {}.", self.name, self.done)
    }
}

impl Told for KitCreated {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let repositories = count(self.repositories as u64, "repository", "repositories");
        writeln!(out, "The kit {} opens {repositories}.", self.kit)?;
        writeln!(out, "Try it: keepsake kit verify {}", self.kit)
    }
}

impl Told for KitShown {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let kit = &self.0;
        writeln!(
            out,
            "Made {} by {}, for the archive {}.",
            moment(&kit.made_at.to_string()),
            kit.made_by,
            kit.archive_id
        )?;
        for one in &kit.repositories {
            writeln!(out)?;
            writeln!(out, "{}", one.name)?;
            writeln!(out, "  location  {}", one.location)?;
            for (key, value) in &one.options {
                writeln!(out, "  option    {key}={value}")?;
            }
            writeln!(out, "  password  {}", one.password)?;
            if let Some(keys) = &one.credentials {
                writeln!(out, "  key id    {}", keys.id)?;
                writeln!(out, "  key       {}", keys.secret)?;
            }
        }
        Ok(())
    }
}

impl Told for KitVerification {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let verified = &self.0;
        let day = moment(&verified.verified_at);
        for one in &verified.repositories {
            match &one.error {
                None => writeln!(
                    out,
                    "{day}  {}: the kit opens it; {} restored and compared",
                    one.name,
                    count(one.restored as u64, "file", "files")
                )?,
                Some(error) => writeln!(out, "{day}  {}: NOT proven: {error}", one.name)?,
            }
        }
        if verified.repositories.is_empty() {
            writeln!(out, "{day}  the kit opens, but it knows no repository: make a new one after keepsake repo add")?;
        }
        Ok(())
    }
}
