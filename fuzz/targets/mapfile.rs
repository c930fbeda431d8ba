//! The mapfile of ddrescue.
#![no_main]

use keepsake::formats::mapfile::{Map, Status};
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |text: &[u8]| {
    let text = String::from_utf8_lossy(text);
    let Ok(mut map) = Map::parse(&text) else { return };
    assert_eq!(Map::parse(&map.to_string()).as_ref(), Ok(&map));
    whole(&map);
    // Any change, and another size: it stays whole.
    let number = |at: usize| text.as_bytes().get(at).copied().map_or(0, u64::from);
    let start = number(0) << (number(1) % 56);
    let status = Status::ALL[text.len() % 5];
    map.set(start..start + (number(2) << (number(3) % 40)), status);
    whole(&map);
    map.resize(number(4) << (number(5) % 50));
    whole(&map);
});

/// Its runs cover the drive, one after the other, no two neighbours alike.
fn whole(map: &Map) {
    let mut end = 0;
    let mut last = None;
    for (range, status) in map.runs() {
        assert!(range.start == end && !range.is_empty() && last != Some(status), "{map}");
        assert_eq!(map.at(range.start), Some(status));
        end = range.end;
        last = Some(status);
    }
    assert_eq!(end, map.size());
    let bytes: u64 = Status::ALL.iter().map(|status| map.ranges(*status).bytes()).sum();
    assert_eq!(bytes, map.size());
}
