//! XMP and IPTC as programs write them, and the sidecars that Keepsake writes itself.
#![no_main]

use keepsake::formats::sidecar::{Words, write};
use keepsake::formats::{exif_text, iptc, photoshop, xmp};
use keepsake::model::{Certainty, Facts, TimeCandidate, TimeSource};
use keepsake_fuzz::{hold_facts, prepare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |input: &[u8]| {
    let mut last = 0;
    for packet in xmp::packets(input) {
        assert!(packet.start >= last && packet.start < packet.end);
        last = packet.end;
        hold_facts(&xmp::read(&input[packet]));
    }
    let facts = xmp::read(input);
    hold_facts(&facts);
    written_and_read(&words_of(facts));
    if let Some(block) = photoshop::find(input, photoshop::IPTC) {
        hold_facts(&iptc::read(block));
    }
    let facts = iptc::read(input);
    hold_facts(&facts);
    written_and_read(&words_of(facts));
    said_by_a_person(input);
    for text in [exif_text::decode(input), exif_text::decode_utf16(input)].into_iter().flatten() {
        assert_eq!(exif_text::clean(&text).as_ref(), Some(&text));
    }
});

fn words_of(facts: Facts) -> Words {
    let Facts { caption, rating, keywords, times, .. } = facts;
    let taken_at = times.into_iter().find(|time| time.certainty == Certainty::Exact);
    Words { caption, rating, keywords, people: Vec::new(), albums: Vec::new(), taken_at }
}

/// Words that came out of a file come back from our own sidecar unchanged, if XML can hold them (1.0, section 2.2).
fn written_and_read(words: &Words) {
    if words.caption.iter().chain(&words.keywords).any(|text| text.contains(['\u{fffe}', '\u{ffff}'])) {
        return;
    }
    let facts = xmp::read(write(words).as_bytes());
    let Words { caption, rating, keywords, people: _, albums: _, taken_at } = words;
    assert_eq!((&facts.caption, facts.rating, &facts.keywords), (caption, *rating, keywords));
    let taken_at = taken_at.clone().map(|time| TimeCandidate { source: TimeSource::Xmp, ..time });
    assert_eq!(facts.times.into_iter().next(), taken_at);
}

/// Of what a person types, every letter comes back, whatever stands around it.
fn said_by_a_person(input: &[u8]) {
    // Two characters that XML cannot hold (1.0, section 2.2).
    let text = String::from_utf8_lossy(input).replace(['\u{fffe}', '\u{ffff}'], "");
    let mut lines = text.lines();
    let caption = lines.next().unwrap_or_default().to_owned();
    let keywords: Vec<String> = lines.map(str::to_owned).collect();
    let words = Words { caption: Some(caption.clone()), keywords: keywords.clone(), ..Words::default() };
    let facts = xmp::read(write(&words).as_bytes());
    let letters = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    match &facts.caption {
        Some(read) => assert_eq!(letters(read), letters(&caption)),
        None => assert!(exif_text::clean(&caption).is_none_or(|caption| exif_text::is_filler(&caption)), "{caption:?}"),
    }
    let told: String = xmp::without_doubles(&keywords).iter().map(|keyword| letters(keyword)).collect();
    let read: String = facts.keywords.iter().map(|keyword| letters(keyword)).collect();
    assert_eq!(read, told);
}
