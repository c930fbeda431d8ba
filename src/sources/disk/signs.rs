//! What file systems and other formats write where they are looked for.
//!
//! The copies of a superblock outlive the volume: where another one was made over it, they are of what was there before.

use crate::sources::disk::chunks::Chunks;
use crate::sources::medium::MediumError;

/// A format, where its sign stands, and how it reads.
const SIGNS: &[(&str, u64, &[u8])] = &[
    ("XFS", 0, b"XFSB"),
    ("LUKS", 0, b"LUKS\xBA\xBE"),
    ("NTFS", 3, b"NTFS    "),
    ("exFAT", 3, b"EXFAT   "),
    ("BitLocker", 3, b"-FVE-FS-"),
    ("APFS", 32, b"NXSB"),
    ("FAT", 54, b"FAT"),
    ("FAT", 82, b"FAT32"),
    ("LVM", 512, b"LABELONE"),
    ("HFS+", 1024, b"H+\0"),
    ("HFS+", 1024, b"HX\0"),
    ("ext", 1080, b"\x53\xEF"),
    ("CD", 0x8001, b"CD001"),
    ("Btrfs", 0x1_0040, b"_BHRfS_M"),
];

/// Whether any other format than `own` shows itself.
pub(in crate::sources) fn shows_another(chunks: &Chunks, own: &str) -> Result<bool, MediumError> {
    for (format, at, sign) in SIGNS {
        if *format != own && chunks.read(*at, sign.len())?.bytes == *sign {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ranges;
    use std::sync::Arc;

    #[test]
    fn a_volume_shows_what_it_is_made_as_and_not_what_it_was() {
        let mut bytes = vec![0; 200_000];
        bytes[1080..1082].copy_from_slice(b"\x53\xEF");
        let shows =
            |bytes: Vec<u8>, own| shows_another(&Chunks::new(Arc::new((bytes, Ranges::new()))), own).expect("it reads");
        assert!(!shows(bytes.clone(), "ext"));
        bytes[0x1_0040..0x1_0048].copy_from_slice(b"_BHRfS_M");
        assert!(shows(bytes, "ext"));
    }
}
