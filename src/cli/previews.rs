use std::io;

use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::workflows::{decode_heic, previews};

/// Make the small pictures that are missing, or tell where those of some photos are
///
/// Previews can be made again at any time: the folder with them may be deleted, and is not backed up.
#[derive(clap::Args, Debug)]
pub(super) struct PreviewsArgs {
    /// Only these; their files are printed
    #[arg(value_name = "PHOTO")]
    photos: Vec<String>,
    /// Make those anew that are there
    #[arg(long)]
    again: bool,
}

pub(super) fn run(app: &App, args: PreviewsArgs) -> Result<Exit, Failure> {
    let PreviewsArgs { photos, again } = args;
    let open = app.open()?;
    let photos = photos.iter().map(|photo| open.catalog.find_photo(photo)).collect::<Result<Vec<_>, _>>()?;
    let talk = app.talk();
    let report = previews(&open, &photos, again, &app.around, &talk)?;
    drop(talk);
    let exit = match (report.complete, report.problems.is_empty()) {
        (false, _) => Exit::Interrupted,
        (true, false) => Exit::Problems,
        (true, true) => Exit::Done,
    };
    app.output.report(&report, exit)
}

/// Decode the HEIC at standard input for the program that started this one
#[derive(clap::Args, Debug)]
pub(super) struct DecodeHeicArgs {}

pub(super) fn decode(_app: &App, _args: DecodeHeicArgs) -> Result<Exit, Failure> {
    let cannot = |cause| Failure::Input { what: "the HEIC".to_owned(), cause };
    decode_heic(&mut io::stdin().lock(), &mut io::stdout().lock()).map_err(cannot)?;
    Ok(Exit::Done)
}
