//! Sealing a kit.

use std::fmt;
use std::io::{self, Write};

use age::armor::{ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::{Encryptor, Recipient};
use serde::Serialize;

use super::commands::how_to;
use super::error::RecoveryError;
use super::kit::Kit;
use super::opening::{Opener, open};

/// scrypt with N = 2^16: 64 MiB and a fraction of a second, on a small computer too. It is no more because the words
/// that the program makes have 103 bits: nobody can try them all at any cost. (Stock age makes 2^18.)
const SCRYPT_LOG_N: u8 = 16;

/// Who can open a kit.
#[derive(Clone, PartialEq, Eq)]
pub enum SealTo {
    /// Whoever has one of the secret keys that belong to these public ones: `age1…`, `ssh-ed25519 …`, `ssh-rsa …`.
    Recipients(Vec<String>),
    /// Whoever knows the words. Copies of the kit lie where the backups are, so the words must be hard to guess:
    /// let the program make them.
    Passphrase(String),
}

/// Shows no words.
impl fmt::Debug for SealTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipients(recipients) => f.debug_tuple("Recipients").field(&recipients.len()).finish(),
            Self::Passphrase(_) => f.debug_tuple("Passphrase").finish_non_exhaustive(),
        }
    }
}

/// The document inside: the kit, and before it what a person needs to know who opened it with stock age.
#[derive(Serialize)]
struct Document<'a> {
    how_to: Vec<String>,
    #[serde(flatten)]
    kit: &'a Kit,
}

/// Seals a kit: text that stock `age -d` opens, lines of at most 64 characters.
///
/// After `Ok` a kit sealed with words has been opened with them again, and was the same. (For public keys that can
/// only be done by whoever has a secret one: `keepsake kit verify`.)
pub fn seal(kit: &Kit, to: &SealTo) -> Result<Vec<u8>, RecoveryError> {
    let document =
        serde_json::to_vec_pretty(&Document { how_to: how_to(kit), kit }).map_err(|error| not_sealed(&error))?;
    match to {
        SealTo::Recipients(texts) => {
            let recipients = recipients(texts)?;
            encrypt(&document, recipients.iter().map(|recipient| &**recipient as &dyn Recipient))
        }
        SealTo::Passphrase(passphrase) if passphrase.trim().is_empty() => Err(RecoveryError::EmptyPassphrase),
        SealTo::Passphrase(passphrase) => {
            let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.as_str()));
            recipient.set_work_factor(SCRYPT_LOG_N);
            let sealed = encrypt(&document, std::iter::once(&recipient as &dyn Recipient))?;
            if open(&sealed, &Opener::Passphrase(passphrase.clone()))? != *kit {
                return Err(RecoveryError::NotSealed { why: "it came back different when it was opened".to_owned() });
            }
            Ok(sealed)
        }
    }
}

fn encrypt<'a>(document: &[u8], recipients: impl Iterator<Item = &'a dyn Recipient>) -> Result<Vec<u8>, RecoveryError> {
    let encryptor = Encryptor::with_recipients(recipients).map_err(|error| not_sealed(&error))?;
    let write = || -> io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(document)?;
        writer.finish()?.finish()
    };
    write().map_err(|error| not_sealed(&error))
}

fn not_sealed(error: &dyn std::error::Error) -> RecoveryError {
    RecoveryError::NotSealed { why: error.to_string() }
}

fn recipients(texts: &[String]) -> Result<Vec<Box<dyn Recipient>>, RecoveryError> {
    let mut texts: Vec<(usize, &str)> = texts.iter().map(|text| text.trim()).enumerate().collect();
    texts.sort_by_key(|(_, text)| *text);
    texts.dedup_by_key(|(_, text)| *text);
    texts.sort_unstable();
    if texts.is_empty() {
        return Err(RecoveryError::NoRecipient);
    }
    texts.into_iter().map(|(at, text)| recipient(at + 1, text)).collect()
}

fn recipient(number: usize, text: &str) -> Result<Box<dyn Recipient>, RecoveryError> {
    if text.to_uppercase().contains("AGE-SECRET-KEY") || text.to_uppercase().contains("PRIVATE KEY") {
        return Err(RecoveryError::SecretKeyAsRecipient { number });
    }
    let bad = |why| RecoveryError::BadRecipient { recipient: shortened(text), why };
    if text.starts_with("age1") {
        let recipient: age::x25519::Recipient = text
            .parse()
            .map_err(|_| bad("it is not whole, or has a typing mistake, or is of a kind not known here"))?;
        return Ok(Box::new(recipient));
    }
    if text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-") {
        let recipient: age::ssh::Recipient = text.parse().map_err(|error| {
            use age::ssh::ParseRecipientKeyError as Because;
            bad(match error {
                Because::RsaModulusTooSmall => "it is too short to be safe; ssh-rsa needs 2048 bits or more",
                Because::RsaModulusTooLarge => "it is longer than this program can use",
                Because::Unsupported(_) | Because::Ignore => "of ssh keys only ssh-ed25519 and ssh-rsa can be used",
                Because::Invalid(_) | _ => "it is not whole, or has a typing mistake",
            })
        })?;
        return Ok(Box::new(recipient));
    }
    Err(bad("it begins neither with age1 nor with ssh-"))
}

/// Enough of a key to tell which one is meant.
fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    let mut short: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    if text.chars().count() > MOST {
        short.push('…');
    }
    short
}
