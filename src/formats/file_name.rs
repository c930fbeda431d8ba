//! File names that every file system takes: exFAT and NTFS are the strictest, and the drives that people restore to.

/// How long a safe name is at most, in bytes: below every limit that is in use, with room for a suffix.
pub const MAX_BYTES: usize = 200;

/// How long an ending may be to be kept when a name is shortened, its dot included.
const MAX_ENDING: usize = 17;

/// The name as every file system takes it, at most [`MAX_BYTES`] long; a name that already is so stays as it is.
///
/// Bytes that are no UTF-8, control characters and `<>:"/\|?*` become `_`; dots and spaces at the end go; a name that
/// Windows reserves for a device (`con`, `nul.txt`, `com1.jpg`) gets a `_` before it; nothing becomes `_`.
pub fn safe(name: &[u8]) -> String {
    safe_within(name, MAX_BYTES)
}

/// The same with another limit; `limit` below 24 counts as 24.
pub fn safe_within(name: &[u8], limit: usize) -> String {
    let mut safe = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        safe.extend(chunk.valid().chars().map(|character| if is_allowed(character) { character } else { '_' }));
        safe.extend(chunk.invalid().iter().map(|_| '_'));
    }
    trim_end(&mut safe);
    keep_from_devices(&mut safe);
    let mut safe = shortened(&safe, limit.max(24));
    trim_end(&mut safe);
    // Once more: what was cut off may have been all that told it from a device.
    keep_from_devices(&mut safe);
    if safe.is_empty() { "_".to_owned() } else { safe }
}

/// The name in two: what stands before the last dot, and the ending with its dot. A name that begins with its only
/// dot, or whose last dot is followed by more than an ending, has no ending.
pub fn split_ending(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_ENDING => name.split_at(dot),
        Some(_) | None => (name, ""),
    }
}

/// The name as a file system sees it that takes upper and lower case for the same: two names with one key cannot both
/// stand in one folder. Coarser than any one file system, so that it holds for all of them.
pub fn fold_case(name: &str) -> String {
    // Lowered first: the capital ẞ has itself as upper case, and ß has SS.
    name.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

fn is_allowed(character: char) -> bool {
    !character.is_control() && !matches!(character, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*')
}

fn trim_end(name: &mut String) {
    name.truncate(name.trim_end_matches([' ', '.']).len());
}

fn keep_from_devices(name: &mut String) {
    if is_reserved(name) {
        name.insert(0, '_');
    }
}

/// Whether Windows takes the name for a device: by what stands before its first dot, whatever the ending
/// (“Naming Files, Paths, and Namespaces”, Microsoft).
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let mut rest = number.unwrap_or_default().chars();
    matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

/// Cuts characters off before the ending.
fn shortened(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let (stem, ending) = split_ending(name);
    let end = stem.floor_char_boundary(limit - ending.len());
    let mut stem = stem.get(..end).unwrap_or_default().to_owned();
    trim_end(&mut stem);
    stem + ending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_fine_stays_as_it_is() {
        for name in [
            "IMG_1234.JPG",
            "Mamá y yo – Lisboa.jpeg",
            ".hidden",
            "夏休み.png",
            "a.b.c",
            "company.jpg",
            "null.jpg",
            "com10",
        ] {
            assert_eq!(safe(name.as_bytes()), name);
        }
    }

    #[test]
    fn what_windows_cannot_hold_is_replaced() {
        let cases: [(&[u8], &str); 12] = [
            (b"a:b?.jpg", "a_b_.jpg"),
            (b"../../etc/passwd", ".._.._etc_passwd"),
            (b"f\xfcr Oma.jpg", "f_r Oma.jpg"),
            (b"a\x1b[2J\n.jpg", "a_[2J_.jpg"),
            (b"trailing. . ", "trailing"),
            (b"..", "_"),
            (b"", "_"),
            (b"con.jpg", "_con.jpg"),
            (b"NUL", "_NUL"),
            (b"Com1 .tar.gz", "_Com1 .tar.gz"),
            ("lpt³".as_bytes(), "_lpt³"),
            (b"\xff\xfe", "__"),
        ];
        for (name, wanted) in cases {
            assert_eq!(safe(name), wanted, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending_and_whole_characters() {
        let long = format!("{}.jpeg", "ü".repeat(300));
        let short = safe(long.as_bytes());
        assert!(short.len() <= MAX_BYTES && short.ends_with("ü.jpeg"), "{short}");
        let no_ending = format!("a.{}", "b".repeat(400));
        assert_eq!(safe(no_ending.as_bytes()).len(), MAX_BYTES);
        assert_eq!(safe_within(b"abc.jpg", 0), "abc.jpg");
        let device_when_cut = format!("con{}x", " ".repeat(300));
        assert_eq!(safe(device_when_cut.as_bytes()), "_con");
    }

    #[test]
    fn every_name_becomes_safe_and_stays_so() {
        let mut seed = 7_u64;
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            for step in 0..(seed >> 33) % 300 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step | 1);
                let pieces: [&[u8]; 8] = [b".", b" ", b"con", b"\xc3\xbc", b"\xc3", b"*", b"a", b"\0"];
                let piece = pieces[(seed >> 40) as usize % pieces.len()];
                bytes.extend_from_slice(piece);
            }
            let name = safe(&bytes);
            assert!(!name.is_empty() && name.len() <= MAX_BYTES);
            assert!(name.chars().all(is_allowed) && !name.ends_with(['.', ' ']) && !is_reserved(&name), "{name}");
            assert_eq!(safe(name.as_bytes()), name);
        }
    }

    #[test]
    fn names_that_differ_in_case_alone_have_one_key() {
        assert_eq!(fold_case("IMG_1.JPG"), fold_case("img_1.jpg"));
        assert_eq!(fold_case("STRASSE"), fold_case("straße"));
        assert_eq!(fold_case("STRAẞE"), fold_case("straße"));
        assert_eq!(fold_case("Σ"), fold_case("ς"));
        assert_ne!(fold_case("a"), fold_case("b"));
    }

    #[test]
    fn no_character_gets_another_key_by_a_change_of_case() {
        for character in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let name = character.to_string();
            let key = fold_case(&name);
            for other in [fold_case(&key), fold_case(&name.to_uppercase()), fold_case(&name.to_lowercase())] {
                assert_eq!(other, key, "{name}");
            }
        }
    }
}
