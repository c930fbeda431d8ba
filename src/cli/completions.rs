use std::io;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::app::App;
use super::explain::Failure;
use super::{Arguments, Exit};

/// Print completions for a shell
#[derive(clap::Args, Debug)]
pub(super) struct CompletionsArgs {
    shell: Shell,
}

/// Write the manual pages into a folder
#[derive(clap::Args, Debug)]
pub(super) struct ManArgs {
    dir: PathBuf,
}

pub(super) fn completions(_app: &App, args: CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "keepsake", &mut script);
    io::Write::write_all(&mut io::stdout().lock(), &script).map_err(Failure::Output)?;
    Ok(Exit::Done)
}

pub(super) fn man(_app: &App, args: ManArgs) -> Result<Exit, Failure> {
    std::fs::create_dir_all(&args.dir).map_err(Failure::Output)?;
    clap_mangen::generate_to(Arguments::command(), &args.dir).map_err(Failure::Output)?;
    Ok(Exit::Done)
}
