//! Colour profiles (ICC.1:2010): those that a preview must carry so that its colours are right.

use crate::formats::jpeg::segments;

/// A larger one would weigh more than the smaller preview itself.
const MOST_BYTES: usize = 64 << 10;

/// The profile in a JPEG, put together from its parts (ICC.1:2010, B.4); `None` where a part is missing.
pub(crate) fn of_jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, &[u8])> = Vec::new();
    let mut count = 0;
    for segment in segments(bytes).filter(|segment| segment.marker == 0xE2) {
        let Some(rest) = segment.payload.strip_prefix(b"ICC_PROFILE\0") else { continue };
        let Some((&[number, of], data)) = rest.split_first_chunk::<2>() else { continue };
        count = of;
        parts.push((number, data));
    }
    parts.sort_by_key(|(number, _)| *number);
    let whole = count > 0 && parts.iter().map(|(number, _)| *number).eq(1..=count);
    whole.then(|| parts.iter().flat_map(|(_, data)| *data).copied().collect())
}

/// The profile, if it says something that a viewer does not assume anyway, and fits the colours of a preview.
pub(crate) fn worth_keeping(profile: Vec<u8>, is_grey: bool) -> Option<Vec<u8>> {
    let wanted: &[u8] = if is_grey { b"GRAY" } else { b"RGB " };
    let fits = profile.get(16..20) == Some(wanted) && profile.len() <= MOST_BYTES;
    let names = |text: &[u8]| profile.windows(text.len()).any(|window| window == text);
    let is_srgb = names(b"sRGB") || names(b"s\0R\0G\0B");
    (fits && !is_srgb).then_some(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(colours: &[u8], name: &[u8]) -> Vec<u8> {
        [&[0; 16][..], colours, &[0; 108], name].concat()
    }

    #[test]
    fn a_wide_profile_is_kept_and_the_usual_one_is_not() {
        assert!(worth_keeping(profile(b"RGB ", b"Display P3"), false).is_some());
        assert!(worth_keeping(profile(b"RGB ", b"sRGB IEC61966-2.1"), false).is_none());
        assert!(worth_keeping(profile(b"CMYK", b"Coated"), false).is_none(), "the preview has no ink");
        assert!(worth_keeping(profile(b"RGB ", b"Display P3"), true).is_none());
        assert!(worth_keeping(profile(b"RGB ", &vec![7; 100_000]), false).is_none());
    }

    #[test]
    fn a_profile_in_parts_is_put_together_in_their_order() {
        let part = |number: u8, of: u8, data: &[u8]| {
            let payload = [b"ICC_PROFILE\0", &[number, of][..], data].concat();
            let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
            [&[0xFF, 0xE2], &length[..], &payload].concat()
        };
        let file = |parts: &[Vec<u8>]| [&[0xFF, 0xD8][..], &parts.concat(), &[0xFF, 0xD9]].concat();
        assert_eq!(of_jpeg(&file(&[part(2, 2, b"cd"), part(1, 2, b"ab")])).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(of_jpeg(&file(&[part(2, 2, b"cd")])), None);
        assert_eq!(of_jpeg(&file(&[])), None);
    }
}
