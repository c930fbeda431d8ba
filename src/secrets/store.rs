//! The secrets of one archive.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::error::SecretsError;
use super::file::{self, Contents, RepositorySecrets, SECRETS_FILE};
use super::given::{Given, Scheme};

/// The secrets of one archive, wherever they come from. What is set here lives in memory until [`Secrets::save`].
pub struct Secrets {
    archive: PathBuf,
    /// What the file said, with the edits.
    contents: Contents,
    /// What was set since the file was read or written.
    edits: Contents,
    file_was_there: bool,
    given: Given,
}

/// Names what there is; never shows a secret.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.contents.repository.keys().collect();
        f.debug_struct("Secrets").field("archive", &self.archive).field("repositories", &names).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Reads the secrets of the archive in the folder `archive`. A missing file is an archive without secrets.
    pub fn load(
        archive: &Path,
        environment: &BTreeMap<String, String>,
        credentials_directory: Option<&Path>,
    ) -> Result<Self, SecretsError> {
        let contents = file::read(&archive.join(SECRETS_FILE))?;
        Ok(Self {
            archive: archive.to_owned(),
            file_was_there: contents.is_some(),
            contents: contents.unwrap_or_default(),
            edits: Contents::default(),
            given: Given::read(environment, credentials_directory)?,
        })
    }

    /// What was handed in alone, where there is no archive yet: keys for a bucket to restore from.
    pub fn without_archive(
        environment: &BTreeMap<String, String>,
        credentials_directory: Option<&Path>,
    ) -> Result<Self, SecretsError> {
        Ok(Self {
            archive: PathBuf::new(),
            file_was_there: false,
            contents: Contents::default(),
            edits: Contents::default(),
            given: Given::read(environment, credentials_directory)?,
        })
    }

    /// The password of a repository.
    pub fn repository_password(&self, name: &str) -> Option<String> {
        self.given.password(name).or_else(|| self.kept(name)?.password.clone())
    }

    /// Whether the password of a repository comes from outside the file: the program cannot change it.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.password(name).is_some()
    }

    /// Sets the password that the file keeps for a repository.
    pub fn set_repository_password(&mut self, name: &str, password: &str) {
        self.set(name, |secrets| secrets.password = Some(password.to_owned()));
    }

    /// The master key of a repository: it opens one whose key files are lost.
    pub fn master_key(&self, name: &str) -> Option<String> {
        self.kept(name)?.master_key.clone()
    }

    /// Sets the master key that the file keeps for a repository.
    pub fn set_master_key(&mut self, name: &str, master_key: &str) {
        self.set(name, |secrets| secrets.master_key = Some(master_key.to_owned()));
    }

    /// The id and the secret of the key to a repository's bucket.
    pub fn bucket_keys(&self, name: &str, scheme: Scheme) -> Option<(String, String)> {
        self.given.bucket_keys(name, scheme).or_else(|| self.kept_bucket_keys(name))
    }

    /// The key that the file keeps for a repository's bucket, whatever was handed in.
    pub fn kept_bucket_keys(&self, name: &str) -> Option<(String, String)> {
        let kept = self.kept(name)?;
        Some((kept.bucket_key_id.clone()?, kept.bucket_key_secret.clone()?))
    }

    /// What the key of [`Self::bucket_keys`] comes with where it ends after some hours. Such a key is never kept: it
    /// would open nothing when it is needed.
    pub fn session_token(&self, scheme: Scheme) -> Option<String> {
        self.given.session_token(scheme)
    }

    /// Sets the key that the file keeps for a repository's bucket.
    pub fn set_bucket_keys(&mut self, name: &str, id: &str, secret: &str) {
        self.set(name, |secrets| {
            secrets.bucket_key_id = Some(id.to_owned());
            secrets.bucket_key_secret = Some(secret.to_owned());
        });
    }

    /// The words that the recovery kit was sealed with, kept so that a later kit is sealed with the same ones.
    /// Whoever reads them here can read all that the kit guards in the same file.
    pub fn kit_passphrase(&self) -> Option<String> {
        self.given.kit_passphrase().or_else(|| self.contents.kit.passphrase.clone())
    }

    /// Sets the words that the file keeps for the recovery kit.
    pub fn set_kit_passphrase(&mut self, passphrase: &str) {
        for contents in [&mut self.contents, &mut self.edits] {
            contents.kit.passphrase = Some(passphrase.to_owned());
        }
    }

    /// Writes what was set, and nothing else: what another program wrote meanwhile stays, and secrets of the
    /// environment or of the service manager never get into the file.
    ///
    /// After `Ok` the file holds it, with mode 0600; after `Err`, or a crash, the old file stands as before.
    pub fn save(&mut self) -> Result<(), SecretsError> {
        if self.edits == Contents::default() {
            return Ok(());
        }
        let path = self.archive.join(SECRETS_FILE);
        let before = file::read(&path)?;
        if before.is_none() && self.file_was_there {
            return Err(SecretsError::Gone { path });
        }
        let _waits_for_others = file::lock(&self.archive)?;
        let mut contents = file::read(&path)?.unwrap_or_default();
        contents.apply(&self.edits);
        file::write(&path, &contents)?;
        self.contents = contents;
        self.edits = Contents::default();
        self.file_was_there = true;
        Ok(())
    }

    fn kept(&self, name: &str) -> Option<&RepositorySecrets> {
        self.contents.repository.get(name)
    }

    fn set(&mut self, name: &str, edit: impl Fn(&mut RepositorySecrets)) {
        for contents in [&mut self.contents, &mut self.edits] {
            edit(contents.repository.entry(name.to_owned()).or_default());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "helpers of tests")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::durable::{Readers, replace_file};

    fn load(archive: &Path) -> Secrets {
        Secrets::load(archive, &BTreeMap::new(), None).unwrap()
    }

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn put(path: &Path, text: &str, readers: Readers) {
        replace_file(path, text.as_bytes(), readers).unwrap();
    }

    #[test]
    fn what_was_set_and_saved_is_there_the_next_time_in_a_private_file() {
        let archive = tempfile::tempdir().unwrap();
        let mut secrets = load(archive.path());
        assert_eq!(secrets.repository_password("b2"), None);
        secrets.set_repository_password("b2", "pass");
        secrets.set_master_key("b2", "{\"mac\":1}");
        secrets.set_bucket_keys("b2", "id", "secret");
        secrets.set_kit_passphrase("one two");
        secrets.save().unwrap();

        let again = load(archive.path());
        assert_eq!(again.repository_password("b2").as_deref(), Some("pass"));
        assert_eq!(again.master_key("b2").as_deref(), Some("{\"mac\":1}"));
        assert_eq!(again.bucket_keys("b2", Scheme::S3), Some(("id".into(), "secret".into())));
        assert_eq!(again.kit_passphrase().as_deref(), Some("one two"));
        let mode = fs::metadata(archive.path().join(SECRETS_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_closes_it() {
        let archive = tempfile::tempdir().unwrap();
        let path = archive.path().join(SECRETS_FILE);
        for mode in [0o640, 0o604, 0o660, 0o601] {
            put(&path, "", Readers::OwnerOnly);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Secrets::load(archive.path(), &BTreeMap::new(), None).unwrap_err();
            assert!(matches!(error, SecretsError::NotPrivate { mode: found, .. } if found == mode), "{error}");
            assert_eq!(error.hint().unwrap(), format!("chmod 600 {}", path.display()));
        }
    }

    #[test]
    fn two_programs_that_save_at_the_same_time_lose_no_password() {
        let archive = tempfile::tempdir().unwrap();
        let (mut first, mut second) = (load(archive.path()), load(archive.path()));
        first.set_repository_password("usb", "one");
        second.set_repository_password("b2", "two");
        first.save().unwrap();
        second.save().unwrap();
        let both = load(archive.path());
        assert_eq!(both.repository_password("usb").as_deref(), Some("one"));
        assert_eq!(both.repository_password("b2").as_deref(), Some("two"));
    }

    #[test]
    fn the_environment_wins_over_credentials_and_credentials_over_the_file() {
        let archive = tempfile::tempdir().unwrap();
        let credentials = tempfile::tempdir().unwrap();
        let mut secrets = load(archive.path());
        secrets.set_repository_password("my-b2", "file");
        secrets.set_bucket_keys("my-b2", "file-id", "file-secret");
        secrets.set_kit_passphrase("file words");
        secrets.save().unwrap();

        for (name, value) in
            [("password", "given\n"), ("bucket-key-id", "given-id"), ("bucket-key-secret", "given-secret")]
        {
            put(&credentials.path().join(format!("my-b2.{name}")), value, Readers::OwnerOnly);
        }
        put(&credentials.path().join("unrelated"), "\u{1}", Readers::OwnerOnly);
        let given = Secrets::load(archive.path(), &BTreeMap::new(), Some(credentials.path())).unwrap();
        assert_eq!(given.repository_password("my-b2").as_deref(), Some("given"));
        assert_eq!(given.bucket_keys("my-b2", Scheme::B2), Some(("given-id".into(), "given-secret".into())));
        assert_eq!(given.kit_passphrase().as_deref(), Some("file words"));

        let environment = environment(&[
            ("KEEPSAKE_PASSWORD_MY_B2", "env"),
            ("AWS_ACCESS_KEY_ID", "aws-id"),
            ("AWS_SECRET_ACCESS_KEY", "aws-secret"),
            ("KEEPSAKE_KIT_PASSPHRASE", "env words"),
        ]);
        let env = Secrets::load(archive.path(), &environment, Some(credentials.path())).unwrap();
        assert_eq!(env.repository_password("my-b2").as_deref(), Some("env"));
        assert_eq!(env.repository_password("other"), None);
        assert_eq!(env.bucket_keys("my-b2", Scheme::S3), Some(("aws-id".into(), "aws-secret".into())));
        assert_eq!(env.bucket_keys("my-b2", Scheme::B2), Some(("given-id".into(), "given-secret".into())));
        assert_eq!(env.kit_passphrase().as_deref(), Some("env words"));
    }

    #[test]
    fn a_session_token_goes_with_the_key_of_the_environment_and_with_no_other() {
        let archive = tempfile::tempdir().unwrap();
        let given = |pairs: &[(&str, &str)]| Secrets::load(archive.path(), &environment(pairs), None).unwrap();
        let key = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_SESSION_TOKEN", "token")];
        assert_eq!(given(&key).session_token(Scheme::S3), Some("token".into()));
        assert_eq!(given(&key).session_token(Scheme::B2), None);
        assert_eq!(given(&key[2..]).session_token(Scheme::S3), None, "its key is not here");
    }

    #[test]
    fn the_halves_of_a_key_are_never_taken_from_two_places() {
        let archive = tempfile::tempdir().unwrap();
        let mut secrets = load(archive.path());
        secrets.set_bucket_keys("b2", "file-id", "file-secret");
        secrets.save().unwrap();
        let half = environment(&[("AWS_ACCESS_KEY_ID", "other"), ("AWS_SECRET_ACCESS_KEY", "")]);
        let secrets = Secrets::load(archive.path(), &half, None).unwrap();
        assert_eq!(secrets.bucket_keys("b2", Scheme::S3), Some(("file-id".into(), "file-secret".into())));
    }

    #[test]
    fn secrets_of_the_environment_do_not_get_into_the_file() {
        let archive = tempfile::tempdir().unwrap();
        let environment = environment(&[("KEEPSAKE_PASSWORD_B2", "hunter2")]);
        let mut secrets = Secrets::load(archive.path(), &environment, None).unwrap();
        secrets.set_repository_password("usb", "x");
        secrets.save().unwrap();
        assert!(!fs::read_to_string(archive.path().join(SECRETS_FILE)).unwrap().contains("hunter2"));
    }

    #[test]
    fn no_error_and_no_debug_output_shows_a_secret() {
        let archive = tempfile::tempdir().unwrap();
        let path = archive.path().join(SECRETS_FILE);
        for text in ["[repository.b2]\npassword = [\"hunter2\"]\n", "\nhunter2\n", "[repository.b2]\nhunter2 = 1\n"] {
            put(&path, text, Readers::OwnerOnly);
            let error = Secrets::load(archive.path(), &BTreeMap::new(), None).unwrap_err();
            assert!(matches!(error, SecretsError::Damaged { line: 2, .. }), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        put(&path, "[repository.b2]\npassword = \"hunter2\"\n", Readers::OwnerOnly);
        let secrets = load(archive.path());
        assert_eq!(secrets.repository_password("b2").as_deref(), Some("hunter2"));
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }

    #[test]
    fn a_file_that_vanished_is_not_begun_anew_on_the_empty_mount_point() {
        let archive = tempfile::tempdir().unwrap();
        let mut secrets = load(archive.path());
        secrets.set_repository_password("usb", "x");
        secrets.save().unwrap();
        fs::remove_file(archive.path().join(SECRETS_FILE)).unwrap();
        secrets.set_repository_password("b2", "y");
        assert!(matches!(secrets.save(), Err(SecretsError::Gone { .. })));
        assert!(!archive.path().join(SECRETS_FILE).exists());
    }

    #[test]
    fn the_password_of_a_repository_without_a_name_is_found_in_the_usual_variables() {
        use crate::secrets::password_from_environment as found;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        put(&path, "from file\n", Readers::OwnerOnly);
        let mut variables = environment(&[("RESTIC_PASSWORD_FILE", path.to_str().unwrap())]);
        assert_eq!(found(&variables).unwrap().as_deref(), Some("from file"));
        variables.insert("RESTIC_PASSWORD".into(), "restic".into());
        assert_eq!(found(&variables).unwrap().as_deref(), Some("restic"));
        variables.insert("KEEPSAKE_PASSWORD".into(), "ours".into());
        assert_eq!(found(&variables).unwrap().as_deref(), Some("ours"));
        assert_eq!(found(&BTreeMap::new()).unwrap(), None);
    }
}
