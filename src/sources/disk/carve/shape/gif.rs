//! GIF: each picture's codes are followed and its pixels counted (`GIF89a` specification, appendix F).

use super::{Broken, Look, Shape};
use crate::formats::numbers::le16;
use crate::model::Kind;
use crate::sources::medium::MediumError;

/// Larger than any animation that anybody kept. Bounds time.
const MAX_SIZE: u64 = 256 << 20;
const STEP: usize = 1 << 16;

pub(super) fn measure(look: &mut Look<'_>) -> Result<Shape, MediumError> {
    let mut file = File { look, at: 6, held: Vec::new(), from: 0, pictures: 0 };
    let ended = file.walk()?;
    let at = file.at;
    Ok(match (ended, file.pictures) {
        (Some(()), 1..) => Shape::Whole(at, Kind::Gif),
        (_, 0) => Shape::Nothing,
        (None, _) => Shape::Broken(Broken { kind: Kind::Gif, good: at, size: None, inside: Vec::new() }),
    })
}

struct File<'a, 'l> {
    look: &'a mut Look<'l>,
    /// Where it stands, and behind the last good block.
    at: u64,
    held: Vec<u8>,
    from: u64,
    pictures: u32,
}

impl File<'_, '_> {
    fn take(&mut self, length: usize) -> Result<Option<Vec<u8>>, MediumError> {
        let inside = |held: &[u8], from: u64, at: u64| {
            let start = usize::try_from(at.checked_sub(from)?).ok()?;
            held.get(start..start.checked_add(length)?).map(<[u8]>::to_vec)
        };
        let mut found = inside(&self.held, self.from, self.at);
        if found.is_none() {
            (self.held, self.from) = ((self.look)(self.at, STEP)?, self.at);
            found = inside(&self.held, self.from, self.at);
        }
        if found.is_some() {
            self.at += length as u64;
        }
        Ok(found.filter(|_| self.at < MAX_SIZE))
    }

    fn walk(&mut self) -> Result<Option<()>, MediumError> {
        let Some(screen) = self.take(7)? else { return Ok(None) };
        if !self.colours(screen.get(4).copied().unwrap_or(0))? {
            return Ok(None);
        }
        loop {
            let Some(kind) = self.take(1)? else { return Ok(None) };
            match kind.first() {
                Some(0x3B) => return Ok(Some(())),
                Some(0x21) => {
                    if self.take(1)?.is_none() || !self.blocks(&mut |_| true)? {
                        return Ok(None);
                    }
                }
                Some(0x2C) => {
                    if !self.picture()? {
                        return Ok(None);
                    }
                    self.pictures += 1;
                }
                Some(_) | None => return Ok(None),
            }
        }
    }

    fn colours(&mut self, flags: u8) -> Result<bool, MediumError> {
        Ok(flags & 0x80 == 0 || self.take(3 << ((flags & 7) + 1))?.is_some())
    }

    fn picture(&mut self) -> Result<bool, MediumError> {
        let Some(place) = self.take(9)? else { return Ok(false) };
        let pixels = u64::from(le16(&place, 4).unwrap_or(0)) * u64::from(le16(&place, 6).unwrap_or(0));
        if !self.colours(place.get(8).copied().unwrap_or(0))? {
            return Ok(false);
        }
        let Some(width) =
            self.take(1)?.and_then(|bytes| bytes.first().copied()).filter(|width| (1..=11).contains(width))
        else {
            return Ok(false);
        };
        let mut codes = Codes::new(width, pixels);
        let good = self.blocks(&mut |bytes| codes.follow(bytes))?;
        Ok(good && codes.left == 0)
    }

    /// Goes over sub-blocks up to the empty one.
    fn blocks(&mut self, each: &mut dyn FnMut(&[u8]) -> bool) -> Result<bool, MediumError> {
        loop {
            let Some(length) = self.take(1)?.and_then(|bytes| bytes.first().copied()) else { return Ok(false) };
            if length == 0 {
                return Ok(true);
            }
            let Some(bytes) = self.take(length.into())? else { return Ok(false) };
            if !each(&bytes) {
                return Ok(false);
            }
        }
    }
}

/// LZW codes, of which only the lengths of what they stand for are kept.
struct Codes {
    least: u32,
    width: u32,
    held: u32,
    count: u32,
    lengths: Vec<u32>,
    last: Option<usize>,
    ended: bool,
    /// Pixels that are still missing.
    left: u64,
}

impl Codes {
    fn new(width: u8, pixels: u64) -> Self {
        let least = u32::from(width);
        Self { least, width: least + 1, held: 0, count: 0, lengths: Vec::new(), last: None, ended: false, left: pixels }
    }

    fn follow(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            if self.ended {
                return true;
            }
            self.held |= u32::from(*byte) << self.count;
            self.count += 8;
            while self.count >= self.width && !self.ended {
                let code = usize::try_from(self.held & ((1 << self.width) - 1)).unwrap_or(0);
                self.held >>= self.width;
                self.count -= self.width;
                if !self.code(code) {
                    return false;
                }
            }
        }
        true
    }

    fn code(&mut self, code: usize) -> bool {
        let clear = 1_usize << self.least;
        let first = clear + 2;
        if code == clear {
            self.lengths.clear();
            self.width = self.least + 1;
            self.last = None;
            return true;
        }
        if code == clear + 1 {
            self.ended = true;
            return true;
        }
        let length_of = |code: usize, lengths: &[u32]| match code.checked_sub(first) {
            None => Some(1),
            Some(index) => lengths.get(index).copied(),
        };
        let grown = self.last.and_then(|last| length_of(last, &self.lengths)).map(|length| length + 1);
        if let Some(grown) = grown
            && first + self.lengths.len() < 4096
        {
            self.lengths.push(grown);
            if first + self.lengths.len() == 1 << self.width && self.width < 12 {
                self.width += 1;
            }
        }
        let Some(length) = length_of(code, &self.lengths) else { return false };
        self.last = Some(code);
        match self.left.checked_sub(length.into()) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }
}
