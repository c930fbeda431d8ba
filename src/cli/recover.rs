use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Exit;
use super::app::{App, absolute};
use super::explain::{Failure, RECOVERY_KIT};
use super::passphrase::{kit_words, known_password};
use super::repo::pairs;
use super::rescue::location;
use crate::recovery::{self, Kit, KitRepository, Opener};
use crate::repository::{Access, BucketKeys, Key, Location, Repository};
use crate::secrets::{Scheme, Secrets};
use crate::workflows::{RecoverFrom, recover};

/// Make a whole new archive from one repository, on a machine that has nothing but the kit
#[derive(clap::Args, Debug)]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    kit: KitArgs,
    /// From the repository at this location
    #[arg(long, value_name = "LOCATION")]
    from: Option<String>,
    /// From this repository of the kit [default: the first one that can be opened]
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    /// From this snapshot [default: the newest complete one]
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// The folder of the new archive; it must be missing, empty, or what an interrupted recovery left
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
}

/// A recovery kit and what opens it.
#[derive(clap::Args, Debug)]
#[allow(clippy::doc_markdown, reason = "shown as help")]
pub(super) struct KitArgs {
    /// The recovery kit. Its words are asked for, or read from $KEEPSAKE_KIT_PASSPHRASE or standard input
    #[arg(long, value_name = "FILE")]
    pub(super) kit: Option<PathBuf>,
    /// The age or SSH identity that opens the kit
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Read the repository's password from this file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// With --from: an option of the storage, region=us-west-004
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
}

/// An open kit, the words that opened it, and what opens one of its repositories.
pub(super) struct FromKit {
    pub(super) access: Access,
    pub(super) kit: Kit,
    words: Option<String>,
}

pub(super) fn run(app: &App, args: RecoverArgs) -> Result<Exit, Failure> {
    let RecoverArgs { kit, from, repo, snapshot, into } = args;
    let source = match (&kit.kit, from) {
        (Some(_), _) => {
            let FromKit { access, kit, words } = access_from_kit(app, &kit, repo.as_deref())?;
            RecoverFrom { access, kit: Some(kit), words, snapshot }
        }
        (None, Some(place)) => {
            let access = access_from_location(app, &place, &kit)?;
            RecoverFrom { access, kit: None, words: None, snapshot }
        }
        (None, None) => {
            return Err(Failure::Usage {
                message: "recover must be told where from".to_owned(),
                hint: "keepsake recover --kit kit.age --into DIR, or --from LOCATION".to_owned(),
            });
        }
    };
    let talk = app.talk();
    let report = recover(&source, &absolute(&into), &app.around, &talk)?;
    drop(talk);
    let exit = if report.problems.is_empty() { Exit::Done } else { Exit::Unproven };
    app.output.report(&report, exit)
}

/// Opens the kit and one of its repositories: the one called `repo`, or the first whose place answers.
pub(super) fn access_from_kit(app: &App, args: &KitArgs, repo: Option<&str>) -> Result<FromKit, Failure> {
    let file = args.kit.as_deref().unwrap_or(Path::new(""));
    let (kit, words) = open_kit(app, file, args.identity.as_deref())?;
    let wanted: Vec<_> = kit.repositories.iter().filter(|one| repo.is_none_or(|name| one.name == name)).collect();
    let mut first_access = None;
    for one in wanted {
        for access in ways_in(app, one)? {
            if Repository::open(&access).is_ok() {
                return Ok(FromKit { access, kit, words });
            }
            first_access.get_or_insert(access);
        }
    }
    match first_access {
        // None answers: the verb opens the first again, and says why it does not.
        Some(access) => Ok(FromKit { access, kit, words }),
        None => Err(Failure::Usage {
            message: "the kit knows no such repository".to_owned(),
            hint: format!("keepsake kit show {} lists them", file.display()),
        }),
    }
}

/// By its password, and by its master key where the repository's key files are lost.
fn ways_in(app: &App, one: &KitRepository) -> Result<Vec<Access>, Failure> {
    let place = location(&one.location)?;
    let of_kit = one.credentials.as_ref();
    let of_kit =
        of_kit.map(|keys| BucketKeys { id: keys.id.clone(), secret: keys.secret.clone(), session_token: None });
    let by_password = Access {
        bucket_keys: keys_from_outside(app, &place)?.or(of_kit),
        location: place,
        options: one.options.clone(),
        key: Key::Password(one.password.clone()),
    };
    let by_master_key = one.master_key.clone().map(|key| Access { key: Key::Master(key), ..by_password.clone() });
    Ok(std::iter::once(by_password).chain(by_master_key).collect())
}

/// Opens a kit with an identity, or with its words, which are asked for.
pub(super) fn open_kit(app: &App, file: &Path, identity: Option<&Path>) -> Result<(Kit, Option<String>), Failure> {
    let sealed = read(RECOVERY_KIT, file)?;
    if let Some(identity) = identity {
        let identities = String::from_utf8_lossy(&read("", identity)?).into_owned();
        return Ok((recovery::open(&sealed, &Opener::Identities(identities))?, None));
    }
    if !recovery::needs_passphrase(&sealed)? {
        return Err(Failure::Usage {
            message: "this kit is opened by an identity, not by words".to_owned(),
            hint: "name the file of your age or SSH identity: --identity FILE".to_owned(),
        });
    }
    let words = kit_words(app)?;
    let kit = recovery::open(&sealed, &Opener::Passphrase(words.clone()))?;
    Ok((kit, Some(words)))
}

/// What opens a repository of which only the place is known.
pub(super) fn access_from_location(app: &App, place: &str, args: &KitArgs) -> Result<Access, Failure> {
    let location = location(place)?;
    let password = known_password(app, args.password_file.as_deref())?.ok_or_else(|| Failure::Usage {
        message: "the repository's password is needed".to_owned(),
        hint: "--password-file FILE, or KEEPSAKE_PASSWORD, RESTIC_PASSWORD or RESTIC_PASSWORD_FILE".to_owned(),
    })?;
    let bucket_keys = keys_from_outside(app, &location)?;
    Ok(Access { location, options: pairs(&args.options)?, bucket_keys, key: Key::Password(password) })
}

/// The keys of a bucket that the environment or the service manager gives: those of an old kit may have been revoked.
fn keys_from_outside(app: &App, location: &Location) -> Result<Option<BucketKeys>, Failure> {
    let scheme = match location.scheme() {
        crate::repository::Scheme::Local => return Ok(None),
        crate::repository::Scheme::S3 => Scheme::S3,
        crate::repository::Scheme::B2 => Scheme::B2,
    };
    let around = &app.around;
    let secrets = Secrets::without_archive(&around.environment, around.credentials_directory.as_deref())?;
    let session_token = secrets.session_token(scheme);
    Ok(secrets.bucket_keys("", scheme).map(|(id, secret)| BucketKeys { id, secret, session_token }))
}

fn read(what: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(1 << 20).read_to_end(&mut bytes));
    read.map_err(|cause| Failure::Input { what: format!("{what}{}", file.display()), cause })?;
    Ok(bytes)
}
