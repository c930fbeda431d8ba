//! A believable old drive, drawn by our own code: no third party's picture is in this repository.
//!
//! [`old_drive`] writes it, [`manifest`] tells what is true of each file, [`unruly`] makes what git cannot keep,
//! [`picture`] draws one file for a test of its own, [`many`] makes as many as a load test wants.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    clippy::similar_names,
    clippy::unreadable_literal,
    reason = "painting is arithmetic between pixels and shares of them, and a colour is read as 0xRRGGBB"
)]

mod canvas;
mod dice;
mod drive;
mod exif;
mod iptc;
mod many;
mod movie;
mod picture;
mod raw;
mod scenes;
mod tiff;
mod unruly;
mod xmp;

pub(crate) use drive::{Expected, Role, committed, drawn, manifest, old_drive};
pub(crate) use exif::Exif;
pub(crate) use iptc::Iptc;
pub(crate) use many::many;
pub(crate) use movie::{Dialect, Movie};
pub(crate) use picture::picture;
pub(crate) use scenes::Scene;
pub(crate) use unruly::unruly;
pub(crate) use xmp::Xmp;

// For suites that have to name a type.
#[allow(unused_imports, reason = "the builders' types are seldom named")]
pub(crate) use self::{drive::Taken, picture::Picture, unruly::Unruly};
