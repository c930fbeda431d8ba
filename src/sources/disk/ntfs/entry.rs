//! A file, put together out of its records.

use jiff::Timestamp;

use super::attribute::{Attribute, DATA, Name, REPARSE_POINT, Reference, STANDARD_INFORMATION, time};
use super::boot::Geometry;
use super::content::{Refused, content};
use super::record::Record;
use super::survey::{Survey, best_name};
use crate::formats::numbers::le32;
use crate::sources::disk::file_system::Content;

/// What was found of a file.
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) modified_at: Option<Timestamp>,
    /// When anything about it changed last: what was deleted later, changed later.
    pub(super) changed_at: Option<Timestamp>,
    pub(super) data: Result<(u64, Content), Missing>,
}

/// Why a file's bytes cannot be got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missing {
    /// Encrypted, or told of in a way that cannot be true.
    Refused(Refused),
    /// The part of its record that tells of them is gone.
    Torn,
    /// Packed by the system itself, in a form that is not read here.
    SystemPacked,
    /// Kept once for several files, in the books of a server.
    Deduplicated,
    /// Only in a cloud: it was never on this drive.
    Cloud,
}

impl Missing {
    /// For a person, about one file.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Refused(Refused::Encrypted) => {
                "Windows encrypted it: it can be opened only with the key of the account that it belonged to"
            }
            Self::Refused(Refused::Headless) | Self::Torn => {
                "the part of the drive that says where its content lies cannot be read"
            }
            Self::Refused(Refused::Absurd) => {
                "it claims to be longer than the whole drive: it is mostly holes, or its entry is damaged"
            }
            Self::SystemPacked => {
                "Windows stored it compressed as one of its own files, in a form that cannot be read here"
            }
            Self::Deduplicated => {
                "a Windows server kept its content together with that of other files: it cannot be read here"
            }
            Self::Cloud => "its content was only in the cloud, and never on this drive",
        }
    }
}

impl Entry {
    /// Puts a file together; `None` where there is no name, or nothing that a file would have.
    pub(super) fn read(record: &Record<'_>, survey: &Survey, geometry: &Geometry) -> Option<Self> {
        let at = Reference { number: record.number, sequence: record.sequence() };
        let outside = || survey.outside(at, record.is_in_use());
        let all = || record.attributes().chain(outside());
        let name = best_name(all())?;
        let information = all().find(|one| one.kind == STANDARD_INFORMATION).and_then(|one| one.value());
        let data: Vec<Attribute<'_>> = all().filter(|one| one.kind == DATA && !one.is_named).collect();
        if data.is_empty() && !record.is_torn {
            return None;
        }
        let reparse = all().find(|one| one.kind == REPARSE_POINT).and_then(|one| le32(one.value()?, 0));
        let flags = information.and_then(|value| le32(value, 0x20)).unwrap_or(0);
        let found = match reparse.and_then(|tag| elsewhere(tag, flags)) {
            Some(Reparsed::Link) => return None,
            Some(Reparsed::Missing(missing)) => Err(missing),
            None if data.is_empty() => Err(Missing::Torn),
            None => content(&data, geometry).map_err(Missing::Refused),
        };
        Some(Self {
            modified_at: information.and_then(|value| time(value, 8)).or(name.modified_at),
            changed_at: information.and_then(|value| time(value, 0x10)),
            name,
            data: found,
        })
    }
}

enum Reparsed {
    /// It points to another file, and is none itself.
    Link,
    Missing(Missing),
}

/// Whether a reparse point means that the content is not where it seems to be; read as it stands, it would be zeros.
fn elsewhere(tag: u32, flags: u32) -> Option<Reparsed> {
    // FILE_ATTRIBUTE_OFFLINE, FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS
    let is_away = flags & (0x1000 | 0x40_0000) != 0;
    match tag {
        0xA000_000C | 0xA000_0003 => Some(Reparsed::Link),
        0x8000_0017 => Some(Reparsed::Missing(Missing::SystemPacked)),
        0x8000_0013 => Some(Reparsed::Missing(Missing::Deduplicated)),
        // Cloud files of all sorts: those that have been fetched are like others.
        _ if tag & 0xFFFF_0FFF == 0x9000_001A || tag == 0x8000_0015 => {
            is_away.then_some(Reparsed::Missing(Missing::Cloud))
        }
        _ => None,
    }
}
