//! What can go wrong with a kit. No variant carries a secret.

/// Why a kit could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// A text is no public key that a kit can be sealed to.
    #[error("“{recipient}” is no public key that a kit can be sealed to: {why}")]
    BadRecipient {
        /// The text, shortened.
        recipient: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Where a public key belongs, there is a secret one; it is not repeated.
    #[error("public key number {number} is not a public key but a secret one")]
    SecretKeyAsRecipient {
        /// Counted from 1.
        number: usize,
    },
    /// Nobody was named who could open the kit.
    #[error("a kit must be sealed to at least one public key, or with words")]
    NoRecipient,
    /// There are no words to seal with.
    #[error("a kit cannot be sealed with an empty passphrase")]
    EmptyPassphrase,
    /// The kit could not be sealed, or did not come back when it was opened at once for a test.
    #[error("the kit could not be sealed: {why}")]
    NotSealed {
        /// What failed.
        why: String,
    },
    /// These bytes are something else.
    #[error("this is not a recovery kit: {why}")]
    NotAKit {
        /// What is missing.
        why: &'static str,
    },
    /// The kit is locked with words, and a key was given.
    #[error("this kit is locked with words, not with a key")]
    NeedsPassphrase,
    /// The kit is locked with a key, and words were given.
    #[error("this kit is locked with a key, not with words")]
    NeedsIdentity,
    /// The words or the keys do not open it.
    #[error("{}", if *.words { "these words do not open the kit" } else { "none of these keys opens the kit" })]
    WrongKey {
        /// Whether words were tried.
        words: bool,
    },
    /// There is no secret key in what was given.
    #[error("there is no secret key in the identity file")]
    NoIdentity,
    /// A line is no secret key; it is not repeated.
    #[error("line {line} of the identity file is not a secret key")]
    BadIdentity {
        /// Counted from 1.
        line: usize,
    },
    /// The secret key is itself locked with a password.
    #[error("the key that begins in line {line} of the identity file is locked with a password of its own")]
    LockedIdentity {
        /// Counted from 1.
        line: usize,
    },
    /// Opening it would take far more time or memory than any kit needs.
    #[error("opening this kit would take too much memory: this program did not make it")]
    TooCostly,
    /// A newer version of this program made the kit.
    #[error("this kit has version {found}; this version of the program knows kits up to {known}")]
    Newer {
        /// The kit's version.
        found: u32,
        /// The newest version that can be read.
        known: u32,
    },
    /// Bytes of the kit are missing or altered.
    #[error("this copy of the kit is damaged: {why}")]
    Damaged {
        /// What is wrong.
        why: String,
    },
}

impl RecoveryError {
    /// What a person can do about it, where there is one clear thing.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::BadRecipient { .. } => Some("a public key begins with age1, ssh-ed25519 or ssh-rsa"),
            Self::SecretKeyAsRecipient { .. } => {
                Some("give the public key, which begins with age1 (`age-keygen -y FILE` prints it) or with ssh-")
            }
            Self::NoRecipient => Some("name a public key with --recipient, or seal the kit with --passphrase"),
            Self::NotAKit { .. } => Some("a kit has a line “-----BEGIN AGE ENCRYPTED FILE-----”"),
            Self::NeedsPassphrase => {
                Some("the words stand on the sheet, or where they were noted when the kit was made")
            }
            Self::NeedsIdentity => Some("name the file with the secret key: --identity FILE"),
            Self::WrongKey { words: true } => Some("check every word against the sheet; their order matters"),
            Self::WrongKey { words: false } => Some("the sheet names the public keys that belong to this kit"),
            Self::LockedIdentity { .. } => Some(
                "for an ssh key, take the password off a copy of it: ssh-keygen -p -f COPY; for an age key: age -d FILE",
            ),
            Self::Newer { .. } => {
                Some("install the newest version of keepsake, or open the kit with age: it says the rest")
            }
            Self::Damaged { .. } => Some("another copy lies beside every repository, in its folder recovery/"),
            Self::EmptyPassphrase
            | Self::NotSealed { .. }
            | Self::NoIdentity
            | Self::BadIdentity { .. }
            | Self::TooCostly => None,
        }
    }
}
