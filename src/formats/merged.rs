//! The best of several damaged copies of one file, and the whole one that they make together.
//!
//! Drives fail in different places: where one copy of a photo has a hole, another may be good. [`fingerprint()`] finds the
//! files that may be copies of one; [`merge`] puts them together where, and only where, the result is proven.
//!
//! # What counts as proven
//! Each byte of the result stands in one of the copies, at the same offset. Then one of these must hold:
//!
//! - **decoded** (JPEG): every code of the picture decodes ([`crate::formats::jpeg`]);
//! - **checksums** (PNG): every chunk has its checksum, and the picture inflates to its last line, checksum included;
//! - **agreement** (everything else): a map from the drive says that at least one copy was read there, for every byte,
//!   and wherever two copies were read they say the same.
//!
//! Where copies differ, each of them is tried, and exactly one way of putting them together must pass: two that pass
//! prove nothing. A row of one repeated pattern that begins and ends with a sector is what rescue programs leave where
//! they could not read; it is never preferred to data. Bytes that no test reaches (metadata, what follows the picture)
//! are taken where nobody contradicts, or where who contradicts has such a hole there.
//!
//! # What makes copies
//! Some kibibytes of the picture's own data, equal at equal offsets, and not more that contradicts. Headers prove
//! nothing: shots of a burst share them. Flat areas prove nothing either: any two black pictures share those.
//!
//! # What cannot be seen
//! A byte that a drive changed in silence, in the only copy that has its place, in a way that still decodes.
//!
//! # Bounds
//! Copies beyond [`MOST_COPIES`] are not looked at; at most [`MOST_CHOICES`] places may differ; the tests together go
//! over at most 512 MiB. Memory: three times the longest copy, beside the copies.

mod agreed;
mod compare;
mod fills;
mod fingerprint;
mod pieces;
mod search;
mod tested;

use std::fmt;

use crate::model::Ranges;

use compare::{Seen, families};
use tested::Format;

pub use fingerprint::{Group, fingerprint};

/// Copies that are looked at. Bounds the time of comparing each with each.
pub const MOST_COPIES: usize = 16;
/// Places in which copies may differ.
pub const MOST_CHOICES: usize = 64;

/// One copy of what may be one file.
#[derive(Clone, Debug)]
pub struct Copy<'a> {
    /// What was read of it; holes hold anything.
    pub bytes: &'a [u8],
    /// Which of its bytes could not be read, as the map of the drive says; `None` where nobody kept one.
    pub lost: Option<Ranges>,
}

/// What proves that a merged file is the one that once was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Proof {
    /// Every code of the picture decodes, and no other way of putting the copies together does.
    Decoded,
    /// The checksums in the file hold, and for no other way of putting the copies together.
    Checksums,
    /// Each byte was read from at least one drive, and wherever two were read they agree.
    Agreement,
}

/// Why copies make no whole file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unproven {
    /// One of them is whole as it is.
    NotNeeded,
    /// No copy has these bytes.
    Missing(Ranges),
    /// More than one way of putting them together makes a whole picture.
    Ambiguous,
    /// No way of putting them together makes a whole picture.
    Broken,
    /// They end in different places, and it cannot be told which end is right.
    OtherEnds,
    /// They differ in too many places to try them all.
    TooManyWays,
    /// The format has no test of its own, and no maps of the drives say what was read.
    NoMaps,
}

/// Why files are not copies of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Apart {
    /// What can be compared differs.
    OtherContent,
    /// No part was read in more than one of them, so nothing can be compared.
    NothingInCommon,
    /// The picture is the same, byte for byte, but stands at another place: somebody changed what is written about it.
    OtherHeader {
        /// How much further back it stands in the second of the two.
        by: i64,
    },
}

/// What several copies came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Together they make a whole file, and no copy is whole alone.
    Whole {
        /// All of it.
        bytes: Vec<u8>,
        /// Which copy gave which bytes; each byte is there once, copies that gave nothing are not there.
        from: Vec<(usize, Ranges)>,
        /// What proves it.
        proof: Proof,
    },
    /// They belong together, but this one is the best that there is.
    Best {
        /// Which copy.
        index: usize,
        /// How much of it is good, 0 to 100, where that can be measured.
        good_percent: Option<u8>,
        /// Why not more.
        because: Unproven,
    },
    /// No two of them belong together.
    NotOnePicture(Apart),
}

/// Puts copies together, where the result is proven.
///
/// Where some of the copies are of other pictures, those that belong together are found; of several such families, the
/// first that makes a whole file is given, else the one with the best copy.
pub fn merge(copies: &[Copy<'_>]) -> Outcome {
    let seen: Vec<Seen<'_>> = copies.iter().take(MOST_COPIES).map(Seen::of).collect();
    let format = Format::of(&seen);
    let families = match families(&seen, format) {
        Ok(families) => families,
        Err(apart) => return Outcome::NotOnePicture(apart),
    };
    let mut best: Option<(tested::Rank, Outcome)> = None;
    for family in families {
        let because = match together(&seen, &family, format) {
            Ok(found @ Outcome::Whole { .. }) => return found,
            Ok(found) => {
                let rank = tested::Rank::WHOLE;
                if best.as_ref().is_none_or(|(known, _)| *known < rank) {
                    best = Some((rank, found));
                }
                continue;
            }
            Err(because) => because,
        };
        let ranked = family.iter().filter_map(|&index| Some((tested::rank(seen.get(index)?, format), index)));
        let Some((rank, index)) = ranked.max_by_key(|(rank, index)| (*rank, std::cmp::Reverse(*index))) else {
            continue;
        };
        let because = match because {
            // The others say that something is wrong with it, though it decodes.
            Unproven::Missing(_) | Unproven::Ambiguous => because,
            Unproven::NotNeeded | Unproven::Broken | Unproven::OtherEnds | Unproven::TooManyWays | Unproven::NoMaps
                if rank.is_whole =>
            {
                Unproven::NotNeeded
            }
            Unproven::NotNeeded | Unproven::Broken | Unproven::OtherEnds | Unproven::TooManyWays | Unproven::NoMaps => {
                because
            }
        };
        if best.as_ref().is_none_or(|(known, _)| *known < rank) {
            best = Some((rank, Outcome::Best { index, good_percent: rank.good_percent, because }));
        }
    }
    best.map_or(Outcome::NotOnePicture(Apart::NothingInCommon), |(_, outcome)| outcome)
}

/// The file, who gave what, and what proves it.
type Joined = (Vec<u8>, Vec<(usize, Ranges)>, Proof);

/// Makes one family whole.
fn together(seen: &[Seen<'_>], family: &[usize], format: Format) -> Result<Outcome, Unproven> {
    let members: Vec<(usize, &Seen<'_>)> = family.iter().filter_map(|&index| Some((index, seen.get(index)?))).collect();
    let (bytes, from, proof) = match format {
        Format::Other => agreed::by_maps(&members)?,
        Format::Jpeg | Format::Png => search::by_test(&members, format).or_else(|why| {
            // Maps do not know what a drive changed in silence: where a test can be had, it is asked.
            let by_maps = agreed::by_maps(&members).ok();
            by_maps.filter(|(bytes, _, _)| format.cannot_test(bytes)).ok_or(why)
        })?,
    };
    let alone = members.iter().find(|(_, copy)| copy.bytes == bytes);
    Ok(match alone {
        Some(&(index, _)) => Outcome::Best { index, good_percent: Some(100), because: Unproven::NotNeeded },
        None => Outcome::Whole { bytes, from, proof },
    })
}

/// Says it in words that follow “the copies could not be made into one, for”.
impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNeeded => f.write_str("one of them is whole"),
            Self::Missing(ranges) => write!(f, "{} bytes are in none of them", ranges.bytes()),
            Self::Ambiguous => f.write_str("they differ, and more than one way of joining them makes a whole picture"),
            Self::Broken => f.write_str("no way of joining them makes a whole picture"),
            Self::OtherEnds => f.write_str("they end in different places, and it cannot be told which end is right"),
            Self::TooManyWays => f.write_str("they differ in too many places"),
            Self::NoMaps => {
                f.write_str("nothing says which of their bytes were read from the drive and which were not")
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "a list of holes may be of one")]
mod tests;
