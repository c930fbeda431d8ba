//! Recovery kits: what is sealed, what is inside, and the text that they stand in.
#![no_main]

use std::io::Write as _;
use std::sync::LazyLock;

use age::armor::{ArmoredWriter, Format};
use age::secrecy::ExposeSecret as _;
use age::{Encryptor, x25519};
use keepsake::recovery::{KIT_VERSION, Kit, Opener, RecoveryError, SealTo, needs_passphrase, open, seal};
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

struct Key {
    opener: Opener,
    recipient: x25519::Recipient,
}

static KEY: LazyLock<Key> = LazyLock::new(|| {
    let identity = x25519::Identity::generate();
    let opener = Opener::Identities(identity.to_string().expose_secret().to_owned());
    Key { opener, recipient: identity.to_public() }
});

fuzz_target!(init: prepare(), |input: &[u8]| {
    as_a_file(input);
    inside(input);
    if let Ok(text) = str::from_utf8(input) {
        // Keys that are none.
        assert!(open(&sealed(b"{}"), &Opener::Identities(text.to_owned())).is_err());
    }
});

/// Nobody sealed this to us, whatever it looks like.
fn as_a_file(input: &[u8]) {
    let with_words = needs_passphrase(input);
    let opened = open(input, &KEY.opener);
    match with_words {
        Ok(true) => assert!(matches!(opened, Err(RecoveryError::NeedsPassphrase)), "{opened:?}"),
        Ok(false) => assert!(opened.is_err(), "{opened:?}"),
        Err(_) => assert!(opened.is_err(), "{opened:?}"),
    }
}

/// Whatever was sealed: it opens to a kit that can be sealed again and is the same then, or to an error without a secret.
fn inside(document: &[u8]) {
    let file = sealed(document);
    assert!(matches!(needs_passphrase(&file), Ok(false)));
    match open(&file, &KEY.opener) {
        Ok(kit) => {
            assert!(kit.kit_version <= KIT_VERSION);
            let again = seal(&kit, &SealTo::Recipients(vec![KEY.recipient.to_string()])).expect("a kit can be sealed");
            assert_eq!(open(&again, &KEY.opener).expect("it opens again"), kit);
            hides(&kit);
            in_a_text(&again, &kit);
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            let text = String::from_utf8_lossy(document);
            // Longer words of what is inside; a number or a short word stands in our own sentences too.
            let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() > 12);
            for word in words {
                assert!(!shown.contains(word), "{shown}");
            }
        }
    }
}

fn hides(kit: &Kit) {
    let shown = format!("{kit:?}");
    for repository in &kit.repositories {
        let open_parts = format!(
            "{} {} {:?} {} {}",
            repository.name, repository.location, repository.repository_id, kit.archive_id, kit.made_by
        );
        let secret = &repository.password;
        assert!(secret.len() < 16 || open_parts.contains(secret) || !shown.contains(secret), "{shown}");
    }
}

/// A sheet, a mail with quotes and windows' line ends: the kit in it is the same kit.
fn in_a_text(file: &[u8], kit: &Kit) {
    let text = String::from_utf8_lossy(file).replace('\n', " \r\n  ");
    let sheet = format!("Dear Anna,\r\n\r\n  {text}\r\nkeep it well\r\n");
    assert_eq!(&open(sheet.as_bytes(), &KEY.opener).expect("the kit in it opens"), kit);
}

fn sealed(document: &[u8]) -> Vec<u8> {
    let recipient: &dyn age::Recipient = &KEY.recipient;
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient)).expect("there is one recipient");
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).expect("memory can be written");
    let mut writer = encryptor.wrap_output(armor).expect("memory can be written");
    writer.write_all(document).expect("memory can be written");
    writer.finish().and_then(|armor| armor.finish()).expect("memory can be written")
}
