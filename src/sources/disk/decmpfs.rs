//! Content that a Mac packed by itself (decmpfs): the short ones are in an attribute, and are unpacked here.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use crate::formats::numbers::le32;

/// An attribute that is kept with its record is shorter than a node; it never unpacks to more than this.
const MOST_BYTES: u32 = 1 << 20;

/// Unpacks the attribute `com.apple.decmpfs`, or says in words why that cannot be done.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, &'static str> {
    let lost = "this file is packed by the system, and what it is packed into is damaged";
    let header = packed.get(..16).filter(|header| header.starts_with(b"fpmc")).ok_or(lost)?;
    let (kind, size) = (le32(header, 4).ok_or(lost)?, le32(header, 8).ok_or(lost)?);
    let rest = packed.get(16..).unwrap_or_default();
    let bytes = match (kind, rest) {
        // A first byte of this kind says that packing did not pay.
        (3, [first, plain @ ..]) if first & 0x0F == 0x0F => plain.to_vec(),
        (1, plain) | (9, [_, plain @ ..]) => plain.to_vec(),
        (3, zlib) => {
            let mut bytes = Vec::new();
            let read = ZlibDecoder::new(zlib).take(u64::from(size.min(MOST_BYTES))).read_to_end(&mut bytes);
            read.map_err(|_| lost)?;
            bytes
        }
        (4 | 7 | 8 | 10 | 11 | 12, _) => {
            return Err("this file is packed by the system in a way that Keepsake does not read; a Mac can copy it");
        }
        _ => return Err(lost),
    };
    if bytes.len() as u64 == u64::from(size) { Ok(bytes) } else { Err(lost) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(kind: u32, size: u32, rest: &[u8]) -> Vec<u8> {
        [b"fpmc", kind.to_le_bytes().as_slice(), &size.to_le_bytes(), &[0; 4], rest].concat()
    }

    #[test]
    fn a_short_packed_file_is_unpacked_and_only_whole() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&[7; 1000]).expect("memory takes it");
        let zlib = zlib.finish().expect("memory takes it");
        assert_eq!(unpack(&packed(3, 1000, &zlib)), Ok(vec![7; 1000]));
        assert!(unpack(&packed(3, 1001, &zlib)).is_err());
        assert!(unpack(&packed(3, 1000, &zlib[..8])).is_err());
        assert_eq!(unpack(&packed(3, 2, &[0xFF, 1, 2])), Ok(vec![1, 2]));
        assert!(unpack(&packed(4, 2, &[])).is_err());
        assert!(unpack(&[]).is_err());
    }
}
