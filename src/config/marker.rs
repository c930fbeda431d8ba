//! The marker: the file that makes a folder an archive, and an unmounted drive visible as such.

use serde::{Deserialize, Serialize};

use super::settings::BadName;

/// The name of the marker in an archive.
pub const MARKER_FILE: &str = ".keepsake-archive";

/// The newest format of an archive that this program reads, and the one that it makes.
pub const FORMAT: u32 = 1;

const HEADER: &str = "\
# This file says that this folder is a Keepsake archive. Please leave it here:
# without it the program takes the archive for a drive that is not plugged in.
";

/// What the marker says: TOML with these two keys. Keys that are not known here are left alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Marker {
    /// Which archive this is; never changes, and every snapshot carries it as its host.
    pub archive_id: String,
    /// How the archive's folder is laid out.
    pub format: u32,
}

impl Marker {
    /// The marker of a new archive. The id is made of `a`–`z`, `0`–`9` and `-`, and has at most 64 of them.
    pub(super) fn new(archive_id: &str) -> Result<Self, BadName> {
        if archive_id.is_empty() {
            return Err(BadName::Empty);
        }
        if archive_id.len() > 64 {
            return Err(BadName::TooLong { most: 64 });
        }
        if !archive_id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return Err(BadName::Characters { allowed: "small letters a to z, digits and -" });
        }
        Ok(Self { archive_id: archive_id.to_owned(), format: FORMAT })
    }

    pub(super) fn to_toml(&self) -> String {
        let Self { archive_id, format } = self;
        format!("{HEADER}archive_id = \"{archive_id}\"\nformat = {format}\n")
    }

    /// Reads a marker of any format: a newer one may have no more in common with this one than `format`.
    pub(super) fn from_toml(text: &str) -> Result<Known, String> {
        #[derive(Deserialize)]
        struct AnyFormat {
            format: u32,
        }
        let said = |error: toml::de::Error| error.message().to_owned();
        let AnyFormat { format } = toml::from_str(text).map_err(said)?;
        if format > FORMAT {
            return Ok(Known::Newer(format));
        }
        if format == 0 {
            return Err("there is no format 0".to_owned());
        }
        let marker: Self = toml::from_str(text).map_err(said)?;
        Self::new(&marker.archive_id).map_err(|why| format!("the archive's id cannot be used: {why}"))?;
        Ok(Known::Marker(marker))
    }
}

/// A marker that can be read, or only recognised.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Known {
    Marker(Marker),
    Newer(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        let marker = Marker::new("5f0c-a1").unwrap();
        assert_eq!(Marker::from_toml(&marker.to_toml()), Ok(Known::Marker(marker)));
        assert!(Marker::new("a\"b").is_err());
    }

    #[test]
    fn a_newer_marker_is_recognised_whatever_else_it_says() {
        assert_eq!(Marker::from_toml("format = 7\nid = [1]\n"), Ok(Known::Newer(7)));
        assert!(Marker::from_toml("").is_err());
        assert!(Marker::from_toml("format = 0\narchive_id = \"5f0c\"\n").is_err(), "there was no such format");
        assert!(Marker::from_toml("format = 1\narchive_id = \"../x\"\n").is_err());
    }
}
