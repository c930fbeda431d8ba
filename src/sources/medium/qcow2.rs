//! QEMU's image format, versions 2 and 3 (its `docs/interop/qcow2.txt`): plain and packed clusters, no image behind it.
//!
//! Two tables are read as they are needed: each look-up costs two small reads of the file.

use std::sync::Arc;

use super::blocks::{Blocks, Layout, Packing, Place, Refusal};
use super::{Medium, MediumError, read_vec};
use crate::formats::numbers::{be32, be64};

struct Qcow2 {
    size: u64,
    cluster_bits: u32,
    first_table: u64,
    first_entries: u64,
    version: u32,
    packs_by_zstd: bool,
}

/// Whether the file begins as such an image does.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(b"QFI\xFB")
}

/// The drive that it is the image of.
pub(super) fn open(file: Arc<dyn Medium>) -> Result<Arc<dyn Medium>, Refusal> {
    let (head, holes) = read_vec(file.as_ref(), 0, 112)?;
    let damaged = || Refusal::Damaged("the head of the image is damaged");
    if holes.meets(0..72) {
        return Err(damaged());
    }
    let word = |at| be32(&head, at).ok_or_else(damaged);
    let long = |at| be64(&head, at).ok_or_else(damaged);
    let version = word(4)?;
    if version != 2 && version != 3 {
        return Err(Refusal::Unsupported("it is a version of qcow that is not read: only 2 and 3 are"));
    }
    if long(8)? != 0 {
        return Err(Refusal::Unsupported(
            "it holds only the changes to another image: join the two with `qemu-img convert -O raw` first",
        ));
    }
    if word(32)? != 0 {
        return Err(Refusal::Unsupported("it is encrypted: decrypt it with `qemu-img convert` first"));
    }
    let features = if version == 3 { long(72)? } else { 0 };
    // Bits 0 and 1 say that it was not closed, or is damaged: what can be read is read. Bit 3 tells how clusters are packed.
    if features & !0b1011 != 0 {
        return Err(Refusal::Unsupported(
            "it has features that are not read: `qemu-img convert -O raw` makes a plain image",
        ));
    }
    let packs_by_zstd = features & 0b1000 != 0 && head.get(104).is_some_and(|kind| *kind != 0);
    let cluster_bits = word(20)?;
    if !(9..=21).contains(&cluster_bits) {
        return Err(damaged());
    }
    let layout = Qcow2 {
        size: long(24)?,
        cluster_bits,
        first_table: long(40)?,
        first_entries: u64::from(word(36)?),
        version,
        packs_by_zstd,
    };
    Ok(Arc::new(Blocks::new(file, layout)))
}

const OFFSET: u64 = 0x00FF_FFFF_FFFF_FE00;

impl Layout for Qcow2 {
    fn size(&self) -> u64 {
        self.size
    }

    fn block(&self) -> u64 {
        1 << self.cluster_bits
    }

    fn place(&self, file: &dyn Medium, index: u64) -> Result<Place, MediumError> {
        // A cluster of entries of eight bytes each.
        let entries = 1_u64 << (self.cluster_bits - 3);
        let (first, second) = (index / entries, index % entries);
        if first >= self.first_entries {
            return Ok(Place::Missing);
        }
        let Some(table) = entry(file, self.first_table, first)? else { return Ok(Place::Missing) };
        if table & OFFSET == 0 {
            return Ok(Place::Zeros);
        }
        let Some(found) = entry(file, table & OFFSET, second)? else { return Ok(Place::Missing) };
        if found & 1 << 62 != 0 {
            if self.packs_by_zstd {
                return Ok(Place::Missing);
            }
            let offset_bits = 62 - (self.cluster_bits - 8);
            let at = found & ((1 << offset_bits) - 1);
            let more_sectors = (found & ((1 << 62) - 1)) >> offset_bits;
            let length = (more_sectors + 1) * 512 - at % 512;
            return Ok(Place::Packed { at, length: length.min(file.size().saturating_sub(at)), how: Packing::Deflate });
        }
        let zero = self.version == 3 && found & 1 != 0;
        Ok(if zero || found & OFFSET == 0 { Place::Zeros } else { Place::At(found & OFFSET) })
    }
}

fn entry(file: &dyn Medium, table: u64, index: u64) -> Result<Option<u64>, MediumError> {
    let (bytes, holes) = read_vec(file, table.saturating_add(index.saturating_mul(8)), 8)?;
    Ok(be64(&bytes, 0).filter(|_| holes.is_empty()))
}
