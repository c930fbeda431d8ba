//! What a server says when it does not do what was asked.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

use crate::repository::store::fault::FaultKind;

/// Clocks that differ by more than this are what a refusal is about: S3's own limit
/// (Amazon S3 API Reference, “Error Responses”, `RequestTimeTooSkewed`).
const CLOCKS_MAY_DIFFER: Duration = Duration::from_mins(15);

/// Whoever asks for a longer pause is not asked again in this run.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Characters of a server's own words that are shown.
const MOST_WORDS: usize = 300;

/// An answer that says no.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: StatusCode,
    /// S3's word for it; empty where the server gives none.
    code: String,
    message: String,
    /// How long it asks to be left alone.
    pub(super) pause: Option<Duration>,
    /// When we asked, by our clock, and when it answered, by its own.
    clocks: Option<(Timestamp, Timestamp)>,
}

impl Answer {
    /// Reads an answer; `asked_at` is the time that the request was signed for.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], asked_at: Option<Timestamp>) -> Self {
        let text = String::from_utf8_lossy(body);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let answered_at = header("date").and_then(date);
        let pause = header("retry-after").and_then(|asked| match asked.trim().parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => date(asked).zip(answered_at).and_then(|(until, now)| until.duration_since(now).try_into().ok()),
        });
        Self {
            status,
            code: element(&text, "Code").unwrap_or_default(),
            message: element(&text, "Message").unwrap_or_default(),
            pause,
            clocks: asked_at.zip(answered_at),
        }
    }

    /// What sort of failure it is, and whether the same request may yet succeed.
    pub(super) fn sort(&self) -> (FaultKind, bool) {
        let refused = matches!(self.status.as_u16(), 401 | 403);
        match self.code.as_str() {
            "RequestTimeTooSkewed" => (FaultKind::WrongClock, false),
            _ if refused && self.clocks_differ() => (FaultKind::WrongClock, false),
            "NoSuchBucket" => (FaultKind::NoSuchBucket, false),
            "NoSuchKey" => (FaultKind::Missing, false),
            "QuotaExceeded" | "StorageCapExceeded" | "XMinioStorageFull" => (FaultKind::Full, false),
            // Backblaze has no code for it (B2 Cloud Storage, “Data Caps and Alerts”).
            _ if refused && self.message.contains("cap exceeded") => (FaultKind::Full, false),
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => (FaultKind::Refused, false),
            // Something was changed or lost on the way to the server, which noticed.
            "BadDigest" | "IncompleteBody" | "InvalidDigest" | "RequestTimeout" | "XAmzContentSHA256Mismatch" => {
                (FaultKind::Failing, true)
            }
            "InternalError" => (FaultKind::Failing, true),
            "SlowDown" | "ServiceUnavailable" | "TooManyRequests" => self.overloaded(),
            _ if refused => (FaultKind::Refused, false),
            code => match self.status.as_u16() {
                404 => (FaultKind::Missing, false),
                429 | 503 => self.overloaded(),
                507 => (FaultKind::Full, false),
                408 | 499 | 500 | 502 | 504 => (FaultKind::Failing, true),
                _ if code.is_empty() => (FaultKind::NotAStore, false),
                _ => (FaultKind::Other, false),
            },
        }
    }

    fn overloaded(&self) -> (FaultKind, bool) {
        (FaultKind::Overloaded, self.pause.is_none_or(|pause| pause <= LONGEST_PAUSE))
    }

    fn clocks_differ(&self) -> bool {
        self.clocks.is_some_and(|(ours, theirs)| ours.duration_since(theirs).unsigned_abs() > CLOCKS_MAY_DIFFER)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.sort().0, self.clocks, self.pause) {
            (FaultKind::WrongClock, Some((ours, theirs)), _) => {
                let minute = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
                write!(f, "this computer's clock says {}, the server's says {}", minute(ours), minute(theirs))
            }
            (FaultKind::Overloaded, _, Some(pause)) => {
                write!(f, "{}; it asks to be left alone for {} seconds", self.words(), pause.as_secs())
            }
            _ => f.write_str(&self.words()),
        }
    }
}

impl std::error::Error for Answer {}

impl Answer {
    /// The server's own, as far as it has any.
    fn words(&self) -> String {
        match (self.message.as_str(), self.code.as_str()) {
            ("", "") => format!("the server answered with status {}", self.status),
            ("", code) => format!("the server answered {code} (status {})", self.status),
            (message, _) => message.to_owned(),
        }
    }
}

/// The time of a signature, as it stands in the request: `20261122T114000Z`.
pub(super) fn signed_at(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get("x-amz-date")?.to_str().ok()?;
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// What stands between the tags of that name, the first time it is there; without what a terminal would obey.
pub(super) fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    let mut plain = inside.to_owned();
    for (written, meant) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")]
    {
        plain = plain.replace(written, meant);
    }
    Some(plain.chars().filter(|letter| !letter.is_control()).take(MOST_WORDS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
        let asked_at = "2026-11-22T11:40:00Z".parse().unwrap();
        Answer::read(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), Some(asked_at))
    }

    fn error(code: &str, message: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
    }

    #[test]
    fn each_refusal_is_sorted_by_what_a_person_can_do_about_it() {
        let sort = |status, code, message| answer(status, &[], &error(code, message)).sort();
        assert_eq!(sort(403, "AccessDenied", "Access Denied."), (FaultKind::Refused, false));
        assert_eq!(sort(400, "ExpiredToken", "The provided token has expired."), (FaultKind::Refused, false));
        assert_eq!(sort(403, "AccessDenied", "Cannot upload files, storage cap exceeded."), (FaultKind::Full, false));
        assert_eq!(sort(507, "XMinioStorageFull", "no room"), (FaultKind::Full, false));
        assert_eq!(sort(404, "NoSuchBucket", "none"), (FaultKind::NoSuchBucket, false));
        assert_eq!(sort(404, "NoSuchKey", "none"), (FaultKind::Missing, false));
        assert_eq!(sort(403, "RequestTimeTooSkewed", "skewed"), (FaultKind::WrongClock, false));
        assert_eq!(sort(503, "SlowDown", "Please reduce your request rate."), (FaultKind::Overloaded, true));
        assert_eq!(sort(500, "InternalError", "We had a problem."), (FaultKind::Failing, true));
        assert_eq!(sort(400, "BadDigest", "The Content-MD5 you specified did not match"), (FaultKind::Failing, true));
        assert_eq!(sort(400, "InvalidStorageClass", "no such class"), (FaultKind::Other, false));
        assert_eq!(answer(405, &[], "<html>").sort(), (FaultKind::NotAStore, false));
        assert_eq!(answer(502, &[], "<html>Bad Gateway").sort(), (FaultKind::Failing, true));
    }

    #[test]
    fn a_pause_is_understood_in_seconds_and_as_a_time_and_a_long_one_ends_it() {
        let seconds = answer(503, &[("retry-after", "7")], "");
        assert_eq!((seconds.pause, seconds.sort().1), (Some(Duration::from_secs(7)), true));
        let time = answer(
            503,
            &[("date", "Sun, 22 Nov 2026 11:40:00 GMT"), ("retry-after", "Sun, 22 Nov 2026 11:40:30 GMT")],
            "",
        );
        assert_eq!(time.pause, Some(Duration::from_secs(30)));
        let long = answer(429, &[("retry-after", "3600")], "");
        assert_eq!(long.sort(), (FaultKind::Overloaded, false));
        assert!(long.to_string().contains("left alone for 3600 seconds"), "{long}");
        for nonsense in ["soon", "-4", "99999999999999999999999"] {
            assert_eq!(answer(503, &[("retry-after", nonsense)], "").pause, None, "{nonsense}");
        }
    }

    #[test]
    fn clocks_that_differ_are_named_with_both_times_even_where_the_server_gives_no_code() {
        let head = answer(403, &[("date", "Sat, 21 Nov 2026 03:05:59 GMT")], "");
        assert_eq!(head.sort(), (FaultKind::WrongClock, false));
        assert_eq!(
            head.to_string(),
            "this computer's clock says 2026-11-22 11:40 UTC, the server's says 2026-11-21 03:05 UTC"
        );
        let near = answer(403, &[("date", "Sun, 22 Nov 2026 11:50:00 GMT")], "");
        assert_eq!(near.sort(), (FaultKind::Refused, false));
    }

    #[test]
    fn the_time_of_a_signature_is_read() {
        let headers = HeaderMap::from_iter([("x-amz-date".parse().unwrap(), "20261122T114000Z".parse().unwrap())]);
        assert_eq!(signed_at(&headers), Some("2026-11-22T11:40:00Z".parse().unwrap()));
        assert_eq!(signed_at(&HeaderMap::new()), None);
    }

    #[test]
    fn what_a_server_says_is_shown_without_what_a_terminal_would_obey() {
        let said = answer(400, &[], &error("Odd", "a &quot;b&quot; \u{1b}[2J&amp;lt;")).to_string();
        assert_eq!(said, "a \"b\" [2J&lt;");
        assert!(answer(400, &[], &error("Odd", &"x".repeat(5000))).to_string().len() <= MOST_WORDS);
    }
}
