//! Rescue: the whole main job for a person in a hurry, each step the same verb that stands alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::drill::{DrillOptions, Share, drill};
use super::examine::examine_and_describe;
use super::ingest::{IngestOptions, ingest};
use super::init::{init, is_unfinished, words_to_show};
use super::repositories::add_repository;
use super::status::status;
use super::{Circumstances, Error, OpenArchive, backup::backup, make_kit};
use crate::config::{Archive, RepositoryName};
use crate::events::Listener;
use crate::model::report::RescueReport;
use crate::repository::Location;

/// What to rescue, and where to.
#[derive(Clone, Debug)]
pub struct RescuePlan {
    /// Where the photos are.
    pub sources: Vec<PathBuf>,
    /// The archive; made if it is not there.
    pub archive: PathBuf,
    /// Where copies go; those that the archive does not know yet are added.
    pub backup_to: Vec<Location>,
}

/// Makes the archive if it is missing, ingests every source, backs up, drills and makes the kit.
///
/// Each step is durable before the next begins; running again after an error or a crash goes on from there. A source
/// that fails is reported, and what was stored is backed up nevertheless.
///
/// # Errors
///
/// The archive cannot be made or opened, or the sources gave nothing.
pub fn rescue(plan: &RescuePlan, around: &Circumstances, listener: &dyn Listener) -> Result<RescueReport, Error> {
    let RescuePlan { sources, archive, backup_to } = plan;
    let mut report = RescueReport::default();
    let mut open = open_or_init(archive, around, listener)?;
    // Words that an earlier rescue made and never came to print are told by this one.
    report.words = words_to_show(&open);
    if let Some(words) = &report.words {
        // Now, because an interrupted rescue never comes to its summary.
        listener.note(&format!("the words that open its recovery kit, for you to write down: {words}"));
    }
    report.archive = open.archive.folder.display().to_string();
    let mut last_error = None;
    for source in sources {
        match ingest(&mut open, source, &IngestOptions::default(), around, listener) {
            Ok(one) => report.ingests.push(one),
            Err(error) => {
                listener.note(&format!("{}: {}", source.display(), error.told()));
                report.failed_sources.push(format!("{}: {}", source.display(), error.told()));
                last_error = Some(error);
            }
        }
        if listener.stop_requested() {
            return Err(Error::Interrupted);
        }
    }
    if let Some(error) = last_error {
        // A drive that died half-way has given something; that much is described and backed up now.
        if open.catalog.objects_total()?.0 == 0 {
            return Err(error);
        }
        examine_and_describe(&mut open, around, listener)?;
    }
    report.failed_repositories = add_missing(&mut open, backup_to, around, listener);
    if open.archive.settings.repositories.is_empty() {
        listener.note("there is no place to back up to yet: name one with --backup-to");
    } else {
        report.backup = backup(&mut open, &[], around, listener)?;
        if listener.stop_requested() {
            return Err(Error::Interrupted);
        }
        let options = DrillOptions { share: Share::Rolling, max_bytes: None };
        report.drill = drill(&mut open, &[], &options, around, listener)?;
    }
    report.kit = make_kit::own_kit(&open).display().to_string();
    report.status = status(&open, around)?;
    Ok(report)
}

fn open_or_init(folder: &Path, around: &Circumstances, listener: &dyn Listener) -> Result<OpenArchive, Error> {
    if Archive::is_one(folder) && !is_unfinished(folder) {
        return OpenArchive::open(folder, around, listener);
    }
    let new = init(folder, around, listener)?;
    listener.note(&format!("a new archive was made in {}", folder.display()));
    Ok(new.open)
}

/// Adds the places that are not known yet; one that cannot be used never stops the next.
fn add_missing(
    open: &mut OpenArchive,
    locations: &[Location],
    around: &Circumstances,
    listener: &dyn Listener,
) -> Vec<String> {
    let mut failed = Vec::new();
    for location in locations {
        if open.archive.settings.repositories.iter().any(|one| one.location == location.to_string()) {
            continue;
        }
        let added = free_name(open, location)
            .and_then(|name| add_repository(open, &name, location, &BTreeMap::new(), None, around));
        if let Err(error) = added {
            let told = format!("{location}: {}", error.told());
            listener.note(&told);
            failed.push(told);
        }
    }
    failed
}

/// “disk”, “s3”, “b2”, and a number behind it from the second on.
fn free_name(open: &OpenArchive, location: &Location) -> Result<RepositoryName, Error> {
    let kind = match location.scheme() {
        crate::repository::Scheme::Local => "disk",
        crate::repository::Scheme::S3 => "s3",
        crate::repository::Scheme::B2 => "b2",
    };
    let taken = |name: &str| open.archive.settings.repositories.iter().any(|one| one.name.as_str() == name);
    let numbered = (2..).map(|number| format!("{kind}{number}"));
    let free = std::iter::once(kind.to_owned()).chain(numbered).find(|name| !taken(name));
    Ok(free.unwrap_or_else(|| kind.to_owned()).parse()?)
}
