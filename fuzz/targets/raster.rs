//! PNG, GIF, WebP and bitmaps.
#![no_main]

use keepsake::formats::png::{Checksum, Header, SIGNATURE};
use keepsake::formats::{headers, zeros};
use keepsake::model::{Condition, Kind};
use keepsake_fuzz::{examine, prepare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |file: &[u8]| {
    examine(file, Kind::Png);
    headers::size(file);
    if let Some(header) = Header::read(file) {
        assert!(header.inflated_bytes() >= u64::from(header.height));
    }
    hold_holes(file);
    // A changed byte breaks its chunk's checksum first of all: with the checksums set right the inside is reached.
    if let Some(mended) = with_checksums(file) {
        let found = examine(&mended, Kind::Png);
        if let Some(found) = found.filter(|found| found.condition == Condition::Intact) {
            assert!(found.facts.width.is_some() && found.facts.height.is_some(), "{found:?}");
        }
    }
});

fn with_checksums(file: &[u8]) -> Option<Vec<u8>> {
    let mut rest = file.strip_prefix(SIGNATURE)?;
    let mut mended = SIGNATURE.to_vec();
    while let Some((length, _)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let Some((chunk, after)) = length.checked_add(8).and_then(|length| rest.split_at_checked(length)) else {
            break;
        };
        let mut checksum = Checksum::new();
        checksum.update(chunk.get(4..)?);
        mended.extend_from_slice(chunk);
        mended.extend_from_slice(&checksum.finish().to_be_bytes());
        rest = after.get(4..).unwrap_or_default();
    }
    mended.extend_from_slice(rest);
    (mended != file).then_some(mended)
}

/// Holes are whole sectors of zeros, in order and apart, and the same wherever the reading begins.
fn hold_holes(file: &[u8]) {
    let found = zeros::holes(file, 0);
    for hole in &found {
        assert!(hole.start % 512 == 0 && hole.end % 512 == 0 && hole.start < hole.end);
        assert!(zeros::is_zero(
            &file[usize::try_from(hole.start).unwrap_or(0)..usize::try_from(hole.end).unwrap_or(0)]
        ));
    }
    assert!(found.windows(2).all(|pair| pair[0].end < pair[1].start));
    if let Some(later) = file.get(512..) {
        let in_both: Vec<u64> = found.iter().map(|hole| hole.end).filter(|end| *end > 512).collect();
        assert_eq!(zeros::holes(later, 512).iter().map(|hole| hole.end).collect::<Vec<_>>(), in_both);
    }
}
