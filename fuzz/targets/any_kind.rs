//! Every kind of file, with content of every other: the first byte chooses the kind.
#![no_main]

use keepsake::media;
use keepsake::model::{Condition, Depth, Family, Kind};
use keepsake_fuzz::{examine, hold_facts, prepare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |input: &[u8]| {
    let Some((choice, file)) = input.split_first() else { return };
    let (kind, word) = Kind::ALL[usize::from(*choice) % Kind::ALL.len()];
    // As the content says, and where that is another kind, as the choice says too.
    let found = examine(file, kind);
    let mut input = std::io::Cursor::new(file);
    let helpers = media::Helpers::default();
    let (chosen, _) = media::examine(&mut input, file.len() as u64, kind, &helpers).expect("memory can be read");
    hold_facts(&chosen.facts);
    if media::sniff(file, b"").is_none() {
        assert_eq!(found, Some(chosen.clone()));
    }
    if file.iter().all(|byte| *byte == 0) {
        assert_eq!((chosen.condition, chosen.good_percent), (Condition::Damaged, Some(0)));
    }
    assert!(kind != Kind::Unknown || chosen.depth <= Depth::Structure);
    hold_facts(&keepsake::formats::avi::read(file));
    hold_names(file, word);
});

/// The name decides only where the content says nothing, between raw files that look alike, and of sidecars.
fn hold_names(file: &[u8], ending: &str) {
    let name = format!("IMG_0001.{ending}");
    let by_content = media::sniff(file, b"");
    let with_name = media::sniff(file, name.as_bytes());
    match (by_content, with_name) {
        // Texts beside photos, and stores of small pictures, are told by name and content together.
        (None, Some(kind)) => assert!(kind == Kind::Unknown || kind.family() == Family::Sidecar, "{kind}"),
        (Some(content), Some(named)) => {
            assert!(content == named || is_tiff(content) && is_tiff(named), "{content} {named}")
        }
        (Some(_), None) => panic!("a name made media into none"),
        (None, None) => {}
    }
    let head = file.get(..1 << 16).unwrap_or(file);
    assert_eq!(media::sniff(head, name.as_bytes()), media::sniff(head, name.to_uppercase().as_bytes()));
}

fn is_tiff(kind: Kind) -> bool {
    kind == Kind::Tiff || kind.is_raw()
}
