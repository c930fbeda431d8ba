//! Photos, one by one and in lists.

use std::io::{self, Write};

use super::Told;
use super::words::moment;
use crate::cli::album::{AlbumChange, AlbumContents, AlbumList};
use crate::cli::deletion::{ChangeList, Deleted, TrashReport, Undone};
use crate::cli::describe::DescribeReport;
use crate::model::in_words::{count, size};
use crate::model::report::{PhotoReport, PhotoSummary, PreviewsReport, Relation, SearchReport};

fn row(out: &mut dyn Write, photo: &PhotoSummary) -> io::Result<()> {
    let taken = photo.taken_at.as_deref().map_or("undated         ", |at| at.get(..16).unwrap_or(at)).replace('T', " ");
    let damage = photo.condition.filter(|condition| condition.is_damage());
    let damage = damage.map(|condition| format!("  [{condition}]")).unwrap_or_default();
    let others = photo.same_picture.len();
    let others = if others > 0 { format!("  (and {others} more of the same picture)") } else { String::new() };
    writeln!(out, "{}  {taken:16}  {:5}  {}{damage}{others}", photo.id, photo.kind.as_str(), photo.name)
}

impl Told for SearchReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        self.photos.iter().try_for_each(|photo| row(out, photo))?;
        let shown = self.photos.len() as u64;
        if shown < self.total {
            writeln!(out, "{} shown of {}; --limit shows more", shown, count(self.total, "photo", "photos"))
        } else {
            writeln!(out, "{}", count(self.total, "photo", "photos"))
        }
    }
}

impl Told for PreviewsReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        for photo in &self.photos {
            match &photo.why_not {
                Some(why) => writeln!(out, "{}  no preview: the file {why}", photo.photo)?,
                None => {
                    for path in [&photo.small, &photo.large].into_iter().flatten() {
                        writeln!(out, "{path}")?;
                    }
                }
            }
        }
        for problem in &self.problems {
            writeln!(out, "{}: {}", problem.path, problem.message)?;
        }
        if self.photos.is_empty() {
            let made = count(self.made, "preview was made", "previews were made");
            writeln!(out, "{made}, {} were there, {} files cannot be shown", self.already_there, self.not_shown)?;
        }
        if !self.complete {
            writeln!(out, "Stopped, as you asked. The same command goes on from here.")?;
        }
        Ok(())
    }
}

impl Told for PhotoReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let summary = &self.summary;
        writeln!(out, "{}  {}", summary.id, summary.name)?;
        let mut line = |name: &str, value: Option<String>| match value.filter(|value| !value.is_empty()) {
            Some(value) => writeln!(out, "  {name:10} {value}"),
            None => Ok(()),
        };
        line("taken", Some(taken(self)))?;
        line("camera", self.camera.clone())?;
        line("lens", self.lens.clone())?;
        let pixels = self.width.zip(self.height).map(|(width, height)| format!("{width} × {height}, "));
        line("picture", Some(format!("{}{}, {}", pixels.unwrap_or_default(), summary.kind, size(self.size))))?;
        line("condition", Some(condition(self)))?;
        let place = self.latitude.zip(self.longitude).map(|(north, east)| format!("{north:.5}, {east:.5}"));
        line("place", place)?;
        line("caption", self.caption.clone())?;
        line("stars", self.rating.map(|rating| rating.to_string()))?;
        line("tags", Some(self.tags.join(", ")))?;
        line("people", Some(self.people.join(", ")))?;
        line("albums", Some(self.albums.join(", ")))?;
        line("owner", Some(self.owner.clone()))?;
        line("object", Some(summary.object.to_string()))?;
        line("in copies", Some(summary.path.clone()))?;
        line("deleted", self.deleted_at.as_deref().map(moment))?;
        for same in &summary.same_picture {
            line("also", Some(format!("{same} is the same picture with other metadata")))?;
        }
        for related in &self.related {
            let relation = match related.relation {
                Relation::EditOf => "edit of",
                Relation::EditedAs => "edited as",
            };
            line(relation, Some(related.photo.to_string()))?;
        }
        for companion in &self.companions {
            line("beside it", Some(format!("{} ({})", companion.name, companion.role)))?;
        }
        for sighting in &self.sightings {
            let written = sighting.modified_at.as_deref().map(|at| format!(", last written {}", moment(at)));
            line("seen", Some(format!("{}/{}{}", sighting.source, sighting.path, written.unwrap_or_default())))?;
        }
        for proof in &self.proofs {
            line("proven", Some(format!("restored whole from {} on {}", proof.repository, moment(&proof.at))))?;
        }
        if self.proofs.is_empty() {
            line("proven", Some("not yet: no drill has restored it from a repository".to_owned()))?;
        }
        Ok(())
    }
}

fn taken(photo: &PhotoReport) -> String {
    let Some(at) = &photo.summary.taken_at else { return "nobody knows when".to_owned() };
    let zone = photo.zone.as_deref().map(|zone| format!(" {zone}")).unwrap_or_default();
    let source = photo.summary.taken_at_source.as_deref().unwrap_or("unknown");
    let certainty = photo.taken_at_certainty.as_deref().unwrap_or("unknown");
    format!("{}{zone} (from {source}, {certainty})", at.replace('T', " "))
}

fn condition(photo: &PhotoReport) -> String {
    let Some(condition) = photo.summary.condition else { return "not examined yet".to_owned() };
    let tested = photo.tested.as_deref().map(|tested| format!(" (tested: {tested})")).unwrap_or_default();
    let finding = photo.finding.as_deref().map(|finding| format!(": the file {finding}")).unwrap_or_default();
    let good = photo.good_percent.map(|percent| format!(", about {percent} % is good")).unwrap_or_default();
    format!("{condition}{finding}{good}{tested}")
}

impl Told for AlbumList {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.0.is_empty() {
            return writeln!(out, "There is no album yet: keepsake album create NAME --folder FOLDER makes one.");
        }
        for album in &self.0 {
            let days = match (&album.from, &album.to) {
                (Some(from), Some(to)) if from == to => format!(", {from}"),
                (Some(from), Some(to)) => format!(", {from} to {to}"),
                (Some(_), None) | (None, _) => String::new(),
            };
            writeln!(out, "{}  {}{days}", album.name, count(album.photos, "photo", "photos"))?;
        }
        Ok(())
    }
}

impl Told for AlbumContents {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        self.photos.iter().try_for_each(|photo| row(out, photo))?;
        writeln!(out, "{} in “{}”", count(self.photos.len() as u64, "photo", "photos"), self.name)
    }
}

impl Told for AlbumChange {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let photos = count(self.photos, "photo", "photos");
        if self.changed > 0 {
            let changed = count(self.changed, "photo", "photos");
            writeln!(out, "{changed} {} “{}”; it has {photos} now.", self.done_to(), self.name)
        } else if matches!(self.done, "added to" | "taken out of") {
            writeln!(out, "Nothing changed; “{}” has {photos}.", self.name)
        } else {
            writeln!(out, "“{}” was {}; it has {photos}.", self.name, self.done)
        }
    }
}

impl AlbumChange {
    fn done_to(&self) -> &'static str {
        if self.done == "made" { "put into the new album" } else { self.done }
    }
}

impl Told for Deleted {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let photos = count(self.photos.len() as u64, "photo is", "photos are");
        writeln!(out, "{photos} in the trash. keepsake undo {} brings back what this put there.", self.operation)
    }
}

impl Told for TrashReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.photos {
            row(out, &one.photo)?;
        }
        writeln!(out, "{} in the trash", count(self.photos.len() as u64, "photo", "photos"))
    }
}

impl Told for DescribeReport {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let photos = count(self.photos.len() as u64, "photo", "photos");
        let numbers: Vec<String> = self.operations.iter().map(ToString::to_string).collect();
        writeln!(out, "Written down for {photos}. keepsake undo NUMBER takes it back: {}", numbers.join(", "))
    }
}

impl Told for ChangeList {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        for change in &self.0 {
            let undone = if change.undone_at.is_some() { "  (taken back)" } else { "" };
            writeln!(out, "{:>5}  {}  {}{undone}", change.operation, moment(&change.at), change.what)?;
        }
        writeln!(out, "{}", count(self.0.len() as u64, "change", "changes"))
    }
}

impl Told for Undone {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Undone ({}): {}.", self.operation, self.what)
    }
}
