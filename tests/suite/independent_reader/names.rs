//! Names as docs/format.md makes them safe and tells them apart.

/// At most so many bytes for a photo, a kept file before its suffix, and the folder of an album.
pub(super) const PHOTO: usize = 196;
pub(super) const KEPT: usize = 160;
pub(super) const ALBUM: usize = 180;

/// What comes after the last dot, with the dot; none where the dot comes first, or where there would be more than 17 bytes.
pub(super) fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 17 => name.split_at(dot),
        Some(_) | None => (name, ""),
    }
}

/// The name as every file system takes it.
pub(super) fn safe(name: &[u8], limit: usize) -> String {
    let mut safe = String::new();
    for chunk in name.utf8_chunks() {
        let replaced = |one: char| if one.is_control() || "<>:\"/\\|?*".contains(one) { '_' } else { one };
        safe.extend(chunk.valid().chars().map(replaced));
        safe.extend(chunk.invalid().iter().map(|_| '_'));
    }
    let trimmed = safe.trim_end_matches([' ', '.']).to_owned();
    let kept = if is_device(&trimmed) { format!("_{trimmed}") } else { trimmed };
    let cut = cut(&kept, limit);
    if cut.is_empty() { "_".to_owned() } else { cut }
}

fn cut(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let (stem, ending) = split(name);
    let stem = &stem[..stem.floor_char_boundary(limit - ending.len())];
    format!("{}{ending}", stem.trim_end_matches([' ', '.']))
}

pub(super) fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap().trim_end().to_uppercase();
    let numbered = ["COM", "LPT"].iter().filter_map(|kind| stem.strip_prefix(kind));
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"].contains(&stem.as_str())
        || numbered.into_iter().any(|rest| rest.chars().count() == 1 && "0123456789¹²³".contains(rest))
}

/// The same for two names that differ in case alone.
pub(super) fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Whether `given` is what was wanted, or that with the beginning of a hash before its ending, because names met.
pub(super) fn is_wanted(given: &str, wanted: &str, hash: &str) -> bool {
    let (folder, name) = wanted.rsplit_once('/').map_or(("", wanted), |(folder, name)| (folder, name));
    let slash = if folder.is_empty() { "" } else { "/" };
    let (stem, ending) = split(name);
    let suffixed = |digits: usize| {
        let room = PHOTO - ending.len() - digits - 1;
        let stem = &stem[..stem.floor_char_boundary(room)];
        format!("{folder}{slash}{stem}_{}{ending}", &hash[..digits])
    };
    given == wanted || [8, 16, 64].into_iter().any(|digits| given == suffixed(digits))
}
