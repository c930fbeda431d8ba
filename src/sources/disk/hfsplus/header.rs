//! The volume header: at byte 1024, with a copy 1024 bytes before the end; perhaps inside an HFS wrapper.

use md5::{Digest as _, Md5};

use super::fork::{Fork, Space};
use crate::formats::numbers::{be16, be32};
use crate::sources::disk::scattered::Piece;
use crate::sources::medium::{Medium, MediumError};

/// How far from the end the copy is looked for: partitions are often a little longer than their volume.
const TAIL_BYTES: u64 = 64 << 10;

pub(super) struct Header {
    pub(super) space: Space,
    pub(super) is_hfsx: bool,
    /// Whether it was read from the copy.
    pub(super) is_copy: bool,
    /// Whether it has a journal and was not unmounted.
    pub(super) is_dirty: bool,
    pub(super) allocation: Fork,
    pub(super) extents: Fork,
    pub(super) catalog: Fork,
    pub(super) attributes: Fork,
    id: [u8; 8],
}

impl Header {
    /// Finds the header of the volume, its copy, or the one of the volume inside an HFS wrapper.
    pub(super) fn find(medium: &dyn Medium) -> Result<Option<Self>, MediumError> {
        let top = Piece::read(medium, 0, 4096)?;
        let first = top.sound(1024..1536);
        if let Some(header) = first.and_then(|bytes| Self::parse(bytes, 0, medium.size())) {
            return Ok(Some(header));
        }
        if let Some((start, end)) = first.and_then(wrapped) {
            let inner = Piece::read(medium, start.saturating_add(1024), 512)?;
            let header = inner.sound(0..512).and_then(|bytes| Self::parse(bytes, start, medium.size()));
            return match header {
                Some(header) => Ok(Some(header)),
                None => Self::find_copy(medium, start, end.min(medium.size())),
            };
        }
        // A volume that was formatted anew as something else keeps the copy at its end: it counts only where nothing
        // else stands at the beginning.
        let is_blank = top.bytes().iter().take(1024).all(|byte| *byte == 0);
        let is_ext = top.sound(1080..1082) == Some(&[0x53, 0xEF]);
        if !is_blank || is_ext {
            return Ok(None);
        }
        Self::find_copy(medium, 0, medium.size())
    }

    /// Finds the copy of the header of the volume that begins at `start`, in the last bytes before `end`.
    pub(super) fn find_copy(medium: &dyn Medium, start: u64, end: u64) -> Result<Option<Self>, MediumError> {
        let from = end.saturating_sub(TAIL_BYTES).max(start) / 512 * 512;
        let Ok(length) = usize::try_from(end.saturating_sub(from).min(TAIL_BYTES + 512)) else { return Ok(None) };
        let tail = Piece::read(medium, from, length)?;
        for at in (0..length / 512).rev().map(|sector| sector * 512) {
            let header = tail.sound(at..at + 512).and_then(|bytes| Self::parse(bytes, start, medium.size()));
            // The copy is 1024 bytes before the end of the volume; what lies elsewhere is something else.
            let volume_end = from + at as u64 + 1024;
            if let Some(header) = header.filter(|header| {
                let behind = header.space.range().end;
                behind <= volume_end && volume_end - behind < header.space.block_bytes.max(1024)
            }) {
                return Ok(Some(Self { is_copy: true, ..header }));
            }
        }
        Ok(None)
    }

    fn parse(bytes: &[u8], base: u64, medium_bytes: u64) -> Option<Self> {
        let is_hfsx = match (be16(bytes, 0)?, be16(bytes, 2)?) {
            (0x482B, 4) => false,
            (0x4858, 5) => true,
            _ => return None,
        };
        let attributes = be32(bytes, 4)?;
        let block_bytes = u64::from(be32(bytes, 40)?);
        let blocks = u64::from(be32(bytes, 44)?);
        if !block_bytes.is_power_of_two() || !(512..=1 << 20).contains(&block_bytes) || blocks == 0 {
            return None;
        }
        let fork = |at: usize| Fork::parse(bytes.get(at..)?);
        let most_blocks = blocks.max(medium_bytes.saturating_sub(base) / block_bytes);
        Some(Self {
            space: Space { base, block_bytes, blocks, most_blocks },
            is_hfsx,
            is_copy: false,
            is_dirty: attributes & 0x2000 != 0 && attributes & 0x100 == 0,
            allocation: fork(112)?,
            extents: fork(192)?,
            catalog: fork(272)?,
            attributes: fork(352)?,
            id: bytes.get(104..112)?.try_into().ok()?,
        })
    }

    /// As udev writes it: a UUID of version 3 made from the volume's eight bytes.
    pub(super) fn uuid(&self) -> Option<String> {
        const SPACE_OF_NAMES: [u8; 16] =
            [0xB3, 0xE2, 0x0F, 0x39, 0xF2, 0x92, 0x11, 0xD6, 0x97, 0xA4, 0x00, 0x30, 0x65, 0x43, 0xEC, 0xAC];
        if self.id == [0; 8] {
            return None;
        }
        let mut uuid: [u8; 16] = Md5::new().chain_update(SPACE_OF_NAMES).chain_update(self.id).finalize().into();
        uuid[6] = 0x30 | uuid[6] & 0x0F;
        uuid[8] = 0x80 | uuid[8] & 0x3F;
        let hex = data_encoding::HEXLOWER.encode(&uuid);
        let parts = [hex.get(..8), hex.get(8..12), hex.get(12..16), hex.get(16..20), hex.get(20..)];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join("-"))
    }
}

/// Where a volume lies inside an HFS wrapper (TN1150, “HFS Wrapper”).
fn wrapped(block: &[u8]) -> Option<(u64, u64)> {
    if be16(block, 0)? != 0x4244 || !matches!(be16(block, 0x7C)?, 0x482B | 0x4858) {
        return None;
    }
    let block_bytes = u64::from(be32(block, 0x14)?);
    let first = u64::from(be16(block, 0x1C)?) * 512;
    let (start, count) = (u64::from(be16(block, 0x7E)?), u64::from(be16(block, 0x80)?));
    let start = first + start * block_bytes;
    Some((start, start + count * block_bytes))
}
