//! Which sectors could be the inside of a JPEG: noise, text, zeros and other formats are told apart from it by what
//! follows each 0xFF.

use memchr::memchr_iter;

/// The smallest unit that anything is decided for.
pub(super) const SECTOR: u64 = 512;

/// One bit for each sector of the space; of a space so large that they would take more than 128 MiB, for each larger unit.
pub(super) struct Texture {
    bits: Vec<u64>,
    unit: u64,
}

impl Texture {
    /// For a space of `size` bytes; nothing in it looks like a JPEG yet.
    pub(super) fn new(size: u64) -> Self {
        let mut unit = SECTOR;
        while size / unit > 1 << 30 {
            unit *= 2;
        }
        let words = usize::try_from((size / unit).div_ceil(64)).unwrap_or(0);
        Self { bits: vec![0; words + 1], unit }
    }

    /// Looks at the bytes that stand at `at`, a multiple of the unit, in whole units.
    pub(super) fn look(&mut self, at: u64, bytes: &[u8]) {
        let Ok(unit) = usize::try_from(self.unit) else { return };
        for (number, sector) in (at / self.unit..).zip(bytes.chunks(unit)) {
            let word = usize::try_from(number / 64).ok().and_then(|word| self.bits.get_mut(word));
            if let Some(word) = word {
                *word = *word & !(1 << (number % 64)) | u64::from(could_be_codes(sector)) << (number % 64);
            }
        }
    }

    /// Whether what stands at `at` could be codes of a JPEG.
    pub(super) fn could_be_codes(&self, at: u64) -> bool {
        let number = at / self.unit;
        let word = usize::try_from(number / 64).ok().and_then(|word| self.bits.get(word));
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

/// Whether the bytes can stand inside a scan, or between two: behind each 0xFF is a stuffed zero, a restart marker or one
/// of the markers between scans. What stands behind an end mark does not matter.
pub(super) fn could_be_codes(sector: &[u8]) -> bool {
    for at in memchr_iter(0xFF, sector) {
        match sector.get(at + 1) {
            Some(0x00 | 0xC4 | 0xD0..=0xD7 | 0xDA | 0xFF) | None => {}
            Some(0xD9) => return true,
            Some(_) => return false,
        }
    }
    // Text has no bytes above 127, zeros no others: half the bytes of codes have their highest bit set.
    let high = sector.iter().filter(|byte| **byte > 0x7F).count();
    high * 16 > sector.len() && high * 16 < sector.len() * 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_from_text_zeros_and_noise() {
        let mut noise = 9_u32;
        let mut random = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        };
        let noise: Vec<u8> = (0..4096).map(|_| random()).collect();
        let codes: Vec<u8> = noise.iter().copied().filter(|byte| *byte != 0xFF).collect();
        assert!(could_be_codes(&codes));
        assert!(!could_be_codes(&noise));
        assert!(!could_be_codes(&[0; 512]));
        assert!(!could_be_codes(&b"some words of a text".repeat(40)));
        assert!(could_be_codes(&[&codes[..512], &[0xFF, 0xD9], &noise[..512]].concat()), "behind the end mark");
        let mut texture = Texture::new(4096);
        texture.look(1024, &codes[..1024]);
        assert_eq!([512, 1024, 1536, 2048].map(|at| texture.could_be_codes(at)), [false, true, true, false]);
    }
}
