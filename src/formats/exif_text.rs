//! Text as cameras write it, made fit to read.

/// Decodes text of unknown encoding: UTF-8 where it is that, else Latin-1 (no byte is lost). Ends at the first NUL;
/// white space around it goes; `None` when nothing is left.
pub fn decode(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).find(|part| !part.is_empty())?;
    let text = match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => text.iter().map(|byte| char::from(*byte)).collect(),
    };
    clean(&text)
}

/// Decodes the UTF-16 of Windows Explorer's own tags (`XPComment`, little-endian).
pub fn decode_utf16(bytes: &[u8]) -> Option<String> {
    let (units, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0).collect();
    clean(&String::from_utf16_lossy(&units))
}

/// Drops control characters (not the ends of lines) and the white space around; `None` when nothing is left.
pub fn clean(text: &str) -> Option<String> {
    let text: String =
        text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Maker and model in one, the maker not said twice and without “Corporation”: “NIKON D70”.
pub fn camera_name(make: Option<&str>, model: Option<&str>) -> Option<String> {
    let make = make.and_then(clean).map(|make| without_company_words(&make)).unwrap_or_default();
    let model = model.and_then(clean).unwrap_or_default();
    let first = model.split_whitespace().next().unwrap_or_default();
    let said_already = make.split_whitespace().any(|word| word.eq_ignore_ascii_case(first))
        || (!make.is_empty() && starts_with(&model, &make));
    if said_already { clean(&model) } else { clean(&format!("{make} {model}")) }
}

/// Whether a caption was written by a camera or a program and says nothing about the picture.
pub fn is_filler(caption: &str) -> bool {
    let caption = caption.trim().to_ascii_lowercase();
    caption.len() < 2
        || caption.ends_with("digital camera")
        || FILLER_STARTS.iter().any(|start| caption.starts_with(start))
        || FILLERS.contains(&caption.as_str())
        || !caption.chars().any(char::is_alphanumeric)
}

const FILLER_STARTS: [&str; 5] = ["dcim", "<digimax", "<kenox", "fbmd", "created with gimp"];

/// The short ones in the last row are Huawei's codes for the mode of the camera.
const FILLERS: [&str; 22] = [
    "default",
    "sony dsc",
    "minolta dsc",
    "wwl",
    "screenshot",
    "image",
    "photo",
    "untitled",
    "binary comment",
    "user comments",
    "my beautiful picture",
    "hisilicon",
    "lead technologies inc.",
    "edf",
    "cof",
    "rbt",
    "mde",
    "sdr",
    "dav",
    "ptr",
    "oznor",
    "hdrpl",
];

fn without_company_words(make: &str) -> String {
    const LEGAL: [&str; 14] = [
        "corporation",
        "corp",
        "corp.",
        "company",
        "co.",
        "co.,",
        "co",
        "ltd",
        "ltd.",
        "co.,ltd",
        "co.,ltd.",
        "inc",
        "inc.",
        "gmbh",
    ];
    let mut words: Vec<&str> = make.split_whitespace().collect();
    while words.len() > 1 && words.last().is_some_and(|word| LEGAL.contains(&word.to_ascii_lowercase().as_str())) {
        words.pop();
    }
    words.join(" ").trim_end_matches(',').to_owned()
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maker_is_not_said_twice() {
        for (make, model, camera) in [
            ("Canon", "Canon EOS 350D DIGITAL", "Canon EOS 350D DIGITAL"),
            ("NIKON CORPORATION", "NIKON D70", "NIKON D70"),
            ("EASTMAN KODAK COMPANY", "KODAK DC210 Zoom (V05.00)", "KODAK DC210 Zoom (V05.00)"),
            ("OLYMPUS CO.,LTD", "C960Z,D460Z", "OLYMPUS C960Z,D460Z"),
            ("Minolta Co., Ltd.", "DiMAGE 7", "Minolta DiMAGE 7"),
            ("Apple", "iPhone 13 Pro", "Apple iPhone 13 Pro"),
            ("samsung  ", "SM-G900F\0", "samsung SM-G900F"),
            ("HTC", "", "HTC"),
            ("", "DSC-P10", "DSC-P10"),
        ] {
            assert_eq!(camera_name(Some(make), Some(model)).as_deref(), Some(camera));
        }
        assert_eq!(camera_name(None, None), None);
        assert_eq!(camera_name(Some("  "), Some("\0")), None);
    }

    #[test]
    fn text_that_is_no_utf8_is_latin1_and_loses_nothing() {
        assert_eq!(decode(b"F\xfcr Oma  \0\0").as_deref(), Some("Für Oma"));
        assert_eq!(decode("Für Oma".as_bytes()).as_deref(), Some("Für Oma"));
        assert_eq!(decode(b"  \0 \0"), None);
        assert_eq!(decode_utf16(b"O\0m\0a\0\0\0x\0").as_deref(), Some("Oma"));
    }

    #[test]
    fn what_the_camera_fills_in_is_no_caption() {
        for filler in [
            "OLYMPUS DIGITAL CAMERA         ",
            "SONY DSC",
            "Default",
            "DCIM\\100GOPRO",
            "<Digimax i50 MP3, Samsung #1 MP3>",
            "--",
        ] {
            assert!(is_filler(filler), "{filler}");
        }
        for caption in ["Oma und Opa", "Lisbon", "Our new digital camera works", "犬が"] {
            assert!(!is_filler(caption), "{caption}");
        }
    }
}
