//! Which files are small pictures, or stores of them, by their paths alone; and which photo they were made of.

use crate::model::RawPath;

/// What a file is to the photo that it was made of, or that was made of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// A small picture, one for each file.
    Thumbnail,
    /// A file with many small pictures inside ([`super::thumbs`] opens those of Windows and Android).
    Store,
    /// A photo as it was before Picasa changed it.
    PicasaOriginal,
    /// What Picasa knows of the photos beside it: stars, captions, faces, edits.
    PicasaSettings,
}

/// Folders of small pictures, in small letters.
const FOLDERS: [&[u8]; 6] = [b".thumbnails", b".thumbs", b".sh_thumbnails", b".xvpics", b"@eadir", b".thumb"];

/// Tells what a file is by where it lies; `None` for all others. Only pictures count in folders of small pictures.
pub fn is_thumbnail_path(path: &RawPath) -> Option<Role> {
    let path = path.as_bytes().to_ascii_lowercase();
    let mut folders: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let name = folders.pop()?;
    let has_end = |ends: &[&[u8]]| ends.iter().any(|end| name.ends_with(end));
    let is_picture = has_end(&[b".jpg", b".jpeg", b".png", b".webp", b".heic"]);
    let numbered = |letters: &[u8]| name.first().is_some_and(|first| letters.contains(first)) && is_ithmb(name);
    match name {
        b"picasa.ini" | b".picasa.ini" => Some(Role::PicasaSettings),
        b"thumbs.db" => Some(Role::Store),
        _ if (name.starts_with(b"ehthumbs") || name.starts_with(b"thumbcache_")) && has_end(&[b".db"]) => {
            Some(Role::Store)
        }
        _ if name.starts_with(b".thumbdata") || numbered(b"ft") => Some(Role::Store),
        _ if !is_picture => None,
        _ if folders.iter().any(|folder| *folder == b".picasaoriginals") => Some(Role::PicasaOriginal),
        _ if folders.iter().any(|folder| FOLDERS.contains(folder)) => Some(Role::Thumbnail),
        _ if folders.ends_with(&[b".cache", b"thumbnails"]) || in_desktop_cache(&folders) => Some(Role::Thumbnail),
        _ => None,
    }
}

/// `F1019_1.ithmb`, `T13.ithmb`: a letter, a number of the size, maybe a number of the part.
fn is_ithmb(name: &[u8]) -> bool {
    let Some(number) = name.strip_suffix(b".ithmb").and_then(|name| name.get(1..)) else { return false };
    !number.is_empty() && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_')
}

/// `.cache/thumbnails/normal`, as desktops keep them.
fn in_desktop_cache(folders: &[&[u8]]) -> bool {
    let Some((size, above)) = folders.split_last() else { return false };
    let sizes: [&[u8]; 4] = [b"normal", b"large", b"x-large", b"xx-large"];
    sizes.contains(size) && above.ends_with(&[b".cache", b"thumbnails"])
}

/// The path of the photo that a file by its own path belongs to: for Picasa's originals the photo that was changed, for a
/// Synology's small pictures what they were made of. `None` where the path does not say.
pub fn parent(path: &RawPath) -> Option<RawPath> {
    let parts: Vec<&[u8]> = path.as_bytes().split(|byte| *byte == b'/').collect();
    let folder = |name: &[u8]| parts.iter().rposition(|part| part.eq_ignore_ascii_case(name));
    let joined = |above: usize, name: &[u8]| {
        let mut path: Vec<&[u8]> = parts.get(..above)?.to_vec();
        path.push(name);
        Some(RawPath::from_bytes(path.join(&b'/')))
    };
    if let Some(at) = folder(b".picasaoriginals") {
        return joined(at, parts.last()?);
    }
    // `@eaDir/IMG_1.JPG/SYNOPHOTO_THUMB_XL.jpg`
    let at = folder(b"@eadir").filter(|at| at + 2 < parts.len())?;
    joined(at, parts.get(at + 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RawPath {
        RawPath::from_bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn files_are_known_by_where_they_lie() {
        let cases = [
            ("DCIM/.thumbnails/1234.jpg", Some(Role::Thumbnail)),
            ("DCIM/.thumbnails/.nomedia", None),
            ("DCIM/.thumbnails/.thumbdata3--1967290299", Some(Role::Store)),
            ("home/oma/.cache/thumbnails/large/d1b8.png", Some(Role::Thumbnail)),
            ("home/oma/.thumbnails/normal/d1b8.png", Some(Role::Thumbnail)),
            ("photos/thumbnails/IMG_1.jpg", None),
            ("Bilder/Thumbs.db", Some(Role::Store)),
            ("Bilder/ehthumbs_vista.db", Some(Role::Store)),
            ("Explorer/thumbcache_256.db", Some(Role::Store)),
            ("Photos/Thumbs/F1019_1.ithmb", Some(Role::Store)),
            ("Photos/Thumbs/T13.ithmb", Some(Role::Store)),
            ("Photos/Friends.ithmb", None),
            ("2009/.picasaoriginals/IMG_1.JPG", Some(Role::PicasaOriginal)),
            ("2009/.picasaoriginals/.picasa.ini", Some(Role::PicasaSettings)),
            ("2009/Picasa.ini", Some(Role::PicasaSettings)),
            ("photo/@eaDir/IMG_1.JPG/SYNOPHOTO_THUMB_XL.jpg", Some(Role::Thumbnail)),
            ("2009/IMG_1.JPG", None),
            ("", None),
        ];
        for (text, role) in cases {
            assert_eq!(is_thumbnail_path(&path(text)), role, "{text}");
        }
    }

    #[test]
    fn a_path_leads_to_the_photo_where_it_says_so() {
        assert_eq!(parent(&path("2009/.picasaoriginals/IMG_1.JPG")), Some(path("2009/IMG_1.JPG")));
        assert_eq!(parent(&path(".picasaoriginals/IMG_1.JPG")), Some(path("IMG_1.JPG")));
        assert_eq!(parent(&path("photo/@eaDir/IMG_1.JPG/SYNOPHOTO_THUMB_XL.jpg")), Some(path("photo/IMG_1.JPG")));
        assert_eq!(parent(&path("photo/@eaDir/IMG_1.JPG")), None);
        assert_eq!(parent(&path("DCIM/.thumbnails/1234.jpg")), None);
    }
}
