use std::path::PathBuf;

use super::app::{App, absolute};
use super::explain::Failure;
use super::{Exit, ingest};
use crate::repository::{Location, ParseLocationError};
use crate::workflows::{RescuePlan, rescue, words_were_shown};

/// Do everything in one go: make the archive if it is missing, take in every photo, back up, prove it by restoring
#[derive(clap::Args, Debug)]
pub(super) struct RescueArgs {
    /// Where photos are: folders (a mounted drive, a card, a phone), drives (/dev/sdb) and disk images. Nothing in them is ever changed
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// Where encrypted copies go: /mnt/disk/keepsake, s3:https://HOST/BUCKET/PREFIX, b2:BUCKET:PREFIX
    #[arg(long, value_name = "LOCATION")]
    backup_to: Vec<String>,
}

pub(super) fn run(app: &App, args: RescueArgs) -> Result<Exit, Failure> {
    let RescueArgs { sources, backup_to } = args;
    let archive = app.named_archive().ok_or_else(|| Failure::Usage {
        message: "rescue must be told where the archive is, or is to be made".to_owned(),
        hint: "keepsake rescue SOURCE --archive DIR".to_owned(),
    })?;
    let backup_to = backup_to.iter().map(|text| location(text)).collect::<Result<_, _>>()?;
    let talk = app.talk();
    let report = rescue(&RescuePlan { sources, archive, backup_to }, &app.around, &talk)?;
    drop(talk);
    let exit = if !report.failed_repositories.is_empty() || report.backup.failed() || report.drill.failed() {
        Exit::Failed
    } else if report.backup.partial() || !report.failed_sources.is_empty() {
        Exit::Problems
    } else if report.drill.unproven() {
        Exit::Unproven
    } else {
        report.ingests.iter().map(ingest::exit).find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done)
    };
    let exit = app.output.report(&report, exit)?;
    words_were_shown(report.archive.as_ref())?;
    Ok(exit)
}

/// A location as it was typed; a local path is taken from the folder that the person stands in.
pub(super) fn location(text: &str) -> Result<Location, Failure> {
    match text.parse() {
        Err(ParseLocationError::Relative(_)) => Ok(absolute(text.as_ref())
            .display()
            .to_string()
            .parse::<Location>()
            .map_err(crate::workflows::Error::from)?),
        other => Ok(other.map_err(crate::workflows::Error::from)?),
    }
}
