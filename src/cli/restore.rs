use std::path::PathBuf;

use super::Exit;
use super::app::{App, absolute};
use super::explain::Failure;
use super::recover::{KitArgs, access_from_kit, access_from_location};
use crate::repository::Access;
use crate::workflows::{Overwrite, RestoreOptions, Wanted, access_to, restore};

/// Bring photos back from a repository: an album, a photo, a pattern, or everything
///
/// Needs no archive: --kit or --from is enough on a blank machine. Every file is compared before it gets its name; an
/// existing different file is never touched unless --overwrite says so. Running again goes on where it stopped.
#[derive(clap::Args, Debug)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    wanted: WantedArgs,
    /// The folder to restore into
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// From this repository of the archive [default: the first one]
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    /// From the repository at this location, without an archive
    #[arg(long, value_name = "LOCATION", conflicts_with = "repo")]
    from: Option<String>,
    #[command(flatten)]
    kit: KitArgs,
    /// From this snapshot [default: the newest complete one]
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// Only say what would be restored
    #[arg(long)]
    dry_run: bool,
    /// Replace different files that stand in the way
    #[arg(long)]
    overwrite: bool,
}

#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct WantedArgs {
    /// The photos of an album
    #[arg(long, value_name = "NAME")]
    album: Option<String>,
    /// One photo, with its RAW, moving half and sidecars
    #[arg(long, value_name = "ID")]
    photo: Option<String>,
    /// Files whose path in the snapshot matches: 'photos/*/2014/**', '*.cr2'
    #[arg(long, value_name = "GLOB")]
    path: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
}

pub(super) fn run(app: &App, args: RestoreArgs) -> Result<Exit, Failure> {
    let RestoreArgs { wanted, to, repo, from, kit, snapshot, dry_run, overwrite } = args;
    let (access, archive_id) = access(app, repo.as_deref(), from.as_deref(), &kit)?;
    let overwrite = if overwrite { Overwrite::Yes } else { Overwrite::Never };
    let options = RestoreOptions { wanted: wanted.into(), snapshot, archive_id, dry_run, overwrite };
    let talk = app.talk();
    let report = restore(&access, &absolute(&to), &options, &talk)?;
    drop(talk);
    let exit = if report.problems.is_empty() { Exit::Done } else { Exit::Problems };
    app.output.report(&report, exit)
}

fn access(
    app: &App,
    repo: Option<&str>,
    from: Option<&str>,
    kit: &KitArgs,
) -> Result<(Access, Option<String>), Failure> {
    match (&kit.kit, from) {
        (Some(_), _) => {
            let from_kit = access_from_kit(app, kit, repo)?;
            Ok((from_kit.access, Some(from_kit.kit.archive_id)))
        }
        (None, Some(location)) => Ok((access_from_location(app, location, kit)?, None)),
        (None, None) => {
            let open = app.open()?;
            Ok((access_to(&open, repo)?, Some(open.archive.marker.archive_id.clone())))
        }
    }
}

impl From<WantedArgs> for Wanted {
    fn from(args: WantedArgs) -> Self {
        let WantedArgs { album, photo, path, all: _ } = args;
        match (album, photo, path) {
            (Some(name), ..) => Self::Album(name),
            (None, Some(id), _) => Self::Photo(id),
            (None, None, Some(pattern)) => Self::Path(pattern),
            (None, None, None) => Self::All,
        }
    }
}
