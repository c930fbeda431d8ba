//! The way of a request to the server and back, with an end to every silence.
//!
//! opendal asks for no time-outs, drops the headers of a refusal, and believes a list that ends too early; here an
//! answer is taken whole, or is an error that says what was wrong with it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use http::{Method, Request, Response};
use opendal::raw::oio::ReadStream as _;
use opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport, HttpTransporter};

use super::answer::{Answer, element, signed_at};
use crate::repository::store::fault::FaultKind;

/// The slowest line that a transfer waits for: 64 KiB each second, half a megabit.
const SLOWEST_BYTES_PER_SECOND: u64 = 64 * 1024;

/// Bytes; no file that is asked for whole, and no part of a pack, is larger.
const LONGEST_ANSWER: usize = 512 * 1024 * 1024;

/// Bytes of a refusal that are read.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// Sends requests, and waits this long for a sign of the server.
#[derive(Debug)]
pub(super) struct Wire {
    silence: Duration,
}

/// What was wrong with an answer, or with its absence.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The server says no.
    #[error(transparent)]
    Answered(#[from] Answer),
    /// The server says nothing.
    #[error("nothing came from the server for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// A list that is not all of the list.
    #[error("its list of files is cut short: {0}")]
    CutShort(&'static str),
    /// Not in the language of a store.
    #[error("{0}")]
    Foreign(&'static str),
}

impl Wire {
    pub(super) fn new(silence: Duration) -> Self {
        Self { silence }
    }

    async fn heard<T>(&self, patience: Duration, next: impl Future<Output = opendal::Result<T>>) -> opendal::Result<T> {
        match tokio::time::timeout(patience, next).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Trouble::Silent(patience).into()),
        }
    }

    async fn all_of(&self, body: &mut HttpBody, most: usize) -> opendal::Result<Buffer> {
        let mut parts = Vec::new();
        let mut length = 0_usize;
        loop {
            let part = self.heard(self.silence, body.read()).await?;
            if part.is_empty() {
                return Ok(parts.into_iter().flatten().collect());
            }
            length = length.saturating_add(part.len());
            if length > most {
                return Err(Trouble::Foreign("its answer has no end").into());
            }
            parts.push(part);
        }
    }
}

impl HttpTransport for Wire {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let asked_at = signed_at(request.headers());
        let listing = Listing::asked_by(&request);
        let is_head = request.method() == Method::HEAD;
        let patience = patience_for(self.silence, request.body().len() as u64);
        let answer = self.heard(patience, HttpTransporter::default().fetch(request)).await?;
        let (parts, mut body) = answer.into_parts();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            // The status says enough where the words behind it do not arrive.
            let words = self.all_of(&mut body, LONGEST_REFUSAL).await.unwrap_or_default();
            return Err(Trouble::from(Answer::read(parts.status, &parts.headers, &words.to_bytes(), asked_at)).into());
        }
        if is_head {
            return Ok(Response::from_parts(parts, body));
        }
        let whole = self.all_of(&mut body, LONGEST_ANSWER).await?;
        if let Some(listing) = listing {
            listing.must_be_whole(&String::from_utf8_lossy(&whole.to_bytes()))?;
        }
        let length = whole.len() as u64;
        Ok(Response::from_parts(parts, HttpBody::new(Whole(Some(whole)), Some(length))))
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        let is_missing = matches!(&trouble, Trouble::Answered(answer) if answer.sort().0 == FaultKind::Missing);
        let kind = if is_missing { ErrorKind::NotFound } else { ErrorKind::Unexpected };
        Self::new(kind, trouble.to_string()).set_source(trouble)
    }
}

/// How long a server may take to answer: a transfer on a slow line takes its time.
pub(super) fn patience_for(silence: Duration, bytes: u64) -> Duration {
    silence + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND)
}

/// The two ways to ask for a list (Amazon S3 API Reference, `ListObjects` and `ListObjectsV2`).
#[derive(Clone, Copy)]
enum Listing {
    First,
    Second,
}

impl Listing {
    fn asked_by(request: &Request<Buffer>) -> Option<Self> {
        let query = request.uri().query().filter(|_| request.method() == Method::GET)?;
        let has = |start: &str| query.split('&').any(|pair| pair.starts_with(start));
        if has("list-type=2") { Some(Self::Second) } else { has("prefix=").then_some(Self::First) }
    }

    /// Refuses a page that lost its end, that has fewer names than it says, or that says that there is more and not
    /// where: opendal would begin again at the first page, for ever.
    fn must_be_whole(self, page: &str) -> Result<(), Trouble> {
        if !page.contains("<ListBucketResult") {
            return Err(Trouble::Foreign("asked for a list of files, it sends something else"));
        }
        if !page.trim_end().ends_with("</ListBucketResult>") {
            return Err(Trouble::CutShort("its end is missing"));
        }
        let names = page.matches("<Contents>").count() + page.matches("<CommonPrefixes>").count();
        let counted = element(page, "KeyCount").and_then(|count| count.trim().parse::<usize>().ok());
        if counted.is_some_and(|counted| counted > names) {
            return Err(Trouble::CutShort("it has fewer names than it says"));
        }
        let more = match element(page, "IsTruncated").as_deref().map(str::trim) {
            Some("false") => false,
            Some(_) => true,
            None => names > 0,
        };
        let goes_on = element(page, "NextContinuationToken").is_some_and(|token| !token.is_empty());
        match self {
            Self::Second if more && !goes_on => Err(Trouble::CutShort("it goes on, and does not say where")),
            Self::First | Self::Second => Ok(()),
        }
    }
}

/// One body in one piece.
struct Whole(Option<Buffer>);

impl Stream for Whole {
    type Item = opendal::Result<Buffer>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(inside: &str) -> String {
        format!("<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\">{inside}</ListBucketResult>\n")
    }

    #[test]
    fn a_pack_is_given_the_time_a_slow_line_takes() {
        let minute = Duration::from_mins(1);
        assert_eq!(patience_for(minute, 0), minute);
        assert_eq!(patience_for(minute, 64 * 1024 * 1024).as_secs(), 60 + 1024);
    }

    #[test]
    fn a_page_of_a_list_is_believed_only_when_it_is_whole_and_says_how_it_goes_on() {
        let name = "<Contents><Key>a</Key></Contents>";
        let whole = |inside: &str| Listing::Second.must_be_whole(&page(inside)).is_ok();
        assert!(whole("<IsTruncated>false</IsTruncated><KeyCount>0</KeyCount>"));
        assert!(whole(""), "some servers leave out what is not so");
        assert!(whole(&format!("<IsTruncated>false</IsTruncated><KeyCount>1</KeyCount>{name}")));
        let goes_on = format!("<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>{name}");
        assert!(whole(&goes_on));
        assert!(!whole(&format!("<IsTruncated>false</IsTruncated><KeyCount>2</KeyCount>{name}")), "one name is gone");
        assert!(!whole(&format!("<IsTruncated>true</IsTruncated>{name}")), "where does it go on?");
        assert!(!whole(name), "is there more?");
        assert!(Listing::First.must_be_whole(&page(&format!("<IsTruncated>true</IsTruncated>{name}"))).is_ok());
        let cut = page(name).replace("</ListBucketResult>", "");
        assert!(matches!(Listing::First.must_be_whole(&cut), Err(Trouble::CutShort(_))));
        assert!(matches!(Listing::First.must_be_whole("<html>Log in"), Err(Trouble::Foreign(_))));
    }

    #[test]
    fn a_request_for_a_list_is_told_from_one_for_a_file() {
        let asked = |method: Method, uri: &str| {
            Listing::asked_by(&Request::builder().method(method).uri(uri).body(Buffer::new()).unwrap())
        };
        let list = "http://host/bucket/?list-type=2&prefix=p%2Fdata%2F";
        assert!(matches!(asked(Method::GET, list), Some(Listing::Second)));
        assert!(matches!(asked(Method::GET, "http://host/bucket/?prefix=p"), Some(Listing::First)));
        assert!(asked(Method::GET, "http://host/bucket/p/config").is_none());
        assert!(asked(Method::PUT, list).is_none());
    }
}
