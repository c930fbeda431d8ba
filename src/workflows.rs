//! The verbs, one file each; the only place where the outside worlds meet.
//!
//! A verb is the same function whoever calls it: command line, timer, web button.

mod access;
mod backup;
mod bring_back;
mod check;
mod companions;
mod contents;
mod describe;
mod drill;
mod drive;
mod error;
mod examine;
mod ingest;
mod init;
mod keep_previews;
mod make_kit;
mod many_objects;
mod mend;
mod open_archive;
mod previews;
mod recover;
mod repositories;
mod rescue;
mod restore;
mod say;
mod snapshots;
mod status;
mod thumbnails;
mod tree_paths;
mod triage;
mod verify_kit;
mod whole_disk;

pub use crate::media::Helpers;
pub use backup::backup;
pub use check::{CheckOptions, check};
pub use drill::{DrillOptions, Share, drill};
pub use error::Error;
pub use ingest::{IngestOptions, ingest};
pub use init::{NewArchive, init, words_were_shown};
pub use make_kit::{create_kit, gather, own_kit, seal_to, sheet};
pub use open_archive::{Circumstances, OpenArchive};
pub use previews::{HEIC_DECODER, decode_heic, preview_of, previews};
pub use recover::{RecoverFrom, recover};
pub use repositories::{Added, add_repository, remove_repository, rotate_password};
pub use rescue::{RescuePlan, rescue};
pub use restore::{Overwrite, RestoreOptions, Wanted, restore};
pub use say::{Saying, say, undo};
pub use snapshots::{access_to, snapshots};
pub use status::status;
pub use triage::{Triage, needs_a_look, save_page, small_preview, triage};
pub use verify_kit::{KitRepositoryVerified, KitVerified, verify_kit};
