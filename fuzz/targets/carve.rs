//! Carving: a small drive of any bytes, gone through to the end; and a JPEG followed in pieces, against the validator.
#![no_main]

use std::ops::ControlFlow;
use std::time::Duration;

use keepsake::formats::jpeg::{Advance, Follower, State, validate};
use keepsake::model::{Kind, Ranges};
use keepsake::sources::disk::carve::{Carved, CarvedState, Search, carve};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|drive: &[u8]| {
    let mut follower = Follower::new();
    let mut last = Advance::More;
    for piece in drive.chunks(97) {
        last = follower.feed(piece);
    }
    let verdict = validate(drive);
    if verdict.state == State::Whole && verdict.followed && verdict.frame.as_ref().is_some_and(|frame| frame.height > 0) {
        // Where the height stands behind the first scan, only the validator goes.
        assert!(!matches!(last, Advance::Whole(size) if Some(size) != verdict.end.map(|end| end as u64)));
    }
    // Each part on a sector of its own, so that heads are met.
    let mut bytes = Vec::new();
    for part in drive.split_inclusive(|byte| *byte == 0xD9) {
        bytes.extend_from_slice(part);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    let space = Ranges::one(0..bytes.len() as u64);
    let medium = (bytes, Ranges::new());
    let search =
        Search { medium: &medium, space: &space, cluster: Some((512, 0)), budget: Duration::from_millis(50), threads: 1 };
    let mut found = |carved: Carved| {
        let pieces: u64 = carved.pieces.iter().map(|piece| piece.length).sum();
        assert_eq!(pieces, carved.size);
        let mut file = Vec::new();
        for piece in &carved.pieces {
            let at = usize::try_from(piece.at.expect("a place")).expect("small");
            file.extend_from_slice(&medium.0[at..at + usize::try_from(piece.length).expect("small")]);
        }
        if carved.kind == Kind::Jpeg && carved.state <= CarvedState::Reassembled {
            assert_eq!(validate(&file).state, State::Whole);
        }
        ControlFlow::Continue(())
    };
    carve(&search, &|| false, &|_| {}, &mut found).expect("nothing stops it");
});
