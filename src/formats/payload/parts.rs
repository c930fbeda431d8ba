//! One name for many parts.

use std::io::{Read, Seek};

use crate::formats::isobmff::Extent;
use crate::model::Payload;

use super::bytes::{Bytes, Walked};

/// The parts of one picture, each under its name, in their order. Every part is hashed for itself first, so that no
/// bytes can pass from one to the next unnoticed.
pub(super) struct Parts(blake3::Hasher);

impl Parts {
    /// Puts the parts of a picture of one family of formats together; other families never come to the same name.
    pub(super) fn of(family: &str, add: impl FnOnce(&mut Self) -> Walked<()>) -> Walked<Payload> {
        let mut parts = Self(blake3::Hasher::new_derive_key("keepsake 2026 payload"));
        parts.add(*b"form", family.as_bytes());
        add(&mut parts)?;
        let mut half = [0; 16];
        parts.0.finalize_xof().fill(&mut half);
        Ok(Payload::from_hash(half))
    }

    pub(super) fn add(&mut self, name: [u8; 4], bytes: &[u8]) {
        self.add_hash(name, blake3::hash(bytes));
    }

    pub(super) fn add_hash(&mut self, name: [u8; 4], hash: blake3::Hash) {
        self.0.update(&name);
        self.0.update(hash.as_bytes());
    }

    pub(super) fn add_extent<R: Read + Seek>(
        &mut self,
        name: [u8; 4],
        file: &mut Bytes<'_, R>,
        extent: Extent,
    ) -> Walked<()> {
        let mut hasher = blake3::Hasher::new();
        file.feed(&mut hasher, extent)?;
        self.add_hash(name, hasher.finalize());
        Ok(())
    }
}
