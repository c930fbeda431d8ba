//! What a snapshot says of itself.
#![no_main]

use keepsake::repository::{Snapshot, SnapshotId};
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |input: &[u8]| {
    if let Some(snapshot) = Snapshot::of_json(input) {
        // Of a snapshot that is not ours nobody knows whether it is complete, nor what is in it.
        assert!(snapshot.ours || !snapshot.complete && snapshot.generation.is_none(), "{snapshot:?}");
        assert_eq!(Snapshot::of_json(input), Some(snapshot));
    }
    if let Ok(text) = str::from_utf8(input)
        && let Ok(id) = text.parse::<SnapshotId>()
    {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
});
