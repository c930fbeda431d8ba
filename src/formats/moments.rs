//! Dates as cameras, programs and standards write them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use crate::model::{Certainty, TimeCandidate, TimeSource, UtcOffset};

/// A time that was read: a wall clock, its zone where one was written, and how much of it was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The wall clock.
    pub local: DateTime,
    /// Its distance from UTC, where it was written.
    pub offset: Option<UtcOffset>,
    /// How much was written.
    pub certainty: Certainty,
}

impl Moment {
    /// Adds the digits behind the point of a second (EXIF's `SubSecTime`); nothing where they are none.
    #[must_use]
    pub fn with_fraction(self, digits: &str) -> Self {
        let fraction = nanoseconds(digits.trim()).filter(|_| self.certainty == Certainty::Exact);
        let local = fraction.and_then(|fraction| self.local.with().subsec_nanosecond(fraction).build().ok());
        Self { local: local.unwrap_or(self.local), ..self }
    }

    /// Says who wrote it.
    pub fn said_by(self, source: TimeSource) -> TimeCandidate {
        TimeCandidate { local: self.local, offset: self.offset, source, certainty: self.certainty }
    }
}

/// Reads `2014:08:03 14:22:33` (EXIF), `2014-08-03T14:22:33.5+02:00` (XMP, ISO 8601) and everything between: missing
/// parts lower the certainty, blank or zero parts count as missing.
///
/// `None` for what is no date: `0000:00:00 00:00:00`, blanks, the 30th of February.
pub fn parse(text: &str) -> Option<Moment> {
    let mut rest = Cursor(text.trim_matches(|character: char| character.is_whitespace() || character == '\0'));
    let year = rest.exactly(4)?;
    if year == 0 {
        return None;
    }
    let month = rest.after(&[':', '-', '/', '.'], 2).unwrap_or(0);
    let day = if month == 0 { 0 } else { rest.after(&[':', '-', '/', '.'], 2).unwrap_or(0) };
    let certainty = match (month, day) {
        (0, _) => Certainty::Year,
        (_, 0) => Certainty::Month,
        _ => Certainty::Day,
    };
    let date = civil_date(year, month.max(1), day.max(1))?;
    let dated = Moment { local: date.at(0, 0, 0, 0), offset: None, certainty };
    if certainty != Certainty::Day {
        return Some(dated);
    }
    let Some((time, offset)) = time_and_zone(&mut rest) else { return Some(dated) };
    Some(Moment { local: date.to_datetime(time), offset, certainty: Certainty::Exact })
}

/// Reads IPTC's pair (IIM 4.2, 2:55 and 2:60): `20140803`, zeros for what is unknown, and `142233+0200`.
pub fn parse_iptc(day: &str, time: Option<&str>) -> Option<Moment> {
    let mut rest = Cursor(day.trim());
    let written = [rest.exactly(4)?, rest.exactly(2).unwrap_or(0), rest.exactly(2).unwrap_or(0)];
    let [year, month, day] = written;
    let mut text = format!("{year:04}-{month:02}-{day:02}");
    if let Some(time) = time {
        let mut rest = Cursor(time.trim());
        if let (Some(hour), Some(minute), Some(second)) = (rest.exactly(2), rest.exactly(2), rest.exactly(2)) {
            text = format!("{text}T{hour:02}:{minute:02}:{second:02}{}", rest.0);
        }
    }
    parse(&text)
}

/// Reads `Sun, 3 Aug 2014 14:22:33 +0200` (RFC 5322, 3.3), with or without the day of the week.
pub fn parse_mail(text: &str) -> Option<Moment> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let words: Vec<&str> = text.split_whitespace().collect();
    let (&[day, month, year], rest) = words.split_first_chunk::<3>()?;
    let beginning = month.get(..3)?;
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(beginning))? + 1;
    let (clock, zone) = (rest.first()?, rest.get(1).copied().unwrap_or_default());
    let zone = if matches!(zone, "GMT" | "UTC" | "UT") { "Z" } else { zone };
    parse(&format!("{year}-{month:02}-{:02}T{clock}{zone}", digits(day)?))
}

/// Reads `+02:00`, `+0200`, `+2`, `Z`, `GMT+2`. `None` where that is not all there is.
pub fn parse_offset(text: &str) -> Option<UtcOffset> {
    let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    if text.eq_ignore_ascii_case("z") {
        return UtcOffset::from_minutes(0);
    }
    let text = text.strip_prefix("GMT").or_else(|| text.strip_prefix("UTC")).unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "0"),
    };
    if !(1..=2).contains(&hours.len()) || !(1..=2).contains(&minutes.len()) {
        return None;
    }
    let minutes = digits(minutes).filter(|minutes| *minutes < 60)?;
    let whole = digits(hours)?.checked_mul(60)?.checked_add(minutes)?;
    UtcOffset::from_minutes(sign * i16::try_from(whole).ok()?)
}

/// Reads the seconds that an old camera counts from 1970 on its own wall clock, of no zone; 0 is no time.
pub fn from_wall_clock_seconds(seconds: i64) -> Option<Moment> {
    let moment = Timestamp::from_second(seconds).ok().filter(|_| seconds > 0)?;
    Some(Moment { local: TimeZone::UTC.to_datetime(moment), offset: None, certainty: Certainty::Exact })
}

/// A day of the calendar, from numbers that nobody has checked.
pub fn civil_date(year: u32, month: u32, day: u32) -> Option<Date> {
    let small = |number: u32| i8::try_from(number).ok();
    Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()
}

/// A time of day, from numbers that nobody has checked; a leap second counts as the second before it.
pub fn civil_time(hour: u32, minute: u32, second: u32) -> Option<Time> {
    let small = |number: u32| i8::try_from(number).ok();
    let second = if second == 60 { 59 } else { second };
    Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()
}

fn time_and_zone(rest: &mut Cursor<'_>) -> Option<(Time, Option<UtcOffset>)> {
    rest.0 = rest.0.strip_prefix(['T', 't', ' '])?.trim_start();
    let (hour, minute) = (rest.exactly(2)?, rest.after(&[':'], 2)?);
    let second = rest.after(&[':'], 2).unwrap_or(0);
    let mut time = civil_time(hour, minute, second)?;
    if let Some(fraction) = rest.0.strip_prefix(['.', ',']) {
        rest.0 = fraction.trim_start_matches(|character: char| character.is_ascii_digit());
        let written = fraction.get(..fraction.len() - rest.0.len()).and_then(nanoseconds);
        time = written.and_then(|fraction| time.with().subsec_nanosecond(fraction).build().ok()).unwrap_or(time);
    }
    Some((time, parse_offset(rest.0)))
}

/// The digits behind the point of a second.
fn nanoseconds(fraction: &str) -> Option<i32> {
    let all = digits(fraction.get(..9).unwrap_or(fraction))?;
    let places = u32::try_from(fraction.len().min(9)).ok()?;
    i32::try_from(all.checked_mul(10_u32.pow(9 - places))?).ok()
}

/// What is still to be read.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    /// A number of so many places, blanks counting as zeros.
    fn exactly(&mut self, places: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(places)?;
        let number = if number.trim().is_empty() { 0 } else { digits(number)? };
        self.0 = rest;
        Some(number)
    }

    /// A separator and a number of one place up to so many.
    fn after(&mut self, separators: &[char], places: usize) -> Option<u32> {
        let mut inside = Cursor(self.0.strip_prefix(separators)?);
        let number = inside.exactly(places).or_else(|| inside.exactly(1))?;
        self.0 = inside.0;
        Some(number)
    }
}

/// A number without sign or blank.
fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn exact(text: &str) -> Option<(DateTime, Option<i16>)> {
        parse(text)
            .filter(|moment| moment.certainty == Certainty::Exact)
            .map(|moment| (moment.local, moment.offset.map(UtcOffset::minutes)))
    }

    #[test]
    fn the_usual_ways_to_write_a_time_are_read() {
        let taken = date(2014, 8, 3).at(14, 22, 33, 0);
        for (text, offset) in [
            ("2014:08:03 14:22:33", None),
            ("2014:08:03 14:22:33\0", None),
            ("2014-08-03T14:22:33", None),
            ("2014/08/03 14:22:33", None),
            ("2014-08-03T14:22:33GMT+2", Some(120)),
            ("2014:08:03 14:22:33+02:00", Some(120)),
            ("2014-08-03T14:22:33-0330", Some(-210)),
            ("2014-08-03T14:22:33Z", Some(0)),
        ] {
            assert_eq!(exact(text), Some((taken, offset)), "{text}");
        }
        let finer = date(2014, 8, 3).at(14, 22, 33, 526_000_000);
        assert_eq!(exact("2014-08-03T14:22:33.526GMT+02:00"), Some((finer, Some(120))));
        assert_eq!(exact("2014-08-03T14:22:33,5260000001"), Some((finer, None)));
        assert_eq!(exact("2014-08-03T14:22:33.Z"), Some((taken, Some(0))));
        assert_eq!(exact("2014-08-03T14:22"), Some((date(2014, 8, 3).at(14, 22, 0, 0), None)));
        assert_eq!(exact("2016:12:31 23:59:60"), Some((date(2016, 12, 31).at(23, 59, 59, 0), None)));
    }

    #[test]
    fn the_parts_of_a_second_are_added_to_a_time_and_to_no_day() {
        let with = |time: &str, digits| parse(time).expect("a date").with_fraction(digits).local;
        let time = "2014:08:03 14:22:33";
        assert_eq!(with(time, " 05 "), date(2014, 8, 3).at(14, 22, 33, 50_000_000));
        for nothing in ["", "  ", "-1", "x", "é"] {
            assert_eq!(with(time, nothing), date(2014, 8, 3).at(14, 22, 33, 0), "{nothing}");
        }
        assert_eq!(with("2014:08:03", "5"), date(2014, 8, 3).at(0, 0, 0, 0));
    }

    #[test]
    fn a_date_as_in_a_mail_is_read() {
        for (text, minutes) in [
            ("Sun, 3 Aug 2014 14:22:33 +0200", Some(120)),
            ("03 August 2014 14:22:33 GMT", Some(0)),
            ("3 Aug 2014 14:22:33", None),
        ] {
            let moment = parse_mail(text).expect("a date");
            assert_eq!(moment.local, date(2014, 8, 3).at(14, 22, 33, 0), "{text}");
            assert_eq!(moment.offset.map(UtcOffset::minutes), minutes, "{text}");
        }
        for text in ["", "3 Aug", "Sun, x Aug 2014 14:22:33", "3 é€ 2014 14:22:33", "3 Foo 2014 1:2:3"] {
            assert_eq!(parse_mail(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_missing_lowers_the_certainty() {
        for (text, certainty, day) in [
            ("2014", Certainty::Year, date(2014, 1, 1)),
            ("2014-08", Certainty::Month, date(2014, 8, 1)),
            ("2014:08:03", Certainty::Day, date(2014, 8, 3)),
            ("2014:08:00 00:00:00", Certainty::Month, date(2014, 8, 1)),
            ("2014:  :     :  :  ", Certainty::Year, date(2014, 1, 1)),
            ("2014:08:03   :  :  ", Certainty::Day, date(2014, 8, 3)),
            ("2014:08:03 99:99:99", Certainty::Day, date(2014, 8, 3)),
        ] {
            let moment = parse(text).expect("a date");
            assert_eq!((moment.certainty, moment.local), (certainty, day.at(0, 0, 0, 0)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "0000:00:00 00:00:00", "    :  :     :  :  ", "2014:02:30 10:00:00", "hello", "201", "ü014:01:01"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn iptc_writes_its_dates_without_separators() {
        let moment = parse_iptc("20140803", Some("142233+0200")).expect("a date");
        assert_eq!(moment.local, date(2014, 8, 3).at(14, 22, 33, 0));
        assert_eq!(moment.offset.map(UtcOffset::minutes), Some(120));
        assert_eq!(parse_iptc("20140800", None).map(|moment| moment.certainty), Some(Certainty::Month));
        assert_eq!(parse_iptc("00000000", Some("000000")), None);
    }

    #[test]
    fn an_offset_that_is_none_is_not_guessed() {
        for text in ["", "   :  ", "+99:00", "02:00", "+2:99", "+é"] {
            assert_eq!(parse_offset(text), None, "{text}");
        }
    }
}
