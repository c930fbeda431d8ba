//! The one place that reads and writes passwords and bucket keys.
//!
//! A secret is looked for in three places; the first that has it wins:
//!
//! | secret | environment | file in `$CREDENTIALS_DIRECTORY` | `secrets.toml` |
//! |---|---|---|---|
//! | password of repository `my-b2` | `KEEPSAKE_PASSWORD_MY_B2` | `my-b2.password` | `[repository.my-b2] password` |
//! | its bucket's keys, S3 | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` | `my-b2.bucket-key-id`, `my-b2.bucket-key-secret` | `bucket_key_id`, `bucket_key_secret` |
//! | its bucket's keys, B2 | `B2_ACCOUNT_ID`, `B2_ACCOUNT_KEY` | the same | the same |
//! | words of the recovery kit | `KEEPSAKE_KIT_PASSPHRASE` | `kit-passphrase` | `[kit] passphrase` |
//! | master key of a repository | | | `master_key` |
//!
//! The two halves of a bucket's key always come from one place. Empty values count as none.

mod error;
mod file;
mod generate;
mod given;
mod store;

pub use error::SecretsError;
pub use file::SECRETS_FILE;
pub use generate::{PASSPHRASE_WORDS, generate_id, generate_passphrase, generate_password};
pub use given::{Scheme, password_from_environment, read_password_file};
pub use store::Secrets;
