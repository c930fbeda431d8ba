//! The settings of one archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of the settings file in an archive.
pub const SETTINGS_FILE: &str = "keepsake.toml";

/// What a person can set for one archive. A value of this type that came out of [`Settings::from_toml`] is valid:
/// no two repositories share a name, and the owner's name can be a folder's name everywhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The first user: whose photos these are when nobody says otherwise.
    pub owner: String,
    /// Where backups go, in the order in which they are made.
    #[serde(rename = "repository", default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<RepositorySettings>,
    /// How the recovery kit is made.
    #[serde(default, skip_serializing_if = "KitSettings::is_default")]
    pub kit: KitSettings,
}

/// One repository, as the settings name it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositorySettings {
    /// What people call it.
    pub name: RepositoryName,
    /// Where it is, written as restic writes it.
    pub location: String,
    /// The repository's own id: another repository at the same place is noticed. Written by the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What else its store needs to know: `region`. Never a key or a password.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// How the recovery kit is made.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitSettings {
    /// Public keys of those who can open it (`age1…`, `ssh-ed25519 …`, `ssh-rsa …`); none: it is sealed with words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
}

impl KitSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Settings {
    /// The settings of an archive that has nothing but an owner.
    pub fn new(owner: &str) -> Result<Self, BadName> {
        check_owner(owner)?;
        Ok(Self { owner: owner.to_owned(), repositories: Vec::new(), kit: KitSettings::default() })
    }

    /// The owner, out of settings of which this version does not understand the rest.
    pub fn owner_in(text: &str) -> Option<Self> {
        let table: toml::Table = text.parse().ok()?;
        Self::new(table.get("owner")?.as_str()?).ok()
    }

    /// The repository of that name.
    pub fn repository(&self, name: &str) -> Option<&RepositorySettings> {
        self.repositories.iter().find(|repository| repository.name.as_str() == name)
    }

    /// The name that two repositories share, if any.
    pub(super) fn repeated_name(&self) -> Option<&RepositoryName> {
        let mut seen = BTreeSet::new();
        self.repositories.iter().map(|repository| &repository.name).find(|name| !seen.insert(name.as_str()))
    }
}

/// What a repository is called: 1 to 40 of `a`–`z`, `0`–`9`, `-` and `_`, so that it can stand in file names,
/// commands and environment variables.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(String);

impl RepositoryName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepositoryName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.is_empty() {
            return Err(BadName::Empty);
        }
        if text.len() > 40 {
            return Err(BadName::TooLong { most: 40 });
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if !text.bytes().all(allowed) {
            return Err(BadName::Characters { allowed: "small letters a to z, digits, - and _" });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0
    }
}

/// Why a text cannot be the name of a thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadName {
    /// There is nothing to call it by.
    #[error("a name cannot be empty")]
    Empty,
    /// It would not fit everywhere.
    #[error("a name can have at most {most} bytes")]
    TooLong {
        /// Bytes.
        most: usize,
    },
    /// It has characters that mean something else somewhere.
    #[error("a name can only have {allowed}")]
    Characters {
        /// What it can have.
        allowed: &'static str,
    },
    /// It would be taken for something else on some drives.
    #[error("a name cannot begin or end with a dot or a space")]
    Ends,
}

/// Checks that a user's name can be the name of a folder on every file system that photos are restored to.
pub(super) fn check_owner(owner: &str) -> Result<(), BadName> {
    if owner.is_empty() {
        return Err(BadName::Empty);
    }
    if owner.len() > 64 {
        return Err(BadName::TooLong { most: 64 });
    }
    if owner.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')) {
        return Err(BadName::Characters { allowed: "characters that can stand in a folder's name everywhere" });
    }
    let at_an_end = |c: char| c == '.' || c == ' ';
    if owner.starts_with(at_an_end) || owner.ends_with(at_an_end) {
        return Err(BadName::Ends);
    }
    Ok(())
}

/// Where the settings cannot be understood, and why. Lines are counted from 1.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadSettings {
    /// A key that means nothing here.
    #[error("line {line}: “{key}” is not a setting{}", nearest.as_ref().map(|name| format!("; did you mean “{name}”?")).unwrap_or_default())]
    UnknownKey {
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// The nearest name that does mean something.
        nearest: Option<String>,
    },
    /// A value that cannot be used.
    #[error("line {line}: {why}")]
    Value {
        /// The line.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A password or a key where everybody may read.
    #[error("line {line}: “{key}” belongs into secrets.toml: the settings are no place for passwords and keys")]
    Secret {
        /// The line.
        line: usize,
        /// The key; the value is never shown.
        key: String,
    },
}

impl BadSettings {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { nearest: Some(name), line, .. } => Some(format!("write “{name}” in line {line}")),
            Self::Secret { line, .. } => Some(format!("take line {line} out, and think of what it held as known")),
            Self::UnknownKey { nearest: None, line, .. } => {
                Some(format!("take line {line} out, or install the newer version of keepsake that knows it"))
            }
            Self::Value { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_taken_for_something_else_are_refused() {
        assert!("usb-1_b".parse::<RepositoryName>().is_ok());
        for bad in ["", "USB", "a/b", "a b", "ä", "..", &"x".repeat(41)] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
        assert!(Settings::new("Anna Müller").is_ok());
        for bad in ["", ".", "..", "a/b", "a\\b", "a\nb", " a", "a.", "a:", &"x".repeat(65)] {
            assert!(Settings::new(bad).is_err(), "{bad}");
        }
    }
}
