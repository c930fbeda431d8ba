//! What a volume says it is, by its first bytes: enough to know a partition from nothing, and encryption from a file system.

use crate::formats::numbers::{be32, be64, le16, le32, le64};

/// What was recognised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// A file system, with its length in bytes where it says so.
    FileSystem(&'static str, Option<u64>),
    /// Encryption that has a mark.
    Encrypted(&'static str),
    /// Linux' memory on disk.
    Swap,
    /// A physical volume of LVM.
    Lvm,
}

/// As many bytes as any mark needs.
pub(super) const MARKED: usize = 0x1_1000;

/// The file systems that begin within the first few sectors, as lost partitions do.
pub(super) const MARKED_EARLY: usize = 4096;

/// What the first bytes of a volume say. Marks that lie behind what is given are not found.
pub(super) fn find(head: &[u8]) -> Option<Mark> {
    let has = |at: usize, mark: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(mark));
    let file_system = |kind, size: Option<u64>| Some(Mark::FileSystem(kind, size));
    if has(3, b"-FVE-FS-") || has(0x1A8, BITLOCKER_TO_GO) {
        return Some(Mark::Encrypted("BitLocker"));
    }
    if has(0, b"LUKS\xBA\xBE") {
        return Some(Mark::Encrypted("LUKS"));
    }
    if has(88, b"CS") && le32(head, 92).is_some() && has(8, &[1, 0]) {
        return Some(Mark::Encrypted("FileVault (CoreStorage)"));
    }
    if has(3, b"NTFS    ") {
        let sector = le16(head, 11).map_or(512, u64::from);
        // One sector more than it says: the copy of the first.
        return file_system("NTFS", le64(head, 40).and_then(|count| count.checked_add(1)?.checked_mul(sector)));
    }
    if has(3, b"EXFAT   ") {
        let shift = head.get(108).copied().filter(|shift| (9..=12).contains(shift)).map_or(9, u32::from);
        return file_system("exFAT", le64(head, 72).and_then(|count| count.checked_mul(1 << shift)));
    }
    if has(3, b"ReFS\0\0\0\0") {
        return file_system("ReFS", None);
    }
    if (0..4).any(|sector| has(sector * 512, b"LABELONE") && has(sector * 512 + 24, b"LVM2 001")) {
        return Some(Mark::Lvm);
    }
    if has(0, b"XFSB") {
        let size = be64(head, 8).zip(be32(head, 4)).and_then(|(count, block)| count.checked_mul(u64::from(block)));
        return file_system("XFS", size);
    }
    if has(32, b"NXSB") {
        let size = le64(head, 40).zip(le32(head, 36)).and_then(|(count, block)| count.checked_mul(u64::from(block)));
        return file_system("APFS", size);
    }
    if let Some((kind, size)) = fat(head) {
        return file_system(kind, Some(size));
    }
    if let Some(found) = ext(head) {
        return Some(found);
    }
    if has(1024, b"H+") || has(1024, b"HX") {
        let size = be32(head, 1064).zip(be32(head, 1068)).map(|(block, count)| u64::from(block) * u64::from(count));
        return file_system("HFS+", size);
    }
    if has(1024, b"BD") && has(1024 + 20, &[0, 0]) && be32(head, 1024 + 20).is_some_and(|block| block >= 512) {
        return file_system("HFS", None);
    }
    if has(1024, &[0x10, 0x20, 0xF5, 0xF2]) {
        return file_system("F2FS", None);
    }
    if [4096, 8192, 65_536].into_iter().any(|page| has(page - 10, b"SWAPSPACE2") || has(page - 10, b"SWAP-SPACE")) {
        return Some(Mark::Swap);
    }
    if (16..28).any(|sector| has(sector * 2048 + 1, b"NSR0")) {
        return file_system("UDF", None);
    }
    if has(0x8001, b"CD001") {
        return file_system("ISO 9660", None);
    }
    if has(0x1_0040, b"_BHRfS_M") {
        return file_system("Btrfs", le64(head, 0x1_0070));
    }
    None
}

/// GUID 4967D63B-2E29-4AD8-8399-F6A339E3D001.
const BITLOCKER_TO_GO: &[u8] =
    &[0x3B, 0xD6, 0x67, 0x49, 0x29, 0x2E, 0xD8, 0x4A, 0x83, 0x99, 0xF6, 0xA3, 0x39, 0xE3, 0xD0, 0x01];

/// A boot sector whose every number makes sense (Microsoft's FAT specification 1.03).
fn fat(head: &[u8]) -> Option<(&'static str, u64)> {
    let byte = |at: usize| head.get(at).copied().map(u64::from);
    let sector = u64::from(le16(head, 11)?);
    let (per_cluster, copies, media) = (byte(13)?, byte(16)?, byte(21)?);
    let reserved = u64::from(le16(head, 14)?);
    let roots = u64::from(le16(head, 17)?);
    let short = u64::from(le16(head, 19)?);
    let sectors = if short > 0 { short } else { u64::from(le32(head, 32)?) };
    let short_fat = u64::from(le16(head, 22)?);
    let fat = if short_fat > 0 { short_fat } else { u64::from(le32(head, 36)?) };
    let jumps = matches!(byte(0)?, 0xEB | 0xE9);
    let sane = jumps
        && [512, 1024, 2048, 4096].contains(&sector)
        && per_cluster.is_power_of_two()
        && (1..=2).contains(&copies)
        && (media == 0xF0 || media >= 0xF8)
        && reserved > 0
        && fat > 0;
    let before = reserved.checked_add(copies * fat)?.checked_add((roots * 32).div_ceil(sector.max(1)))?;
    let clusters = sectors.checked_sub(before).filter(|_| sane)? / per_cluster;
    let kind = match clusters {
        0 => return None,
        1..4085 => "FAT12",
        4085..65_525 if short_fat > 0 => "FAT16",
        _ => "FAT32",
    };
    Some((kind, sectors.checked_mul(sector)?))
}

fn ext(head: &[u8]) -> Option<Mark> {
    let block = head.get(1024..2048).filter(|block| le16(block, 56) == Some(0xEF53))?;
    let shift = le32(block, 24).filter(|shift| *shift <= 6)?;
    // A copy of the superblock elsewhere has the number of its group.
    if le16(block, 90) != Some(0) {
        return None;
    }
    let (compatible, incompatible) = (le32(block, 92)?, le32(block, 96)?);
    let high = if incompatible & 0x80 != 0 { u64::from(le32(block, 0x150)?) << 32 } else { 0 };
    let size = (high | u64::from(le32(block, 4)?)).checked_mul(1024 << shift);
    // Extents, 64 bits, flexible groups; a journal.
    let kind = match (incompatible & 0x2C0 != 0, compatible & 4 != 0) {
        (true, _) => "ext4",
        (false, true) => "ext3",
        (false, false) => "ext2",
    };
    if incompatible & 8 != 0 {
        return Some(Mark::FileSystem("journal of an ext file system", size));
    }
    Some(Mark::FileSystem(kind, size))
}

/// Whether bytes are as even as chance makes them: encrypted, or wiped. Compressed pictures are not.
pub(super) fn is_noise(bytes: &[u8]) -> bool {
    let mut counts = [0_i64; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let expected = i64::try_from(bytes.len() / 256).unwrap_or(0);
    if expected < 64 {
        return false;
    }
    // Chi-square of 255 degrees: 255 give or take 23.
    let chi: i64 = counts.iter().map(|count| (count - expected) * (count - expected)).sum::<i64>() / expected;
    (150..=370).contains(&chi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_sector_without_sense_is_no_file_system() {
        let mut sector = vec![0; 512];
        sector[510..].copy_from_slice(&[0x55, 0xAA]);
        assert_eq!(find(&sector), None);
        sector[0] = 0xEB;
        assert_eq!(find(&sector), None);
        for seed in 0..2000_u32 {
            let noise: Vec<u8> = (0..4096_u32)
                .map(|at| (at.wrapping_add(seed * 7919).wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
                .collect();
            assert_eq!(find(&noise), None, "{seed}");
            for cut in [0, 1, 13, 511, 1100] {
                assert_eq!(find(&noise[..cut]), None);
            }
        }
    }

    #[test]
    fn noise_is_told_from_pictures_and_text() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u8::try_from(state >> 56).unwrap()
        };
        let noise: Vec<u8> = (0..65_536).map(|_| random()).collect();
        assert!(is_noise(&noise));
        assert!(!is_noise(&vec![0; 65_536]));
        // Every 256th byte the same: as stuffing and markers make it.
        let picture: Vec<u8> =
            noise.iter().enumerate().map(|(at, byte)| if at % 128 == 0 { 0 } else { *byte }).collect();
        assert!(!is_noise(&picture));
        assert!(!is_noise(b"short"));
    }
}
