//! When a photo was taken, as the names around it say; what the file itself says is in [`facts`](super::facts).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::formats::names;
use crate::model::{Certainty, RawPath, TimeCandidate, TimeSource, UtcOffset};

/// Reads the times in a path: that of the file's name first, then those of the folders, from the nearest up.
pub fn from_path(path: &RawPath) -> Vec<TimeCandidate> {
    let in_name = names::in_file_name(path.file_name()).map(|moment| moment.said_by(TimeSource::FileName));
    let folders: Vec<&[u8]> = path.parent().split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    let nested = names::in_nested_folders(&folders);
    let single = folders.iter().rev().filter_map(|name| names::in_folder_name(name));
    let in_folders = nested.into_iter().chain(single).map(|moment| moment.said_by(TimeSource::FolderName));
    in_name.into_iter().chain(in_folders).collect()
}

/// Takes the time at which the file was last written for a guess, in the zone of the person who owns the drive.
pub fn from_modified(modified_at: Timestamp, zone: &TimeZone) -> TimeCandidate {
    let minutes = i16::try_from(zone.to_offset(modified_at).seconds() / 60);
    TimeCandidate {
        local: zone.to_datetime(modified_at),
        offset: minutes.ok().and_then(UtcOffset::from_minutes),
        source: TimeSource::Modified,
        certainty: Certainty::Guess,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::choose_capture_time;
    use jiff::civil::date;

    fn said(path: &[u8]) -> Vec<(TimeSource, Certainty, jiff::civil::Date)> {
        let candidates = from_path(&RawPath::from_bytes(path.to_vec()));
        candidates.iter().map(|said| (said.source, said.certainty, said.local.date())).collect()
    }

    #[test]
    fn the_name_speaks_first_then_the_nearest_folder() {
        assert_eq!(
            said(b"2013/2014-08 Lisbon/IMG-20140803-WA0001.jpg"),
            [
                (TimeSource::FileName, Certainty::Day, date(2014, 8, 3)),
                (TimeSource::FolderName, Certainty::Month, date(2014, 8, 1)),
                (TimeSource::FolderName, Certainty::Year, date(2013, 1, 1)),
            ]
        );
    }

    #[test]
    fn a_path_without_dates_says_nothing() {
        assert_eq!(said(b"DCIM/100CANON/IMG_1234.JPG"), []);
        assert_eq!(said(b"f\xfcr Oma/\xff\xfe.jpg"), []);
        assert_eq!(said(b""), []);
    }

    #[test]
    fn years_months_and_days_as_folders_are_one_date() {
        let candidates = from_path(&RawPath::from_bytes(b"2014/08/03/DSC_0815.JPG".to_vec()));
        let chosen = choose_capture_time(&candidates, date(2026, 1, 1).at(0, 0, 0, 0)).expect("a date");
        assert_eq!((chosen.certainty, chosen.local.date()), (Certainty::Day, date(2014, 8, 3)));
    }

    #[test]
    fn the_time_of_writing_is_a_guess_on_the_owners_wall_clock() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let guess = from_modified(Timestamp::constant(1_407_068_553, 0), &zone);
        assert_eq!(guess.local, date(2014, 8, 3).at(14, 22, 33, 0));
        assert_eq!(guess.offset, UtcOffset::from_minutes(120));
        assert_eq!((guess.source, guess.certainty), (TimeSource::Modified, Certainty::Guess));
    }
}
