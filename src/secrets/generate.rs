//! Passwords and passphrases that the program makes.

use data_encoding::BASE32_NOPAD;
use diceware_wordlists::Wordlist;

/// How many words a passphrase has: 8 of 7776 are 103 bits.
pub const PASSPHRASE_WORDS: usize = 8;

/// Makes a password of 32 random bytes: 52 characters of `a`–`z` and `2`–`7`.
pub fn generate_password() -> String {
    BASE32_NOPAD.encode(&random::<32>()).to_lowercase()
}

/// Makes the id of a new archive: 16 characters of `a`–`z` and `2`–`7`, no secret.
pub fn generate_id() -> String {
    BASE32_NOPAD.encode(&random::<10>()).to_lowercase()
}

/// Makes a passphrase of 8 words with spaces between them, each as likely as any other of the EFF's large list.
pub fn generate_passphrase() -> String {
    let list = Wordlist::EffLong.get_list();
    let mut words = Vec::with_capacity(PASSPHRASE_WORDS);
    while words.len() < PASSPHRASE_WORDS {
        words.extend(word(list, u16::from_le_bytes(random())));
    }
    words.join(" ")
}

/// The word for a random number; none for the few numbers that would make the first words likelier than the last.
fn word(list: &[&'static str], number: u16) -> Option<&'static str> {
    let number = usize::from(number);
    let fair = (usize::from(u16::MAX) + 1) / list.len() * list.len();
    if number < fair { list.get(number % list.len()).copied() } else { None }
}

/// Random bytes from the operating system.
///
/// # Panics
///
/// When the system has none (Linux before 3.17, without `/dev/urandom`): a password of known bytes would be worse.
#[allow(clippy::expect_used, reason = "there is no safe way to go on without random bytes")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_password_has_256_bits_and_is_never_the_same() {
        let password = generate_password();
        assert_eq!(BASE32_NOPAD.decode(password.to_uppercase().as_bytes()).unwrap().len(), 32);
        assert_ne!(password, generate_password());
    }

    #[test]
    fn a_passphrase_has_eight_words_of_the_list() {
        let list: BTreeSet<_> = Wordlist::EffLong.get_list().iter().copied().collect();
        assert_eq!(list.len(), 7776);
        assert!(list.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
        let passphrase = generate_passphrase();
        assert_eq!(passphrase.split(' ').filter(|word| list.contains(word)).count(), 8, "{passphrase}");
        assert_ne!(passphrase, generate_passphrase());
    }

    #[test]
    fn every_word_is_as_likely_as_any_other() {
        let list = Wordlist::EffLong.get_list();
        let mut counts = std::collections::BTreeMap::new();
        for word in (0..=u16::MAX).filter_map(|number| word(list, number)) {
            *counts.entry(word).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 7776);
        assert!(counts.values().all(|count| *count == 8));
    }
}
