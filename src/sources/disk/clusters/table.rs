//! The file allocation table: which cluster follows which.
//!
//! Bounds: at most 512 pieces of 64 KiB are held (32 MiB), and no more than 64 times the whole table is ever read in
//! one walk; after that, links count as unreadable, so that no maze of links keeps a walk from its end.

use std::collections::VecDeque;

use crate::formats::numbers::{le16, le32};
use crate::model::Ranges;
use crate::sources::medium::{Medium, MediumError, read_vec};

const WINDOW: u64 = 64 << 10;
const HELD: usize = 512;

/// How a link is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sources::disk) enum Width {
    Twelve,
    Sixteen,
    /// FAT32: the upper four bits are not part of the link.
    TwentyEight,
    /// exFAT.
    ThirtyTwo,
}

impl Width {
    /// Links in a table of so many bytes.
    pub(in crate::sources::disk) fn links_in(self, bytes: u64) -> u64 {
        match self {
            Self::Twelve => bytes.saturating_mul(2) / 3,
            Self::Sixteen => bytes / 2,
            Self::TwentyEight | Self::ThirtyTwo => bytes / 4,
        }
    }

    fn place(self, cluster: u32) -> (u64, u64) {
        let cluster = u64::from(cluster);
        match self {
            Self::Twelve => (cluster + cluster / 2, 2),
            Self::Sixteen => (cluster * 2, 2),
            Self::TwentyEight | Self::ThirtyTwo => (cluster * 4, 4),
        }
    }

    fn decode(self, bytes: &[u8], cluster: u32) -> Option<Link> {
        let (number, bad) = match self {
            Self::Twelve => {
                let pair = u32::from(le16(bytes, 0)?);
                (if cluster.is_multiple_of(2) { pair & 0xFFF } else { pair >> 4 }, 0xFF7)
            }
            Self::Sixteen => (u32::from(le16(bytes, 0)?), 0xFFF7),
            Self::TwentyEight => (le32(bytes, 0)? & 0x0FFF_FFFF, 0x0FFF_FFF7),
            Self::ThirtyTwo => (le32(bytes, 0)?, 0xFFFF_FFF7),
        };
        Some(match number {
            0 => Link::Free,
            1 => Link::Wrong,
            next if next < bad => Link::Next(next),
            next if next == bad => Link::Wrong,
            _ => Link::End,
        })
    }
}

/// What the table says about a cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    /// Nobody has it.
    Free,
    /// This one comes after it (which may be no cluster of the volume).
    Next(u32),
    /// It is the last of its file.
    End,
    /// It is marked as bad, or the link makes no sense.
    Wrong,
    /// It cannot be read, in no copy.
    Unreadable,
}

/// Where the table lies.
#[derive(Clone, Debug)]
pub(in crate::sources::disk) struct TableLayout {
    pub(in crate::sources::disk) width: Width,
    /// Where each copy begins, the one in use first; no more than two are looked at.
    pub(in crate::sources::disk) copies: Vec<u64>,
    /// Bytes of one copy.
    pub(in crate::sources::disk) bytes: u64,
    /// Where one copy cannot be read, this much is taken from the other.
    pub(in crate::sources::disk) sector: u64,
}

struct Piece {
    bytes: Vec<u8>,
    holes: Ranges,
}

/// Reads links, and keeps what was read.
pub(super) struct Table<'v> {
    medium: &'v dyn Medium,
    layout: &'v TableLayout,
    pieces: [Vec<Option<Box<Piece>>>; 2],
    held: VecDeque<(usize, usize)>,
    loads_left: u64,
}

impl<'v> Table<'v> {
    pub(super) fn new(medium: &'v dyn Medium, layout: &'v TableLayout) -> Self {
        let loads_left = (layout.bytes / WINDOW).saturating_add(1).saturating_mul(64);
        Self { medium, layout, pieces: [Vec::new(), Vec::new()], held: VecDeque::new(), loads_left }
    }

    /// What the table says, from the copy in use, and where that cannot be read from the other.
    pub(super) fn link(&mut self, cluster: u32) -> Result<Link, MediumError> {
        self.look(0, cluster)
    }

    /// What the copy says that is not in use; `None` where there is none.
    pub(super) fn spare(&mut self, cluster: u32) -> Result<Option<Link>, MediumError> {
        if self.layout.copies.len() < 2 {
            return Ok(None);
        }
        self.look(1, cluster).map(Some)
    }

    /// The link of a living file: where the copy in use says that the cluster is free or makes no sense, the other is asked.
    pub(super) fn living_link(&mut self, cluster: u32) -> Result<Link, MediumError> {
        let link = self.link(cluster)?;
        if !matches!(link, Link::Free | Link::Wrong) {
            return Ok(link);
        }
        let spare = self.spare(cluster)?.filter(|spare| matches!(spare, Link::Next(_) | Link::End));
        Ok(spare.unwrap_or(link))
    }

    fn look(&mut self, copy: usize, cluster: u32) -> Result<Link, MediumError> {
        let width = self.layout.width;
        let (at, length) = width.place(cluster);
        if at.saturating_add(length) > self.layout.bytes {
            return Ok(Link::Unreadable);
        }
        let Some(piece) = self.piece(copy, at / WINDOW)? else { return Ok(Link::Unreadable) };
        let inside = at % WINDOW;
        if piece.holes.meets(inside..inside + length) {
            return Ok(Link::Unreadable);
        }
        let start = usize::try_from(inside).unwrap_or(usize::MAX);
        let bytes = piece.bytes.get(start..).unwrap_or_default();
        Ok(width.decode(bytes, cluster).unwrap_or(Link::Unreadable))
    }

    fn piece(&mut self, copy: usize, index: u64) -> Result<Option<&Piece>, MediumError> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let there = self.pieces.get(copy).and_then(|pieces| pieces.get(index)).is_some_and(Option::is_some);
        if !there {
            if self.loads_left == 0 {
                return Ok(None);
            }
            self.loads_left -= 1;
            let piece = self.load(copy, index as u64)?;
            if self.held.len() >= HELD
                && let Some((copy, index)) = self.held.pop_front()
                && let Some(place) = self.pieces.get_mut(copy).and_then(|pieces| pieces.get_mut(index))
            {
                *place = None;
            }
            let Some(pieces) = self.pieces.get_mut(copy) else { return Ok(None) };
            if pieces.len() <= index {
                pieces.resize_with(index + 1, || None);
            }
            if let Some(place) = pieces.get_mut(index) {
                *place = Some(Box::new(piece));
            }
            self.held.push_back((copy, index));
        }
        Ok(self.pieces.get(copy).and_then(|pieces| pieces.get(index)).and_then(Option::as_deref))
    }

    fn load(&self, copy: usize, index: u64) -> Result<Piece, MediumError> {
        let begin = index.saturating_mul(WINDOW);
        let length = usize::try_from(self.layout.bytes.saturating_sub(begin).min(WINDOW)).unwrap_or(0);
        let position = |copy: usize| self.layout.copies.get(copy).map(|at| at.saturating_add(begin));
        let Some(at) = position(copy) else {
            return Ok(Piece { bytes: Vec::new(), holes: Ranges::one(0..WINDOW) });
        };
        let (mut bytes, found) = read_vec(self.medium, at, length)?;
        let mut holes: Ranges = found.iter().map(|hole| hole.start - at..hole.end - at).collect();
        if copy == 0
            && let Some(other) = position(1)
        {
            for hole in holes.clone().iter() {
                let sector = self.layout.sector.max(1);
                let start = hole.start / sector * sector;
                let end = hole.end.div_ceil(sector).saturating_mul(sector).min(length as u64);
                let size = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
                let (spare, still) = read_vec(self.medium, other.saturating_add(start), size)?;
                // Bytes of the copy in use that could be read stay; only what is missing is filled in.
                let skip = usize::try_from(hole.start - start).unwrap_or(usize::MAX);
                let from = usize::try_from(hole.start).unwrap_or(usize::MAX);
                let to = usize::try_from(hole.end).unwrap_or(usize::MAX);
                let fill = spare.get(skip..).unwrap_or_default();
                for (into, byte) in bytes.get_mut(from..to).unwrap_or_default().iter_mut().zip(fill) {
                    *into = *byte;
                }
                holes.remove(hole.clone());
                let first = other.saturating_add(start);
                let missing = still.iter().map(|bad| bad.start - first + start..bad.end - first + start);
                for bad in missing.collect::<Ranges>().within(hole).iter() {
                    holes.insert(bad);
                }
            }
        }
        Ok(Piece { bytes, holes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(width: Width, bytes: u64) -> TableLayout {
        TableLayout { width, copies: vec![0, bytes], bytes, sector: 512 }
    }

    #[test]
    fn links_of_every_width_are_read() {
        let twelve = (vec![0xF8, 0xFF, 0xFF, 0x03, 0x40, 0x00, 0xF7, 0x8F, 0xFF], Ranges::new());
        let layout_12 = layout(Width::Twelve, 9);
        let mut table = Table::new(&twelve, &layout_12);
        let links: Vec<Link> = (2..7).map(|cluster| table.link(cluster).unwrap()).collect();
        assert_eq!(links, [Link::Next(3), Link::Next(4), Link::Wrong, Link::End, Link::Unreadable]);
        let numbers = [0x0FFF_FFF8_u32, u32::MAX, 0xF000_0000, 0x0FFF_FFF7, 0x0FFF_FFFF, 0xA000_0009, 1];
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let layout_28 = layout(Width::TwentyEight, 28);
        let medium = (bytes, Ranges::new());
        let mut table = Table::new(&medium, &layout_28);
        let links: Vec<Link> = (2..7).map(|cluster| table.link(cluster).unwrap()).collect();
        assert_eq!(links, [Link::Free, Link::Wrong, Link::End, Link::Next(9), Link::Wrong]);
    }

    #[test]
    fn each_bad_sector_of_one_copy_is_read_from_the_other_by_itself() {
        // Copy 1 says n + 1, copy 2 says n + 2; sector 1 of copy 1 is bad, and sectors 3 of both.
        let numbers = |step: u16| (0..1024_u16).flat_map(move |n| (n + step).to_le_bytes());
        let bytes: Vec<u8> = numbers(1).chain(numbers(2)).collect();
        let bad: Ranges = [512..1024, 1536..1600, 2048 + 1536..2048 + 2048].into_iter().collect();
        let medium = (bytes, bad);
        let layout = layout(Width::Sixteen, 2048);
        let mut table = Table::new(&medium, &layout);
        let mut link = |cluster| table.link(cluster).unwrap();
        assert_eq!(link(255), Link::Next(256));
        assert_eq!(link(256), Link::Next(258), "from the second copy");
        assert_eq!(link(511), Link::Next(513), "from the second copy");
        assert_eq!(link(512), Link::Next(513));
        assert_eq!(link(768), Link::Unreadable, "in neither");
        assert_eq!(link(1000), Link::Next(1001), "what the first copy gives stays");
    }

    #[test]
    fn a_maze_of_links_is_left_in_the_end() {
        let medium = (vec![0; 1 << 20], Ranges::new());
        let layout = TableLayout { width: Width::ThirtyTwo, copies: vec![0], bytes: 1 << 20, sector: 512 };
        let mut table = Table::new(&medium, &layout);
        table.loads_left = 3;
        let links: Vec<Link> = (0..4).map(|window| table.link(window << 14).unwrap()).collect();
        assert_eq!(links, [Link::Free, Link::Free, Link::Free, Link::Unreadable]);
    }
}
