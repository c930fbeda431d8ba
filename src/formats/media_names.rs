//! What a file's name says.

/// Extensions of photos, videos and their sidecars, in lower case. Left out are those that mostly name other things:
/// `raw` (disk images), `mod` (music, source code).
const MEDIA: [&[u8]; 76] = [
    b"jpg", b"jpeg", b"jpe", b"jfif", b"jif", b"mpo", b"png", b"apng", b"gif", b"webp", b"bmp", b"dib", b"tif",
    b"tiff", b"heic", b"heif", b"hif", b"avif", b"jxl", b"psd", b"psb", b"cr2", b"cr3", b"crw", b"nef", b"nrw", b"arw",
    b"sr2", b"srf", b"dng", b"raf", b"rw2", b"rwl", b"orf", b"pef", b"ptx", b"x3f", b"srw", b"3fr", b"fff", b"mrw",
    b"kdc", b"dcr", b"dcs", b"k25", b"erf", b"mef", b"mos", b"iiq", b"mp4", b"m4v", b"mov", b"qt", b"3gp", b"3g2",
    b"3gpp", b"avi", b"divx", b"mkv", b"webm", b"mts", b"m2ts", b"m2t", b"mpg", b"mpeg", b"mpe", b"m2v", b"m1v",
    b"vob", b"wmv", b"asf", b"insv", b"lrv", b"thm", b"xmp", b"aae",
];

/// What stands after the last dot, in lower case; empty where there is no dot.
pub fn extension(name: &[u8]) -> Vec<u8> {
    let dot = name.iter().rposition(|byte| *byte == b'.');
    dot.and_then(|dot| name.get(dot + 1..)).unwrap_or_default().to_ascii_lowercase()
}

/// Whether an extension (in lower case) is one of media.
pub fn says_media(extension: &[u8]) -> bool {
    MEDIA.contains(&extension)
}
