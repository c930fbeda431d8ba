//! What goes over the line: pages of a list, answers, and the names in requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::net::{Shutdown, TcpStream};

use super::{Asked, Does};

/// The next page of a list, or what passes for it.
pub(super) fn page(files: &BTreeMap<String, Vec<u8>>, names: usize, asked: &Asked, does: Option<&Does>) -> String {
    let after = asked.after.clone().unwrap_or_default();
    let all: Vec<(&String, usize)> = files
        .iter()
        .filter(|(name, _)| name.starts_with(&asked.name) && **name > after)
        .map(|(name, bytes)| (name, bytes.len()))
        .collect();
    let most = match does {
        Some(Does::ListsOnly(names) | Does::ListsFewerThanItCounts(names)) => *names,
        _ => names,
    };
    let listed = &all[..most.min(all.len())];
    let goes_on = match does {
        Some(Does::ListsOnly(_) | Does::ListsFewerThanItCounts(_)) => false,
        Some(Does::LosesTheWayOn) => true,
        _ => listed.len() < all.len(),
    };
    let counted = if matches!(does, Some(Does::ListsFewerThanItCounts(_))) { all.len() } else { listed.len() };
    let mut page = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>photos</Name><KeyCount>{counted}</KeyCount>\
         <IsTruncated>{goes_on}</IsTruncated>"
    );
    if let (true, Some((last, _)), false) = (goes_on, listed.last(), matches!(does, Some(Does::LosesTheWayOn))) {
        write!(page, "<NextContinuationToken>{last}</NextContinuationToken>").expect("a text");
    }
    for (name, size) in listed {
        write!(
            page,
            "<Contents><Key>{name}</Key><LastModified>2026-11-22T00:00:00.000Z</LastModified><ETag>&quot;x&quot;</ETag>\
             <Size>{size}</Size></Contents>"
        )
        .expect("a text");
    }
    if matches!(does, Some(Does::LosesTheEndOfTheList)) {
        return page;
    }
    page + "</ListBucketResult>"
}

/// One line to a caller.
pub(super) struct Line(TcpStream);

impl Line {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// Says no, in S3's words.
    pub(super) fn refuse(
        &mut self,
        status: u16,
        code: &str,
        message: &str,
        headers: &[(&str, &str)],
        is_head: bool,
    ) -> std::io::Result<()> {
        let words = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
        self.answer(status, headers, if is_head { b"" } else { words.as_bytes() }, None)
    }

    /// Sends an answer; `length` is what it says its length is.
    pub(super) fn answer(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
        length: Option<usize>,
    ) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} so\r\ncontent-length: {}\r\n", length.unwrap_or(body.len()));
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("a text");
        }
        head.push_str("\r\n");
        self.0.write_all(head.as_bytes())?;
        self.0.write_all(body)?;
        self.0.flush()
    }

    pub(super) fn hang_up(&self) -> std::io::Result<()> {
        self.0.shutdown(Shutdown::Both)
    }
}

/// `bytes=FROM-TO`, both inclusive.
pub(super) fn range_of(header: &str) -> Option<(usize, usize)> {
    let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
    Some((from.parse().ok()?, to.parse().unwrap_or(usize::MAX)))
}

pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        let digits = String::from_utf8_lossy(&digits).into_owned();
        bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
