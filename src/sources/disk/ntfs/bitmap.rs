//! `$Bitmap`: which clusters are taken.
//!
//! Memory: 16 bytes for each stretch of free clusters.

use super::attribute::DATA;
use super::table::Table;
use crate::model::Ranges;
use crate::sources::medium::MediumError;

/// The record of `$Bitmap`.
const RECORD: u64 = 6;
/// How much of it is asked for at once: 8 GiB of clusters of 4 KiB.
const CHUNK: usize = 256 << 10;

/// What the bitmap says, as positions on the medium.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bitmap {
    /// Not taken.
    pub(super) free: Ranges,
    /// What it could not be read for.
    pub(super) unknown: Ranges,
    /// Where the last cluster ends.
    pub(super) end: u64,
}

impl Bitmap {
    /// Reads it; everything is unknown where it cannot be found.
    pub(super) fn read(table: &Table) -> Result<Self, MediumError> {
        let (cluster, clusters) = (table.geometry.cluster, table.geometry.clusters);
        let mut bitmap = Self { free: Ranges::new(), unknown: Ranges::new(), end: table.geometry.bytes() };
        let Some(stream) = table.stream_of(RECORD, DATA)? else {
            bitmap.unknown.insert(0..bitmap.end);
            return Ok(bitmap);
        };
        let mut bytes = vec![0; CHUNK];
        // No bit is looked at that the medium could not have a cluster for.
        let end = clusters.min(table.medium.size().div_ceil(cluster));
        let mut first = 0;
        while first < end {
            let holes = stream.read(&*table.medium, first / 8, &mut bytes)?;
            let next = (first + CHUNK as u64 * 8).min(end);
            let unknown = holes
                .iter()
                .map(|hole| (hole.start * 8).clamp(first, next)..(hole.end.saturating_mul(8)).clamp(first, next));
            let unknown: Ranges = unknown.collect();
            for run in zeros(&bytes, first..next) {
                bitmap.free.insert(run.start * cluster..run.end * cluster);
            }
            for run in unknown.iter() {
                bitmap.free.remove(run.start * cluster..run.end * cluster);
                bitmap.unknown.insert(run.start * cluster..run.end * cluster);
            }
            first = next;
        }
        bitmap.unknown.insert(end * cluster..bitmap.end);
        Ok(bitmap)
    }
}

/// The runs of bits that are zero, among those of `clusters`; the first bit is the first cluster's.
fn zeros(bytes: &[u8], clusters: std::ops::Range<u64>) -> impl Iterator<Item = std::ops::Range<u64>> {
    let mut at = clusters.start;
    let first = clusters.start;
    let bit = move |at: u64| {
        let byte =
            usize::try_from((at - first) / 8).ok().and_then(|index| bytes.get(index)).copied().unwrap_or(u8::MAX);
        (byte, byte >> ((at - first) % 8) & 1 == 0)
    };
    // Goes on to the first bit that is, or is not, free: whole bytes at once where they are all the same.
    let skip = move |mut at: u64, free: bool| {
        let all = if free { 0 } else { u8::MAX };
        while at < clusters.end {
            let (byte, is_free) = bit(at);
            if (at - first).is_multiple_of(8) && byte == all {
                at += 8;
            } else if is_free == free {
                at += 1;
            } else {
                break;
            }
        }
        at.min(clusters.end)
    };
    std::iter::from_fn(move || {
        let start = skip(at, false);
        let end = skip(start, true);
        at = end;
        (start < end).then_some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_free_clusters_begin_and_end_anywhere() {
        let all = |bytes: &[u8], clusters| zeros(bytes, clusters).collect::<Vec<_>>();
        assert_eq!(all(&[0b1110_0011, 0, 0, 0b1111_1110, 0xFF], 0..40), [2..5, 8..25]);
        assert_eq!(all(&[0, 0], 0..13).first(), Some(&(0..13)));
        assert_eq!(all(&[0xFF, 0x0F], 100 * 8..100 * 8 + 16).first(), Some(&(812..816)));
        assert_eq!(all(&[0xFF], 0..8), []);
        assert_eq!(all(&[], 0..8), [], "what is not there is not free");
    }
}
