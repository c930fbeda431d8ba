//! Names in a FAT folder: short ones in a code page, and long ones in slots before them.
//!
//! Short names are taken to be in code page 850, that of DOS in western Europe; a volume does not say which it used.

use crate::sources::disk::clusters::SLOT;

/// Code page 850 from 0x80 on.
const CODE_PAGE: &str = concat!(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐",
    "└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{AD}±‗¾¶§÷¸°¨·¹³²■\u{A0}",
);

/// Letters of a long name in one slot.
const LETTERS: usize = 13;

fn letter(byte: u8) -> char {
    if byte.is_ascii() {
        return char::from(byte);
    }
    CODE_PAGE.chars().nth(usize::from(byte) - 0x80).unwrap_or('_')
}

/// The short name of a slot; `first` stands for its first byte.
pub(super) fn short(slot: &[u8; SLOT], first: u8) -> Option<String> {
    let flags = *slot.get(12)?;
    let mut base = slot.get(..8)?.to_vec();
    *base.first_mut()? = first;
    let text = |bytes: &[u8], is_small: bool| -> String {
        let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        let letters = bytes.get(..end).unwrap_or_default().iter().map(|byte| letter(*byte));
        if is_small { letters.flat_map(char::to_lowercase).collect() } else { letters.collect() }
    };
    // Windows NT keeps a name that is small throughout as two flags.
    let base = text(&base, flags & 0x08 != 0);
    let extension = text(slot.get(8..11)?, flags & 0x10 != 0);
    Some(if extension.is_empty() { base } else { format!("{base}.{extension}") })
}

/// The name of a volume.
pub(super) fn label(bytes: &[u8]) -> Option<String> {
    let text: String = bytes.iter().map(|byte| letter(*byte)).collect();
    let text = text.trim();
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// Whether a byte may stand in a short name.
pub(super) fn is_short_letter(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7F && !b"\"*+,./:;<=>?[\\]|".contains(&byte)
}

/// What ties a long name to its short one.
pub(super) fn checksum(short: &[u8]) -> u8 {
    short.iter().take(11).fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// The first byte with which a short name, whose own was wiped, has this checksum: there is always exactly one.
pub(super) fn first_byte(short: &[u8], sum: u8) -> u8 {
    let mut without = short.to_vec();
    if let Some(first) = without.first_mut() {
        *first = 0;
    }
    // The first byte goes through ten rotations, and additions carry: it is tried out.
    (0..=u8::MAX)
        .find(|byte| {
            if let Some(first) = without.first_mut() {
                *first = *byte;
            }
            checksum(&without) == sum
        })
        .unwrap_or(0)
}

/// A slot of a long name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// From 1; the last one has 0x40 added. 0xE5 when it was deleted.
    order: u8,
    pub(super) sum: u8,
    letters: [u16; LETTERS],
}

impl Part {
    pub(super) fn parse(slot: &[u8; SLOT]) -> Option<Self> {
        let mut letters = [0; LETTERS];
        let places = slot.get(1..11)?.iter().chain(slot.get(14..26)?).chain(slot.get(28..32)?);
        let bytes: Vec<u8> = places.copied().collect();
        let (pairs, _) = bytes.as_chunks::<2>();
        for (into, pair) in letters.iter_mut().zip(pairs) {
            *into = u16::from_le_bytes(*pair);
        }
        Some(Self { order: *slot.first()?, sum: *slot.get(13)?, letters })
    }

    fn is_deleted(&self) -> bool {
        self.order == 0xE5
    }

    fn ends_here(&self) -> bool {
        self.letters.contains(&0)
    }
}

/// The long name of a living file from the slots before it: they must all be there, in their order, and its own.
pub(super) fn long(parts: &[Part], sum: u8) -> Option<String> {
    let mut units = Vec::new();
    for (part, order) in parts.iter().rev().zip(1_u8..=20) {
        if part.order & 0x3F != order || part.order & 0x80 != 0 || part.sum != sum {
            return None;
        }
        units.extend(part.letters);
        if part.order & 0x40 != 0 {
            return Some(text(&units));
        }
    }
    None
}

/// The long name of a deleted file, of which only the order in the folder and the checksum are left, with the
/// first byte of its short name.
pub(super) fn long_deleted(parts: &[Part], short: &[u8]) -> Option<(String, u8)> {
    let sum = parts.last()?.sum;
    let mut units = Vec::new();
    for part in parts.iter().rev().take(20).take_while(|part| part.is_deleted() && part.sum == sum) {
        units.extend(part.letters);
        if part.ends_here() {
            break;
        }
    }
    if units.is_empty() {
        return None;
    }
    let name = text(&units);
    let first = first_byte(short, sum);
    belongs(&name, first).then_some((name, first))
}

/// Whether a short name with this first byte is what is made from a long one.
fn belongs(name: &str, first: u8) -> bool {
    let Some(begin) = name.chars().find(|letter| !matches!(letter, ' ' | '.')) else { return false };
    if !is_short_letter(first) && first != 0x05 {
        return false;
    }
    if !begin.is_ascii() {
        return true;
    }
    let begin = u8::try_from(begin).unwrap_or(b'_').to_ascii_uppercase();
    first == if is_short_letter(begin) { begin } else { b'_' }
}

fn text(units: &[u16]) -> String {
    let name = units.split(|unit| *unit == 0).next().unwrap_or_default();
    let end = name.iter().rposition(|unit| *unit != 0xFFFF).map_or(0, |last| last + 1);
    String::from_utf16_lossy(name.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &[u8; 11], flags: u8) -> [u8; SLOT] {
        let mut slot = [0; SLOT];
        slot[..11].copy_from_slice(name);
        slot[12] = flags;
        slot
    }

    #[test]
    fn short_names_are_in_code_page_850_and_may_be_small() {
        assert_eq!(CODE_PAGE.chars().count(), 128);
        let name = |name, flags| short(&slot(name, flags), name[0]).unwrap();
        assert_eq!(name(b"IMG_0001JPG", 0), "IMG_0001.JPG");
        assert_eq!(name(b"IMG_0001JPG", 0x08), "img_0001.JPG");
        assert_eq!(name(b"IMG_0001JPG", 0x18), "img_0001.jpg");
        assert_eq!(name(b"M\x9ALLER     ", 0), "MÜLLER");
        assert_eq!(name(b"M\x9ALLER     ", 0x08), "müller");
        assert_eq!(name(b"A B     TXT", 0), "A B.TXT");
    }

    #[test]
    fn the_first_letter_of_a_deleted_name_is_found_by_its_checksum() {
        for name in [b"LONGNA~1JPG", b"\xE5BCDEFGHTXT", b"Z          "] {
            assert_eq!(first_byte(name, checksum(name)), name[0]);
        }
    }
}
