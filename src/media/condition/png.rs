//! PNG: every chunk's checksum, and the whole picture inflated, line by line, never kept.

use std::io::{self, Read, Seek};

use flate2::{Decompress, FlushDecompress, Status};

use crate::formats::numbers::be32;
use crate::formats::png::{Checksum, Header, SIGNATURE};
use crate::model::{Condition, Depth};

use super::{Tested, percent};
use crate::media::read_at::read_at;

/// Pictures that inflate to more are not inflated. Bounds time: about four seconds.
const MAX_INFLATED: u64 = 4 << 30;
const WINDOW: u64 = 1 << 20;

pub(super) fn test<R: Read + Seek>(input: &mut R, size: u64) -> io::Result<Tested> {
    if read_at(input, 0, SIGNATURE.len())? != SIGNATURE {
        return Ok(Tested::damaged(Depth::Structure, Some(0), "is broken in its first bytes"));
    }
    let mut walk = Walk { header: None, inflate: Inflate::new(), fault: None, good: None };
    let ended = walk.chunks(input, size)?;
    Ok(walk.judge(ended))
}

struct Walk {
    header: Option<Header>,
    inflate: Inflate,
    fault: Option<&'static str>,
    /// Inflated bytes at the first fault inside the picture.
    good: Option<u64>,
}

impl Walk {
    /// Walks to the end chunk; `false` when the file ends first.
    fn chunks<R: Read + Seek>(&mut self, input: &mut R, size: u64) -> io::Result<bool> {
        let mut at = SIGNATURE.len() as u64;
        loop {
            let head = read_at(input, at, 8)?;
            let (Some(length), Some(name)) = (be32(&head, 0).map(u64::from), head.get(4..8)) else { return Ok(false) };
            if length > 1 << 31 || !name.iter().all(u8::is_ascii_alphabetic) {
                self.fault("is broken inside: what should be a chunk of it is none");
                return Ok(true);
            }
            let before = self.inflate.total;
            let is_picture = name == b"IDAT";
            let mut checksum = Checksum::new();
            checksum.update(name);
            let end = at + 8 + length;
            let mut from = at + 8;
            while from < end.min(size) {
                let window = read_at(input, from, usize::try_from((end - from).min(WINDOW)).unwrap_or(0))?;
                if window.is_empty() {
                    break;
                }
                checksum.update(&window);
                if name == b"IHDR" && from == at + 8 {
                    self.header = Header::read(&window);
                }
                let wanted = self.header.map_or(0, |header| header.inflated_bytes());
                if is_picture && wanted <= MAX_INFLATED && !self.inflate.feed(&window, wanted) {
                    self.fault("is broken inside: a part of its picture does not decode");
                }
                from += window.len() as u64;
            }
            let written = read_at(input, end, 4)?;
            let Some(written) = be32(&written, 0) else { return Ok(false) };
            if written != checksum.finish() {
                if is_picture {
                    self.good.get_or_insert(before);
                    self.fault("is broken inside: a part of its picture has the wrong checksum");
                } else {
                    self.fault.get_or_insert("is broken outside its picture: some of what goes with it is damaged");
                }
            }
            if name == b"IEND" {
                return Ok(true);
            }
            at = end + 4;
        }
    }

    fn fault(&mut self, finding: &'static str) {
        self.good.get_or_insert(self.inflate.total);
        self.fault.get_or_insert(finding);
    }

    fn judge(self, ended: bool) -> Tested {
        let Some(header) = self.header else {
            return Tested::damaged(Depth::Structure, Some(0), "is broken where its picture's size should be");
        };
        let wanted = header.inflated_bytes();
        let too_large = wanted > MAX_INFLATED;
        let depth = if too_large { Depth::Structure } else { Depth::Pixels };
        let good = if too_large { None } else { percent(self.good.unwrap_or(self.inflate.total), wanted) };
        let tested = match (self.fault, good) {
            (Some(finding), _) => Tested::damaged(depth, good, finding),
            (None, Some(100)) if !ended => {
                Tested::truncated(depth, good, "lacks its end mark, with all of the picture there")
            }
            (None, Some(good)) if !ended => {
                Tested::new(Condition::Truncated, depth, Some(good), format!("ends after {good} % of the picture"))
            }
            (None, _) if !ended => Tested::truncated(depth, None, "ends too early"),
            (None, Some(good)) if good < 100 || !self.inflate.finished => {
                Tested::damaged(depth, Some(good), "lacks a part of the picture inside")
            }
            (None, None) => Tested {
                finding: Some("is too large to decode: only its structure was tested".to_owned()),
                ..Tested::intact(depth)
            },
            (None, Some(_)) => Tested::intact(depth),
        };
        tested.sized(header.width, header.height)
    }
}

/// Inflates and counts.
struct Inflate {
    stream: Decompress,
    buffer: Vec<u8>,
    total: u64,
    finished: bool,
    failed: bool,
}

impl Inflate {
    fn new() -> Self {
        Self { stream: Decompress::new(true), buffer: vec![0; 1 << 16], total: 0, finished: false, failed: false }
    }

    /// Goes on over `bytes`, to `wanted` bytes and little further; `false` when they do not inflate.
    fn feed(&mut self, bytes: &[u8], wanted: u64) -> bool {
        let mut rest = bytes;
        while !self.finished && !self.failed && self.total <= wanted {
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let result = self.stream.decompress(rest, &mut self.buffer, FlushDecompress::None);
            let read = usize::try_from(self.stream.total_in() - read).unwrap_or(0);
            let written = self.stream.total_out() - written;
            self.total += written;
            rest = rest.get(read..).unwrap_or_default();
            match result {
                Ok(Status::StreamEnd) => self.finished = true,
                Ok(Status::Ok | Status::BufError) if read == 0 && written == 0 => break,
                Ok(Status::Ok | Status::BufError) => {}
                Err(_) => self.failed = true,
            }
        }
        self.finished |= self.total > wanted;
        !self.failed
    }
}
