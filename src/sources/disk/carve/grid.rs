//! The clusters that files begin on.

use super::space::Space;
use super::sweep::Swept;
use super::texture::SECTOR;
use crate::model::Ranges;
use crate::sources::disk::file_system::Extent;

/// The largest cluster of any file system that cards and drives are formatted with, NTFS's 2 MiB excepted.
const LARGEST: u64 = 256 << 10;
/// With fewer files than this, that they all lie on a coarse grid may be chance.
const FEW: usize = 8;
/// The grid that chance is believed up to.
const USUAL: u64 = 4096;

/// Where clusters begin on the medium.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Grid {
    /// Bytes.
    pub(super) cluster: u64,
    /// Where one of them begins.
    pub(super) first: u64,
}

impl Grid {
    /// As the file system says.
    pub(super) fn known(cluster: u64, first: u64) -> Self {
        Self { cluster: cluster.clamp(SECTOR, 2 << 20), first }
    }

    /// The coarsest grid that nearly all files that were found begin on.
    pub(super) fn seen(space: &Space, swept: &Swept) -> Self {
        let starts = swept.finds.iter().map(|find| find.at).chain(swept.lost.iter().map(|lost| lost.at));
        let places: Vec<u64> = starts.filter_map(|at| space.locate(at).map(|(place, _)| place)).collect();
        let mut grid = Self { cluster: SECTOR, first: 0 };
        let most = if places.len() < FEW { USUAL } else { LARGEST };
        while grid.cluster < most {
            let cluster = grid.cluster * 2;
            // Each half of the finer grid is a coarser one.
            let on = |first: u64| places.iter().filter(|place| **place % cluster == first % cluster).count();
            let (one, other) = (grid.first, grid.first + grid.cluster);
            let first = if on(one) >= on(other) { one } else { other };
            if on(first) * 20 < places.len() * 19 || places.is_empty() {
                break;
            }
            grid = Self { cluster, first: first % cluster };
        }
        grid
    }

    /// Takes a file's clusters out of the space.
    pub(super) fn take(&self, space: &mut Ranges, pieces: &[Extent]) {
        for piece in pieces {
            let Some(at) = piece.at else { continue };
            let end = at.saturating_add(piece.length);
            let over = (end + self.cluster - self.first % self.cluster) % self.cluster;
            let end = if over == 0 { end } else { end.saturating_add(self.cluster - over) };
            space.remove(at..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;
    use crate::sources::disk::carve::sweep::Find;
    use crate::sources::disk::carve::texture::Texture;

    fn seen(places: &[u64]) -> Grid {
        let finds = places.iter().map(|at| Find::proven(*at, 1, Kind::Jpeg)).collect();
        let swept = Swept { finds, lost: Vec::new(), texture: Texture::new(0) };
        Grid::seen(&Space::new(&Ranges::one(0..1 << 40), SECTOR, 0), &swept)
    }

    #[test]
    fn the_grid_is_seen_from_where_files_begin() {
        let on = |cluster: u64, first: u64| -> Vec<u64> { (0..40).map(|n| first + n * n * cluster).collect() };
        assert_eq!(seen(&on(4096, 0)), Grid { cluster: 4096, first: 0 });
        assert_eq!(seen(&on(32768, 1024)), Grid { cluster: 32768, first: 1024 });
        assert_eq!(seen(&on(512, 0)), Grid { cluster: 512, first: 0 });
        assert_eq!(seen(&[0, 1 << 30]).cluster, USUAL, "two files prove little");
    }

    #[test]
    fn a_file_owns_its_last_cluster() {
        let mut space = Ranges::one(0..100_000);
        Grid { cluster: 4096, first: 512 }.take(&mut space, &[Extent { at: Some(512), length: 5000 }]);
        assert_eq!(space.to_string(), "0+512, 8704+91296");
    }
}
