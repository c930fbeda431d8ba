//! The boot sector of NTFS: how big things are, and where the table of files begins.

use crate::formats::numbers::{Order, le16};
use crate::sources::medium::{Medium, MediumError, read_vec};

/// Where bytes are said to lie that nobody can find any more: behind the end of every medium, so that they read as a
/// hole, and far enough from the end of the numbers that the beginning of a partition can be added.
pub(super) const LOST: u64 = 1 << 62;

/// What a boot sector of NTFS says that it is.
const MARK: &[u8] = b"NTFS    ";

/// How much is asked for at once at either end of the volume.
const EDGE: u64 = 64 << 10;

/// What the boot sector says, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Geometry {
    /// Bytes in a cluster: a power of two, 256 bytes to 2 MiB.
    pub(super) cluster: u64,
    /// Whole clusters of the volume.
    pub(super) clusters: u64,
    /// Bytes in a record of the table of files: a power of two, 512 bytes to 64 KiB.
    pub(super) record: usize,
    /// Where the table begins.
    pub(super) table: u64,
    /// Where the copy of its first four records is.
    pub(super) mirror: u64,
    /// The number that tells the volume from others.
    pub(super) serial: u64,
}

/// What the first sector is.
pub(super) enum First {
    /// A boot sector of NTFS.
    Ntfs(Geometry),
    /// Unreadable or wiped.
    Gone,
    /// Something else has begun here, or an encrypted volume: what was here before says nothing any more.
    Anothers,
}

impl Geometry {
    /// Takes a boot sector apart; `None` where it is not one of NTFS, or cannot be true.
    pub(super) fn parse(sector: &[u8]) -> Option<Self> {
        if sector.get(3..11)? != MARK {
            return None;
        }
        let sector_bytes = u64::from(le16(sector, 0x0B)?);
        if !(256..=4096).contains(&sector_bytes) || !sector_bytes.is_power_of_two() {
            return None;
        }
        let cluster = match *sector.get(0x0D)? {
            sectors @ 1..=0x80 => sector_bytes * u64::from(sectors),
            // Above 64 KiB the byte is the exponent, as a negative number.
            exponent @ 0xF0.. => sector_bytes << (256 - u32::from(exponent)),
            _ => return None,
        };
        let record = match *sector.get(0x40)? {
            clusters @ 1..=0x7F => cluster * u64::from(clusters),
            exponent @ 0xF0.. => 1 << (256 - u32::from(exponent)),
            _ => return None,
        };
        let in_range = cluster.is_power_of_two() && cluster <= 2 << 20;
        if !in_range || !record.is_power_of_two() || !(512..=64 << 10).contains(&record) {
            return None;
        }
        let number = |at: usize| Order::Little.number(sector.get(at..at + 8)?);
        let clusters = number(0x28)?.checked_mul(sector_bytes)? / cluster;
        let (table, mirror) = (number(0x30)?, number(0x38)?);
        if table == 0 || table >= clusters || clusters.checked_mul(cluster)? >= LOST {
            return None;
        }
        Some(Self {
            cluster,
            clusters,
            record: usize::try_from(record).ok()?,
            table: table * cluster,
            mirror: mirror.min(clusters) * cluster,
            serial: number(0x48)?,
        })
    }

    /// Bytes of all clusters.
    pub(super) fn bytes(&self) -> u64 {
        self.clusters * self.cluster
    }

    /// Where a cluster begins; [`LOST`] where no volume reaches.
    pub(super) fn position(&self, cluster: u64) -> u64 {
        cluster.checked_mul(self.cluster).map_or(LOST, |at| at.min(LOST))
    }
}

/// Looks at the first sector.
pub(super) fn first(medium: &dyn Medium) -> Result<First, MediumError> {
    let (head, holes) = read_vec(medium, 0, edge(medium))?;
    if !holes.meets(0..512) {
        let first = head.get(..512).unwrap_or_default();
        if let Some(geometry) = Geometry::parse(first) {
            return Ok(First::Ntfs(geometry));
        }
        // A boot sector of NTFS that cannot be true is still nobody else's.
        if first.iter().any(|byte| *byte != 0) && first.get(3..11) != Some(MARK) {
            return Ok(First::Anothers);
        }
    }
    Ok(if is_anothers(&head) || is_btrfs(medium)? { First::Anothers } else { First::Gone })
}

/// Looks for the copy of the boot sector, among the last sectors.
pub(super) fn last(medium: &dyn Medium) -> Result<Option<Geometry>, MediumError> {
    let length = edge(medium);
    let start = medium.size().saturating_sub(length as u64);
    let (tail, holes) = read_vec(medium, start, length)?;
    let mut copies = (0..length).step_by(512).rev().filter(|at| *at > 0 || start > 0);
    Ok(copies.find_map(|at| {
        let here = start + at as u64;
        let whole = !holes.meets(here..here + 512);
        whole.then(|| Geometry::parse(tail.get(at..)?)).flatten()
    }))
}

/// Whether a file system that leaves the first sector empty has begun here: ext, HFS, HFS+, ISO 9660 and UDF.
fn is_anothers(head: &[u8]) -> bool {
    let marks: [(usize, &[u8]); 6] =
        [(1080, &[0x53, 0xEF]), (1024, b"H+"), (1024, b"HX"), (1024, b"BD"), (0x8001, b"CD001"), (0x8001, b"BEA01")];
    marks.iter().any(|(at, mark)| head.get(*at..).is_some_and(|there| there.starts_with(mark)))
}

fn is_btrfs(medium: &dyn Medium) -> Result<bool, MediumError> {
    Ok(read_vec(medium, (64 << 10) + 64, 8)?.0 == b"_BHRfS_M")
}

/// Whole sectors of the medium's end or beginning.
fn edge(medium: &dyn Medium) -> usize {
    usize::try_from(medium.size().min(EDGE) & !511).unwrap_or(0)
}
