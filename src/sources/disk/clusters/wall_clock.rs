//! Times as DOS wrote them: a wall clock's, in steps of two seconds, from 1980 on.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// What the clock showed; `None` for no time at all, and for none that exists.
///
/// `date` and `time` as in Microsoft's FAT specification of 2000, "Date and Time Formats"; `hundredths` adds up to two
/// seconds.
pub(in crate::sources::disk) fn shown(date: u16, time: u16, hundredths: u8) -> Option<DateTime> {
    let number = |value: u16| i8::try_from(value).ok();
    let year = i16::try_from(1980 + (date >> 9)).ok()?;
    let (month, day) = (number(date >> 5 & 0xF)?, number(date & 0x1F)?);
    let (hour, minute) = (number(time >> 11)?, number(time >> 5 & 0x3F)?);
    let hundredths = if hundredths < 200 { hundredths } else { 0 };
    let second = number((time & 0x1F) * 2)?.checked_add(i8::try_from(hundredths / 100).ok()?)?;
    DateTime::new(year, month, day, hour, minute, second, i32::from(hundredths % 100) * 10_000_000).ok()
}

/// The moment at which a clock of `zone` showed this; of two such moments, the earlier.
pub(in crate::sources::disk) fn in_zone(shown: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    shown.to_zoned(zone.clone()).ok().map(|moment| moment.timestamp())
}

/// The moment at which a clock showed this that is `quarters` of an hour ahead of UTC.
pub(in crate::sources::disk) fn at_offset(shown: DateTime, quarters: i8) -> Option<Timestamp> {
    Offset::from_seconds(i32::from(quarters) * 900).ok()?.to_timestamp(shown).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_is_read_in_its_zone() {
        // 2014-08-03 14:22:32
        let (date, time) = (34 << 9 | 8 << 5 | 3, 14 << 11 | 22 << 5 | 16);
        let clock = shown(date, time, 0).unwrap();
        assert_eq!(clock.to_string(), "2014-08-03T14:22:32");
        assert_eq!(shown(date, time, 150).unwrap().to_string(), "2014-08-03T14:22:33.5");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(in_zone(clock, &berlin).unwrap().to_string(), "2014-08-03T12:22:32Z");
        assert_eq!(at_offset(clock, -16).unwrap().to_string(), "2014-08-03T18:22:32Z");
    }

    #[test]
    fn no_time_and_impossible_times_are_none() {
        assert_eq!(shown(0, 0, 0), None);
        assert_eq!(shown((34 << 9) + (2 << 5) + 30, 0, 0), None);
        assert_eq!(shown(34 << 9 | 2 << 5 | 3, 25 << 11, 0), None);
        assert_eq!(shown(u16::MAX, u16::MAX, u8::MAX), None);
        assert!(at_offset(shown(33, 0, 0).unwrap(), i8::MIN).is_none_or(|moment| moment.as_second() > 0));
    }
}
