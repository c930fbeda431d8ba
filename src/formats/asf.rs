//! What the header of a Windows Media file says (Microsoft, “Advanced Systems Format Specification”, 3.2).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::formats::numbers::Order;
use crate::model::{Certainty, Facts, TimeCandidate, TimeSource, UtcOffset};

const HEADER: &[u8] = b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C";
const FILE_PROPERTIES: &[u8] = b"\xA1\xDC\xAB\x8C\x47\xA9\xCF\x11\x8E\xE4\x00\xC0\x0C\x20\x53\x65";

/// From 1601, where Windows begins to count, to 1970, in its steps of 100 nanoseconds.
const FROM_1601_TO_1970: u64 = 116_444_736_000_000_000;

/// More objects than any header has.
const MAX_OBJECTS: u32 = 256;

/// Reads the first bytes of a file: when it was made, which is UTC, and how long it runs.
pub fn read(head: &[u8]) -> Facts {
    let Some(properties) = file_properties(head) else { return Facts::default() };
    let number = |at: usize| Order::Little.number(properties.get(at..at + 8)?);
    // The time before the first picture is counted with it, in milliseconds.
    let running = number(40).zip(number(56)).and_then(|(units, before)| (units / 10_000).checked_sub(before));
    Facts {
        duration_ms: running.filter(|duration| *duration > 0),
        times: number(24).and_then(created).into_iter().collect(),
        ..Facts::default()
    }
}

/// What stands behind the head of the object, which is its name and its size.
fn file_properties(head: &[u8]) -> Option<&[u8]> {
    let mut rest = head.strip_prefix(HEADER)?.get(14..)?;
    for _ in 0..MAX_OBJECTS {
        let size = usize::try_from(Order::Little.number(rest.get(16..24)?)?).ok()?;
        if rest.starts_with(FILE_PROPERTIES) {
            return rest.get(24..);
        }
        rest = rest.get(size.max(24)..)?;
    }
    None
}

fn created(units: u64) -> Option<TimeCandidate> {
    let since_1970 = units.checked_sub(FROM_1601_TO_1970).filter(|units| *units > 0)?;
    let moment = Timestamp::from_second(i64::try_from(since_1970 / 10_000_000).ok()?).ok()?;
    Some(TimeCandidate {
        local: TimeZone::UTC.to_datetime(moment),
        offset: UtcOffset::from_minutes(0),
        source: TimeSource::Quicktime,
        certainty: Certainty::Exact,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn file(created: u64) -> Vec<u8> {
        let mut properties = [0; 80];
        properties[24..32].copy_from_slice(&created.to_le_bytes());
        properties[40..48].copy_from_slice(&130_000_000_u64.to_le_bytes());
        properties[56..64].copy_from_slice(&3000_u64.to_le_bytes());
        let other = [&[7; 16][..], &30_u64.to_le_bytes(), &[0; 6]].concat();
        let object = [FILE_PROPERTIES, &104_u64.to_le_bytes(), &properties].concat();
        [HEADER, &[0; 14], &other, &object].concat()
    }

    #[test]
    fn a_windows_movie_says_when_it_was_made_and_how_long_it_runs() {
        let facts = read(&file(FROM_1601_TO_1970 + 1_120_899_600 * 10_000_000));
        assert_eq!(facts.times[0].local, date(2005, 7, 9).at(9, 0, 0, 0));
        assert_eq!(facts.times[0].offset, UtcOffset::from_minutes(0));
        assert_eq!(facts.duration_ms, Some(10_000));
        assert!(read(&file(0)).times.is_empty());
        assert!(read(&file(FROM_1601_TO_1970)).times.is_empty());
        assert!(read(&file(u64::MAX)).times.len() <= 1);
    }

    #[test]
    fn a_header_cut_anywhere_never_panics() {
        let whole = file(FROM_1601_TO_1970 + 1);
        for end in 0..whole.len() {
            read(&whole[..end]);
        }
    }
}
