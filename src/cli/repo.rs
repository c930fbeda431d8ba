use std::collections::BTreeMap;

use serde::Serialize;

use super::Exit;
use super::app::App;
use super::explain::Failure;
use super::passphrase::known_password;
use super::rescue::location;
use crate::config::RepositoryName;
use crate::workflows::{Added, Error, add_repository, remove_repository, rotate_password};

/// Manage the repositories: the encrypted copies on disks and in buckets
#[derive(clap::Args, Debug)]
pub(super) struct RepoArgs {
    #[command(subcommand)]
    command: RepoCommand,
}

#[derive(clap::Subcommand, Debug)]
enum RepoCommand {
    /// Make a repository, or join one that is there, and put the recovery kit beside it
    Add {
        /// What to call it: small letters, digits, - and _
        name: String,
        /// /mnt/disk/keepsake, s3:https://HOST/BUCKET/PREFIX or b2:BUCKET:PREFIX
        location: String,
        /// An option of the storage: region=us-west-004
        #[arg(long = "option", value_name = "KEY=VALUE")]
        options: Vec<String>,
        /// Read the password of an existing repository from this file
        #[arg(long, value_name = "FILE")]
        password_file: Option<std::path::PathBuf>,
    },
    /// List the repositories
    List,
    /// Forget a repository; its data and its password are kept
    Remove {
        /// Its name
        name: String,
    },
    /// Give a repository a new password
    Password {
        /// Its name
        name: String,
    },
}

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct RepositoryList(pub(super) Vec<RepositoryRow>);

#[derive(Serialize)]
pub(super) struct RepositoryRow {
    pub(super) name: String,
    pub(super) location: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) options: BTreeMap<String, String>,
}

#[derive(Serialize)]
pub(super) struct RepositoryChange {
    pub(super) name: String,
    pub(super) done: &'static str,
}

pub(super) fn run(app: &App, args: RepoArgs) -> Result<Exit, Failure> {
    let mut open = app.open()?;
    let (name, done) = match args.command {
        RepoCommand::List => {
            let rows = open.archive.settings.repositories.iter().map(|one| RepositoryRow {
                name: one.name.to_string(),
                location: one.location.clone(),
                options: one.options.clone(),
            });
            return app.output.report(&RepositoryList(rows.collect()), Exit::Done);
        }
        RepoCommand::Add { name, location: place, options, password_file } => {
            let parsed: RepositoryName = name.parse().map_err(Error::from)?;
            let password = known_password(app, password_file.as_deref())?;
            let added =
                add_repository(&mut open, &parsed, &location(&place)?, &pairs(&options)?, password, &app.around)?;
            let done = match added {
                Added::Created => "a new repository was made",
                Added::Joined => "a repository was there, and its password opens it",
            };
            (name, done)
        }
        RepoCommand::Remove { name } => {
            remove_repository(&mut open, &name, &app.around)?;
            (name, "it is no longer backed up to; its data and its password are kept")
        }
        RepoCommand::Password { name } => {
            rotate_password(&mut open, &name, &app.around)?;
            (name, "it has a new password, and the recovery kit was renewed: replace the copies you keep elsewhere")
        }
    };
    app.output.report(&RepositoryChange { name, done }, Exit::Done)
}

/// The options of a storage, as they were typed.
pub(super) fn pairs(options: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let pair = |option: &String| {
        let (key, value) = option.split_once('=').ok_or_else(|| Failure::Usage {
            message: format!("“{option}” is no option"),
            hint: "write it as --option region=us-west-004".to_owned(),
        })?;
        Ok((key.to_owned(), value.to_owned()))
    };
    options.iter().map(pair).collect()
}
