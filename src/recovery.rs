//! The recovery kit: with it and a network, nothing else is needed.
//!
//! A kit is one file in age's format (ASCII-armored, <https://age-encryption.org/v1>) around a JSON document: for
//! every repository its location, its password, its master key and the keys of its bucket, and the commands that
//! bring everything back with stock restic. It is sealed either to public keys or with a passphrase (age does not
//! allow both in one file).
//!
//! Who may see what: the sealed file and a sheet without the words give away where the backups are, and nothing
//! else. The opened kit, and a sheet with the words printed on it, open every photo.

mod commands;
mod error;
mod identities;
mod kit;
mod opening;
mod read_me;
mod sealing;
mod sheet;

pub use error::RecoveryError;
pub use kit::{Credentials, KIT_VERSION, Kit, KitRepository};
pub use opening::{Opener, needs_passphrase, open};
pub use read_me::read_me_first;
pub use sealing::{SealTo, seal};
pub use sheet::{OpenedBy, SheetFacts, sheet};

#[cfg(test)]
mod tests;
