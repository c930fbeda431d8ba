//! The attributes of files that the system packed (decmpfs).

use std::collections::{HashMap, HashSet};

use super::tree::Tree;
use crate::formats::numbers::{be16, be32};
use crate::sources::disk::decmpfs;
use crate::sources::medium::MediumError;

/// What the attribute is called.
const NAME: &str = "com.apple.decmpfs";

/// The attributes that packed files have, by file number.
#[derive(Default)]
pub(super) struct Attributes(HashMap<u32, Vec<u8>>);

/// Reads the attributes of the files in `wanted`.
pub(super) fn read(tree: &mut Tree, wanted: &HashSet<u32>) -> Result<Attributes, MediumError> {
    let mut found = HashMap::new();
    let name: Vec<u8> = NAME.encode_utf16().flat_map(u16::to_be_bytes).collect();
    // Damage shows as attributes that are not found, each with a problem of its own.
    let _damage = tree.leaves(&mut |node| {
        for record in node.records(|_| None) {
            let Some((id, value)) = attribute(record, &name) else { continue };
            if wanted.contains(&id) {
                found.entry(id).or_insert_with(|| value.to_vec());
            }
        }
    })?;
    Ok(Attributes(found))
}

/// The file number and the bytes of an attribute by that name.
fn attribute<'a>(record: &'a [u8], name: &[u8]) -> Option<(u32, &'a [u8])> {
    let key = usize::from(be16(record, 0)?);
    let letters = usize::from(be16(record, 12)?);
    if record.get(14..14_usize.checked_add(letters * 2)?)? != name {
        return None;
    }
    let data = record.get((2 + key).next_multiple_of(2)..)?;
    // 0x10: the bytes are here.
    let length = usize::try_from(be32(data, 12)?).ok().filter(|_| be32(data, 0) == Some(0x10))?;
    Some((be32(record, 4)?, data.get(16..16_usize.checked_add(length)?)?))
}

impl Attributes {
    /// The content of a packed file, or why it cannot be had.
    pub(super) fn unpack(&self, id: u32) -> Result<Vec<u8>, &'static str> {
        let packed = self.0.get(&id).ok_or("this file is packed by the system, and how cannot be read")?;
        decmpfs::unpack(packed)
    }
}
