use super::Exit;
use super::app::App;
use super::explain::Failure;

/// Show all that is known of one photo: facts, where it was seen, its copies and their proofs
#[derive(clap::Args, Debug)]
pub(super) struct ShowArgs {
    /// The photo's id, the beginning of it, or the beginning of its object's hash
    photo: String,
}

pub(super) fn run(app: &App, args: ShowArgs) -> Result<Exit, Failure> {
    let open = app.open()?;
    let id = open.catalog.find_photo(&args.photo)?;
    let mut report = open.catalog.photo(&id)?;
    let repositories = &open.archive.settings.repositories;
    for proof in &mut report.proofs {
        if let Some(known) = repositories.iter().find(|one| one.id.as_ref() == Some(&proof.repository)) {
            proof.repository = known.name.to_string();
        }
    }
    app.output.report(&report, Exit::Done)
}
