//! When a photo was taken: many statements, one answer, and what the answer is worth.

use std::fmt;

use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

/// Minutes east of UTC, inside a day either way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "i16", into = "i16")]
pub struct UtcOffset(i16);

impl UtcOffset {
    /// Takes minutes; `None` outside ±15 h, which no zone of the earth has ever had.
    pub fn from_minutes(minutes: i16) -> Option<Self> {
        (-900..=900).contains(&minutes).then_some(Self(minutes))
    }

    /// Minutes east of UTC.
    pub fn minutes(self) -> i16 {
        self.0
    }

    /// The zone in which a clock on the wall shows `local` while it is `utc`, give or take some seconds: the difference
    /// must be near a whole number of quarters of an hour, at most 14 hours. `None` where it is no zone's.
    pub fn between(utc: DateTime, local: DateTime, slack_seconds: i64) -> Option<Self> {
        let seconds = utc.duration_until(local).as_secs();
        let quarters = seconds.saturating_add(QUARTER / 2).div_euclid(QUARTER);
        let apart = seconds.saturating_sub(quarters.saturating_mul(QUARTER)).abs();
        let minutes = i16::try_from(quarters.saturating_mul(15)).ok()?;
        let is_zone = apart <= slack_seconds && (-14 * 60..=14 * 60).contains(&minutes);
        Self::from_minutes(minutes).filter(|_| is_zone)
    }
}

/// Seconds: all zones of today stand on quarters of an hour.
const QUARTER: i64 = 15 * 60;

impl TryFrom<i16> for UtcOffset {
    type Error = &'static str;

    fn try_from(minutes: i16) -> Result<Self, Self::Error> {
        Self::from_minutes(minutes).ok_or("no zone is that far from UTC")
    }
}

impl From<UtcOffset> for i16 {
    fn from(offset: UtcOffset) -> Self {
        offset.0
    }
}

/// Writes `+02:00`.
impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let minutes = self.0.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// Who says when a photo was taken. The order is the ladder: an earlier source is believed before a later one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// A person corrected it.
    Person,
    /// The camera, in EXIF, in its maker's own data or in what its maker wrote before there was EXIF.
    Exif,
    /// XMP, inside the file or in a sidecar.
    Xmp,
    /// IPTC.
    Iptc,
    /// The container itself: a movie header, Apple's creation date, a PNG's time of creation, a camcorder's stream.
    Quicktime,
    /// The name of the file: `IMG_20140803_142233.jpg`.
    FileName,
    /// EXIF's `DateTime` or a PNG's `tIME`, when the picture was last written: by the camera, or by the program that
    /// edited it last.
    ExifModified,
    /// The name of a folder: `2014-08 Lisbon`.
    FolderName,
    /// The time at which the file was last written.
    Modified,
}

impl TimeSource {
    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Exif => "exif",
            Self::Xmp => "xmp",
            Self::Iptc => "iptc",
            Self::Quicktime => "quicktime",
            Self::FileName => "file-name",
            Self::ExifModified => "exif-modified",
            Self::FolderName => "folder-name",
            Self::Modified => "modified",
        }
    }
}

/// How much of a time is known. What is not known stands at its first value: the day 1, the hour 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// A guess: the time at which some computer wrote the file.
    Guess,
    /// The year.
    Year,
    /// The month.
    Month,
    /// The day.
    Day,
    /// The moment, as the camera's clock had it.
    Exact,
}

impl Certainty {
    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guess => "guess",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Exact => "exact",
        }
    }
}

/// One statement about when a photo was taken, unjudged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimeCandidate {
    /// The clock on the wall where it was taken.
    pub local: DateTime,
    /// How far that clock was from UTC, where somebody said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offset: Option<UtcOffset>,
    /// Who says so.
    pub source: TimeSource,
    /// How much of it is known.
    pub certainty: Certainty,
}

/// The answer: the statement that is believed.
pub type CaptureTime = TimeCandidate;

/// Chooses the statement to believe: the first rung of the ladder that is not a clock's reset value and not later
/// than `latest`; on one rung the more certain, then the earlier in `candidates`.
///
/// `None` when nothing can be believed: better undated than wrongly dated. `latest` is the moment the run began (plus
/// whatever slack the caller gives to clocks that run ahead).
pub fn choose_capture_time(candidates: &[TimeCandidate], latest: DateTime) -> Option<CaptureTime> {
    let believable = || candidates.iter().filter(|candidate| !is_clock_reset(candidate) && candidate.local <= latest);
    let chosen = believable().min_by_key(|candidate| (candidate.source, std::cmp::Reverse(candidate.certainty)))?;
    Some(on_the_wall(chosen, believable()).unwrap_or_else(|| chosen.clone()))
}

/// A movie header counts in UTC, and the phone wrote the clock on the wall into the name: where both tell of one moment,
/// the name is the better answer, and the difference is the zone.
fn on_the_wall<'a>(
    chosen: &TimeCandidate,
    mut candidates: impl Iterator<Item = &'a TimeCandidate>,
) -> Option<CaptureTime> {
    if chosen.source != TimeSource::Quicktime || chosen.offset.is_none_or(|offset| offset.minutes() != 0) {
        return None;
    }
    candidates.find_map(|name| {
        if name.source != TimeSource::FileName || name.certainty != Certainty::Exact || name.offset.is_some() {
            return None;
        }
        // A long film is named after its beginning and stamped at its end.
        let offset = UtcOffset::between(chosen.local, name.local, SLACK)?;
        Some(TimeCandidate { offset: Some(offset), ..name.clone() })
    })
}

/// Seconds between the moment in a film's name and the one in its header.
const SLACK: i64 = 120;

/// Whether a time is what a clock shows after its battery died, or what a program writes for “unknown”.
///
/// The whole first day of each epoch counts (cameras run on from it while the zone shifts it): 1904 (QuickTime), 1970
/// (Unix), 1980 (FAT), 2000 (many cameras' own start). A name that a person or a phone gave is believed.
fn is_clock_reset(candidate: &TimeCandidate) -> bool {
    match candidate.source {
        TimeSource::Person | TimeSource::FolderName => return false,
        TimeSource::Exif
        | TimeSource::Xmp
        | TimeSource::Iptc
        | TimeSource::Quicktime
        | TimeSource::FileName
        | TimeSource::ExifModified
        | TimeSource::Modified => {}
    }
    let date = candidate.local.date();
    if date.year() < 1900 {
        return true;
    }
    RESET_DATES.iter().any(|(year, month, day)| {
        let reset = Date::constant(*year, *month, *day);
        date == reset || reset.yesterday().is_ok_and(|eve| date == eve && *year != 2000)
    })
}

const RESET_DATES: [(i16, i8, i8); 4] = [(1904, 1, 1), (1970, 1, 1), (1980, 1, 1), (2000, 1, 1)];

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn said(source: TimeSource, local: DateTime) -> TimeCandidate {
        TimeCandidate { local, offset: None, source, certainty: Certainty::Exact }
    }

    #[test]
    fn the_camera_is_believed_before_the_name_and_the_name_before_the_computer() {
        let candidates = [
            said(TimeSource::Modified, date(2019, 1, 1).at(1, 0, 0, 0)),
            said(TimeSource::FileName, date(2014, 8, 3).at(14, 22, 33, 0)),
            said(TimeSource::Exif, date(2014, 8, 3).at(14, 22, 30, 0)),
        ];
        let chosen = choose_capture_time(&candidates, date(2026, 1, 1).at(0, 0, 0, 0)).expect("one is believed");
        assert_eq!(chosen.source, TimeSource::Exif);
    }

    #[test]
    fn the_time_of_an_edit_is_believed_only_where_nobody_says_when_it_was_taken() {
        let edited = said(TimeSource::ExifModified, date(2008, 7, 31).at(10, 50, 0, 0));
        let latest = date(2026, 1, 1).at(0, 0, 0, 0);
        for source in [TimeSource::Xmp, TimeSource::Iptc, TimeSource::FileName] {
            let candidates = [edited.clone(), said(source, date(2003, 8, 31).at(0, 0, 0, 0))];
            let chosen = choose_capture_time(&candidates, latest).expect("one is believed");
            assert_eq!(chosen.source, source);
        }
        let folder = said(TimeSource::FolderName, date(2003, 1, 1).at(0, 0, 0, 0));
        let chosen = choose_capture_time(&[folder, edited], latest).expect("one is believed");
        assert_eq!(chosen.source, TimeSource::ExifModified);
    }

    #[test]
    fn a_clock_that_was_reset_is_not_believed() {
        for reset in [date(1970, 1, 1), date(1980, 1, 1), date(2000, 1, 1), date(1904, 1, 1), date(1969, 12, 31)] {
            let candidates = [
                said(TimeSource::Exif, reset.at(0, 3, 12, 0)),
                said(TimeSource::FileName, date(2005, 7, 9).at(9, 0, 0, 0)),
            ];
            let chosen =
                choose_capture_time(&candidates, date(2026, 1, 1).at(0, 0, 0, 0)).expect("the name is believed");
            assert_eq!(chosen.source, TimeSource::FileName, "{reset}");
        }
    }

    #[test]
    fn a_party_on_the_last_night_of_1999_keeps_its_date() {
        let candidates = [said(TimeSource::Exif, date(1999, 12, 31).at(23, 50, 0, 0))];
        assert!(choose_capture_time(&candidates, date(2026, 1, 1).at(0, 0, 0, 0)).is_some());
    }

    #[test]
    fn a_film_named_by_the_clock_on_the_wall_tells_its_zone() {
        let utc = UtcOffset::from_minutes(0);
        let header = TimeCandidate { offset: utc, ..said(TimeSource::Quicktime, date(2018, 7, 21).at(16, 45, 12, 0)) };
        let latest = date(2026, 1, 1).at(0, 0, 0, 0);
        let name = said(TimeSource::FileName, date(2018, 7, 21).at(18, 45, 10, 0));
        let chosen = choose_capture_time(&[header.clone(), name.clone()], latest).expect("one is believed");
        assert_eq!((chosen.local, chosen.offset.map(UtcOffset::minutes)), (name.local, Some(120)));
        let other_day = said(TimeSource::FileName, date(2018, 7, 23).at(18, 45, 10, 0));
        assert_eq!(choose_capture_time(&[header.clone(), other_day], latest), Some(header));
    }

    #[test]
    fn a_zone_is_a_whole_number_of_quarters_of_an_hour_within_fourteen_hours() {
        let utc = date(2014, 8, 3).at(12, 0, 0, 0);
        let zone = |local| UtcOffset::between(utc, local, 60).map(UtcOffset::minutes);
        assert_eq!(zone(date(2014, 8, 3).at(14, 0, 40, 0)), Some(120));
        assert_eq!(zone(date(2014, 8, 3).at(17, 44, 30, 0)), Some(345));
        assert_eq!(zone(date(2014, 8, 2).at(22, 0, 0, 0)), Some(-840));
        assert_eq!(zone(date(2014, 8, 3).at(14, 5, 0, 0)), None);
        assert_eq!(zone(date(2014, 8, 4).at(3, 0, 0, 0)), None);
        assert_eq!(UtcOffset::between(DateTime::MIN, DateTime::MAX, i64::MAX), None);
    }

    #[test]
    fn the_future_is_not_believed() {
        let candidates = [said(TimeSource::Exif, date(2038, 1, 19).at(3, 14, 7, 0))];
        assert_eq!(choose_capture_time(&candidates, date(2026, 1, 1).at(0, 0, 0, 0)), None);
    }

    #[test]
    fn an_offset_is_written_as_exif_writes_it() {
        let offset = |minutes| UtcOffset::from_minutes(minutes).expect("a zone").to_string();
        assert_eq!(offset(120), "+02:00");
        assert_eq!(offset(-210), "-03:30");
        assert!(UtcOffset::from_minutes(2000).is_none());
    }
}
