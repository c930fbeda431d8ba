//! The virtual disks of `VMware` (Virtual Disk Format 5.0): one sparse file, plain or packed; or a text that names flat and sparse ones.

use std::sync::Arc;

use super::blocks::{Blocks, LARGEST, Layout, Packing, Place, Refusal};
use super::joined::{Joined, Piece};
use super::{Medium, MediumError, read_vec};
use crate::formats::numbers::{le16, le32, le64};

const SECTOR: u64 = 512;

/// The longest text that names pieces.
const LONGEST_TEXT: u64 = 1 << 20;

struct Sparse {
    size: u64,
    grain: u64,
    directory: u64,
    entries_in_table: u64,
    is_packed: bool,
}

/// Gives the file of a name that a text mentions, from the folder that the text lies in; `None` where there is none.
pub(super) type Find<'a> = &'a dyn Fn(&str) -> Option<Arc<dyn Medium>>;

/// Whether the file begins as a sparse one does.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(b"KDMV")
}

/// Whether the file begins as a text does that names the pieces.
pub(super) fn begins_as_text(head: &[u8]) -> bool {
    head.starts_with(b"# Disk DescriptorFile")
}

/// The drive that a sparse file is the image of.
pub(super) fn open(file: Arc<dyn Medium>) -> Result<Arc<dyn Medium>, Refusal> {
    let (mut head, holes) = read_vec(file.as_ref(), 0, 512)?;
    let damaged = || Refusal::Damaged("the head of the image is damaged");
    if !holes.is_empty() {
        return Err(damaged());
    }
    if le64(&head, 28).is_some_and(|at| at != 0) {
        let at = le64(&head, 28).unwrap_or(0).saturating_mul(SECTOR);
        let length = le64(&head, 36).unwrap_or(0).saturating_mul(SECTOR).min(LONGEST_TEXT);
        let (text, _) = read_vec(file.as_ref(), at, usize::try_from(length).unwrap_or(0))?;
        refuse_changes(&String::from_utf8_lossy(&text))?;
    }
    let at_the_end = u64::MAX;
    if le64(&head, 56) == Some(at_the_end) {
        // Written in one go: what was not known at the beginning stands before the end mark.
        let (footer, _) = read_vec(file.as_ref(), file.size().saturating_sub(1024), 512)?;
        if !begins(&footer) {
            return Err(Refusal::Damaged("the image was cut off: its tables stood at its end"));
        }
        head = footer;
    }
    let sectors = |at| le64(&head, at).and_then(|sectors| sectors.checked_mul(SECTOR)).ok_or_else(damaged);
    let (size, grain, directory) = (sectors(12)?, sectors(20)?, sectors(56)?);
    let entries_in_table = le32(&head, 44).map(u64::from).ok_or_else(damaged)?;
    if !(SECTOR..=LARGEST).contains(&grain) || !(1..=1 << 20).contains(&entries_in_table) {
        return Err(damaged());
    }
    let is_packed = le32(&head, 8).is_some_and(|flags| flags & 1 << 16 != 0);
    if is_packed && le16(&head, 77) != Some(1) {
        return Err(Refusal::Unsupported("it is packed in a way that is not read"));
    }
    Ok(Arc::new(Blocks::new(file, Sparse { size, grain, directory, entries_in_table, is_packed })))
}

/// The drive that a text and the files beside it are the image of.
pub(super) fn open_text(file: &dyn Medium, find: Find<'_>) -> Result<Arc<dyn Medium>, Refusal> {
    let (bytes, _) = read_vec(file, 0, usize::try_from(file.size().min(LONGEST_TEXT)).unwrap_or(0))?;
    let text = String::from_utf8_lossy(&bytes);
    refuse_changes(&text)?;
    let mut pieces = Vec::new();
    for line in text.lines() {
        let Some((length, kind, rest)) = extent(line) else { continue };
        let piece = match kind {
            "ZERO" => Piece::Zeros,
            "FLAT" | "VMFS" | "SPARSE" => {
                let mut parts = rest.splitn(3, '"');
                let name = parts.nth(1).unwrap_or_default();
                let from = parts.next().and_then(|from| from.trim().parse::<u64>().ok()).unwrap_or(0);
                // A text from elsewhere names files of its own folder, and no others.
                let is_plain = !name.is_empty() && !name.contains('/') && name != "..";
                match find(name).filter(|_| is_plain) {
                    None => Piece::Missing,
                    Some(found) if kind == "SPARSE" => Piece::Of(open(found)?, 0),
                    Some(found) => Piece::Of(found, from.saturating_mul(SECTOR)),
                }
            }
            _ => return Err(Refusal::Unsupported("it consists of pieces of a kind that is not read")),
        };
        pieces.push((length, piece));
    }
    if pieces.iter().all(|(_, piece)| matches!(piece, Piece::Missing)) {
        return Err(Refusal::Damaged("none of the files that it names is beside it"));
    }
    Ok(Arc::new(Joined::new(pieces)))
}

/// `RW 8192 SPARSE "disk.vmdk"`: bytes, kind, and what follows.
fn extent(line: &str) -> Option<(u64, &str, &str)> {
    let mut words = line.trim().splitn(4, ' ');
    let access = words.next()?;
    if !["RW", "RDONLY", "NOACCESS"].contains(&access) {
        return None;
    }
    let length = words.next()?.parse::<u64>().ok()?.checked_mul(SECTOR)?;
    Some((length, words.next()?, words.next().unwrap_or_default()))
}

fn refuse_changes(text: &str) -> Result<(), Refusal> {
    let parent = text.lines().find_map(|line| line.trim().strip_prefix("parentCID="));
    match parent {
        Some(parent) if !parent.trim().eq_ignore_ascii_case("ffffffff") => Err(Refusal::Unsupported(
            "it holds only the changes since a snapshot: join the two with `qemu-img convert -O raw` first",
        )),
        _ => Ok(()),
    }
}

impl Layout for Sparse {
    fn size(&self) -> u64 {
        self.size
    }

    fn block(&self) -> u64 {
        self.grain
    }

    fn place(&self, file: &dyn Medium, index: u64) -> Result<Place, MediumError> {
        let (table, entry) = (index / self.entries_in_table, index % self.entries_in_table);
        let Some(table) = number(file, self.directory, table)? else { return Ok(Place::Missing) };
        if table == 0 {
            return Ok(Place::Zeros);
        }
        let Some(grain) = number(file, table * SECTOR, entry)? else { return Ok(Place::Missing) };
        // 1 is a grain that was written with zeros.
        if grain <= 1 {
            return Ok(Place::Zeros);
        }
        let at = grain * SECTOR;
        if !self.is_packed {
            return Ok(Place::At(at));
        }
        let (mark, holes) = read_vec(file, at, 12)?;
        Ok(match le32(&mark, 8).filter(|_| holes.is_empty()) {
            Some(length) => Place::Packed { at: at + 12, length: u64::from(length), how: Packing::Zlib },
            None => Place::Missing,
        })
    }
}

fn number(file: &dyn Medium, table: u64, index: u64) -> Result<Option<u64>, MediumError> {
    let (bytes, holes) = read_vec(file, table.saturating_add(index.saturating_mul(4)), 4)?;
    Ok(le32(&bytes, 0).map(u64::from).filter(|_| holes.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ranges;

    fn file(bytes: Vec<u8>) -> Arc<dyn Medium> {
        Arc::new((bytes, Ranges::new()))
    }

    #[test]
    fn flat_pieces_are_put_together_and_none_comes_from_another_folder() {
        let text = "# Disk DescriptorFile\nversion=1\nparentCID=ffffffff\n\
            RW 1 FLAT \"a-f001.vmdk\" 0\nRW 1 FLAT \"a-f001.vmdk\" 1\nRW 2 ZERO\nRW 1 FLAT \"../secret\" 0\n";
        let mut asked = vec![5; 512];
        asked.extend([6; 512]);
        let find = |name: &str| (name == "a-f001.vmdk" || name == "../secret").then(|| file(asked.clone()));
        let disk = open_text(file(text.into()).as_ref(), &find).ok().unwrap();
        let (bytes, holes) = read_vec(disk.as_ref(), 0, 2560).unwrap();
        assert_eq!(holes.to_string(), "2048+512");
        assert_eq!((bytes[0], bytes[511], bytes[512], bytes[1024]), (5, 5, 6, 0));
    }

    #[test]
    fn the_changes_of_a_snapshot_are_no_drive() {
        let text = "# Disk DescriptorFile\nparentCID=12345678\nRW 1 FLAT \"a\" 0\n";
        assert!(matches!(open_text(file(text.into()).as_ref(), &|_| None), Err(Refusal::Unsupported(_))));
    }
}
