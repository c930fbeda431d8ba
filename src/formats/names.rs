//! Times in the names of files and folders: what phones, programs and people put there.
//!
//! Only whole runs of digits count, so that `IMG_1234`, `1920x1080` and telephone numbers are no dates.

mod months;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::formats::moments::{Moment, civil_date, civil_time};
use crate::model::{Certainty, UtcOffset};

/// Years that a picture can have been taken in, or digitised with a date on it.
const YEARS: std::ops::RangeInclusive<u32> = 1850..=2099;

/// Finds the time in a file's name: the most exact one, and of those the first.
///
/// A name that counts milliseconds (`FB_IMG_1510000000000`) gives the moment at which a program saved the file: a
/// guess. `PXL_…` names are UTC: their wall clock is given as UTC with the offset +00:00.
pub fn in_file_name(name: &[u8]) -> Option<Moment> {
    let runs = runs(name);
    let mut best: Option<Moment> = None;
    for at in 0..runs.len() {
        let rest = runs.get(at..).unwrap_or_default();
        let found =
            compact(rest).or_else(|| separated(rest)).or_else(|| day_first(rest)).or_else(|| milliseconds(rest));
        if let Some(found) = found.filter(|found| best.is_none_or(|best| found.certainty > best.certainty)) {
            best = Some(found);
        }
    }
    if name.starts_with(b"PXL_") {
        best = best.map(|moment| Moment { offset: UtcOffset::from_minutes(0), ..moment });
    }
    best
}

/// Finds the date in a folder's name: `2014-08-03 Lisbon`, `2014_08`, `03.08.2014`, `August 2014`, `Lisbon 2014`.
pub fn in_folder_name(name: &[u8]) -> Option<Moment> {
    let runs = runs(name);
    let tails = || (0..runs.len()).filter_map(|at| runs.get(at..));
    let day = tails().find_map(|rest| {
        compact(rest).or_else(|| separated(rest)).or_else(|| day_first(rest)).map(|moment| moment.local.date())
    });
    if let Some(day) = day {
        return Some(known_to(Certainty::Day, day));
    }
    let month = tails().find_map(year_and_month).or_else(|| months::in_words(&String::from_utf8_lossy(name)));
    month.or_else(|| lone_year(&runs).and_then(|year| Some(known_to(Certainty::Year, civil_date(year, 1, 1)?))))
}

/// Reads folders inside each other, `2014/08/03` or `2014/08 August`: the year is the upper one's whole name, the
/// month begins the next, the day is the whole name of the last.
pub fn in_nested_folders(names: &[&[u8]]) -> Option<Moment> {
    let (position, year) = names.iter().enumerate().rev().find_map(|(at, name)| Some((at, whole_year(name)?)))?;
    let month = names.get(position + 1).and_then(|name| leading_pair(name)).filter(|month| (1..=12).contains(month))?;
    let day = names.get(position + 2).and_then(|name| leading_pair(name)).and_then(|day| civil_date(year, month, day));
    match day {
        Some(day) => Some(known_to(Certainty::Day, day)),
        None => Some(known_to(Certainty::Month, civil_date(year, month, 1)?)),
    }
}

fn known_to(certainty: Certainty, date: Date) -> Moment {
    Moment { local: date.at(0, 0, 0, 0), offset: None, certainty }
}

fn exact(local: DateTime) -> Moment {
    Moment { local, offset: None, certainty: Certainty::Exact }
}

/// A run of digits with what stands between it and its neighbours.
#[derive(Clone, Copy, Debug)]
struct Run<'a> {
    before: &'a [u8],
    digits: &'a [u8],
    after: &'a [u8],
}

impl Run<'_> {
    fn number(&self) -> Option<u32> {
        number(self.digits)
    }

    /// Whether no letter touches it.
    fn stands_alone(&self) -> bool {
        let apart = |byte: Option<&u8>| !byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        apart(self.before.last()) && apart(self.after.first())
    }
}

fn runs(name: &[u8]) -> Vec<Run<'_>> {
    let mut found = Vec::new();
    let mut rest = name;
    let mut before_end = 0;
    let mut position = 0;
    while let Some(start) = rest.iter().position(u8::is_ascii_digit) {
        let length = rest.iter().skip(start).take_while(|byte| byte.is_ascii_digit()).count();
        let (from, to) = (position + start, position + start + length);
        let tail = name.get(to..).unwrap_or_default();
        let gap = tail.iter().position(u8::is_ascii_digit).unwrap_or(tail.len());
        found.push(Run {
            before: name.get(before_end..from).unwrap_or_default(),
            digits: name.get(from..to).unwrap_or_default(),
            after: tail.get(..gap).unwrap_or_default(),
        });
        before_end = to;
        position = to;
        rest = tail;
    }
    found
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// `20140803_142233`, `20140803142233`, `20140803_14_22_33`, `20140803-WA0001`.
fn compact(runs: &[Run<'_>]) -> Option<Moment> {
    let first = runs.first()?;
    let date = eight(first.digits.get(..8)?)?;
    match first.digits.get(8..)? {
        // 1,000,000 chances of a time against one: 14 digits, or 17 with milliseconds.
        rest @ ([_, _, _, _, _, _] | [_, _, _, _, _, _, _, _, _]) => Some(exact(date.to_datetime(clock(rest)?))),
        [] => {
            let close = matches!(first.after, b"_" | b"-" | b" " | b"T" | b"." | b"__");
            let time = runs.get(1..).filter(|_| close).and_then(separated_time);
            Some(time.map_or(known_to(Certainty::Day, date), |time| exact(date.to_datetime(time))))
        }
        _ => None,
    }
}

/// `2014-08-03`, and a time after it: `14.22.33`, `at 10.11.12 PM`, `142233`.
fn separated(runs: &[Run<'_>]) -> Option<Moment> {
    let [year, month, day, time @ ..] = runs else { return None };
    let same = year.after == month.after && matches!(year.after, b"-" | b"_" | b"." | b":");
    if !same || year.digits.len() != 4 || month.digits.len() > 2 || day.digits.len() > 2 {
        return None;
    }
    let date = dated(year.number()?, month.number()?, day.number()?)?;
    let close = matches!(day.after, b" " | b"_" | b"-" | b"T" | b", " | b" at " | b"_at_" | b"." | b" - ");
    let time = time.first().filter(|_| close).and_then(|_| separated_time(time));
    Some(time.map_or(known_to(Certainty::Day, date), |time| exact(date.to_datetime(time))))
}

fn separated_time(runs: &[Run<'_>]) -> Option<jiff::civil::Time> {
    let first = runs.first()?;
    if matches!(first.digits.len(), 6 | 9) {
        return clock(first.digits);
    }
    let (hour, minute) = (first, runs.get(1)?);
    let pair = first.digits.len() <= 2 && minute.digits.len() == 2;
    if !pair || !matches!(first.after, b"." | b"-" | b"_" | b":" | b"h") {
        return None;
    }
    let goes_on = minute.after == first.after || (first.after == b"h" && minute.after == b"m");
    let second = runs.get(2).filter(|second| goes_on && second.digits.len() == 2);
    let (last, second) = match second {
        Some(run) => (run, run.number()?),
        // Two numbers alone are a time only where they are written like one.
        None if matches!(first.after, b"." | b":" | b"h") => (minute, 0),
        None => return None,
    };
    civil_time(twelve_hours(hour.number()?, last.after)?, minute.number()?, second)
}

/// Applies an AM or PM that follows; a narrow no-break space may stand between (macOS).
fn twelve_hours(hour: u32, after: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(after).trim_start().to_ascii_lowercase();
    match (text.get(..2), hour) {
        (Some("am"), 12) => Some(0),
        (Some("am"), 1..=11) => Some(hour),
        (Some("pm"), 12) => Some(12),
        (Some("pm"), 1..=11) => Some(hour + 12),
        (Some("am" | "pm"), _) => None,
        _ => Some(hour),
    }
}

/// `03.08.2014`: with points the day stands first everywhere.
fn day_first(runs: &[Run<'_>]) -> Option<Moment> {
    let [day, month, year, ..] = runs else { return None };
    let dots = day.after == b"." && month.after == b".";
    if !dots || year.digits.len() != 4 || month.digits.len() > 2 || day.digits.len() > 2 {
        return None;
    }
    Some(known_to(Certainty::Day, dated(year.number()?, month.number()?, day.number()?)?))
}

/// Thirteen digits that count the milliseconds since 1970, from 2001-09 to 2033-05.
fn milliseconds(runs: &[Run<'_>]) -> Option<Moment> {
    let run = runs.first().filter(|run| run.digits.len() == 13 && run.digits.starts_with(b"1"))?;
    let saved = Timestamp::from_millisecond(std::str::from_utf8(run.digits).ok()?.parse().ok()?).ok()?;
    let local = TimeZone::UTC.to_datetime(saved);
    Some(Moment { local, offset: UtcOffset::from_minutes(0), certainty: Certainty::Guess })
}

/// `2014-08 Lisbon`, `2014_08`, `201408__` (Apple).
fn year_and_month(runs: &[Run<'_>]) -> Option<Moment> {
    let first = runs.first()?;
    let (year, month) = match (first.digits, runs.get(1)) {
        (digits, _) if digits.len() == 6 && first.stands_alone() => {
            (number(digits.get(..4)?)?, number(digits.get(4..)?)?)
        }
        (digits, Some(second))
            if digits.len() == 4
                && second.digits.len() == 2
                && matches!(first.after, b"-" | b"_" | b"." | b" - ")
                && !second.after.first().is_some_and(u8::is_ascii_alphabetic) =>
        {
            (first.number()?, second.number()?)
        }
        _ => return None,
    };
    Some(known_to(Certainty::Month, dated(year, month, 1)?))
}

/// A year that stands alone, and the only one: `2010-2014` says nothing exact enough, `1920 px` is no year.
fn lone_year(runs: &[Run<'_>]) -> Option<u32> {
    let year_of = |run: &Run<'_>| {
        let pixels = run.after.trim_ascii_start().starts_with(b"px") || run.after.trim_ascii_start().starts_with(b"x");
        let year = run.number().filter(|year| YEARS.contains(year) && run.digits.len() == 4)?;
        (run.stands_alone() && !pixels).then_some(year)
    };
    let mut years = runs.iter().filter_map(year_of);
    let year = years.next()?;
    let season = runs.windows(2).any(|pair| match pair {
        [first, second] => year_of(first).is_some() && first.after == b"-" && second.digits.len() == 2,
        _ => false,
    });
    (years.all(|other| other == year) && !season).then_some(year)
}

fn whole_year(name: &[u8]) -> Option<u32> {
    let whole = name.len() == 4 && name.iter().all(u8::is_ascii_digit);
    number(name).filter(|year| whole && YEARS.contains(year))
}

fn leading_pair(name: &[u8]) -> Option<u32> {
    let (pair, rest) = name.split_first_chunk::<2>()?;
    let ends = !rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':'));
    (ends && pair.iter().all(u8::is_ascii_digit)).then(|| number(pair)).flatten()
}

fn eight(digits: &[u8]) -> Option<Date> {
    dated(number(digits.get(..4)?)?, number(digits.get(4..6)?)?, number(digits.get(6..8)?)?)
}

fn dated(year: u32, month: u32, day: u32) -> Option<Date> {
    YEARS.contains(&year).then(|| civil_date(year, month, day)).flatten()
}

fn clock(digits: &[u8]) -> Option<jiff::civil::Time> {
    civil_time(number(digits.get(..2)?)?, number(digits.get(2..4)?)?, number(digits.get(4..6)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn phones_and_cameras_name_their_files_by_the_moment() {
        let taken = date(2014, 8, 3).at(14, 22, 33, 0);
        for name in [
            "IMG_20140803_142233.jpg",
            "20140803_142233.jpg",
            "20140803_142233(0).jpg",
            "20140803_142233~2.jpg",
            "20140803_142233_HDR.jpg",
            "IMG20140803142233.jpg",
            "20140803142233.mp4",
            "IMG_20140803_142233123.jpg",
            "MVIMG_20140803_142233.jpg",
            "VID_20140803_142233.mp4",
            "Screenshot_2014-08-03-14-22-33.png",
            "Screenshot_2014-08-03-14-22-33-123_com.whatsapp.png",
            "Screenshot_20140803-142233_WhatsApp.jpg",
            "Screenshot 2014-08-03 at 14.22.33.png",
            "Screen Shot 2014-08-03 at 2.22.33 PM.png",
            "Screenshot 2014-08-03 at 2.22.33\u{202f}PM.png",
            "WhatsApp Image 2014-08-03 at 14.22.33.jpeg",
            "2014-08-03 14.22.33.jpg",
            "2014-08-03 14.22.33-1.jpg",
            "2014_08_03_14_22_33.jpg",
            "2014-08-03T14:22:33.jpg",
            "signal-2014-08-03-142233.jpg",
            "signal-2014-08-03-14-22-33-123.jpg",
            "2014-08-03 14h22m33s.jpg",
            "WP_20140803_14_22_33_Pro.jpg",
            "Photo 03.08.2014 and 20140803_142233.jpg",
        ] {
            assert_eq!(in_file_name(name.as_bytes()), Some(exact(taken)), "{name}");
        }
    }

    #[test]
    fn a_pixel_counts_in_utc() {
        let moment = in_file_name(b"PXL_20210101_123456789.jpg").expect("a time");
        assert_eq!((moment.local, moment.offset), (date(2021, 1, 1).at(12, 34, 56, 0), UtcOffset::from_minutes(0)));
    }

    #[test]
    fn a_name_with_a_day_says_no_more_than_the_day() {
        for name in [
            "IMG-20160101-WA0001.jpg",
            "VID-20160101-WA0001.mp4",
            "2016-01-01.jpg",
            "20160101.jpg",
            "01.01.2016 Oma.jpg",
            "2016-01-01 10-12.jpg",
            "IMG_20160101_999999.jpg",
        ] {
            assert_eq!(in_file_name(name.as_bytes()), Some(known_to(Certainty::Day, date(2016, 1, 1))), "{name}");
        }
    }

    #[test]
    fn the_moment_of_saving_is_a_guess() {
        let moment = in_file_name(b"FB_IMG_1510000000000.jpg").expect("a time");
        assert_eq!((moment.local, moment.certainty), (date(2017, 11, 6).at(20, 26, 40, 0), Certainty::Guess));
    }

    #[test]
    fn numbers_that_are_no_dates_are_left_alone() {
        for name in [
            "IMG_1234.jpg",
            "DSC_2014.jpg",
            "20201 px.jpg",
            "1920x1080.png",
            "wallpaper-1920x1080-20.jpg",
            "+49 170 1234567.jpg",
            "004917012345678.jpg",
            "2014.jpg",
            "IMG_20141399_142233.jpg",
            "99999999999999.jpg",
            "3000000000000.jpg",
            "P1010023.JPG",
            "DSC00815.JPG",
            "",
            "....",
        ] {
            assert_eq!(in_file_name(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn folders_say_a_day_a_month_or_a_year() {
        let day = |name| (name, Certainty::Day, date(2014, 8, 3));
        let month = |name| (name, Certainty::Month, date(2014, 8, 1));
        let year = |name| (name, Certainty::Year, date(2014, 1, 1));
        for (name, certainty, first) in [
            day("2014-08-03"),
            day("2014-08-03 Lisbon"),
            day("Lisbon 2014_08_03"),
            day("20140803"),
            day("03.08.2014"),
            day("3.8.2014 Oma"),
            day("3. August 2014"),
            day("August 3, 2014"),
            day("Lisbon, 3 August 2014"),
            month("2014-08 Lisbon"),
            month("2014_08"),
            month("201408__"),
            month("August 2014"),
            month("2014 August"),
            month("Aug 2014"),
            month("août 2014"),
            year("2014"),
            year("Photos from 2014"),
            year("Lisbon 2014"),
            year("2014 Summer"),
        ] {
            assert_eq!(in_folder_name(name.as_bytes()), Some(known_to(certainty, first)), "{name}");
        }
        for name in ["100CANON", "DCIM", "1920x1080", "1920 px", "2010-2014", "2013-14", "Camera", "IMG_1234", "May"] {
            assert_eq!(in_folder_name(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn folders_inside_each_other_are_read_together() {
        let nested = |path: &str| in_nested_folders(&path.split('/').map(str::as_bytes).collect::<Vec<_>>());
        assert_eq!(nested("Photos/2014/08/03"), Some(known_to(Certainty::Day, date(2014, 8, 3))));
        assert_eq!(nested("2014/08 August"), Some(known_to(Certainty::Month, date(2014, 8, 1))));
        assert_eq!(nested("2014/08/Lisbon"), Some(known_to(Certainty::Month, date(2014, 8, 1))));
        for path in ["2014", "2014/Lisbon", "08/03", "2014/13", "2014/100CANON", ""] {
            assert_eq!(nested(path), None, "{path}");
        }
    }
}
