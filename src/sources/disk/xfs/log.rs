//! Whether the log holds changes that are not in the volume yet. It is a ring of sectors that begin with the count of the
//! rounds; a volume that was taken out cleanly has, as the last thing in it, a record that says so.
//!
//! Reads as many sectors as a binary search needs, and at most 1 MiB before the end of the last round.

use crate::formats::numbers::be32;
use crate::sources::disk::xfs::Xfs;
use crate::sources::medium::MediumError;

const SECTOR: u64 = 512;
const RECORD: u32 = 0xFEED_BABE;
/// In the flags of an operation: it is the taking out.
const UNMOUNT: u8 = 0x20;
/// Sectors of a record at most.
const LONGEST: u64 = 2048;

impl Xfs {
    /// Whether the volume was taken out cleanly; `None` where its log cannot tell.
    pub(super) fn was_unmounted(&self) -> Result<Option<bool>, MediumError> {
        let superblock = &self.superblock;
        let Some((first, blocks)) = superblock.log else { return Ok(None) };
        let Some(start) = superblock.place(first, blocks) else { return Ok(None) };
        let log = Log { xfs: self, start, sectors: blocks * superblock.block_bytes / SECTOR };
        let Some(head) = log.head()? else { return Ok(None) };
        for back in 1..=LONGEST.min(log.sectors) {
            let Some(sector) = log.sector((head + log.sectors - back) % log.sectors)? else { return Ok(None) };
            if be32(&sector, 0) == Some(RECORD) {
                return log.is_unmount((head + log.sectors - back) % log.sectors, &sector);
            }
        }
        Ok(None)
    }
}

struct Log<'a> {
    xfs: &'a Xfs,
    start: u64,
    sectors: u64,
}

impl Log<'_> {
    fn sector(&self, number: u64) -> Result<Option<Vec<u8>>, MediumError> {
        Ok(self.xfs.chunks.read(self.start.saturating_add(number * SECTOR), 512)?.whole())
    }

    /// In which round a sector was written last; a record's head has that behind its sign.
    fn round(&self, number: u64) -> Result<Option<u32>, MediumError> {
        let sector = self.sector(number)?;
        Ok(sector.and_then(|sector| match be32(&sector, 0) {
            Some(RECORD) => be32(&sector, 4),
            round => round,
        }))
    }

    /// The sector that is to be written next: the first one that is still of the round before.
    fn head(&self) -> Result<Option<u64>, MediumError> {
        let (Some(newest), Some(last)) = (self.round(0)?, self.round(self.sectors - 1)?) else { return Ok(None) };
        let (mut newer, mut older) = (0, self.sectors - 1);
        if newest == last {
            return Ok(Some(0));
        }
        while older - newer > 1 {
            let middle = newer + (older - newer) / 2;
            match self.round(middle)? {
                Some(round) if round == newest => newer = middle,
                Some(_) => older = middle,
                None => return Ok(None),
            }
        }
        Ok(Some(older))
    }

    /// Whether a record has one operation, the taking out.
    fn is_unmount(&self, number: u64, head: &[u8]) -> Result<Option<bool>, MediumError> {
        if be32(head, 40) != Some(1) {
            return Ok(Some(false));
        }
        // Records of more than 32 KiB have more than one sector for their head.
        let heads = be32(head, 320).map_or(1, |bytes| u64::from(bytes).div_ceil(32 << 10)).max(1);
        let body = self.sector((number + heads) % self.sectors)?;
        Ok(body.and_then(|body| body.get(9).map(|flags| flags & UNMOUNT != 0)))
    }
}
