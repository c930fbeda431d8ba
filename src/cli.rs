//! The command line: one file per command, arguments in, text or JSON out.

#![allow(clippy::needless_pass_by_value, reason = "a command takes its arguments, whatever it needs of them")]

mod album;
mod app;
mod backup;
mod check;
mod completions;
mod deletion;
mod describe;
mod drill;
mod environment;
mod exit;
mod explain;
mod fault;
mod ingest;
mod init;
mod interrupt;
mod kit;
mod output;
mod passphrase;
mod previews;
mod progress;
mod recover;
mod repo;
mod rescue;
mod restore;
mod runs;
mod search;
mod show;
mod snapshots;
mod status;
mod told;
mod triage;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub use exit::Exit;

use app::App;

/// Takes photos off old drives, keeps every byte once, backs them up, and proves that they come back
#[derive(Parser, Debug)]
#[command(name = "keepsake", version, max_term_width = 100, disable_help_subcommand = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
A person in a hurry needs one command:
  keepsake rescue /media/old-drive --archive ~/photos --backup-to /mnt/other-drive/keepsake

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished with problems that are listed,
4 data is missing, altered or unproven, 10 no such archive or repository, 11 busy,
12 the key or password does not open it, 130 interrupted";

/// What every command understands.
#[derive(clap::Args, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch that a person can set")]
#[allow(clippy::doc_markdown, reason = "shown as help")]
struct Global {
    /// The archive [default: $KEEPSAKE_ARCHIVE, else the nearest folder above this one that is an archive]
    #[arg(long, global = true, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Show every problem while it happens, not only the first
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Draw no progress bars
    #[arg(long, global = true)]
    no_progress: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    /// Wait for another run to finish instead of giving up
    #[arg(long, global = true)]
    wait: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
enum Command {
    Rescue(rescue::RescueArgs),
    Init(init::InitArgs),
    Ingest(ingest::IngestArgs),
    Sources(runs::SourcesArgs),
    Runs(runs::RunsArgs),
    Problems(runs::ProblemsArgs),
    Search(search::SearchArgs),
    Show(show::ShowArgs),
    Album(album::AlbumArgs),
    Describe(describe::DescribeArgs),
    Delete(deletion::DeleteArgs),
    Trash(deletion::TrashArgs),
    Undo(deletion::UndoArgs),
    Repo(repo::RepoArgs),
    Backup(backup::BackupArgs),
    Snapshots(snapshots::SnapshotsArgs),
    Check(check::CheckArgs),
    Drill(drill::DrillArgs),
    Restore(restore::RestoreArgs),
    Recover(recover::RecoverArgs),
    Kit(kit::KitArgs),
    Status(status::StatusArgs),
    Previews(previews::PreviewsArgs),
    #[command(hide = true, name = crate::workflows::HEIC_DECODER)]
    DecodeHeic(previews::DecodeHeicArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

/// Parses the arguments, does what they say, prints the result, and tells how it ended.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error, std::env::args_os().any(|argument| argument == "--json")),
    };
    let Arguments { global, command } = arguments;
    let app = App::new(global);
    let result = fault::caught(|| match command {
        Command::Rescue(args) => rescue::run(&app, args),
        Command::Init(args) => init::run(&app, args),
        Command::Ingest(args) => ingest::run(&app, args),
        Command::Sources(args) => runs::sources(&app, args),
        Command::Runs(args) => runs::runs(&app, args),
        Command::Problems(args) => runs::problems(&app, args),
        Command::Search(args) => search::run(&app, args),
        Command::Show(args) => show::run(&app, args),
        Command::Album(args) => album::run(&app, args),
        Command::Describe(args) => describe::run(&app, args),
        Command::Delete(args) => deletion::delete(&app, args),
        Command::Trash(args) => deletion::trash(&app, args),
        Command::Undo(args) => deletion::undo(&app, args),
        Command::Repo(args) => repo::run(&app, args),
        Command::Backup(args) => backup::run(&app, args),
        Command::Snapshots(args) => snapshots::run(&app, args),
        Command::Check(args) => check::run(&app, args),
        Command::Drill(args) => drill::run(&app, args),
        Command::Restore(args) => restore::run(&app, args),
        Command::Recover(args) => recover::run(&app, args),
        Command::Kit(args) => kit::run(&app, args),
        Command::Status(args) => status::run(&app, args),
        Command::Previews(args) => previews::run(&app, args),
        Command::DecodeHeic(args) => previews::decode(&app, args),
        Command::Completions(args) => completions::completions(&app, args),
        Command::Man(args) => completions::man(&app, args),
    });
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => app.output.failure(&failure).into(),
    }
}
