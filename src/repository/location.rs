//! Where a repository is, written as restic writes it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where a repository is: a folder, or a bucket and a prefix in it.
///
/// Reads and prints restic's own spelling, so a location can be handed to stock restic as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Location(Arc<Kind>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    /// An absolute path.
    Local(PathBuf),
    /// `endpoint` starts with `https://` or `http://` and has no path; `prefix` has no slash at either end.
    S3 { endpoint: String, bucket: String, prefix: String },
    /// `prefix` has no slash at either end.
    B2 { bucket: String, prefix: String },
}

/// What speaks at a location.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// A file system of this machine.
    Local,
    /// Any store that speaks S3.
    S3,
    /// Backblaze B2's own interface.
    B2,
}

/// Text that names no place a repository can be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseLocationError {
    /// A path that depends on where one stands.
    #[error("“{0}” is not an absolute path: a repository is found again only from its full path")]
    Relative(String),
    /// There is no bucket, or no host, in it.
    #[error("“{0}” is not complete: a bucket is written s3:https://HOST/BUCKET/PREFIX or b2:BUCKET:PREFIX")]
    Incomplete(String),
    /// restic knows it, we do not.
    #[error(
        "“{0}” is of a kind that is not supported: use a folder, s3:https://HOST/BUCKET/PREFIX or b2:BUCKET:PREFIX"
    )]
    Unsupported(String),
    /// A prefix that steps out of its folder.
    #[error("“{0}” has a part that is “.” or “..”")]
    Dots(String),
}

/// The kinds of places that restic knows and this program does not (restic manual, “Preparing a new repository”).
const FOREIGN: &[&str] = &["sftp:", "rest:", "swift:", "azure:", "gs:", "rclone:", "opendal:", "rustic:"];

impl Location {
    /// The folder, when it is one of this machine.
    pub fn local_path(&self) -> Option<&Path> {
        match self.kind() {
            Kind::Local(path) => Some(path),
            Kind::S3 { .. } | Kind::B2 { .. } => None,
        }
    }

    /// What speaks there.
    pub fn scheme(&self) -> Scheme {
        match self.kind() {
            Kind::Local(_) => Scheme::Local,
            Kind::S3 { .. } => Scheme::S3,
            Kind::B2 { .. } => Scheme::B2,
        }
    }

    /// Whether reaching it takes a network.
    pub fn is_remote(&self) -> bool {
        self.local_path().is_none()
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0
    }
}

impl FromStr for Location {
    type Err = ParseLocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = if let Some(rest) = text.strip_prefix("s3:") {
            parse_s3(rest, text)?
        } else if let Some(rest) = text.strip_prefix("b2:") {
            parse_b2(rest, text)?
        } else if FOREIGN.iter().any(|kind| text.starts_with(kind)) {
            return Err(ParseLocationError::Unsupported(text.to_owned()));
        } else {
            parse_local(text.strip_prefix("local:").unwrap_or(text), text)?
        };
        Ok(Self(Arc::new(kind)))
    }
}

fn parse_local(rest: &str, text: &str) -> Result<Kind, ParseLocationError> {
    let path = Path::new(rest);
    if !path.is_absolute() {
        return Err(ParseLocationError::Relative(text.to_owned()));
    }
    if path.components().any(|part| part == std::path::Component::ParentDir) {
        return Err(ParseLocationError::Dots(text.to_owned()));
    }
    // `components` drops doubled and trailing slashes: one folder, one spelling.
    Ok(Kind::Local(path.components().collect()))
}

fn parse_s3(rest: &str, text: &str) -> Result<Kind, ParseLocationError> {
    let (scheme, rest) = if let Some(rest) = rest.strip_prefix("http://") {
        ("http://", rest)
    } else {
        let rest = rest.strip_prefix("https://").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
        ("https://", rest)
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    if host.is_empty() || bucket.is_empty() {
        return Err(ParseLocationError::Incomplete(text.to_owned()));
    }
    let host = clean(host, text)?;
    Ok(Kind::S3 { endpoint: format!("{scheme}{host}"), bucket: clean(bucket, text)?, prefix: clean(prefix, text)? })
}

fn parse_b2(rest: &str, text: &str) -> Result<Kind, ParseLocationError> {
    let (bucket, prefix) = rest.split_once(':').unwrap_or((rest, ""));
    if bucket.is_empty() || bucket.contains('/') {
        return Err(ParseLocationError::Incomplete(text.to_owned()));
    }
    Ok(Kind::B2 { bucket: clean(bucket, text)?, prefix: clean(prefix, text)? })
}

/// Drops empty parts, refuses parts that would step elsewhere.
fn clean(path: &str, text: &str) -> Result<String, ParseLocationError> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| *part == "." || *part == "..") {
        return Err(ParseLocationError::Dots(text.to_owned()));
    }
    Ok(parts.join("/"))
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Local(path) => write!(f, "{}", path.display()),
            Kind::S3 { endpoint, bucket, prefix } if prefix.is_empty() => write!(f, "s3:{endpoint}/{bucket}"),
            Kind::S3 { endpoint, bucket, prefix } => write!(f, "s3:{endpoint}/{bucket}/{prefix}"),
            Kind::B2 { bucket, prefix } if prefix.is_empty() => write!(f, "b2:{bucket}"),
            Kind::B2 { bucket, prefix } => write!(f, "b2:{bucket}:{prefix}"),
        }
    }
}

impl TryFrom<String> for Location {
    type Error = ParseLocationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Location> for String {
    fn from(location: Location) -> Self {
        location.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_as(text: &str, printed: &str) {
        let location: Location = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(location.to_string(), printed);
        assert_eq!(printed.parse::<Location>().as_ref(), Ok(&location), "{printed} reads back as itself");
    }

    #[test]
    fn every_spelling_of_restic_reads_and_prints_back() {
        reads_as("/mnt/disk/keepsake", "/mnt/disk/keepsake");
        reads_as("local:/mnt//disk/keepsake/", "/mnt/disk/keepsake");
        reads_as(
            "s3:https://s3.us-west-004.backblazeb2.com/bucket/a/b",
            "s3:https://s3.us-west-004.backblazeb2.com/bucket/a/b",
        );
        reads_as("s3:http://127.0.0.1:9100/bucket", "s3:http://127.0.0.1:9100/bucket");
        reads_as("s3:host/bucket", "s3:https://host/bucket");
        reads_as("s3://host/bucket//a/", "s3:https://host/bucket/a");
        reads_as("b2:bucket:prefix/more", "b2:bucket:prefix/more");
        reads_as("b2:bucket:/prefix", "b2:bucket:prefix");
        reads_as("b2:bucket", "b2:bucket");
    }

    #[test]
    fn text_that_names_no_place_is_refused_for_its_own_reason() {
        let refused = |text: &str| text.parse::<Location>().unwrap_err();
        assert!(matches!(refused("photos"), ParseLocationError::Relative(_)));
        assert!(matches!(refused(""), ParseLocationError::Relative(_)));
        assert!(matches!(refused("/mnt/../etc"), ParseLocationError::Dots(_)));
        assert!(matches!(refused("s3:https://host"), ParseLocationError::Incomplete(_)));
        assert!(matches!(refused("s3:https:///bucket"), ParseLocationError::Incomplete(_)));
        assert!(matches!(refused("s3:host/bucket/../other"), ParseLocationError::Dots(_)));
        assert!(matches!(refused("s3:../bucket"), ParseLocationError::Dots(_)));
        assert!(matches!(refused("b2:"), ParseLocationError::Incomplete(_)));
        assert!(matches!(refused("sftp:me@host:/backup"), ParseLocationError::Unsupported(_)));
    }

    #[test]
    fn only_a_folder_has_a_local_path() {
        let folder: Location = "/mnt/disk".parse().unwrap();
        assert_eq!(folder.local_path(), Some(Path::new("/mnt/disk")));
        assert!(!folder.is_remote());
        assert!("b2:bucket".parse::<Location>().unwrap().is_remote());
    }
}
