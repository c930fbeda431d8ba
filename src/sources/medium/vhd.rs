//! Microsoft's Virtual Hard Disk (Image Format Specification, 2006): fixed and dynamic.

use std::sync::Arc;

use super::blocks::{Blocks, Layout, Place, Refusal};
use super::{Medium, MediumError, Window, read_vec};
use crate::formats::numbers::{be32, be64};

struct Dynamic {
    size: u64,
    block: u64,
    table: u64,
    entries: u64,
}

/// Whether these are the first or the last 512 bytes of such an image.
pub(super) fn is_footer(sector: &[u8]) -> bool {
    sector.starts_with(b"conectix")
}

/// The drive that it is the image of.
pub(super) fn open(file: Arc<dyn Medium>) -> Result<Arc<dyn Medium>, Refusal> {
    let last = file.size().saturating_sub(512);
    let mut found = None;
    // The one at the end counts; a dynamic image has a copy of it at the beginning.
    for at in [last, 0] {
        let (sector, holes) = read_vec(file.as_ref(), at, 512)?;
        if found.is_none() && holes.is_empty() && is_footer(&sector) && sum_is_right(&sector, 64) {
            found = Some(sector);
        }
    }
    let footer = found.ok_or(Refusal::Damaged("what the image says of itself at its end is damaged"))?;
    let size = be64(&footer, 48).unwrap_or(0);
    match be32(&footer, 60) {
        Some(2) => Ok(Arc::new(Window::new(file, 0..size))),
        Some(3) => Ok(Arc::new(Blocks::new(Arc::clone(&file), dynamic(file.as_ref(), size, &footer)?))),
        Some(4) => Err(Refusal::Unsupported(
            "it holds only the changes to another image: join the two with `qemu-img convert -O raw` first",
        )),
        _ => Err(Refusal::Unsupported("it is neither a fixed nor a dynamic image")),
    }
}

fn dynamic(file: &dyn Medium, size: u64, footer: &[u8]) -> Result<Dynamic, Refusal> {
    let damaged = || Refusal::Damaged("the head of the image is damaged");
    let (head, _) = read_vec(file, be64(footer, 16).ok_or_else(damaged)?, 1024)?;
    if !head.starts_with(b"cxsparse") {
        return Err(damaged());
    }
    let block =
        be32(&head, 32).map(u64::from).filter(|block| block.is_power_of_two() && (512..=1 << 30).contains(block));
    Ok(Dynamic {
        size,
        block: block.ok_or_else(damaged)?,
        table: be64(&head, 16).ok_or_else(damaged)?,
        entries: be32(&head, 28).map(u64::from).ok_or_else(damaged)?,
    })
}

impl Layout for Dynamic {
    fn size(&self) -> u64 {
        self.size
    }

    fn block(&self) -> u64 {
        self.block
    }

    fn place(&self, file: &dyn Medium, index: u64) -> Result<Place, MediumError> {
        if index >= self.entries {
            return Ok(Place::Missing);
        }
        let (entry, holes) = read_vec(file, self.table.saturating_add(index.saturating_mul(4)), 4)?;
        // Before each block stands one bit for each of its sectors, in whole sectors. Where it is 0 the sector was never written, and
        // is zero in the block too.
        let bitmap = (self.block / 512).div_ceil(8).next_multiple_of(512);
        Ok(match be32(&entry, 0).filter(|_| holes.is_empty()) {
            None => Place::Missing,
            Some(u32::MAX) => Place::Zeros,
            Some(sector) => Place::At(u64::from(sector) * 512 + bitmap),
        })
    }
}

/// The bytes added up with the sum itself left out, turned around.
fn sum_is_right(bytes: &[u8], at: usize) -> bool {
    let others = bytes.iter().enumerate().filter(|(index, _)| !(at..at + 4).contains(index));
    let sum = others.fold(0_u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)));
    be32(bytes, at) == Some(!sum)
}
