use jiff::civil::{Date, DateTime};

use super::Exit;
use super::app::App;
use super::explain::Failure;
use crate::catalog::{KindFilter, Query};
use crate::model::{Condition, Family, Kind};

/// Find photos by words in names, captions, tags, albums, folders and cameras
#[derive(clap::Args, Debug)]
pub(super) struct SearchArgs {
    /// All of these must be found; the last one may be the beginning of a word
    words: Vec<String>,
    #[command(flatten)]
    filters: Filters,
    /// Show photos that are the same picture with other metadata once, the best of them
    #[arg(long)]
    group: bool,
    /// Show at most this many
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
}

/// Which photos, whatever the words.
#[derive(clap::Args, Clone, Default, Debug)]
pub(super) struct Filters {
    /// In this album
    #[arg(long, value_name = "NAME")]
    album: Option<String>,
    /// With this person (nobody is known by name yet)
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// At this place (no place is known by name yet)
    #[arg(long, value_name = "NAME")]
    place: Option<String>,
    /// With this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Taken with this camera, or a part of its name
    #[arg(long, value_name = "NAME")]
    camera: Option<String>,
    /// Seen in this source, or a part of its path
    #[arg(long, value_name = "PATH")]
    source: Option<String>,
    /// photo, video, raw, or a format: jpeg, heic, png, mov, …
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// intact, truncated, damaged or preview-only
    #[arg(long, value_name = "CONDITION")]
    condition: Option<String>,
    /// Taken on this day or later: 2014, 2014-08, 2014-08-03
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Taken on this day or earlier
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
}

impl Filters {
    /// Only by the time they were taken.
    pub(super) fn between(from: Option<String>, to: Option<String>) -> Self {
        Self { from, to, ..Self::default() }
    }
}

pub(super) fn run(app: &App, args: SearchArgs) -> Result<Exit, Failure> {
    let query = Query { grouped: args.group, ..query(args.words, args.filters, args.limit)? };
    let report = app.open()?.catalog.search(&query)?;
    app.output.report(&report, Exit::Done)
}

/// Puts a query together out of what was typed.
pub(super) fn query(words: Vec<String>, filters: Filters, limit: usize) -> Result<Query, Failure> {
    let Filters { album, person, place, tag, camera, source, kind, condition, from, to } = filters;
    Ok(Query {
        words,
        album,
        person,
        place,
        tag,
        camera,
        source,
        kind: kind.as_deref().map(kind_filter).transpose()?,
        condition: condition.as_deref().map(parse_condition).transpose()?,
        from: from.as_deref().map(|text| day(text, Edge::First)).transpose()?,
        to: to.as_deref().map(|text| day(text, Edge::Last)).transpose()?,
        owner: None,
        grouped: false,
        limit,
    })
}

fn kind_filter(text: &str) -> Result<KindFilter, Failure> {
    match text.to_lowercase().as_str() {
        "photo" | "still" | "picture" => Ok(KindFilter::Family(Family::Still)),
        "video" | "movie" => Ok(KindFilter::Family(Family::Video)),
        "raw" => Ok(KindFilter::Raw),
        other => other.parse::<Kind>().map(KindFilter::Kind).map_err(|error| Failure::Usage {
            message: error.to_string(),
            hint: "photo, video, raw, or a format: jpeg, png, heic, cr2, mov, mp4, …".to_owned(),
        }),
    }
}

fn parse_condition(text: &str) -> Result<Condition, Failure> {
    Condition::ALL.into_iter().find(|condition| condition.as_str() == text).ok_or_else(|| Failure::Usage {
        message: format!("“{text}” is no condition of a photo"),
        hint: "intact, truncated, damaged or preview-only".to_owned(),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    First,
    Last,
}

/// A day, or the first or last day of a month or year.
fn day(text: &str, edge: Edge) -> Result<DateTime, Failure> {
    let wrong = || Failure::Usage {
        message: format!("“{text}” is no date"),
        hint: "write 2014-08-03, 2014-08 or 2014".to_owned(),
    };
    let numbers: Vec<i16> = text.split('-').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    let small = |number: i16| i8::try_from(number).map_err(|_| wrong());
    let (first, last) = match numbers.as_slice() {
        [year] => (Date::new(*year, 1, 1), Date::new(*year, 12, 31)),
        [year, month] => {
            let first = Date::new(*year, small(*month)?, 1);
            let last = first.clone().map(Date::last_of_month);
            (first, last)
        }
        [year, month, day] => {
            let date = Date::new(*year, small(*month)?, small(*day)?);
            (date.clone(), date)
        }
        _ => return Err(wrong()),
    };
    match edge {
        Edge::First => first.map(|date| date.at(0, 0, 0, 0)).map_err(|_| wrong()),
        Edge::Last => last.map(|date| date.at(23, 59, 59, 999_999_999)).map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_month_reaches_from_its_first_to_its_last_moment() {
        assert_eq!(day("2016-02", Edge::First).expect("a day"), date(2016, 2, 1).at(0, 0, 0, 0));
        assert_eq!(day("2016-02", Edge::Last).expect("a day").date(), date(2016, 2, 29));
        assert_eq!(day("2016", Edge::Last).expect("a day").date(), date(2016, 12, 31));
        for wrong in ["", "summer", "2016-13", "2016-02-30", "2016-02-03-04"] {
            assert!(day(wrong, Edge::First).is_err(), "{wrong}");
        }
    }
}
