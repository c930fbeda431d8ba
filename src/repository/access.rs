//! All that opens a repository.

use std::collections::BTreeMap;
use std::fmt;

use super::error::RepositoryError;
use super::location::Location;

/// What a bucket asks for at its door.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketKeys {
    /// The key's name: access key id, or application key id.
    pub id: String,
    /// The key's secret half.
    pub secret: String,
    /// What a key that ends after some hours comes with; `None` for one that lasts.
    pub session_token: Option<String>,
}

impl fmt::Debug for BucketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What decrypts a repository.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    /// A password that one of the repository's key files was made with.
    Password(String),
    /// The master key itself, as JSON: opens the repository even when all of its key files are gone.
    Master(String),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password(…)",
            Self::Master(_) => "Master(…)",
        })
    }
}

/// All that opens one repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// Where it is.
    pub location: Location,
    /// What its store wants to be told ([`OPTIONS`]); unknown names are refused.
    pub options: BTreeMap<String, String>,
    /// What its bucket asks for; `None` for a folder.
    pub bucket_keys: Option<BucketKeys>,
    /// What decrypts it.
    pub key: Key,
}

/// The options a bucket understands, each with what it is for. A folder understands none.
pub const OPTIONS: &[(&str, &str)] = &[
    ("region", "the region that requests are signed for; else taken from the host name, else us-east-1"),
    ("virtual_host_style", "true: the bucket is part of the host name instead of the path"),
    ("storage_class", "the storage class that new files get"),
    ("server_side_encryption", "AES256 or aws:kms"),
    ("list_objects_v1", "true: list files the old way, for servers that know no other"),
    ("timeout", "how many seconds the server may say nothing: 60 unless said otherwise"),
    ("checksum", "what uploads are checked by on arrival: md5 (the default), crc32c or none"),
];

/// Fails on the first option that `location` does not understand.
pub(super) fn check_options(access: &Access) -> Result<(), RepositoryError> {
    let known: &[(&str, &str)] = if access.location.is_remote() { OPTIONS } else { &[] };
    for name in access.options.keys() {
        if known.iter().all(|(option, _)| option != name) {
            return Err(RepositoryError::UnknownOption {
                location: access.location.clone(),
                name: name.clone(),
                nearest: nearest(name, known),
            });
        }
    }
    Ok(())
}

fn nearest(name: &str, known: &[(&str, &str)]) -> Option<String> {
    known
        .iter()
        .map(|(option, _)| (strsim::jaro_winkler(name, option), *option))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, option)| option.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(location: &str, option: &str) -> Access {
        Access {
            location: location.parse().unwrap_or_else(|error| panic!("{error}")),
            options: BTreeMap::from([(option.to_owned(), "x".to_owned())]),
            bucket_keys: Some(BucketKeys {
                id: "an id".into(),
                secret: "hush".into(),
                session_token: Some("hush".into()),
            }),
            key: Key::Password("correct horse".into()),
        }
    }

    #[test]
    fn a_misspelt_option_is_refused_with_the_nearest_known_one() {
        let error = check_options(&access("s3:host/bucket", "regoin")).unwrap_err();
        assert!(
            matches!(&error, RepositoryError::UnknownOption { nearest: Some(name), .. } if name == "region"),
            "{error}"
        );
        assert!(check_options(&access("s3:host/bucket", "region")).is_ok());
    }

    #[test]
    fn a_folder_understands_no_option() {
        let error = check_options(&access("/mnt/disk", "region")).unwrap_err();
        assert!(matches!(error, RepositoryError::UnknownOption { nearest: None, .. }));
    }

    #[test]
    fn secrets_stay_out_of_what_is_printed_for_debugging() {
        let text = format!("{:?}", access("s3:host/bucket", "region"));
        assert!(text.contains("an id") && !text.contains("hush") && !text.contains("horse"), "{text}");
    }
}
