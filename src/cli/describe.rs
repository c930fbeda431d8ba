use serde::Serialize;

use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::formats::moments;
use crate::model::{PhotoId, TimeSource};
use crate::workflows::{Saying, say};

/// Say something about photos: a caption, stars, when they were taken. `undo` takes it back
///
/// What a person says wins over every file and every machine. The photos' bytes are never changed; backups carry the
/// words in a file beside each photo.
#[derive(clap::Args, Debug)]
pub(super) struct DescribeArgs {
    /// Ids of photos, or their beginnings
    #[arg(required = true, value_name = "PHOTO")]
    photos: Vec<String>,
    /// A text below the picture; an empty one takes the file's own away
    #[arg(long, value_name = "TEXT")]
    caption: Option<String>,
    /// 0 to 5, or -1 for rejected
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i8).range(-1..=5))]
    stars: Option<i8>,
    /// When it was taken, by the clock on the wall there: 2014, 2014-08, 2014-08-03, 2014-08-03T14:22:33
    #[arg(long, value_name = "TIME")]
    taken_at: Option<String>,
}

/// What was said, and the numbers by which it can be taken back.
#[derive(Serialize)]
pub(super) struct DescribeReport {
    pub(super) photos: Vec<PhotoId>,
    pub(super) operations: Vec<i64>,
}

pub(super) fn run(app: &App, args: DescribeArgs) -> Result<Exit, Failure> {
    let DescribeArgs { photos, caption, stars, taken_at } = args;
    if caption.is_none() && stars.is_none() && taken_at.is_none() {
        return Err(Failure::Usage {
            message: "nothing was said about the photos".to_owned(),
            hint: "--caption TEXT, --stars N or --taken-at TIME".to_owned(),
        });
    }
    let taken_at = taken_at.map(|text| moment(&text)).transpose()?;
    let mut open = app.open()?;
    let photos: Vec<PhotoId> = photos.iter().map(|text| open.catalog.find_photo(text)).collect::<Result<_, _>>()?;
    let operations = say(&mut open, &photos, &Saying { caption, stars, taken_at }, &app.around)?;
    let operations = operations.into_iter().map(|operation| operation.0).collect();
    app.output.report(&DescribeReport { photos, operations }, Exit::Done)
}

fn moment(text: &str) -> Result<crate::model::CaptureTime, Failure> {
    let moment = moments::parse(text).ok_or_else(|| Failure::Usage {
        message: format!("“{text}” is no time"),
        hint: "write 2014-08-03T14:22:33, 2014-08-03, 2014-08 or 2014".to_owned(),
    })?;
    Ok(moment.said_by(TimeSource::Person))
}
