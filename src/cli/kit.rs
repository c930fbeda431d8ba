use std::path::PathBuf;

use serde::Serialize;

use super::Exit;
use super::app::{App, absolute};
use super::explain::Failure;
use super::passphrase::kit_words;
use super::recover::open_kit;
use crate::recovery::{Kit, SealTo};
use crate::workflows::{KitVerified, create_kit, seal_to, verify_kit};

/// Make, read and test the recovery kit: with it and a network, nothing else is needed
#[derive(clap::Args, Debug)]
pub(super) struct KitArgs {
    #[command(subcommand)]
    command: KitCommand,
}

#[derive(clap::Subcommand, Debug)]
enum KitCommand {
    /// Write a kit, sealed to age or SSH recipients or with words
    Create {
        /// An age or SSH public key; may be given several times [default: as the archive's own kit is sealed]
        #[arg(long = "recipient", value_name = "R")]
        recipients: Vec<String>,
        /// Seal it with words of your own, which are asked for
        #[arg(long, conflicts_with = "recipients")]
        passphrase: bool,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print what is in a kit, its secrets too
    Show {
        /// The kit
        file: PathBuf,
        /// The age or SSH identity that opens it
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
    },
    /// Test that a kit opens, and that its repositories give photos back
    Verify {
        /// The kit
        file: PathBuf,
        /// The age or SSH identity that opens it
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
    },
}

#[derive(Serialize)]
pub(super) struct KitCreated {
    pub(super) kit: String,
    pub(super) repositories: usize,
}

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct KitShown(pub(super) Kit);

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct KitVerification(pub(super) KitVerified);

pub(super) fn run(app: &App, args: KitArgs) -> Result<Exit, Failure> {
    match args.command {
        KitCommand::Create { recipients, passphrase, out } => {
            let mut open = app.open()?;
            let to = match (recipients.is_empty(), passphrase) {
                (false, _) => SealTo::Recipients(recipients),
                (true, true) => SealTo::Passphrase(kit_words(app)?),
                (true, false) => seal_to(&open)?,
            };
            let out = absolute(&out);
            create_kit(&mut open, &to, &out, &app.around)?;
            let repositories = open.archive.settings.repositories.len();
            app.output.report(&KitCreated { kit: out.display().to_string(), repositories }, Exit::Done)
        }
        KitCommand::Show { file, identity } => {
            let (kit, _) = open_kit(app, &file, identity.as_deref())?;
            app.output.report(&KitShown(kit), Exit::Done)
        }
        KitCommand::Verify { file, identity } => {
            let (kit, _) = open_kit(app, &file, identity.as_deref())?;
            let talk = app.talk();
            let verified = verify_kit(&kit, &app.around, &talk)?;
            drop(talk);
            let exit = if verified.is_good() { Exit::Done } else { Exit::Unproven };
            app.output.report(&KitVerification(verified), exit)
        }
    }
}
