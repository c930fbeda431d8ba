//! Opening a kit.

use std::fmt;
use std::io::Read as _;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Identity};
use serde::Deserialize;

use super::error::RecoveryError;
use super::identities::identities;
use super::kit::{KIT_VERSION, Kit};

/// Bytes; longer than every kit, or sheet with a kit on it.
const MOST_BYTES: usize = 4 << 20;

/// N = 2^20, 1 GiB: what stock age makes on a fast computer is still opened, what would only eat memory is not.
const MOST_SCRYPT_LOG_N: u8 = 20;

const BINARY: &[u8] = b"age-encryption.org/";
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";

/// What opens a kit.
pub enum Opener {
    /// The text of an identity file: one or several secret keys, age's or ssh's.
    Identities(String),
    /// The words.
    Passphrase(String),
}

/// Shows neither keys nor words.
impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identities(_) => "Identities(..)",
            Self::Passphrase(_) => "Passphrase(..)",
        })
    }
}

/// Opens a kit: the file as it was sealed, or any text that has it inside, such as a sheet.
///
/// Words are tried as they were typed, and then in small letters with single spaces.
pub fn open(bytes: &[u8], with: &Opener) -> Result<Kit, RecoveryError> {
    let sealed = locate(bytes)?;
    let scrypt = decryptor(&sealed)?.is_scrypt();
    let document = match with {
        Opener::Identities(_) if scrypt => return Err(RecoveryError::NeedsPassphrase),
        Opener::Passphrase(_) if !scrypt => return Err(RecoveryError::NeedsIdentity),
        Opener::Identities(text) => {
            let identities = identities(text)?;
            // One by one: age gives up at the first ssh key that does not open what it seems to be for.
            first_that_opens(&sealed, identities, false)?
        }
        Opener::Passphrase(words) => {
            let tidy = words.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            let mut tries = vec![passphrase(words)];
            if tidy != *words {
                tries.push(passphrase(&tidy));
            }
            first_that_opens(&sealed, tries, true)?
        }
    };
    read_document(&document)
}

/// Whether words open it, and not a key.
pub fn needs_passphrase(bytes: &[u8]) -> Result<bool, RecoveryError> {
    Ok(decryptor(&locate(bytes)?)?.is_scrypt())
}

/// The sealed kit alone. In a text it is what stands from the BEGIN line to the END line, free of white space at the
/// ends of its lines.
pub(super) fn locate(bytes: &[u8]) -> Result<Vec<u8>, RecoveryError> {
    if bytes.len() > MOST_BYTES {
        return Err(RecoveryError::NotAKit { why: "it is far too long" });
    }
    if bytes.starts_with(BINARY) {
        return Ok(bytes.to_vec());
    }
    let text = String::from_utf8_lossy(bytes);
    let mut found = String::new();
    for line in text.lines().map(str::trim).skip_while(|line| *line != BEGIN).filter(|line| !line.is_empty()) {
        found.push_str(line);
        found.push('\n');
        if line == END {
            return Ok(found.into_bytes());
        }
    }
    if found.is_empty() {
        Err(RecoveryError::NotAKit { why: "nothing in it is sealed with age" })
    } else {
        Err(RecoveryError::Damaged { why: "its end is missing".to_owned() })
    }
}

fn decryptor(sealed: &[u8]) -> Result<Decryptor<ArmoredReader<std::io::BufReader<&[u8]>>>, RecoveryError> {
    Decryptor::new(ArmoredReader::new(sealed)).map_err(|error| {
        if matches!(error, DecryptError::UnknownFormat) {
            RecoveryError::NotAKit { why: "it is sealed in a way that is not known here" }
        } else {
            RecoveryError::Damaged { why: "its beginning cannot be read".to_owned() }
        }
    })
}

fn passphrase(words: &str) -> Box<dyn Identity> {
    let mut identity = age::scrypt::Identity::new(SecretString::from(words));
    identity.set_max_work_factor(MOST_SCRYPT_LOG_N);
    Box::new(identity)
}

fn first_that_opens(sealed: &[u8], identities: Vec<Box<dyn Identity>>, words: bool) -> Result<Vec<u8>, RecoveryError> {
    for identity in identities {
        let mut reader = match decryptor(sealed)?.decrypt(std::iter::once(&*identity)) {
            Ok(reader) => reader,
            // Its text is not asked for: age counts with the two numbers in it, and not every pair can be counted with.
            Err(DecryptError::ExcessiveWork { .. }) => return Err(RecoveryError::TooCostly),
            Err(DecryptError::InvalidMac) => {
                return Err(RecoveryError::Damaged { why: "its beginning was altered".to_owned() });
            }
            // Not this one; also what an altered beginning looks like from here.
            Err(_) => continue,
        };
        let mut document = Vec::new();
        return match reader.read_to_end(&mut document) {
            Ok(_) => Ok(document),
            Err(_) => Err(RecoveryError::Damaged { why: "bytes of it are missing or altered".to_owned() }),
        };
    }
    Err(RecoveryError::WrongKey { words })
}

/// Errors of the JSON reader are told by their place only: their own text would repeat what stands there.
fn read_document(document: &[u8]) -> Result<Kit, RecoveryError> {
    #[derive(Deserialize)]
    struct AnyVersion {
        kit_version: u32,
    }
    let AnyVersion { kit_version } = serde_json::from_slice(document)
        .map_err(|_| RecoveryError::NotAKit { why: "it could be opened, but something else was in it" })?;
    if kit_version > KIT_VERSION {
        return Err(RecoveryError::Newer { found: kit_version, known: KIT_VERSION });
    }
    serde_json::from_slice(document).map_err(|error| RecoveryError::Damaged {
        why: format!("line {}, column {} of what is in it cannot be understood", error.line(), error.column()),
    })
}
