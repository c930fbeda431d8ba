//! Secret keys out of the text of an identity file.

use age::Identity;

use super::error::RecoveryError;

/// Bytes; longer than every identity file.
const MOST_BYTES: usize = 1 << 20;

/// Reads all secret keys: lines that begin with `AGE-SECRET-KEY-1`, and ssh keys between their BEGIN and END lines.
/// Empty lines and lines that begin with `#` are passed over.
pub(super) fn identities(text: &str) -> Result<Vec<Box<dyn Identity>>, RecoveryError> {
    if text.len() > MOST_BYTES {
        return Err(RecoveryError::NoIdentity);
    }
    let mut found: Vec<Box<dyn Identity>> = Vec::new();
    let mut lines = text.lines().map(str::trim).zip(1..);
    while let Some((line, number)) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with("-----BEGIN AGE ENCRYPTED FILE") || line.starts_with("age-encryption.org/") {
            return Err(RecoveryError::LockedIdentity { line: number });
        }
        if line.starts_with("-----BEGIN ") {
            let mut block = format!("{line}\n");
            for (line, _) in lines.by_ref() {
                block.push_str(line);
                block.push('\n');
                if line.starts_with("-----END ") {
                    break;
                }
            }
            found.push(ssh_identity(&block, number)?);
        } else {
            let identity: age::x25519::Identity =
                line.parse().map_err(|_| RecoveryError::BadIdentity { line: number })?;
            found.push(Box::new(identity));
        }
    }
    if found.is_empty() { Err(RecoveryError::NoIdentity) } else { Ok(found) }
}

fn ssh_identity(block: &str, line: usize) -> Result<Box<dyn Identity>, RecoveryError> {
    use age::ssh::{Identity as Ssh, UnsupportedKey};
    match Ssh::from_buffer(block.as_bytes(), None) {
        Ok(Ssh::Unencrypted(key)) => Ok(Box::new(Ssh::Unencrypted(key))),
        Ok(Ssh::Encrypted(_) | Ssh::Unsupported(UnsupportedKey::EncryptedPem | UnsupportedKey::EncryptedSsh(_))) => {
            Err(RecoveryError::LockedIdentity { line })
        }
        Ok(Ssh::Unsupported(UnsupportedKey::Hardware(_) | UnsupportedKey::Type(_))) | Err(_) => {
            Err(RecoveryError::BadIdentity { line })
        }
    }
}
